/* SPDX-License-Identifier: MIT */
/* Out of memory, again and again: who asks of a folder or a watch hears of it, and does not wait for the deadline. */
#include <errno.h>

#include "path_play.h"

#define TRIES    60u
#define PER_MILL 150

static struct {
    rim_ref folder, watch;
    uint32_t tries, poor;
} shop;

static rim_verdict try_again(rim_ctx *ctx);

ROLE_OUTCOME(customer_answered) {
    CHECK(error == 0 || error == -ENOMEM);
    shop.poor += error != 0;
    (void)rim_watch_close(ctx, shop.watch);
    return try_again(ctx);
}

static int ask(rim_ctx *ctx) {
    if (shop.tries++ % 2 == 0) {
        rim_folder_ask read = {.folder = shop.folder, .timeout_ns = PATH_LIMIT_NS, .on_outcome = customer_answered};
        return rim_folder_read(ctx, &read, NULL);
    }
    int error = rim_watch_open(ctx, &shop.watch);
    if (error != 0) {
        return error;
    }
    rim_watch_ask add = {.watch = shop.watch,
                         .path = path_of("."),
                         .changes = RIM_CHANGES(RIM_CHANGE_CREATED),
                         .timeout_ns = PATH_LIMIT_NS,
                         .on_outcome = customer_answered};
    return rim_watch_add(ctx, &add, NULL);
}

static rim_verdict try_again(rim_ctx *ctx) {
    rim_sim_set_faults(rim_system_of(ctx), &(rim_sim_options){.no_memory = PER_MILL});
    while (shop.tries < TRIES) {
        int error = ask(ctx);
        if (error == 0) {
            return RIM_DONE;
        }
        CHECK(error == -ENOMEM);
        shop.poor++;
    }
    rim_sim_set_faults(rim_system_of(ctx), NULL);
    CHECK(shop.poor > 0);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(customer_go) {
    rim_folder_options options = {.path = path_of(".")};
    CHECK(rim_folder_open(ctx, &options, &shop.folder) == 0);
    return try_again(ctx);
}
static const rim_handler customer_on[] = {[GO] = customer_go};
ROLE(path_customer, customer_on);

/* ---- what has failed is not there ---- */

#define ADDITIONS 1000u /* most of which find the memory that they need */

static struct {
    rim_ref watch;
    uint32_t tries, poor;
} stall;

static rim_verdict add_poorly(rim_ctx *ctx);

static int add(rim_ctx *ctx, rim_outcome on_outcome) {
    rim_watch_ask add = {.watch = stall.watch,
                         .path = path_of("."),
                         .timeout_ns = RIM_MS(100),
                         .on_outcome = on_outcome};
    return rim_watch_add(ctx, &add, NULL);
}

ROLE_OUTCOME(retried) {
    CHECK(error == 0);
    return add_poorly(ctx);
}

ROLE_OUTCOME(added_poorly) {
    rim_sim_set_faults(rim_system_of(ctx), NULL);
    CHECK(error == 0 || error == -ENOMEM || error == -ETIMEDOUT); /* without memory even for the news of that */
    stall.poor += error != 0;
    return error != 0 && add(ctx, retried) == 0 ? RIM_DONE : add_poorly(ctx);
}

/* Each time to a new watch. */
static rim_verdict add_poorly(rim_ctx *ctx) {
    while (stall.tries++ < ADDITIONS) {
        (void)rim_watch_close(ctx, stall.watch);
        rim_sim_set_faults(rim_system_of(ctx), &(rim_sim_options){.no_memory = PER_MILL});
        if (rim_watch_open(ctx, &stall.watch) == 0 && add(ctx, added_poorly) == 0) {
            return RIM_DONE;
        }
    }
    rim_sim_set_faults(rim_system_of(ctx), NULL);
    CHECK(stall.poor > 0);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(adder_go) {
    return add_poorly(ctx);
}
static const rim_handler adder_on[] = {[GO] = adder_go};
ROLE(path_adder, adder_on);

void watch_that_was_not_added_for_want_of_memory_can_be_added_again(struct scenario *s) {
    if (scenario_is_sim(s)) {
        memset(&stall, 0, sizeof stall);
        role_go(s, role_spawn(s, &path_adder, 0, (struct role_cast){.index = 0}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}

void paths_are_answered_also_without_memory(struct scenario *s) {
    if (scenario_is_sim(s)) {
        memset(&shop, 0, sizeof shop);
        role_go(s, role_spawn(s, &path_customer, 0, (struct role_cast){.index = 0}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}
