/* SPDX-License-Identifier: MIT */
/*
 * echo: connections of a client on the first shard, the server's on all. datagram: the same with a socket for each, of
 * an actor on the first shard, and an answering one on each shard.
 */
#include "cost.h"

#include <errno.h>

enum { MAILBOX = 1 << 21, PORT = 7, BYTES = 64 };

static const char bytes[BYTES];

struct echo {
    rim_ref socket;
};

static rim_verdict echo_init(rim_ctx *ctx, void *state, const void *arg, size_t arg_size) {
    (void)ctx;
    (void)arg_size;
    ((struct echo *)state)->socket = ((const rim_connection *)arg)->socket;
    return RIM_DONE;
}

static rim_verdict on_echo(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    return cost_check(rim_socket_write_msg(ctx, ((struct echo *)state)->socket, rim_take(ctx, msg)));
}

static const rim_handler echo_on[] = {[RIM_SOCKET_DATA] = on_echo};
static const rim_behaviour echo = {.name = "echo",
                                   .state_size = sizeof(struct echo),
                                   .on = echo_on,
                                   .on_count = RIM_COUNT(echo_on),
                                   .init = echo_init};

/* ---- its client ---- */

struct client {
    rim_ref *sockets;
    uint64_t next;
    uint32_t open;
    uint32_t got; /* bytes, less those of the answers that were counted */
};

static rim_verdict say(rim_ctx *ctx, struct client *self) {
    return cost_check(rim_socket_write(ctx, self->sockets[self->next++ % cost.size], bytes, BYTES));
}

static rim_verdict on_listening(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    int error = 0;
    (void)body;
    (void)msg;
    self->sockets = rim_alloc(ctx, cost.size * sizeof *self->sockets);
    rim_connect_options options = {.host = "127.0.0.1", .port = PORT, .timeout_ns = RIM_SECONDS(60)};
    for (uint32_t i = 0; i < cost.size && error == 0; i++) {
        error = self->sockets == NULL ? -ENOMEM : rim_connect(ctx, &options, &self->sockets[i]);
    }
    return cost_check(error);
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    (void)body;
    (void)msg;
    if (++self->open == cost.size) {
        for (uint32_t i = 0; i < cost.under_way; i++) {
            (void)say(ctx, self);
        }
    }
    return RIM_DONE;
}

static rim_verdict on_answer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    (void)body;
    for (self->got += (uint32_t)rim_size(msg); self->got >= BYTES; self->got -= BYTES) {
        if (cost_lap()) {
            (void)say(ctx, self);
        }
    }
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)state;
    (void)msg;
    return cost.done < cost.count ? cost_give_up(((const rim_closed_event *)body)->error) : RIM_DONE;
}

static rim_verdict client_init(rim_ctx *ctx, void *state, const void *arg, size_t arg_size) {
    rim_listen_options options = {.host = "127.0.0.1",
                                  .port = PORT,
                                  .owner = &echo,
                                  .distribute = RIM_DISTRIBUTE_ROUND_ROBIN};
    (void)state;
    (void)arg;
    (void)arg_size;
    return cost_check(rim_listen(ctx, &options, NULL));
}

static const rim_handler client_on[] = {[RIM_LISTENING] = on_listening,
                                        [RIM_SOCKET_OPEN] = on_open,
                                        [RIM_SOCKET_DATA] = on_answer,
                                        [RIM_SOCKET_CLOSED] = on_closed};
static const rim_behaviour client = {.name = "client",
                                     .state_size = sizeof(struct client),
                                     .on = client_on,
                                     .on_count = RIM_COUNT(client_on),
                                     .init = client_init};

int cost_echo(rim_system *system) {
    rim_ref ref;
    rim_spawn_options options = {.mailbox_count = MAILBOX};
    return rim_system_spawn(system, &client, &options, NULL, 0, &ref);
}

/* ---- datagrams ---- */

struct answerer {
    rim_ref socket;
};

static rim_verdict answerer_init(rim_ctx *ctx, void *state, const void *arg, size_t arg_size) {
    rim_datagram_options options = {.host = "127.0.0.1", .port = (uint16_t)(PORT + rim_shard_index(ctx))};
    (void)arg;
    (void)arg_size;
    return cost_check(rim_datagram_open(ctx, &options, &((struct answerer *)state)->socket));
}

static rim_verdict on_question(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_datagram_event *event = body;
    (void)msg;
    if (event->error != 0) {
        return cost_give_up(event->error);
    }
    return cost_check(rim_datagram_send(ctx, ((struct answerer *)state)->socket, &event->from,
                                        rim_datagram_bytes(event), event->size));
}

static const rim_handler answerer_on[] = {[RIM_DATAGRAM] = on_question};
static const rim_behaviour answerer = {.name = "answerer",
                                       .state_size = sizeof(struct answerer),
                                       .on = answerer_on,
                                       .on_count = RIM_COUNT(answerer_on),
                                       .init = answerer_init};

static rim_verdict send_one(rim_ctx *ctx, struct client *self) {
    return cost_check(rim_datagram_send(ctx, self->sockets[self->next++ % cost.size], NULL, bytes, BYTES));
}

static rim_verdict sender_init(rim_ctx *ctx, void *state, const void *arg, size_t arg_size) {
    struct client *self = state;
    (void)arg;
    (void)arg_size;
    self->sockets = rim_alloc(ctx, cost.size * sizeof *self->sockets);
    int error = self->sockets == NULL ? -ENOMEM : 0;
    for (uint32_t i = 0; i < cost.size && error == 0; i++) {
        rim_datagram_options options = {.peer = "127.0.0.1", .peer_port = (uint16_t)(PORT + i % cost.shards)};
        error = rim_datagram_open(ctx, &options, &self->sockets[i]);
    }
    for (uint32_t i = 0; i < cost.under_way && error == 0; i++) {
        (void)send_one(ctx, self);
    }
    return cost_check(error);
}

static rim_verdict on_datagram(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    int error = ((const rim_datagram_event *)body)->error;
    (void)msg;
    if (error != 0) {
        return cost_give_up(error);
    }
    return cost_lap() ? send_one(ctx, state) : RIM_DONE;
}

static const rim_handler sender_on[] = {[RIM_DATAGRAM] = on_datagram};
static const rim_behaviour sender = {.name = "sender",
                                     .state_size = sizeof(struct client),
                                     .on = sender_on,
                                     .on_count = RIM_COUNT(sender_on),
                                     .init = sender_init};

int cost_datagram(rim_system *system) {
    rim_ref ref;
    int error = 0;
    for (uint32_t i = 0; i < cost.shards && error == 0; i++) {
        error = cost_spawn(system, &answerer, i, &ref);
    }
    rim_sim_run(system, RIM_MS(100)); /* they are there */
    rim_spawn_options options = {.mailbox_count = MAILBOX};
    return error != 0 ? error : rim_system_spawn(system, &sender, &options, NULL, 0, &ref);
}
