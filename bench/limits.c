/* SPDX-License-Identifier: MIT */
#include "limit.h"

#include "harness.h"

static const struct figure figures[] = {
    {.metric = "cache line, round trip", .unit = "ns", .ours = limit_line},
    {.metric = "ck_ring of pointers, one way", .unit = "M/s", .more_is_better = true, .ours = limit_ring},
    {.metric = "two ck_rings, round trip", .unit = "ns", .ours = limit_ring_ping_pong},
    {.metric = "parcels of 63 x 64 bytes, one way", .unit = "M/s", .more_is_better = true, .ours = limit_parcels},
    {.metric = "bare mailbox, tell", .unit = "ns", .ours = limit_tell},
    {.metric = "bare mailbox, ping-pong", .unit = "ns", .ours = limit_ping_pong},
    {.metric = "bare mailbox, thread ring", .unit = "M/s", .more_is_better = true, .ours = limit_hops},
    {.metric = "bare mailbox, pings at random", .unit = "M/s", .more_is_better = true, .ours = limit_big},
    {.metric = "bare mailbox, spawn and exit", .unit = "ns", .ours = limit_spawn},
    {.metric = "MSG_RING, both asleep", .unit = "us", .ours = limit_msg_ring},
    {.metric = "eventfd in a ring, both asleep", .unit = "us", .ours = limit_eventfd},
    {.metric = "1 ms of sleep, too late by", .unit = "us", .ours = limit_sleep},
};

const struct benchmark bench_limits = BENCHMARK("limits", "what the machine can do without a runtime", figures);
