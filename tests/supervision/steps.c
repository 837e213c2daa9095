/* SPDX-License-Identifier: MIT */
/*
 * One tree, and a crash at every step: of each worker and each supervisor, while the tree starts, and while it restarts
 * after the failure of another. When all is at rest, each worker is there once or, where the root has ended, none is;
 * the tree's list says the same; and for each that has ended there was a DOWN, and for no other.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "campaign.h"
#include "ringmail/kit.h"

enum { BORN = RIM_USER, POKE, LIST };
enum { WORKERS = 4, VICTIMS = WORKERS + 2, LIVES = 64, SEEDS = 6, STEPS_MOST = 2000 };
#define STEPS_QUIET_NS RIM_MS(400)

static const char *const victims[VICTIMS] = {"first", "left", "right", "last", "middle", "root"};

struct steps_life {
    rim_ref ref;
    uint32_t worker, downs;
    bool is_alive, is_watched;
};

static struct steps {
    struct steps_life lives[LIVES];
    uint32_t count;
    rim_ref root;
    bool is_listed;
    uint64_t crashes;
} steps;

/* ---- the workers ---- */

static uint32_t count_alive(uint32_t worker) {
    uint32_t alive = 0;
    for (uint32_t i = 0; i < steps.count; i++) {
        alive += steps.lives[i].is_alive && steps.lives[i].worker == worker;
    }
    return alive;
}

static rim_verdict worker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    uint32_t number = steps.count++;
    rim_ref observer = rim_find(ctx, "observer");
    (void)size;
    CAMPAIGN_CHECK(number < LIVES);
    if (number >= LIVES) {
        return RIM_FAIL;
    }
    *(uint32_t *)self = number;
    steps.lives[number] = (struct steps_life){.ref = rim_self(ctx), .worker = *(const uint32_t *)arg, .is_alive = true};
    CAMPAIGN_CHECK(rim_send(ctx, observer, BORN, &number, sizeof number) == 0);
    return RIM_DONE;
}

static void worker_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)ctx;
    (void)why;
    steps.lives[*(const uint32_t *)self].is_alive = false;
}

static rim_verdict on_poke(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_DONE;
}

static const rim_handler worker_on[] = {[POKE] = on_poke};
static const rim_behaviour worker = {.name = "worker",
                                     .state_size = sizeof(uint32_t),
                                     .init = worker_init,
                                     .exit = worker_exit,
                                     .on = worker_on,
                                     .on_count = RIM_COUNT(worker_on)};

/* ---- who watches them ---- */

static rim_verdict on_born(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    uint32_t number = *(const uint32_t *)body;
    (void)self;
    (void)msg;
    CAMPAIGN_CHECK(rim_monitor(ctx, steps.lives[number].ref, number) != RIM_NIL);
    steps.lives[number].is_watched = true;
    return RIM_DONE;
}

static rim_verdict on_down(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_down_event *down = body;
    (void)ctx;
    (void)self;
    (void)msg;
    CAMPAIGN_CHECK(down->who == steps.lives[down->cookie].ref);
    steps.lives[down->cookie].downs++;
    return RIM_DONE;
}

static rim_verdict listed(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    const rim_child_list *list = body;
    uint32_t running = 0;
    (void)ctx;
    (void)self;
    (void)cookie;
    (void)msg;
    CAMPAIGN_CHECK(error == 0);
    for (uint32_t i = 0; error == 0 && i < list->count; i++) {
        const rim_child_info *child = &list->children[i];
        bool is_alive = child->is_supervisor;
        CAMPAIGN_CHECK(child->state == RIM_CHILD_RUNNING);
        for (uint32_t k = 0; k < steps.count; k++) {
            is_alive = is_alive || (steps.lives[k].ref == child->ref && steps.lives[k].is_alive);
        }
        campaign_check(is_alive, "who is listed as running is alive");
        running += !child->is_supervisor;
    }
    CAMPAIGN_CHECK(running == WORKERS);
    steps.is_listed = true;
    return RIM_DONE;
}

static rim_verdict on_list(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    rim_supervisor_call call = {.supervisor = steps.root, .timeout_ns = RIM_SECONDS(1), .on_outcome = listed};
    (void)self;
    (void)body;
    (void)msg;
    CAMPAIGN_CHECK(rim_supervisor_tree(ctx, &call) == 0);
    return RIM_DONE;
}

static const rim_handler observer_on[] = {[BORN] = on_born, [LIST] = on_list, [RIM_DOWN] = on_down};
static const rim_behaviour observer = {.name = "observer", .on = observer_on, .on_count = RIM_COUNT(observer_on)};

/* ---- the tree: first, middle {left, right}, last ---- */

static void make_child(rim_child *child, rim_spawn_options *options, const uint32_t *number) {
    *options = (rim_spawn_options){.place = RIM_ON_SHARD,
                                   .shard = *number % 3,
                                   .name = victims[*number],
                                   .keep = *number == 2};
    *child = (rim_child){.id = victims[*number],
                         .behaviour = &worker,
                         .options = options,
                         .arg = number,
                         .size = sizeof *number,
                         .stop = *number == 1 ? RIM_CHILD_DRAIN : RIM_CHILD_SHUTDOWN};
}

static void make_tree(rim_kit *kit) {
    static const uint32_t numbers[WORKERS] = {0, 1, 2, 3};
    rim_spawn_options options[WORKERS], own = {.name = "root"},
                                        inner = {.place = RIM_ON_SHARD, .shard = 1, .name = "middle"};
    rim_child workers[WORKERS];
    for (uint32_t i = 0; i < WORKERS; i++) {
        make_child(&workers[i], &options[i], &numbers[i]);
    }
    rim_supervisor_spec middle = {.strategy = RIM_ONE_FOR_ALL,
                                  .intensity = 10,
                                  .period_ns = RIM_SECONDS(1),
                                  .children = &workers[1],
                                  .child_count = 2};
    rim_child top[] = {workers[0], {.id = "middle", .supervisor = &middle, .options = &inner}, workers[3]};
    rim_supervisor_spec root = {.options = &own,
                                .strategy = RIM_REST_FOR_ONE,
                                .intensity = 10,
                                .period_ns = RIM_SECONDS(1),
                                .backoff_min_ns = RIM_US(50),
                                .backoff_max_ns = RIM_US(400),
                                .children = top,
                                .child_count = RIM_COUNT(top)};
    CAMPAIGN_CHECK(rim_system_supervise(rim_kit_system(kit), &root, &steps.root) == 0);
}

/* ---- a run ---- */

/* Whom a crash takes while it does nothing is given something to do. */
static bool crash(rim_kit *kit, uint32_t victim) {
    rim_ref ref = rim_system_find(rim_kit_system(kit), victims[victim]);
    if (ref == RIM_NIL || rim_kit_crash(kit, ref, 0) != 0) {
        return false;
    }
    rim_kit_send(kit, ref, POKE, NULL, 0);
    steps.crashes++;
    return true;
}

static void check_rest(rim_kit *kit) {
    rim_kit_run(kit, STEPS_QUIET_NS);
    bool is_there = rim_system_find(rim_kit_system(kit), "root") != RIM_NIL;
    for (uint32_t i = 0; i < WORKERS; i++) {
        campaign_check(count_alive(i) == is_there, "each worker is there once, or none is");
        CAMPAIGN_CHECK((rim_system_find(rim_kit_system(kit), victims[i]) != RIM_NIL) == is_there);
    }
    for (uint32_t i = 0; i < steps.count; i++) {
        bool is_alive = false;
        for (uint32_t k = 0; k < steps.count; k++) { /* one that was kept lives on under its reference */
            is_alive = is_alive || (steps.lives[k].ref == steps.lives[i].ref && steps.lives[k].is_alive);
        }
        CAMPAIGN_CHECK(steps.lives[i].is_watched);
        campaign_check(steps.lives[i].downs == !is_alive, "one DOWN for each that has ended, none for another");
    }
    if (is_there) {
        CAMPAIGN_CHECK(rim_kit_send(kit, rim_system_find(rim_kit_system(kit), "observer"), LIST, NULL, 0) == 0);
        rim_kit_run(kit, RIM_MS(100));
        CAMPAIGN_CHECK(steps.is_listed);
    }
}

static void be_quiet(void *arg, const char *text) {
    (void)arg;
    (void)text;
}

/* False when nothing was left to do before that step. */
static bool run_step(uint64_t seed, bool restarts, uint32_t victim, uint32_t step) {
    rim_sim_options faults = {.skip_turn = seed % 2 ? 100 : 0, .late_wake = seed % 2 ? 100 : 0};
    rim_kit_options options = {.seed = seed, .shards = 3, .faults = &faults, .tell = be_quiet};
    uint64_t crashes = steps.crashes;
    rim_kit *kit;
    bool is_more = true;
    memset(&steps, 0, sizeof steps);
    steps.crashes = crashes;
    CAMPAIGN_CHECK(rim_kit_open(&options, &kit) == 0);
    rim_spawn_options named = {.place = RIM_ON_SHARD, .shard = 2, .name = "observer"};
    rim_kit_spawn(kit, &observer, &named, NULL, 0);
    rim_kit_run(kit, RIM_MS(1));
    make_tree(kit);
    if (restarts) {
        rim_kit_run(kit, RIM_MS(20));
        CAMPAIGN_CHECK(crash(kit, 1));
    }
    for (uint32_t i = 0; i < step && is_more; i++) {
        is_more = rim_kit_step(kit);
    }
    is_more = is_more && rim_sim_now(rim_kit_system(kit)) < RIM_MS(restarts ? 25 : 5);
    if (is_more) {
        crash(kit, victim);
    }
    check_rest(kit);
    CAMPAIGN_CHECK(rim_kit_close(kit) == 0);
    return is_more;
}

static uint64_t run_steps(uint64_t seed, bool restarts, uint32_t victim) {
    for (uint32_t step = 0; step < STEPS_MOST && run_step(seed, restarts, victim, step); step++) {
        if (campaign.wrong != NULL) {
            printf("FAILED a crash of %s at step %u of a %s, seed %llu: %s\n", victims[victim], (unsigned)step,
                   restarts ? "restart" : "start", (unsigned long long)seed, campaign.wrong);
            campaign.wrong = NULL;
            return 1;
        }
    }
    return 0;
}

uint64_t steps_run(void) {
    uint64_t failed = 0;
    campaign.wrong = NULL;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (uint32_t victim = 0; victim < VICTIMS; victim++) {
            failed += run_steps(seed, false, victim) + run_steps(seed, true, victim);
        }
    }
    printf("supervision: %llu crashes, one at each step of a start and of a restart, on %d seeds\n",
           (unsigned long long)steps.crashes, SEEDS);
    return failed;
}
