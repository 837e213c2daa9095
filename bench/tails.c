/* SPDX-License-Identifier: MIT */
#include "tails.h"

#include <errno.h>
#include <stdlib.h>

int tails_init(struct tails *tails, uint32_t shards) {
    *tails = (struct tails){.count = 0};
    for (uint32_t i = 0; i < shards; i++) {
        tails->shards[i] = calloc(1, sizeof *tails->shards[i]);
        if (tails->shards[i] == NULL) {
            return -ENOMEM;
        }
        tails->count++;
    }
    return 0;
}

void tails_add(rim_ctx *ctx, struct tails *tails, uint64_t since_ns) {
    histogram_add(tails->shards[rim_shard_index(ctx)], (now_ns() - since_ns) * 16);
}

static void put_together(struct histogram *sum, const struct histogram *other) {
    sum->seen += other->seen;
    for (uint32_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        sum->cells[cell] += other->cells[cell];
    }
}

int tails_end(struct tails *tails, int error, struct sample *out) {
    for (uint32_t i = 1; i < tails->count; i++) {
        put_together(tails->shards[0], tails->shards[i]);
        free(tails->shards[i]);
    }
    if (tails->count > 0) {
        struct latencies all = {tails->shards[0]};
        if (error == 0) {
            out->n = all.histogram->seen;
            latencies_read(&all, 1e-3, out);
        }
        latencies_finish(&all);
    }
    return error;
}
