/* SPDX-License-Identifier: MIT */
/*
 * One thread pushes, one pops: every pointer arrives once, in order, and so does what it points to. The indexes wrap
 * on the way.
 */
#include "base/spsc.h"

#include <pthread.h>
#include <sched.h>

#include "base/random.h"
#include "stress.h"

#define ITEMS 500000u
#define BATCH 64u

struct item {
    uint64_t number;
};

struct run {
    struct rim__spsc there, back; /* items go round */
    struct item items[BATCH];
};

static void *push_all(void *arg) {
    struct run *run = arg;
    struct rim__random random;
    rim__random_init(&random, stress_seed());
    for (uint64_t number = 0; number < ITEMS;) {
        struct item *item = rim__spsc_pop(&run->back);
        if (item == NULL) {
            sched_yield();
            continue;
        }
        item->number = number++; /* plain: the ring hands it over */
        while (!rim__spsc_push(&run->there, item)) {
            sched_yield();
        }
        if (rim__random_below(&random, 1000) == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void pop_all(struct run *run) {
    for (uint64_t number = 0; number < ITEMS;) {
        struct item *item = rim__spsc_pop(&run->there);
        if (item == NULL) {
            sched_yield();
            continue;
        }
        stress_check(item->number == number);
        number++;
        item->number = UINT64_MAX;
        stress_check(rim__spsc_push(&run->back, item)); /* has room for all */
    }
}

static void pump(void *arg) {
    static struct run run;
    uint32_t capacity = *(uint32_t *)arg;
    stress_check(rim__spsc_init(&run.there, capacity) == 0 && rim__spsc_init(&run.back, BATCH) == 0);
    run.there.ring.c_head = run.there.ring.p_tail = run.there.ring.p_head = UINT32_MAX - ITEMS / 2;
    for (uint32_t i = 0; i < BATCH; i++) {
        stress_check(rim__spsc_push(&run.back, &run.items[i]));
    }
    pthread_t pusher;
    stress_check(pthread_create(&pusher, NULL, push_all, &run) == 0);
    pop_all(&run);
    pthread_join(pusher, NULL);
    stress_check(rim__spsc_pop(&run.there) == NULL);
    rim__spsc_finish(&run.there);
    rim__spsc_finish(&run.back);
}

int main(int argc, char **argv) {
    static uint32_t capacities[] = {3, 15, 127};
    stress_begin(argc, argv);
    for (uint32_t i = 0; i < 3; i++) {
        stress_case(stress_name("spsc_of", capacities[i]), pump, &capacities[i]);
    }
    return stress_end();
}
