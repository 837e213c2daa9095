/* SPDX-License-Identifier: MIT */
/*
 * reply.h - one reply of a Redis-protocol server, read in place.
 */
#ifndef KV_LOAD_REPLY_H
#define KV_LOAD_REPLY_H

#include <stddef.h>
#include <sys/types.h>

enum reply_kind { REPLY_STATUS, REPLY_ERROR, REPLY_INTEGER, REPLY_BULK, REPLY_NULL };

/* `text` points into the bytes that were read. */
struct reply {
    enum reply_kind kind;
    const char *text;
    size_t size;
};

/* The bytes that the first reply takes, 0 if it is not complete yet, -1 if it is none that GET and SET can have. A bulk
   of more than `bulk_max` bytes is none. */
ssize_t reply_read(const char *bytes, size_t size, size_t bulk_max, struct reply *out);

#endif
