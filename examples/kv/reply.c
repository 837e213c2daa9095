/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include <stdlib.h>

#include "errand.h"
#include "info.h"
#include "number.h"

static const char *error_text(int error) {
    switch (-error) {
    case RIM_EFULL:
        return "the shard of this key is busy, try again";
    case RIM_ESTOPPING:
    case RIM_EDOWN:
        return "the server is shutting down";
    default:
        return rim_strerror(error);
    }
}

/* ---- messages that wait ---- */

struct holder *holder_create(struct connection *c, rim_msg *msg) {
    struct holder *holder = malloc(sizeof *holder);
    if (holder == NULL) {
        return NULL;
    }
    *holder = (struct holder){.msg = rim_take(c->ctx, msg), .users = 1};
    if (holder->msg == NULL) {
        free(holder);
        return NULL;
    }
    return holder;
}

void holder_release(struct connection *c, struct holder *holder) {
    if (--holder->users == 0) {
        rim_msg_free(c->ctx, holder->msg);
        free(holder);
    }
}

void reply_hold(struct connection *c, struct slot *slot, uint64_t size) {
    slot->held += size;
    c->held += size;
}

static void let_go(struct connection *c, struct slot *slot) {
    if (slot->holder != NULL) {
        holder_release(c, slot->holder);
        slot->holder = NULL;
    }
}

static void keep(struct connection *c, struct slot *slot, const struct outcome *outcome) {
    let_go(c, slot);
    if (outcome->holder == NULL) {
        slot->error = "out of memory";
        return;
    }
    slot->bytes = outcome->bytes;
    slot->size = outcome->size;
    slot->holder = outcome->holder;
    slot->holder->users++;
    reply_hold(c, slot, outcome->shared ? 0 : outcome->size);
}

/* ---- outcomes ---- */

static int64_t number_at(const char *bytes) {
    int64_t number;
    memcpy(&number, bytes, sizeof number);
    return number;
}

/* All keys of all shards into one text; the number in front of them is their count. */
static void add_keys(struct connection *c, struct slot *slot, const struct outcome *outcome) {
    if (slot->text == NULL) {
        slot->text = calloc(1, sizeof *slot->text);
    }
    if (slot->text == NULL) {
        slot->error = "out of memory";
        return;
    }
    slot->number += number_at(outcome->bytes);
    buffer_append(slot->text, outcome->bytes + sizeof(int64_t), outcome->size - sizeof(int64_t));
    reply_hold(c, slot, outcome->size - sizeof(int64_t));
}

/* Each shard offers one key: which is kept depends on how many keys stand behind it. */
static void add_random(struct connection *c, struct slot *slot, const struct outcome *outcome) {
    uint64_t keys = (uint64_t)number_at(outcome->bytes);
    slot->number += (int64_t)keys;
    if (rim_random(c->ctx) % (uint64_t)slot->number < keys) {
        keep(c, slot, outcome);
    }
}

static void take_one(struct connection *c, struct slot *slot, const struct outcome *outcome) {
    slot->result = (uint8_t)outcome->kind;
    if (outcome->kind == REPLY_INTEGER) {
        slot->number = number_at(outcome->bytes);
    } else if (outcome->kind != REPLY_OK && outcome->kind != REPLY_NIL) {
        keep(c, slot, outcome);
    }
}

static void take(struct connection *c, struct slot *slot, const struct outcome *outcome) {
    if (outcome->kind == REPLY_ERROR) {
        slot->kind = SLOT_ONE;
        take_one(c, slot, outcome);
    } else if (slot->kind == SLOT_SUM) {
        slot->number += number_at(outcome->bytes);
        slot->result = REPLY_INTEGER;
    } else if (slot->kind == SLOT_KEYS) {
        add_keys(c, slot, outcome);
    } else if (slot->kind == SLOT_RANDOM) {
        if (outcome->kind == REPLY_TAKEN) {
            add_random(c, slot, outcome);
        }
    } else if (slot->kind == SLOT_INFO) {
        totals_add(slot->totals, outcome);
    } else if (slot->kind != SLOT_OK && slot->result != REPLY_ERROR) {
        take_one(c, slot, outcome);
    }
}

void reply_outcome(struct connection *c, uint64_t number, const struct outcome *outcome) {
    struct slot *slot = queue_at(&c->queue, number);
    connection_landed(c, slot);
    if (slot->kind == SLOT_ERRAND) {
        errand_outcome(c, slot, outcome);
    } else if (outcome->error != 0) {
        slot->error = error_text(outcome->error);
    } else {
        take(c, slot, outcome);
    }
}

/* ---- bytes ---- */

static bool is_long(const struct slot *slot) {
    return slot->holder != NULL && slot->error == NULL && slot->result == REPLY_BULK && slot->kind == SLOT_ONE &&
           !slot->mute && slot->size > REPLY_STREAM_FROM;
}

static void write_scan(const struct connection *c, struct slot *slot, struct buffer *out) {
    uint64_t number = (uint64_t)number_at(slot->bytes);
    uint64_t next = SCAN_NEXT(number);
    char cursor[NUMBER_TEXT_MAX];
    if (next < STORE_PARTITIONS) {
        next += (uint64_t)slot->shard * STORE_PARTITIONS;
    } else {
        next = slot->shard + 1 < c->server->shards ? (uint64_t)(slot->shard + 1) * STORE_PARTITIONS : 0;
    }
    resp_array(out, 2);
    resp_bulk(out, cursor, number_print((int64_t)next, cursor));
    resp_array(out, (int64_t)SCAN_COUNT(number));
    buffer_append(out, slot->bytes + sizeof number, slot->size - sizeof number);
}

static void write_line(struct buffer *out, const char *head, const struct outcome *outcome) {
    buffer_text(out, head);
    buffer_append(out, outcome->bytes, outcome->size);
    buffer_append(out, "\r\n", 2);
}

void reply_write_outcome(const struct connection *c, const struct outcome *outcome, struct buffer *out) {
    switch (outcome->kind) {
    case REPLY_OK:
        buffer_append(out, "+OK\r\n", 5);
        break;
    case REPLY_INTEGER:
        resp_integer(out, number_at(outcome->bytes));
        break;
    case REPLY_BULK:
        resp_bulk(out, outcome->bytes, outcome->size);
        break;
    case REPLY_STATUS:
        write_line(out, "+", outcome);
        break;
    case REPLY_ERROR:
        write_line(out, "-ERR ", outcome);
        break;
    default:
        resp_null(out, c->version);
    }
}

static void write_keys(struct slot *slot, struct buffer *out) {
    resp_array(out, slot->number);
    if (slot->text != NULL) {
        buffer_append(out, slot->text->bytes, slot->text->size);
        out->failed |= slot->text->failed;
    }
}

static void write_random(const struct connection *c, struct slot *slot, struct buffer *out) {
    if (slot->holder == NULL) {
        resp_null(out, c->version);
        return;
    }
    resp_bulk(out, slot->bytes + TAKEN_HEAD, slot->size - TAKEN_HEAD);
}

static void write_one(const struct connection *c, struct slot *slot, struct buffer *out) {
    if (slot->result == REPLY_INTEGER) {
        resp_integer(out, slot->number);
        return;
    }
    struct outcome outcome = {.kind = (enum reply_kind)slot->result, .bytes = slot->bytes, .size = slot->size};
    reply_write_outcome(c, &outcome, out);
}

static void write_local(struct slot *slot, struct buffer *out) {
    buffer_append(out, slot->text->bytes, slot->text->size);
    out->failed |= slot->text->failed;
}

static void write_slot(struct connection *c, struct slot *slot, struct buffer *out) {
    switch ((enum slot_kind)slot->kind) {
    case SLOT_LOCAL:
        write_local(slot, out);
        break;
    case SLOT_KEYS:
        write_keys(slot, out);
        break;
    case SLOT_RANDOM:
        write_random(c, slot, out);
        break;
    case SLOT_INFO:
        info_write(c, slot->totals, out);
        break;
    case SLOT_SCAN:
        write_scan(c, slot, out);
        break;
    case SLOT_VERBATIM:
        resp_verbatim(out, c->version, slot->bytes, slot->size);
        break;
    default:
        write_one(c, slot, out);
    }
}

bool reply_write(struct connection *c, struct slot *slot, struct buffer *out) {
    if (is_long(slot)) {
        return false;
    }
    if (slot->mute) {
        return true;
    }
    if (slot->error != NULL) {
        resp_error(out, slot->error);
    } else {
        write_slot(c, slot, out);
    }
    return true;
}

void reply_drop(struct connection *c, struct slot *slot) {
    let_go(c, slot);
    c->held -= slot->held;
    c->asked -= slot->cost;
    if (slot->kind == SLOT_INFO) {
        free(slot->totals);
    } else if (slot->text != NULL) {
        buffer_clear(slot->text, 0);
        free(slot->text);
    }
    slot->text = NULL;
}
