/* SPDX-License-Identifier: MIT */
/*
 * Savina's chameneos: a hundred creatures of three colours meet by twos in a mall, and each changes its colour by what
 * the other's is, until there have been 200,000 meetings.
 */
#include <errno.h>

#include "harness.h"
#include "tails.h"
#include "whole.h"

enum { MEET = WHOLE_USER, CHANGE, CLOSED, TALLY };
enum { CREATURES = 100, MEETINGS = 200000 };
enum colour { RED, YELLOW, BLUE };

struct visit {
    rim_ref who;
    enum colour colour;
};

struct run {
    struct whole whole;
    const rim_behaviour *creature;
    struct tails tails; /* of creatures who are timed */
};

struct start {
    struct whole *whole;
    rim_ref mall;
    enum colour colour;
};

/* ---- a creature ---- */

struct creature {
    struct whole *whole;
    rim_ref mall;
    enum colour colour;
    uint32_t meetings;
    uint64_t came_ns; /* of those who are timed */
};

static enum colour complement(enum colour mine, enum colour other) {
    return mine == other ? mine : (enum colour)(RED + YELLOW + BLUE - (int)mine - (int)other);
}

static rim_verdict go_to_mall(rim_ctx *ctx, struct creature *self) {
    struct visit visit = {rim_self(ctx), self->colour};
    int error = rim_send(ctx, self->mall, MEET, &visit, sizeof visit);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict creature_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    const struct start *start = arg;
    struct creature *self = state;
    (void)size;
    *self = (struct creature){.whole = start->whole, .mall = start->mall, .colour = start->colour};
    return go_to_mall(ctx, self);
}

/* From the mall: somebody is there; both change, and both come again. */
static rim_verdict on_met(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct creature *self = state;
    const struct visit *other = body;
    (void)msg;
    self->colour = complement(self->colour, other->colour);
    self->meetings++;
    if (rim_send(ctx, other->who, CHANGE, &self->colour, sizeof self->colour) != 0) {
        return RIM_FAIL;
    }
    return go_to_mall(ctx, self);
}

static rim_verdict on_change(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct creature *self = state;
    (void)msg;
    self->colour = *(const enum colour *)body;
    self->meetings++;
    return go_to_mall(ctx, self);
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct creature *self = state;
    (void)body;
    (void)msg;
    return rim_send(ctx, self->mall, TALLY, &self->meetings, sizeof self->meetings) == 0 ? RIM_STOP : RIM_FAIL;
}

static const rim_handler creature_on[] = {[MEET] = on_met, [CHANGE] = on_change, [CLOSED] = on_closed};
static const rim_behaviour creature = {
    .name = "creature",
    .state_size = sizeof(struct creature),
    .on = creature_on,
    .on_count = RIM_COUNT(creature_on),
    .init = creature_init,
};

/* ---- the same, timed: from the way to the mall until somebody is met ---- */

static rim_verdict timed_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    rim_verdict verdict = creature_init(ctx, state, arg, size);
    ((struct creature *)state)->came_ns = now_ns();
    return verdict;
}

static void look_at_clock(rim_ctx *ctx, struct creature *self) {
    struct run *run = (struct run *)self->whole;
    tails_add(ctx, &run->tails, self->came_ns);
    self->came_ns = now_ns();
}

static rim_verdict on_timed_met(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    look_at_clock(ctx, state);
    return on_met(ctx, state, body, msg);
}

static rim_verdict on_timed_change(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    look_at_clock(ctx, state);
    return on_change(ctx, state, body, msg);
}

static const rim_handler timed_on[] = {[MEET] = on_timed_met, [CHANGE] = on_timed_change, [CLOSED] = on_closed};
static const rim_behaviour timed = {
    .name = "timed",
    .state_size = sizeof(struct creature),
    .on = timed_on,
    .on_count = RIM_COUNT(timed_on),
    .init = timed_init,
};

/* ---- the mall ---- */

struct mall {
    struct whole *whole;
    rim_ref waiting;
    uint32_t meetings, tallies;
    uint64_t sum;
};

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct mall *self = state;
    const struct run *run = (const struct run *)self->whole;
    int error = 0;
    (void)body;
    (void)msg;
    for (uint32_t i = 0; i < CREATURES && error == 0; i++) {
        struct start start = {self->whole, rim_self(ctx), (enum colour)(i % 3)};
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_shard_count(ctx)};
        rim_ref ref;
        error = rim_spawn(ctx, run->creature, &options, &start, sizeof start, &ref);
    }
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_meet(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct mall *self = state;
    const struct visit *visit = body;
    int error = 0;
    (void)msg;
    if (self->meetings == MEETINGS) {
        error = rim_send(ctx, visit->who, CLOSED, NULL, 0);
    } else if (self->waiting == RIM_NIL) {
        self->waiting = visit->who;
    } else {
        error = rim_send(ctx, self->waiting, MEET, visit, sizeof *visit);
        self->waiting = RIM_NIL;
        self->meetings++;
    }
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_tally(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct mall *self = state;
    (void)ctx;
    (void)msg;
    self->sum += *(const uint32_t *)body;
    if (++self->tallies == CREATURES) {
        whole_over(self->whole, self->sum == 2 * MEETINGS ? 0 : -EPROTO);
    }
    return RIM_DONE;
}

static const rim_handler mall_on[] = {[WHOLE_GO] = on_go, [MEET] = on_meet, [TALLY] = on_tally};
static const rim_behaviour mall = {
    .name = "mall",
    .state_size = sizeof(struct mall),
    .on = mall_on,
    .on_count = RIM_COUNT(mall_on),
    .init = whole_init,
};

static int play(uint32_t shards, struct sample *out) {
    struct run run = {.creature = &creature};
    int error = whole_play(&run.whole, &mall, shards);
    return whole_rate(&run.whole, error, MEETINGS, out);
}

static int play_timed(uint32_t shards, struct sample *out) {
    struct run run = {.creature = &timed};
    int error = tails_init(&run.tails, shards);
    error = error != 0 ? error : whole_play(&run.whole, &mall, shards);
    return tails_end(&run.tails, error, out);
}

static const struct figure figures[] = {
    WHOLE("200,000 meetings, one shard", "M/s", true, play, 1),
    WHOLE("200,000 meetings, two shards", "M/s", true, play, 2),
    WHOLE("until somebody is met, one shard", "us", false, play_timed, 1),
    WHOLE("until somebody is met, two shards", "us", false, play_timed, 2),
};

const struct benchmark bench_chameneos = BENCHMARK("chameneos", "Savina: a hundred actors meet by one broker", figures);
