/* SPDX-License-Identifier: MIT */
/*
 * connection.h - one connection to the server: a window of requests under way, and the check of their replies.
 *
 * A connection keeps `depth` requests under way: for every reply that arrives one request goes out, all those of one
 * round in one write. A request's latency runs from that write until its reply is complete.
 *
 *     Threads  one worker's; nothing here blocks but connection_open
 */
#ifndef KV_LOAD_CONNECTION_H
#define KV_LOAD_CONNECTION_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data.h"
#include "histogram.h"

/* What to ask for, and what came of it: shared by the connections of one worker. */
struct load {
    const struct data *data;
    uint32_t keys;
    uint32_t reads;    /* of ten requests */
    uint32_t depth;    /* requests under way on each connection */
    bool in_order;     /* set every key once, one after the other, instead of drawing them */
    uint64_t next_key; /* with in_order */
    uint64_t random;
    bool stopped; /* send nothing new */

    uint64_t done;     /* replies; read by the progress line, hence written atomically */
    uint64_t errors;   /* of those, wrong ones; and connections lost, and requests never answered. Likewise */
    char problem[160]; /* the first */
    struct histogram get, set;
};

struct pending {
    uint64_t sent_ns;
    uint32_t key;
    bool is_get;
};

struct connection {
    int fd; /* -1 once lost */
    uint32_t waiting;
    uint32_t first; /* in pending, a ring of depth entries */
    struct pending *pending;
    char *in;
    size_t in_size, in_room;
    char *out;
    size_t out_from, out_size;
};

/* Connects. 0 or a negative errno, with nothing to clean up. */
int connection_open(struct connection *connection, const struct load *load, const struct addrinfo *address);
void connection_close(struct connection *connection);

/* Reads what has arrived, and checks it. On failure the connection is lost, which is counted. */
void connection_receive(struct connection *connection, struct load *load);
/* Sends as much as may be under way. True if bytes are left that the socket has no room for. */
bool connection_send(struct connection *connection, struct load *load);
/* Counts a connection's unanswered requests as errors, and closes it. */
void connection_lose(struct connection *connection, struct load *load, const char *why);

#endif
