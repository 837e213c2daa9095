/* SPDX-License-Identifier: MIT */
/* Maps and stages whose owner, or system, ends at one moment after the other: nothing is left behind. */
#include <stdio.h>

#include "file_play.h"

#define STEP_NS RIM_US(15)
#define ROUNDS  60u
#define SIZE    30000u
#define PATHS   6u

struct desk {
    char path[128];
    uint64_t wait_ns;
    bool is_cut; /* the system ends, not the owner */
};
static struct desk desk;

ROLE_OUTCOME(heard) {
    CHECK(error == 0 || error == -RIM_ESTOPPING || error == -RIM_EDOWN);
    return RIM_DONE;
}

ROLE_ON(end_ready) {
    const rim_map_event *event = body;
    rim_map_ask ask = {.map = event->map, .timeout_ns = FILE_LIMIT_NS, .on_outcome = heard};
    CHECK(rim_map_get(ctx, &ask, 10, 0, NULL) == 0 && rim_map_sync(ctx, &ask, 0, 0, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(end_timer) {
    scenario_done(ctx);
    return desk.is_cut ? RIM_DONE : RIM_STOP;
}

static void begin_all(rim_ctx *ctx) {
    const char *paths[PATHS];
    rim_map_options options = {.path = desk.path, .access = RIM_MAP_WRITE, .load = RIM_MAP_LOAD_READ};
    rim_stage_options stage = {.paths = paths, .count = PATHS, .timeout_ns = FILE_LIMIT_NS, .on_file = heard};
    for (uint32_t i = 0; i < PATHS; i++) {
        paths[i] = desk.path;
    }
    options.step_bytes = 8000;
    stage.files_max = 2;
    CHECK(rim_map_open(ctx, &options, NULL) == 0 && rim_stage(ctx, &stage) == 0);
    stage.map_from = 1;
    CHECK(rim_map_open(ctx, &options, NULL) == 0 && rim_stage(ctx, &stage) == 0);
    CHECK(rim_after(ctx, desk.wait_ns, 0) != RIM_NIL);
}

ROLE_OUTCOME(end_made) {
    CHECK(error == 0);
    begin_all(ctx);
    return RIM_DONE;
}

ROLE_ON(end_go) {
    static char bytes[SIZE];
    rim_file_replacement replacement = {.path = desk.path, .timeout_ns = FILE_LIMIT_NS, .on_outcome = end_made};
    CHECK(rim_file_replace(ctx, &replacement, bytes, SIZE, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler end_on[] = {[GO] = end_go, [RIM_TIMER] = end_timer, [RIM_MAP_READY] = end_ready};
ROLE(map_ender, end_on);

static void play_round(struct scenario *s, uint64_t round, bool is_cut) {
    rim_stop_report report;
    desk = (struct desk){.wait_ns = round * STEP_NS + 1, .is_cut = is_cut};
    file_path(s, "ends", desk.path);
    (void)scenario_system_with(s, &(rim_config){.shards = 2});
    role_go(s, role_spawn(s, &map_ender, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    int error = scenario_stop(s, is_cut ? 1 : RIM_SECONDS(10), &report);
    CHECK(report.adds_up && (error == 0 || (is_cut && error == -ETIMEDOUT)));
    CHECK(is_cut || !report.leaks);
}

void map_owner_that_ends_at_any_moment_leaves_nothing_behind(struct scenario *s) {
    for (uint64_t round = 0; round < ROUNDS; round++) {
        play_round(s, round, false);
    }
}

void map_system_that_is_cut_off_at_any_moment_adds_up(struct scenario *s) {
    for (uint64_t round = 0; round < ROUNDS; round += 6) {
        play_round(s, round, true);
    }
}
