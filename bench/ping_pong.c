/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "limit.h"
#include "round_trip.h"
#include "world.h"

static int same_shard(double seconds, struct sample *out) {
    static const struct round_trip_plan plan = {.shards = 1, .group = 64};
    return round_trip_measure(&plan, seconds, out);
}

static int awake(double seconds, struct sample *out) {
    static const struct round_trip_plan plan = {.shards = 2, .group = 1, .spin_us = SPIN_ALWAYS};
    return round_trip_measure(&plan, seconds, out);
}

static int asleep(double seconds, struct sample *out) {
    static const struct round_trip_plan plan = {.shards = 2, .group = 1, .spin_us = SPIN_NEVER};
    return round_trip_measure_us(&plan, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("same shard", "ns", false, same_shard, "a bare mailbox", limit_ping_pong),
    FIGURE("across shards, awake", "ns", false, awake, "two ck_rings", limit_ring_ping_pong),
    FIGURE("across shards, both asleep", "us", false, asleep, "the better bare wake", limit_wake),
};

const struct benchmark bench_ping_pong = BENCHMARK("ping-pong", "one message to and fro", figures);
