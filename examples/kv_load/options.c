/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] = "usage: kv_load [flags]\n"
                            "Loads a server that speaks the Redis protocol with GETs and SETs, checks every reply,\n"
                            "and tells how many it answered and how fast.\n"
                            "\n"
                            "  --host H         server, a name or an address (127.0.0.1)\n"
                            "  --port P         its port (6379)\n"
                            "  --connections N  connections, over all threads (50)\n"
                            "  --threads N      threads (1)\n"
                            "  --pipeline N     requests under way on each connection (1)\n"
                            "  --seconds S      how long (10)\n"
                            "  --keys N         different keys; all are set before the clock starts (100000)\n"
                            "  --value-size N   bytes of a value (64)\n"
                            "  --ratio N        reads out of ten requests (9)\n"
                            "  --json           the result as one line of JSON\n"
                            "  --quiet          no progress\n"
                            "  --help           this text\n"
                            "\n"
                            "Exit status: 0, 1 if a request failed or its reply was wrong, 2 for a bad command line.\n";

enum flag { HOST, PORT, CONNECTIONS, THREADS, PIPELINE, SECONDS, KEYS, VALUE_SIZE, RATIO, JSON, QUIET, HELP };

static const struct option flags[] = {
    {"host", required_argument, NULL, HOST},
    {"port", required_argument, NULL, PORT},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"threads", required_argument, NULL, THREADS},
    {"pipeline", required_argument, NULL, PIPELINE},
    {"seconds", required_argument, NULL, SECONDS},
    {"keys", required_argument, NULL, KEYS},
    {"value-size", required_argument, NULL, VALUE_SIZE},
    {"ratio", required_argument, NULL, RATIO},
    {"json", no_argument, NULL, JSON},
    {"quiet", no_argument, NULL, QUIET},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

/* What a numeric flag may be. */
static const struct range {
    double low, high;
} ranges[] = {
    [PORT] = {1, 65535},     [CONNECTIONS] = {1, 100000}, [THREADS] = {1, 256}, [PIPELINE] = {1, 100000},
    [SECONDS] = {0.01, 1e6}, [KEYS] = {1, 4e9},           [RATIO] = {0, 10},    [VALUE_SIZE] = {1, 512.0 * 1024 * 1024},
};

static bool number(int flag, const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    const struct range *range = &ranges[flag];
    bool whole = flag == SECONDS || *out == (double)(long long)*out;
    if (end == text || *end != '\0' || !whole || !(*out >= range->low && *out <= range->high)) {
        fprintf(stderr, "kv_load: --%s %s: want a number from %g to %g\n", flags[flag].name, text, range->low,
                range->high);
        return false;
    }
    return true;
}

static void set(struct options *out, int flag, double value) {
    switch (flag) {
    case CONNECTIONS:
        out->connections = (uint32_t)value;
        break;
    case THREADS:
        out->threads = (uint32_t)value;
        break;
    case PIPELINE:
        out->pipeline = (uint32_t)value;
        break;
    case SECONDS:
        out->seconds = value;
        break;
    case KEYS:
        out->keys = (uint32_t)value;
        break;
    case VALUE_SIZE:
        out->value_size = (size_t)value;
        break;
    case RATIO:
        out->reads = (uint32_t)value;
        break;
    default:
        out->port = optarg;
        break;
    }
}

/* True: go on with the next flag. */
static bool take(struct options *out, int flag, int *status) {
    double value;
    *status = 2;
    switch (flag) {
    case HOST:
        out->host = optarg;
        return true;
    case JSON:
        out->json = true;
        return true;
    case QUIET:
        out->quiet = true;
        return true;
    case HELP:
        fputs(usage, stdout);
        *status = 0;
        return false;
    case '?':
        fputs("kv_load: see kv_load --help\n", stderr);
        return false;
    default:
        if (!number(flag, optarg, &value)) {
            return false;
        }
        set(out, flag, value);
        return true;
    }
}

int options_read(struct options *out, int argc, char **argv, int *status) {
    *out = (struct options){.host = "127.0.0.1",
                            .port = "6379",
                            .threads = 1,
                            .connections = 50,
                            .pipeline = 1,
                            .seconds = 10,
                            .value_size = 64,
                            .keys = 100000,
                            .reads = 9};
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (!take(out, flag, status)) {
            return -1;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "kv_load: %s: not a flag; see kv_load --help\n", argv[optind]);
        *status = 2;
        return -1;
    }
    if (out->threads > out->connections) {
        out->threads = out->connections;
    }
    return 0;
}
