/* SPDX-License-Identifier: MIT */
#include "asking.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "keeper.h"
#include "reply.h"

#define SLOTS_MAX       512u       /* commands under way, and requests */
#define ASKED_MAX       (4u << 20) /* bytes of requests under way */
#define REQUEST_TIMEOUT RIM_SECONDS(10)

bool connection_is_busy(const struct connection *c, uint32_t part) {
    return c->waiting || c->queue.count >= SLOTS_MAX / part || c->flying >= SLOTS_MAX / part ||
           c->asked > ASKED_MAX / part || c->held > CONNECTION_HELD_MAX / part ||
           c->out.size > CONNECTION_HELD_MAX / part;
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

/* ---- batches ---- */

static void drop(struct batch *batch) {
    if (--batch->users == 0) {
        buffer_clear(&batch->bytes, 0);
        free(batch);
    }
}

void asking_let_go(struct batch *batch) {
    if (batch->link != NULL) {
        *batch->link = batch->next;
        if (batch->next != NULL) {
            batch->next->link = batch->link;
        }
    }
    drop(batch);
}

void asking_free(struct connection *c) {
    for (uint32_t i = 0; c->open != NULL && i < c->server->shards; i++) {
        if (c->open[i] != NULL) {
            asking_let_go(c->open[i]);
        }
    }
    free(c->open);
    for (struct batch *batch = c->sent, *next; batch != NULL; batch = next) {
        next = batch->next;
        asking_let_go(batch);
    }
}

/* The batch that requests to this shard are added to. NULL without memory. */
static struct batch *open_batch(struct connection *c, uint32_t shard) {
    if (c->open == NULL) {
        c->open = calloc(c->server->shards, sizeof *c->open);
    }
    if (c->open != NULL && c->open[shard] == NULL) {
        struct batch *batch = malloc(sizeof *batch);
        if (batch != NULL) {
            batch->link = NULL;
            batch->users = 1;
            batch->shard = shard;
            batch->count = 0;
            batch->bytes = (struct buffer){0};
            c->open[shard] = batch;
            c->open_count++;
        }
    }
    return c->open != NULL ? c->open[shard] : NULL;
}

/* All requests of a batch end with this error. */
static void fail_batch(struct connection *c, struct batch *batch, int error) {
    for (uint32_t i = 0; i < batch->count; i++) {
        reply_outcome(c, queue_number(&c->queue, batch->slots[i]), &(struct outcome){.error = error});
    }
    asking_let_go(batch);
}

/* On this shard, when the keeper has read the bytes. */
static void come_home(void *bytes, void *batch) {
    (void)bytes;
    drop(batch);
}

static int request(struct connection *c, struct batch *batch) {
    struct buffer *bytes = &batch->bytes;
    rim_ask ask = {
        .to = c->server->keepers[batch->shard],
        .tag = KEEPER_BATCH,
        .body = bytes->bytes,
        .size = bytes->size,
        .timeout_ns = REQUEST_TIMEOUT,
        .on_outcome = connection_answers,
        .cookie = (uint64_t)(uintptr_t)batch,
    };
    if (bytes->failed) {
        return -ENOMEM;
    }
    if (bytes->size > BATCH_COPIED) {
        ask.msg = rim_msg_wrap(c->ctx, KEEPER_BATCH, bytes->bytes, bytes->size, come_home, batch);
        if (ask.msg == NULL) {
            return -ENOMEM;
        }
        batch->users++;
    }
    return rim_request(c->ctx, &ask, NULL);
}

/* False: there is no room now. */
static bool send_batch(struct connection *c, struct batch *batch) {
    int error = request(c, batch);
    if (error == -RIM_EFULL && rim_want_room(c->ctx, c->server->keepers[batch->shard]) == 0) {
        c->waiting = true;
        return false;
    }
    c->open[batch->shard] = NULL;
    c->open_count--;
    if (error != 0) {
        fail_batch(c, batch, error);
        return true;
    }
    batch->next = c->sent;
    batch->link = &c->sent;
    if (c->sent != NULL) {
        c->sent->link = &batch->next;
    }
    c->sent = batch;
    if (batch->users == 1) {
        buffer_clear(&batch->bytes, 0);
    }
    return true;
}

void asking_send(struct connection *c) {
    for (uint32_t i = 0; c->open_count > 0 && i < c->server->shards; i++) {
        if (c->open[i] != NULL && !send_batch(c, c->open[i])) {
            return;
        }
    }
}

/* ---- requests ---- */

bool connection_slot(struct connection *c, enum slot_kind kind, uint64_t *number) {
    struct slot *slot = queue_push(&c->queue, kind);
    if (slot == NULL) {
        c->out.failed = true;
        return false;
    }
    *number = queue_last(&c->queue);
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

static void add_to_batch(struct batch *batch, const struct ask *ask, uint64_t hash) {
    size_t size = batch_padded(sizeof(struct request) + (ask->key != NULL ? ask->key->size : 0) + ask->value.size);
    struct buffer *bytes = &batch->bytes;
    if (bytes->room - bytes->size >= size || buffer_reserve(bytes, size)) {
        fill((struct request *)(bytes->bytes + bytes->size), ask, hash);
        bytes->size += size;
    }
}

void connection_ask(struct connection *c, uint64_t number, const struct ask *ask) {
    bool by_key = ask->op < OP_COUNTS;
    uint64_t hash = !by_key ? 0 : ask->hash != 0 ? ask->hash : server_hash(c->server, ask->key->at, ask->key->size);
    uint32_t shard = by_key ? server_shard(c->server, hash) : ask->shard;
    struct slot *slot = queue_at(&c->queue, number);
    size_t size = sizeof(struct request) + (ask->key != NULL ? ask->key->size : 0) + ask->value.size;
    slot->pending++;
    c->flying++;
    slot->cost += (uint32_t)size;
    c->asked += (uint32_t)size;
    struct batch *batch = open_batch(c, shard);
    if (batch != NULL && batch->count == BATCH_REQUESTS) {
        batch = send_batch(c, batch) ? open_batch(c, shard) : NULL;
    }
    if (batch == NULL) {
        reply_outcome(c, number, &(struct outcome){.error = -ENOMEM});
        return;
    }
    add_to_batch(batch, ask, hash);
    batch->slots[batch->count++] = (uint32_t)number;
    if ((batch->count == BATCH_REQUESTS || batch->bytes.size >= BATCH_BYTES) && !c->waiting) {
        send_batch(c, batch);
    }
}

void connection_ask_one(struct connection *c, enum slot_kind kind, const struct ask *ask) {
    uint64_t number;
    if (connection_slot(c, kind, &number)) {
        queue_at(&c->queue, number)->shard = ask->shard;
        connection_ask(c, number, ask);
    }
}

void connection_ask_shards(struct connection *c, enum slot_kind kind, const struct ask *ask) {
    uint64_t number;
    if (!connection_slot(c, kind, &number)) {
        return;
    }
    for (uint32_t i = 0; i < c->server->shards; i++) {
        struct ask part = *ask;
        part.shard = i;
        connection_ask(c, number, &part);
    }
}

void connection_ask_server(struct connection *c, uint64_t number, uint32_t tag) {
    rim_ask request = {
        .to = c->server->self,
        .tag = tag,
        .timeout_ns = REQUEST_TIMEOUT,
        .on_outcome = connection_outcome,
        .cookie = number,
    };
    queue_at(&c->queue, number)->pending++;
    c->flying++;
    int error = rim_request(c->ctx, &request, NULL);
    if (error != 0) {
        reply_outcome(c, number, &(struct outcome){.error = error});
    }
}

/* The requests of a slot are taken to be of one size. */
void connection_landed(struct connection *c, struct slot *slot) {
    uint32_t cost = slot->cost / slot->pending;
    slot->pending--;
    slot->cost -= cost;
    c->asked -= cost;
    c->flying--;
}

/* ---- commands in parts ---- */

/* The slot counts one outcome more than there are, so that it is not ready before all parts are sent. */
bool connection_parts(struct connection *c, enum slot_kind kind) {
    if (c->part_at > 0) {
        return true;
    }
    if (!connection_slot(c, kind, &c->part_slot)) {
        return false;
    }
    queue_at(&c->queue, c->part_slot)->pending = 1;
    c->part_at = 1;
    return true;
}

void connection_parts_end(struct connection *c) {
    queue_at(&c->queue, c->part_slot)->pending--;
    c->part_at = 0;
}
