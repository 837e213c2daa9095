/* SPDX-License-Identifier: MIT */
/*
 * options.h - the command line of kv_load.
 */
#ifndef KV_LOAD_OPTIONS_H
#define KV_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    const char *host;
    const char *port;
    uint32_t threads;
    uint32_t connections;
    uint32_t pipeline;
    double seconds;
    size_t value_size;
    uint32_t keys;
    uint32_t reads; /* of ten requests */
    bool json;
    bool quiet;
};

/* Fills `out`, defaults included. 0: go on; else the program ends with *status, and what there is to say was said. */
int options_read(struct options *out, int argc, char **argv, int *status);

#endif
