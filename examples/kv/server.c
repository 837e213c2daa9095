/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "connection.h"
#include "keeper.h"

#define BUCKETS 4096u

struct known {
    struct known *next;
    size_t name_size;
    struct client_record client;
    char name[];
};

struct state {
    struct server *server;
    struct known *clients[BUCKETS]; /* by id */
    struct client_counts counts;
    uint32_t spawned; /* keepers */
    bool told;        /* options.ready has been called */
};

uint64_t server_hash(const struct server *server, struct text key) {
    uint64_t hash;
    _Static_assert(sizeof hash == crypto_shorthash_BYTES, "one word");
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key.at, key.size, server->hash_key);
    return hash;
}

/* ---- the start ---- */

static rim_verdict tell(struct state *self, int error, const char *text) {
    if (!self->told && self->server->options.ready != NULL) {
        self->server->options.ready(self->server->options.arg, error, text);
    }
    self->told = true;
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

/* Spawns the keepers that are still to come, then listens. Where the way to a shard is full, it tries again. */
static rim_verdict begin(rim_ctx *ctx, struct state *self) {
    struct server *server = self->server;
    for (; self->spawned < server->shards; self->spawned++) {
        int error = keeper_spawn(ctx, server, self->spawned, &server->keepers[self->spawned]);
        if (error == -RIM_EFULL && rim_after(ctx, RIM_MS(1), 0) != RIM_NIL) {
            return RIM_DONE;
        }
        if (error != 0) {
            return tell(self, error, rim_strerror(error));
        }
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

static rim_verdict server_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct state *self = state;
    struct server *server = *(struct server *const *)arg;
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

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    return begin(ctx, state);
}

static rim_verdict on_listening(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    const rim_listening_event *event = body;
    char text[RIM_ADDRESS_TEXT_MAX];
    return tell(state, 0, rim_address_format(&event->address, text));
}

/* ---- clients ---- */

static struct known **find(struct state *self, uint64_t id) {
    struct known **at = &self->clients[id % BUCKETS];
    while (*at != NULL && (*at)->client.id != id) {
        at = &(*at)->next;
    }
    return at;
}

static rim_verdict on_client(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct state *self = state;
    const struct client_record *client = body;
    size_t name_size = rim_size(msg) - sizeof *client;
    struct known **at = find(self, client->id), *known = *at;
    self->counts.received += rim_tag(msg) == SERVER_OPENED;
    self->counts.connected += (uint64_t)(rim_tag(msg) == SERVER_OPENED) - (rim_tag(msg) == SERVER_CLOSED);
    if (known != NULL) {
        *at = known->next;
        rim_free(ctx, known);
    }
    known = rim_tag(msg) != SERVER_CLOSED ? rim_alloc(ctx, sizeof *known + name_size) : NULL;
    if (known != NULL) { /* without memory it is missing in the list */
        *known = (struct known){.next = *at, .name_size = name_size, .client = *client};
        memcpy(known->name, client + 1, name_size);
        *at = known;
    }
    return RIM_DONE;
}

void client_write(const struct client_record *client, struct text name, struct resp_out *out) {
    char peer[RIM_ADDRESS_TEXT_MAX], local[RIM_ADDRESS_TEXT_MAX];
    uint64_t now_ms = rim_wall_ms(out->ctx);
    rim_buffer_format(out->ctx, &out->text, "id=%" PRIu64 " addr=%s laddr=%s fd=-1 name=%.*s age=%" PRIu64, client->id,
                      rim_address_format(&client->peer, peer), rim_address_format(&client->local, local),
                      (int)name.size, name.at, (now_ms - client->opened_ms) / 1000);
    rim_buffer_format(out->ctx, &out->text, " idle=%" PRIu64 " flags=N db=0 cmd=%s user=default resp=%u\n",
                      (now_ms - client->used_ms) / 1000, client->last != NULL ? client->last : "NULL", client->version);
}

const struct command command_clients = {.name = "clients"}, command_client_counts = {.name = "client counts"};

static void write_clients(struct state *self, struct resp_out *out) {
    struct resp_out lines = {.ctx = out->ctx};
    for (uint32_t i = 0; i < BUCKETS; i++) {
        for (const struct known *known = self->clients[i]; known != NULL; known = known->next) {
            client_write(&known->client, (struct text){known->name, known->name_size}, &lines);
        }
    }
    reply_verbatim(out, resp_text(&lines));
    rim_buffer_clear(out->ctx, &lines.text);
}

static rim_verdict on_batch(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct state *self = state;
    const struct request *end = (const void *)((const char *)body + rim_size(msg));
    struct resp_out out = {.ctx = ctx};
    for (const struct request *request = body; request < end; request++) { /* they have no arguments */
        size_t at = answer_begin(&out, request->target);
        out.version = request->version;
        if (request->command == &command_clients) {
            write_clients(self, &out);
        } else {
            reply_bulk(&out, (struct text){(const char *)&self->counts, sizeof self->counts});
        }
        answer_end(&out, at);
    }
    rim_reply(ctx, RIM_NIL, KEEPER_ANSWERS, out.text.bytes, out.text.size);
    rim_buffer_clear(ctx, &out.text);
    return RIM_DONE;
}

static const rim_handler server_on[] = {
    [RIM_TIMER] = on_timer,      [RIM_LISTENING] = on_listening, [KEEPER_BATCH] = on_batch,
    [SERVER_OPENED] = on_client, [SERVER_RENAMED] = on_client,   [SERVER_CLOSED] = on_client,
};

static const rim_behaviour server_behaviour = {
    .name = "server",
    .state_size = sizeof(struct state),
    .on = server_on,
    .on_count = RIM_COUNT(server_on),
    .init = server_init,
};

int server_start(rim_system *system, struct server *server, const struct server_options *options) {
    rim_spawn_options spawn = {.mailbox_count = 1u << 20, .mailbox_bytes = 512u << 20};
    rim_ref self;
    *server = (struct server){.options = *options};
    if (server->options.max_value == 0) {
        server->options.max_value = 512u << 20;
    }
    return rim_system_spawn(system, &server_behaviour, &spawn, &server, sizeof server, &self);
}
