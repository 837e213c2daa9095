/* SPDX-License-Identifier: MIT */
#include "whole.h"

enum { PATIENCE_S = 60, MAILBOX_COUNT = 1 << 20, MAILBOX_BYTES = 256 * 1024 * 1024 };

static double cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static const rim_spawn_options roomy = {.mailbox_count = MAILBOX_COUNT, .mailbox_bytes = MAILBOX_BYTES};

int whole_play(struct whole *whole, const rim_behaviour *root, uint32_t shards) {
    rim_ref ref;
    int error = world_open(&whole->world, shards, 0);
    error = error != 0 ? error : world_spawn(&whole->world, root, &roomy, whole, &ref);
    error = error != 0 ? error : rim_system_start(whole->world.system);
    if (error == 0) {
        whole->cpu_begin_ns = cpu_ns();
        whole->begin_ns = now_ns();
        error = rim_system_send(whole->world.system, ref, WHOLE_GO, NULL, 0);
    }
    error = error != 0 ? error : world_wait(&whole->world, PATIENCE_S);
    return world_close(&whole->world, error);
}

void whole_over(struct whole *whole, int error) {
    whole->ns = (double)(now_ns() - whole->begin_ns);
    whole->cpu_ns = cpu_ns() - whole->cpu_begin_ns;
    world_done(&whole->world, error);
}

rim_verdict whole_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    *(struct whole **)self = *(struct whole *const *)arg;
    return RIM_DONE;
}

int whole_spawn(rim_ctx *ctx, const rim_behaviour *behaviour, uint32_t shard, struct whole *whole, rim_ref *out) {
    rim_spawn_options options = roomy;
    options.place = RIM_ON_SHARD;
    options.shard = shard % rim_shard_count(ctx);
    return rim_spawn(ctx, behaviour, &options, &whole, sizeof whole, out);
}

int whole_rate(const struct whole *whole, int error, uint64_t count, struct sample *out) {
    out->n = count;
    out->value = error == 0 ? (double)count * 1e3 / whole->ns : 0;
    return error;
}

int whole_cost(const struct whole *whole, int error, uint64_t count, struct sample *out) {
    out->n = count;
    out->value = error == 0 ? whole->ns / (double)count : 0;
    return error;
}
