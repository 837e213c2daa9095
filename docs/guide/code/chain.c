/* SPDX-License-Identifier: MIT */
/*
 * chain.c - pressure over two hops: a client writes faster than a worker on another shard works. The owner of the
 * connection has a few pieces under way to the worker; while these are not answered for, it holds the client back.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))
#define WINDOW 4u
#define TOTAL  (16u << 20)

enum { PIECE = RIM_USER, DONE };

static sem_t over;

/* ---- the worker: slow, for it answers each piece after a while ---- */

struct worker {
    rim_token piece[WINDOW];
    uint32_t first, count;
    uint64_t bytes;
};

static rim_verdict on_piece(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg) {
    struct worker *self = state;
    self->bytes += rim_size(msg);
    self->piece[(self->first + self->count++) % WINDOW] = rim_defer(ctx);
    return rim_after(ctx, RIM_US(100), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct worker *self = state;
    rim_reply(ctx, self->piece[self->first++ % WINDOW], DONE, NULL, 0);
    self->count--;
    if (self->bytes == TOTAL && self->count == 0) {
        printf("the worker has all %u bytes\n", TOTAL);
        sem_post(&over);
    }
    return RIM_DONE;
}

static const rim_handler worker_on[] = {[PIECE] = on_piece, [RIM_TIMER] = on_timer};
static const rim_behaviour worker = {.name = "worker",
                                     .state_size = sizeof(struct worker),
                                     .on = worker_on,
                                     .on_count = RIM_COUNT(worker_on)};

/* ---- the owner of a connection ---- */

struct owner {
    rim_ref worker;
    uint32_t under_way;
    bool closed;
};

static rim_verdict owner_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct owner *self = state;
    rim_spawn_options elsewhere = {
        .place = RIM_ON_SHARD,
        .shard = (rim_shard_index(ctx) + 1) % rim_shard_count(ctx),
    };
    return rim_spawn(ctx, &worker, &elsewhere, NULL, 0, &self->worker) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict stop_when_done(const rim_ctx *ctx, const struct owner *self) {
    return self->closed && self->under_way == 0 && rim_stashed(ctx) == 0 ? RIM_STOP : RIM_DONE;
}

/* There is room for one more: the oldest that was put by, or else what the socket brings. */
static rim_verdict on_answer(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body UNUSED,
                             rim_msg *msg UNUSED) {
    struct owner *self = state;
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "the worker failed us: %s", rim_strerror(error));
    }
    self->under_way--;
    if (rim_unstash(ctx, 1) == 0) {
        rim_pressure(ctx, false);
    }
    return stop_when_done(ctx, self);
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg) {
    struct owner *self = state;
    if (self->under_way == WINDOW) {
        rim_pressure(ctx, true); /* the socket stops receiving, and TCP tells the client */
        return rim_stash(ctx, msg) == 0 ? RIM_DONE : RIM_FAIL;
    }
    rim_msg *piece = rim_take(ctx, msg); /* no copy: the worker gets the buffer that the kernel filled */
    if (piece == NULL) {
        return RIM_FAIL;
    }
    rim_msg_retag(piece, PIECE);
    self->under_way++;
    rim_ask ask = {.to = self->worker, .msg = piece, .timeout_ns = RIM_SECONDS(60), .on_outcome = on_answer};
    return rim_request(ctx, &ask, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

/* Also this comes before what was put by: the owner stays until that is done. */
static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct owner *self = state;
    self->closed = true;
    return stop_when_done(ctx, self);
}

static const rim_handler owner_on[] = {[RIM_SOCKET_DATA] = on_data, [RIM_SOCKET_CLOSED] = on_closed};
static const rim_behaviour owner = {
    .name = "owner",
    .state_size = sizeof(struct owner),
    .on = owner_on,
    .on_count = RIM_COUNT(owner_on),
    .init = owner_init,
};

/* ---- the client ---- */

struct client {
    rim_ref socket;
    uint32_t written;
    bool waited;
};

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    static const char block[1u << 16];
    struct client *self = state;
    while (self->written < TOTAL) {
        int error = rim_socket_write(ctx, self->socket, block, sizeof block);
        if (error == -RIM_EFULL) {
            if (!self->waited) {
                printf("the client has to wait\n");
            }
            self->waited = true;
            return rim_want_room(ctx, self->socket) == 0 ? RIM_DONE : RIM_FAIL;
        }
        if (error != 0) {
            return RIM_FAIL;
        }
        self->written += sizeof block;
    }
    return rim_socket_close(ctx, self->socket) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct client *self = state;
    rim_connect_options options = {
        .host = "127.0.0.1",
        .port = ((const rim_listening_event *)body)->address.port,
        .timeout_ns = RIM_SECONDS(5),
    };
    return rim_connect(ctx, &options, &self->socket) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict client_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_listen_options options = {.host = "127.0.0.1", .owner = &owner};
    rim_ref listener;
    return rim_listen(ctx, &options, &listener) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler client_on[] = {
    [RIM_LISTENING] = on_listening,
    [RIM_SOCKET_OPEN] = on_room,
    [RIM_ROOM] = on_room,
};
static const rim_behaviour client = {
    .name = "client",
    .state_size = sizeof(struct client),
    .on = client_on,
    .on_count = RIM_COUNT(client_on),
    .init = client_init,
};

int main(void) {
    rim_config config = {.shards = 2};
    rim_system *system;
    rim_ref someone;
    rim_stop_report report;
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &client, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), &report);
    printf("lost: %llu\n", (unsigned long long)report.lost);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
the client has to wait
the worker has all 16777216 bytes
lost: 0
*/
