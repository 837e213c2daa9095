/* SPDX-License-Identifier: MIT */
/*
 * passing.h - bodies with descriptors: to be sent over a Unix socket, or received from one. Whatever becomes of such a
 * body, its release closes the descriptors that are still in it.
 *
 *     | body ... | cmsghdr | descriptors | bytes, of one to be sent |
 *
 *     Threads  made and released on its home shard; the descriptors are taken by whoever has the message
 */
#ifndef RINGMAIL_IO_PASSING_H
#define RINGMAIL_IO_PASSING_H

#include <sys/socket.h>

#include "ringmail/passing.h"
#include "shard/message.h"

struct rim__passing {
    struct rim__body body;
    struct rim__body *inner; /* received: the buffer with the bytes; NULL: to be sent, and the bytes are behind */
    size_t total;
    uint32_t count;
    bool is_cut; /* more came than there was room for */
    _Alignas(struct cmsghdr) char control[];
};

/* Bytes of control that so many descriptors take. */
static inline uint32_t rim__passing_room(uint32_t count) {
    return (uint32_t)CMSG_SPACE(count * sizeof(int));
}

/* What came with a body, at most `max` of it: a body that has both, or NULL: out of memory, and the descriptors are
   closed. */
struct rim__body *rim__passing_wrap(struct rim__shard *shard, struct rim__body *inner, const struct cmsghdr *came,
                                    uint32_t max, bool is_cut);
/* Closes what came with a body, and leaves that. */
void rim__passing_unwrap(struct rim__shard *shard, struct rim__body *wrapped);
/* A copy of the bytes, with copies of the descriptors. 0 or negative errno: -EBADF, -EMFILE, -ENOMEM. */
int rim__passing_make(struct rim__shard *shard, struct rim__body **out, const int *descriptors, uint32_t count,
                      const void *bytes, size_t size);
/* What is to be sent with the body of this message; NULL: nothing. */
struct rim__passing *rim__passing_to_send(const struct rim_msg *msg);
/* For the control of a message: the header, whose descriptors are behind it. */
void rim__passing_head(void *control, uint32_t count);
void rim__passing_close(const int *descriptors, uint32_t count);

#endif
