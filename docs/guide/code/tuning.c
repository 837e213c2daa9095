/* SPDX-License-Identifier: MIT */
/*
 * tuning.c - a configuration for latency on two shards, and what the statistics say about the spread of the work.
 */
#include <inttypes.h>
#include <ringmail.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { WORK = RIM_USER };

static rim_verdict on_work(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    return RIM_DONE;
}

static const rim_handler worker_on[] = {[WORK] = on_work};
static const rim_behaviour worker = {.name = "worker", .on = worker_on, .on_count = RIM_COUNT(worker_on)};

/* How many messages went to each shard, and how much better an even spread would be. */
static void tell_spread(rim_system *system) {
    uint32_t shards = rim_system_shards(system);
    uint64_t all = 0, most = 0;
    for (uint32_t i = 0; i < shards; i++) {
        rim_stats stats;
        if (rim_system_stats(system, i, &stats) == 0) {
            all += stats.handled;
            most = stats.handled > most ? stats.handled : most;
        }
    }
    printf("%" PRIu32 " shards, and the busiest has %.2f times its share\n", shards,
           (double)most * shards / (double)all);
}

int main(void) {
    rim_config config = {
        .shards = 2,
        .no_pin = true,       /* others use this machine as well */
        .budget = 32,         /* short turns: */
        .turn_us = 50,        /* nobody waits long for the others */
        .buffers = 1024,      /* many connections with */
        .buffer_bytes = 4096, /* small messages */
        .mailbox_count = 8192,
    };
    rim_system *system;
    if (rim_system_create(&config, &system) != 0 || rim_system_start(system) != 0) {
        return 1;
    }
    /* Three of four messages are for one worker: no good spread. */
    for (uint32_t shard = 0; shard < 2; shard++) {
        rim_ref ref;
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard};
        int error = rim_system_spawn(system, &worker, &options, NULL, 0, &ref);
        for (int i = 0; i < (shard == 0 ? 3000 : 1000) && error == 0; i++) {
            error = rim_system_send(system, ref, WORK, NULL, 0);
        }
    }
    int error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    tell_spread(system);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
2 shards, and the busiest has 1.50 times its share
*/
