/* SPDX-License-Identifier: MIT */
#include "scenario.h"

#define ENTRY(name) {#name, name},

int main(int argc, char **argv) {
    static const struct scenario_entry entries[] = {SCENARIOS(ENTRY)};
    return scenario_main(argc, argv, entries, RIM_COUNT(entries));
}
