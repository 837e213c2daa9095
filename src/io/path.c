/* SPDX-License-Identifier: MIT */
/* The calls of ringmail/path.h: each a job with an outcome of its own. */
#define _GNU_SOURCE
#include "io/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/service.h"

#define TEMPORARY_MORE 8u /* what a temporary's name is longer than its path, with the zero */

/* What a call is, besides its ask. */
struct plan {
    enum rim__path_what what;
    const char *other;
    bool has_other;
    uint32_t flags;
    struct rim__disk_change change;
};

int rim__path_check(rim_ctx *ctx, const char *path) {
    if (path == NULL || path[0] == '\0') {
        return rim__ctx_error(ctx, -EINVAL, "a call on a path: needs one");
    }
    if (strlen(path) >= PATH_MAX - TEMPORARY_MORE) {
        return rim__ctx_error(ctx, -ENAMETOOLONG, "%.100s...: %s", path, rim_strerror(-ENAMETOOLONG));
    }
    return 0;
}

static struct rim__path_call *make(const struct rim__disk *disk, const rim_path_ask *ask, const struct plan *plan) {
    size_t path_size = strlen(ask->path) + 1, other_size = plan->has_other ? strlen(plan->other) + 1 : 0;
    struct rim__path_call *call = malloc(sizeof *call + path_size + other_size);
    if (call != NULL) {
        call->text[0] = '\0';
        call->disk = disk;
        call->what = plan->what;
        call->no_follow = ask->no_follow;
        call->flags = plan->flags;
        call->change = plan->change;
        call->change.no_follow = ask->no_follow;
        call->other = plan->has_other ? call->path + path_size : NULL;
        memcpy(call->path, ask->path, path_size);
        if (plan->has_other) {
            memcpy(call->path + path_size, plan->other, other_size);
        }
    }
    return call;
}

static int start(rim_ctx *ctx, const rim_path_ask *ask, const struct plan *plan, rim_token *out) {
    const struct rim__service *service = rim__ctx_io(ctx);
    if (service == NULL) {
        return -RIM_ESTOPPING;
    }
    int error = ask != NULL ? rim__path_check(ctx, ask->path) : -EINVAL;
    error = error == 0 && plan->has_other ? rim__path_check(ctx, plan->other) : error;
    if (error != 0) {
        return error;
    }
    struct rim__path_call *call = make(service->io->disk, ask, plan);
    if (call == NULL) {
        return -ENOMEM;
    }
    call->mark = rim_random(ctx);
    rim_job job = {.run = rim__path_work,
                   .arg = call,
                   .cleanup = free,
                   .timeout_ns = ask->timeout_ns < UINT64_MAX ? ask->timeout_ns : UINT64_MAX - 1,
                   .on_outcome = ask->on_outcome,
                   .cookie = ask->cookie,
                   .name = "path"};
    error = rim__job_submit(ctx, &job, &(struct rim__job_words){.text = call->text, .path = call->path}, out);
    if (error != 0) {
        free(call);
    }
    return error;
}

static int start_plain(rim_ctx *ctx, const rim_path_ask *ask, enum rim__path_what what, rim_token *out) {
    return start(ctx, ask, &(struct plan){.what = what}, out);
}

int rim_path_stat(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out) {
    return start_plain(ctx, ask, RIM_PATH_STAT, out);
}

int rim_path_make_folder(rim_ctx *ctx, const rim_path_ask *ask, uint32_t mode, bool parents, rim_token *out) {
    struct plan plan = {.what = parents ? RIM_PATH_MAKE_FOLDERS : RIM_PATH_MAKE_FOLDER};
    plan.change.mode = mode != 0 ? mode : 0777;
    return start(ctx, ask, &plan, out);
}

int rim_path_make_temporary(rim_ctx *ctx, const rim_path_ask *ask, bool folder, rim_token *out) {
    return start_plain(ctx, ask, folder ? RIM_PATH_MAKE_TEMPORARY_FOLDER : RIM_PATH_MAKE_TEMPORARY, out);
}

int rim_path_link(rim_ctx *ctx, const rim_path_ask *ask, const char *of, rim_token *out) {
    return start(ctx, ask, &(struct plan){.what = RIM_PATH_LINK, .other = of, .has_other = true}, out);
}

int rim_path_symlink(rim_ctx *ctx, const rim_path_ask *ask, const char *says, rim_token *out) {
    return start(ctx, ask, &(struct plan){.what = RIM_PATH_SYMLINK, .other = says, .has_other = true}, out);
}

int rim_path_read_link(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out) {
    return start_plain(ctx, ask, RIM_PATH_READ_LINK, out);
}

int rim_path_remove(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out) {
    return start_plain(ctx, ask, RIM_PATH_REMOVE, out);
}

int rim_path_remove_folder(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out) {
    return start_plain(ctx, ask, RIM_PATH_REMOVE_FOLDER, out);
}

int rim_path_rename(rim_ctx *ctx, const rim_path_ask *ask, const char *to, enum rim_path_rename how, rim_token *out) {
    static const uint32_t flags[] = {
        [RIM_PATH_REPLACE] = 0, [RIM_PATH_KEEP_OTHER] = RENAME_NOREPLACE, [RIM_PATH_EXCHANGE] = RENAME_EXCHANGE};
    if ((unsigned)how >= RIM_COUNT(flags)) {
        return -EINVAL;
    }
    struct plan plan = {.what = RIM_PATH_RENAME, .other = to, .has_other = true, .flags = flags[how]};
    return start(ctx, ask, &plan, out);
}

int rim_path_set_mode(rim_ctx *ctx, const rim_path_ask *ask, uint32_t mode, rim_token *out) {
    struct plan plan = {.what = RIM_PATH_SET_MODE, .change = {.changes_mode = true, .mode = mode}};
    return mode <= 07777 ? start(ctx, ask, &plan, out) : -EINVAL;
}

int rim_path_set_owner(rim_ctx *ctx, const rim_path_ask *ask, uint32_t user, uint32_t group, rim_token *out) {
    struct plan plan = {.what = RIM_PATH_SET_OWNER, .change = {.changes_owner = true, .user = user, .group = group}};
    return start(ctx, ask, &plan, out);
}

int rim_path_set_times(rim_ctx *ctx, const rim_path_ask *ask, int64_t accessed_ns, int64_t modified_ns,
                       rim_token *out) {
    struct plan plan = {
        .what = RIM_PATH_SET_TIMES,
        .change = {.changes_times = true, .accessed_ns = accessed_ns, .modified_ns = modified_ns},
    };
    return start(ctx, ask, &plan, out);
}
