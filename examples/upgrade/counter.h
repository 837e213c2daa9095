/* SPDX-License-Identifier: MIT */
/*
 * counter.h - the state of the first version: the second one must know it, to take it over.
 */
#ifndef UPGRADE_COUNTER_H
#define UPGRADE_COUNTER_H

#include "upgrade/plugin.h"

struct counter_v1 {
    uint64_t total;
};

#endif
