/* SPDX-License-Identifier: MIT */
/* Folders and trees: listed piece by piece, and how that fails. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path_play.h"

#define MADE                                                                                                           \
    { .op = PATH_MAKE_FOLDERS, .path = "" }
#define FOUND_MAX   64u
#define MANY_REAL   20000u
#define MANY_SIM    700u
#define ALONG       100u /* calls at once, to make many */
#define TREE(table) table, RIM_COUNT(table)

/* What a scenario lists, and what it is to find. */
static struct {
    const struct path_step *steps; /* made before */
    uint32_t count;
    rim_folder_options options;
    const char *path;
    const char *const *wanted; /* "d a/b": type and path, in any order but folders first; NULL: the end */
    int error;
    const char *says; /* the error's text, behind the scenario's folder */
    bool across;      /* read from another shard */
    unsigned credits; /* reads at once */
    rim_ref folder;
    unsigned ended, entries, batches, errors;
    uint64_t asked, answered;
    unsigned many, made;
    char found[FOUND_MAX][PATH_SPAN];
} desk;

/* ---- reading ---- */

static void read_more(rim_ctx *ctx);

static char letter_of(uint32_t type) {
    return type == S_IFDIR ? 'd' : type == S_IFLNK ? 'l' : type == S_IFREG ? 'f' : '?';
}

static void check_entry(const rim_folder_entry *entry) {
    unsigned slashes = 1;
    for (const char *at = entry->path; *at != '\0'; at++) {
        slashes += *at == '/';
    }
    CHECK(entry->depth == slashes);
    CHECK(entry->name_at <= strlen(entry->path) && strchr(entry->path + entry->name_at, '/') == NULL);
    CHECK(entry->name_at == 0 || entry->path[entry->name_at - 1] == '/');
    CHECK(entry->error != 0 || !desk.options.status || (entry->status.mode & S_IFMT) == entry->type);
    CHECK(desk.options.status || entry->status.mode == 0);
    desk.errors += entry->error != 0;
}

static void note_entry(const rim_folder_entry *entry) {
    check_entry(entry);
    if (desk.many == 0 && desk.entries < FOUND_MAX) {
        snprintf(desk.found[desk.entries], PATH_SPAN, "%c %s%s", letter_of(entry->type), entry->path,
                 entry->error != 0 ? " !" : "");
    }
    desk.entries++;
}

static bool was_found(const char *wanted) {
    for (unsigned i = 0; i < desk.entries && i < FOUND_MAX; i++) {
        if (strcmp(desk.found[i], wanted) == 0) {
            return true;
        }
    }
    fprintf(stderr, "    not found: %s\n", wanted);
    return false;
}

static void finish(rim_ctx *ctx) {
    unsigned wanted = 0;
    while (desk.wanted != NULL && desk.wanted[wanted] != NULL) {
        CHECK(was_found(desk.wanted[wanted++]));
    }
    CHECK(desk.wanted == NULL || desk.entries == wanted);
    CHECK(rim_folder_close(ctx, desk.folder) == 0);
    scenario_done(ctx);
}

static void check_failure(int error, const char *text) {
    char wanted[PATH_SPAN];
    CHECK(error == desk.error);
    snprintf(wanted, sizeof wanted, "list %s%s", path_of(desk.path), desk.says != NULL ? desk.says : "");
    if (desk.says != NULL && strcmp(text, wanted) != 0) {
        fprintf(stderr, "    %s\n", text);
        CHECK(!"the text");
    }
}

/* Answers come in the order of the reads, and after the end there is only the end. */
ROLE_OUTCOME(on_batch) {
    CHECK(cookie == desk.answered++);
    if (error != 0) {
        check_failure(error, rim_error_text(ctx));
        desk.ended++;
    } else {
        CHECK(rim_size(msg) <= RIM_FOLDER_BATCH && (desk.ended == 0 || rim_size(msg) == 0));
        desk.batches += rim_size(msg) > 0;
        desk.ended += rim_size(msg) == 0;
        for (const rim_folder_entry *at = NULL; (at = rim_folder_each(body, rim_size(msg), at)) != NULL;) {
            note_entry(at);
        }
    }
    read_more(ctx);
    return RIM_DONE;
}

static void read_more(rim_ctx *ctx) {
    while (desk.ended == 0 && desk.asked < desk.answered + desk.credits) {
        rim_folder_ask ask = {.folder = desk.folder,
                              .timeout_ns = PATH_LIMIT_NS,
                              .on_outcome = on_batch,
                              .cookie = desk.asked++};
        CHECK(rim_folder_read(ctx, &ask, NULL) == 0);
    }
    if (desk.ended > 0 && desk.answered == desk.asked) {
        finish(ctx);
    }
}

ROLE_ON(reader_word) {
    read_more(ctx);
    return RIM_DONE;
}
static const rim_handler reader_on[] = {[WORD] = reader_word};
ROLE(folder_reader, reader_on);

static void open_folder(rim_ctx *ctx) {
    desk.options.path = path_of(desk.path);
    CHECK(rim_folder_open(ctx, &desk.options, &desk.folder) == 0);
    if (desk.across) {
        role_say(ctx, role_add(ctx, &folder_reader, 1 - rim_shard_index(ctx), (struct role_cast){.index = 0}), WORD, 0);
    } else {
        read_more(ctx);
    }
}

ROLE_ON(lister_go) {
    path_play_within(ctx, desk.steps, desk.count, open_folder);
    return RIM_DONE;
}
static const rim_handler lister_on[] = {[GO] = lister_go};
ROLE(folder_lister, lister_on);

static void list(struct scenario *s) {
    desk.credits = desk.credits != 0 ? desk.credits : 1;
    path_begin(s);
    scenario_open_lanes(s);
    role_go(s, role_spawn(s, &folder_lister, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

static void begin(const struct path_step *steps, uint32_t count, const char *path, const char *const *wanted) {
    memset(&desk, 0, sizeof desk);
    desk.steps = steps;
    desk.count = count;
    desk.path = path;
    desk.wanted = wanted;
}

/* ---- what is found ---- */

static const struct path_step tree[] = {
    {.op = PATH_MAKE_FOLDERS, .path = "outside/secret"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree/a/b/c"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree/empty"},
    {.op = PATH_MAKE_FILE, .path = "tree/file", .other = "12345"},
    {.op = PATH_MAKE_FILE, .path = "tree/a/file", .other = "x"},
    {.op = PATH_MAKE_FILE, .path = "tree/a/b/.hidden", .other = "x"},
    {.op = PATH_SYMLINK, .path = "tree/a/out", .other = "../../outside"},
    {.op = PATH_SYMLINK, .path = "tree/loop", .other = "."},
    {.op = PATH_SYMLINK, .path = "tree/none", .other = "nowhere"},
    {.op = PATH_SYMLINK, .path = "way", .other = "tree/a"},
};
static const char *const flat_found[] = {"d a", "d empty", "f file", "l loop", "l none", NULL};
static const char *const tree_found[] = {"d a",     "d empty",       "f file",   "l loop",  "l none", "d a/b",
                                         "d a/b/c", "f a/b/.hidden", "f a/file", "l a/out", NULL};
static const char *const way_found[] = {"d b", "d b/c", "f b/.hidden", "f file", "l out", NULL};

void folder_lists_what_is_in_it(struct scenario *s) {
    begin(TREE(tree), "tree", flat_found);
    list(s);
}

void folder_lists_a_tree_and_follows_no_link(struct scenario *s) {
    begin(TREE(tree), "tree", tree_found);
    desk.options = (rim_folder_options){.recursive = true, .status = true, .same_device = true};
    list(s);
}

void folder_by_a_link_is_where_that_leads(struct scenario *s) {
    begin(TREE(tree), "way", way_found);
    desk.options.recursive = true;
    list(s);
}

void folder_is_read_from_another_shard(struct scenario *s) {
    begin(TREE(tree), "tree", tree_found);
    desk.options = (rim_folder_options){.recursive = true, .status = true};
    desk.across = true;
    desk.credits = 3;
    list(s);
}

static const struct path_step empty[] = {MADE, {.op = PATH_MAKE_FOLDER, .path = "empty"}};
static const char *const nothing[] = {NULL};

void folder_that_is_empty_has_only_an_end(struct scenario *s) {
    begin(TREE(empty), "empty", nothing);
    desk.credits = RIM_FOLDER_READS;
    list(s);
    CHECK(desk.answered == RIM_FOLDER_READS && desk.batches == 0);
}

/* ---- errors ---- */

static const struct path_step few[] = {MADE, {.op = PATH_MAKE_FILE, .path = "file", .other = "x"}};

void folder_that_is_not_there_cannot_be_listed(struct scenario *s) {
    begin(TREE(few), "none", nothing);
    desk.error = -ENOENT;
    desk.says = ": no such file or directory";
    desk.credits = 4;
    list(s);
}

void folder_that_is_a_file_cannot_be_listed(struct scenario *s) {
    begin(TREE(few), "file", nothing);
    desk.error = -ENOTDIR;
    desk.says = ": not a directory";
    list(s);
}

static const struct path_step shut[] = {
    {.op = PATH_MAKE_FOLDERS, .path = "tree/a/b"},
    {.op = PATH_MAKE_FOLDERS, .path = "tree/shut/in"},
    {.op = PATH_SET_MODE, .path = "tree/shut", .mode = 0300},
};
static const struct path_step open_again[] = {{.op = PATH_SET_MODE, .path = "tree/shut", .mode = 0700}};
static const char *const shut_found[] = {"d a", "d a/b", "d shut !", NULL};

/* So that whoever cleans up can. */
ROLE_ON(opener_go) {
    path_play_within(ctx, open_again, RIM_COUNT(open_again), scenario_done);
    return RIM_DONE;
}
static const rim_handler opener_on[] = {[GO] = opener_go};
ROLE(folder_opener, opener_on);

static void list_shut(struct scenario *s) {
    if (!path_become_nobody(s)) {
        return;
    }
    list(s);
    role_go(s, role_spawn(s, &folder_opener, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    path_become_root(s);
}

void folder_without_permission_cannot_be_listed(struct scenario *s) {
    begin(TREE(shut), "tree/shut", nothing);
    desk.error = -EACCES;
    desk.says = ": permission denied";
    list_shut(s);
}

void folder_within_a_tree_that_cannot_be_listed_says_so(struct scenario *s) {
    begin(TREE(shut), "tree", shut_found);
    desk.options.recursive = true;
    list_shut(s);
}

void folder_cannot_be_listed_without_a_descriptor(struct scenario *s) {
    static const rim_sim_options faults = {.file_limit = 1000};
    struct rlimit before, none = {.rlim_cur = 3};
    begin(NULL, 0, "/", NULL);
    desk.error = -EMFILE;
    desk.says = ": too many open files";
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none.rlim_max = before.rlim_max;
    (void)scenario_system(s);
    rim_sim_set_faults(scenario_system(s), &faults);
    scenario_pass_time(s, RIM_MS(1)); /* the shards have started */
    CHECK(scenario_is_sim(s) || setrlimit(RLIMIT_NOFILE, &none) == 0);
    list(s);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(desk.answered == 1);
}

ROLE_OUTCOME(too_many_outcome) {
    desk.answered++;
    if (error != 0) {
        CHECK(error == -RIM_ELIMIT);
        desk.errors++;
    }
    if (desk.answered == RIM_FOLDER_READS + 1) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

/* Another shard's reads come while the first batch is being fetched, at the earliest. */
ROLE_ON(too_many_go) {
    rim_folder_options options = {.path = "/"};
    rim_folder_ask ask = {.timeout_ns = PATH_LIMIT_NS, .on_outcome = too_many_outcome};
    CHECK(rim_folder_open(ctx, &options, &ask.folder) == 0);
    for (unsigned i = 0; i <= RIM_FOLDER_READS; i++) {
        CHECK(rim_folder_read(ctx, &ask, NULL) == 0);
    }
    return RIM_DONE;
}
static const rim_handler too_many_on[] = {[GO] = too_many_go};
ROLE(folder_too_many, too_many_on);

void folder_takes_only_so_many_reads_at_once(struct scenario *s) {
    begin(NULL, 0, "/", NULL);
    role_go(s, role_spawn(s, &folder_too_many, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(desk.errors == 1);
}

ROLE_OUTCOME(unwanted) {
    CHECK(!"an outcome");
    return RIM_DONE;
}

ROLE_ON(bad_go) {
    rim_folder_options none = {.path = NULL}, empty_path = {.path = ""};
    rim_folder_ask ask = {.folder = rim_self(ctx), .on_outcome = unwanted};
    rim_ref folder;
    CHECK(rim_folder_open(ctx, NULL, &folder) == -EINVAL);
    CHECK(rim_folder_open(ctx, &none, &folder) == -EINVAL);
    CHECK(rim_folder_open(ctx, &empty_path, &folder) == -EINVAL);
    CHECK(rim_folder_read(ctx, NULL, NULL) == -EINVAL);
    CHECK(rim_folder_read(ctx, &ask, NULL) == -EINVAL);
    CHECK(rim_folder_close(ctx, RIM_NIL) != 0);
    CHECK(rim_folder_each(NULL, 0, NULL) == NULL);
    rim_folder_options root = {.path = "/"};
    CHECK(rim_folder_open(ctx, &root, NULL) == 0); /* it ends with this one */
    scenario_done(ctx);
    return RIM_STOP;
}
static const rim_handler bad_on[] = {[GO] = bad_go};
ROLE(folder_bad, bad_on);

void folder_bad_arguments_are_refused(struct scenario *s) {
    role_go(s, role_spawn(s, &folder_bad, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- many ---- */

static void make_more(rim_ctx *ctx);

ROLE_OUTCOME(many_made) {
    CHECK(error == 0);
    desk.made++;
    if (desk.made == desk.many) {
        open_folder(ctx);
    } else if (desk.made % ALONG == 0) {
        make_more(ctx);
    }
    return RIM_DONE;
}

static void make_more(rim_ctx *ctx) {
    for (unsigned i = 0; i < ALONG; i++) {
        char name[64];
        snprintf(name, sizeof name, "many/entry-%u", desk.made + i);
        rim_path_ask ask = path_ask(name, many_made, 0);
        CHECK(rim_path_make_folder(ctx, &ask, 0, false, NULL) == 0);
    }
}

ROLE_ON(many_go) {
    path_play_within(ctx, desk.steps, desk.count, make_more);
    return RIM_DONE;
}
static const rim_handler many_on[] = {[GO] = many_go};
ROLE(folder_many, many_on);

static const struct path_step many[] = {{.op = PATH_MAKE_FOLDERS, .path = "many"}};

void folder_of_very_many_entries_comes_in_batches(struct scenario *s) {
    begin(TREE(many), "many", NULL);
    desk.options.status = true;
    desk.many = scenario_is_sim(s) ? MANY_SIM : MANY_REAL;
    desk.credits = 2;
    path_begin(s);
    role_go(s, role_spawn(s, &folder_many, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(desk.entries == desk.many);
    CHECK(desk.batches >= desk.many * (sizeof(rim_folder_entry) + 8) / RIM_FOLDER_BATCH);
}

/* ---- ends ---- */

ROLE_OUTCOME(closed_outcome) {
    CHECK(error == 0 || error == -RIM_EDOWN);
    desk.errors += error != 0;
    if (++desk.answered == 8) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static void close_early(rim_ctx *ctx) {
    desk.options.path = path_of("tree");
    CHECK(rim_folder_open(ctx, &desk.options, &desk.folder) == 0);
    rim_folder_ask ask = {.folder = desk.folder, .timeout_ns = PATH_LIMIT_NS, .on_outcome = closed_outcome};
    for (unsigned i = 0; i < 8; i++) {
        CHECK(rim_folder_read(ctx, &ask, NULL) == 0);
    }
    CHECK(rim_folder_close(ctx, desk.folder) == 0);
}

ROLE_ON(closer_go) {
    path_play_within(ctx, desk.steps, desk.count, close_early);
    return RIM_DONE;
}
static const rim_handler closer_on[] = {[GO] = closer_go};
ROLE(folder_closer, closer_on);

void folder_that_is_closed_fails_the_reads_that_wait(struct scenario *s) {
    begin(TREE(tree), "tree", NULL);
    desk.options.recursive = true;
    path_begin(s);
    role_go(s, role_spawn(s, &folder_closer, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(desk.errors == 8);
}

ROLE_OUTCOME(cut_outcome) {
    return RIM_DONE;
}

ROLE_ON(cut_go) {
    rim_folder_options options = {.path = "/tmp", .recursive = true, .status = true};
    for (unsigned i = 0; i < 20; i++) {
        rim_folder_ask ask = {.timeout_ns = PATH_LIMIT_NS, .on_outcome = cut_outcome};
        CHECK(rim_folder_open(ctx, &options, &ask.folder) == 0);
        CHECK(rim_folder_read(ctx, &ask, NULL) == 0);
    }
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler cut_on[] = {[GO] = cut_go};
ROLE(folder_cut, cut_on);

void folder_listed_when_the_system_is_cut_off(struct scenario *s) {
    role_go(s, role_spawn(s, &folder_cut, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stop_report report;
    int error = scenario_stop(s, 1, &report);
    CHECK((error == 0 || error == -ETIMEDOUT) && report.adds_up);
}
