/* SPDX-License-Identifier: MIT */
/*
 * Back-pressure over two hops: a peer writes to a socket, its owner passes what comes on to a worker on another shard,
 * and the worker takes nothing. The owner has a few pieces under way at most. It puts by what comes beyond, holds the
 * socket back, and the peer's writes stall. When the worker goes on, everything arrives, in order.
 */
#include <stdatomic.h>
#include <string.h>

#include "ringmail/mailbox.h"
#include "socket_world.h"

enum { PIECE = RIM_USER, OPEN, DONE };

#define WINDOW    4u
#define TOTAL     (12u << 20)
#define AHEAD_MAX (10u << 20) /* what the queues of both sockets and of the kernel take */

struct chain {
    struct scenario *s;
    rim_ref boss;
    atomic_uintptr_t worker; /* a rim_ref */
    atomic_uint ended;
    atomic_uint pieces;          /* that the worker has got */
    atomic_ullong passed;        /* bytes that it has answered for */
    atomic_uint pressed, stalls; /* times that the owner was under pressure; that the peer had to wait */
};
static struct chain chain;
/* The peer has closed, and the worker has all: the stop would end what is still under way to the owner. */
static void end_one(rim_ctx *ctx) {
    if (atomic_fetch_add(&chain.ended, 1) == 1) {
        scenario_done(ctx);
    }
}
#define CHAIN_CHECK(expression) SCENARIO_CHECK(chain.s, expression)

/* ---- the worker ---- */

struct worker {
    rim_token waiting[WINDOW];
    uint32_t count;
    uint64_t received;
    bool open;
};

static rim_verdict worker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self, (void)arg, (void)size;
    atomic_store(&chain.worker, rim_self(ctx));
    return RIM_DONE;
}

static rim_verdict worker_piece(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct worker *worker = self;
    CHAIN_CHECK(socket_world_is(body, rim_size(msg), worker->received));
    worker->received += rim_size(msg);
    atomic_fetch_add(&chain.pieces, 1);
    if (worker->open) {
        atomic_store(&chain.passed, worker->received);
        CHAIN_CHECK(rim_reply(ctx, RIM_NIL, DONE, NULL, 0) == 0);
        if (worker->received == TOTAL) {
            end_one(ctx);
        }
        return RIM_DONE;
    }
    CHAIN_CHECK(worker->count < WINDOW);
    if (worker->count < WINDOW) {
        worker->waiting[worker->count++] = rim_defer(ctx);
    }
    return RIM_DONE;
}

static rim_verdict worker_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body, (void)msg;
    struct worker *worker = self;
    worker->open = true;
    for (uint32_t i = 0; i < worker->count; i++) {
        CHAIN_CHECK(rim_reply(ctx, worker->waiting[i], DONE, NULL, 0) == 0);
    }
    atomic_store(&chain.passed, worker->received);
    return RIM_DONE;
}

static const rim_handler worker_rows[] = {[PIECE] = worker_piece, [OPEN] = worker_open};
static const rim_behaviour worker_behaviour = {.name = "worker",
                                               .state_size = sizeof(struct worker),
                                               .init = worker_init,
                                               .on = worker_rows,
                                               .on_count = RIM_COUNT(worker_rows)};

/* ---- the owner of the socket ---- */

struct owner {
    rim_ref socket, worker;
    uint32_t under_way;
    bool closed;
};

static rim_verdict owner_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct owner *owner = self;
    rim_spawn_options elsewhere = {.place = RIM_ON_SHARD, .shard = (rim_shard_index(ctx) + 1) % rim_shard_count(ctx)};
    owner->socket = ((const rim_connection *)arg)->socket;
    return rim_spawn(ctx, &worker_behaviour, &elsewhere, NULL, 0, &owner->worker) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict owner_outcome(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)cookie, (void)body, (void)msg;
    struct owner *owner = self;
    CHAIN_CHECK(error == 0);
    owner->under_way--;
    if (rim_unstash(ctx, 1) == 0) {
        CHAIN_CHECK(rim_pressure(ctx, false) == 0);
    }
    return owner->closed && owner->under_way == 0 && rim_stashed(ctx) == 0 && rim_backlog(ctx) == 0 ? RIM_STOP
                                                                                                    : RIM_DONE;
}

static rim_verdict owner_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    struct owner *owner = self;
    if (owner->under_way == WINDOW) {
        atomic_fetch_add(&chain.pressed, 1);
        CHAIN_CHECK(rim_pressure(ctx, true) == 0);
        return rim_stash(ctx, msg) == 0 ? RIM_DONE : RIM_FAIL;
    }
    rim_msg *piece = rim_take(ctx, msg);
    if (piece == NULL) {
        return RIM_FAIL;
    }
    rim_msg_retag(piece, PIECE);
    rim_ask ask = {.to = owner->worker, .msg = piece, .timeout_ns = RIM_SECONDS(60), .on_outcome = owner_outcome};
    CHAIN_CHECK(rim_request(ctx, &ask, NULL) == 0);
    owner->under_way++;
    return RIM_DONE;
}

static rim_verdict owner_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct owner *owner = self;
    CHAIN_CHECK(((const rim_closed_event *)body)->error == 0);
    owner->closed = true;
    return owner->under_way == 0 && rim_stashed(ctx) == 0 ? RIM_STOP : RIM_DONE;
}

static const rim_handler owner_rows[] = {[RIM_SOCKET_DATA] = owner_data, [RIM_SOCKET_CLOSED] = owner_closed};
static const rim_behaviour owner_behaviour = {.name = "owner",
                                              .state_size = sizeof(struct owner),
                                              .init = owner_init,
                                              .on = owner_rows,
                                              .on_count = RIM_COUNT(owner_rows)};

/* ---- the peer ---- */

static rim_verdict peer_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self, (void)size;
    (void)socket_world_of(arg);
    (void)socket_world_listen(ctx, chain.s, &owner_behaviour, NULL);
    return RIM_DONE;
}

static rim_verdict peer_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct socket_pump *pump = self;
    pump->total = TOTAL;
    pump->socket = socket_world_connect(ctx, chain.s, "127.0.0.1", ((const rim_listening_event *)body)->address.port);
    return RIM_DONE;
}

static rim_verdict peer_write(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body, (void)msg;
    struct socket_pump *pump = self;
    if (socket_pump_run(ctx, pump)) {
        CHAIN_CHECK(rim_socket_close(ctx, pump->socket) == 0);
    } else if (atomic_fetch_add(&chain.stalls, 1) == 0) { /* a time in which nothing more can move */
        CHAIN_CHECK(rim_after(ctx, RIM_MS(30), 0) != RIM_NIL);
    }
    return RIM_DONE;
}

/* The worker answers nothing: so it has got no more than the window, and the peer waits. */
static rim_verdict peer_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body, (void)msg;
    const struct socket_pump *pump = self;
    CHAIN_CHECK(atomic_load(&chain.pieces) <= WINDOW);
    CHAIN_CHECK(atomic_load(&chain.passed) == 0);
    CHAIN_CHECK(pump->written <= AHEAD_MAX);
    rim_ref worker = atomic_load(&chain.worker);
    if (worker == RIM_NIL || atomic_load(&chain.pressed) == 0) { /* it has not got that far */
        CHAIN_CHECK(rim_after(ctx, RIM_MS(30), 0) != RIM_NIL);
    } else {
        CHAIN_CHECK(rim_send(ctx, worker, OPEN, NULL, 0) == 0);
    }
    return RIM_DONE;
}

static rim_verdict peer_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self, (void)msg;
    const rim_closed_event *event = body;
    CHAIN_CHECK(event->error == 0);
    CHAIN_CHECK(event->sent == TOTAL);
    end_one(ctx);
    return RIM_DONE;
}

static const rim_handler peer_rows[] = {[RIM_LISTENING] = peer_listening,
                                        [RIM_SOCKET_OPEN] = peer_write,
                                        [RIM_ROOM] = peer_write,
                                        [RIM_TIMER] = peer_timer,
                                        [RIM_SOCKET_CLOSED] = peer_closed};
static const rim_behaviour peer_behaviour = {.name = "peer",
                                             .state_size = sizeof(struct socket_pump),
                                             .init = peer_init,
                                             .on = peer_rows,
                                             .on_count = RIM_COUNT(peer_rows)};

void contract_04_slow_worker_behind_the_owner_stalls_the_peer(struct scenario *s) {
    memset(&chain, 0, sizeof chain);
    chain.s = s;
    scenario_open_lanes(s);
    socket_world_run(s, &peer_behaviour, NULL);
    scenario_stop(s, RIM_SECONDS(10), NULL);
    CHAIN_CHECK(atomic_load(&chain.passed) == TOTAL);
    CHAIN_CHECK(atomic_load(&chain.pressed) > 0);
    CHAIN_CHECK(atomic_load(&chain.stalls) > 0);
}
