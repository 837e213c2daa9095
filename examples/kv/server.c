/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <sodium.h>

#include "client.h"
#include "connection.h"
#include "keeper.h"

#define MAX_VALUE (512u << 20)

struct state {
    struct server *server;
    struct client_list clients;
    uint32_t spawned; /* keepers */
    uint64_t received;
    bool told; /* options.ready has been called */
};

uint64_t server_hash(const struct server *server, const void *key, size_t size) {
    uint64_t hash;
    _Static_assert(sizeof hash == crypto_shorthash_BYTES, "one word");
    crypto_shorthash((unsigned char *)&hash, key, size, server->hash_key);
    return hash;
}

static rim_verdict tell(struct state *self, int error, const char *text) {
    if (!self->told && self->server->options.ready != NULL) {
        self->server->options.ready(self->server->options.arg, error, text);
    }
    self->told = true;
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

static int listen_for_clients(rim_ctx *ctx, struct server *server) {
    rim_listen_options options = {
        .host = server->options.bind,
        .port = server->options.port,
        .owner = &connection_behaviour,
        .arg = server,
        .distribute = server->options.distribute,
        .max_connections = server->options.max_clients,
        .full_text = "-ERR max number of clients reached\r\n",
    };
    rim_ref listener;
    return rim_listen(ctx, &options, &listener);
}

/* Spawns the keepers that are still to come, then listens. Where the way to a shard is full, it tries again. */
static rim_verdict begin(rim_ctx *ctx, struct state *self) {
    struct server *server = self->server;
    for (; self->spawned < server->shards; self->spawned++) {
        int error = keeper_spawn(ctx, self->spawned, &server->keepers[self->spawned]);
        if (error == -RIM_EFULL && rim_after(ctx, RIM_MS(1), 0) != RIM_NIL) {
            return RIM_DONE;
        }
        if (error != 0) {
            return tell(self, error, rim_strerror(error));
        }
    }
    int error = listen_for_clients(ctx, server);
    return error == 0 ? RIM_DONE : tell(self, error, rim_error_text(ctx));
}

static rim_verdict server_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct state *self = state;
    struct server *server = *(struct server *const *)arg;
    (void)size;
    self->server = server;
    server->self = rim_self(ctx);
    server->shards = rim_shard_count(ctx);
    server->started_ms = rim_wall_ms(ctx);
    for (size_t i = 0; i < sizeof server->hash_key; i++) {
        server->hash_key[i] = (unsigned char)rim_random(ctx);
    }
    command_index_fill(&server->commands);
    return begin(ctx, self);
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return begin(ctx, state);
}

static void server_exit(rim_ctx *ctx, void *state, rim_exit why) {
    struct state *self = state;
    (void)ctx;
    (void)why;
    client_list_free(&self->clients);
}

static rim_verdict on_listening(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_listening_event *event = body;
    char text[RIM_ADDRESS_TEXT_MAX];
    (void)ctx;
    (void)msg;
    return tell(state, 0, rim_address_format(&event->address, text));
}

static rim_verdict on_opened(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct state *self = state;
    const struct server_client *client = body;
    (void)msg;
    self->received++;
    client_list_add(&self->clients, client->id, (rim_address[2]){client->peer, client->local}, rim_wall_ms(ctx));
    return RIM_DONE;
}

static rim_verdict on_renamed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct state *self = state;
    const uint64_t *id = body;
    (void)ctx;
    client_list_rename(&self->clients, *id, (const char *)(id + 1), rim_size(msg) - sizeof *id);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct state *self = state;
    (void)ctx;
    (void)msg;
    client_list_remove(&self->clients, *(const uint64_t *)body);
    return RIM_DONE;
}

static rim_verdict on_count(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct state *self = state;
    struct server_counts counts = {.connected = self->clients.count, .received = self->received};
    (void)body;
    (void)msg;
    rim_reply(ctx, RIM_NIL, SERVER_COUNTED, &counts, sizeof counts);
    return RIM_DONE;
}

static rim_verdict on_list(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct state *self = state;
    struct buffer text = {0};
    (void)body;
    (void)msg;
    client_list_write(&self->clients, rim_wall_ms(ctx), &text);
    rim_reply(ctx, RIM_NIL, SERVER_LISTED, text.bytes, text.size);
    buffer_clear(&text, 0);
    return RIM_DONE;
}

static const rim_handler server_on[] = {
    [RIM_TIMER] = on_timer,        [RIM_LISTENING] = on_listening, [SERVER_OPENED] = on_opened,
    [SERVER_RENAMED] = on_renamed, [SERVER_CLOSED] = on_closed,    [SERVER_COUNT] = on_count,
    [SERVER_LIST] = on_list,
};

static const rim_behaviour server_behaviour = {
    .name = "server",
    .state_size = sizeof(struct state),
    .on = server_on,
    .on_count = RIM_COUNT(server_on),
    .init = server_init,
    .exit = server_exit,
};

int server_start(rim_system *system, struct server *server, const struct server_options *options) {
    rim_spawn_options spawn = {.mailbox_count = 1u << 20, .mailbox_bytes = 256u << 20};
    rim_ref self;
    *server = (struct server){.options = *options};
    if (server->options.max_value == 0) {
        server->options.max_value = MAX_VALUE;
    }
    return rim_system_spawn(system, &server_behaviour, &spawn, &server, sizeof server, &self);
}
