/* SPDX-License-Identifier: MIT */
/*
 * harness.h - runs figures, ours and the limit's in turn, and tells what came out.
 *
 * A figure is one number about ringmail, and the limit or the peer that it is held against, which is measured in the
 * same run: machines differ, and so does one machine from one minute to the next. After a run of each that is not
 * counted, ours and theirs are repeated alternately; what is told is each one's median, and the spread of ours. Of what
 * is on several CPUs, these are medians of the runs in which the CPUs were as near as they come (distance.h).
 */
#ifndef RIMBENCH_HARNESS_H
#define RIMBENCH_HARNESS_H

#include <stdbool.h>

#include "measure.h"

struct figure {
    const char *metric;
    const char *unit;
    bool more_is_better; /* a rate; else a duration or a size */
    measurement ours;
    const char *against; /* NULL: nothing */
    measurement limit;
    /* Instead of `ours`: a fixed amount of work (whole.h), on so many shards. */
    int (*play)(uint32_t shards, struct sample *out);
    uint32_t shards;
};
#define FIGURE(text, measured_in, is_rate, ours_is, held_against, limit_is)                                            \
    {                                                                                                                  \
        .metric = (text), .unit = (measured_in), .more_is_better = (is_rate), .ours = (ours_is),                       \
        .against = (held_against), .limit = (limit_is)                                                                 \
    }
#define WHOLE(text, measured_in, is_rate, function, on_shards)                                                         \
    { .metric = (text), .unit = (measured_in), .more_is_better = (is_rate), .play = (function), .shards = (on_shards) }

struct benchmark {
    const char *name;
    const char *about;
    const struct figure *figures;
    uint32_t count;
};

#define BENCHMARK(called, text, table)                                                                                 \
    { .name = (called), .about = (text), .figures = (table), .count = sizeof(table) / sizeof((table)[0]) }

extern const struct benchmark bench_limits, bench_tell, bench_ping_pong, bench_spawn, bench_supervisor,
    bench_idle_actor, bench_request, bench_timer, bench_fan_in, bench_thread_ring, bench_offload, bench_port,
    bench_publish, bench_link, bench_drain, bench_file_read, bench_map_read, bench_stage, bench_skynet, bench_creation,
    bench_counting, bench_mailbox, bench_fork_join, bench_chameneos, bench_big, bench_bounded_buffer, bench_banking,
    bench_mixed, bench_ubench, bench_overload, bench_queued, bench_start, bench_file_send, bench_zero_copy;

struct effort {
    uint32_t repeat; /* odd is best; at most HARNESS_REPEAT_MAX */
    double seconds;  /* of one run */
    double warm_up;  /* seconds of a run before, of ours and of the limit, that is not counted; 0: none */
    uint32_t shards; /* 0: as each figure says; else what is played on two shards is played on so many */
    bool json;
    const char *driver; /* of the systems, to be told */
};
enum { HARNESS_REPEAT_MAX = 101, HARNESS_SHARDS_MAX = 64 };

/* Tells the machine. */
void harness_begin(const struct effort *effort);
/* False if a figure failed. One that this machine cannot measure is told and passed over. */
bool harness_run(const struct benchmark *benchmark, const struct effort *effort);

#endif
