/* SPDX-License-Identifier: MIT */
/* What happens to folders and files is told, in order, or it is told that something was not. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path_play.h"

#define CHANGES_MAX 40u
#define ALL         (RIM_CHANGES(RIM_CHANGE_GONE + 1) - 1)
#define TABLE(t)    t, RIM_COUNT(t)

static struct {
    const struct path_step *before, *steps;
    uint32_t before_count, count;
    const char *paths[3]; /* that are watched */
    uint32_t changes;
    const char *const *wanted; /* until NULL */
    void (*act)(rim_ctx *ctx); /* instead of steps */
    rim_ref watch, file;
    unsigned added, told, stage;
    uint32_t ids[3];
    char found[CHANGES_MAX][640];
} desk;

/* ---- what is told ---- */

static const char *const words[] = {
    [RIM_CHANGE_LOST] = "lost",         [RIM_CHANGE_CREATED] = "created",   [RIM_CHANGE_DELETED] = "deleted",
    [RIM_CHANGE_MODIFIED] = "modified", [RIM_CHANGE_WRITTEN] = "written",   [RIM_CHANGE_STATUS] = "status",
    [RIM_CHANGE_MOVED] = "moved",       [RIM_CHANGE_MOVED_IN] = "moved in", [RIM_CHANGE_MOVED_OUT] = "moved out",
    [RIM_CHANGE_GONE] = "gone",
};

static unsigned index_of(uint32_t id) {
    for (unsigned i = 0; i < desk.added; i++) {
        if (desk.ids[i] == id) {
            return i;
        }
    }
    return 9;
}

static bool is_complete(void) {
    unsigned wanted = 0;
    while (desk.wanted[wanted] != NULL) {
        wanted++;
    }
    return desk.told >= wanted;
}

static void check_all(void) {
    for (unsigned i = 0; desk.wanted[i] != NULL; i++) {
        if (strcmp(desk.wanted[i], desk.found[i]) != 0) {
            fprintf(stderr, "    change %u: %s, not %s\n", i, desk.found[i], desk.wanted[i]);
            CHECK(!"what is told");
        }
    }
}

/* "1 moved new < old": the index of the path, what, the names. */
ROLE_ON(watcher_change) {
    const rim_change_event *event = body;
    char *text = desk.found[desk.told % CHANGES_MAX];
    CHECK(event->watch == desk.watch && event->what <= RIM_CHANGE_GONE);
    CHECK(rim_size(msg) <= sizeof *event && event->names[rim_size(msg) - offsetof(rim_change_event, names) - 1] == 0);
    snprintf(text, sizeof desk.found[0], "%u %s%s%s%s%s", event->what == RIM_CHANGE_LOST ? 0 : index_of(event->id),
             words[event->what], event->names[0] != '\0' ? " " : "", event->names,
             event->what == RIM_CHANGE_MOVED ? " < " : "", rim_change_old_name(event));
    CHECK(event->what != RIM_CHANGE_MOVED || index_of(event->old_id) < 9);
    bool is_again =
        desk.told > 0 && event->what == RIM_CHANGE_MODIFIED && strcmp(text, text - sizeof desk.found[0]) == 0;
    desk.told += !is_again; /* a write may be several */
    if (is_complete()) {
        check_all();
        scenario_done(ctx);
    }
    return RIM_DONE;
}

/* ---- getting there ---- */

static void go(struct scenario *s, const rim_behaviour *behaviour) {
    role_go(s, role_spawn(s, behaviour, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

static void nothing(rim_ctx *ctx ROLE_UNUSED) {
}

static void act(rim_ctx *ctx) {
    if (desk.act != NULL) {
        desk.act(ctx);
    } else {
        path_play_within(ctx, desk.steps, desk.count, nothing);
    }
}

static void add_next(rim_ctx *ctx);

ROLE_OUTCOME(watcher_added) {
    CHECK(error == 0 && rim_size(msg) == sizeof(rim_watch_added));
    desk.ids[desk.added++] = error == 0 ? ((const rim_watch_added *)body)->id : 0;
    add_next(ctx);
    return RIM_DONE;
}

static rim_watch_ask watch_ask(const char *path, rim_outcome on_outcome) {
    return (rim_watch_ask){.watch = desk.watch,
                           .path = path_of(path),
                           .changes = desk.changes,
                           .timeout_ns = PATH_LIMIT_NS,
                           .on_outcome = on_outcome};
}

static void add_next(rim_ctx *ctx) {
    if (desk.added == RIM_COUNT(desk.paths) || desk.paths[desk.added] == NULL) {
        act(ctx);
        return;
    }
    rim_watch_ask ask = watch_ask(desk.paths[desk.added], watcher_added);
    CHECK(rim_watch_add(ctx, &ask, NULL) == 0);
}

static void begin(rim_ctx *ctx) {
    CHECK(rim_watch_open(ctx, &desk.watch) == 0);
    add_next(ctx);
}

ROLE_ON(watcher_go) {
    path_play_within(ctx, desk.before, desk.before_count, begin);
    return RIM_DONE;
}
static const rim_handler watcher_on[] = {[GO] = watcher_go, [RIM_CHANGE] = watcher_change};
ROLE(change_watcher, watcher_on);

static void prepare(const struct path_step *before, uint32_t before_count, const struct path_step *steps,
                    uint32_t count) {
    memset(&desk, 0, sizeof desk);
    desk.before = before;
    desk.before_count = before_count;
    desk.steps = steps;
    desk.count = count;
    desk.paths[0] = "w";
}

static void watch(struct scenario *s, const char *const *wanted) {
    desk.wanted = wanted;
    path_begin(s);
    scenario_open_lanes(s);
    go(s, &change_watcher);
}

/* ---- what is told of names ---- */

static const struct path_step two_folders[] = {
    {.op = PATH_MAKE_FOLDERS, .path = "w/below"},
    {.op = PATH_MAKE_FOLDERS, .path = "x"},
};
static const struct path_step names[] = {
    {.op = PATH_MAKE_FOLDER, .path = "w/a"},
    {.op = PATH_MAKE_FOLDER, .path = "w/below/unseen"},
    {.op = PATH_SYMLINK, .path = "w/link", .other = "a"},
    {.op = PATH_LINK, .path = "w/again", .other = "w/link"},
    {.op = PATH_RENAME, .path = "w/a", .other = "w/b"},
    {.op = PATH_RENAME, .path = "w/b", .other = "out"},
    {.op = PATH_MAKE_FOLDER, .path = "w/b"},
    {.op = PATH_RENAME, .path = "out", .other = "w/c"},
    {.op = PATH_REMOVE, .path = "w/link"},
    {.op = PATH_REMOVE_FOLDER, .path = "w/c"},
};
static const char *const names_told[] = {
    "0 created a", "0 created link", "0 created again", "0 moved b < a", "0 moved out b",
    "0 created b", "0 moved in c",   "0 deleted link",  "0 deleted c",   NULL,
};

void change_of_names_is_told_in_order(struct scenario *s) {
    prepare(TABLE(two_folders), TABLE(names));
    watch(s, names_told);
}

static const struct path_step between[] = {
    {.op = PATH_RENAME, .path = "w/below", .other = "x/above"},
    {.op = PATH_RENAME, .path = "x/above", .other = "x/here"},
    {.op = PATH_RENAME, .path = "x/here", .other = "w/here"},
};
static const char *const between_told[] = {"1 moved above < below", "1 moved here < above", "0 moved here < here",
                                           NULL};

void change_from_one_folder_to_another_has_both_names(struct scenario *s) {
    prepare(TABLE(two_folders), TABLE(between));
    desk.paths[1] = "x";
    watch(s, between_told);
}

static const struct path_step status[] = {
    {.op = PATH_SET_MODE, .path = "w/below", .mode = 0750},
    {.op = PATH_MAKE_FOLDER, .path = "w/not"},
    {.op = PATH_SET_MODE, .path = "w/not", .mode = 0700},
};
static const char *const status_told[] = {"0 status below", "0 status not", NULL};

void change_that_was_not_asked_for_is_not_told(struct scenario *s) {
    prepare(TABLE(two_folders), TABLE(status));
    desk.changes = RIM_CHANGES(RIM_CHANGE_STATUS);
    watch(s, status_told);
}

/* ---- bytes ---- */

static rim_file_ask file_ask(rim_outcome on_outcome) {
    return (rim_file_ask){.file = desk.file, .timeout_ns = PATH_LIMIT_NS, .on_outcome = on_outcome};
}

ROLE_OUTCOME(file_written) {
    CHECK(error == 0);
    CHECK(rim_file_close(ctx, desk.file) == 0);
    return RIM_DONE;
}

static void write_file(rim_ctx *ctx) {
    rim_file_options options = {.path = path_of("w/file"), .flags = O_WRONLY | O_CREAT};
    CHECK(rim_file_open(ctx, &options, &desk.file) == 0);
    rim_file_ask ask = file_ask(file_written);
    CHECK(rim_file_write(ctx, &ask, "12345", 5, NULL) == 0);
}

static const char *const file_told[] = {"0 created file", "0 modified file", "0 written file", NULL};

void change_of_a_file_is_told_by_its_folder(struct scenario *s) {
    prepare(TABLE(two_folders), NULL, 0);
    desk.changes = ALL & ~RIM_CHANGES(RIM_CHANGE_STATUS);
    desk.act = write_file;
    watch(s, file_told);
}

static const struct path_step a_file[] = {
    {.op = PATH_MAKE_FOLDERS, .path = "w"},
    {.op = PATH_MAKE_FILE, .path = "w/file", .other = "x"},
    {.op = PATH_SYMLINK, .path = "link", .other = "w/file"},
};
static const char *const itself_told[] = {"0 modified", "0 written", NULL};

void change_of_a_file_is_told_by_itself(struct scenario *s) {
    prepare(TABLE(a_file), NULL, 0);
    desk.paths[0] = "link";
    desk.changes = ALL & ~RIM_CHANGES(RIM_CHANGE_STATUS);
    desk.act = write_file;
    watch(s, itself_told);
}

/* ---- what is watched goes ---- */

static const struct path_step removed[] = {
    {.op = PATH_REMOVE_FOLDER, .path = "w/below"}, {.op = PATH_REMOVE_FOLDER, .path = "w"},
    {.op = PATH_MAKE_FOLDERS, .path = "w"},        {.op = PATH_MAKE_FOLDER, .path = "w/unseen"},
    {.op = PATH_MAKE_FOLDER, .path = "x/seen"},
};
static const char *const removed_told[] = {"0 deleted below", "0 gone", "1 created seen", NULL};

void change_watched_folder_that_is_removed_is_gone(struct scenario *s) {
    prepare(TABLE(two_folders), TABLE(removed));
    desk.paths[1] = "x";
    watch(s, removed_told);
}

static const struct path_step renamed[] = {
    {.op = PATH_RENAME, .path = "w", .other = "elsewhere"},
    {.op = PATH_MAKE_FOLDER, .path = "elsewhere/unseen"},
    {.op = PATH_MAKE_FOLDER, .path = "x/seen"},
};
static const char *const renamed_told[] = {"0 gone", "1 created seen", NULL};

void change_watched_folder_that_is_moved_is_gone(struct scenario *s) {
    prepare(TABLE(two_folders), TABLE(renamed));
    desk.paths[1] = "x";
    watch(s, renamed_told);
}

static const struct path_step after_removal[] = {
    {.op = PATH_MAKE_FOLDER, .path = "w/unseen"},
    {.op = PATH_MAKE_FOLDER, .path = "x/seen"},
};
static const char *const after_told[] = {"1 created seen", NULL};

/* The steps are taken behind the removal, since both are messages of this actor. */
ROLE_OUTCOME(remove_third) {
    path_play_within(ctx, after_removal, RIM_COUNT(after_removal), nothing);
    return RIM_DONE;
}

static void remove_first(rim_ctx *ctx) {
    CHECK(rim_watch_remove(ctx, desk.watch, desk.ids[0]) == 0);
    rim_watch_ask ask = watch_ask("x/third", remove_third);
    CHECK(rim_watch_add(ctx, &ask, NULL) == 0);
}

static const struct path_step three_folders[] = {
    {.op = PATH_MAKE_FOLDERS, .path = "w"},
    {.op = PATH_MAKE_FOLDERS, .path = "x/third"},
};

void change_is_not_told_when_it_is_watched_no_more(struct scenario *s) {
    prepare(TABLE(three_folders), NULL, 0);
    desk.paths[1] = "x";
    desk.act = remove_first;
    watch(s, after_told);
}

/* ---- errors ---- */

static const struct path_step wrong_before[] = {
    {.op = PATH_MAKE_FOLDERS, .path = "w"},
    {.op = PATH_MAKE_FILE, .path = "w/file", .other = "x"},
    {.op = PATH_SYMLINK, .path = "same", .other = "w"},
    {.op = PATH_SYMLINK, .path = "loop", .other = "loop"},
};
static const struct {
    const char *path;
    int error;
    const char *says;
} wrong[] = {
    {"w", 0, NULL},
    {"w", -EEXIST, ": file exists"},
    {"same", -EEXIST, ": file exists"},
    {"none", -ENOENT, ": no such file or directory"},
    {"loop", -ELOOP, ": too many levels of symbolic links"},
    {"w/file/x", -ENOTDIR, ": not a directory"},
};

static void add_wrong(rim_ctx *ctx);

ROLE_OUTCOME(wrong_outcome) {
    char text[PATH_SPAN];
    CHECK(error == wrong[desk.stage].error);
    if (error != 0 && wrong[desk.stage].says != NULL) {
        snprintf(text, sizeof text, "watch %s%s", path_of(wrong[desk.stage].path), wrong[desk.stage].says);
        CHECK(strcmp(text, rim_error_text(ctx)) == 0);
    }
    desk.stage++;
    add_wrong(ctx);
    return RIM_DONE;
}

static void add_wrong(rim_ctx *ctx) {
    if (desk.stage == RIM_COUNT(wrong)) {
        scenario_done(ctx);
        return;
    }
    rim_watch_ask ask = watch_ask(wrong[desk.stage].path, wrong_outcome);
    CHECK(rim_watch_add(ctx, &ask, NULL) == 0);
}

void change_that_cannot_be_watched_says_why(struct scenario *s) {
    static const char *const endless[] = {"never", NULL};
    prepare(TABLE(wrong_before), NULL, 0);
    desk.paths[0] = NULL;
    desk.act = add_wrong;
    watch(s, endless);
}

ROLE_OUTCOME(unwanted) {
    CHECK(!"an outcome");
    return RIM_DONE;
}

ROLE_ON(bad_go) {
    CHECK(rim_watch_open(ctx, &desk.watch) == 0);
    rim_watch_ask good = {.watch = desk.watch, .path = "/", .timeout_ns = PATH_LIMIT_NS, .on_outcome = unwanted};
    rim_watch_ask none = good, endless = good, strange = good, nobody = good;
    none.path = NULL;
    endless.timeout_ns = 0;
    strange.changes = RIM_CHANGES(RIM_CHANGE_GONE + 1);
    nobody.watch = RIM_NIL;
    CHECK(rim_watch_add(ctx, NULL, NULL) == -EINVAL);
    CHECK(rim_watch_add(ctx, &none, NULL) == -EINVAL);
    CHECK(rim_watch_add(ctx, &endless, NULL) == -EINVAL);
    CHECK(rim_watch_add(ctx, &strange, NULL) == -EINVAL);
    CHECK(rim_watch_add(ctx, &nobody, NULL) != 0);
    CHECK(rim_watch_remove(ctx, desk.watch, 12345) == 0); /* there is none: nothing happens */
    CHECK(rim_watch_remove(ctx, RIM_NIL, 1) != 0 && rim_watch_close(ctx, RIM_NIL) != 0);
    CHECK(rim_watch_close(ctx, desk.watch) == 0);
    CHECK(rim_watch_open(ctx, NULL) == 0); /* it ends with this one */
    scenario_done(ctx);
    return RIM_STOP;
}
static const rim_handler bad_on[] = {[GO] = bad_go};
ROLE(change_bad, bad_on);

void change_bad_arguments_are_refused(struct scenario *s) {
    go(s, &change_bad);
}

/* ---- limits ---- */

/* So many paths, or watches, for this process alone: a name space of its users has limits of its own. */
static bool set_limit(const char *path, const char *value) {
    if (unshare(CLONE_NEWUSER) != 0) {
        return false;
    }
    FILE *file = fopen(path, "w");
    bool is_set = file != NULL && fputs(value, file) >= 0;
    return file != NULL && fclose(file) == 0 && is_set;
}

ROLE_OUTCOME(limit_outcome) {
    desk.added++;
    if (error != 0) {
        CHECK(error == -ENOSPC);
        CHECK(strstr(rim_error_text(ctx), "/w: no space left on device (fs.inotify.max_user_watches)") != NULL);
        desk.stage++;
    }
    if (desk.added == 3) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static void add_too_many(rim_ctx *ctx) {
    static const rim_sim_options faults = {.watch_limit = 1000};
    rim_sim_set_faults(rim_system_of(ctx), &faults);
    static const char *const paths[] = {"x", "w/below", "w"};
    for (unsigned i = 0; i < 3; i++) {
        rim_watch_ask ask = watch_ask(paths[scenario_is_sim(scenario_current()) ? 2 : i], limit_outcome);
        CHECK(rim_watch_add(ctx, &ask, NULL) == 0);
    }
}

static void open_then_add(rim_ctx *ctx) {
    CHECK(rim_watch_open(ctx, &desk.watch) == 0);
    add_too_many(ctx);
}

ROLE_ON(limit_go) {
    path_play_within(ctx, two_folders, RIM_COUNT(two_folders), open_then_add);
    return RIM_DONE;
}
static const rim_handler limit_on[] = {[GO] = limit_go};
ROLE(change_limit, limit_on);

void change_of_too_many_paths_cannot_be_watched(struct scenario *s) {
    prepare(NULL, 0, NULL, 0);
    path_begin(s);
    if (!scenario_is_sim(s) && !set_limit("/proc/sys/user/max_inotify_watches", "2")) {
        fprintf(stderr, "    skipped: may not have a limit of its own\n");
        return;
    }
    (void)scenario_system_with(s, &(rim_config){.shards = 1, .helpers = 1});
    go(s, &change_limit);
    CHECK(scenario_is_sim(s) ? desk.stage == 3 : desk.stage == 1);
}

ROLE_ON(too_many_go) {
    static const rim_sim_options faults = {.file_limit = 1000};
    rim_sim_set_faults(rim_system_of(ctx), &faults);
    struct rlimit before, none = {.rlim_cur = 3};
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none.rlim_max = before.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(rim_watch_open(ctx, &desk.watch) == -EMFILE);
    CHECK(strstr(rim_error_text(ctx), "watch folders: too many open files") == rim_error_text(ctx) ||
          strstr(rim_error_text(ctx), "watch folders: Too many open files") == rim_error_text(ctx));
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler too_many_on[] = {[GO] = too_many_go};
ROLE(change_too_many, too_many_on);

void change_cannot_be_watched_without_a_descriptor(struct scenario *s) {
    go(s, &change_too_many);
}

/* ---- too much ---- */

#define BURST 20000u /* more than the kernel keeps */
#define POUR  500u

static void overflow(rim_ctx *ctx) {
    static const rim_sim_options faults = {.watch_overflow = 1000};
    rim_sim_set_faults(rim_system_of(ctx), &faults);
    if (scenario_is_sim(scenario_current())) {
        path_play_within(ctx, after_removal, 1, nothing);
        return;
    }
    for (unsigned i = 0; i < BURST; i++) { /* while the shard does nothing else */
        char path[PATH_SPAN];
        snprintf(path, sizeof path, "%s/%u", path_of("w"), i);
        CHECK(mkdir(path, 0700) == 0 && rmdir(path) == 0);
    }
}

ROLE_ON(overflow_change) {
    const rim_change_event *event = body;
    if (event->what == RIM_CHANGE_LOST) {
        CHECK(event->id == 0 && event->names[0] == '\0');
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler overflow_on[] = {[GO] = watcher_go, [RIM_CHANGE] = overflow_change};
ROLE(change_overflow, overflow_on);

void change_that_was_lost_is_told(struct scenario *s) {
    prepare(TABLE(two_folders), NULL, 0);
    desk.act = overflow;
    path_begin(s);
    role_go(s, role_spawn_with(s, &change_overflow, (rim_spawn_options){.mailbox_count = 64},
                               (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

static void pour_more(rim_ctx *ctx);

ROLE_OUTCOME(poured) {
    CHECK(error == 0);
    pour_more(ctx);
    return RIM_DONE;
}

/* Where the machine is real all at once, while the shard does nothing else: so they come in one read, and the last of
   them when the kernel has no more. */
static void pour_more(rim_ctx *ctx) {
    char path[PATH_SPAN];
    while (desk.stage < POUR) {
        snprintf(path, sizeof path, "w/%u", desk.stage++);
        if (scenario_is_sim(scenario_current())) {
            rim_path_ask ask = path_ask(path, poured, 0);
            CHECK(rim_path_make_folder(ctx, &ask, 0, false, NULL) == 0);
            return;
        }
        CHECK(mkdir(path_of(path), 0700) == 0);
    }
}

ROLE_ON(slow_change) {
    const rim_change_event *event = body;
    CHECK(event->what == RIM_CHANGE_CREATED && (unsigned)atoi(event->names) == desk.told);
    if (++desk.told == POUR) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler slow_on[] = {[GO] = watcher_go, [RIM_CHANGE] = slow_change};
ROLE(change_slow, slow_on);

void change_waits_until_its_owner_has_room(struct scenario *s) {
    prepare(TABLE(two_folders), NULL, 0);
    desk.act = pour_more;
    path_begin(s);
    role_go(s, role_spawn_with(s, &change_slow, (rim_spawn_options){.mailbox_count = 4, .budget = 1},
                               (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- ends ---- */

ROLE_OUTCOME(cut_outcome) {
    return RIM_DONE;
}

ROLE_ON(cut_go) {
    for (unsigned i = 0; i < 10; i++) {
        rim_watch_ask ask = {.path = "/", .timeout_ns = PATH_LIMIT_NS, .on_outcome = cut_outcome};
        CHECK(rim_watch_open(ctx, &ask.watch) == 0);
        CHECK(rim_watch_add(ctx, &ask, NULL) == 0);
    }
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler cut_on[] = {[GO] = cut_go};
ROLE(change_cut, cut_on);

void change_watched_when_the_system_is_cut_off(struct scenario *s) {
    go(s, &change_cut);
    rim_stop_report report;
    int error = scenario_stop(s, 1, &report);
    CHECK((error == 0 || error == -ETIMEDOUT) && report.adds_up);
}

ROLE_ON(leaver_go) {
    for (unsigned i = 0; i < 10; i++) {
        rim_watch_ask ask = {.path = "/", .timeout_ns = PATH_LIMIT_NS, .on_outcome = unwanted};
        CHECK(rim_watch_open(ctx, &ask.watch) == 0);
        CHECK(rim_watch_add(ctx, &ask, NULL) == 0);
    }
    scenario_done(ctx);
    return RIM_STOP;
}
static const rim_handler leaver_on[] = {[GO] = leaver_go};
ROLE(change_leaver, leaver_on);

void change_is_watched_as_long_as_its_owner_lives(struct scenario *s) {
    go(s, &change_leaver);
}
