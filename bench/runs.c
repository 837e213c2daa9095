/* SPDX-License-Identifier: MIT */
#include "runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { AGAIN_TIMES = 4, RUNS_MAX = HARNESS_REPEAT_MAX * (1 + AGAIN_TIMES), NAP_NS = 20 * 1000 * 1000 };

/* All runs of a figure: ours, and after each one the limit's. */
struct runs {
    const struct figure *figure;
    const struct effort *effort;
    struct sample ours[RUNS_MAX], limit[RUNS_MAX];
    struct distance_run seen[RUNS_MAX];
    uint32_t count;
    uint32_t cpus;     /* that it is on; 1: nothing is looked at */
    uint64_t spent_ns; /* by those runs that any figure has */
};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- running ---- */

/* 0 where the figure decides that by itself. */
static uint32_t shards_of(const struct figure *figure, const struct effort *effort) {
    return figure->shards > 1 && effort->shards != 0 ? effort->shards : figure->shards;
}

/* Memory that the process has once had would not be seen again. Nor does it matter where it is. */
static bool is_of_memory(const struct figure *figure) {
    return strcmp(figure->unit, "bytes") == 0 || strcmp(figure->unit, "MiB") == 0;
}

static int play_ours(const struct runs *runs, double seconds, struct sample *out) {
    const struct figure *figure = runs->figure;
    return figure->play != NULL ? figure->play(shards_of(figure, runs->effort), out) : figure->ours(seconds, out);
}

static int look(struct runs *runs, struct distance_run *seen) {
    int error = runs->cpus > 1 ? distance_look(runs->cpus, &seen->looks[seen->count]) : 0;
    seen->count += runs->cpus > 1 && error == 0;
    return error;
}

/* Both, and what is seen before, between and after them. */
static int play(struct runs *runs, double seconds) {
    struct distance_run *seen = &runs->seen[runs->count];
    struct sample *ours = &runs->ours[runs->count];
    struct sample *limit = &runs->limit[runs->count];
    *seen = (struct distance_run){.count = 0};
    *ours = *limit = (struct sample){.n = 0};
    int error = look(runs, seen);
    error = error != 0 ? error : play_ours(runs, seconds, ours);
    error = error != 0 ? error : look(runs, seen);
    if (runs->figure->limit != NULL) {
        error = error != 0 ? error : runs->figure->limit(seconds, limit);
        error = error != 0 ? error : look(runs, seen);
    }
    return error;
}

/* Nothing that is run here is counted. After it is known how many CPUs the figure is on. */
static int warm_up(struct runs *runs) {
    int error = 0;
    cpus_noted();
    runs->cpus = 1;
    if (runs->effort->warm_up > 0 && !is_of_memory(runs->figure)) {
        error = play(runs, runs->effort->warm_up);
        runs->cpus = cpus_noted();
    } else if (!is_of_memory(runs->figure)) {
        runs->cpus = cpus_count() > 1 ? 2 : 1; /* it may be, and is looked at until that is known */
    }
    return error;
}

static bool has_enough(const struct runs *runs) {
    uint32_t counts[DISTANCE_KINDS];
    double shortest = distance_shortest(runs->cpus);
    distance_choose(runs->seen, runs->count, shortest, counts);
    return counts[distance_wanted(shortest)] >= runs->effort->repeat;
}

/* Whether the CPUs are now as they should be. */
static bool is_time(const struct runs *runs) {
    struct distance now;
    return distance_look(runs->cpus, &now) == 0 &&
           distance_kind_of(&now, distance_shortest(runs->cpus)) == distance_wanted(distance_shortest(runs->cpus));
}

/* What was run at the wrong time is run again. */
static int repeat(struct runs *runs) {
    uint64_t until_ns = now_ns() + AGAIN_TIMES * runs->spent_ns;
    int error = 0;
    while (error == 0 && !has_enough(runs) && runs->count < (1 + AGAIN_TIMES) * runs->effort->repeat &&
           now_ns() < until_ns) {
        if (is_time(runs)) {
            error = play(runs, runs->effort->seconds);
            runs->count += error == 0;
        } else {
            nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
        }
    }
    return error;
}

static int play_all(struct runs *runs) {
    int error = warm_up(runs);
    uint64_t begin_ns = now_ns();
    for (uint32_t i = 0; i < runs->effort->repeat && error == 0; i++) {
        error = play(runs, runs->effort->seconds);
        runs->count += error == 0;
        uint32_t cpus = cpus_noted();
        if (i == 0 && runs->effort->warm_up <= 0 && cpus < 2) {
            runs->cpus = 1;
        }
    }
    runs->spent_ns = now_ns() - begin_ns;
    return error == 0 && runs->cpus > 1 ? repeat(runs) : error;
}

/* ---- telling ---- */

/* The runs of a kind. */
struct choice {
    uint32_t runs[RUNS_MAX];
    uint32_t count;
};

/* The median of one member of the samples; `sorted` has all of them. */
static double median_of(const struct sample *samples, const struct choice *choice, size_t member,
                        double sorted[RUNS_MAX]) {
    for (uint32_t i = 0; i < choice->count; i++) {
        memcpy(&sorted[i], (const char *)&samples[choice->runs[i]] + member, sizeof sorted[i]);
    }
    qsort(sorted, choice->count, sizeof sorted[0], compare);
    return choice->count > 0 ? sorted[choice->count / 2] : 0;
}

/* Fills the medians. The spread of the values. */
static double summarise(const struct sample *samples, const struct choice *choice, struct sample *out) {
    static double sorted[RUNS_MAX];
    out->n = 0;
    for (uint32_t i = 0; i < choice->count; i++) {
        out->n += samples[choice->runs[i]].n;
    }
    out->p50 = median_of(samples, choice, offsetof(struct sample, p50), sorted);
    out->p99 = median_of(samples, choice, offsetof(struct sample, p99), sorted);
    out->p999 = median_of(samples, choice, offsetof(struct sample, p999), sorted);
    out->p9999 = median_of(samples, choice, offsetof(struct sample, p9999), sorted);
    out->value = median_of(samples, choice, offsetof(struct sample, value), sorted);
    return out->value > 0 ? (sorted[choice->count - 1] - sorted[0]) / out->value : 0;
}

static double line_of(const struct runs *runs, const struct choice *choice) {
    static double sorted[RUNS_MAX * DISTANCE_LOOKS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < choice->count; i++) {
        const struct distance_run *seen = &runs->seen[choice->runs[i]];
        for (uint32_t k = 0; k < seen->count; k++) {
            sorted[count++] = seen->looks[k].line_ns;
        }
    }
    qsort(sorted, count, sizeof sorted[0], compare);
    return count > 0 ? sorted[count / 2] : 0;
}

static enum distance_kind kind_of(const struct runs *runs, uint32_t run) {
    return runs->cpus > 1 ? distance_kind_of_run(&runs->seen[run], distance_shortest(runs->cpus)) : DISTANCE_NEAR;
}

static void tell(const struct runs *runs, struct result *out) {
    uint32_t counts[DISTANCE_KINDS];
    out->has_distance = runs->cpus > 1;
    out->has_limit = runs->figure->limit != NULL;
    out->shards = shards_of(runs->figure, runs->effort);
    out->wanted = out->has_distance ? distance_wanted(distance_shortest(runs->cpus)) : DISTANCE_NEAR;
    out->kind = out->has_distance ? distance_choose(runs->seen, runs->count, distance_shortest(runs->cpus), counts)
                                  : DISTANCE_NEAR;
    for (int kind = 0; kind < DISTANCE_KINDS; kind++) {
        static struct choice choice;
        choice.count = 0;
        for (uint32_t i = 0; i < runs->count; i++) {
            if (kind_of(runs, i) == (enum distance_kind)kind) {
                choice.runs[choice.count++] = i;
            }
        }
        struct summary *summary = &out->of[kind];
        summary->runs = choice.count;
        summary->spread = summarise(runs->ours, &choice, &summary->ours);
        summary->line_ns = line_of(runs, &choice);
        summarise(runs->limit, &choice, &summary->limit);
    }
}

int runs_measure(const struct figure *figure, const struct effort *effort, struct result *out) {
    static struct runs runs;
    runs.figure = figure;
    runs.effort = effort;
    runs.count = 0;
    int error = play_all(&runs);
    if (error == 0) {
        tell(&runs, out);
    }
    return error;
}
