/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "limit.h"
#include "stream.h"

/* The receiver gets its turn after each burst, as in the bare mailbox. */
static int same_shard(double seconds, struct sample *out) {
    static const struct stream_plan plan = {.shards = 1, .senders = 1, .burst = 64, .budget = 1};
    int error = stream_measure(&plan, seconds, out);
    out->value = 1e3 / out->value; /* ns a message */
    return error;
}

static int across(double seconds, struct sample *out) {
    static const struct stream_plan plan = {.shards = 2, .senders = 1, .to_shard = 1, .burst = 64, .budget = 16};
    return stream_measure(&plan, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("same shard", "ns", false, same_shard, "a bare mailbox", limit_tell),
    FIGURE("across shards", "M/s", true, across, "bare parcels", limit_parcels),
};

const struct benchmark bench_tell = BENCHMARK("tell", "messages of 32 bytes, one way", figures);
