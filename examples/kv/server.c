/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <errno.h>
#include <stdlib.h>

struct state {
    struct server *server;
    bool told; /* options.ready has been called */
};

static rim_verdict tell(struct state *self, int error, const char *text) {
    if (!self->told && self->server->options.ready != NULL) {
        self->server->options.ready(self->server->options.arg, error, text);
    }
    self->told = true;
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict server_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct state *self = state;
    struct server *server = self->server = *(struct server *const *)arg;
    server->started_ms = rim_wall_ms(ctx);
    for (size_t i = 0; i < sizeof server->hash_key; i++) {
        server->hash_key[i] = (unsigned char)rim_random(ctx);
    }
    rim_listen_options options = {
        .host = server->options.bind,
        .port = server->options.port,
        .owner = &connection_behaviour,
        .arg = server,
        .distribute = server->options.distribute,
        .max_connections = server->options.max_clients,
        .full_text = "-ERR max number of clients reached\r\n",
    };
    int error = rim_listen(ctx, &options, NULL);
    return error == 0 ? RIM_DONE : tell(self, error, rim_error_text(ctx));
}

static rim_verdict on_listening(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    const rim_listening_event *event = body;
    char text[RIM_ADDRESS_TEXT_MAX];
    return tell(state, 0, rim_address_format(&event->address, text));
}

static const rim_handler server_on[] = {[RIM_LISTENING] = on_listening};

static const rim_behaviour server_behaviour = {
    .name = "server",
    .state_size = sizeof(struct state),
    .on = server_on,
    .on_count = RIM_COUNT(server_on),
    .init = server_init,
};

/* A shard and its keeper. */
static int make_shard(rim_system *system, struct server *server, uint32_t i) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i};
    options.mailbox_count = 1u << 24;
    options.mailbox_bytes = UINT32_MAX;
    struct shard *shard = server->shards[i] = calloc(1, sizeof *shard);
    if (shard == NULL) {
        return -ENOMEM;
    }
    shard->store.hash_key = server->hash_key;
    shard->store.max_value = shard->parser.max_bulk = server->options.max_value;
    shard->store.shard = i;
    shard->store.shards = server->count;
    return rim_system_spawn(system, &keeper_behaviour, &options, &server, sizeof server, &server->keepers[i]);
}

int server_start(rim_system *system, struct server *server, const struct server_options *options) {
    size_t max = options->max_value;
    rim_ref self;
    int error = 0;
    command_index_fill();
    *server = (struct server){.options = *options, .count = rim_system_shards(system)};
    server->options.max_value = max == 0 ? 512u << 20 : max;
    for (uint32_t i = 0; i < server->count && error == 0; i++) {
        error = make_shard(system, server, i);
    }
    return error == 0 ? rim_system_spawn(system, &server_behaviour, NULL, &server, sizeof server, &self) : error;
}

void server_finish(struct server *server) {
    for (uint32_t i = 0; i < server->count && server->shards[i] != NULL; i++) {
        store_clear(&server->shards[i]->store);
        resp_finish(&server->shards[i]->parser);
        resp_finish(&server->shards[i]->parts);
        reply_free(&server->shards[i]->out);
        free(server->shards[i]);
    }
}
