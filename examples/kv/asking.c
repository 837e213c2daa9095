/* SPDX-License-Identifier: MIT */
#include "asking.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "keeper.h"

#define SLOTS_MAX       512u       /* commands under way, and requests */
#define ASKED_MAX       (4u << 20) /* bytes of requests under way */
#define REQUEST_TIMEOUT RIM_SECONDS(10)
#define SMALL_REQUEST   512u /* put together on the stack */

bool connection_is_busy(const struct connection *c) {
    return c->queue.count >= SLOTS_MAX || c->flying >= SLOTS_MAX || c->asked > ASKED_MAX ||
           c->held > CONNECTION_HELD_MAX || c->out.size > CONNECTION_HELD_MAX;
}

/* ---- replies known at once ---- */

struct buffer *connection_reply(struct connection *c) {
    if (c->queue.count == 0) {
        return &c->out;
    }
    struct buffer *text = calloc(1, sizeof *text);
    struct slot *slot = text != NULL ? queue_push(&c->queue, SLOT_LOCAL) : NULL;
    if (slot == NULL) {
        free(text);
        c->out.failed = true;
        return &c->out;
    }
    slot->text = text;
    return text;
}

void connection_error(struct connection *c, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '\r' || *at == '\n') {
            *at = ' ';
        }
    }
    resp_error(connection_reply(c), text);
}

void connection_arity_error(struct connection *c, const char *name) {
    connection_error(c, "wrong number of arguments for '%s' command", name);
}

/* ---- replies to come ---- */

bool connection_slot(struct connection *c, enum slot_kind kind, uint64_t *number) {
    struct slot *slot = queue_push(&c->queue, kind);
    if (slot == NULL) {
        c->out.failed = true;
        return false;
    }
    *number = queue_last(&c->queue);
    return true;
}

/* The requests of a slot are taken to be of one size. */
void connection_landed(struct connection *c, struct slot *slot) {
    uint32_t cost = slot->cost / slot->pending;
    slot->pending--;
    slot->cost -= cost;
    c->asked -= cost;
    c->flying--;
}

/* What became of an attempt to send. False: later. */
static bool sent(struct connection *c, struct slot *slot, rim_ref to, int error) {
    if (error == 0) {
        slot->pending++;
        c->flying++;
        return true;
    }
    if (error == -RIM_EFULL && rim_want_room(c->ctx, to) == 0) {
        c->waiting = true;
        return false;
    }
    slot->error = error == -ENOMEM ? "out of memory" : "the server is shutting down";
    return true;
}

static void fill(struct request *request, const struct ask *ask, uint64_t hash) {
    *request = (struct request){
        .hash = hash,
        .number = ask->number,
        .key_size = ask->key != NULL ? (uint32_t)ask->key->size : 0,
        .value_size = (uint32_t)ask->value.size,
        .op = (uint16_t)ask->op,
        .flags = (uint16_t)ask->flags,
        .count = ask->count,
    };
    if (ask->key != NULL) {
        memcpy(request->bytes, ask->key->at, ask->key->size);
    }
    if (ask->value.size > 0) {
        memcpy(request->bytes + request->key_size, ask->value.at, ask->value.size);
    }
}

bool connection_ask(struct connection *c, uint64_t number, const struct ask *ask) {
    union {
        struct request request;
        char bytes[SMALL_REQUEST];
    } small;
    struct slot *slot = queue_at(&c->queue, number);
    bool by_key = ask->op < OP_COUNTS;
    uint64_t hash = !by_key ? 0 : ask->hash != 0 ? ask->hash : server_hash(c->server, ask->key->at, ask->key->size);
    rim_ref keeper = c->server->keepers[by_key ? server_shard(c->server, hash) : ask->shard];
    size_t size = sizeof small.request + (ask->key != NULL ? ask->key->size : 0) + ask->value.size;
    rim_ask request = {
        .to = keeper,
        .tag = KEEPER_REQUEST,
        .body = &small,
        .size = size,
        .timeout_ns = REQUEST_TIMEOUT,
        .on_outcome = connection_outcome,
        .cookie = number,
    };
    if (size <= sizeof small) {
        fill(&small.request, ask, hash);
    } else {
        request.msg = rim_msg_new(c->ctx, KEEPER_REQUEST, size);
        if (request.msg == NULL) {
            return sent(c, slot, keeper, -ENOMEM);
        }
        fill(rim_body(request.msg), ask, hash);
    }
    if (!sent(c, slot, keeper, rim_request(c->ctx, &request, NULL))) {
        return false;
    }
    slot->cost += (uint32_t)size;
    c->asked += (uint32_t)size;
    return true;
}

bool connection_ask_one(struct connection *c, enum slot_kind kind, const struct ask *ask) {
    uint64_t number;
    if (!connection_slot(c, kind, &number)) {
        return true;
    }
    queue_at(&c->queue, number)->shard = ask->shard;
    if (!connection_ask(c, number, ask)) {
        queue_unpush(&c->queue);
        return false;
    }
    return true;
}

bool connection_ask_server(struct connection *c, uint64_t number, uint32_t tag) {
    rim_ask request = {
        .to = c->server->self,
        .tag = tag,
        .timeout_ns = REQUEST_TIMEOUT,
        .on_outcome = connection_outcome,
        .cookie = number,
    };
    return sent(c, queue_at(&c->queue, number), c->server->self, rim_request(c->ctx, &request, NULL));
}

/* ---- commands in parts ---- */

/* The slot counts one outcome more than there are, so that it is not ready before all parts are sent. */
bool connection_parts(struct connection *c, enum slot_kind kind, uint32_t first) {
    if (c->part_at > 0) {
        return true;
    }
    if (!connection_slot(c, kind, &c->part_slot)) {
        return false;
    }
    queue_at(&c->queue, c->part_slot)->pending = 1;
    c->part_at = first;
    return true;
}

void connection_parts_end(struct connection *c) {
    struct slot *slot = queue_at(&c->queue, c->part_slot);
    slot->pending--;
    c->part_at = 0;
}

bool connection_ask_shards(struct connection *c, enum slot_kind kind, const struct ask *ask) {
    if (!connection_parts(c, kind, 1)) {
        return true;
    }
    for (; c->part_at <= c->server->shards; c->part_at++) {
        struct ask part = *ask;
        part.shard = c->part_at - 1;
        if (!connection_ask(c, c->part_slot, &part)) {
            return false;
        }
    }
    connection_parts_end(c);
    return true;
}
