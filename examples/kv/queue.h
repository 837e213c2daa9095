/* SPDX-License-Identifier: MIT */
/*
 * queue.h - the replies that a connection owes, in the order of the commands.
 *
 * A slot is taken when a command is sent to the shards and given back when its reply is on its way to the client. Its
 * number counts up for ever and is the cookie of the requests. Slots may become ready in any order.
 */
#ifndef KV_QUEUE_H
#define KV_QUEUE_H

#include <ringmail/actor.h>

#include "buffer.h"

enum slot_kind {
    SLOT_ONE = 0,  /* one request, whose reply is the client's */
    SLOT_VERBATIM, /* the same, for people to read */
    SLOT_LOCAL,    /* `text` is the reply */
    SLOT_SUM,      /* the sum of the replies */
    SLOT_OK,       /* OK when all is done */
    SLOT_KEYS,     /* all keys of the replies */
    SLOT_SCAN,     /* a cursor and keys */
    SLOT_RANDOM,   /* one of the keys of the replies */
    SLOT_INFO,     /* `totals` becomes the text of INFO */
    SLOT_ERRAND,   /* errand.h says when it is ready */
};

struct totals; /* info.h */

/* A message with replies for several slots. It goes when the last of them is on its way to the client. */
struct holder {
    rim_msg *msg;
    uint32_t users;
};

struct slot {
    uint8_t kind;
    uint8_t result; /* enum reply_kind, once it is ready */
    bool mute;      /* the client wants no reply */
    bool headed;    /* the head of a long value is written, and part of the value */
    uint32_t pending;
    uint32_t cost;  /* bytes of the requests */
    uint32_t shard; /* SLOT_SCAN: that was asked */
    uint64_t held;  /* bytes that wait in it */
    int64_t number;
    const char *error;     /* static text, or NULL */
    const char *bytes;     /* the reply, where its bytes are needed, */
    size_t size;           /* in a message that is held */
    struct holder *holder; /* by this; NULL: none */
    union {
        struct buffer *text;
        struct totals *totals;
    };
};

struct queue {
    struct slot *slots;
    uint64_t first; /* number of the oldest slot */
    uint32_t count;
    uint32_t room; /* a power of two, or 0 */
};

/* A new slot behind all others; NULL without memory. Moves the others. */
struct slot *queue_push(struct queue *queue, enum slot_kind kind);
/* Takes the oldest slot away; what it owns is the caller's to free before. */
void queue_pop(struct queue *queue);
void queue_free(struct queue *queue);

static inline struct slot *queue_at(const struct queue *queue, uint64_t number) {
    return &queue->slots[number & (queue->room - 1)];
}

/* The whole number of a slot that is in the queue, of which only the low half was kept. */
static inline uint64_t queue_number(const struct queue *queue, uint32_t low) {
    return queue->first + (uint32_t)(low - (uint32_t)queue->first);
}

/* The number of the slot that was pushed last. */
static inline uint64_t queue_last(const struct queue *queue) {
    return queue->first + queue->count - 1;
}

#endif
