/* SPDX-License-Identifier: MIT */
/* Bundles whose answerer ends with answers in hand, and bundles out of memory: what was held is let go of, once. */
#include "ringmail/bundle.h"
#include "role.h"

enum { BUNDLE = TAGS };

#define ASKS 100u

enum way {
    REPLIES,
    STOPS,    /* after having held some, without a reply */
    FAILS,    /* the same, with an error */
    IS_ENDED, /* it keeps the request, and ends later */
};

/* All on one shard. */
struct world {
    enum way way;
    uint64_t answerer_bytes, asker_bytes; /* limits of rim_alloc */
    rim_ref answerer;
    uint32_t asked, answered, good;
    int error; /* of all that are not good */
    uint32_t held, released;
};

static struct world world;
static char held[5000];

static void release(void *bytes, void *arg) {
    CHECK(bytes == held && arg == &world);
    world.released++;
}

struct poor_answerer {
    struct role role;
    rim_unbundle unbundle;
};

/* Every second one is held, and the buffer grows in between. */
static void answer_all(rim_ctx *ctx, rim_unbundle *unbundle) {
    static const char text[40] = "an answer";
    size_t size;
    while (rim_unbundle_next(unbundle, &size) != NULL) {
        if (world.held++ % 2 == 0) {
            rim_unbundle_hold(ctx, unbundle, held, sizeof held, release, &world);
        } else {
            rim_unbundle_answer(ctx, unbundle, text, sizeof text);
        }
    }
    world.held = (world.held + 1) / 2;
}

ROLE_ON(poor_bundle) {
    struct poor_answerer *mine = self;
    rim_unbundle_open(&mine->unbundle, body, msg);
    answer_all(ctx, &mine->unbundle);
    switch (world.way) {
    case REPLIES:
        CHECK(rim_unbundle_reply(ctx, &mine->unbundle) == (world.answerer_bytes != 0 ? -ENOMEM : 0));
        return RIM_DONE;
    case STOPS:
        return RIM_STOP;
    case FAILS:
        return rim_fail(ctx, RIM_EXIT_USER, "no reply today");
    case IS_ENDED:
        CHECK(rim_defer(ctx) != RIM_NIL);
        role_say(ctx, rim_self(ctx), END, 0);
    }
    return RIM_DONE;
}

ROLE_ON(poor_end) {
    CHECK(world.released == 0);
    return RIM_STOP;
}

static const rim_handler answerer_on[] = {[BUNDLE] = poor_bundle, [END] = poor_end};
static const rim_behaviour poor_answerer = {
    .name = "answerer",
    .state_size = sizeof(struct poor_answerer),
    .init = role_init,
    .on = answerer_on,
    .on_count = RIM_COUNT(answerer_on),
};

/* ---- who asks ---- */

struct poor_asker {
    struct role role;
    rim_bundle bundle;
};

static void read_all(rim_ctx *ctx, struct poor_asker *mine) {
    rim_bundle_answer answer;
    while (rim_bundle_next(ctx, &mine->bundle, &answer)) {
        CHECK(answer.cookie == world.answered);
        CHECK(answer.error == 0 || answer.error == world.error);
        world.answered++;
        world.good += answer.error == 0;
    }
    CHECK(rim_bundle_count(&mine->bundle) == world.asked - world.answered);
    if (world.answered == world.asked) {
        scenario_done(ctx);
    }
}

static rim_verdict on_poor(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct poor_asker *mine = self;
    rim_bundle_open(ctx, &mine->bundle, cookie, error, body, msg);
    read_all(ctx, mine);
    return RIM_DONE;
}

static const rim_bundle_options options = {.tag = BUNDLE, .timeout_ns = RIM_SECONDS(60), .on_outcome = on_poor};

ROLE_ON(poor_go) {
    struct poor_asker *mine = self;
    rim_bundle_init(&mine->bundle, &options);
    for (uint32_t i = 0; i < ASKS; i++) {
        char *ask = rim_bundle_add(ctx, &mine->bundle, world.answerer, world.asked, 24);
        CHECK(ask != NULL || world.asker_bytes != 0);
        if (ask != NULL) {
            memset(ask, 'a', 24);
            world.asked++;
        }
    }
    CHECK(rim_bundle_count(&mine->bundle) == world.asked);
    CHECK(rim_bundle_flush(ctx, &mine->bundle) == 0);
    return RIM_DONE;
}

static void poor_exit(rim_ctx *ctx, void *self, rim_exit why ROLE_UNUSED) {
    rim_bundle_free(ctx, &((struct poor_asker *)self)->bundle);
}

static const rim_handler asker_on[] = {[GO] = poor_go};
static const rim_behaviour poor_asker = {
    .name = "asker",
    .state_size = sizeof(struct poor_asker),
    .init = role_init,
    .exit = poor_exit,
    .on = asker_on,
    .on_count = RIM_COUNT(asker_on),
};

/* ---- the scenarios ---- */

static void play(struct scenario *s, struct world settings) {
    struct role_cast cast = {.world = &world};
    rim_stats stats;
    world = settings;
    scenario_system_with(s, &(rim_config){.shards = 1});
    world.answerer =
        role_spawn_with(s, &poor_answerer, (rim_spawn_options){.memory_bytes = world.answerer_bytes}, cast);
    rim_ref asker = role_spawn_with(s, &poor_asker, (rim_spawn_options){.memory_bytes = world.asker_bytes}, cast);
    role_rest(s);
    role_go(s, asker);
    scenario_run(s, ROLE_LIMIT_NS);
    role_settle(s, &stats);
    CHECK(world.answered == world.asked);
    CHECK(world.held == (world.asked + 1) / 2 && world.released == world.held);
}

void bundle_answerer_that_stops_lets_go_of_what_it_held(struct scenario *s) {
    play(s, (struct world){.way = STOPS, .error = -RIM_ENOREPLY});
    CHECK(world.good == 0 && world.asked == ASKS);
}

void bundle_answerer_that_fails_lets_go_of_what_it_held(struct scenario *s) {
    play(s, (struct world){.way = FAILS, .error = -RIM_ENOREPLY});
    CHECK(world.good == 0 && world.asked == ASKS);
}

void bundle_answerer_that_ends_later_lets_go_of_what_it_held(struct scenario *s) {
    play(s, (struct world){.way = IS_ENDED, .error = -RIM_EDOWN});
    CHECK(world.good == 0 && world.asked == ASKS);
}

void bundle_answers_that_find_no_memory_are_errors(struct scenario *s) {
    play(s, (struct world){.way = REPLIES, .answerer_bytes = 2000, .error = -ENOMEM});
    CHECK(world.good == 0 && world.asked == ASKS);
}

void bundle_asks_that_find_no_memory_are_refused(struct scenario *s) {
    play(s, (struct world){.way = REPLIES, .asker_bytes = 2000});
    CHECK(world.asked > 0 && world.asked < ASKS && world.good == world.asked);
}
