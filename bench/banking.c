/* SPDX-License-Identifier: MIT */
/*
 * Savina's banking: a teller orders 50,000 transfers between two of 1,000 accounts. The account that pays asks the one
 * that receives to confirm, and confirms to the teller when it has: two requests, one within the other.
 */
#include <errno.h>

#include "harness.h"
#include "tails.h"
#include "whole.h"

enum { TRANSFER = WHOLE_USER, CREDIT, MORE };
enum { ACCOUNTS = 1000, TRANSFERS = 50000, AT_ONCE = 256 };

struct run {
    struct whole whole;
    bool timed; /* each transfer, from its order to its confirmation */
    struct tails tails;
};

struct transfer {
    rim_ref to;
    uint64_t amount;
};

struct account {
    struct whole *whole;
    int64_t balance;
};

static rim_verdict on_credited(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    error = error != 0 ? error : rim_reply(ctx, cookie, TRANSFER, NULL, 0);
    if (error != 0) {
        whole_over(((struct account *)state)->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_transfer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct account *self = state;
    const struct transfer *transfer = body;
    (void)msg;
    self->balance -= (int64_t)transfer->amount;
    rim_ask ask = {.to = transfer->to,
                   .tag = CREDIT,
                   .body = &transfer->amount,
                   .size = sizeof transfer->amount,
                   .timeout_ns = RIM_SECONDS(30),
                   .on_outcome = on_credited,
                   .cookie = rim_defer(ctx)};
    int error = rim_request(ctx, &ask, NULL);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_credit(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct account *self = state;
    (void)msg;
    self->balance += (int64_t) * (const uint64_t *)body;
    return rim_reply(ctx, RIM_NIL, CREDIT, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler account_on[] = {[TRANSFER] = on_transfer, [CREDIT] = on_credit};
static const rim_behaviour account = {
    .name = "account",
    .state_size = sizeof(struct account),
    .on = account_on,
    .on_count = RIM_COUNT(account_on),
    .init = whole_init,
};

/* ---- the teller: so many transfers at once, and a new one for each that is confirmed ---- */

struct teller {
    struct whole *whole;
    uint64_t random;
    uint32_t ordered, confirmed;
    rim_ref accounts[ACCOUNTS];
};

static int order(rim_ctx *ctx, struct teller *self);

static rim_verdict on_confirmed(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct teller *self = state;
    struct run *run = (struct run *)self->whole;
    (void)body;
    (void)msg;
    if (run->timed) {
        tails_add(ctx, &run->tails, cookie);
    }
    error = error == 0 && self->ordered < TRANSFERS ? order(ctx, self) : error;
    if (error != 0 || ++self->confirmed == TRANSFERS) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static int order(rim_ctx *ctx, struct teller *self) {
    uint64_t dice = whole_random(&self->random);
    uint32_t from = (uint32_t)(dice % ACCOUNTS);
    struct transfer transfer = {self->accounts[(from + 1 + (dice >> 32) % (ACCOUNTS - 1)) % ACCOUNTS], 1 + dice % 100};
    rim_ask ask = {.to = self->accounts[from],
                   .tag = TRANSFER,
                   .body = &transfer,
                   .size = sizeof transfer,
                   .timeout_ns = RIM_SECONDS(30),
                   .on_outcome = on_confirmed,
                   .cookie = ((const struct run *)self->whole)->timed ? now_ns() : 0};
    self->ordered++;
    return rim_request(ctx, &ask, NULL);
}

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct teller *self = state;
    int error = 0;
    (void)body;
    (void)msg;
    for (uint32_t i = 0; i < ACCOUNTS && error == 0; i++) {
        error = whole_spawn(ctx, &account, i, self->whole, &self->accounts[i]);
    }
    for (uint32_t i = 0; i < AT_ONCE && error == 0; i++) {
        error = order(ctx, self);
    }
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static const rim_handler teller_on[] = {[WHOLE_GO] = on_go};
static const rim_behaviour teller = {
    .name = "teller",
    .state_size = sizeof(struct teller),
    .on = teller_on,
    .on_count = RIM_COUNT(teller_on),
    .init = whole_init,
};

static int play(uint32_t shards, struct sample *out) {
    struct run run = {.timed = false};
    int error = whole_play(&run.whole, &teller, shards);
    return whole_rate(&run.whole, error, TRANSFERS, out);
}

static int play_timed(uint32_t shards, struct sample *out) {
    struct run run = {.timed = true};
    int error = tails_init(&run.tails, shards);
    error = error != 0 ? error : whole_play(&run.whole, &teller, shards);
    return tails_end(&run.tails, error, out);
}

static const struct figure figures[] = {
    WHOLE("50,000 transfers, one shard", "M/s", true, play, 1),
    WHOLE("50,000 transfers, two shards", "M/s", true, play, 2),
    WHOLE("a transfer with 256 open, one shard", "us", false, play_timed, 1),
    WHOLE("a transfer with 256 open, two shards", "us", false, play_timed, 2),
};

const struct benchmark bench_banking = BENCHMARK("banking", "Savina: transfers between a thousand accounts", figures);
