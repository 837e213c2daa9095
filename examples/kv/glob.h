/* SPDX-License-Identifier: MIT */
/*
 * glob.h - patterns of KEYS, SCAN and CONFIG GET: * ? [a-z] [^a] and \ as an escape.
 */
#ifndef KV_GLOB_H
#define KV_GLOB_H

#include <stdbool.h>
#include <stddef.h>

struct glob_text {
    const char *at;
    size_t size;
};

bool glob_match(struct glob_text pattern, struct glob_text text, bool ignore_case);

#endif
