/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "ringmail/error.h"
#include "ringmail/runtime.h"

/* The runs of one side of a figure. */
struct series {
    struct sample samples[HARNESS_REPEAT_MAX];
    uint32_t count;
};

struct result {
    struct sample ours, limit; /* medians */
    double spread;             /* of ours: (largest - smallest) / median */
    bool has_limit;
    uint32_t shards; /* 0: as the figure's name says */
};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts one member of the samples into `out`. */
static double median_of(const struct series *series, size_t member, double out[HARNESS_REPEAT_MAX]) {
    for (uint32_t i = 0; i < series->count; i++) {
        memcpy(&out[i], (const char *)&series->samples[i] + member, sizeof out[i]);
    }
    qsort(out, series->count, sizeof out[0], compare);
    return series->count > 0 ? out[series->count / 2] : 0;
}

static double summarise(const struct series *series, struct sample *out) {
    double sorted[HARNESS_REPEAT_MAX];
    out->n = 0;
    for (uint32_t i = 0; i < series->count; i++) {
        out->n += series->samples[i].n;
    }
    out->p50 = median_of(series, offsetof(struct sample, p50), sorted);
    out->p99 = median_of(series, offsetof(struct sample, p99), sorted);
    out->p999 = median_of(series, offsetof(struct sample, p999), sorted);
    out->p9999 = median_of(series, offsetof(struct sample, p9999), sorted);
    out->value = median_of(series, offsetof(struct sample, value), sorted);
    return out->value > 0 ? (sorted[series->count - 1] - sorted[0]) / out->value : 0;
}

static int add(struct series *series, measurement measure, double seconds) {
    int error = measure(seconds, &series->samples[series->count]);
    series->count += error == 0;
    return error;
}

/* 0 where the figure decides that by itself. */
static uint32_t shards_of(const struct figure *figure, const struct effort *effort) {
    return figure->shards > 1 && effort->shards != 0 ? effort->shards : figure->shards;
}

static int add_whole(struct series *series, const struct figure *figure, const struct effort *effort) {
    int error = figure->play(shards_of(figure, effort), &series->samples[series->count]);
    series->count += error == 0;
    return error;
}

/* Memory that the process has once had would not be seen again. */
static bool is_of_memory(const struct figure *figure) {
    return strcmp(figure->unit, "bytes") == 0 || strcmp(figure->unit, "MiB") == 0;
}

static int warm_up(const struct figure *figure, const struct effort *effort) {
    static struct series nothing;
    nothing = (struct series){.count = 0};
    if (effort->warm_up <= 0 || is_of_memory(figure)) {
        return 0;
    }
    int error =
        figure->play != NULL ? add_whole(&nothing, figure, effort) : add(&nothing, figure->ours, effort->warm_up);
    return error == 0 && figure->limit != NULL ? add(&nothing, figure->limit, effort->warm_up) : error;
}

static int measure(const struct figure *figure, const struct effort *effort, struct result *out) {
    static struct series ours, limit;
    ours = limit = (struct series){.count = 0};
    int error = warm_up(figure, effort);
    for (uint32_t i = 0; i < effort->repeat && error == 0; i++) {
        error = figure->play != NULL ? add_whole(&ours, figure, effort) : add(&ours, figure->ours, effort->seconds);
        if (error == 0 && figure->limit != NULL) {
            error = add(&limit, figure->limit, effort->seconds);
        }
    }
    if (error != 0) {
        return error;
    }
    out->has_limit = figure->limit != NULL;
    out->shards = shards_of(figure, effort);
    out->spread = summarise(&ours, &out->ours);
    summarise(&limit, &out->limit);
    return 0;
}

/* Above 1 is better for ours, whatever the unit. */
static double ratio_of(const struct figure *figure, const struct result *result) {
    double ours = result->ours.value;
    double limit = result->limit.value;
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

static void print_json(const struct benchmark *benchmark, const struct figure *figure, const struct result *result) {
    const struct sample *ours = &result->ours;
    printf("{\"bench\": \"%s\", \"metric\": \"%s\", \"unit\": \"%s\"", benchmark->name, figure->metric, figure->unit);
    print_number("value", ours->value, true);
    print_number("p50", ours->p50, ours->p50 > 0);
    print_number("p99", ours->p99, ours->p99 > 0);
    print_number("p99.9", ours->p999, ours->p999 > 0);
    print_number("p99.99", ours->p9999, ours->p9999 > 0);
    printf(", \"n\": %" PRIu64, ours->n);
    print_number("shards", result->shards, result->shards != 0);
    print_number("spread", result->spread, true);
    printf(result->has_limit ? ", \"against\": \"%s\"" : ", \"against\": null", figure->against);
    print_number("against_value", result->limit.value, result->has_limit);
    print_number("ratio", ratio_of(figure, result), result->has_limit);
    printf("}\n");
}

static const char *number(double value, char out[32]) {
    int digits = value >= 1000 ? 0 : value >= 100 ? 1 : 2;
    snprintf(out, 32, value > 0 ? "%.*f" : "-", digits, value);
    return out;
}

static void print_row(const struct figure *figure, const struct result *result) {
    char value[32], p50[32], p99[32], p999[32], p9999[32], limit[32];
    printf("  %-34s%9s %-5s%9s%9s%9s%9s%6.0f%%", figure->metric, number(result->ours.value, value), figure->unit,
           number(result->ours.p50, p50), number(result->ours.p99, p99), number(result->ours.p999, p999),
           number(result->ours.p9999, p9999), 100 * result->spread);
    if (result->has_limit) {
        printf("  %6.2f x  %s %s", ratio_of(figure, result), number(result->limit.value, limit), figure->against);
    }
    printf("\n");
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
    cpu_model(model, sizeof model);
    uname(&name);
    if (effort->json) {
        printf("{\"version\": \"%s\", \"cpu\": \"%s\", \"machine\": \"%s\", \"kernel\": \"%s\", \"cpus\": %u, "
               "\"repeat\": %u, "
               "\"seconds\": %g, \"warm_up\": %g, \"shards\": %u}\n",
               rim_version(), model, name.machine, name.release, cpus_count(), effort->repeat, effort->seconds,
               effort->warm_up, effort->shards);
        return;
    }
    printf("ringmail %s on %s (%s), Linux %s, %u CPUs\n", rim_version(), model, name.machine, name.release,
           cpus_count());
    printf(
        "medians of %u runs of %.3g s, after one of %.3g s; ratio: above 1.00 is better than what it is held against\n",
        effort->repeat, effort->seconds, effort->warm_up);
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
        int error = measure(figure, effort, &result);
        if (error != 0) {
            fprintf(stderr, "rimbench: %s: %s: %s\n", benchmark->name, figure->metric,
                    error == -ENOTSUP ? "left out, this machine lacks what it needs" : rim_strerror(error));
            good = good && error == -ENOTSUP;
        } else if (effort->json) {
            print_json(benchmark, figure, &result);
        } else {
            print_row(figure, &result);
        }
        fflush(stdout);
    }
    return good;
}
