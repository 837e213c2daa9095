/* SPDX-License-Identifier: MIT */
/* Point 5 of the contract, for requests that are passed on; and messages that are. */
#include <stdatomic.h>
#include <stdlib.h>

#include "ringmail/request.h"
#include "role.h"

#define HOPS 4u

static const size_t sizes[] = {8, 1000, 2000, 70000};
enum { FORMS = 3 }; /* copied, an owned message, wrapped memory of the asker's */

struct chain {
    rim_ref asker, hops[HOPS]; /* the last one answers */
    uint64_t deadline_ns;
    unsigned at, released;
    atomic_uint tells;
};

static void fill(unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    }
}

static bool is_filled(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != (unsigned char)(i * 7 + i / 251)) {
            return false;
        }
    }
    return true;
}

static rim_verdict hop_pass(rim_ctx *ctx, struct role *role, rim_msg *msg) {
    struct chain *world = role->cast.world;
    bool is_request = rim_is_request(ctx);
    CHECK(rim_from(msg) == world->asker);
    CHECK(!is_request || rim_deadline(ctx) == world->deadline_ns);
    CHECK(rim_forward(ctx, 17, msg) == -RIM_EBADREF); /* still in hand */
    CHECK(rim_is_request(ctx) == is_request);
    CHECK(rim_forward(ctx, world->hops[role->cast.index + 1], msg) == 0);
    CHECK(!rim_is_request(ctx));
    CHECK(rim_deadline(ctx) == 0);
    CHECK(rim_reply(ctx, RIM_NIL, ADD, NULL, 0) == -RIM_EBADREF);
    return RIM_DONE;
}

ROLE_ON(hop_ask) {
    struct role *role = self;
    struct chain *world = role_world(self);
    if (role->cast.index < HOPS - 1) {
        return hop_pass(ctx, role, msg);
    }
    CHECK(rim_from(msg) == world->asker);
    CHECK(rim_sender(ctx) == world->asker);
    CHECK(rim_deadline(ctx) == world->deadline_ns);
    CHECK(is_filled(body, rim_size(msg)));
    CHECK(rim_reply(ctx, RIM_NIL, ADD, body, rim_size(msg)) == 0);
    CHECK(rim_deadline(ctx) == 0);
    return RIM_DONE;
}

ROLE_ON(hop_word) {
    struct role *role = self;
    struct chain *world = role_world(self);
    if (role->cast.index < HOPS - 1) {
        return hop_pass(ctx, role, msg);
    }
    CHECK(rim_from(msg) == world->asker);
    CHECK(is_filled(body, rim_size(msg)));
    atomic_fetch_add(&world->tells, 1);
    return RIM_DONE;
}
static const rim_handler hop_on[] = {[ASK] = hop_ask, [WORD] = hop_word};
ROLE(hop, hop_on);

static void release(void *bytes, void *arg) {
    struct chain *world = arg;
    free(bytes);
    world->released++;
}

static rim_msg *make(rim_ctx *ctx, struct chain *world, uint32_t tag, unsigned form, size_t size) {
    rim_msg *msg;
    if (form < 2) {
        msg = rim_msg_new(ctx, tag, size);
    } else {
        msg = rim_msg_wrap(ctx, tag, malloc(size), size, release, world);
    }
    CHECK(msg != NULL);
    fill(rim_body(msg), size);
    return msg;
}

static rim_verdict ask_next(rim_ctx *ctx, struct chain *world);

ROLE_OUTCOME(chain_outcome) {
    struct chain *world = role_world(self);
    CHECK(error == 0);
    if (error != 0) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    CHECK(rim_from(msg) == world->hops[HOPS - 1]);
    CHECK(rim_size(msg) == cookie);
    CHECK(is_filled(body, cookie));
    world->at++;
    return ask_next(ctx, world);
}

static rim_verdict ask_next(rim_ctx *ctx, struct chain *world) {
    if (world->at == RIM_COUNT(sizes) * FORMS) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    size_t size = sizes[world->at / FORMS];
    unsigned form = world->at % FORMS;
    CHECK(rim_send_msg(ctx, world->hops[0], make(ctx, world, WORD, form, size)) == 0);
    rim_msg *msg = make(ctx, world, ASK, form, size);
    rim_ask ask = {.to = world->hops[0],
                   .tag = ASK,
                   .timeout_ns = RIM_SECONDS(60),
                   .on_outcome = chain_outcome,
                   .cookie = size,
                   .msg = msg};
    if (form == 0) {
        ask.msg = NULL;
        ask.body = rim_body(msg);
        ask.size = size;
    }
    world->deadline_ns = rim_now(ctx) + ask.timeout_ns;
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    if (form == 0) {
        rim_msg_free(ctx, msg);
    }
    return RIM_DONE;
}

ROLE_ON(chain_go) {
    struct chain *world = role_world(self);
    world->asker = rim_self(ctx);
    return ask_next(ctx, world);
}
static const rim_handler chain_on[] = {[GO] = chain_go};
ROLE(chain_asker, chain_on);

/* hop i lives on shard `places[i]`. */
static void pass_along(struct scenario *s, const uint32_t places[HOPS]) {
    static struct chain world;
    memset(&world, 0, sizeof world);
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2});
    for (uint32_t i = 0; i < HOPS; i++) {
        world.hops[i] = role_spawn(s, &hop, places[i], (struct role_cast){.world = &world, .index = i});
    }
    role_go(s, role_spawn(s, &chain_asker, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
    ROLE_AWAIT(s, atomic_load(&world.tells) == RIM_COUNT(sizes) * FORMS);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&world.tells) == RIM_COUNT(sizes) * FORMS);
    CHECK(world.released == 2 * RIM_COUNT(sizes));
    CHECK(stats.dead == 0);
}

void contract_05_forwarded_request_is_answered_to_its_asker_here(struct scenario *s) {
    pass_along(s, (const uint32_t[HOPS]){0, 0, 0, 0});
}

void contract_05_forwarded_request_is_answered_to_its_asker_across(struct scenario *s) {
    pass_along(s, (const uint32_t[HOPS]){1, 0, 1, 0});
    pass_along(s, (const uint32_t[HOPS]){0, 1, 1, 1});
}

/* ---- where forwarding fails ---- */

struct failing {
    rim_ref to, middle;
    int expected; /* of rim_forward */
    bool fill;    /* the last one's mailbox, before */
    int outcome;
    unsigned outcomes;
    atomic_uint refused;
};

ROLE_ON(middle_ask) {
    struct failing *world = role_world(self);
    CHECK(!world->fill || rim_send(ctx, world->to, WORD, NULL, 0) == 0);
    int error = rim_forward(ctx, world->to, msg);
    CHECK(error == world->expected);
    if (error == -RIM_EFULL) {
        CHECK(rim_is_request(ctx));
        CHECK(rim_size(msg) == 2000); /* as it was */
        CHECK(rim_refuse(ctx, RIM_NIL, -EBUSY) == 0);
    }
    CHECK(!rim_is_request(ctx));
    CHECK(rim_forward(ctx, world->to, msg) == -EINVAL);
    return RIM_DONE;
}
static const rim_handler middle_on[] = {[ASK] = middle_ask};
ROLE(failing_middle, middle_on);

ROLE_OUTCOME(failing_outcome) {
    struct failing *world = role_world(self);
    world->outcome = error;
    world->outcomes++;
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(failing_go) {
    struct failing *world = role_world(self);
    char bytes[2000] = {0};
    rim_ask ask = {.to = world->middle,
                   .tag = ASK,
                   .body = bytes,
                   .size = sizeof bytes,
                   .timeout_ns = RIM_SECONDS(60),
                   .on_outcome = failing_outcome};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler failing_on[] = {[GO] = failing_go};
ROLE(failing_asker, failing_on);

ROLE_ON(end_end) {
    return RIM_STOP;
}
static const rim_handler end_on[] = {[END] = end_end};
ROLE(ending, end_on);

/* The middle is on shard 0, its asker on 1; the last is where it is said to be. */
static void forward_to(struct scenario *s, struct failing plan, int outcome) {
    static struct failing world;
    memset(&world, 0, sizeof world);
    world.to = plan.to;
    world.expected = plan.expected;
    world.fill = plan.fill;
    world.middle = role_spawn(s, &failing_middle, 0, (struct role_cast){.world = &world});
    rim_ref asker = role_spawn(s, &failing_asker, 1, (struct role_cast){.world = &world});
    role_rest(s);
    role_go(s, asker);
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(world.outcomes == 1);
    CHECK(world.outcome == outcome);
}

void contract_05_forward_to_one_that_has_ended_fails_the_request(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = 2});
        rim_ref gone = role_spawn(s, &ending, shard, (struct role_cast){0});
        CHECK(rim_system_send(scenario_system(s), gone, END, NULL, 0) == 0);
        forward_to(s, (struct failing){.to = gone, .expected = shard == 0 ? -RIM_EDOWN : 0}, -RIM_EDOWN);
    }
}

ROLE_ON(full_word) {
    return RIM_DONE;
}
static const rim_handler full_on[] = {[WORD] = full_word};
ROLE(full_role, full_on);

static rim_ref spawn_full(struct scenario *s, rim_overflow overflow) {
    rim_spawn_options options = {.mailbox_count = 1, .overflow = overflow};
    return role_spawn_with(s, &full_role, options, (struct role_cast){0});
}

void contract_05_forward_to_a_full_one_leaves_the_request_in_hand(struct scenario *s) {
    scenario_system_with(s, &(rim_config){.shards = 2});
    rim_ref full = spawn_full(s, RIM_OVERFLOW_REFUSE);
    forward_to(s, (struct failing){.to = full, .expected = -RIM_EFULL, .fill = true}, -EBUSY);
}

void contract_05_forwarded_request_that_is_dropped_fails(struct scenario *s) {
    scenario_system_with(s, &(rim_config){.shards = 2});
    rim_ref full = spawn_full(s, RIM_OVERFLOW_DROP_NEW);
    forward_to(s, (struct failing){.to = full, .expected = 0, .fill = true}, -RIM_EDROPPED);
}

/* ---- a message from no actor stays from no actor ---- */

ROLE_ON(nobody_word) {
    struct role *role = self;
    CHECK(rim_from(msg) == RIM_NIL);
    if (role->cast.who != RIM_NIL) {
        CHECK(rim_forward(ctx, role->cast.who, msg) == 0);
        CHECK(rim_forward(ctx, role->cast.who, msg) == -EINVAL); /* not in hand any more */
        CHECK(rim_sender(ctx) == RIM_NIL);
        return RIM_DONE;
    }
    CHECK(rim_size(msg) == 3000);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler nobody_on[] = {[WORD] = nobody_word};
ROLE(nobody_role, nobody_on);

void request_forwarding_keeps_nobody_as_the_sender(struct scenario *s) {
    char bytes[3000] = {0};
    scenario_open_lanes(s);
    rim_ref to = RIM_NIL;
    for (uint32_t i = 0; i < 4; i++) {
        to = role_spawn(s, &nobody_role, i / 2, (struct role_cast){.who = to});
    }
    CHECK(rim_system_send(scenario_system(s), to, WORD, bytes, sizeof bytes) == 0);
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- a request whose message is gone can still be answered ---- */

ROLE_ON(taker_ask) {
    struct role *role = self;
    rim_ref from = rim_from(msg);
    rim_msg *kept = rim_take(ctx, msg);
    CHECK(kept != NULL);
    rim_msg_free(ctx, kept);
    CHECK(rim_sender(ctx) == from);
    CHECK(rim_is_request(ctx));
    if (role->count++ == 0) {
        CHECK(rim_reply(ctx, RIM_NIL, ADD, NULL, 0) == 0);
    } else {
        CHECK(rim_reply(ctx, rim_defer(ctx), ADD, NULL, 0) == 0);
    }
    return RIM_DONE;
}
static const rim_handler taker_on[] = {[ASK] = taker_ask};
ROLE(taker, taker_on);

ROLE_OUTCOME(taken_outcome) {
    struct role *role = self;
    CHECK(error == 0);
    if (++role->count == 2) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(taken_go) {
    struct role *role = self;
    for (int i = 0; i < 2; i++) {
        rim_ask ask = {.to = role->cast.who, .tag = ASK, .timeout_ns = RIM_SECONDS(60), .on_outcome = taken_outcome};
        CHECK(rim_request(ctx, &ask, NULL) == 0);
    }
    return RIM_DONE;
}
static const rim_handler taken_on[] = {[GO] = taken_go};
ROLE(taken_asker, taken_on);

void contract_05_request_whose_message_was_taken_is_answered(struct scenario *s) {
    for (uint32_t shard = 0; shard < 2; shard++) {
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = 2});
        rim_ref to = role_spawn(s, &taker, shard, (struct role_cast){0});
        role_go(s, role_spawn(s, &taken_asker, 0, (struct role_cast){.who = to}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}
