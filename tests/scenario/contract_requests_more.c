/* SPDX-License-Identifier: MIT */
/* Point 5 of the contract, and requests that need more than one exchange: expiry, bodies of all sizes, many at once. */
#include <stdatomic.h>
#include <time.h>

#include "role.h"

struct asking {
    rim_ref answerer;
    uint64_t busy_ns; /* that the answerer takes for each, in real time */
    uint64_t total, timeout_ns;
    uint64_t replies, timeouts; /* by the asker */
    atomic_ullong run, watched;
};

/* ---- an expired request is not run ---- */

/* Time passes in a handler in the real world only. */
static void be_busy(const rim_ctx *ctx, uint64_t ns) {
    (void)ctx;
    struct timespec rest = {.tv_nsec = (long)ns};
    if (!scenario_is_sim(scenario_current())) {
        nanosleep(&rest, NULL);
    }
}

ROLE_ON(expiry_ask) {
    struct asking *world = role_world(self);
    CHECK(rim_now(ctx) < role_number(body)); /* its deadline */
    atomic_fetch_add(&world->run, 1);
    be_busy(ctx, world->busy_ns);
    CHECK(rim_reply(ctx, RIM_NIL, ADD, NULL, 0) == 0);
    return RIM_DONE;
}

ROLE_ON(expiry_go) {
    CHECK(rim_watch_dead_letters(ctx, true) == 0);
    return RIM_DONE;
}

ROLE_ON(expiry_letter) {
    struct asking *world = role_world(self);
    const rim_dead_letter *letter = body;
    CHECK(letter->reason == -RIM_EEXPIRED);
    CHECK(letter->tag == ASK);
    atomic_fetch_add(&world->watched, 1);
    return RIM_DONE;
}
static const rim_handler expiry_on[] = {[ASK] = expiry_ask};
ROLE(expiry_answerer, expiry_on);
static const rim_handler watcher_on[] = {[GO] = expiry_go, [RIM_DEAD_LETTER] = expiry_letter};
ROLE(expiry_watcher, watcher_on);

ROLE_OUTCOME(expiry_outcome) {
    struct asking *world = role_world(self);
    CHECK(error == 0 || error == -ETIMEDOUT);
    *(error == 0 ? &world->replies : &world->timeouts) += 1;
    if (world->replies + world->timeouts == world->total) {
        rim_after(ctx, RIM_MS(20), 0);
    }
    return RIM_DONE;
}

ROLE_ON(expiry_start) {
    struct asking *world = role_world(self);
    for (uint64_t i = 0; i < world->total; i++) {
        uint64_t timeout_ns = world->timeout_ns * (i + 1), deadline_ns = rim_now(ctx) + timeout_ns;
        rim_ask ask = {.to = world->answerer,
                       .tag = ASK,
                       .body = &deadline_ns,
                       .size = sizeof deadline_ns,
                       .timeout_ns = timeout_ns,
                       .on_outcome = expiry_outcome};
        CHECK(rim_request(ctx, &ask, NULL) == 0);
    }
    return RIM_DONE;
}

ROLE_ON(expiry_end) {
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler start_on[] = {[GO] = expiry_start, [RIM_TIMER] = expiry_end};
ROLE(expiry_asker, start_on);

void contract_05_expired_request_is_not_run(struct scenario *s) {
    static struct asking world;
    world = (struct asking){.total = 40, .timeout_ns = RIM_US(100), .busy_ns = RIM_MS(1)};
    struct role_cast cast = {.world = &world};
    scenario_open_lanes(s);
    /* One message a turn: the clock is looked at between any two. */
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1, .budget = 1};
    world.answerer = role_spawn_with(s, &expiry_answerer, options, cast);
    role_go(s, role_spawn(s, &expiry_watcher, 1, cast));
    rim_ref asker = role_spawn(s, &expiry_asker, 0, cast);
    scenario_pass_time(s, RIM_MS(10));
    role_go(s, asker);
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(world.replies + world.timeouts == world.total);
    CHECK(atomic_load(&world.run) + atomic_load(&world.watched) >= world.total);
    CHECK(scenario_is_sim(s) || world.timeouts > 0);
    CHECK(scenario_is_sim(s) || atomic_load(&world.run) < world.total);
}

/* ---- bodies of all sizes, both ways ---- */

static const size_t sizes[] = {0, 1, 8, 1000, 1024, 1025, 4000, 4097, 70000, 1u << 20};
/* How the request and the reply are made: copied, as an owned message, as the message that was taken. */
enum { FORMS = 2, ANSWERS = 3 };

struct bodies {
    rim_ref answerers[2];
    unsigned at, outcomes;
};

static unsigned char byte_at(size_t i) {
    return (unsigned char)(i * 7 + i / 251);
}

static bool is_pattern(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != byte_at(i)) {
            return false;
        }
    }
    return true;
}

static void answer_as(rim_ctx *ctx, uint32_t form, const void *body, rim_msg *msg) {
    size_t size = rim_size(msg);
    if (form == 0) {
        CHECK(rim_reply(ctx, RIM_NIL, ADD, body, size) == 0);
    } else if (form == 1) {
        rim_msg *reply = rim_msg_new(ctx, ADD, size);
        CHECK(reply != NULL);
        memcpy(rim_body(reply), body, size);
        CHECK(rim_reply_msg(ctx, RIM_NIL, reply) == 0);
    } else {
        rim_token token = rim_defer(ctx);
        rim_msg *kept = rim_take(ctx, msg);
        CHECK(kept != NULL);
        CHECK(rim_take(ctx, msg) == NULL);
        rim_msg_retag(kept, ADD);
        CHECK(rim_reply_msg(ctx, token, kept) == 0);
    }
}

ROLE_ON(bodies_ask) {
    CHECK(is_pattern(body, rim_size(msg)));
    CHECK((uintptr_t)body % 8 == 0);
    answer_as(ctx, rim_tag(msg) - TAGS, body, msg);
    return RIM_DONE;
}
static const rim_handler bodies_on[] = {[TAGS] = bodies_ask, [TAGS + 1] = bodies_ask, [TAGS + 2] = bodies_ask};
ROLE(bodies_answerer, bodies_on);

static void ask_next(rim_ctx *ctx, struct role *role);

ROLE_OUTCOME(bodies_outcome) {
    struct bodies *world = role_world(self);
    CHECK(error == 0);
    if (error != 0) {
        return RIM_FAIL;
    }
    CHECK(rim_tag(msg) == ADD);
    CHECK(rim_size(msg) == cookie);
    CHECK(is_pattern(body, rim_size(msg)));
    world->at++;
    ask_next(ctx, self);
    return RIM_DONE;
}

/* `at` counts through sizes, forms of the question, forms of the answer, and answerers. */
static void ask_next(rim_ctx *ctx, struct role *role) {
    struct bodies *world = role->cast.world;
    unsigned at = world->at;
    size_t size = sizes[at % RIM_COUNT(sizes)];
    at /= RIM_COUNT(sizes);
    unsigned form = at % FORMS, answer = at / FORMS % ANSWERS, who = at / FORMS / ANSWERS;
    if (who == RIM_COUNT(world->answerers)) {
        scenario_done(ctx);
        return;
    }
    rim_msg *msg = rim_msg_new(ctx, TAGS + answer, size);
    CHECK(msg != NULL);
    unsigned char *bytes = rim_body(msg);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = byte_at(i);
    }
    rim_ask ask = {.to = world->answerers[who],
                   .timeout_ns = RIM_SECONDS(5),
                   .on_outcome = bodies_outcome,
                   .cookie = size,
                   .msg = msg};
    if (form == 0) {
        ask.msg = NULL;
        ask.tag = TAGS + answer;
        ask.body = bytes;
        ask.size = size;
    }
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    if (form == 0) {
        rim_msg_free(ctx, msg);
    }
}

ROLE_ON(bodies_go) {
    ask_next(ctx, self);
    return RIM_DONE;
}
static const rim_handler bodies_asker_on[] = {[GO] = bodies_go};
ROLE(bodies_asker, bodies_asker_on);

void contract_05_bodies_of_all_sizes_go_both_ways(struct scenario *s) {
    static struct bodies world;
    world = (struct bodies){0};
    scenario_open_lanes(s);
    for (uint32_t i = 0; i < 2; i++) {
        world.answerers[i] = role_spawn(s, &bodies_answerer, i, (struct role_cast){.world = &world});
    }
    role_go(s, role_spawn(s, &bodies_asker, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- replies are never refused for want of room ---- */

#define MANY 500u

ROLE_ON(many_ask) {
    CHECK(rim_reply(ctx, RIM_NIL, ADD, body, rim_size(msg)) == 0);
    return RIM_DONE;
}
static const rim_handler many_on[] = {[ASK] = many_ask};
ROLE(many_answerer, many_on);

ROLE_OUTCOME(many_outcome) {
    struct asking *world = role_world(self);
    CHECK(error == 0);
    CHECK(cookie == world->replies); /* in order */
    if (++world->replies == MANY) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(many_go) {
    struct asking *world = role_world(self);
    for (uint64_t i = 0; i < MANY; i++) {
        rim_ask ask = {
            .to = world->answerer, .tag = ASK, .timeout_ns = RIM_SECONDS(9), .on_outcome = many_outcome, .cookie = i};
        CHECK(rim_request(ctx, &ask, NULL) == 0);
    }
    return RIM_DONE;
}
static const rim_handler many_asker_on[] = {[GO] = many_go};
ROLE(many_asker, many_asker_on);

void contract_05_replies_find_room_in_a_full_mailbox(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        static struct asking world;
        world = (struct asking){0};
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = 2});
        world.answerer = role_spawn(s, &many_answerer, shard, (struct role_cast){.world = &world});
        rim_spawn_options tiny = {.mailbox_count = 2};
        role_go(s, role_spawn_with(s, &many_asker, tiny, (struct role_cast){.world = &world}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}
