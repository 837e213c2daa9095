/* SPDX-License-Identifier: MIT */
/*
 * Ringers against a receiver that parks: each ringer counts a word up and rings; the receiver takes the bell and looks
 * at the words that rang, and sleeps on a futex without a limit when it could park. A lost wake-up hangs it, a wake-up
 * too many or too few is counted: there is exactly one for every park. Every second ringer waits for an answer after
 * each ring; its word is a plain one that nothing but the bell orders.
 */
#define _GNU_SOURCE
#include "shard/doorbell.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/random.h"
#include "stress.h"

#define RINGERS_MAX 8u
#define ROUNDS      40000u

struct ringer {
    _Atomic uint32_t count rim__aligned(RIM_CACHE_LINE); /* by the ringer: relaxed, the bell orders it */
    struct run *run;
    uint32_t lane;
    bool inlet;
    bool patient; /* waits for `answer` after each ring, and counts in `plain` */
    uint32_t wakes;
    uint32_t plain; /* by the ringer, until it rings; then by the receiver, until it answers */
    _Atomic uint32_t answer rim__aligned(RIM_CACHE_LINE); /* by the receiver */
    pthread_t thread;
};

struct run {
    struct rim__bell bell;
    _Atomic uint32_t futex; /* 1: woken */
    uint32_t ringers, shards;
    struct ringer ringer[RINGERS_MAX];
    uint32_t parks;
};

static void wake(struct run *run) {
    uint32_t old = atomic_exchange_explicit(&run->futex, 1, memory_order_relaxed);
    stress_check(old == 0); /* nobody else wakes the same park */
    syscall(SYS_futex, &run->futex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void sleep_until_woken(struct run *run) {
    run->parks++;
    while (atomic_load_explicit(&run->futex, memory_order_relaxed) == 0) {
        syscall(SYS_futex, &run->futex, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    }
    atomic_store_explicit(&run->futex, 0, memory_order_relaxed);
}

static uint32_t rounds_of(const struct ringer *ringer) {
    return ringer->patient ? ROUNDS / 20 : ROUNDS;
}

static void *ring_all(void *arg) {
    struct ringer *self = arg;
    struct run *run = self->run;
    struct rim__random random;
    rim__random_init(&random, stress_seed() + self->lane);
    uint32_t rounds = rounds_of(self);
    for (uint32_t i = 1; i <= rounds; i++) {
        if (self->patient) {
            self->plain = i;
        } else {
            atomic_store_explicit(&self->count, i, memory_order_relaxed);
        }
        bool must_wake = self->inlet ? rim__bell_ring_inlet(&run->bell) : rim__bell_ring(&run->bell, self->lane);
        if (must_wake) {
            self->wakes++;
            wake(run);
        }
        while (self->patient && atomic_load_explicit(&self->answer, memory_order_acquire) != i) {
            sched_yield();
        }
        if (rim__random_below(&random, 4) == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static bool has_rung(const struct ringer *ringer, const struct rim__bell_news *news) {
    return ringer->inlet ? news->inlet : (news->lanes[ringer->lane / 64] >> (ringer->lane % 64) & 1) != 0;
}

static uint32_t look_at(struct ringer *ringer, uint32_t seen) {
    if (ringer->patient) {
        stress_check(ringer->plain == seen + 1);
        seen = ringer->plain;
        atomic_store_explicit(&ringer->answer, seen, memory_order_release);
        return seen;
    }
    uint32_t count = atomic_load_explicit(&ringer->count, memory_order_relaxed);
    stress_check(count >= seen);
    return count;
}

/* Looks only where the bell says so: what is not seen then is lost. Whether all is seen. */
static bool look(struct run *run, const struct rim__bell_news *news, uint32_t seen[RINGERS_MAX]) {
    bool all = true;
    for (uint32_t i = 0; i < run->ringers; i++) {
        struct ringer *ringer = &run->ringer[i];
        if (has_rung(ringer, news)) {
            seen[i] = look_at(ringer, seen[i]);
        }
        all = all && seen[i] == rounds_of(ringer);
    }
    return all;
}

static void receive(struct run *run) {
    uint32_t seen[RINGERS_MAX] = {0};
    for (;;) {
        struct rim__bell_news news = {.inlet = false};
        rim__bell_take(&run->bell, &news);
        if (look(run, &news, seen)) {
            return;
        }
        if (rim__bell_park(&run->bell)) {
            sleep_until_woken(run);
        }
    }
}

static void start_ringers(struct run *run) {
    for (uint32_t i = 0; i < run->ringers; i++) {
        struct ringer *ringer = &run->ringer[i];
        ringer->run = run;
        ringer->inlet = i == 1;
        ringer->patient = i % 2 == 1;
        ringer->lane = (i * 61) % run->shards; /* spread over the groups */
        stress_check(pthread_create(&ringer->thread, NULL, ring_all, ringer) == 0);
    }
}

struct setup {
    uint32_t ringers, shards;
};

static void ring_and_park(void *arg) {
    const struct setup *setup = arg;
    struct run *run = aligned_alloc(RIM_CACHE_LINE, sizeof *run);
    *run = (struct run){.ringers = setup->ringers, .shards = setup->shards};
    rim__bell_init(&run->bell, setup->shards);
    start_ringers(run);
    receive(run);
    uint32_t wakes = 0;
    for (uint32_t i = 0; i < run->ringers; i++) {
        pthread_join(run->ringer[i].thread, NULL);
        wakes += run->ringer[i].wakes;
    }
    stress_check(run->parks > 0);
    stress_check(wakes == run->parks);
    free(run);
}

int main(int argc, char **argv) {
    static struct setup setups[] = {{1, 2}, {2, 2}, {4, 62}, {8, 62}, {2, 70}, {4, 256}, {8, 256}};
    stress_begin(argc, argv);
    for (uint32_t i = 0; i < sizeof setups / sizeof setups[0]; i++) {
        const char *name = setups[i].shards > RIM_BELL_LANES ? "ringers_in_groups" : "ringers";
        stress_case(stress_name(name, setups[i].ringers), ring_and_park, &setups[i]);
    }
    return stress_end();
}
