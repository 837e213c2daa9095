/* SPDX-License-Identifier: MIT */
/* Many small requests that travel together: each has its one answer, whatever becomes of the others. */
#include <stdatomic.h>
#include <stdlib.h>

#include "ringmail/bundle.h"
#include "role.h"

enum { BUNDLE = TAGS, TIE, FREED };

#define ANSWERERS 3u
#define MANY      300u
#define LARGE     5000u

/* What is asked, with a number behind which there are as many bytes as it says, modulo 50. */
enum { SAME = 0, HOLD, REFUSE_IT, KINDS };

struct asked {
    uint64_t number, kind;
};

struct world {
    rim_ref answerers[ANSWERERS], gone;
    uint32_t rounds, asks; /* how often, and how many at once */
    bool skips;            /* answerers leave the last one out */
    bool silent;           /* they keep the requests */
    bool is_slow;          /* their mailboxes hold one message */
    uint64_t made;
    rim_msg *views[MANY];
    uint32_t viewed;
    bool was_full;
    atomic_uint held, released;
};

/* ---- who answers ---- */

static char large[LARGE];

static void release(void *bytes, void *arg) {
    struct world *world = arg;
    CHECK(bytes == large);
    world->released++;
}

struct answerer {
    struct role role;
    rim_unbundle unbundle;
};

static void answer(rim_ctx *ctx, struct answerer *self, struct world *world, const struct asked *asked, size_t size) {
    CHECK((uintptr_t)asked % 8 == 0);
    CHECK(size == sizeof *asked + asked->number % 50);
    if (asked->kind == HOLD) {
        rim_unbundle_hold(ctx, &self->unbundle, large, sizeof large, release, world);
        world->held++;
    } else if (asked->kind == REFUSE_IT) {
        rim_unbundle_refuse(ctx, &self->unbundle, -EDOM);
    } else {
        rim_unbundle_answer(ctx, &self->unbundle, asked, size);
    }
}

ROLE_ON(answer_bundle) {
    struct answerer *mine = self;
    struct world *world = role_world(self);
    const struct asked *asked, *before = NULL;
    size_t size, size_before = 0;
    if (world->silent) {
        CHECK(rim_defer(ctx) != RIM_NIL);
        return RIM_DONE;
    }
    rim_unbundle_open(&mine->unbundle, body, msg);
    while ((asked = rim_unbundle_next(&mine->unbundle, &size)) != NULL) {
        if (before != NULL) {
            CHECK(before->number < asked->number); /* in the order in which they were added */
            answer(ctx, mine, world, before, size_before);
        }
        before = asked;
        size_before = size;
    }
    if (before != NULL && !world->skips) {
        answer(ctx, mine, world, before, size_before);
    }
    CHECK(rim_unbundle_reply(ctx, &mine->unbundle) == 0);
    return RIM_DONE;
}

ROLE_ON(answer_end) {
    return RIM_STOP;
}

static const rim_handler answerer_on[] = {[BUNDLE] = answer_bundle, [END] = answer_end};
static const rim_behaviour bundle_answerer = {
    .name = "answerer",
    .state_size = sizeof(struct answerer),
    .init = role_init,
    .on = answerer_on,
    .on_count = RIM_COUNT(answerer_on),
};

/* ---- who asks ---- */

struct asker {
    struct role role;
    rim_bundle bundle;
    uint8_t answers[MANY * 8]; /* of each ask so far */
    uint32_t rounds, answered;
};

static uint64_t kind_of(uint64_t number) {
    return number % 7 == 3 ? HOLD : number % 11 == 5 ? REFUSE_IT : SAME;
}

static rim_verdict on_bundled(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg);
static const rim_bundle_options sturdy = {.tag = BUNDLE, .timeout_ns = RIM_SECONDS(60), .on_outcome = on_bundled};
static const rim_bundle_options small = {.tag = BUNDLE,
                                         .bytes = 100,
                                         .timeout_ns = RIM_SECONDS(60),
                                         .on_outcome = on_bundled};
static const rim_bundle_options hasty = {.tag = BUNDLE, .timeout_ns = RIM_MS(5), .on_outcome = on_bundled};

/* What an answer must be, from the world's settings and the number, which is the cookie. */
static void check_answer(rim_ctx *ctx, struct asker *mine, struct world *world, const rim_bundle_answer *answer) {
    uint64_t number = answer->cookie, kind = kind_of(number);
    CHECK(number < world->made);
    CHECK(mine->answers[number]++ == 0);
    if (world->silent) {
        CHECK(answer->error == -ETIMEDOUT);
    } else if (world->gone != RIM_NIL && number % ANSWERERS == 0) {
        CHECK(answer->error == -RIM_EDOWN);
    } else if (world->is_slow && answer->error == -RIM_EFULL) { /* on another shard there was no room after all */
        CHECK(answer->bytes == NULL);
    } else if (world->skips && answer->error == -RIM_EREFUSED) {
        CHECK(answer->bytes == NULL);
        CHECK(rim_bundle_view(ctx, &mine->bundle, ADD) == NULL);
    } else if (kind == REFUSE_IT) {
        CHECK(answer->error == -EDOM);
    } else {
        CHECK(answer->error == 0);
        CHECK(answer->held == (kind == HOLD));
        CHECK(answer->size == (kind == HOLD ? LARGE : sizeof(struct asked) + number % 50));
        CHECK(kind == HOLD ? answer->bytes == large : role_number(answer->bytes) == number);
        if (world->viewed < MANY && number % 2 == 1) {
            rim_msg *view = world->views[world->viewed++] = rim_bundle_view(ctx, &mine->bundle, ADD);
            CHECK(view != NULL && rim_size(view) == answer->size);
            CHECK((rim_body(view) == large) == (kind == HOLD)); /* the very memory, where it is held */
        }
    }
}

static void ask_some(rim_ctx *ctx, struct asker *mine, struct world *world) {
    for (uint32_t i = 0; i < world->asks; i++) {
        uint64_t number = world->made++;
        rim_ref to =
            world->gone != RIM_NIL && number % ANSWERERS == 0 ? world->gone : world->answerers[number % ANSWERERS];
        struct asked *asked = rim_bundle_add(ctx, &mine->bundle, to, number, sizeof *asked + number % 50);
        CHECK(asked != NULL && (uintptr_t)asked % 8 == 0);
        *asked = (struct asked){number, kind_of(number)};
        memset(asked + 1, 'x', number % 50);
    }
}

/* What each handler ends with. */
static rim_verdict go_on(rim_ctx *ctx, struct asker *mine) {
    struct world *world = role_world(mine);
    rim_bundle_answer answer;
    if (mine->answered == world->made && mine->rounds < world->rounds) {
        mine->rounds++;
        ask_some(ctx, mine, world);
    }
    int error = rim_bundle_flush(ctx, &mine->bundle);
    CHECK(error == 0 || error == -RIM_EFULL || (error == -RIM_EDOWN && world->gone != RIM_NIL));
    CHECK(rim_bundle_takes_more(&mine->bundle) == (error != -RIM_EFULL));
    world->was_full |= error == -RIM_EFULL;
    while (rim_bundle_next(ctx, &mine->bundle, &answer)) { /* of what could not be sent */
        check_answer(ctx, mine, world, &answer);
        mine->answered++;
    }
    CHECK(rim_bundle_count(&mine->bundle) == world->made - mine->answered);
    if (mine->answered == world->made && mine->rounds == world->rounds) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static rim_verdict on_bundled(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct asker *mine = self;
    rim_bundle_answer answer;
    rim_bundle_open(ctx, &mine->bundle, cookie, error, body, msg);
    while (rim_bundle_next(ctx, &mine->bundle, &answer)) {
        check_answer(ctx, mine, role_world(self), &answer);
        mine->answered++;
    }
    return go_on(ctx, mine);
}

ROLE_ON(ask_go) {
    struct asker *mine = self;
    struct world *world = role_world(self);
    rim_bundle_init(&mine->bundle, world->silent ? &hasty : world->is_slow ? &small : &sturdy);
    return go_on(ctx, mine);
}

ROLE_ON(ask_room) {
    struct asker *mine = self;
    CHECK(rim_bundle_room(&mine->bundle, body));
    CHECK(!rim_bundle_room(&mine->bundle, body));
    return go_on(ctx, mine);
}

/* The views are let go of. */
ROLE_ON(ask_tie) {
    struct world *world = role_world(self);
    while (world->viewed > 0) {
        rim_msg_free(ctx, world->views[--world->viewed]);
    }
    return RIM_DONE;
}

static void asker_exit(rim_ctx *ctx, void *self, rim_exit why ROLE_UNUSED) {
    rim_bundle_free(ctx, &((struct asker *)self)->bundle);
}

static const rim_handler asker_on[] = {[GO] = ask_go, [RIM_ROOM] = ask_room, [TIE] = ask_tie};
static const rim_behaviour bundle_asker = {
    .name = "asker",
    .state_size = sizeof(struct asker),
    .init = role_init,
    .exit = asker_exit,
    .on = asker_on,
    .on_count = RIM_COUNT(asker_on),
};

/* ---- the scenarios ---- */

static void play(struct scenario *s, struct world settings, bool with_gone) {
    static struct world world;
    rim_stats stats;
    memset(&world, 0, sizeof world);
    world.rounds = settings.rounds;
    world.asks = settings.asks;
    world.skips = settings.skips;
    world.silent = settings.silent;
    world.is_slow = settings.is_slow;
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2});
    struct role_cast cast = {.world = &world};
    for (uint32_t i = 0; i < ANSWERERS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % 2, .mailbox_count = world.is_slow ? 1 : 0};
        world.answerers[i] = role_spawn_with(s, &bundle_answerer, options, cast);
    }
    rim_ref asker = role_spawn(s, &bundle_asker, 0, cast);
    if (with_gone) {
        world.gone = role_spawn(s, &bundle_answerer, 0, cast);
        CHECK(rim_system_send(scenario_system(s), world.gone, END, NULL, 0) == 0);
    }
    role_rest(s);
    role_go(s, asker);
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(world.made == (uint64_t)world.rounds * world.asks);
    CHECK(world.was_full == world.is_slow);
    CHECK(rim_system_send(scenario_system(s), asker, TIE, NULL, 0) == 0);
    role_settle(s, &stats);
    CHECK(stats.requests_open == 0);
    CHECK(world.held == world.released);
    CHECK(world.silent == (world.held == 0));
    CHECK(scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
}

void bundle_gives_each_ask_its_answer(struct scenario *s) {
    play(s, (struct world){.rounds = 5, .asks = MANY}, false);
}

void bundle_waits_for_room_and_loses_nothing(struct scenario *s) {
    play(s, (struct world){.rounds = 3, .asks = MANY, .is_slow = true}, false);
}

void bundle_answers_for_one_who_is_gone(struct scenario *s) {
    play(s, (struct world){.rounds = 3, .asks = MANY}, true);
}

void bundle_answers_for_one_who_is_silent(struct scenario *s) {
    play(s, (struct world){.rounds = 2, .asks = 40, .silent = true}, false);
}

void bundle_refuses_what_is_left_out(struct scenario *s) {
    play(s, (struct world){.rounds = 3, .asks = 50, .skips = true}, false);
}
