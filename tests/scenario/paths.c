/* SPDX-License-Identifier: MIT */
/* What is done to folders and paths, and how it fails. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "own_mounts.h"
#include "path_play.h"

#define PLAY(s, table) path_play(s, table, RIM_COUNT(table))
#define MADE                                                                                                           \
    { .op = PATH_MAKE_FOLDERS, .path = "" }

/* ---- what each does ---- */

static const struct path_step folders[] = {
    MADE,
    {.op = PATH_MAKE_FOLDER, .path = "a", .mode = 0750},
    {.op = PATH_STAT, .path = "a", .mode = S_IFDIR | 0750},
    {.op = PATH_MAKE_FOLDER, .path = "a", .error = -EEXIST, .says = "make folder %s/a: file exists"},
    {.op = PATH_MAKE_FOLDERS, .path = "a"},
    {.op = PATH_MAKE_FOLDER,
     .path = "b/c/d",
     .error = -ENOENT,
     .says = "make folder %s/b/c/d: no such file or directory"},
    {.op = PATH_MAKE_FOLDERS, .path = "b//c/./d//"},
    {.op = PATH_STAT, .path = "b/c/../c/d/", .mode = S_IFDIR | 0777},
    {.op = PATH_REMOVE_FOLDER, .path = "b", .error = -ENOTEMPTY, .says = "remove folder %s/b: directory not empty"},
    {.op = PATH_REMOVE_FOLDER, .path = "b/c/d"},
    {.op = PATH_REMOVE_FOLDER, .path = "b/c"},
    {.op = PATH_REMOVE_FOLDER, .path = "b"},
    {.op = PATH_REMOVE_FOLDER, .path = "b", .error = -ENOENT, .says = "remove folder %s/b: no such file or directory"},
    {.op = PATH_MAKE_FILE, .path = "f", .other = "12345"},
    {.op = PATH_MAKE_FOLDERS, .path = "f", .error = -EEXIST},
    {.op = PATH_MAKE_FOLDERS, .path = "f/g/h", .error = -ENOTDIR, .says = "make folder %s/f/g/h: not a directory"},
    {.op = PATH_REMOVE_FOLDER, .path = "f", .error = -ENOTDIR, .says = "remove folder %s/f: not a directory"},
    {.op = PATH_REMOVE, .path = "a", .error = -EISDIR, .says = "remove %s/a: is a directory"},
    {.op = PATH_REMOVE, .path = "f"},
    {.op = PATH_STAT, .path = "f", .error = -ENOENT, .says = "stat %s/f: no such file or directory"},
};

void path_folders_are_made_and_removed(struct scenario *s) {
    umask(0);
    PLAY(s, folders);
}

static const struct path_step names[] = {
    MADE,
    {.op = PATH_MAKE_FILE, .path = "one", .other = "1"},
    {.op = PATH_MAKE_FILE, .path = "three", .other = "333"},
    {.op = PATH_RENAME, .path = "one", .other = "two", .mode = RIM_PATH_KEEP_OTHER},
    {.op = PATH_RENAME,
     .path = "one",
     .other = "two",
     .error = -ENOENT,
     .says = "rename %s/one to %s/two: no such file or directory"},
    {.op = PATH_RENAME,
     .path = "two",
     .other = "three",
     .mode = RIM_PATH_KEEP_OTHER,
     .error = -EEXIST,
     .says = "rename %s/two to %s/three: file exists"},
    {.op = PATH_STAT, .path = "three", .size = 3},
    {.op = PATH_RENAME, .path = "two", .other = "three", .mode = RIM_PATH_EXCHANGE},
    {.op = PATH_STAT, .path = "three", .size = 1},
    {.op = PATH_STAT, .path = "two", .size = 3},
    {.op = PATH_RENAME, .path = "two", .other = "three"},
    {.op = PATH_STAT, .path = "three", .size = 3},
    {.op = PATH_STAT, .path = "two", .error = -ENOENT},
    {.op = PATH_MAKE_FOLDERS, .path = "a/b"},
    {.op = PATH_RENAME, .path = "a", .other = "a/b/c", .error = -EINVAL},
    {.op = PATH_RENAME, .path = "three", .other = "a", .error = -EISDIR},
    {.op = PATH_RENAME, .path = "a", .other = "three", .error = -ENOTDIR},
    {.op = PATH_MAKE_FOLDER, .path = "empty"},
    {.op = PATH_RENAME, .path = "empty", .other = "a", .error = -ENOTEMPTY},
    {.op = PATH_RENAME, .path = "a", .other = "empty"},
    {.op = PATH_STAT, .path = "empty/b", .mode = S_IFDIR | 0777},
    {.op = PATH_RENAME, .path = "three", .other = "empty/b/x"},
    {.op = PATH_STAT, .path = "empty/b/x", .size = 3},
    {.op = PATH_LINK, .path = "other", .other = "empty/b/x"},
    {.op = PATH_LINK,
     .path = "other",
     .other = "empty/b/x",
     .error = -EEXIST,
     .says = "link %s/other of %s/empty/b/x: file exists"},
    {.op = PATH_LINK, .path = "other2", .other = "none", .error = -ENOENT},
    {.op = PATH_REMOVE, .path = "empty/b/x"},
    {.op = PATH_STAT, .path = "other", .size = 3},
};

void path_names_are_given_and_taken_away(struct scenario *s) {
    umask(0);
    PLAY(s, names);
}

static const struct path_step links[] = {
    MADE,
    {.op = PATH_MAKE_FILE, .path = "file", .other = "four"},
    {.op = PATH_SYMLINK, .path = "link", .other = "file"},
    {.op = PATH_READ_LINK, .path = "link", .other = "file"},
    {.op = PATH_STAT, .path = "link", .size = 4},
    {.op = PATH_STAT, .path = "link", .mode = S_IFLNK | 0777, .no_follow = true},
    {.op = PATH_SYMLINK, .path = "link", .other = "x", .error = -EEXIST},
    {.op = PATH_READ_LINK, .path = "file", .error = -EINVAL, .says = "read link %s/file: invalid argument"},
    {.op = PATH_SET_MODE, .path = "link", .mode = 0600},
    {.op = PATH_STAT, .path = "file", .mode = S_IFREG | 0600, .size = 4},
    {.op = PATH_SYMLINK, .path = "nowhere", .other = "none"},
    {.op = PATH_STAT, .path = "nowhere", .error = -ENOENT},
    {.op = PATH_MAKE_FOLDERS, .path = "nowhere", .error = -EEXIST},
    {.op = PATH_SYMLINK, .path = "loop1", .other = "loop2"},
    {.op = PATH_SYMLINK, .path = "loop2", .other = "loop1"},
    {.op = PATH_STAT, .path = "loop1", .error = -ELOOP, .says = "stat %s/loop1: too many levels of symbolic links"},
    {.op = PATH_STAT, .path = "loop1/x", .error = -ELOOP},
    {.op = PATH_MAKE_FOLDERS, .path = "real/inner"},
    {.op = PATH_SYMLINK, .path = "short", .other = "real/inner/.."},
    {.op = PATH_STAT, .path = "short/inner", .mode = S_IFDIR | 0777},
    {.op = PATH_REMOVE_FOLDER, .path = "short", .error = -ENOTDIR},
    {.op = PATH_REMOVE, .path = "short"},
    {.op = PATH_STAT, .path = "real", .mode = S_IFDIR | 0777},
    {.op = PATH_REMOVE, .path = "link"},
    {.op = PATH_STAT, .path = "file", .size = 4},
};

void path_links_lead_elsewhere(struct scenario *s) {
    umask(0);
    PLAY(s, links);
}

static const struct path_step temporaries[] = {
    MADE,
    {.op = PATH_TEMPORARY, .path = "some."},
    {.op = PATH_TEMPORARY, .path = "some."},
    {.op = PATH_TEMPORARY_FOLDER, .path = "some."},
    {.op = PATH_TEMPORARY_FOLDER, .path = "dir-"},
    {.op = PATH_TEMPORARY, .path = "none/x", .error = -ENOENT},
};

void path_temporaries_have_names_of_their_own(struct scenario *s) {
    PLAY(s, temporaries);
}

ROLE_OUTCOME(times_stat) {
    const rim_file_status *status = body;
    CHECK(error == 0 && status->modified_ns == (int64_t)RIM_SECONDS(1000000000));
    CHECK(error == 0 && status->accessed_ns != status->modified_ns);
    scenario_done(ctx);
    return RIM_DONE;
}

static void look_at_times(rim_ctx *ctx) {
    rim_path_ask ask = path_ask("file", times_stat, 0);
    CHECK(rim_path_stat(ctx, &ask, NULL) == 0);
}

static const struct path_step times[] = {
    MADE,
    {.op = PATH_MAKE_FILE, .path = "file", .other = "x"},
    {.op = PATH_SET_TIMES, .path = "file", .size = 1000000000},
    {.op = PATH_SET_OWNER, .path = "file"},
    {.op = PATH_SET_TIMES,
     .path = "none",
     .size = 1,
     .error = -ENOENT,
     .says = "set times of %s/none: no such file or directory"},
    {.op = PATH_SET_OWNER, .path = "none", .error = -ENOENT, .says = "set owner of %s/none: no such file or directory"},
    {.op = PATH_SET_MODE,
     .path = "none",
     .mode = 0700,
     .error = -ENOENT,
     .says = "set mode of %s/none: no such file or directory"},
};

ROLE_ON(times_go) {
    path_play_within(ctx, times, RIM_COUNT(times), look_at_times);
    return RIM_DONE;
}
static const rim_handler times_on[] = {[GO] = times_go};
ROLE(path_times, times_on);

void path_times_and_owner_are_set(struct scenario *s) {
    path_begin(s);
    role_go(s, role_spawn(s, &path_times, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- errors ---- */

static const struct path_step denied[] = {
    MADE,
    {.op = PATH_MAKE_FOLDERS, .path = "shut/inner"},
    {.op = PATH_MAKE_FILE, .path = "shut/file", .other = "x"},
    {.op = PATH_SET_MODE, .path = "shut", .mode = 0500},
    {.op = PATH_STAT, .path = "shut/file", .size = 1},
    {.op = PATH_MAKE_FOLDER,
     .path = "shut/more",
     .error = -EACCES,
     .says = "make folder %s/shut/more: permission denied"},
    {.op = PATH_MAKE_FOLDERS, .path = "shut/more/a", .error = -EACCES},
    {.op = PATH_TEMPORARY,
     .path = "shut/x",
     .error = -EACCES,
     .says = "make temporary file %s/shut/x: permission denied"},
    {.op = PATH_REMOVE, .path = "shut/file", .error = -EACCES, .says = "remove %s/shut/file: permission denied"},
    {.op = PATH_REMOVE_FOLDER, .path = "shut/inner", .error = -EACCES},
    {.op = PATH_RENAME,
     .path = "shut/file",
     .other = "file",
     .error = -EACCES,
     .says = "rename %s/shut/file to %s/file: permission denied"},
    {.op = PATH_SYMLINK,
     .path = "shut/link",
     .other = "x",
     .error = -EACCES,
     .says = "link %s/shut/link of x: permission denied"},
    {.op = PATH_SET_MODE, .path = "shut", .mode = 0600},
    {.op = PATH_STAT, .path = "shut/file", .error = -EACCES, .says = "stat %s/shut/file: permission denied"},
    {.op = PATH_SET_MODE, .path = "shut", .mode = 0700},
};

void path_without_permission_is_refused(struct scenario *s) {
    if (path_become_nobody(s)) {
        PLAY(s, denied);
        path_become_root(s);
    }
}

#define X16  "xxxxxxxxxxxxxxxx"
#define X256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16
#define P256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 "xxxxxxxxxxxxxxx/"
#define P4K  P256 P256 P256 P256 P256 P256 P256 P256 P256 P256 P256 P256 P256 P256 P256 P256

static const struct path_step too_long[] = {
    MADE,
    {.op = PATH_MAKE_FOLDER,
     .path = X256,
     .error = -ENAMETOOLONG,
     .says = "make folder ..." X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 ": file name too long"},
    {.op = PATH_RENAME,
     .path = X256,
     .other = "x",
     .error = -ENAMETOOLONG,
     .says = "rename ..." X16 X16 X16 X16 X16 " to %s/x: file name too long"},
    {.op = PATH_MAKE_FOLDERS, .path = P4K, .error = -ENAMETOOLONG, .refused = true},
    {.op = PATH_RENAME, .path = "x", .other = P4K, .error = -ENAMETOOLONG, .refused = true},
    {.op = PATH_SET_MODE, .path = "x", .mode = 010000, .error = -EINVAL, .refused = true},
    {.op = PATH_RENAME, .path = "x", .other = "y", .mode = 3, .error = -EINVAL, .refused = true},
};

void path_that_is_too_long_is_refused(struct scenario *s) {
    PLAY(s, too_long);
}

ROLE_OUTCOME(unwanted) {
    CHECK(!"an outcome");
    return RIM_DONE;
}

ROLE_ON(bad_go) {
    rim_path_ask ask = {.path = "/", .timeout_ns = PATH_LIMIT_NS, .on_outcome = unwanted};
    rim_path_ask none = ask, empty = ask, endless = ask, deaf = ask;
    none.path = NULL;
    empty.path = "";
    endless.timeout_ns = 0;
    deaf.on_outcome = NULL;
    CHECK(rim_path_stat(ctx, NULL, NULL) == -EINVAL);
    CHECK(rim_path_stat(ctx, &none, NULL) == -EINVAL);
    CHECK(rim_path_stat(ctx, &empty, NULL) == -EINVAL);
    CHECK(rim_path_stat(ctx, &endless, NULL) == -EINVAL);
    CHECK(rim_path_stat(ctx, &deaf, NULL) == -EINVAL);
    CHECK(rim_path_link(ctx, &ask, NULL, NULL) == -EINVAL);
    rim_token token = RIM_NIL;
    CHECK(rim_path_stat(ctx, &ask, &token) == 0 && rim_cancel(ctx, token));
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler bad_on[] = {[GO] = bad_go};
ROLE(path_bad, bad_on);

void path_bad_arguments_are_refused(struct scenario *s) {
    role_go(s, role_spawn(s, &path_bad, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- no space ---- */

/* A disk of its own, which only this process sees, and which has room for few files. */
static bool mount_small(void) {
    return own_mounts() && mount("small", path_of(""), "tmpfs", 0, "size=64k,nr_inodes=12,mode=777") == 0;
}

static unsigned made;

static void make_more(rim_ctx *ctx);

ROLE_OUTCOME(full_made) {
    char name[16];
    snprintf(name, sizeof name, "%u: ", made);
    if (error == 0 && ++made < 100) {
        make_more(ctx);
        return RIM_DONE;
    }
    CHECK(error == -ENOSPC && strstr(rim_error_text(ctx), name) != NULL);
    CHECK(error == -ENOSPC && strstr(rim_error_text(ctx), "no space left on device") != NULL);
    scenario_done(ctx);
    return RIM_DONE;
}

static void make_more(rim_ctx *ctx) {
    char name[16];
    snprintf(name, sizeof name, "%u", made);
    rim_path_ask ask = path_ask(name, full_made, 0);
    CHECK(rim_path_make_folder(ctx, &ask, 0, false, NULL) == 0);
}

static const struct path_step full[] = {MADE};

static void fill_up(rim_ctx *ctx) {
    static const rim_sim_options faults = {.file_full = 300};
    rim_sim_set_faults(rim_system_of(ctx), &faults);
    make_more(ctx);
}

ROLE_ON(full_go) {
    path_play_within(ctx, full, RIM_COUNT(full), fill_up);
    return RIM_DONE;
}
static const rim_handler full_on[] = {[GO] = full_go};
ROLE(path_full, full_on);

void path_disk_may_be_full(struct scenario *s) {
    made = 0;
    path_begin(s);
    if (!scenario_is_sim(s) && !mount_small()) {
        fprintf(stderr, "    skipped: may not mount a small disk\n");
        return;
    }
    role_go(s, role_spawn(s, &path_full, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    if (!scenario_is_sim(s)) {
        scenario_stop(s, RIM_SECONDS(10), NULL);
        CHECK(umount2(path_of(""), MNT_DETACH) == 0);
    }
}

/* ---- many ---- */

#define CALLS 500u
static struct { unsigned outcomes, errors; } many;

ROLE_OUTCOME(many_outcome) {
    CHECK(error == 0 || error == -EIO || error == -ENOSPC);
    CHECK(error == 0 || strstr(rim_error_text(ctx), "make folder ") == rim_error_text(ctx));
    many.errors += error != 0;
    if (++many.outcomes == CALLS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

/* All at once, in the same folders, by several helpers. */
ROLE_ON(many_go) {
    for (unsigned i = 0; i < CALLS; i++) {
        char name[64];
        snprintf(name, sizeof name, "%u/%u/%u", i % 3, i % 4, i % 5);
        rim_path_ask ask = path_ask(name, many_outcome, i);
        CHECK(rim_path_make_folder(ctx, &ask, 0, true, NULL) == 0);
    }
    return RIM_DONE;
}
static const rim_handler many_on[] = {[GO] = many_go};
ROLE(path_many, many_on);

void path_calls_at_once_make_the_same_folders(struct scenario *s) {
    many.outcomes = many.errors = 0;
    path_begin(s);
    role_go(s, role_spawn(s, &path_many, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(many.errors == 0);
}

void path_each_call_has_one_outcome_whatever_fails(struct scenario *s) {
    static const rim_sim_options faults = {.path_error = 100, .file_full = 100};
    many.outcomes = many.errors = 0;
    path_begin(s);
    rim_sim_set_faults(scenario_system(s), &faults);
    role_go(s, role_spawn(s, &path_many, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(many.outcomes == CALLS && (many.errors > 0) == scenario_is_sim(s));
}

/* ---- words ---- */

static struct {
    rim_ref folder;
    char path[300];
    unsigned outcomes, late;
} words;

static void expect_late(rim_ctx *ctx, const char *shown) {
    char text[300];
    snprintf(text, sizeof text, "%s: timed out", shown);
    CHECK(strcmp(rim_error_text(ctx), text) == 0);
    words.late++;
}

/* The last of it is shown, of a path that is too long. */
ROLE_OUTCOME(words_outcome) {
    char shown[204];
    snprintf(shown, sizeof shown, "...%s", words.path + strlen(words.path) - 200);
    CHECK(error == -ETIMEDOUT || error == (cookie == 0 ? 0 : -ENAMETOOLONG));
    if (error == -ETIMEDOUT) {
        expect_late(ctx, cookie == 0 ? path_of(".") : shown);
    }
    if (++words.outcomes == 3) {
        CHECK(words.late > 0 || !scenario_is_sim(scenario_current()));
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(words_go) {
    rim_folder_options options = {.path = path_of(".")};
    rim_path_ask ask = path_ask(".", words_outcome, 0);
    ask.timeout_ns = 1;
    CHECK(rim_path_stat(ctx, &ask, NULL) == 0);
    memset(words.path, 'x', sizeof words.path - 1);
    ask.path = words.path;
    ask.cookie = 1;
    CHECK(rim_path_remove(ctx, &ask, NULL) == 0);
    CHECK(rim_folder_open(ctx, &options, &words.folder) == 0);
    rim_folder_ask read = {.folder = words.folder, .timeout_ns = 1, .on_outcome = words_outcome};
    CHECK(rim_folder_read(ctx, &read, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler words_on[] = {[GO] = words_go};
ROLE(path_words, words_on);

void path_call_that_times_out_names_the_path(struct scenario *s) {
    path_begin(s);
    memset(&words, 0, sizeof words);
    role_go(s, role_spawn(s, &path_words, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- ends ---- */

ROLE_OUTCOME(cut_outcome) {
    return RIM_DONE;
}

ROLE_ON(cut_go) {
    for (unsigned i = 0; i < CALLS; i++) {
        rim_path_ask ask = path_ask(i % 2 == 0 ? "a" : "b/c/d", cut_outcome, i);
        CHECK(rim_path_make_folder(ctx, &ask, 0, true, NULL) == 0);
    }
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler cut_on[] = {[GO] = cut_go};
ROLE(path_cut, cut_on);

void path_calls_when_the_system_is_cut_off(struct scenario *s) {
    path_begin(s);
    role_go(s, role_spawn(s, &path_cut, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stop_report report;
    int error = scenario_stop(s, 1, &report);
    CHECK((error == 0 || error == -ETIMEDOUT) && report.adds_up);
}
