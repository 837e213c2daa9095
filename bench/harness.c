/* SPDX-License-Identifier: MIT */
#include "runs.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "ringmail/error.h"
#include "ringmail/runtime.h"

/* Above 1 is better for ours, whatever the unit. */
static double ratio_of(const struct figure *figure, const struct summary *summary) {
    double ours = summary->ours.value;
    double limit = summary->limit.value;
    return figure->more_is_better ? ours / limit : limit / ours;
}

/* ---- telling ---- */

static void print_number(const char *name, double value, bool known) {
    printf(", \"%s\": ", name);
    if (known && isfinite(value)) {
        printf("%.6g", value);
    } else {
        printf("null");
    }
}

/* What the runs of a kind gave that the figure is not of. */
static void print_other(const struct figure *figure, const struct result *result, enum distance_kind kind) {
    const struct summary *other = &result->of[kind];
    if (kind == result->kind || other->runs == 0) {
        printf(", \"%s\": null", distance_name(kind));
        return;
    }
    printf(", \"%s\": {\"runs\": %u", distance_name(kind), other->runs);
    print_number("value", other->ours.value, true);
    print_number("line", other->line_ns, true);
    print_number("against_value", other->limit.value, result->has_limit);
    print_number("ratio", ratio_of(figure, other), result->has_limit);
    printf("}");
}

static void print_json(const struct benchmark *benchmark, const struct figure *figure, const struct result *result) {
    const struct summary *told = &result->of[result->kind];
    const struct sample *ours = &told->ours;
    printf("{\"bench\": \"%s\", \"metric\": \"%s\", \"unit\": \"%s\"", benchmark->name, figure->metric, figure->unit);
    print_number("value", ours->value, true);
    print_number("p50", ours->p50, ours->p50 > 0);
    print_number("p99", ours->p99, ours->p99 > 0);
    print_number("p99.9", ours->p999, ours->p999 > 0);
    print_number("p99.99", ours->p9999, ours->p9999 > 0);
    printf(", \"n\": %" PRIu64, ours->n);
    print_number("shards", result->shards, result->shards != 0);
    print_number("spread", told->spread, true);
    printf(result->has_limit ? ", \"against\": \"%s\"" : ", \"against\": null", figure->against);
    print_number("against_value", told->limit.value, result->has_limit);
    print_number("ratio", ratio_of(figure, told), result->has_limit);
    printf(", \"runs\": %u", told->runs);
    print_number("line", told->line_ns, result->has_distance);
    printf(result->has_distance ? ", \"kind\": \"%s\"" : ", \"kind\": null", distance_name(result->kind));
    for (int kind = DISTANCE_FAR; kind < DISTANCE_KINDS; kind++) {
        print_other(figure, result, (enum distance_kind)kind);
    }
    printf("}\n");
}

static const char *number(double value, char out[32]) {
    int digits = value >= 1000 ? 0 : value >= 100 ? 1 : 2;
    snprintf(out, 32, value > 0 ? "%.*f" : "-", digits, value);
    return out;
}

static void print_summary(const char *title, const struct figure *figure, const struct result *result,
                          const struct summary *told) {
    char value[32], p50[32], p99[32], p999[32], p9999[32], limit[32];
    printf("  %-34s%9s %-5s%9s%9s%9s%9s%6.0f%%", title, number(told->ours.value, value), figure->unit,
           number(told->ours.p50, p50), number(told->ours.p99, p99), number(told->ours.p999, p999),
           number(told->ours.p9999, p9999), 100 * told->spread);
    if (result->has_limit) {
        printf("  %6.2f x  %s %s", ratio_of(figure, told), number(told->limit.value, limit), figure->against);
    }
    printf("\n");
}

/* The figure; below it what runs gave between which and which the CPUs were nearer or farther. */
static void print_rows(const struct figure *figure, const struct result *result) {
    static const char *const where[DISTANCE_KINDS] = {"near", "far from each other", "sharing a core",
                                                      "moved meanwhile"};
    print_summary(figure->metric, figure, result, &result->of[result->kind]);
    for (int kind = DISTANCE_NEAR; kind < DISTANCE_KINDS; kind++) {
        const struct summary *told = &result->of[kind];
        char title[64];
        if (!result->has_distance || told->runs == 0) {
            continue;
        }
        if (kind != (int)result->kind) {
            snprintf(title, sizeof title, "  CPUs %s (%u)", where[kind], told->runs);
            print_summary(title, figure, result, told);
        } else if (kind != (int)result->wanted) {
            printf("    these are runs with the CPUs %s (%u): they were not near in any\n", where[kind], told->runs);
        }
    }
}

/* What the kernel calls the CPU. */
static void cpu_model(char *out, size_t size) {
    char line[256];
    snprintf(out, size, "unknown CPU");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (file == NULL) {
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (colon != NULL && strncmp(line, "model name", 10) == 0) {
            snprintf(out, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    fclose(file);
}

void harness_begin(const struct effort *effort) {
    char model[128];
    struct utsname name;
    struct distance distance;
    bool is_seen = distance_look(2, &distance) == 0;
    cpu_model(model, sizeof model);
    uname(&name);
    if (effort->json) {
        printf("{\"version\": \"%s\", \"cpu\": \"%s\", \"machine\": \"%s\", \"kernel\": \"%s\", \"cpus\": %u, "
               "\"repeat\": %u, "
               "\"seconds\": %g, \"warm_up\": %g, \"shards\": %u, \"driver\": \"%s\"",
               rim_version(), model, name.machine, name.release, cpus_count(), effort->repeat, effort->seconds,
               effort->warm_up, effort->shards, effort->driver);
        print_number("line", distance.line_ns, is_seen);
        printf(", \"is_shared\": %s}\n", distance.is_shared ? "true" : "false");
        return;
    }
    printf("ringmail %s on %s (%s), Linux %s, %u CPUs; driver: %s\n", rim_version(), model, name.machine, name.release,
           cpus_count(), effort->driver);
    printf(
        "medians of %u runs of %.3g s, after one of %.3g s; ratio: above 1.00 is better than what it is held against\n",
        effort->repeat, effort->seconds, effort->warm_up);
    if (is_seen) {
        printf("a cache line takes %.0f ns to and fro between the first two CPUs%s\n", distance.line_ns,
               distance.is_shared ? ", which share a core" : "");
    }
    if (effort->shards != 0) {
        printf("what is told of two shards is of %u\n", effort->shards);
    }
}

bool harness_run(const struct benchmark *benchmark, const struct effort *effort) {
    bool good = true;
    if (!effort->json) {
        printf("\n%-36s%9s %-5s%9s%9s%9s%9s%7s  %8s  %s\n", benchmark->name, "value", "", "p50", "p99", "p99.9",
               "p99.99", "spread", "ratio", "against");
    }
    for (uint32_t i = 0; i < benchmark->count; i++) {
        const struct figure *figure = &benchmark->figures[i];
        struct result result;
        int error = runs_measure(figure, effort, &result);
        if (error != 0) {
            fprintf(stderr, "rimbench: %s: %s: %s\n", benchmark->name, figure->metric,
                    error == -ENOTSUP ? "left out, this machine lacks what it needs" : rim_strerror(error));
            good = good && error == -ENOTSUP;
        } else if (effort->json) {
            print_json(benchmark, figure, &result);
        } else {
            print_rows(figure, &result);
        }
        fflush(stdout);
    }
    return good;
}
