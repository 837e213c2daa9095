/* SPDX-License-Identifier: MIT */
/*
 * message.h - the unit of transport: a 32-byte header and a body behind it, wherever it lies.
 *
 *      0        8        16                      24      28      32
 *      | next   | from   | to:40 kind:8 flags:16 | tag   | size  | [token, deadline] | body, or pointer to one |
 *
 * A message lies in one of these homes: a block of its shard's pools, a parcel that another shard sent, a timer or the
 * like that it is embedded in, or malloc's memory if a foreign thread made it. The same header serves in all, so a
 * mailbox links messages where they lie. A body is inline, or a `struct rim__body` that the message points to
 * (RIM_MSG_OUT).
 *
 *     Threads  a message belongs to one shard at a time; the mesh hands it over
 */
#ifndef RINGMAIL_SHARD_MESSAGE_H
#define RINGMAIL_SHARD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/memory.h"

struct rim__shard;

/* What a message is. The shard layer knows RETURN and WAY, the rest is the actor layer's. */
enum rim__kind {
    RIM_KIND_RETURN = 0, /* a body comes home to be released */
    RIM_KIND_WAY,        /* the way to shard `from` has room again */
    RIM_KIND_TELL,       /* tag and body for a handler */
    RIM_KIND_ASK,        /* the same with token and deadline */
    RIM_KIND_REPLY,      /* token of the request; body as in TELL */
    RIM_KIND_FAILURE,    /* token of the request; the body is an int error, and maybe text */
    RIM_KIND_EVENT,      /* tag below RIM_USER and its struct, from the runtime */
    RIM_KIND_TIMER,      /* embedded in a timer that fired */
    RIM_KIND_DOWN,       /* embedded in a monitor that fired */
    RIM_KIND_EXIT,       /* embedded in a link whose other end has ended */
    RIM_KIND_DRAIN,      /* embedded in what ends its receiver: the last of the backlog */
    RIM_KIND_REPORT,     /* embedded: the outcome of a rim_end */
    RIM_KIND_FAILED,     /* embedded: word to a keeper */
    RIM_KIND_SPAWN,      /* struct rim__birth and init's argument: make the actor `to` */
    RIM_KIND_STOP,       /* stop the actor `to` */
    RIM_KIND_SLOT,       /* the slot of `from`, which this shard spawned into, is free again */
    RIM_KIND_FULL,       /* the actor `from` fills up: hold back what goes there */
    RIM_KIND_ROOM,       /* the actor `from` has room again, or has ended */
    RIM_KIND_ORDER,      /* from the thread that steers the system: struct rim__order */
    RIM_KIND_UPGRADE,    /* actors are to change their behaviour, or have */
    RIM_KIND_ERRAND,     /* embedded in a struct rim__errand: run it */
    RIM_KIND_HELPED,     /* embedded in a job that a helper has done */
    RIM_KIND_SIGNAL,     /* the tag is an enum rim__signal: links and monitors, from shard to shard */
    RIM_KIND_NAME,       /* of names: struct rim__name_word */
    RIM_KIND_GROUP,      /* of groups: struct rim__group_word */
    RIM_KIND_PUBLISH,    /* for the members of a group, whose id is the token */
};

enum {
    RIM_MSG_IN_PARCEL = 1 << 0, /* home: a parcel */
    RIM_MSG_EMBEDDED = 1 << 1,  /* home: a timer or the like, which is not freed with the message */
    RIM_MSG_TOKEN = 1 << 2,     /* 16 bytes of token and deadline come before the body */
    RIM_MSG_OUT = 1 << 3,       /* the body is a rim__body, by pointer */
    RIM_MSG_RESERVED = 1 << 4,  /* its place was reserved: bounds do not apply to it */
    RIM_MSG_CANCELLED = 1 << 5, /* skip it when its turn comes */
    RIM_MSG_FOREIGN = 1 << 6,   /* home: malloc; it came through the inlet */
    RIM_MSG_URGENT = 1 << 7,    /* ahead of ordinary messages in a mailbox */
    RIM_MSG_RETURNED = 1 << 8,  /* it was put by, and is back in the mailbox */
    RIM_MSG_PUBLISHED = 1 << 9, /* one of many copies: its sender does not hear of a refusal */
};

struct rim_msg {
    struct rim_msg *next; /* in a mailbox or a list, by its owner */
    uint64_t from;        /* a reference, or RIM_NIL */
    union {
        struct {
            uint64_t to : 40;  /* slot and generation of the receiver; its shard is where the message is going */
            uint64_t kind : 8; /* enum rim__kind */
            uint64_t flags : 16;
        };
        uint64_t word; /* all three, to be written by one store */
    };
    uint32_t tag;
    uint32_t size; /* of the body, in bytes */
};
_Static_assert(sizeof(struct rim_msg) == 32, "two messages with 32-byte bodies fill two cache lines");

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RIM_MSG_WORD(to, kind, flags) ((to) | (uint64_t)(kind) << 40 | (uint64_t)(flags) << 48)
#else
#define RIM_MSG_WORD(to, kind, flags) ((to) << 24 | (uint64_t)(kind) << 16 | (uint64_t)(flags))
#endif

struct rim__msg_token {
    uint64_t token;
    uint64_t deadline_ns;
};

/*
 * A body that is not inline. It belongs to the shard `home`; wherever its last user lets go, it travels back and
 * release runs there, once.
 */
struct rim__body {
    void *data;
    uint32_t size;
    uint32_t home; /* index of the shard */
    void (*release)(struct rim__shard *home, struct rim__body *body);
    void *arg[2]; /* for release */
};

/* A body larger than this is never inline in a message to another shard. */
#define RIM_MSG_INLINE_MAX 1024u

/* What lies behind header and token, for flags that are known already. */
static inline void *rim__msg_behind(const struct rim_msg *msg, uint32_t flags) {
    return (char *)msg + sizeof *msg + ((flags & RIM_MSG_TOKEN) ? sizeof(struct rim__msg_token) : 0);
}

static inline void *rim__msg_after(const struct rim_msg *msg) {
    return rim__msg_behind(msg, msg->flags);
}

static inline struct rim__msg_token *rim__msg_token(const struct rim_msg *msg) {
    return (struct rim__msg_token *)((char *)msg + sizeof *msg);
}

static inline struct rim__body *rim__msg_out(const struct rim_msg *msg) {
    return *(struct rim__body **)rim__msg_after(msg);
}

static inline void *rim__msg_body(const struct rim_msg *msg) {
    return (msg->flags & RIM_MSG_OUT) ? rim__msg_out(msg)->data : rim__msg_after(msg);
}

/* Bytes that header, token and inline part take, rounded up to 16. */
static inline size_t rim__msg_span(uint32_t flags, size_t size) {
    size_t inline_size = (flags & RIM_MSG_OUT) ? sizeof(void *) : size;
    size_t token_size = (flags & RIM_MSG_TOKEN) ? sizeof(struct rim__msg_token) : 0;
    return (sizeof(struct rim_msg) + token_size + inline_size + 15) & ~(size_t)15;
}

/* Of a message without token whose body is inline, of at most RIM_MSG_SMALL_MAX bytes: the class of its block. */
#define RIM_MSG_SMALL_MAX         (RIM_MEMORY_SMALL_MAX - sizeof(struct rim_msg))
#define RIM_MSG_SMALL_CLASS(size) RIM_MEMORY_CLASS(sizeof(struct rim_msg) + (size))

/* A message of this shard's own memory, header filled but for from and to. NULL when out of memory. */
struct rim_msg *rim__msg_create(struct rim__shard *shard, enum rim__kind kind, uint32_t flags, uint32_t tag,
                                size_t size);
/* A TELL whose body of `size` bytes is by pointer, and begins at a multiple of `align`, a power of two. Whoever has it
   may move the body's `data` on, and shorten it. NULL when out of memory. */
struct rim_msg *rim__msg_create_aligned(struct rim__shard *shard, uint32_t tag, size_t size, size_t align);
/* Ends a message: its body is released (at its home), and its memory goes back to where it came from. */
void rim__msg_release(struct rim__shard *shard, struct rim_msg *msg);
/* Lets go of a body: released here, or sent home. */
void rim__body_release(struct rim__shard *shard, struct rim__body *body);
/* A copy, in this shard's own memory, of a message that lies in a parcel, which is released. NULL: out of memory, and
   the message is as before. */
struct rim_msg *rim__msg_move_out(struct rim__shard *shard, struct rim_msg *msg);

#endif
