/* SPDX-License-Identifier: MIT */
#include "actor/witness.h"

#include <string.h>

#include "actor/ctx.h"
#include "ringmail.h"
#include "ringmail/error.h"
#include "unit.h"

#define ACTORS  300u
#define WATCHES 3u /* of each */

struct look {
    struct rim__watch watch;
    uint32_t fired; /* which one it was, from 1 on; 0: it has not */
};

static struct look looks[ACTORS][WATCHES];
static rim_ref watched[ACTORS];
static uint32_t fired;

static void note(struct rim__watch *watch, rim_ctx *ctx) {
    struct look *look = rim__container_of(watch, struct look, watch);
    CU_ASSERT_EQUAL(look->fired, 0);
    CU_ASSERT(rim__actor_get(ctx, watch->who) == NULL);
    look->fired = ++fired;
}

static rim_verdict on_nothing(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    return RIM_DONE;
}
static const rim_handler plain_on[] = {[RIM_USER] = on_nothing};
static const rim_behaviour plain = {.name = "plain", .on = plain_on, .on_count = RIM_COUNT(plain_on)};

static void watch_all(rim_ctx *ctx, uint32_t i) {
    for (uint32_t k = 0; k < WATCHES; k++) {
        looks[i][k].watch.fn = note;
        CU_ASSERT_EQUAL(rim__actor_watch(ctx, watched[i], &looks[i][k].watch), 0);
    }
    CU_ASSERT(rim__actor_get(ctx, watched[i])->belongings == NULL); /* for so little */
}

/* Actors come, are watched while the table grows, and go; the middle watch of each is taken back. */
static rim_verdict keeper_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state, (void)arg, (void)size;
    for (uint32_t i = 0; i < ACTORS; i++) {
        CU_ASSERT_EQUAL_FATAL(rim_spawn(ctx, &plain, NULL, NULL, 0, &watched[i]), 0);
        watch_all(ctx, i);
        if (i >= ACTORS / 2) {
            rim__actor_unwatch(&looks[i - ACTORS / 2][1].watch);
            rim__actor_unwatch(&looks[i - ACTORS / 2][1].watch); /* is allowed */
        }
    }
    for (uint32_t i = 0; i < ACTORS; i++) {
        CU_ASSERT_EQUAL(rim_stop(ctx, watched[i]), 0);
    }
    return RIM_DONE;
}
static const rim_handler keeper_on[] = {[RIM_USER] = on_nothing};
static const rim_behaviour keeper = {.name = "keeper",
                                     .init = keeper_init,
                                     .on = keeper_on,
                                     .on_count = RIM_COUNT(keeper_on)};

static void witness_hears_of_each_end_once_the_last_first(void) {
    rim_config config = {.shards = 1, .driver = RIM_DRIVER_SIM, .seed = unit_seed()};
    rim_stop_report report;
    rim_system *system;
    rim_ref ref;
    memset(looks, 0, sizeof looks);
    fired = 0;
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&config, &system), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_spawn(system, &keeper, NULL, NULL, 0, &ref), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_start(system), 0);
    (void)rim_sim_run(system, RIM_MS(10));
    CU_ASSERT_EQUAL(fired, ACTORS * WATCHES - ACTORS / 2);
    for (uint32_t i = 0; i < ACTORS; i++) {
        CU_ASSERT(looks[i][2].fired != 0 && looks[i][2].fired < looks[i][0].fired);
        CU_ASSERT(i < ACTORS / 2 ? looks[i][1].fired == 0 : looks[i][1].fired < looks[i][0].fired);
    }
    CU_ASSERT_EQUAL(rim_system_stop(system, RIM_SECONDS(1), &report), 0);
    CU_ASSERT(report.adds_up && !report.leaks);
    rim_system_destroy(system);
}

#define TESTS(X) X(witness_hears_of_each_end_once_the_last_first)
UNIT_SUITE(witness, TESTS)
