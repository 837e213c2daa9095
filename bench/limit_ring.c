/* SPDX-License-Identifier: MIT */
#include <ck_pr.h>
#include <ck_ring.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"

enum { LINE_PAIR = 128, SLOTS = 1024, CHECK_EVERY = 1024, PARCEL_MESSAGES = 63, PARCELS = 64 };

/* Two lines: the hardware fetches them in pairs. */
#define APART __attribute__((aligned(LINE_PAIR)))

struct lane {
    ck_ring_t ring APART;
    ck_ring_buffer_t slots[SLOTS] APART;
};

struct message {
    uint64_t next, from, to;
    uint32_t tag, size;
    uint64_t body[4];
};
_Static_assert(sizeof(struct message) == 64, "as the runtime's with 32 bytes of body");

struct parcel {
    uint32_t count;
    struct message messages[PARCEL_MESSAGES] __attribute__((aligned(64)));
};

/* What the two threads share; `forth` and `back` as seen from the first. */
struct pair {
    struct lane forth, back;
    struct parcel *parcels;
    struct latencies latencies;
    uint64_t duration_ns APART;
    uint64_t begin_ns, n;
    uint64_t end_ns APART;
    uint64_t sum;
};

/* Ends a stream. Never the address of anything. */
#define LAST ((void *)UINTPTR_MAX)

static void push(struct lane *lane, void *pointer) {
    while (!ck_ring_enqueue_spsc(&lane->ring, lane->slots, pointer)) {
        ck_pr_stall();
    }
}

static void *pop(struct lane *lane) {
    void *pointer;
    while (!ck_ring_dequeue_spsc(&lane->ring, lane->slots, &pointer)) {
        ck_pr_stall();
    }
    return pointer;
}

static int pair_create(double seconds, struct pair **out) {
    struct pair *pair = aligned_alloc(LINE_PAIR, sizeof *pair);
    if (pair == NULL) {
        return -ENOMEM;
    }
    memset(pair, 0, sizeof *pair);
    ck_ring_init(&pair->forth.ring, SLOTS);
    ck_ring_init(&pair->back.ring, SLOTS);
    pair->duration_ns = (uint64_t)(seconds * 1e9);
    int error = latencies_init(&pair->latencies);
    if (error != 0) {
        free(pair);
        return error;
    }
    *out = pair;
    return 0;
}

static void pair_destroy(struct pair *pair) {
    latencies_finish(&pair->latencies);
    free(pair->parcels);
    free(pair);
}

/* Runs the two ends, and gives nanoseconds a thing (to and fro) or million things a second (one way). */
static int measure(struct pair *pair, void *(*first)(void *), void *(*second)(void *), struct sample *out) {
    int error = pair_run(first, second, pair);
    if (error == 0) {
        uint64_t spent = pair->end_ns - pair->begin_ns;
        out->n = pair->n;
        out->value = (double)pair->n * 1e3 / (double)spent;
        latencies_read(&pair->latencies, 1, out); /* of a round trip: the value, too */
    }
    pair_destroy(pair);
    return error;
}

/* ---- pointers, one way ---- */

static void *ring_first(void *arg) {
    struct pair *pair = arg;
    pair->begin_ns = now_ns();
    do {
        for (uintptr_t i = 1; i <= CHECK_EVERY; i++) {
            push(&pair->forth, (void *)i);
        }
        pair->n += CHECK_EVERY;
    } while (now_ns() - pair->begin_ns < pair->duration_ns);
    push(&pair->forth, LAST);
    return NULL;
}

static void *ring_second(void *arg) {
    struct pair *pair = arg;
    uint64_t sum = 0;
    for (void *pointer = pop(&pair->forth); pointer != LAST; pointer = pop(&pair->forth)) {
        sum += (uintptr_t)pointer;
    }
    pair->end_ns = now_ns();
    pair->sum = sum;
    return NULL;
}

int limit_ring(double seconds, struct sample *out) {
    struct pair *pair;
    int error = pair_create(seconds, &pair);
    return error != 0 ? error : measure(pair, ring_first, ring_second, out);
}

/* ---- one pointer, to and fro ---- */

static void *ping(void *arg) {
    struct pair *pair = arg;
    uint64_t last = now_ns();
    pair->begin_ns = last;
    while (last - pair->begin_ns < pair->duration_ns) {
        push(&pair->forth, pair);
        pop(&pair->back);
        uint64_t now = now_ns();
        latencies_add(&pair->latencies, (double)(now - last));
        pair->n++;
        last = now;
    }
    pair->end_ns = last;
    push(&pair->forth, LAST);
    return NULL;
}

static void *pong(void *arg) {
    struct pair *pair = arg;
    for (void *pointer = pop(&pair->forth); pointer != LAST; pointer = pop(&pair->forth)) {
        push(&pair->back, pointer);
    }
    return NULL;
}

int limit_ring_ping_pong(double seconds, struct sample *out) {
    struct pair *pair;
    int error = pair_create(seconds, &pair);
    return error != 0 ? error : measure(pair, ping, pong, out);
}

/* ---- parcels ---- */

static void fill(struct parcel *parcel, uint64_t number) {
    for (uint32_t i = 0; i < PARCEL_MESSAGES; i++) {
        struct message *message = &parcel->messages[i];
        message->from = 1;
        message->to = 2;
        message->tag = 64;
        message->size = sizeof message->body;
        for (int k = 0; k < 4; k++) {
            message->body[k] = number + i;
        }
    }
    parcel->count = PARCEL_MESSAGES;
}

static void *parcels_first(void *arg) {
    struct pair *pair = arg;
    pair->begin_ns = now_ns();
    for (uint32_t i = 0; i < PARCELS; i++) {
        push(&pair->back, &pair->parcels[i]); /* all are at home; no other thread uses the lane as yet */
    }
    for (uint64_t i = 0; i % 16 != 0 || now_ns() - pair->begin_ns < pair->duration_ns; i++) {
        struct parcel *parcel = pop(&pair->back);
        fill(parcel, pair->n);
        pair->n += PARCEL_MESSAGES;
        push(&pair->forth, parcel);
    }
    push(&pair->forth, LAST);
    return NULL;
}

static void *parcels_second(void *arg) {
    struct pair *pair = arg;
    uint64_t sum = 0;
    for (void *pointer = pop(&pair->forth); pointer != LAST; pointer = pop(&pair->forth)) {
        struct parcel *parcel = pointer;
        for (uint32_t i = 0; i < parcel->count; i++) {
            sum += parcel->messages[i].body[0];
        }
        push(&pair->back, parcel);
    }
    pair->end_ns = now_ns();
    pair->sum = sum;
    return NULL;
}

int limit_parcels(double seconds, struct sample *out) {
    struct pair *pair;
    int error = pair_create(seconds, &pair);
    if (error != 0) {
        return error;
    }
    pair->parcels = aligned_alloc(64, PARCELS * sizeof *pair->parcels);
    if (pair->parcels == NULL) {
        pair_destroy(pair);
        return -ENOMEM;
    }
    memset(pair->parcels, 0, PARCELS * sizeof *pair->parcels);
    return measure(pair, parcels_first, parcels_second, out);
}
