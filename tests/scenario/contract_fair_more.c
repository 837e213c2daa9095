/* SPDX-License-Identifier: MIT */
/*
 * Point 10 of the contract, in numbers. Floods that never end share a shard with actors that take a turn at a time;
 * what the floods got done between two of their turns is counted, never timed. Under simulation each message takes a
 * time of its own, so that the budget of time is proved as well.
 */
#include "role.h"
#include "socket_world.h"

#define BUDGET    16u
#define FLOODERS  5u
#define ROUNDS    200u
#define WARM_UP   3u /* rounds: until the runtime has seen that an actor is slow */
#define TURN_US   500u
#define WORK_NS   RIM_US(100)
#define TASK_LOOK 1000000u /* a shard's tick runs tasks for so long, or until the one after */

struct race {
    rim_ref flooders[FLOODERS];
    uint32_t flooder_count;
    uint64_t handled;        /* messages of all flooders */
    uint64_t before, rounds; /* the victim's */
    uint64_t work_ns;        /* of a flooder's message, in simulation */
    uint64_t due_ns;         /* of the timer */
    uint64_t due_handled;
    bool over;
};

static struct race race;

ROLE_ON(race_word) {
    race.handled++;
    rim_sim_busy(ctx, race.work_ns);
    if (!race.over) {
        CHECK(role_tell(ctx, rim_self(ctx), WORD, 0) == 0);
    }
    return RIM_DONE;
}
static const rim_handler racer_on[] = {[WORD] = race_word};
ROLE(racer, racer_on);

static void start_floods(rim_ctx *ctx) {
    for (uint32_t i = 0; i < race.flooder_count; i++) {
        for (uint32_t n = 0; n < 4 * BUDGET; n++) {
            CHECK(role_tell(ctx, race.flooders[i], WORD, 0) == 0);
        }
    }
}

static void open_race(struct scenario *s, uint32_t flooders, uint32_t budget, uint64_t work_ns) {
    race = (struct race){.flooder_count = flooders, .work_ns = scenario_is_sim(s) ? work_ns : 0};
    scenario_system_with(s, &(rim_config){.shards = 2, .turn_us = TURN_US, .stall_us = -1});
    for (uint32_t i = 0; i < flooders; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 0, .budget = budget};
        race.flooders[i] = role_spawn_with(s, &racer, options, (struct role_cast){.world = &race});
    }
    role_rest(s);
}

static void end_race(rim_ctx *ctx) {
    race.over = true;
    scenario_done(ctx);
}

/* ---- by messages ---- */

/* Each turn of the victim is one message, which sends the next. */
ROLE_ON(count_round) {
    uint64_t between = race.handled - race.before;
    CHECK(race.rounds == 0 || (between > 0 && between <= (uint64_t)race.flooder_count * BUDGET));
    race.before = race.handled;
    if (++race.rounds == ROUNDS) {
        end_race(ctx);
        return RIM_DONE;
    }
    role_say(ctx, rim_self(ctx), MORE, 0);
    return RIM_DONE;
}

ROLE_ON(count_go) {
    start_floods(ctx);
    race.before = race.handled;
    role_say(ctx, rim_self(ctx), MORE, 0);
    return RIM_DONE;
}
static const rim_handler counting_on[] = {[GO] = count_go, [MORE] = count_round};
ROLE(counting_victim, counting_on);

static void run_victim(struct scenario *s, const rim_behaviour *victim) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 0, .budget = 1};
    role_go(s, role_spawn_with(s, victim, options, (struct role_cast){.world = &race}));
    scenario_run(s, ROLE_LIMIT_NS);
}

void contract_10_between_two_turns_a_flooder_has_one(struct scenario *s) {
    open_race(s, 1, BUDGET, RIM_US(1));
    run_victim(s, &counting_victim);
}

void contract_10_between_two_turns_each_of_many_flooders_has_one(struct scenario *s) {
    open_race(s, FLOODERS, BUDGET, RIM_US(1));
    run_victim(s, &counting_victim);
}

/* ---- by what it sends ---- */

/*
 * An actor that sends many for each that it gets: its turn ends although it is far from its budget. The sink is behind
 * by what it sends between two looks, and when it is known that it sends that much, by what it sends for a message.
 */
#define BURST       256u
#define LOOKS_APART 16u

struct spring {
    rim_ref source, sink;
    uint64_t sent, got, turns; /* turns: how often the sink had caught up with the source */
};
static struct spring spring;

ROLE_ON(spring_more) {
    for (uint32_t i = 0; i < BURST; i++) {
        CHECK(role_tell(ctx, spring.sink, WORD, 0) == 0);
    }
    spring.sent += BURST;
    return RIM_DONE;
}
static const rim_handler spring_on[] = {[MORE] = spring_more};
ROLE(spring_source, spring_on);

ROLE_ON(spring_word) {
    CHECK(spring.sent - spring.got <= (spring.turns == 0 ? LOOKS_APART * BURST : BURST));
    if (++spring.got == spring.sent) {
        spring.turns++;
    }
    if (spring.got == (uint64_t)BUDGET * LOOKS_APART * BURST) {
        CHECK(spring.turns > LOOKS_APART);
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler sink_on[] = {[WORD] = spring_word};
ROLE(spring_sink, sink_on);

ROLE_ON(spring_go) {
    for (uint32_t i = 0; i < BUDGET * LOOKS_APART; i++) {
        role_say(ctx, spring.source, MORE, 0);
    }
    return RIM_DONE;
}
static const rim_handler spring_starter_on[] = {[GO] = spring_go};
ROLE(spring_starter, spring_starter_on);

void contract_10_turn_ends_after_so_many_sends(struct scenario *s) {
    spring = (struct spring){.sent = 0};
    rim_spawn_options roomy = {.budget = 100000, .mailbox_count = 1000000, .mailbox_bytes = 1 << 30};
    scenario_system_with(s, &(rim_config){.shards = 1, .turn_us = 10000000, .stall_us = -1});
    spring.source = role_spawn_with(s, &spring_source, roomy, (struct role_cast){.index = 0});
    spring.sink = role_spawn_with(s, &spring_sink, roomy, (struct role_cast){.index = 0});
    rim_ref starter = role_spawn(s, &spring_starter, 0, (struct role_cast){.index = 0});
    role_rest(s);
    role_go(s, starter);
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- by time ---- */

/* The budget of messages is large: it is time that ends a turn. A turn ends at the first message that goes beyond it.
 */
ROLE_ON(time_round) {
    uint64_t between = race.handled - race.before, allowed = RIM_US(TURN_US) / WORK_NS + 1;
    bool is_sim = race.work_ns != 0;
    CHECK(!is_sim || race.rounds < WARM_UP || (between > 0 && between <= race.flooder_count * allowed));
    race.before = race.handled;
    if (++race.rounds == ROUNDS) {
        end_race(ctx);
        return RIM_DONE;
    }
    role_say(ctx, rim_self(ctx), MORE, 0);
    return RIM_DONE;
}
static const rim_handler timing_on[] = {[GO] = count_go, [MORE] = time_round};
ROLE(timing_victim, timing_on);

void contract_10_slow_flooder_is_bounded_by_time(struct scenario *s) {
    open_race(s, 1, 100000, WORK_NS);
    run_victim(s, &timing_victim);
}

void contract_10_slow_flooders_are_each_bounded_by_time(struct scenario *s) {
    open_race(s, FLOODERS, 100000, WORK_NS);
    run_victim(s, &timing_victim);
}

/* ---- timers ---- */

static void arm(rim_ctx *ctx) {
    CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
    race.due_ns = rim_now(ctx) + RIM_MS(1);
}

ROLE_ON(timer_go) {
    start_floods(ctx);
    arm(ctx);
    return RIM_DONE;
}

/*
 * Late by a tick at most, which runs tasks for 1 ms and ends with a whole turn; the timing wheel's slot is added. The
 * event then waits for the turns of the flooders that stand before it: again one each.
 */
ROLE_ON(timer_came) {
    uint64_t turn_ns = RIM_US(TURN_US) + WORK_NS;
    uint64_t allowed_ns = TASK_LOOK + 16384 + turn_ns + race.flooder_count * turn_ns + RIM_US(20);
    if (race.work_ns != 0 && race.rounds >= WARM_UP) {
        CHECK(rim_now(ctx) - race.due_ns <= allowed_ns);
    }
    CHECK(race.handled > race.before);
    race.before = race.handled;
    if (++race.rounds == ROUNDS / 4) {
        end_race(ctx);
        return RIM_DONE;
    }
    arm(ctx);
    return RIM_DONE;
}
static const rim_handler timed_on[] = {[GO] = timer_go, [RIM_TIMER] = timer_came};
ROLE(timed_victim, timed_on);

void contract_10_slow_flooders_delay_a_timer_by_a_tick_at_most(struct scenario *s) {
    open_race(s, FLOODERS, 100000, WORK_NS);
    run_victim(s, &timed_victim);
}

/* ---- from elsewhere ---- */

ROLE_ON(far_ask) {
    rim_reply(ctx, RIM_NIL, WORD, NULL, 0);
    return RIM_DONE;
}
static const rim_handler far_on[] = {[ASK] = far_ask};
ROLE(far_server, far_on);

static void ask_far(rim_ctx *ctx, rim_ref server);

ROLE_OUTCOME(far_answered) {
    CHECK(error == 0);
    CHECK(!race.over && race.handled > race.before);
    race.before = race.handled;
    if (++race.rounds == ROUNDS / 4) {
        end_race(ctx);
        return RIM_DONE;
    }
    ask_far(ctx, ((struct role *)self)->ref);
    return RIM_DONE;
}

static void ask_far(rim_ctx *ctx, rim_ref server) {
    rim_ask ask = {.to = server, .tag = ASK, .timeout_ns = RIM_SECONDS(10), .on_outcome = far_answered};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
}

ROLE_ON(far_go) {
    struct role *role = self;
    role->ref = role_add(ctx, &far_server, 1, role->cast);
    start_floods(ctx);
    race.before = race.handled;
    ask_far(ctx, role->ref);
    return RIM_DONE;
}
static const rim_handler far_victim_on[] = {[GO] = far_go};
ROLE(far_victim, far_victim_on);

void contract_10_flood_does_not_starve_what_comes_from_other_shards(struct scenario *s) {
    scenario_open_lanes(s);
    open_race(s, FLOODERS, BUDGET, RIM_US(10));
    run_victim(s, &far_victim);
}

/* ---- sockets ---- */

struct talker {
    struct scenario *s;
    rim_ref socket;
};

static rim_verdict talker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct talker *talker = self;
    (void)size;
    talker->s = socket_world_of(arg);
    socket_world_listen(ctx, talker->s, &socket_world_echo, NULL);
    return RIM_DONE;
}

ROLE_ON(talker_listening) {
    struct talker *talker = self;
    talker->socket =
        socket_world_connect(ctx, talker->s, "127.0.0.1", ((const rim_listening_event *)body)->address.port);
    return RIM_DONE;
}

ROLE_ON(talker_open) {
    struct talker *talker = self;
    start_floods(ctx);
    race.before = race.handled;
    CHECK(rim_socket_write(ctx, talker->socket, "a", 1) == 0);
    return RIM_DONE;
}

/* Every byte passes the flood four times: written and read at both ends of the connection. */
ROLE_ON(talker_data) {
    struct talker *talker = self;
    CHECK(!race.over && race.handled > race.before);
    race.before = race.handled;
    if (++race.rounds == 20) {
        CHECK(rim_socket_close(ctx, talker->socket) == 0);
        end_race(ctx);
        return RIM_DONE;
    }
    CHECK(rim_socket_write(ctx, talker->socket, "b", 1) == 0);
    return RIM_DONE;
}

static const rim_handler talker_on[] = {
    [RIM_LISTENING] = talker_listening, [RIM_SOCKET_OPEN] = talker_open, [RIM_SOCKET_DATA] = talker_data};
static const rim_behaviour talker_behaviour = {.name = "talker",
                                               .state_size = sizeof(struct talker),
                                               .init = talker_init,
                                               .on = talker_on,
                                               .on_count = RIM_COUNT(talker_on)};

void contract_10_flood_does_not_starve_a_socket(struct scenario *s) {
    open_race(s, FLOODERS, BUDGET, RIM_US(10));
    socket_world_run(s, &talker_behaviour, s);
}
