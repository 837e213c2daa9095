/* SPDX-License-Identifier: MIT */
/*
 * info.h - the text of INFO, put together from what the keepers and the server's actor count.
 */
#ifndef KV_INFO_H
#define KV_INFO_H

#include "connection.h"

struct outcome; /* reply.h */

struct totals {
    struct store_counts keys;
    struct server_counts clients;
    uint32_t sections; /* bit by bit, in the order of the text */
};

/* Takes an answer into the totals. */
void totals_add(struct totals *totals, const struct outcome *outcome);
void info_write(struct connection *c, const struct totals *totals, struct buffer *out);

#endif
