/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "limit.h"
#include "stream.h"

static int same_shard(double seconds, struct sample *out) {
    static const struct stream_plan plan = {.shards = 1, .senders = 32, .burst = 16, .budget = 1};
    int error = stream_measure(&plan, seconds, out);
    out->value = 1e3 / out->value; /* ns a message */
    return error;
}

static int across(double seconds, struct sample *out) {
    static const struct stream_plan plan = {.shards = 2, .senders = 32, .to_shard = 1, .burst = 16, .budget = 4};
    return stream_measure(&plan, seconds, out);
}

static int until_handled(double seconds, struct sample *out) {
    static const struct stream_plan plan = {.shards = 2, .senders = 32, .to_shard = 1, .burst = 16, .budget = 4};
    return stream_measure_us(&plan, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("32 senders, same shard", "ns", false, same_shard, "a bare mailbox", limit_tell),
    FIGURE("32 senders across shards", "M/s", true, across, "bare parcels", limit_parcels),
    FIGURE("until it is handled, across", "us", false, until_handled, NULL, NULL),
};

const struct benchmark bench_fan_in = BENCHMARK("fan-in", "messages of 32 bytes from many actors to one", figures);
