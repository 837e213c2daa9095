/* SPDX-License-Identifier: MIT */
/*
 * cost - plays so much of one kind of work in the simulated world, for bench/cost/measure to count the instructions of:
 *
 *     cost WORK SHARDS SIZE COUNT
 *
 *     message    COUNT messages of 32 bytes, handed round SIZE actors that are spread over the shards
 *     request    COUNT requests and their replies, each to another one of SIZE actors
 *     echo       COUNT times 64 bytes to and fro on SIZE connections, in turn
 *
 * The simulated world is one thread with a clock of its own: the same build and the same arguments take the same
 * instructions. Those of its network are counted along.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ringmail.h>

enum { JOIN = RIM_USER, HOP, ASK, GO };
enum { MAILBOX = 1 << 21, PORT = 7 };

static uint32_t shards, size;
static uint64_t count, done;
static int first_error;

static rim_verdict give_up(int error) {
    first_error = first_error != 0 ? first_error : error;
    done = count;
    return RIM_DONE;
}

static rim_verdict check(int error) {
    return error == 0 ? RIM_DONE : give_up(error);
}

/* ---- message: a ring of actors ---- */

struct member {
    rim_ref next;
};

static rim_verdict on_join(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)msg;
    ((struct member *)state)->next = *(const rim_ref *)body;
    return RIM_DONE;
}

static rim_verdict on_hop(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)msg;
    return ++done < count ? check(rim_send(ctx, ((struct member *)state)->next, HOP, body, 32)) : RIM_DONE;
}

static rim_verdict on_ask(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state;
    (void)msg;
    return check(rim_reply(ctx, RIM_NIL, ASK, body, 32));
}

static const rim_handler member_on[] = {[JOIN] = on_join, [HOP] = on_hop, [ASK] = on_ask};
static const rim_behaviour member = {.name = "member",
                                     .state_size = sizeof(struct member),
                                     .on = member_on,
                                     .on_count = RIM_COUNT(member_on)};

/* Where the way in is full, the shards get to run. */
static bool may_try_again(rim_system *system, int error) {
    return error == -RIM_EFULL && rim_sim_run(system, RIM_MS(10)) > 0;
}

/* Neighbours in the ring are on neighbouring shards. */
static int make_ring(rim_system *system, rim_ref *refs) {
    int error = 0;
    for (uint32_t i = 0; i < size && error == 0; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % shards};
        do {
            error = rim_system_spawn(system, &member, &options, NULL, 0, &refs[i]);
        } while (may_try_again(system, error));
    }
    for (uint32_t i = 0; i < size && error == 0; i++) {
        do {
            error = rim_system_send(system, refs[i], JOIN, &refs[(i + 1) % size], sizeof(rim_ref));
        } while (may_try_again(system, error));
    }
    rim_sim_run(system, RIM_SECONDS(1)); /* they all know their neighbours */
    return error;
}

static int begin_message(rim_system *system) {
    rim_ref *refs = calloc(size, sizeof *refs);
    int error = refs == NULL ? -ENOMEM : make_ring(system, refs);
    error = error != 0 ? error : rim_system_send(system, refs[0], HOP, &(uint64_t[4]){0}, 32);
    free(refs);
    return error;
}

/* ---- request: one asker ---- */

struct asker {
    const rim_ref *refs;
};

static rim_verdict ask(rim_ctx *ctx, struct asker *self);

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)cookie;
    (void)body;
    (void)msg;
    if (error != 0) {
        return give_up(error);
    }
    return ++done < count ? ask(ctx, state) : RIM_DONE;
}

static rim_verdict ask(rim_ctx *ctx, struct asker *self) {
    static const uint64_t body[4];
    return check(rim_request(ctx,
                             &(rim_ask){.to = self->refs[done % size],
                                        .tag = ASK,
                                        .body = body,
                                        .size = sizeof body,
                                        .timeout_ns = RIM_SECONDS(60),
                                        .on_outcome = on_outcome},
                             NULL));
}

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct asker *self = state;
    (void)msg;
    self->refs = *(const rim_ref *const *)body;
    return ask(ctx, self);
}

static const rim_handler asker_on[] = {[GO] = on_go};
static const rim_behaviour asker = {.name = "asker",
                                    .state_size = sizeof(struct asker),
                                    .on = asker_on,
                                    .on_count = RIM_COUNT(asker_on)};

static int begin_request(rim_system *system) {
    static rim_ref *refs; /* until the end */
    rim_ref ref;
    refs = calloc(size, sizeof *refs);
    int error = refs == NULL ? -ENOMEM : make_ring(system, refs);
    error = error != 0 ? error : rim_system_spawn(system, &asker, NULL, NULL, 0, &ref);
    return error != 0 ? error : rim_system_send(system, ref, GO, &refs, sizeof refs);
}

/* ---- echo: clients on the first shard, the server's connections on all ---- */

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
    return check(rim_socket_write_msg(ctx, ((struct echo *)state)->socket, rim_take(ctx, msg)));
}

static const rim_handler echo_on[] = {[RIM_SOCKET_DATA] = on_echo};
static const rim_behaviour echo = {.name = "echo",
                                   .state_size = sizeof(struct echo),
                                   .on = echo_on,
                                   .on_count = RIM_COUNT(echo_on),
                                   .init = echo_init};

struct client {
    rim_ref *sockets;
    uint32_t open;
    uint32_t got; /* of the 64 bytes */
};

static rim_verdict say(rim_ctx *ctx, struct client *self) {
    static const char bytes[64];
    return check(rim_socket_write(ctx, self->sockets[done % size], bytes, sizeof bytes));
}

static rim_verdict on_listening(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    int error = 0;
    (void)body;
    (void)msg;
    self->sockets = rim_alloc(ctx, size * sizeof *self->sockets);
    rim_connect_options options = {.host = "127.0.0.1", .port = PORT, .timeout_ns = RIM_SECONDS(60)};
    for (uint32_t i = 0; i < size && error == 0; i++) {
        error = self->sockets == NULL ? -ENOMEM : rim_connect(ctx, &options, &self->sockets[i]);
    }
    return check(error);
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    (void)body;
    (void)msg;
    return ++self->open == size ? say(ctx, self) : RIM_DONE;
}

static rim_verdict on_answer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    (void)body;
    self->got += (uint32_t)rim_size(msg);
    if (self->got < 64) {
        return RIM_DONE;
    }
    self->got = 0;
    return ++done < count ? say(ctx, self) : RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)state;
    (void)msg;
    return done < count ? give_up(((const rim_closed_event *)body)->error) : RIM_DONE;
}

static rim_verdict client_init(rim_ctx *ctx, void *state, const void *arg, size_t arg_size) {
    rim_listen_options options = {.host = "127.0.0.1",
                                  .port = PORT,
                                  .owner = &echo,
                                  .distribute = RIM_DISTRIBUTE_ROUND_ROBIN};
    (void)state;
    (void)arg;
    (void)arg_size;
    return check(rim_listen(ctx, &options, NULL));
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

static int begin_echo(rim_system *system) {
    rim_ref ref;
    rim_spawn_options options = {.mailbox_count = MAILBOX};
    return rim_system_spawn(system, &client, &options, NULL, 0, &ref);
}

/* ---- */

static const struct {
    const char *name;
    int (*begin)(rim_system *system);
} works[] = {{"message", begin_message}, {"request", begin_request}, {"echo", begin_echo}};

static int play(int (*begin)(rim_system *system)) {
    rim_config config = {.shards = shards, .driver = RIM_DRIVER_SIM, .seed = 1};
    rim_system *system;
    int error = rim_system_create(&config, &system);
    if (error != 0) {
        return error;
    }
    error = rim_system_start(system);
    error = error != 0 ? error : begin(system);
    while (error == 0 && done < count) {
        error = rim_sim_run(system, RIM_SECONDS(1)) > 0 || done >= count ? first_error : -ETIMEDOUT;
    }
    int stopped = rim_system_stop(system, RIM_SECONDS(60), NULL);
    rim_system_destroy(system);
    return error != 0 ? error : stopped;
}

int main(int argc, char **argv) {
    int error = -EINVAL;
    if (argc == 5) {
        shards = (uint32_t)strtoul(argv[2], NULL, 10);
        size = (uint32_t)strtoul(argv[3], NULL, 10);
        count = strtoull(argv[4], NULL, 10);
        for (size_t i = 0; i < RIM_COUNT(works) && size > 0; i++) {
            error = strcmp(works[i].name, argv[1]) == 0 ? play(works[i].begin) : error;
        }
    }
    if (error != 0) {
        fprintf(stderr, "cost: %s (usage: cost message|request|echo SHARDS SIZE COUNT)\n", rim_strerror(error));
    }
    return error == 0 ? 0 : 1;
}
