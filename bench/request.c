/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "limit.h"
#include "round_trip.h"
#include "world.h"

static int same_shard(double seconds, struct sample *out) {
    static const struct round_trip_plan plan = {.shards = 1, .group = 64, .asks = true};
    return round_trip_measure(&plan, seconds, out);
}

static int awake(double seconds, struct sample *out) {
    static const struct round_trip_plan plan = {.shards = 2, .group = 1, .spin_us = SPIN_ALWAYS, .asks = true};
    return round_trip_measure(&plan, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("same shard", "ns", false, same_shard, "a bare mailbox", limit_ping_pong),
    FIGURE("across shards, awake", "ns", false, awake, "two ck_rings", limit_ring_ping_pong),
};

const struct benchmark bench_request = BENCHMARK("request", "a request and its reply, with a deadline", figures);
