/* SPDX-License-Identifier: MIT */
/*
 * worker.h - one thread's share of the load: its connections and the loop around them.
 *
 *     Threads  run on a thread of its own or the caller's; stop is set, and load.done and load.errors are read, by any
 */
#ifndef KV_LOAD_WORKER_H
#define KV_LOAD_WORKER_H

#include <stdatomic.h>

#include "connection.h"

struct worker {
    struct load load;
    struct connection *connections;
    uint32_t count;
    int poller;
    atomic_bool stop; /* send nothing new, wait for what is under way, return */
};

/* Opens `count` connections for the load that the caller has filled in. 0 or a negative errno. */
int worker_open(struct worker *worker, uint32_t count, const struct addrinfo *address);
/* Returns when told to stop, when the load has nothing more to ask, or when every connection is lost. */
void worker_run(struct worker *worker);
void worker_close(struct worker *worker);

#endif
