/* SPDX-License-Identifier: MIT */
/* Many files into memory: each once, within its bounds, whatever is among them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "file_play.h"

#define REPEATS  7u
#define KEPT_MAX 20u
#define MANY     400u

/* Room is 8 KiB at first, then four times as much; from 256 KiB on files are mapped. */
static const uint32_t sizes[] = {0,     1,     100,   4096,   8000,   8192,   8193,
                                 30000, 32768, 70000, 131072, 262144, 300000, 999999};
#define KINDS   RIM_COUNT(sizes)
#define MISSING KINDS /* paths after the files */
#define FOLDER  (KINDS + 1)
#define PATHS   (KINDS + 2)

struct desk {
    struct scenario *s;
    char names[PATHS][128];
    const char *paths[PATHS * REPEATS > MANY ? PATHS *REPEATS : MANY];
    uint32_t count; /* of paths */
    uint32_t made, seen[PATHS * REPEATS], outcomes, errors, most;
    rim_stage_options options;
    rim_msg *kept[KEPT_MAX];
    uint32_t kept_count;
    uint64_t kept_bytes;
    rim_ref far;
    bool faulty;
};
static struct desk desk;

static bool is_content(const void *bytes, size_t size, uint32_t kind) {
    if (size != sizes[kind]) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (((const char *)bytes)[i] != file_pattern(i + kind)) {
            return false;
        }
    }
    return true;
}

/* ---- making them ---- */

static void make_next(rim_ctx *ctx);

ROLE_OUTCOME(made) {
    CHECK(error == 0);
    make_next(ctx);
    return RIM_DONE;
}

static void make_file(rim_ctx *ctx, uint32_t kind) {
    static char bytes[1u << 20];
    for (uint32_t i = 0; i < sizes[kind]; i++) {
        bytes[i] = file_pattern(i + kind);
    }
    rim_file_replacement replacement = {.path = desk.names[kind], .timeout_ns = RIM_SECONDS(30), .on_outcome = made};
    CHECK(rim_file_replace(ctx, &replacement, bytes, sizes[kind], NULL) == 0);
}

static void make_next(rim_ctx *ctx) {
    if (desk.made < KINDS) {
        make_file(ctx, desk.made++);
        return;
    }
    if (desk.faulty) {
        rim_sim_set_faults(rim_system_of(ctx), &(rim_sim_options){.late_completion = 100,
                                                                  .file_short = 300,
                                                                  .file_error = 100,
                                                                  .file_limit = 100,
                                                                  .map_limit = 200});
    }
    CHECK(rim_stage(ctx, &desk.options) == 0);
}

static void prepare(struct scenario *s, uint32_t files) {
    desk = (struct desk){.s = s};
    for (uint32_t i = 0; i < KINDS; i++) {
        char name[32];
        snprintf(name, sizeof name, "file%u", i);
        file_path(s, name, desk.names[i]);
    }
    file_path(s, "missing", desk.names[MISSING]);
    snprintf(desk.names[FOLDER], sizeof desk.names[FOLDER], "%s", scenario_is_sim(s) ? "/" : "/tmp");
    desk.count = files * REPEATS;
    for (uint32_t i = 0; i < desk.count; i++) {
        desk.paths[i] = desk.names[i % files];
    }
    desk.options = (rim_stage_options){.paths = desk.paths, .count = desk.count, .timeout_ns = RIM_SECONDS(30)};
}

static void run(struct scenario *s, const rim_behaviour *behaviour) {
    (void)scenario_system(s);
    role_go(s, role_spawn(s, behaviour, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

ROLE_ON(stager_go) {
    make_next(ctx);
    return RIM_DONE;
}
static const rim_handler stager_on[] = {[GO] = stager_go};
ROLE(stage_stager, stager_on);

/* ---- each once ---- */

static bool is_fault(int error) {
    return error == -EMFILE || error == -EIO || error == -ENOMEM || error == -EFAULT;
}

static void check_error(rim_ctx *ctx, uint32_t kind, int error) {
    int expected = kind == MISSING ? -ENOENT : -EISDIR;
    CHECK(error == expected || (desk.faulty && is_fault(error)));
    CHECK(kind >= KINDS || desk.faulty);
    CHECK(strncmp(rim_error_text(ctx), "stage /", 7) == 0 && strstr(rim_error_text(ctx), desk.names[kind]) != NULL);
}

static void note(rim_ctx *ctx, uint64_t index, int error, const void *body, rim_msg *msg) {
    uint32_t kind = (uint32_t)(index % PATHS);
    CHECK(index < desk.count && desk.seen[index]++ == 0);
    if (error != 0) {
        check_error(ctx, kind, error);
    } else {
        CHECK(kind < KINDS && is_content(body, rim_size(msg), kind));
    }
}

ROLE_OUTCOME(seen) {
    note(ctx, cookie - 1000, error, body, msg);
    if (++desk.outcomes == desk.count) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static void stage_all(struct scenario *s, uint32_t files_max, uint64_t map_from, bool faulty) {
    prepare(s, PATHS);
    desk.faulty = faulty;
    desk.options.files_max = files_max;
    desk.options.map_from = map_from;
    desk.options.on_file = seen;
    desk.options.cookie = 1000;
    run(s, &stage_stager);
}

void stage_hands_over_each_file_once(struct scenario *s) {
    stage_all(s, 0, 0, false);
}

void stage_reads_one_file_at_a_time(struct scenario *s) {
    stage_all(s, 1, 0, false);
}

void stage_reads_large_files_where_nothing_is_mapped(struct scenario *s) {
    stage_all(s, 5, UINT64_MAX, false);
}

void stage_maps_files_that_are_small(struct scenario *s) {
    stage_all(s, 5, 1, false);
}

void stage_hands_over_each_file_once_whatever_fails(struct scenario *s) {
    stage_all(s, 10, 0, scenario_is_sim(s));
}

/* ---- the bounds ---- */

static void free_kept(rim_ctx *ctx) {
    for (uint32_t i = 0; i < desk.kept_count; i++) {
        rim_msg_free(ctx, desk.kept[i]);
    }
    desk.kept_count = 0;
    desk.kept_bytes = 0;
}

/* All that was handed over is kept, until nothing more comes: that is when the bound is reached. */
ROLE_OUTCOME(kept) {
    uint32_t kind = (uint32_t)(cookie % KINDS);
    CHECK(error == 0 && is_content(body, rim_size(msg), kind) && desk.kept_count < KEPT_MAX);
    desk.kept_bytes += rim_size(msg);
    desk.kept[desk.kept_count++] = rim_take(ctx, msg);
    desk.most = desk.kept_count > desk.most ? desk.kept_count : desk.most;
    CHECK(desk.kept_count <= desk.options.files_max);
    if (++desk.outcomes == desk.count) {
        free_kept(ctx);
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(keeper_go) {
    CHECK(rim_every(ctx, RIM_MS(5), RIM_MS(5), 0) != RIM_NIL);
    make_next(ctx);
    return RIM_DONE;
}

ROLE_ON(keeper_timer) {
    free_kept(ctx);
    return RIM_DONE;
}
static const rim_handler keeper_on[] = {[GO] = keeper_go, [RIM_TIMER] = keeper_timer};
ROLE(stage_keeper, keeper_on);

void stage_waits_while_its_contents_are_kept(struct scenario *s) {
    prepare(s, KINDS);
    desk.options.bytes_max = 40000; /* four of the least */
    desk.options.files_max = 8;
    desk.options.on_file = kept;
    run(s, &stage_keeper);
    CHECK(desk.most > 1 && desk.most <= 8);
}

/* Who keeps everything, and allows for it, gets everything. */
ROLE_OUTCOME(hoarded) {
    CHECK(error == 0 && desk.kept_count < KEPT_MAX);
    desk.kept[desk.kept_count++] = rim_take(ctx, msg);
    if (desk.kept_count == KINDS) {
        free_kept(ctx);
        scenario_done(ctx);
    }
    return RIM_DONE;
}

void stage_goes_on_while_all_is_kept_and_there_is_room(struct scenario *s) {
    prepare(s, KINDS);
    desk.options.count = KINDS;
    desk.options.files_max = 2;
    desk.options.bytes_max = 64u << 20;
    desk.options.on_file = hoarded;
    run(s, &stage_stager);
}

/* ---- contents go anywhere ---- */

ROLE_ON(reader_word) {
    CHECK(rim_size(msg) == sizes[KINDS - 1] && is_content(body, rim_size(msg), KINDS - 1));
    CHECK(rim_map_check(msg) == 0); /* it was mapped */
    if (++desk.made == KINDS + 3) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler reader_on[] = {[WORD] = reader_word};
ROLE(stage_reader, reader_on);

ROLE_OUTCOME(sent_on) {
    CHECK(error == 0 && rim_map_check(msg) == 0);
    rim_msg *content = rim_take(ctx, msg);
    rim_msg_retag(content, WORD);
    CHECK(rim_send_msg(ctx, desk.far, content) == 0);
    return ++((struct role *)self)->count == 3 ? RIM_STOP : RIM_DONE;
}

ROLE_ON(sender_go) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1, .mailbox_bytes = 16u << 20};
    struct role_cast cast = {.index = 0};
    CHECK(rim_spawn(ctx, &stage_reader, &options, &cast, sizeof cast, &desk.far) == 0);
    make_next(ctx);
    return RIM_DONE;
}
static const rim_handler sender_on[] = {[GO] = sender_go};
ROLE(stage_sender, sender_on);

void stage_contents_outlive_who_staged_them(struct scenario *s) {
    prepare(s, KINDS);
    for (uint32_t i = 0; i < 3; i++) {
        desk.paths[i] = desk.names[KINDS - 1];
    }
    desk.options.count = 3;
    desk.options.on_file = sent_on;
    scenario_open_lanes(s);
    run(s, &stage_sender);
}

/* ---- ends ---- */

ROLE_OUTCOME(leaves_soon) {
    CHECK(error == 0);
    if (++desk.outcomes < 5) {
        return RIM_DONE;
    }
    CHECK(desk.outcomes == 5); /* none comes to one that has ended */
    scenario_done(ctx);
    return RIM_STOP;
}

void stage_ends_with_who_began_it(struct scenario *s) {
    prepare(s, KINDS);
    desk.options.on_file = leaves_soon;
    run(s, &stage_stager);
}

ROLE_OUTCOME(until_the_stop) {
    CHECK(error == 0 || error == -RIM_ESTOPPING);
    desk.errors += error != 0;
    if (desk.outcomes++ == 0) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

void stage_that_is_under_way_does_not_hold_up_a_stop(struct scenario *s) {
    prepare(s, KINDS);
    for (uint32_t i = 0; i < MANY; i++) {
        desk.paths[i] = desk.names[3];
    }
    desk.options.count = MANY;
    desk.options.files_max = 1;
    desk.options.on_file = until_the_stop;
    run(s, &stage_stager);
    scenario_stop(s, RIM_SECONDS(10), NULL);
    CHECK(desk.outcomes == MANY);
}

/* ---- bad arguments ---- */

ROLE_OUTCOME(never) {
    CHECK(!"an outcome of what was refused");
    return RIM_DONE;
}

ROLE_ON(bad_go) {
    static char path[5000];
    static const char *const fine[] = {"/a", "/b"}, *const empty[] = {"/a", ""}, *const none[] = {NULL};
    const char *const many[] = {path};
    memset(path, 'a', sizeof path - 1);
    rim_stage_options good = {.paths = fine, .count = 2, .timeout_ns = RIM_SECONDS(1), .on_file = never}, bad = good;
    CHECK(rim_stage(ctx, NULL) == -EINVAL);
    bad.timeout_ns = 0;
    CHECK(rim_stage(ctx, &bad) == -EINVAL);
    bad = good;
    bad.on_file = NULL;
    CHECK(rim_stage(ctx, &bad) == -EINVAL);
    bad = good;
    bad.count = 0;
    CHECK(rim_stage(ctx, &bad) == -EINVAL);
    bad = good;
    bad.files_max = 1025;
    CHECK(rim_stage(ctx, &bad) == -EINVAL);
    bad = good;
    bad.paths = empty;
    CHECK(rim_stage(ctx, &bad) == -EINVAL);
    bad.paths = none;
    bad.count = 1;
    CHECK(rim_stage(ctx, &bad) == -EINVAL);
    bad.paths = many;
    CHECK(rim_stage(ctx, &bad) == -ENAMETOOLONG);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler bad_on[] = {[GO] = bad_go};
ROLE(stage_bad, bad_on);

void stage_bad_arguments_are_refused(struct scenario *s) {
    run(s, &stage_bad);
}
