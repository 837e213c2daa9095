/* SPDX-License-Identifier: MIT */
/*
 * Foreign threads push into a shard that sleeps as long as it may: each thread's messages arrive once and in order,
 * what was refused does not arrive, and the shard sleeps without a safety net.
 */
#include "shard/inlet.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/random.h"
#include "rig.h"
#include "ringmail/error.h"
#include "stress.h"

#define THREADS_MAX 8u
#define MESSAGES    30000u

struct pusher {
    struct rim__shard *shard;
    uint32_t number;
    uint32_t pushed, refused;
    pthread_t thread;
};

static struct pusher pushers[THREADS_MAX];
static struct rim__gate gate;
static uint32_t taken[THREADS_MAX]; /* by the shard */
static uint32_t total, expected;    /* by the shard */
static uint32_t close_after;        /* by the shard: closes the inlet after so many; 0: never */

static void deliver(struct rim__shard *shard, struct rim_msg *msg) {
    uint32_t from = (uint32_t)msg->from;
    uint32_t body;
    memcpy(&body, rim__msg_body(msg), sizeof body);
    stress_check(msg->tag == taken[from] && body == taken[from]);
    taken[from]++;
    total++;
    rim__msg_release(shard, msg);
    if (total == close_after) {
        rim__inlet_close(&shard->inlet);
    }
}

/* Orders end the shard: each pusher says once that it has done. */
static void deliver_any(struct rim__shard *shard, struct rim_msg *msg) {
    if (msg->kind == RIM_KIND_ORDER) {
        rim__msg_release(shard, msg);
        shard->stopping = --expected == 0;
    } else {
        deliver(shard, msg);
    }
}

static void *run_shard(void *arg) {
    struct rim__shard *shard = arg;
    rim__shard_set_current(shard);
    shard->safety_ns = RIM_DRIVER_FOREVER; /* a lost wake-up hangs */
    while (!shard->stopping) {
        rim__shard_tick(shard, true);
        shard->safety_ns = RIM_DRIVER_FOREVER;
    }
    rim__gate_knock(&gate);
    return NULL;
}

static int push(struct pusher *self, uint32_t kind, bool always) {
    struct rim_msg *msg = rim__inlet_msg(kind, self->pushed, &self->pushed, sizeof self->pushed);
    msg->from = self->number;
    int error = rim__inlet_push(self->shard, msg, always);
    if (error != 0) {
        rim__inlet_msg_free(msg);
    }
    return error;
}

static void *push_all(void *arg) {
    struct pusher *self = arg;
    struct rim__random random;
    rim__random_init(&random, stress_seed() + self->number);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        int error = push(self, RIM_KIND_TELL, false);
        stress_check(error == 0 || error == -RIM_EFULL || (error == -RIM_ESTOPPING && close_after != 0));
        self->pushed += error == 0;
        self->refused += error != 0;
        if (error != 0 || rim__random_below(&random, 8) == 0) {
            sched_yield(); /* lets the shard fall asleep now and then */
        }
    }
    stress_check(push(self, RIM_KIND_ORDER, true) == 0);
    return NULL;
}

static void start_pushers(struct rim__shard *shard, uint32_t threads) {
    for (uint32_t i = 0; i < threads; i++) {
        pushers[i] = (struct pusher){.shard = shard, .number = i};
        stress_check(pthread_create(&pushers[i].thread, NULL, push_all, &pushers[i]) == 0);
    }
}

static void flood(uint32_t threads, uint32_t closing) {
    struct rig rig;
    pthread_t thread;
    rig_init(&rig, 1, 4);
    rig.members[0].is_real = true;
    rig.shards[0]->deliver = deliver_any;
    memset(taken, 0, sizeof taken);
    total = 0;
    expected = threads;
    close_after = closing;
    rim__gate_init(&gate);
    stress_check(pthread_create(&thread, NULL, run_shard, rig.shards[0]) == 0);
    start_pushers(rig.shards[0], threads);
    stress_check(rim__gate_wait(&gate, 1, 60000000000u));
    pthread_join(thread, NULL);
    for (uint32_t i = 0; i < threads; i++) {
        pthread_join(pushers[i].thread, NULL);
        stress_check(taken[i] == pushers[i].pushed);
        stress_check(pushers[i].pushed + pushers[i].refused == MESSAGES);
    }
    stress_check(rig.shards[0]->parks >= rig_wakes(&rig, 0)); /* a park has one waker at most */
    rim__gate_finish(&gate);
    rig_finish(&rig);
}

static void flood_open(void *arg) {
    flood(*(uint32_t *)arg, 0);
}

static void flood_closing(void *arg) {
    flood(*(uint32_t *)arg, 5000);
}

int main(int argc, char **argv) {
    static uint32_t threads[] = {1, 2, 4, 8};
    stress_begin(argc, argv);
    for (uint32_t i = 0; i < 4; i++) {
        stress_case(stress_name("inlet_from_threads", threads[i]), flood_open, &threads[i]);
    }
    stress_case(stress_name("inlet_closes_meanwhile", 4), flood_closing, &threads[2]);
    return stress_end();
}
