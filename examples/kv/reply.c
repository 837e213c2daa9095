/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include <stdlib.h>

#include "errand.h"
#include "info.h"
#include "keeper.h"
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

/* What a message in the queue costs: the bytes of a large value are not ours but the keeper's. */
static uint64_t weight(const rim_msg *msg) {
    return rim_size(msg) <= REPLY_COPY_MAX ? rim_size(msg) : 0;
}

void reply_hold(struct connection *c, struct slot *slot, uint64_t size) {
    slot->held += size;
    c->held += size;
}

static void drop_message(struct connection *c, struct slot *slot) {
    if (slot->msg != NULL) {
        reply_hold(c, slot, 0 - weight(slot->msg));
        rim_msg_free(c->ctx, slot->msg);
        slot->msg = NULL;
    }
}

/* Keeps a message until the slot's turn comes. */
static void keep(struct connection *c, struct slot *slot, rim_msg *msg) {
    drop_message(c, slot);
    slot->msg = rim_take(c->ctx, msg);
    if (slot->msg == NULL) {
        slot->error = "out of memory";
        return;
    }
    reply_hold(c, slot, weight(slot->msg));
}

static int64_t body_number(rim_msg *msg) {
    int64_t number;
    memcpy(&number, rim_body(msg), sizeof number);
    return number;
}

/* All keys of all shards into one text; the number in front of them is their count. */
static void add_keys(struct connection *c, struct slot *slot, rim_msg *msg) {
    if (slot->text == NULL) {
        slot->text = calloc(1, sizeof *slot->text);
    }
    if (slot->text == NULL) {
        slot->error = "out of memory";
        return;
    }
    size_t size = slot->text->size;
    slot->number += body_number(msg);
    buffer_append(slot->text, (const char *)rim_body(msg) + sizeof(int64_t), rim_size(msg) - sizeof(int64_t));
    reply_hold(c, slot, slot->text->size - size);
}

/* Each shard offers one key: which is kept depends on how many keys stand behind it. */
static void add_random(struct connection *c, struct slot *slot, rim_msg *msg) {
    uint64_t keys = (uint64_t)body_number(msg);
    slot->number += (int64_t)keys;
    if (rim_random(c->ctx) % (uint64_t)slot->number < keys) {
        keep(c, slot, msg);
    }
}

static void take_one(struct connection *c, struct slot *slot, enum reply_kind kind, rim_msg *msg) {
    slot->result = (uint8_t)kind;
    if (kind == REPLY_INTEGER) {
        slot->number = body_number(msg);
    } else if (kind != REPLY_OK && kind != REPLY_NIL) {
        keep(c, slot, msg);
    }
}

static void take(struct connection *c, struct slot *slot, rim_msg *msg) {
    uint32_t kind = rim_tag(msg) - KEEPER_REPLY;
    if (kind == REPLY_ERROR && slot->kind != SLOT_ERRAND) {
        slot->kind = SLOT_ONE;
        take_one(c, slot, REPLY_ERROR, msg);
    } else if (slot->kind == SLOT_SUM) {
        slot->number += body_number(msg);
        slot->result = REPLY_INTEGER;
    } else if (slot->kind == SLOT_KEYS) {
        add_keys(c, slot, msg);
    } else if (slot->kind == SLOT_RANDOM) {
        if (kind == REPLY_TAKEN) {
            add_random(c, slot, msg);
        }
    } else if (slot->kind == SLOT_INFO) {
        totals_add(slot->totals, msg);
    } else if (slot->kind != SLOT_OK && slot->result != REPLY_ERROR) {
        take_one(c, slot, (enum reply_kind)kind, msg);
    }
}

void reply_outcome(struct connection *c, struct slot *slot, int error, rim_msg *msg) {
    connection_landed(c, slot);
    if (slot->kind == SLOT_ERRAND) {
        errand_outcome(c, slot, error, msg);
    } else if (error != 0) {
        slot->error = error_text(error);
    } else {
        take(c, slot, msg);
    }
}

bool reply_is_long(const struct slot *slot) {
    return slot->msg != NULL && slot->error == NULL && slot->result == REPLY_BULK && slot->kind == SLOT_ONE &&
           !slot->mute && rim_size(slot->msg) > REPLY_STREAM_FROM;
}

static void write_scan(const struct connection *c, struct slot *slot, struct buffer *out) {
    uint64_t number = (uint64_t)body_number(slot->msg);
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
    buffer_append(out, (const char *)rim_body(slot->msg) + sizeof number, rim_size(slot->msg) - sizeof number);
}

static void write_line(struct buffer *out, const char *head, const char *bytes, size_t size) {
    buffer_text(out, head);
    buffer_append(out, bytes, size);
    buffer_append(out, "\r\n", 2);
}

void reply_write_body(const struct connection *c, enum reply_kind kind, rim_msg *msg, struct buffer *out) {
    const char *bytes = msg != NULL ? rim_body(msg) : NULL;
    size_t size = msg != NULL ? rim_size(msg) : 0;
    switch (kind) {
    case REPLY_OK:
        buffer_append(out, "+OK\r\n", 5);
        break;
    case REPLY_INTEGER:
        resp_integer(out, body_number(msg));
        break;
    case REPLY_BULK:
        resp_bulk(out, bytes, size);
        break;
    case REPLY_STATUS:
        write_line(out, "+", bytes, size);
        break;
    case REPLY_ERROR:
        write_line(out, "-ERR ", bytes, size);
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
    if (slot->msg == NULL) {
        resp_null(out, c->version);
        return;
    }
    resp_bulk(out, (const char *)rim_body(slot->msg) + sizeof(int64_t), rim_size(slot->msg) - sizeof(int64_t));
}

static void write_verbatim(const struct connection *c, struct slot *slot, struct buffer *out) {
    struct buffer text = {.bytes = rim_body(slot->msg), .size = rim_size(slot->msg)};
    resp_verbatim(out, c->version, &text);
}

bool reply_write(struct connection *c, struct slot *slot, struct buffer *out) {
    if (reply_is_long(slot)) {
        return false;
    }
    if (slot->mute) {
        return true;
    }
    if (slot->error != NULL) {
        resp_error(out, slot->error);
    } else if (slot->kind == SLOT_LOCAL) {
        buffer_append(out, slot->text->bytes, slot->text->size);
        out->failed |= slot->text->failed;
    } else if (slot->kind == SLOT_KEYS) {
        write_keys(slot, out);
    } else if (slot->kind == SLOT_RANDOM) {
        write_random(c, slot, out);
    } else if (slot->kind == SLOT_INFO) {
        info_write(c, slot->totals, out);
    } else if (slot->kind == SLOT_SCAN) {
        write_scan(c, slot, out);
    } else if (slot->kind == SLOT_VERBATIM) {
        write_verbatim(c, slot, out);
    } else if (slot->result == REPLY_INTEGER) {
        resp_integer(out, slot->number);
    } else {
        reply_write_body(c, (enum reply_kind)slot->result, slot->msg, out);
    }
    return true;
}

void reply_drop(struct connection *c, struct slot *slot) {
    drop_message(c, slot);
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
