/* SPDX-License-Identifier: MIT */
#include "distance.h"

#define FAR_TIMES 1.6

const char *distance_name(enum distance_kind kind) {
    static const char *const names[DISTANCE_KINDS] = {"near", "far", "shared", "changed"};
    return names[kind];
}

enum distance_kind distance_kind_of(const struct distance *distance, double shortest_ns) {
    if (distance->is_shared) {
        return DISTANCE_SHARED;
    }
    return distance->line_ns > FAR_TIMES * shortest_ns ? DISTANCE_FAR : DISTANCE_NEAR;
}

enum distance_kind distance_kind_of_run(const struct distance_run *run, double shortest_ns) {
    enum distance_kind first = distance_kind_of(&run->looks[0], shortest_ns);
    for (uint32_t i = 1; i < run->count; i++) {
        if (distance_kind_of(&run->looks[i], shortest_ns) != first) {
            return DISTANCE_CHANGED;
        }
    }
    return first;
}

enum distance_kind distance_wanted(double shortest_ns) {
    return shortest_ns > 0 ? DISTANCE_NEAR : DISTANCE_SHARED;
}

enum distance_kind distance_choose(const struct distance_run *runs, uint32_t count, double shortest_ns,
                                   uint32_t counts[DISTANCE_KINDS]) {
    for (int kind = 0; kind < DISTANCE_KINDS; kind++) {
        counts[kind] = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        counts[distance_kind_of_run(&runs[i], shortest_ns)]++;
    }
    for (int kind = 0; kind < DISTANCE_KINDS; kind++) {
        if (counts[kind] > 0) {
            return (enum distance_kind)kind;
        }
    }
    return distance_wanted(shortest_ns);
}
