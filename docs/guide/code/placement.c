/* SPDX-License-Identifier: MIT */
/*
 * placement.c - actors are spawned on shards of the program's choice, and work at the same time.
 */
#include <inttypes.h>
#include <ringmail.h>
#include <stdio.h>
#include <string.h>

#define UNUSED  __attribute__((unused))
#define WORKERS 4u

enum { SUM = RIM_USER };

struct job {
    rim_ref boss;
    uint64_t from, to;
};

struct sum {
    uint64_t value;
    uint32_t shard;
};

/* ---- a worker: does its job in init, and is done ---- */

static rim_verdict worker_init(rim_ctx *ctx, void *state UNUSED, const void *arg, size_t size) {
    struct job job;
    struct sum sum = {.shard = rim_shard_index(ctx)};
    if (size != sizeof job) {
        return RIM_FAIL;
    }
    memcpy(&job, arg, size);
    for (uint64_t i = job.from; i < job.to; i++) {
        sum.value += i;
    }
    rim_send(ctx, job.boss, SUM, &sum, sizeof sum);
    rim_stop(ctx, rim_self(ctx));
    return RIM_DONE;
}

static const rim_behaviour worker = {.name = "worker", .init = worker_init};

/* ---- the boss ---- */

struct boss {
    uint64_t total;
    uint32_t answers, by_shard[2];
};

static rim_verdict boss_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct job job = {.boss = rim_self(ctx), .from = i * 1000, .to = (i + 1) * 1000};
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_shard_count(ctx)};
        rim_ref someone;
        if (rim_spawn(ctx, &worker, &options, &job, sizeof job, &someone) != 0) {
            return RIM_FAIL;
        }
    }
    return RIM_DONE;
}

static rim_verdict on_sum(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct boss *self = state;
    const struct sum *sum = body;
    self->total += sum->value;
    self->by_shard[sum->shard]++;
    if (++self->answers < WORKERS) {
        return RIM_DONE;
    }
    printf("%u workers on shard 0, %u on shard 1: %" PRIu64 "\n", self->by_shard[0], self->by_shard[1], self->total);
    return RIM_STOP;
}

static const rim_handler boss_on[] = {[SUM] = on_sum};
static const rim_behaviour boss = {
    .name = "boss",
    .state_size = sizeof(struct boss),
    .on = boss_on,
    .on_count = RIM_COUNT(boss_on),
    .init = boss_init,
};

int main(void) {
    rim_config config = {.shards = 2};
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &boss, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
2 workers on shard 0, 2 on shard 1: 7998000
*/
