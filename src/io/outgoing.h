/* SPDX-License-Identifier: MIT */
/*
 * outgoing.h - the bytes that a socket has yet to send: a queue of messages, sent from where they lie, and of blocks
 * into which small writes are copied one behind the other, because a send of few long pieces is cheaper than one of
 * many short ones. The length of an item is kept in its header's tag, as its size has to stay what it was made with.
 *
 *     Order     first in, first out; an append is whole or not at all
 *     Threads   the shard's own. While a send is in flight, appending is allowed, consume is not
 */
#ifndef RINGMAIL_IO_OUTGOING_H
#define RINGMAIL_IO_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "shard/message.h"

/* A write up to this size is copied into a block together with its neighbours. */
#define RIM_OUTGOING_SMALL 1024u
/* Room in a block: with the header it is one of the pools' 4 KiB. */
#define RIM_OUTGOING_BLOCK (4096u - (uint32_t)sizeof(struct rim_msg))

struct rim__passing;

struct rim__outgoing {
    struct rim_msg *head, *last;
    struct rim_msg *open; /* the last item, if it is a block with room; else NULL */
    uint32_t offset;      /* bytes of the head that are gone */
    uint32_t count;       /* items */
    uint32_t gifts;       /* items with descriptors */
    uint64_t bytes;       /* yet to be sent */
};

/* Takes over a message that its caller owns. */
void rim__outgoing_append(struct rim__outgoing *out, struct rim_msg *msg);
/* The same for one with descriptors (passing.h), which go with its first byte. */
void rim__outgoing_append_gift(struct rim__outgoing *out, struct rim_msg *msg);
/* Copies. 0 or -ENOMEM. */
int rim__outgoing_copy(struct rim__outgoing *out, struct rim__shard *shard, const void *bytes, uint32_t size);
/* The descriptors that go with the first piece; NULL: none, or they are gone. */
struct rim__passing *rim__outgoing_gift(const struct rim__outgoing *out);
/* The first piece. */
static inline struct iovec rim__outgoing_first(const struct rim__outgoing *out) {
    return (struct iovec){.iov_base = (char *)rim__msg_body(out->head) + out->offset,
                          .iov_len = out->head->tag - out->offset};
}
/* The first pieces, at most `max`, and none behind the first that has descriptors. Returns how many. */
uint32_t rim__outgoing_gather(const struct rim__outgoing *out, struct iovec *iov, uint32_t max);
/* The first pieces, as many as are all of items with at least `large` bytes, or all of smaller ones, as the first is.
   Which of the two is `is_large`. */
uint32_t rim__outgoing_gather_alike(const struct rim__outgoing *out, struct iovec *iov, uint32_t max, uint32_t large,
                                    bool *is_large);
/* So many bytes have been sent. */
void rim__outgoing_consume(struct rim__outgoing *out, struct rim__shard *shard, uint64_t bytes);
/* The same, but what is through is not freed, but put before `kept`, a list by next; returns that. */
struct rim_msg *rim__outgoing_consume_to(struct rim__outgoing *out, struct rim_msg *kept, uint64_t bytes);
/* The first item, if some of it has been sent; then it is not in the queue any more. Else NULL. */
struct rim_msg *rim__outgoing_take_begun(struct rim__outgoing *out);
/* Frees everything. */
void rim__outgoing_drop(struct rim__outgoing *out, struct rim__shard *shard);

#endif
