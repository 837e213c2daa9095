/* SPDX-License-Identifier: MIT */
/*
 * CAF's mixed case: twenty rings of fifty actors hand a token round, are made anew five times each, and for each ring
 * made, a worker finds the factors of a number meanwhile. The token is handed on 1,000 times, and the number is one
 * that takes a few milliseconds; CAF's own, of 10,000 and of a second, only take longer.
 */
#include <errno.h>

#include "harness.h"
#include "whole.h"

enum { TOKEN = WHOLE_USER, FACTORS, RING_OVER };
enum { RINGS = 20, LENGTH = 50, HOPS = 1000, ROUNDS = 5 };
static const uint64_t number = UINT64_C(1299709) * 1299721; /* two primes */

struct factors {
    uint64_t small, large;
};

/* ---- the worker ---- */

struct worker {
    struct whole *whole;
};

static rim_verdict on_factors(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    uint64_t wanted = *(const uint64_t *)body;
    uint64_t divisor = 2;
    (void)state;
    (void)msg;
    while (wanted % divisor != 0) {
        divisor++;
    }
    struct factors factors = {divisor, wanted / divisor};
    return rim_send(ctx, rim_sender(ctx), FACTORS, &factors, sizeof factors) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler worker_on[] = {[FACTORS] = on_factors};
static const rim_behaviour worker = {
    .name = "worker",
    .state_size = sizeof(struct worker),
    .on = worker_on,
    .on_count = RIM_COUNT(worker_on),
    .init = whole_init,
};

/* ---- a link of a ring, which ends when the token, counted down, has gone by for the last time ---- */

struct link_arg {
    struct whole *whole;
    rim_ref next, master;
};

struct chain {
    struct link_arg arg;
};

static rim_verdict chain_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    ((struct chain *)state)->arg = *(const struct link_arg *)arg;
    return RIM_DONE;
}

static rim_verdict on_token(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct chain *self = state;
    uint64_t left = *(const uint64_t *)body;
    (void)msg;
    int error = left > 0 ? rim_send(ctx, self->arg.next, TOKEN, &(uint64_t){left - 1}, sizeof left)
                         : rim_send(ctx, self->arg.master, RING_OVER, NULL, 0);
    if (error != 0) {
        whole_over(self->arg.whole, error);
    }
    return RIM_DONE;
}

static const rim_handler chain_on[] = {[TOKEN] = on_token};
static const rim_behaviour chain = {
    .name = "chain",
    .state_size = sizeof(struct chain),
    .on = chain_on,
    .on_count = RIM_COUNT(chain_on),
    .init = chain_init,
};

/* ---- the master of a ring, itself one of its links ---- */

struct master {
    struct whole *whole;
    rim_ref root, worker, next;
    rim_ref links[LENGTH - 1];
    uint32_t round, done;
};

static int make_ring(rim_ctx *ctx, struct master *self) {
    struct link_arg arg = {self->whole, rim_self(ctx), rim_self(ctx)};
    int error = 0;
    for (int i = 0; i < LENGTH - 1 && error == 0; i++) {
        error = rim_spawn(ctx, &chain, NULL, &arg, sizeof arg, &self->links[i]);
        arg.next = self->links[i];
    }
    self->next = arg.next;
    error = error != 0 ? error : rim_send(ctx, self->worker, FACTORS, &number, sizeof number);
    return error != 0 ? error : rim_send(ctx, self->next, TOKEN, &(uint64_t){HOPS}, sizeof(uint64_t));
}

static rim_verdict on_master_token(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct master *self = state;
    uint64_t left = *(const uint64_t *)body;
    (void)msg;
    int error = left > 0 ? rim_send(ctx, self->next, TOKEN, &(uint64_t){left - 1}, sizeof left)
                         : rim_send(ctx, rim_self(ctx), RING_OVER, NULL, 0);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

/* Both of a round are there: the links go, and the next round begins. */
static rim_verdict step(rim_ctx *ctx, struct master *self) {
    int error = 0;
    if (++self->done % 2 != 0) {
        return RIM_DONE;
    }
    for (int i = 0; i < LENGTH - 1 && error == 0; i++) {
        error = rim_stop(ctx, self->links[i]);
    }
    if (error == 0) {
        error = ++self->round < ROUNDS ? make_ring(ctx, self) : rim_send(ctx, self->root, RING_OVER, NULL, 0);
    }
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_ring_over(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return step(ctx, state);
}

static rim_verdict on_found(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct factors *factors = body;
    struct master *self = state;
    (void)msg;
    if (factors->small * factors->large != number || factors->small == 1) {
        whole_over(self->whole, -EPROTO);
    }
    return step(ctx, self);
}

static rim_verdict on_start(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct master *self = state;
    (void)body;
    (void)msg;
    self->root = rim_sender(ctx);
    int error = whole_spawn(ctx, &worker, rim_shard_index(ctx) + 1, self->whole, &self->worker);
    error = error != 0 ? error : make_ring(ctx, self);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static const rim_handler master_on[] = {
    [WHOLE_GO] = on_start, [TOKEN] = on_master_token, [FACTORS] = on_found, [RING_OVER] = on_ring_over};
static const rim_behaviour master = {
    .name = "master",
    .state_size = sizeof(struct master),
    .on = master_on,
    .on_count = RIM_COUNT(master_on),
    .init = whole_init,
};

/* ---- the root ---- */

struct root {
    struct whole *whole;
    uint32_t over;
};

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct root *self = state;
    int error = 0;
    (void)body;
    (void)msg;
    for (uint32_t i = 0; i < RINGS && error == 0; i++) {
        rim_ref ref;
        error = whole_spawn(ctx, &master, i, self->whole, &ref);
        error = error != 0 ? error : rim_send(ctx, ref, WHOLE_GO, NULL, 0);
    }
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_over(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct root *self = state;
    (void)ctx;
    (void)body;
    (void)msg;
    if (++self->over == RINGS) {
        whole_over(self->whole, 0);
    }
    return RIM_DONE;
}

static const rim_handler root_on[] = {[WHOLE_GO] = on_go, [RING_OVER] = on_over};
static const rim_behaviour root = {
    .name = "root",
    .state_size = sizeof(struct root),
    .on = root_on,
    .on_count = RIM_COUNT(root_on),
    .init = whole_init,
};

static int play(uint32_t shards, struct sample *out) {
    struct whole whole = {.ns = 0};
    int error = whole_play(&whole, &root, shards);
    *out = (struct sample){.value = whole.ns / 1e6, .n = (uint64_t)RINGS * ROUNDS * HOPS};
    return error;
}

static const struct figure figures[] = {
    WHOLE("20 rings of 50, one shard", "ms", false, play, 1),
    WHOLE("20 rings of 50, two shards", "ms", false, play, 2),
};

const struct benchmark bench_mixed = BENCHMARK("mixed", "CAF: rings made anew while others compute", figures);
