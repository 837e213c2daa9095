/* SPDX-License-Identifier: MIT */
/* Trees are removed, whatever others do to them meanwhile, and nothing outside of them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "own_mounts.h"
#include "path_play.h"

#define MADE                                                                                                           \
    { .op = PATH_MAKE_FOLDERS, .path = "" }
#define PLAY(s, table) path_play(s, table, RIM_COUNT(table))

/* ---- alone ---- */

static const struct path_step alone[] = {
    MADE,
    {.op = PATH_MAKE_FOLDERS, .path = "outside/in"},
    {.op = PATH_MAKE_FILE, .path = "outside/file", .other = "12"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree/a/b/c"},
    {.op = PATH_MAKE_FILE, .path = "tree/file", .other = "1"},
    {.op = PATH_MAKE_FILE, .path = "tree/a/b/file", .other = "1"},
    {.op = PATH_SYMLINK, .path = "tree/a/out", .other = "../../outside"},
    {.op = PATH_SYMLINK, .path = "tree/loop", .other = "loop"},
    {.op = PATH_SYMLINK, .path = "way", .other = "outside"},
    {.op = PATH_REMOVE_ALL, .path = "tree//", .size = 8},
    {.op = PATH_STAT, .path = "tree", .error = -ENOENT},
    {.op = PATH_REMOVE_ALL, .path = "tree", .error = -ENOENT, .says = "remove %s/tree: no such file or directory"},
    {.op = PATH_REMOVE_ALL,
     .path = "no/tree",
     .error = -ENOENT,
     .says = "remove %s/no/tree: no such file or directory"},
    {.op = PATH_REMOVE_ALL, .path = "way", .size = 1},
    {.op = PATH_STAT, .path = "outside/file", .size = 2},
    {.op = PATH_REMOVE_ALL, .path = "outside/file", .size = 1},
    {.op = PATH_REMOVE_ALL, .path = "outside", .size = 2},
    {.op = PATH_MAKE_FOLDERS, .path = "still/here"},
    {.op = PATH_REMOVE_ALL, .path = "still/.", .error = -EINVAL, .says = "remove %s/still/.: invalid argument"},
    {.op = PATH_REMOVE_ALL, .path = "still/here/..", .error = -EINVAL},
    {.op = PATH_REMOVE_ALL, .path = "/", .error = -EINVAL, .says = "remove /: invalid argument"},
    {.op = PATH_REMOVE_ALL, .path = "///", .error = -EINVAL, .says = "remove /: invalid argument"},
    {.op = PATH_STAT, .path = "still/here"},
};

void tree_is_removed_and_nothing_outside_of_it(struct scenario *s) {
    PLAY(s, alone);
}

static const struct path_step denied[] = {
    {.op = PATH_MAKE_FOLDERS, .path = "tree/a"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree/shut/in/deep"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree/unread"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree/z/y"},
    {.op = PATH_MAKE_FILE, .path = "tree/file", .other = "1"},
    {.op = PATH_SET_MODE, .path = "tree/shut", .mode = 0500},
    {.op = PATH_SET_MODE, .path = "tree/unread", .mode = 0300},
    {.op = PATH_REMOVE_ALL, .path = "tree", .error = -EACCES, .says = "remove %s/tree/shut/in: permission denied"},
    {.op = PATH_STAT, .path = "tree/shut/in"},
    {.op = PATH_STAT, .path = "tree/a", .error = -ENOENT},
    {.op = PATH_STAT, .path = "tree/z", .error = -ENOENT},
    {.op = PATH_STAT, .path = "tree/unread", .error = -ENOENT},
    {.op = PATH_STAT, .path = "tree/file", .error = -ENOENT},
    {.op = PATH_SET_MODE, .path = "tree/shut", .mode = 0700},
    {.op = PATH_REMOVE_ALL, .path = "tree", .size = 3},
};

void tree_keeps_only_what_may_not_be_removed(struct scenario *s) {
    if (path_become_nobody(s)) {
        PLAY(s, denied);
        path_become_root(s);
    }
}

/* ---- deep ---- */

#define DEEP 400u

static struct path_step deep[] = {
    {.op = PATH_MAKE_FOLDERS},
    {.op = PATH_REMOVE_ALL, .path = "deep", .size = DEEP + 1},
    {.op = PATH_STAT, .path = "deep", .error = -ENOENT},
};

/* Deeper than a walk has descriptors. */
void tree_of_any_depth_is_removed(struct scenario *s) {
    static char path[2 * DEEP + 8];
    strcpy(path, "deep");
    for (unsigned i = 0; i < DEEP; i++) {
        strcat(path, "/d");
    }
    deep[0].path = path;
    PLAY(s, deep);
}

static struct {
    unsigned entries, deepest, errors, outcomes, others;
    rim_ref folder, other;
    bool stop, removed, rests;
    rim_ref meddler;
} desk;

ROLE_OUTCOME(walk_batch) {
    CHECK(error == 0);
    if (rim_size(msg) == 0) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    for (const rim_folder_entry *at = NULL; (at = rim_folder_each(body, rim_size(msg), at)) != NULL;) {
        desk.entries++;
        desk.deepest = at->depth;
        desk.errors += at->error == -RIM_ELIMIT;
    }
    rim_folder_ask ask = {.folder = desk.folder, .timeout_ns = PATH_LIMIT_NS, .on_outcome = walk_batch};
    CHECK(rim_folder_read(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}

static void walk(rim_ctx *ctx) {
    rim_folder_options options = {.path = path_of("deep"), .recursive = true};
    CHECK(rim_folder_open(ctx, &options, &desk.folder) == 0);
    rim_folder_ask ask = {.folder = desk.folder, .timeout_ns = PATH_LIMIT_NS, .on_outcome = walk_batch};
    CHECK(rim_folder_read(ctx, &ask, NULL) == 0);
}

ROLE_ON(walk_go) {
    path_play_within(ctx, deep, 1, walk);
    return RIM_DONE;
}
static const rim_handler walk_on[] = {[GO] = walk_go};
ROLE(tree_walker, walk_on);

void tree_that_is_too_deep_is_walked_as_far_as_it_goes(struct scenario *s) {
    static char path[2 * DEEP + 8];
    strcpy(path, "deep");
    for (unsigned i = 0; i < DEEP; i++) {
        strcat(path, "/d");
    }
    deep[0].path = path;
    memset(&desk, 0, sizeof desk);
    path_begin(s);
    role_go(s, role_spawn(s, &tree_walker, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(desk.errors == 1 && desk.deepest == RIM_FOLDER_DEPTH + 1 && desk.entries == RIM_FOLDER_DEPTH + 1);
}

/* ---- while others change it ---- */

#define ROUNDS 60u
#define SHARE  64u /* of the meddler's, in a round: without a bound it can make more than is removed, for ever */

static const struct path_step precious[] = {
    {.op = PATH_MAKE_FOLDERS, .path = "precious/a"},
    {.op = PATH_MAKE_FOLDERS, .path = "precious/b"},
    {.op = PATH_MAKE_FILE, .path = "precious/file", .other = "123"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree"},
    {.op = PATH_SYMLINK, .path = "trap", .other = "precious"},
};
static const struct path_step untouched[] = {
    {.op = PATH_STAT, .path = "precious/a"},
    {.op = PATH_STAT, .path = "precious/b"},
    {.op = PATH_STAT, .path = "precious/file", .size = 3},
};

/* Makes folders in the tree, and puts a link that leads out of it in the place of one, and back. */
static void meddle(rim_ctx *ctx);

ROLE_OUTCOME(meddled) {
    CHECK(error == 0 || error == -ENOENT || error == -ENOTDIR || error == -EEXIST || error == -ENOTEMPTY);
    CHECK(error != -ENOTEMPTY);
    meddle(ctx);
    return RIM_DONE;
}

static void meddle(rim_ctx *ctx) {
    if (!desk.removed && desk.others >= (desk.outcomes + 1) * SHARE) {
        desk.rests = true;
        return;
    }
    unsigned turn = desk.others++;
    char path[64], other[64];
    snprintf(path, sizeof path, "tree/%u", turn / 8 % 5);
    rim_path_ask ask = path_ask(path, meddled, 0);
    if (desk.removed) {
        role_say(ctx, desk.other, END, 0);
    } else if (turn % 8 == 6) {
        CHECK(rim_path_rename(ctx, &ask, path_of("trap"), RIM_PATH_EXCHANGE, NULL) == 0);
    } else {
        snprintf(other, sizeof other, "tree/%u/%u/%u", turn / 8 % 5, turn % 3, turn);
        ask = path_ask(other, meddled, 0);
        CHECK(rim_path_make_folder(ctx, &ask, 0, turn % 2 == 0, NULL) == 0);
    }
}

ROLE_ON(meddler_go) {
    meddle(ctx);
    return RIM_DONE;
}
static const rim_handler meddler_on[] = {[GO] = meddler_go};
ROLE(tree_meddler, meddler_on);

static void remove_again(rim_ctx *ctx);

ROLE_OUTCOME(removed_once) {
    CHECK(error == 0 || error == -ENOENT || error == -ENOTEMPTY || error == -EEXIST);
    CHECK(error == 0 || strstr(rim_error_text(ctx), "remove /") == rim_error_text(ctx));
    desk.outcomes++;
    desk.errors += error != 0;
    remove_again(ctx);
    return RIM_DONE;
}

static void remove_again(rim_ctx *ctx) {
    rim_path_ask ask = path_ask("tree", removed_once, 0);
    if (desk.outcomes == ROUNDS) {
        desk.removed = true;
    } else {
        CHECK(rim_path_remove_all(ctx, &ask, NULL) == 0);
    }
    if (desk.rests) {
        desk.rests = false;
        role_say(ctx, desk.meddler, GO, 0);
    }
}

static void both_begin(rim_ctx *ctx) {
    desk.other = rim_self(ctx);
    desk.meddler = role_add(ctx, &tree_meddler, 0, (struct role_cast){.index = 0});
    role_say(ctx, desk.meddler, GO, 0);
    remove_again(ctx);
}

ROLE_ON(remover_go) {
    path_play_within(ctx, precious, RIM_COUNT(precious), both_begin);
    return RIM_DONE;
}

ROLE_OUTCOME(swapped_back) {
    path_play_within(ctx, untouched, RIM_COUNT(untouched), scenario_done);
    return RIM_DONE;
}

/* What the trap has become is no matter: it may be the link still, or a folder of the tree. */
ROLE_ON(remover_end) {
    rim_path_ask ask = path_ask("trap", swapped_back, 0);
    CHECK(rim_path_remove_all(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler remover_on[] = {[GO] = remover_go, [END] = remover_end};
ROLE(tree_remover, remover_on);

void tree_is_removed_while_others_change_it(struct scenario *s) {
    memset(&desk, 0, sizeof desk);
    path_begin(s);
    scenario_open_lanes(s);
    role_go(s, role_spawn(s, &tree_remover, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(desk.outcomes == ROUNDS && desk.errors < ROUNDS);
}

/* ---- by faults ---- */

static const struct path_step planted[] = {
    {.op = PATH_MAKE_FOLDERS, .path = "tree/a/b/c"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree/a/d/e"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree/f/g"},
    {.op = PATH_MAKE_FILE, .path = "tree/f/x", .other = "1"},
    {.op = PATH_MAKE_FILE, .path = "tree/a/y", .other = "1"},
};

static void remove_planted(rim_ctx *ctx);

ROLE_OUTCOME(planted_removed) {
    CHECK(error == 0 || error == -EIO || error == -ENOENT || error == -ENOTEMPTY || error == -EMFILE);
    desk.outcomes++;
    if (desk.outcomes == 20) {
        rim_sim_set_faults(rim_system_of(ctx), NULL);
    }
    if (desk.outcomes < 21) {
        remove_planted(ctx);
    } else {
        CHECK(error == 0 || error == -ENOENT);
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static void remove_planted(rim_ctx *ctx) {
    static const rim_sim_options vanish = {.path_vanish = 300, .path_appear = 200};
    static const rim_sim_options fail = {.path_vanish = 100, .path_error = 100, .file_limit = 50};
    if (desk.outcomes < 20) {
        rim_sim_set_faults(rim_system_of(ctx), desk.outcomes % 2 == 0 ? &vanish : &fail);
    }
    rim_path_ask ask = path_ask("tree", planted_removed, 0);
    CHECK(rim_path_remove_all(ctx, &ask, NULL) == 0);
}

ROLE_ON(planter_go) {
    path_play_within(ctx, planted, RIM_COUNT(planted), remove_planted);
    return RIM_DONE;
}
static const rim_handler planter_on[] = {[GO] = planter_go};
ROLE(tree_planter, planter_on);

void tree_is_removed_whatever_fails(struct scenario *s) {
    memset(&desk, 0, sizeof desk);
    path_begin(s);
    role_go(s, role_spawn(s, &tree_planter, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

ROLE_OUTCOME(faulty_batch) {
    CHECK(error == 0 || error == -EIO || error == -EMFILE);
    if (error != 0 || rim_size(msg) == 0) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    for (const rim_folder_entry *at = NULL; (at = rim_folder_each(body, rim_size(msg), at)) != NULL;) {
        CHECK(at->error == 0 || at->error == -EIO || at->error == -EMFILE);
        desk.entries++;
    }
    rim_folder_ask ask = {.folder = desk.folder, .timeout_ns = PATH_LIMIT_NS, .on_outcome = faulty_batch};
    CHECK(rim_folder_read(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}

static void walk_faulty(rim_ctx *ctx) {
    static const rim_sim_options faults = {.path_vanish = 100, .path_error = 100, .file_limit = 50};
    rim_sim_set_faults(rim_system_of(ctx), &faults);
    rim_folder_options options = {.path = path_of("tree"), .recursive = true, .status = true};
    CHECK(rim_folder_open(ctx, &options, &desk.folder) == 0);
    rim_folder_ask ask = {.folder = desk.folder, .timeout_ns = PATH_LIMIT_NS, .on_outcome = faulty_batch};
    CHECK(rim_folder_read(ctx, &ask, NULL) == 0);
}

ROLE_ON(faulty_go) {
    path_play_within(ctx, planted, RIM_COUNT(planted), walk_faulty);
    return RIM_DONE;
}
static const rim_handler faulty_on[] = {[GO] = faulty_go};
ROLE(tree_faulty, faulty_on);

void tree_is_walked_whatever_fails(struct scenario *s) {
    memset(&desk, 0, sizeof desk);
    path_begin(s);
    role_go(s, role_spawn(s, &tree_faulty, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(scenario_is_sim(s) || desk.entries == 9);
}

/* ---- other file systems, and ends ---- */

static const struct path_step mounted[] = {
    {.op = PATH_REMOVE_ALL, .path = "tree", .error = -EXDEV, .says = "remove %s/tree/mount: invalid cross-device link"},
    {.op = PATH_STAT, .path = "tree/mount/kept"},
    {.op = PATH_STAT, .path = "tree/other", .error = -ENOENT},
};

static bool mount_within(void) {
    if (!own_mounts()) {
        return false;
    }
    CHECK(mkdir(path_of("tree"), 0700) == 0 && mkdir(path_of("tree/mount"), 0700) == 0);
    CHECK(mkdir(path_of("tree/other"), 0700) == 0);
    return mount("small", path_of("tree/mount"), "tmpfs", 0, "size=64k,mode=777") == 0 &&
           mkdir(path_of("tree/mount/kept"), 0700) == 0;
}

void tree_is_not_removed_in_other_file_systems(struct scenario *s) {
    if (scenario_is_sim(s)) {
        return; /* it has only one */
    }
    path_begin(s);
    if (!mount_within()) {
        fprintf(stderr, "    skipped: may not mount a disk\n");
        return;
    }
    PLAY(s, mounted);
    scenario_stop(s, RIM_SECONDS(10), NULL);
    CHECK(umount2(path_of("tree/mount"), MNT_DETACH) == 0);
}

ROLE_OUTCOME(timed_out) {
    CHECK(error == 0 || error == -ETIMEDOUT);
    CHECK(error == 0 || (strstr(rim_error_text(ctx), "tree: timed out") != NULL));
    scenario_done(ctx);
    return RIM_DONE;
}

static void remove_in_no_time(rim_ctx *ctx) {
    rim_path_ask ask = path_ask("tree", timed_out, 0);
    ask.timeout_ns = 1;
    CHECK(rim_path_remove_all(ctx, &ask, NULL) == 0);
}

ROLE_ON(late_go) {
    path_play_within(ctx, planted, RIM_COUNT(planted), remove_in_no_time);
    return RIM_DONE;
}
static const rim_handler late_on[] = {[GO] = late_go};
ROLE(tree_late, late_on);

void tree_removal_ends_with_its_time(struct scenario *s) {
    path_begin(s);
    role_go(s, role_spawn(s, &tree_late, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

ROLE_OUTCOME(cut_outcome) {
    return RIM_DONE;
}

static void remove_and_end(rim_ctx *ctx) {
    for (unsigned i = 0; i < 20; i++) {
        rim_path_ask ask = path_ask("tree", cut_outcome, 0);
        CHECK(rim_path_remove_all(ctx, &ask, NULL) == 0);
    }
    scenario_done(ctx);
}

ROLE_ON(cut_go) {
    path_play_within(ctx, planted, RIM_COUNT(planted), remove_and_end);
    return RIM_DONE;
}
static const rim_handler cut_on[] = {[GO] = cut_go};
ROLE(tree_cut, cut_on);

void tree_removal_when_the_system_is_cut_off(struct scenario *s) {
    path_begin(s);
    role_go(s, role_spawn(s, &tree_cut, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stop_report report;
    int error = scenario_stop(s, 1, &report);
    CHECK((error == 0 || error == -ETIMEDOUT) && report.adds_up);
}
