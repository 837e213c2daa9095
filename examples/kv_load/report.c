/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GROUPED_SIZE = 32 };

/* 1234567 as "1,234,567". */
static const char *grouped(uint64_t number, char out[GROUPED_SIZE]) {
    char digits[GROUPED_SIZE];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *to = out;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

void report_progress(double elapsed, uint64_t second, uint64_t total, uint64_t errors) {
    char rate[GROUPED_SIZE], sum[GROUPED_SIZE], wrong[GROUPED_SIZE];
    bool live = isatty(STDERR_FILENO);
    fprintf(stderr, "%s%4.0f s  %12s requests/s  %14s requests  %s errors%s", live ? "\r\033[K" : "", elapsed,
            grouped(second, rate), grouped(total, sum), grouped(errors, wrong), live ? "" : "\n");
}

void report_progress_end(void) {
    if (isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
}

static double micros(const struct histogram *histogram, double share) {
    return (double)histogram_percentile(histogram, share) / 1e3;
}

static void print_row(const char *name, const struct histogram *histogram, double seconds) {
    char rate[GROUPED_SIZE], count[GROUPED_SIZE];
    printf("  %-6s%14s%16s%10.1f%10.1f%10.1f%10.1f\n", name,
           grouped((uint64_t)((double)histogram->count / seconds), rate), grouped(histogram->count, count),
           micros(histogram, 0.5), micros(histogram, 0.99), micros(histogram, 0.999), (double)histogram->max / 1e3);
}

static void print_json(const struct options *options, const struct load *sum, const struct histogram *all,
                       double seconds) {
    printf("{\"requests\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"seconds\": %.3f, \"requests_per_second\": %.0f, "
           "\"p50_us\": %.2f, \"p99_us\": %.2f, \"p99_9_us\": %.2f, \"max_us\": %.2f, ",
           sum->done, sum->errors, seconds, (double)sum->done / seconds, micros(all, 0.5), micros(all, 0.99),
           micros(all, 0.999), (double)all->max / 1e3);
    printf(
        "\"connections\": %u, \"pipeline\": %u, \"threads\": %u, \"value_size\": %zu, \"keys\": %u, \"reads\": %u}\n",
        options->connections, options->pipeline, options->threads, options->value_size, options->keys, options->reads);
}

static void print_table(const struct options *options, const struct load *sum, const struct histogram *all,
                        double seconds) {
    char errors[GROUPED_SIZE];
    printf("%s port %s, %.1f s: %u connections, %u requests under way on each, values of %zu bytes, %u keys\n\n",
           options->host, options->port, seconds, options->connections, options->pipeline, options->value_size,
           options->keys);
    printf("  %-6s%14s%16s%10s%10s%10s%10s\n", "", "requests/s", "requests", "p50 us", "p99 us", "p99.9 us", "max us");
    print_row("GET", &sum->get, seconds);
    print_row("SET", &sum->set, seconds);
    print_row("all", all, seconds);
    printf("\n  %s errors%s%s\n", grouped(sum->errors, errors), sum->errors > 0 ? ", the first: " : "", sum->problem);
}

void report_result(const struct options *options, const struct load *sum, double seconds) {
    static struct histogram all;
    memset(&all, 0, sizeof all);
    histogram_merge(&all, &sum->get);
    histogram_merge(&all, &sum->set);
    (options->json ? print_json : print_table)(options, sum, &all, seconds);
    fflush(stdout);
}
