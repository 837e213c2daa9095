/* SPDX-License-Identifier: MIT */
#include "io/staging.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "actor/request.h"
#include "base/assert.h"

#define FILES_DEFAULT 32u
#define FILES_MAX     1024u
#define BYTES_DEFAULT (16u << 20)
#define MAP_FROM      (256u << 10)
#define AGAIN_NS      200000u /* where nothing else will say that there is something to do */
/* A block of 8 KiB: most files are small, and what is in the cache is read faster. */
#define FIRST_ROOM (8192u - sizeof(struct rim__staged))

/* ---- beginning files ---- */

static void collect_told(struct rim__staging *stage) {
    rim_ctx *ctx = stage->service->ctx;
    while (stage->told != NULL && !rim__request_is_there(ctx, stage->told->token)) {
        struct rim__staging_file *file = stage->told;
        stage->told = file->next;
        if (stage->told == NULL) {
            stage->told_end = &stage->told;
        }
        file->next = stage->free;
        stage->free = file;
    }
}

static bool is_cut(const struct rim__staging *stage) {
    return stage->owner == RIM_NIL || stage->service->detached;
}

static bool may_begin(const struct rim__staging *stage) {
    bool has_room = stage->bytes + stage->guess <= stage->bytes_max || stage->bytes == 0 || stage->service->closing;
    return stage->begun < stage->count && stage->free != NULL && has_room;
}

static int open_request(struct rim__staging *stage, rim_token *token) {
    rim_ctx *ctx = stage->service->ctx;
    rim_ask ask = {.timeout_ns = stage->timeout_ns,
                   .on_outcome = stage->on_file,
                   .cookie = stage->cookie + stage->begun,
                   .own_time = true};
    void *previous = rim__ctx_enter(ctx, stage->owner);
    int error = rim__request_open(ctx, &ask, NULL, token);
    rim__ctx_leave(ctx, previous);
    return error;
}

static int begin_next(struct rim__staging *stage) {
    rim_token token;
    int error = open_request(stage, &token);
    if (error != 0) {
        return error;
    }
    struct rim__staging_file *file = stage->free;
    stage->free = file->next;
    file->token = token;
    file->path = stage->path;
    stage->path += strlen(stage->path) + 1;
    stage->begun++;
    rim__staging_begin(file);
    return 0;
}

static void begin_files(struct rim__staging *stage) {
    collect_told(stage);
    int error = 0;
    while (error == 0 && may_begin(stage)) {
        error = begin_next(stage);
    }
    bool is_idle = stage->in_flight == 0 && stage->begun < stage->count;
    if (is_idle && !rim__timer_is_armed(&stage->again)) {
        struct rim__shard *shard = stage->service->shard;
        rim__timer_arm(&shard->timers, &stage->again, shard->now_ns + AGAIN_NS);
    }
}

/* ---- life ---- */

static void discard(struct rim__staging *stage) {
    struct rim__service *service = stage->service;
    *stage->link = stage->next;
    if (stage->next != NULL) {
        stage->next->link = stage->link;
    }
    rim__timer_disarm(&service->shard->timers, &stage->again);
    rim__actor_unwatch(&stage->owner_watch);
    rim__memory_free(&service->shard->memory, stage, stage->size);
    rim__service_forget(service);
}

/* The system's stop waits until all have had their outcome. */
static void set_busy(struct rim__staging *stage) {
    bool busy = stage->in_flight > 0 || (stage->begun < stage->count && !is_cut(stage));
    if (busy != stage->busy && !stage->service->detached) {
        stage->busy = busy;
        rim__ctx_busy(stage->service->ctx, busy ? 1 : -1);
    }
}

void rim__staging_pump(struct rim__staging *stage) {
    if (stage->pumping) {
        return;
    }
    if (!is_cut(stage)) {
        stage->pumping = true;
        begin_files(stage);
        stage->pumping = false;
    }
    set_busy(stage);
    bool is_done = stage->begun == stage->count || is_cut(stage);
    if (is_done && stage->in_flight == 0 && stage->contents == 0) {
        discard(stage);
    }
}

void rim__staging_cut(struct rim__staging *stage) {
    stage->owner = RIM_NIL;
    rim__timer_disarm(&stage->service->shard->timers, &stage->again);
    rim__staging_pump(stage);
}

static void owner_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    rim__staging_cut(rim__container_of(watch, struct rim__staging, owner_watch));
}

static void try_again(struct rim__shard *shard, struct rim__timer *timer) {
    (void)shard;
    rim__staging_pump(rim__container_of(timer, struct rim__staging, again));
}

/* ---- the call ---- */

static int measure_paths(rim_ctx *ctx, const rim_stage_options *options, size_t *size) {
    *size = 0;
    for (uint32_t i = 0; i < options->count; i++) {
        const char *path = options->paths[i];
        if (path == NULL || path[0] == '\0') {
            return rim__ctx_error(ctx, -EINVAL, "stage files: path %u is empty", i);
        }
        size_t length = strlen(path);
        if (length >= PATH_MAX) {
            return rim__ctx_error(ctx, -ENAMETOOLONG, "stage %.100s...: %s", path, rim_strerror(-ENAMETOOLONG));
        }
        *size += length + 1;
    }
    return 0;
}

static int check_options(rim_ctx *ctx, const rim_stage_options *options, size_t *size) {
    if (options == NULL || options->paths == NULL || options->count == 0 || options->timeout_ns == 0 ||
        options->on_file == NULL || options->files_max > FILES_MAX || rim_self(ctx) == RIM_NIL) {
        return rim__ctx_error(ctx, -EINVAL, "stage files: needs paths, a timeout, a callback, at most 1,024 at once");
    }
    return measure_paths(ctx, options, size);
}

static void fill(struct rim__staging *stage, const rim_stage_options *options, uint32_t files) {
    char *path = (char *)&stage->files[files];
    stage->path = path;
    for (uint32_t i = 0; i < options->count; i++) {
        size_t length = strlen(options->paths[i]) + 1;
        path = (char *)memcpy(path, options->paths[i], length) + length;
    }
    for (uint32_t i = files; i > 0; i--) {
        stage->files[i - 1].stage = stage;
        stage->files[i - 1].op.in_flight = false;
        stage->files[i - 1].next = stage->free;
        stage->free = &stage->files[i - 1];
    }
    stage->told_end = &stage->told;
    stage->count = options->count;
    stage->on_file = options->on_file;
    stage->cookie = options->cookie;
    stage->timeout_ns = options->timeout_ns;
    stage->bytes_max = options->bytes_max != 0 ? options->bytes_max : BYTES_DEFAULT;
    stage->map_from = options->map_from != 0 ? options->map_from : MAP_FROM;
    stage->guess = FIRST_ROOM;
    stage->again.fire = try_again;
    stage->owner_watch.fn = owner_gone;
}

static struct rim__staging *make(struct rim__service *service, const rim_stage_options *options, size_t paths) {
    uint32_t files = options->files_max != 0 ? options->files_max : FILES_DEFAULT;
    files = files < options->count ? files : options->count;
    size_t size = sizeof(struct rim__staging) + files * sizeof(struct rim__staging_file) + paths;
    struct rim__staging *stage = rim__memory_alloc(&service->shard->memory, size);
    if (stage == NULL) {
        return NULL;
    }
    memset(stage, 0, sizeof *stage);
    stage->service = service;
    stage->size = size;
    fill(stage, options, files);
    stage->next = service->stages;
    stage->link = &service->stages;
    if (stage->next != NULL) {
        stage->next->link = &stage->next;
    }
    service->stages = stage;
    service->objects++;
    return stage;
}

int rim_stage(rim_ctx *ctx, const rim_stage_options *options) {
    struct rim__service *service = rim__ctx_io(ctx);
    size_t size = 0;
    int error = service == NULL ? -RIM_ESTOPPING : check_options(ctx, options, &size);
    error = error != 0 ? error : rim__service_start(ctx); /* hears of the system's stop */
    if (error != 0) {
        return error;
    }
    struct rim__staging *stage = make(service, options, size);
    if (stage == NULL) {
        return -ENOMEM;
    }
    error = rim__actor_watch(ctx, rim_self(ctx), &stage->owner_watch);
    if (error != 0) {
        discard(stage);
        return error;
    }
    stage->owner = rim_self(ctx);
    rim__staging_pump(stage);
    return 0;
}
