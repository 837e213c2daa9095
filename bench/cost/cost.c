/* SPDX-License-Identifier: MIT */
/*
 * cost - plays so much of one kind of work in the simulated world, for bench/cost/measure to count the instructions of:
 *
 *     rimcost WORK SHARDS SIZE COUNT [UNDER_WAY]
 *
 *     message    COUNT messages of 32 bytes, handed round SIZE actors that are spread over the shards
 *     request    COUNT requests and their replies, each to another one of SIZE actors
 *     echo       COUNT times 64 bytes to and fro on SIZE connections, in turn
 *     datagram   COUNT times 64 bytes to and fro from SIZE sockets, in turn, to one on each shard
 *     read       COUNT reads of 4 KiB by SIZE actors with a file each, in turn
 *     tree       COUNT actors that make each other, SIZE each makes
 *
 * UNDER_WAY of them at once (1). The simulated world is one thread with a clock of its own: the same build and the same
 * arguments take the same instructions. Those of its network and its disk are counted along.
 */
#include "cost.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cost cost;

rim_verdict cost_give_up(int error) {
    cost.error = cost.error != 0 ? cost.error : error;
    cost.done = cost.count;
    return RIM_DONE;
}

rim_verdict cost_check(int error) {
    return error == 0 ? RIM_DONE : cost_give_up(error);
}

/* What was begun is not all awaited at the end: that many less are begun anew. */
bool cost_lap(void) {
    return ++cost.done + cost.under_way <= cost.count;
}

bool cost_may_try_again(rim_system *system, int error) {
    return error == -RIM_EFULL && rim_sim_run(system, RIM_MS(10)) > 0;
}

int cost_spawn(rim_system *system, const rim_behaviour *behaviour, uint32_t shard, rim_ref *out) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard % cost.shards};
    int error;
    do {
        error = rim_system_spawn(system, behaviour, &options, NULL, 0, out);
    } while (cost_may_try_again(system, error));
    return error;
}

static const struct {
    const char *name;
    int (*begin)(rim_system *system);
} works[] = {{"message", cost_message},   {"request", cost_request}, {"echo", cost_echo},
             {"datagram", cost_datagram}, {"read", cost_read},       {"tree", cost_tree}};

static int play(int (*begin)(rim_system *system)) {
    rim_config config = {.shards = cost.shards, .driver = RIM_DRIVER_SIM, .seed = 1};
    rim_system *system;
    int error = rim_system_create(&config, &system);
    if (error != 0) {
        return error;
    }
    error = rim_system_start(system);
    error = error != 0 ? error : begin(system);
    while (error == 0 && cost.done < cost.count) {
        error = rim_sim_run(system, RIM_SECONDS(1)) > 0 || cost.done >= cost.count ? cost.error : -ETIMEDOUT;
    }
    rim_stop_report report = {0};
    int stopped = rim_system_stop(system, RIM_SECONDS(60), &report);
    if (stopped == 0 && (!report.adds_up || report.leaks)) {
        stopped = -EPROTO;
    }
    rim_system_destroy(system);
    return error != 0 ? error : stopped;
}

/* False if a number is none, or there are more under way than there are to be. */
static bool read_words(int argc, char **argv) {
    cost.shards = (uint32_t)strtoul(argv[2], NULL, 10);
    cost.size = (uint32_t)strtoul(argv[3], NULL, 10);
    cost.count = strtoull(argv[4], NULL, 10);
    cost.under_way = argc > 5 ? (uint32_t)strtoul(argv[5], NULL, 10) : 1;
    return cost.shards > 0 && cost.size > 0 && cost.under_way > 0 && cost.under_way <= cost.count;
}

int main(int argc, char **argv) {
    int error = -EINVAL;
    if ((argc == 5 || argc == 6) && read_words(argc, argv)) {
        for (size_t i = 0; i < RIM_COUNT(works); i++) {
            error = strcmp(works[i].name, argv[1]) == 0 ? play(works[i].begin) : error;
        }
    }
    if (error != 0) {
        fprintf(stderr, "cost: %s (usage: rimcost WORK SHARDS SIZE COUNT [UNDER_WAY])\n", rim_strerror(error));
    }
    return error == 0 ? 0 : 1;
}
