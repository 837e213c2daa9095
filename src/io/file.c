/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/assert.h"
#include "ringmail/link.h"

#define DEPTH         64u              /* calls of one file in flight */
#define PATH_SIZE_MAX (PATH_MAX - 16u) /* with room for a temporary's name */
#define HIGH_COUNT    256u
#define HIGH_BYTES    (1u << 20)

/* ---- beginning ---- */

static void actor_gone(struct rim__watch *watch, rim_ctx *ctx);
static void owner_gone(struct rim__watch *watch, rim_ctx *ctx);

static size_t span(uint32_t path_size) {
    return sizeof(struct rim__file) + path_size;
}

struct rim__file *rim__file_create(struct rim__service *service, const char *path) {
    uint32_t path_size = (uint32_t)strlen(path) + 1;
    struct rim__file *file = rim__memory_alloc(&service->shard->memory, span(path_size));
    if (file == NULL) {
        return NULL;
    }
    memset(file, 0, sizeof *file);
    file->service = service;
    file->fd = -1;
    file->self_gone = true; /* until there is one */
    file->self_watch.fn = actor_gone;
    file->owner_watch.fn = owner_gone;
    file->path_size = path_size;
    memcpy(file->path, path, path_size);
    file->next = service->files;
    file->link = &service->files;
    if (file->next != NULL) {
        file->next->link = &file->next;
    }
    service->files = file;
    service->objects++;
    return file;
}

static int reserve_events(struct rim__file *file) {
    rim_ctx *ctx = file->service->ctx;
    if (file->quiet) {
        return 0;
    }
    file->opened = rim__event_reserve(ctx, sizeof(rim_file_open_event));
    file->closed = rim__event_reserve(ctx, sizeof(rim_file_closed_event));
    return file->opened != NULL && file->closed != NULL ? 0 : -ENOMEM;
}

static void release_event(struct rim__file *file, struct rim_msg **event) {
    if (*event != NULL) {
        rim__msg_release(file->service->shard, *event);
        *event = NULL;
    }
}

/* The actor is there. */
static int attach(struct rim__file *file, rim_ref self, rim_ref owner) {
    rim_ctx *ctx = file->service->ctx;
    file->self = self;
    int error = rim__actor_watch(ctx, self, &file->self_watch);
    if (error != 0) {
        return error;
    }
    file->self_gone = false;
    file->owner = owner;
    return rim__actor_watch(ctx, owner, &file->owner_watch);
}

void rim__file_discard(struct rim__file *file) {
    struct rim__service *service = file->service;
    release_event(file, &file->opened);
    release_event(file, &file->closed);
    *file->link = file->next;
    if (file->next != NULL) {
        file->next->link = file->link;
    }
    rim__actor_unwatch(&file->self_watch);
    rim__actor_unwatch(&file->owner_watch);
    rim__memory_free(&service->shard->memory, file, span(file->path_size));
    rim__service_forget(service);
}

/* ---- what waits ---- */

static void check_pressure(struct rim__file *file) {
    bool high = file->waiting_count > HIGH_COUNT || file->waiting_bytes > HIGH_BYTES;
    bool low = file->waiting_count <= HIGH_COUNT / 2 && file->waiting_bytes <= HIGH_BYTES / 2;
    if (!rim__file_is_cut(file) && (file->held ? low : high)) {
        file->held = !file->held;
        rim__actor_hold(file->service->ctx, file->self, file->held);
    }
}

static uint64_t weight_of(const struct rim__file_call *call) {
    return rim__file_ask_brings(&call->ask) ? call->ask.length : 0;
}

void rim__file_enqueue(struct rim__file *file, struct rim__file_call *call) {
    call->file = file;
    call->next = NULL;
    if (file->waiting == NULL) {
        file->waiting = call;
    } else {
        file->last->next = call;
    }
    file->last = call;
    file->waiting_count++;
    file->waiting_bytes += weight_of(call);
}

static struct rim__file_call *dequeue(struct rim__file *file) {
    struct rim__file_call *call = file->waiting;
    file->waiting = call->next;
    file->waiting_count--;
    file->waiting_bytes -= weight_of(call);
    return call;
}

/* What a stop of the system has to wait for. */
static void set_busy(struct rim__file *file) {
    bool busy = file->state == RIM_FILE_IS_OPENING || file->in_flight > 0 || file->waiting != NULL;
    if (busy != file->busy && !file->service->detached) {
        file->busy = busy;
        rim__ctx_busy(file->service->ctx, busy ? 1 : -1);
    }
}

static bool is_shared(const struct rim__file_call *call) {
    enum rim__file_what what = call->ask.what;
    return !call->is_here && (what == RIM_FILE_OP_READ || what == RIM_FILE_OP_STAT || what == RIM_FILE_OP_ADVISE);
}

static bool may_start(const struct rim__file *file) {
    if (file->in_flight == 0) {
        return true;
    }
    return !file->exclusive && is_shared(file->waiting) && file->in_flight < DEPTH;
}

bool rim__file_admits(const struct rim__file *file, bool is_carried) {
    bool is_free = file->in_flight == 0 || (!file->exclusive && file->in_flight < DEPTH);
    bool is_up = !file->closing || (is_carried && file->holds > 0);
    return is_free && is_up && file->waiting == NULL && file->state == RIM_FILE_IS_OPEN && file->error == 0;
}

/* The monitor is the file's actor's own, and tells of any end. */
void rim__file_hold(struct rim__file *file, rim_ref carrier) {
    rim_ctx *ctx = file->service->ctx;
    if (file->closing || rim__file_is_cut(file) || file->state == RIM_FILE_IS_CLOSED) {
        return;
    }
    void *previous = rim__ctx_enter(ctx, file->self);
    file->holds += rim_monitor(ctx, carrier, 0) != RIM_NIL;
    rim__ctx_leave(ctx, previous);
}

void rim__file_let_go(struct rim__file *file) {
    rim__assert(file->holds > 0);
    file->holds--;
    rim__file_settle(file);
}

int rim__file_begin(struct rim__file *file, struct rim__file_call *call) {
    call->file = file;
    file->exclusive = !is_shared(call);
    file->in_flight++;
    int error = rim__file_call_start(call);
    if (error != 0) {
        file->in_flight--;
    }
    set_busy(file);
    return error;
}

void rim__file_pin(struct rim__file *file) {
    file->exclusive = false;
    file->in_flight++;
    set_busy(file);
}

void rim__file_unpin(struct rim__file *file) {
    file->in_flight--;
    rim__file_settle(file);
}

static void start_waiting(struct rim__file *file) {
    while (file->waiting != NULL && may_start(file)) {
        struct rim__file_call *call = dequeue(file);
        file->exclusive = !is_shared(call);
        file->in_flight++;
        int result = rim__file_call_start(call);
        if (result != 0) {
            file->in_flight--;
            rim__file_call_end(call, result < 0 ? result : 0);
        }
    }
}

static void fail_waiting(struct rim__file *file, int error) {
    while (file->waiting != NULL) {
        rim__file_call_end(dequeue(file), error);
    }
}

/* ---- ending ---- */

static void tell_owner(struct rim__file *file) {
    struct rim__service *service = file->service;
    if (file->owner == RIM_NIL || file->quiet || service->detached) {
        return;
    }
    rim_file_closed_event *event = rim__msg_body(file->closed);
    *event = (rim_file_closed_event){.file = file->self, .error = file->error};
    rim__file_explain(file, NULL, file->error, event->text, sizeof event->text);
    rim__event_post(service->ctx, file->self, file->owner, RIM_FILE_CLOSED, file->closed);
    file->closed = NULL;
}

static void finish(struct rim__file *file) {
    struct rim__service *service = file->service;
    file->state = RIM_FILE_IS_CLOSED;
    if (file->fixed != 0) {
        service->io->ops->unfix(service->io, file->fixed);
        file->fixed = 0;
    }
    if (file->fd >= 0) {
        service->io->ops->close(service->io, file->fd, false);
        file->fd = -1;
    }
    tell_owner(file);
    rim__actor_unwatch(&file->owner_watch);
    if (!rim__file_is_cut(file)) {
        void *previous = rim__ctx_enter(service->ctx, file->self);
        (void)rim_stop(service->ctx, file->self);
        rim__ctx_leave(service->ctx, previous);
    }
}

/* A close that comes after what is in the mailbox. */
static void close_in_turn(struct rim__file *file) {
    rim_ctx *ctx = file->service->ctx;
    if (rim__file_is_cut(file) || rim__send_event(ctx, file->self, file->self, RIM_FILE_CLOSE, NULL, 0) != 0) {
        file->closing = true;
    }
}

static void owner_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__file *file = rim__container_of(watch, struct rim__file, owner_watch);
    file->owner = RIM_NIL;
    close_in_turn(file);
    rim__file_settle(file);
}

static void actor_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__file *file = rim__container_of(watch, struct rim__file, self_watch);
    file->self_gone = true;
    file->held = false;
    rim__file_settle(file);
}

void rim__file_cut(struct rim__file *file) {
    rim__assert(file->service->detached);
    rim__actor_unwatch(&file->self_watch);
    rim__actor_unwatch(&file->owner_watch);
    file->self_gone = true;
    file->owner = RIM_NIL;
    rim__file_settle(file);
}

/* ---- the machine ---- */

static void work(struct rim__file *file) {
    if (rim__file_is_cut(file)) {
        fail_waiting(file, -RIM_EDOWN);
    } else if (file->error != 0) {
        fail_waiting(file, file->error);
    } else {
        start_waiting(file);
    }
    check_pressure(file);
    bool closes = (file->closing && file->holds == 0) || rim__file_is_cut(file);
    if (file->in_flight == 0 && file->waiting == NULL && closes) {
        finish(file);
    }
}

void rim__file_settle(struct rim__file *file) {
    bool flows = file->in_flight > 0 && file->waiting == NULL && !file->held;
    if (flows && file->state == RIM_FILE_IS_OPEN && !rim__file_is_cut(file)) {
        return; /* there is nothing to be done but to wait */
    }
    if (file->state == RIM_FILE_IS_OPEN) {
        work(file);
    }
    set_busy(file);
    if (file->state == RIM_FILE_IS_CLOSED && rim__file_is_cut(file)) {
        rim__file_discard(file);
    }
}

/* ---- opening ---- */

static void is_open(struct rim__file *file) {
    struct rim__service *service = file->service;
    file->state = RIM_FILE_IS_OPEN;
    if (file->error != 0) {
        close_in_turn(file); /* so that all calls that were made by now fail with this error */
    } else if (file->owner != RIM_NIL && !rim__file_is_cut(file)) {
        *(rim_file_open_event *)rim__msg_body(file->opened) = (rim_file_open_event){.file = file->self};
        rim__event_post(service->ctx, file->self, file->owner, RIM_FILE_OPEN, file->opened);
        file->opened = NULL;
    }
    rim__file_settle(file);
}

/* An open that was interrupted has done nothing. */
static bool goes_on(struct rim__file *file, const struct rim__completion *completion) {
    struct rim__io *io = file->service->io;
    return completion->result == -EINTR && !file->service->detached && io->ops->submit(io, &file->opening) == 0;
}

/* The alignment is known, or not: a kernel that cannot be asked is no error. */
static void measured(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__file *file = rim__container_of(op, struct rim__file, opening);
    if (goes_on(file, completion)) {
        return;
    }
    if (completion->result < 0) {
        memset(file->status, 0, sizeof *file->status);
    }
    file->error = rim__file_align_read_status(file, file->status);
    rim__memory_free(&file->service->shard->memory, file->status, sizeof *file->status);
    file->status = NULL;
    is_open(file);
}

static int measure(struct rim__file *file) {
    struct rim__io *io = file->service->io;
    file->status = rim__memory_alloc(&file->service->shard->memory, sizeof *file->status);
    if (file->status == NULL) {
        return -ENOMEM;
    }
    file->opening.fd = file->fd;
    file->opening.done = measured;
    file->opening.file.what = RIM_FILE_OP_STAT;
    file->opening.file.path = NULL;
    file->opening.file.flags = rim__file_align_mask();
    file->opening.file.bytes = file->status;
    file->opening.file.size = sizeof *file->status;
    int error = io->ops->submit(io, &file->opening);
    if (error != 0) {
        rim__memory_free(&file->service->shard->memory, file->status, sizeof *file->status);
        file->status = NULL;
    }
    return error;
}

static void opened(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__file *file = rim__container_of(op, struct rim__file, opening);
    if (goes_on(file, completion)) {
        return;
    }
    if (completion->result < 0) {
        file->error = completion->result;
    } else {
        file->fd = completion->result;
        file->service->io->descriptors++;
        file->error = file->is_direct ? measure(file) : 0;
        if (file->is_direct && file->error == 0) {
            return; /* measured goes on */
        }
    }
    is_open(file);
}

static int submit_open(struct rim__file *file, const rim_file_options *options) {
    struct rim__io *io = file->service->io;
    file->opening.kind = RIM_OP_FILE;
    file->opening.fd = -1;
    file->opening.done = opened;
    file->opening.file.what = RIM_FILE_OP_OPEN;
    file->opening.file.path = file->path;
    file->opening.file.flags = (uint32_t)options->flags | O_CLOEXEC;
    file->is_read_only = (options->flags & O_ACCMODE) == O_RDONLY;
    file->is_direct = (options->flags & O_DIRECT) != 0;
    file->may_look = io->ops->look != NULL && (options->flags & O_DIRECT) == 0; /* that would wait for the disk */
    file->opening.file.mode = options->mode != 0 ? options->mode : 0666;
    return io->ops->submit(io, &file->opening);
}

static int give_up(struct rim__file *file, int error) {
    rim_ctx *ctx = file->service->ctx;
    if (!file->self_gone) {
        (void)rim_stop(ctx, file->self); /* before its first turn */
    }
    rim__ctx_error(ctx, error, "open %s: %s", file->path, rim_strerror(error));
    rim__file_discard(file);
    return error;
}

static int spawn_actor(rim_ctx *ctx, struct rim__file *file, const rim_spawn_options *options, rim_ref *self) {
    int error = reserve_events(file);
    if (error == 0) {
        error = rim__spawn_own(ctx, &rim__file_behaviour, options, &file, sizeof(struct rim__file *), self);
    }
    if (error != 0) {
        return error;
    }
    error = attach(file, *self, rim_self(ctx));
    if (error != 0 && file->self_gone) {
        (void)rim_stop(ctx, *self);
    }
    return error;
}

static int make(rim_ctx *ctx, const char *path, struct rim__file **out) {
    struct rim__service *service = rim__ctx_io(ctx);
    if (service == NULL) {
        return -RIM_ESTOPPING;
    }
    if (path == NULL || path[0] == '\0') {
        return rim__ctx_error(ctx, -EINVAL, "open a file: needs a path");
    }
    if (strlen(path) >= PATH_SIZE_MAX) {
        return rim__ctx_error(ctx, -ENAMETOOLONG, "open %.100s...: %s", path, rim_strerror(-ENAMETOOLONG));
    }
    *out = rim__file_create(service, path);
    return *out != NULL ? 0 : -ENOMEM;
}

int rim_file_open(rim_ctx *ctx, const rim_file_options *options, rim_ref *out) {
    struct rim__file *file = NULL;
    rim_ref self = RIM_NIL;
    int error = make(ctx, options != NULL ? options->path : NULL, &file);
    if (error != 0) {
        return error;
    }
    error = spawn_actor(ctx, file, NULL, &self);
    if (error == 0) {
        error = submit_open(file, options);
    }
    if (error != 0) {
        return give_up(file, error);
    }
    set_busy(file);
    if (out != NULL) {
        *out = self;
    }
    return 0;
}

/* A file that is never opened: its one call, of any size, works by the path. */
int rim__file_stand_in(rim_ctx *ctx, const char *path, rim_ref *out) {
    struct rim__file *file = NULL;
    int error = make(ctx, path, &file);
    if (error != 0) {
        return error;
    }
    file->quiet = true;
    file->state = RIM_FILE_IS_OPEN;
    error = spawn_actor(ctx, file, &(rim_spawn_options){.mailbox_bytes = UINT32_MAX}, out);
    return error != 0 ? give_up(file, error) : 0;
}
