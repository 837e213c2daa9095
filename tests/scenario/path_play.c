/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "path_play.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    const struct path_step *steps;
    uint32_t count, next;
    void (*done)(rim_ctx *ctx);
    const char *text; /* of the call in hand */
} stage;

/* ---- the folder ---- */

static char folder[64];
static pid_t maker; /* a child that the scenario makes leaves the folder alone */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

static void remove_folder(void) {
    if (getpid() == maker) {
        (void)nftw(folder, remove_one, 32, FTW_DEPTH | FTW_PHYS);
    }
}

void path_begin(struct scenario *s) {
    if (folder[0] == '\0' && scenario_is_sim(s)) {
        strcpy(folder, "/folder");
    } else if (folder[0] == '\0') {
        bool has_memory = access("/dev/shm", W_OK | X_OK) == 0; /* where it does not wait for a disk */
        snprintf(folder, sizeof folder, "%s/ringmail-paths-XXXXXX", has_memory ? "/dev/shm" : "/tmp");
        CHECK(mkdtemp(folder) != NULL);
        maker = getpid();
        atexit(remove_folder);
    }
}

const char *path_of(const char *name) {
    static char paths[8][8192];
    static unsigned next;
    char *path = paths[next++ % RIM_COUNT(paths)];
    if (name[0] == '/') {
        snprintf(path, sizeof paths[0], "%s", name);
    } else {
        snprintf(path, sizeof paths[0], "%s%s%s", folder, name[0] != '\0' ? "/" : "", name);
    }
    return path;
}

static bool is_nobody;

bool path_become_nobody(struct scenario *s) {
    is_nobody = !scenario_is_sim(s) && geteuid() == 0;
    return !is_nobody || seteuid(65534) == 0;
}

void path_become_root(struct scenario *s) {
    scenario_stop(s, RIM_SECONDS(10), NULL);
    CHECK(!is_nobody || seteuid(0) == 0);
}

rim_path_ask path_ask(const char *path, rim_outcome on_outcome, uint64_t cookie) {
    return (
        rim_path_ask){.path = path_of(path), .timeout_ns = PATH_LIMIT_NS, .on_outcome = on_outcome, .cookie = cookie};
}

/* ---- outcomes ---- */

static void take_step(rim_ctx *ctx);

static void check_text(const struct path_step *step, const char *text) {
    char wanted[512];
    const char *at = step->says;
    if (at == NULL) {
        CHECK(strstr(text, step->path) != NULL);
        return;
    }
    size_t used = 0;
    for (; *at != '\0' && used < sizeof wanted - sizeof folder; at++) {
        if (at[0] == '%' && at[1] == 's') {
            used += (size_t)sprintf(wanted + used, "%s", folder);
            at++;
        } else {
            wanted[used++] = *at;
        }
    }
    wanted[used] = '\0';
    if (strcmp(text, wanted) != 0) {
        fprintf(stderr, "    %s\n    not %s\n", text, wanted);
        CHECK(!"the text");
    }
}

static void check_status(const struct path_step *step, const rim_file_status *status) {
    CHECK(step->mode == 0 || status->mode == step->mode);
    CHECK(!S_ISREG(status->mode) || status->size == step->size);
    CHECK(status->inode != 0 && status->links > 0);
}

static void check_temporary(const struct path_step *step, const char *path, size_t size) {
    size_t length = strlen(path_of(step->path));
    CHECK(size == length + 7 && path[size - 1] == '\0' && strlen(path) == size - 1);
    CHECK(memcmp(path, path_of(step->path), length) == 0);
}

static void check_removed(const struct path_step *step, const rim_folder_removed *removed) {
    CHECK(removed->files + removed->folders == step->size);
}

static void check_body(const struct path_step *step, const void *body, size_t size) {
    switch (step->op) {
    case PATH_STAT:
        CHECK(size == sizeof(rim_file_status));
        check_status(step, body);
        break;
    case PATH_READ_LINK:
        CHECK(size == strlen(step->other) + 1 && strcmp(body, step->other) == 0);
        break;
    case PATH_TEMPORARY:
    case PATH_TEMPORARY_FOLDER:
        check_temporary(step, body, size);
        break;
    case PATH_MAKE_FILE:
        break;
    case PATH_REMOVE_ALL:
        CHECK(size == sizeof(rim_folder_removed));
        check_removed(step, body);
        break;
    default:
        CHECK(size == 0);
        break;
    }
}

ROLE_OUTCOME(on_outcome) {
    const struct path_step *step = &stage.steps[cookie];
    if (error != step->error) {
        fprintf(stderr, "    step %u, %s: %s\n", (unsigned)cookie, step->path, error != 0 ? rim_error_text(ctx) : "");
    }
    CHECK(error == step->error);
    if (error == 0) {
        check_body(step, body, rim_size(msg));
    } else if (error == step->error) {
        check_text(step, rim_error_text(ctx));
    }
    take_step(ctx);
    return RIM_DONE;
}

/* ---- steps ---- */

static int make_file(rim_ctx *ctx, const struct path_step *step, uint64_t cookie) {
    rim_file_replacement file = {.path = path_of(step->path),
                                 .timeout_ns = PATH_LIMIT_NS,
                                 .on_outcome = on_outcome,
                                 .cookie = cookie};
    return rim_file_replace(ctx, &file, step->other, strlen(step->other), NULL);
}

static int set(rim_ctx *ctx, const rim_path_ask *ask, const struct path_step *step) {
    int64_t ns = (int64_t)RIM_SECONDS(step->size);
    switch (step->op) {
    case PATH_SET_MODE:
        return rim_path_set_mode(ctx, ask, step->mode, NULL);
    case PATH_SET_OWNER:
        return rim_path_set_owner(ctx, ask, UINT32_MAX, UINT32_MAX, NULL);
    default:
        return rim_path_set_times(ctx, ask, RIM_PATH_KEEP, ns, NULL);
    }
}

static int call(rim_ctx *ctx, const rim_path_ask *ask, const struct path_step *step) {
    switch (step->op) {
    case PATH_STAT:
        return rim_path_stat(ctx, ask, NULL);
    case PATH_MAKE_FOLDER:
    case PATH_MAKE_FOLDERS:
        return rim_path_make_folder(ctx, ask, step->mode, step->op == PATH_MAKE_FOLDERS, NULL);
    case PATH_MAKE_FILE:
        return make_file(ctx, step, ask->cookie);
    case PATH_TEMPORARY:
    case PATH_TEMPORARY_FOLDER:
        return rim_path_make_temporary(ctx, ask, step->op == PATH_TEMPORARY_FOLDER, NULL);
    case PATH_LINK:
        return rim_path_link(ctx, ask, path_of(step->other), NULL);
    case PATH_SYMLINK:
        return rim_path_symlink(ctx, ask, step->other, NULL);
    case PATH_READ_LINK:
        return rim_path_read_link(ctx, ask, NULL);
    case PATH_REMOVE:
        return rim_path_remove(ctx, ask, NULL);
    case PATH_REMOVE_FOLDER:
        return rim_path_remove_folder(ctx, ask, NULL);
    case PATH_REMOVE_ALL:
        return rim_path_remove_all(ctx, ask, NULL);
    case PATH_RENAME:
        return rim_path_rename(ctx, ask, path_of(step->other), (enum rim_path_rename)step->mode, NULL);
    default:
        return set(ctx, ask, step);
    }
}

static void take_step(rim_ctx *ctx) {
    while (stage.next < stage.count) {
        const struct path_step *step = &stage.steps[stage.next];
        rim_path_ask ask = path_ask(step->path, on_outcome, stage.next++);
        ask.no_follow = step->no_follow;
        int error = call(ctx, &ask, step);
        CHECK(error == (step->refused ? step->error : 0));
        if (error == 0) {
            return;
        }
    }
    stage.done(ctx);
}

void path_play_within(rim_ctx *ctx, const struct path_step *steps, uint32_t count, void (*done)(rim_ctx *ctx)) {
    stage.steps = steps;
    stage.count = count;
    stage.next = 0;
    stage.done = done;
    take_step(ctx);
}

ROLE_ON(on_go) {
    path_play_within(ctx, stage.steps, stage.count, scenario_done);
    return RIM_DONE;
}
static const rim_handler player_on[] = {[GO] = on_go};
ROLE(path_player, player_on);

void path_play(struct scenario *s, const struct path_step *steps, uint32_t count) {
    path_begin(s);
    stage.steps = steps;
    stage.count = count;
    role_go(s, role_spawn(s, &path_player, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}
