/* SPDX-License-Identifier: MIT */
/*
 * whole.h - a fixed amount of work, done once from beginning to end: for the published programs of other actor systems.
 *
 * A run begins with a message to one actor, the root, and is over when an actor calls whole_over. In between it may do
 * what it likes; the time of it is what counts.
 *
 *     static int skynet(uint32_t shards, struct sample *out) {
 *         struct run run = {...};
 *         int error = whole_play(&run.whole, &root, shards);
 *         ... run.whole.ns ...
 *     }
 *
 *     Threads  whole_play: the main thread; the rest: handlers
 */
#ifndef RIMBENCH_WHOLE_H
#define RIMBENCH_WHOLE_H

#include "world.h"

enum { WHOLE_GO = RIM_USER, WHOLE_USER }; /* the root's first message; the tags from which a program's own begin */

struct whole {
    struct world world;
    uint64_t begin_ns;
    double ns, cpu_ns; /* from the first message to the end, by the clock and by the process's CPUs */
    double cpu_begin_ns;
};

/* Spawns the root on the first shard, with the address of `whole` as init's argument, and sends it WHOLE_GO. 0, the
   error that whole_over was given, or those of world.h. */
int whole_play(struct whole *whole, const rim_behaviour *root, uint32_t shards);
/* The work is done; with an error it is not. */
void whole_over(struct whole *whole, int error);
/* For an init whose actor keeps nothing but where the run is, first in its state. */
rim_verdict whole_init(rim_ctx *ctx, void *self, const void *arg, size_t size);
/* An actor with the run as its argument. A mailbox that has room for all that a program sends it at once. */
int whole_spawn(rim_ctx *ctx, const rim_behaviour *behaviour, uint32_t shard, struct whole *whole, rim_ref *out);

/* `count` of something took what `whole` took: million a second, or nanoseconds for each. */
int whole_rate(const struct whole *whole, int error, uint64_t count, struct sample *out);
int whole_cost(const struct whole *whole, int error, uint64_t count, struct sample *out);

/* A small generator of numbers (splitmix64), for programs that want the same ones in every run. */
static inline uint64_t whole_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
