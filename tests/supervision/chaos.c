/* SPDX-License-Identifier: MIT */
#include "campaign.h"
void chaos_run(uint64_t seed) {
    property_run(seed);
}
