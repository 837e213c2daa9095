/* SPDX-License-Identifier: MIT */
/* Point 9 of the contract: drain, stop and kill of an actor, with the report. */
#include <semaphore.h>
#include <stdatomic.h>

#include "role.h"

#define MILLION 1000000u
#define SOME    20000u /* under simulation, which does it for every seed */
#define FEW     100u

struct ending {
    enum rim_word word;
    uint32_t shard, count;
    uint64_t timeout_ns;
    int error; /* what the outcome is to be */
    uint32_t code;
    uint64_t lost;
    const char *held_up_by;
    void (*after)(rim_ctx *ctx, struct ending *world); /* by the filler, behind the word */
    rim_ref victim, filler, child;
    rim_token token;
    atomic_uint handled, letters, outcomes, exits;
    atomic_bool drained;   /* the stubborn one has come to its marker */
    atomic_ullong started; /* victims and fillers */
    sem_t go;
};

/* ---- the one that ends ---- */

ROLE_ON(victim_word) {
    struct ending *world = role_world(self);
    atomic_fetch_add(&world->handled, 1);
    return RIM_DONE;
}

static void victim_exit(rim_ctx *ctx, void *self, rim_exit why) {
    struct ending *world = role_world(self);
    (void)ctx;
    (void)why;
    atomic_fetch_add(&world->exits, 1);
}
static const rim_handler victim_on[] = {[WORD] = victim_word};
ROLE(ending_victim, victim_on, .exit = victim_exit);

/* ---- the one that ends it ---- */

ROLE_OUTCOME(ended) {
    struct ending *world = role_world(self);
    const rim_end_report *report = body;
    CHECK(cookie == 5);
    CHECK(error == world->error);
    CHECK(report != NULL && rim_size(msg) == sizeof *report);
    CHECK(report->who == world->victim);
    CHECK(report->code == world->code);
    /* On a busy machine the deadline may come before the drain, or even before the birth. */
    bool early = world->held_up_by != NULL && !atomic_load(&world->drained);
    CHECK(report->lost == world->lost || early);
    CHECK((report->held_up_by[0] != '\0') == (world->held_up_by != NULL));
    CHECK(world->held_up_by == NULL || early || strstr(report->held_up_by, world->held_up_by) != NULL);
    CHECK(!rim_cancel(ctx, world->token));
    CHECK(atomic_fetch_add(&world->outcomes, 1) == 0);
    scenario_done(ctx);
    return RIM_DONE;
}

static void end_it(rim_ctx *ctx, struct ending *world) {
    rim_ending ending = {
        .who = world->victim, .word = world->word, .timeout_ns = world->timeout_ns, .on_outcome = ended, .cookie = 5};
    CHECK(rim_end(ctx, &ending, &world->token) == 0);
}

ROLE_ON(ender_go) {
    end_it(ctx, role_world(self));
    return RIM_DONE;
}
static const rim_handler ender_on[] = {[GO] = ender_go};
ROLE(ender, ender_on);

/* ---- the one that fills its mailbox, on the same shard, in one turn ---- */

ROLE_ON(filler_go) {
    struct ending *world = role_world(self);
    for (uint32_t i = 0; i < world->count; i++) {
        role_say(ctx, world->victim, WORD, i);
    }
    end_it(ctx, world);
    if (world->after != NULL) {
        world->after(ctx, world);
    }
    return RIM_DONE;
}

/* ... and asks the ender, elsewhere, for the word. */
ROLE_ON(filler_more) {
    struct ending *world = role_world(self);
    for (uint32_t i = 0; i < world->count; i++) {
        role_say(ctx, world->victim, WORD, i);
    }
    CHECK(rim_send(ctx, ((struct role *)self)->cast.who, GO, NULL, 0) == 0);
    return RIM_DONE;
}
static const rim_handler filler_on[] = {[GO] = filler_go, [MORE] = filler_more};
ROLE(filler, filler_on);

static rim_ref spawn_victim(struct scenario *s, const rim_behaviour *behaviour, struct ending *world) {
    rim_spawn_options options = {.place = RIM_ON_SHARD,
                                 .shard = world->shard,
                                 .mailbox_count = MILLION + FEW,
                                 .mailbox_bytes = 1u << 30};
    return role_spawn_with(s, behaviour, options, (struct role_cast){.world = world});
}

/* The filler gives the word itself. */
static void end_here(struct scenario *s, struct ending script, const rim_behaviour *behaviour) {
    static struct ending world;
    memcpy(&world, &script, sizeof world);
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2});
    world.victim = spawn_victim(s, behaviour, &world);
    role_go(s, role_spawn(s, &filler, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(atomic_load(&world.handled) + world.lost == world.count || script.held_up_by != NULL);
    CHECK(atomic_load(&world.outcomes) == 1);
}

/* Actors on shard 1 are ended from shard 0. The victim has its whole backlog when the word comes, or is at it. */
static void end_across(struct scenario *s, struct ending script, const rim_behaviour *behaviour) {
    static struct ending world;
    memcpy(&world, &script, sizeof world);
    world.shard = 1;
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2});
    world.victim = spawn_victim(s, behaviour, &world);
    rim_ref ref = role_spawn(s, &ender, 0, (struct role_cast){.world = &world});
    rim_ref fills = role_spawn(s, &filler, 1, (struct role_cast){.world = &world, .who = ref});
    CHECK(rim_system_send(scenario_system(s), fills, MORE, NULL, 0) == 0);
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(atomic_load(&world.handled) + world.lost == world.count || script.held_up_by != NULL);
    CHECK(atomic_load(&world.outcomes) == 1);
}

/* ---- drain ---- */

void contract_09_drain_of_a_million_messages_loses_none(struct scenario *s) {
    struct ending script = {.word = RIM_WORD_DRAIN,
                            .count = scenario_is_sim(s) ? SOME : MILLION,
                            .timeout_ns = ROLE_LIMIT_NS,
                            .code = RIM_EXIT_NORMAL};
    end_here(s, script, &ending_victim);
    end_across(s, script, &ending_victim);
}

static void find_it_closed(rim_ctx *ctx, struct ending *world) {
    uint64_t number = 0;
    CHECK(role_tell(ctx, world->victim, WORD, 0) == -RIM_ECLOSED);
    CHECK(rim_send_urgent(ctx, world->victim, WORD, &number, sizeof number) == -RIM_ECLOSED);
    rim_ask ask = {.to = world->victim, .tag = WORD, .timeout_ns = RIM_SECONDS(5), .on_outcome = ended};
    CHECK(rim_request(ctx, &ask, NULL) == -RIM_ECLOSED);
    rim_msg *msg = rim_msg_new(ctx, WORD, 8);
    CHECK(rim_send_msg(ctx, world->victim, msg) == -RIM_ECLOSED);
}

void contract_09_drain_closes_admission_in_one_step_here(struct scenario *s) {
    struct ending script = {.word = RIM_WORD_DRAIN,
                            .count = FEW,
                            .timeout_ns = RIM_SECONDS(20),
                            .code = RIM_EXIT_NORMAL,
                            .after = find_it_closed};
    end_here(s, script, &ending_victim);
}

/* It goes on after the marker until it has what it asked for. */
ROLE_ON(late_word) {
    CHECK(role_number(body) < FEW);
    atomic_fetch_add(&((struct ending *)role_world(self))->handled, 1);
    return RIM_DONE;
}

ROLE_OUTCOME(late_outcome) {
    CHECK(error == -ETIMEDOUT);
    return RIM_STOP;
}

ROLE_ON(late_ask) {
    CHECK(rim_defer(ctx) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(late_drain) {
    rim_ask ask = {.to = rim_self(ctx), .tag = ASK, .timeout_ns = RIM_MS(10), .on_outcome = late_outcome};
    CHECK(rim_request(ctx, &ask, NULL) == -RIM_ECLOSED); /* not even itself */
    ask.to = ((struct ending *)role_world(self))->child;
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler late_on[] = {[WORD] = late_word, [ASK] = late_ask, [RIM_DRAIN] = late_drain};
static const rim_behaviour late;

static rim_verdict late_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_verdict verdict = role_init(ctx, self, arg, size);
    struct role *role = self;
    if (role->cast.index == 0) {
        struct ending *world = role_world(self);
        world->child = role_add(ctx, &late, 0, (struct role_cast){.world = world, .index = 1});
    }
    return verdict;
}
static const rim_behaviour late = {.name = "late",
                                   .state_size = sizeof(struct role),
                                   .init = late_init,
                                   .on = late_on,
                                   .on_count = RIM_COUNT(late_on)};

ROLE_OUTCOME(refused_outcome) {
    struct ending *world = role_world(self);
    CHECK(error == -RIM_ECLOSED);
    CHECK(body == NULL);
    atomic_fetch_add(&world->letters, 1);
    return RIM_DONE;
}

static void ask_a_closed_one(rim_ctx *ctx, struct ending *world) {
    rim_ask ask = {.to = world->victim, .tag = WORD, .timeout_ns = RIM_SECONDS(5), .on_outcome = refused_outcome};
    CHECK(rim_request(ctx, &ask, NULL) == 0); /* it is told over there */
}

void contract_09_drained_actor_may_finish_what_it_has_begun(struct scenario *s) {
    struct ending script = {.word = RIM_WORD_DRAIN,
                            .count = FEW,
                            .timeout_ns = RIM_SECONDS(20),
                            .code = RIM_EXIT_NORMAL};
    end_here(s, script, &late);
    end_across(s, script, &late);
}

void contract_09_request_to_a_drained_actor_elsewhere_fails_as_closed(struct scenario *s) {
    struct ending script = {.word = RIM_WORD_DRAIN,
                            .shard = 1,
                            .timeout_ns = RIM_SECONDS(20),
                            .code = RIM_EXIT_NORMAL,
                            .after = ask_a_closed_one};
    static struct ending world;
    memcpy(&world, &script, sizeof world);
    scenario_open_lanes(s);
    world.victim = spawn_victim(s, &late, &world);
    role_go(s, role_spawn(s, &filler, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&world.letters) == 1);
}

/* ---- the deadline ---- */

ROLE_ON(stubborn_drain) {
    atomic_store(&((struct ending *)role_world(self))->drained, true);
    return RIM_DONE;
}

ROLE_ON(stubborn_word) {
    atomic_fetch_add(&((struct ending *)role_world(self))->handled, 1);
    return RIM_DONE;
}
static const rim_handler stubborn_on[] = {[WORD] = stubborn_word, [RIM_DRAIN] = stubborn_drain};
ROLE(stubborn, stubborn_on);

void contract_09_drain_that_takes_too_long_is_a_kill_that_names_the_culprit(struct scenario *s) {
    struct ending script = {.word = RIM_WORD_DRAIN,
                            .count = FEW,
                            .timeout_ns = RIM_MS(20),
                            .error = -ETIMEDOUT,
                            .code = RIM_EXIT_KILLED,
                            .held_up_by = "stubborn: has not finished"};
    end_here(s, script, &stubborn);
    end_across(s, script, &stubborn);
}

/* ---- stop and kill ---- */

void contract_09_stop_says_how_much_was_lost(struct scenario *s) {
    struct ending script = {
        .word = RIM_WORD_STOP, .count = FEW, .timeout_ns = RIM_SECONDS(20), .code = RIM_EXIT_SHUTDOWN, .lost = FEW};
    end_here(s, script, &ending_victim);
}

void contract_09_kill_goes_ahead_of_a_full_mailbox(struct scenario *s) {
    struct ending script = {
        .word = RIM_WORD_KILL, .count = SOME, .timeout_ns = RIM_SECONDS(20), .code = RIM_EXIT_KILLED, .lost = SOME};
    end_here(s, script, &ending_victim);
}

/* ---- a tree: it ends its child, and adds to its report what that lost ---- */

ROLE_OUTCOME(child_ended) {
    const rim_end_report *report = body;
    CHECK(error == -ETIMEDOUT && report->code == RIM_EXIT_KILLED);
    rim_end_note(ctx, report->lost + 3, report->held_up_by);
    return RIM_STOP;
}

ROLE_ON(parent_drain) {
    rim_ending ending = {.who = ((struct ending *)role_world(self))->child,
                         .word = RIM_WORD_DRAIN,
                         .timeout_ns = RIM_MS(5),
                         .on_outcome = child_ended};
    CHECK(rim_end(ctx, &ending, NULL) == 0);
    return RIM_DONE;
}

static rim_verdict parent_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_verdict verdict = role_init(ctx, self, arg, size);
    struct ending *world = role_world(self);
    world->child = role_add(ctx, &stubborn, 1, (struct role_cast){.world = world});
    return verdict;
}
static const rim_handler parent_on[] = {[RIM_DRAIN] = parent_drain};
static const rim_behaviour parent = {.name = "parent",
                                     .state_size = sizeof(struct role),
                                     .init = parent_init,
                                     .on = parent_on,
                                     .on_count = RIM_COUNT(parent_on)};

void contract_09_report_adds_up_over_a_subtree(struct scenario *s) {
    struct ending script = {.word = RIM_WORD_DRAIN,
                            .timeout_ns = RIM_SECONDS(20),
                            .code = RIM_EXIT_NORMAL,
                            .lost = 3,
                            .held_up_by = "stubborn"};
    end_here(s, script, &parent);
    end_across(s, script, &parent);
}

/* ---- nobody there, and wrong words ---- */

ROLE_OUTCOME(ended_before) {
    const rim_end_report *report = body;
    CHECK(error == 0 && report->code == RIM_EXIT_NOACTOR && report->lost == 0);
    struct ending *world = role_world(self);
    CHECK(report->who == world->victim);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_OUTCOME(never) {
    CHECK(!"the outcome of a cancelled end");
    return RIM_DONE;
}

ROLE_OUTCOME(ended_first) {
    struct ending *world = role_world(self);
    const rim_end_report *report = body;
    CHECK(error == 0 && report->code == RIM_EXIT_SHUTDOWN);
    rim_ending again = {.who = world->victim,
                        .word = RIM_WORD_DRAIN,
                        .timeout_ns = RIM_SECONDS(5),
                        .on_outcome = ended_before};
    CHECK(rim_end(ctx, &again, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(twice_go) {
    struct ending *world = role_world(self);
    rim_ending ending = {.who = world->victim,
                         .word = RIM_WORD_STOP,
                         .timeout_ns = RIM_SECONDS(5),
                         .on_outcome = never};
    rim_token token = RIM_NIL;
    CHECK(rim_end(ctx, &ending, &token) == 0);
    CHECK(rim_cancel(ctx, token));
    CHECK(!rim_cancel(ctx, token));
    ending.on_outcome = ended_first; /* several may end the same one */
    CHECK(rim_end(ctx, &ending, NULL) == 0);
    ending.timeout_ns = 0;
    CHECK(rim_end(ctx, &ending, NULL) == -EINVAL);
    ending = (rim_ending){.who = world->victim, .word = RIM_WORD_STOP, .timeout_ns = 1};
    CHECK(rim_end(ctx, &ending, NULL) == -EINVAL);
    ending = (rim_ending){.who = world->victim, .word = 7, .timeout_ns = 1, .on_outcome = never};
    CHECK(rim_end(ctx, &ending, NULL) == -EINVAL);
    ending = (rim_ending){.who = RIM_NIL, .word = RIM_WORD_KILL, .timeout_ns = 1, .on_outcome = never};
    CHECK(rim_end(ctx, &ending, NULL) == -RIM_EBADREF);
    rim_end_note(ctx, 1, "nobody ends it");
    return RIM_DONE;
}
static const rim_handler twice_on[] = {[GO] = twice_go};
ROLE(twice, twice_on);

void contract_09_ending_an_actor_that_has_ended_says_so(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        static struct ending worlds[2];
        struct ending *world = &worlds[shard];
        memset(world, 0, sizeof *world);
        world->shard = shard;
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = 2});
        world->victim = spawn_victim(s, &ending_victim, world);
        role_go(s, role_spawn(s, &twice, 0, (struct role_cast){.world = world}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}

/* ---- a handler that does not return ---- */

ROLE_ON(busy_word) {
    struct ending *world = role_world(self);
    atomic_fetch_add(&world->handled, 1);
    sem_wait(&world->go);
    return RIM_DONE;
}
static const rim_handler busy_on[] = {[WORD] = busy_word};
ROLE(busy, busy_on);

ROLE_OUTCOME(not_ended) {
    struct ending *world = role_world(self);
    CHECK(error == -EBUSY);
    CHECK(((const rim_end_report *)body)->held_up_by[0] != '\0');
    CHECK(atomic_load(&world->handled) == 1);
    sem_post(&world->go);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(impatient_go) {
    struct ending *world = role_world(self);
    role_say(ctx, world->victim, WORD, 0);
    rim_after(ctx, RIM_MS(20), 0);
    return RIM_DONE;
}

ROLE_ON(impatient_timer) {
    struct ending *world = role_world(self);
    if (atomic_load(&world->handled) == 0) { /* not at it yet */
        rim_after(ctx, RIM_MS(20), 0);
        return RIM_DONE;
    }
    rim_ending ending = {.who = world->victim, .word = RIM_WORD_KILL, .timeout_ns = RIM_MS(1), .on_outcome = not_ended};
    CHECK(rim_end(ctx, &ending, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler impatient_on[] = {[GO] = impatient_go, [RIM_TIMER] = impatient_timer};
ROLE(impatient, impatient_on);

void contract_09_handler_that_does_not_return_is_reported(struct scenario *s) {
    static struct ending world;
    memset(&world, 0, sizeof world);
    sem_init(&world.go, 0, 0);
    if (scenario_is_sim(s)) { /* one thread: it would wait for itself */
        return;
    }
    world.victim = role_spawn(s, &busy, 1, (struct role_cast){.world = &world});
    role_go(s, role_spawn(s, &impatient, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}
