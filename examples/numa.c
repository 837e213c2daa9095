/* SPDX-License-Identifier: MIT */
/*
 * numa.c - shards node by node: hwloc says which CPUs belong to which memory, and the shards are pinned by that.
 *
 *     numa [--nodes N] [--cores N]    on the first N nodes (all), N cores of each (all)
 *
 * One hardware thread of each core gets a shard, and neighbouring numbers are on one node: actors that talk much are
 * put there by RIM_ON_SHARD. Each shard then tells where it runs, and on which node an actor's memory lies. Nothing has
 * to be done for the latter: a shard's thread is pinned before it touches what is its own. Ends with status 1 if
 * something is not where it was to be.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <hwloc.h>
#include <ringmail.h>

enum { SHARDS_MAX = 256 };

static hwloc_topology_t topology;

/* Fills cpus with one of each core, node by node, and gives their number. */
static uint32_t choose_cpus(int nodes, int cores, int cpus[SHARDS_MAX]) {
    uint32_t count = 0;
    hwloc_obj_t node = NULL;
    while (nodes-- > 0 && (node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) != NULL) {
        hwloc_obj_t core = NULL;
        for (int i = 0; i < cores && count < SHARDS_MAX; i++) {
            core = hwloc_get_next_obj_inside_cpuset_by_type(topology, node->cpuset, HWLOC_OBJ_CORE, core);
            if (core == NULL) {
                break;
            }
            cpus[count++] = hwloc_bitmap_first(core->cpuset); /* its other threads share its caches */
        }
    }
    return count;
}

/* What this process may not use is left out: hwloc knows of cgroups by itself, but not of taskset. */
static int load_topology(void) {
    hwloc_bitmap_t mine = hwloc_bitmap_alloc();
    int error = mine == NULL || hwloc_topology_init(&topology) != 0 || hwloc_topology_load(topology) != 0;
    if (error == 0 && hwloc_get_cpubind(topology, mine, HWLOC_CPUBIND_PROCESS) == 0) {
        error = hwloc_topology_restrict(topology, mine, 0);
    }
    hwloc_bitmap_free(mine);
    return error;
}

/* ---- where a shard is: each writes its own place, and main reads them when all have ended ---- */

static struct place { int cpu, memory_node; /* -1: it is not to be known */ } places[SHARDS_MAX];

static int cpu_of_thread(void) {
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    int cpu = hwloc_get_last_cpu_location(topology, set, HWLOC_CPUBIND_THREAD) == 0 ? hwloc_bitmap_first(set) : -1;
    hwloc_bitmap_free(set);
    return cpu;
}

static int node_of_memory(const void *at, size_t size) {
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    int error = hwloc_get_area_memlocation(topology, at, size, set, HWLOC_MEMBIND_BYNODESET);
    int node = error == 0 ? hwloc_bitmap_first(set) : -1;
    hwloc_bitmap_free(set);
    return node;
}

static rim_verdict init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)arg;
    (void)size;
    places[rim_shard_index(ctx)] = (struct place){cpu_of_thread(), node_of_memory(state, sizeof(uint64_t))};
    return RIM_STOP;
}

static const rim_behaviour resident = {.name = "resident", .state_size = sizeof(uint64_t), .init = init};

static int run(const int *cpus, uint32_t count) {
    rim_system *system;
    int error = rim_system_create(&(rim_config){.shards = count, .cpus = cpus, .cpu_count = count}, &system);
    if (error != 0) {
        return error;
    }
    for (uint32_t shard = 0; shard < count && error == 0; shard++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard};
        rim_ref ref;
        error = rim_system_spawn(system, &resident, &options, NULL, 0, &ref);
    }
    error = error != 0 ? error : rim_system_start(system);
    error = error != 0 ? error : rim_system_stop(system, RIM_SECONDS(10), NULL);
    rim_system_destroy(system);
    return error;
}

static int node_of_cpu(int cpu) {
    hwloc_obj_t unit = cpu < 0 ? NULL : hwloc_get_pu_obj_by_os_index(topology, (unsigned)cpu);
    return unit != NULL ? hwloc_bitmap_first(unit->nodeset) : -1;
}

/* The number of those that are not where they were to be. */
static int tell(const int *cpus, uint32_t count) {
    int misplaced = 0;
    for (uint32_t shard = 0; shard < count; shard++) {
        const struct place *place = &places[shard];
        int node = node_of_cpu(cpus[shard]);
        bool is_there = place->cpu == cpus[shard] && (place->memory_node == node || place->memory_node < 0);
        printf("shard %u: CPU %d of node %d, memory on node %d%s\n", (unsigned)shard, place->cpu, node,
               place->memory_node, is_there ? "" : "  <-- not as asked for");
        misplaced += !is_there;
    }
    return misplaced;
}

int main(int argc, char **argv) {
    static const struct option flags[] = {{"nodes", required_argument, NULL, 'n'},
                                          {"cores", required_argument, NULL, 'c'},
                                          {NULL, 0, NULL, 0}};
    int nodes = INT_MAX, cores = INT_MAX, flag, cpus[SHARDS_MAX];
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == '?') {
            fprintf(stderr, "usage: numa [--nodes N] [--cores N]\n");
            return 2;
        }
        *(flag == 'n' ? &nodes : &cores) = atoi(optarg);
    }
    if (load_topology() != 0) {
        fprintf(stderr, "numa: hwloc does not know this machine\n");
        return 1;
    }
    uint32_t count = choose_cpus(nodes, cores, cpus);
    int error = count > 0 ? run(cpus, count) : -EINVAL;
    if (error != 0) {
        fprintf(stderr, "numa: %s\n", rim_strerror(error));
    }
    int misplaced = error == 0 ? tell(cpus, count) : 1;
    hwloc_topology_destroy(topology);
    return misplaced == 0 ? 0 : 1;
}
