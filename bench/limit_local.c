/* SPDX-License-Identifier: MIT */
/*
 * A mailbox, a run queue, generation and bound checks, dispatch by a table, and nothing else: what a message between
 * two actors of one thread must cost at least.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"
#include "whole.h"

enum { ACTORS = 512, BUDGET = 64, BOUND = 4096, BURST = 64, GROUP = 64 };

struct actor;
struct node;

struct message {
    struct message *next;
    uint64_t from, to;
    uint32_t tag, size;
    uint64_t body[4];
};

typedef void (*handler)(struct node *node, struct actor *self, struct message *message);

struct actor {
    const handler *on;
    uint32_t on_count;
    uint32_t generation, slot;
    uint32_t count, bytes;
    bool ready;
    struct message *first, **last;
    struct actor *next; /* in the run queue, or in the pool */
    uint64_t state[2];
};

/* One thread's world. */
struct node {
    struct actor actors[ACTORS];
    struct actor *ready, **ready_last;
    struct actor *pool;
    struct message *free;
    uint64_t sent, handled;
    uint64_t limit_ns, begin_ns, last_ns;
    struct latencies latencies;
};

static uint64_t ref_of(const struct actor *actor) {
    return (uint64_t)actor->slot << 32 | actor->generation;
}

static struct message *take(struct node *node) {
    struct message *message = node->free;
    if (message == NULL) {
        return malloc(sizeof *message);
    }
    node->free = message->next;
    return message;
}

/* Not inlined, because a library's is not. */
__attribute__((noinline)) static int tell(struct node *node, uint64_t from, uint64_t to, uint32_t tag, uint64_t value) {
    struct actor *actor = &node->actors[to >> 32];
    if (actor->generation != (uint32_t)to) {
        return -ESRCH;
    }
    if (actor->count >= BOUND || actor->bytes > 1 << 20) {
        return -ENOBUFS;
    }
    struct message *message = take(node);
    if (message == NULL) {
        return -ENOMEM;
    }
    uint64_t body[4] = {value, value, value, value};
    *message = (struct message){.from = from, .to = to, .tag = tag, .size = sizeof body};
    memcpy(message->body, body, sizeof body);
    *actor->last = message;
    actor->last = &message->next;
    actor->count++;
    actor->bytes += message->size;
    node->sent++;
    if (!actor->ready) {
        actor->ready = true;
        actor->next = NULL;
        *node->ready_last = actor;
        node->ready_last = &actor->next;
    }
    return 0;
}

static void run_actor(struct node *node, struct actor *actor) {
    for (int i = 0; i < BUDGET && actor->first != NULL; i++) {
        struct message *message = actor->first;
        actor->first = message->next;
        if (actor->first == NULL) {
            actor->last = &actor->first;
        }
        actor->count--;
        actor->bytes -= message->size;
        if (message->tag < actor->on_count) {
            actor->on[message->tag](node, actor, message);
        }
        node->handled++;
        message->next = node->free;
        node->free = message;
    }
}

/* One turn for every actor that is ready. */
static void run(struct node *node) {
    struct actor *actor = node->ready;
    node->ready = NULL;
    node->ready_last = &node->ready;
    while (actor != NULL) {
        struct actor *next = actor->next;
        run_actor(node, actor);
        actor->ready = actor->first != NULL;
        if (actor->ready) {
            actor->next = NULL;
            *node->ready_last = actor;
            node->ready_last = &actor->next;
        }
        actor = next;
    }
}

static void actor_init(struct actor *actor, const handler *on) {
    uint32_t slot = actor->slot;
    uint32_t generation = actor->generation + 1;
    *actor = (struct actor){.on = on, .on_count = 1, .slot = slot, .generation = generation};
    actor->last = &actor->first;
}

static int node_create(double seconds, const handler *on, struct node **out) {
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL || latencies_init(&node->latencies) != 0) {
        free(node);
        return -ENOMEM;
    }
    node->ready_last = &node->ready;
    for (uint32_t i = 0; i < ACTORS; i++) {
        node->actors[i].slot = i;
        actor_init(&node->actors[i], on);
    }
    node->limit_ns = (uint64_t)(seconds * 1e9);
    node->begin_ns = node->last_ns = now_ns();
    *out = node;
    return 0;
}

static void node_destroy(struct node *node) {
    while (node->free != NULL) {
        struct message *message = node->free;
        node->free = message->next;
        free(message);
    }
    latencies_finish(&node->latencies);
    free(node);
}

static void read_out(struct node *node, uint64_t things, struct sample *out) {
    out->n = things;
    out->value = (double)(node->last_ns - node->begin_ns) / (double)things;
}

/* Notes that GROUP more things were done. True when the time is over. */
static bool lap(struct node *node) {
    uint64_t now = now_ns();
    latencies_add(&node->latencies, (double)(now - node->last_ns) / GROUP);
    node->last_ns = now;
    return now - node->begin_ns >= node->limit_ns;
}

/* ---- tell ---- */

static void on_count(struct node *node, struct actor *self, struct message *message) {
    (void)node;
    self->state[0] += message->body[0];
}

static const handler counter[] = {on_count};

int limit_tell(double seconds, struct sample *out) {
    struct node *node;
    int error = node_create(seconds, counter, &node);
    if (error != 0) {
        return error;
    }
    do {
        for (int i = 0; i < BURST; i++) {
            error |= tell(node, ref_of(&node->actors[0]), ref_of(&node->actors[1]), 0, 1);
        }
        run(node);
    } while (!lap(node));
    read_out(node, node->handled, out);
    node_destroy(node);
    return error;
}

/* ---- ping-pong ---- */

static void on_ping(struct node *node, struct actor *self, struct message *message) {
    self->state[0]++;
    if (message->body[0] > 0) {
        tell(node, message->to, message->from, 0, message->body[0] - 1);
    }
}

static const handler player[] = {on_ping};

int limit_ping_pong(double seconds, struct sample *out) {
    struct node *node;
    int error = node_create(seconds, player, &node);
    if (error != 0) {
        return error;
    }
    uint64_t trips = 0;
    do {
        error |= tell(node, ref_of(&node->actors[0]), ref_of(&node->actors[1]), 0, 2 * GROUP - 1);
        while (node->ready != NULL) {
            run(node);
        }
        trips += GROUP;
    } while (!lap(node));
    out->n = trips;
    latencies_read(&node->latencies, 1, out);
    node_destroy(node);
    return error;
}

/* ---- thread ring ---- */

static void on_hop(struct node *node, struct actor *self, struct message *message) {
    struct actor *next = &node->actors[self->slot + 1 < LIMIT_HOPS_ACTORS ? self->slot + 1 : 0];
    self->state[0]++;
    if (message->body[0] > 0) {
        tell(node, message->to, ref_of(next), 0, message->body[0] - 1);
    }
}

static const handler member[] = {on_hop};

int limit_hops(double seconds, struct sample *out) {
    struct node *node;
    int error = node_create(seconds, member, &node);
    if (error != 0) {
        return error;
    }
    do {
        error |= tell(node, ref_of(&node->actors[0]), ref_of(&node->actors[1]), 0, 100 * LIMIT_HOPS_ACTORS);
        while (node->ready != NULL) {
            run(node);
        }
    } while (!lap(node));
    out->n = node->handled;
    out->value = (double)node->handled * 1e3 / (double)(node->last_ns - node->begin_ns);
    node_destroy(node);
    return error;
}

/* ---- big ---- */

enum { BIG_PING, BIG_PONG };
enum { BIG_PINGS = 1000 }; /* of each actor, between two looks at the clock */

static void ping_someone(struct node *node, struct actor *self) {
    struct actor *other = &node->actors[whole_random(&self->state[0]) % LIMIT_BIG_ACTORS];
    self->state[1]--;
    tell(node, ref_of(self), ref_of(other), BIG_PING, 0);
}

static void on_big_ping(struct node *node, struct actor *self, struct message *message) {
    (void)self;
    tell(node, message->to, message->from, BIG_PONG, 0);
}

static void on_big_pong(struct node *node, struct actor *self, struct message *message) {
    (void)message;
    if (self->state[1] > 0) {
        ping_someone(node, self);
    }
}

static const handler neighbour[] = {[BIG_PING] = on_big_ping, [BIG_PONG] = on_big_pong};

int limit_big(double seconds, struct sample *out) {
    struct node *node;
    int error = node_create(seconds, neighbour, &node);
    if (error != 0) {
        return error;
    }
    for (uint32_t i = 0; i < LIMIT_BIG_ACTORS; i++) {
        node->actors[i].on_count = sizeof neighbour / sizeof neighbour[0];
        node->actors[i].state[0] = i;
    }
    do {
        for (uint32_t i = 0; i < LIMIT_BIG_ACTORS; i++) {
            node->actors[i].state[1] = BIG_PINGS;
            ping_someone(node, &node->actors[i]);
        }
        while (node->ready != NULL) {
            run(node);
        }
    } while (!lap(node));
    out->n = node->handled / 2;
    out->value = (double)out->n * 1e3 / (double)(node->last_ns - node->begin_ns);
    node_destroy(node);
    return 0;
}

/* ---- spawn ---- */

static void on_go(struct node *node, struct actor *self, struct message *message) {
    (void)message;
    self->generation++;
    self->next = node->pool;
    node->pool = self;
}

static const handler child[] = {on_go};

/* The same, with room for the actor that ends in its own handler: its turn is over, so it is not run again. */
int limit_spawn(double seconds, struct sample *out) {
    struct node *node;
    int error = node_create(seconds, child, &node);
    if (error != 0) {
        return error;
    }
    for (uint32_t i = 0; i < BURST; i++) {
        node->actors[i].next = node->pool;
        node->pool = &node->actors[i];
    }
    do {
        for (int i = 0; i < BURST; i++) {
            struct actor *actor = node->pool;
            node->pool = actor->next;
            actor_init(actor, child);
            error |= tell(node, 0, ref_of(actor), 0, 1);
        }
        run(node);
    } while (!lap(node));
    read_out(node, node->handled, out);
    node_destroy(node);
    return error;
}
