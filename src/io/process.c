/* SPDX-License-Identifier: MIT */
#include "ringmail/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/assert.h"
#include "io/lookout.h"
#include "io/pipe.h"
#include "ringmail/pipe.h"

#define PATIENCE_NS RIM_SECONDS(5)

enum {
    PROCESS_PROTOCOL = 0x7f22,
    PROCESS_SIGNAL = (PROCESS_PROTOCOL << 16) + RIM_USER, /* int32_t */
    PROCESS_END,                                          /* uint64_t patience_ns */
};

/* Its lookout waits for the exit; goes on without an owner until the status has been taken. */
struct child {
    struct rim__lookout lookout;
    struct rim__timer kill;
    struct rim_msg *farewell; /* RIM_PROCESS_ENDED, made beforehand; NULL: sent */
    uint64_t patience_ns;
    enum rim_process_end at_end;
    int32_t pid, group;
};

static struct child *child_of(struct rim__lookout *lookout) {
    return rim__container_of(lookout, struct child, lookout);
}

static void send_signal(const struct child *child, int signal) {
    struct rim__io *io = child->lookout.service->io;
    if (child->lookout.fd >= 0) {
        (void)io->ops->signal_child(io, child->lookout.fd, child->group, signal); /* it may have exited */
    }
}

static void patience_over(struct rim__shard *shard, struct rim__timer *timer) {
    (void)shard;
    send_signal(rim__container_of(timer, struct child, kill), SIGKILL);
}

static void terminate(struct child *child, uint64_t patience_ns) {
    struct rim__shard *shard = child->lookout.service->shard;
    send_signal(child, patience_ns != 0 ? SIGTERM : SIGKILL);
    rim__timer_disarm(&shard->timers, &child->kill);
    if (patience_ns != 0) {
        uint64_t now_ns = shard->now_ns;
        rim__timer_arm(&shard->timers, &child->kill,
                       patience_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + patience_ns);
    }
}

/* ---- its exit ---- */

static void tell_owner(struct child *child, rim_process_event event) {
    struct rim__lookout *lookout = &child->lookout;
    if (lookout->owner == RIM_NIL || lookout->self_gone || lookout->service->detached) {
        return;
    }
    event.process = lookout->self;
    event.pid = child->pid;
    *(rim_process_event *)rim__msg_body(child->farewell) = event;
    rim__event_post(lookout->service->ctx, lookout->self, lookout->owner, RIM_PROCESS_ENDED, child->farewell);
    child->farewell = NULL;
}

static void ready(struct rim__lookout *lookout, int32_t events) {
    struct child *child = child_of(lookout);
    struct rim__io *io = lookout->service->io;
    rim_process_event event = {0};
    int result = io->ops->reap(io, lookout->fd, &event);
    if (result == -EAGAIN || result == -EINTR) {
        if (events < 0) {
            rim__lookout_wait(lookout);
        }
        return;
    }
    if (result != 0) {
        event = (rim_process_event){.status = -1, .error = result};
    }
    rim__timer_disarm(&lookout->service->shard->timers, &child->kill);
    tell_owner(child, event);
    rim__lookout_end(lookout);
}

static bool leave(struct rim__lookout *lookout) {
    struct child *child = child_of(lookout);
    if (lookout->fd < 0) {
        return false; /* it was never made */
    }
    if (child->at_end == RIM_PROCESS_KILL) {
        terminate(child, 0);
    } else if (child->at_end == RIM_PROCESS_TERMINATE) {
        terminate(child, child->patience_ns);
    }
    lookout->holds_stop = child->at_end != RIM_PROCESS_LEAVE;
    return true;
}

static void cut(struct rim__lookout *lookout) {
    const struct child *child = child_of(lookout);
    rim_process_event ignored;
    if (child->at_end != RIM_PROCESS_LEAVE && lookout->fd >= 0) {
        struct rim__io *io = lookout->service->io;
        send_signal(child, SIGKILL);
        (void)io->ops->reap(io, lookout->fd, &ignored); /* if it is quick; else it stays a zombie of this process */
    }
}

static void finish(struct rim__lookout *lookout) {
    struct child *child = child_of(lookout);
    struct rim__shard *shard = lookout->service->shard;
    rim__timer_disarm(&shard->timers, &child->kill);
    if (child->farewell != NULL) {
        rim__msg_release(shard, child->farewell);
    }
}

/* ---- what it is asked for ---- */

static rim_verdict on_signal(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    int32_t signal;
    rim__assert(rim_size(msg) == sizeof signal);
    memcpy(&signal, body, sizeof signal);
    send_signal(child_of(rim__lookout_of(self)), signal);
    return RIM_DONE;
}

static rim_verdict on_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    uint64_t patience_ns;
    rim__assert(rim_size(msg) == sizeof patience_ns);
    memcpy(&patience_ns, body, sizeof patience_ns);
    struct child *child = child_of(rim__lookout_of(self));
    if (child->lookout.fd >= 0) {
        terminate(child, patience_ns);
    }
    return RIM_DONE;
}

static const rim_handler rows[] = {[PROCESS_SIGNAL & 0xffff] = on_signal, [PROCESS_END & 0xffff] = on_end};
static const rim_behaviour behaviour = {
    .name = "rim process",
    .state_size = sizeof(struct rim__lookout *),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = PROCESS_PROTOCOL,
    .init = rim__lookout_init,
};

static const struct rim__lookout_kind kind = {
    .behaviour = &behaviour,
    .size = sizeof(struct child),
    .works_to_the_last = true,
    .ready = ready,
    .leave = leave,
    .cut = cut,
    .finish = finish,
};

int rim_process_signal(rim_ctx *ctx, rim_ref process, int signal) {
    int32_t number = signal;
    if (signal < 0 || signal > 64) {
        return -EINVAL;
    }
    return rim__send_event(ctx, rim_self(ctx), process, PROCESS_SIGNAL, &number, sizeof number);
}

int rim_process_end(rim_ctx *ctx, rim_ref process, uint64_t patience_ns) {
    return rim__send_event(ctx, rim_self(ctx), process, PROCESS_END, &patience_ns, sizeof patience_ns);
}

/* ---- starting ---- */

static int check_stream(const rim_process_stream *stream, bool is_error) {
    bool is_way = stream->way <= RIM_PROCESS_FD || (is_error && stream->way == RIM_PROCESS_OUTPUT);
    return is_way && (stream->way != RIM_PROCESS_FD || stream->fd >= 0) ? 0 : -EINVAL;
}

static int check(rim_ctx *ctx, const rim_process_options *options) {
    if (options == NULL || options->program == NULL || options->program[0] == '\0' ||
        (options->argv != NULL && options->argv[0] == NULL)) {
        return rim__ctx_error(ctx, -EINVAL, "process: needs a program, and argv its name first");
    }
    if (check_stream(&options->input, false) != 0 || check_stream(&options->output, false) != 0 ||
        check_stream(&options->error, true) != 0 || options->at_end > RIM_PROCESS_LEAVE) {
        return rim__ctx_error(ctx, -EINVAL, "process %s: no such stream, or no such end", options->program);
    }
    return 0;
}

static int explain(rim_ctx *ctx, const rim_process_options *options, int error) {
    const char *in = options->folder != NULL ? " in " : "", *folder = options->folder != NULL ? options->folder : "";
    return rim__ctx_error(ctx, error, "process %s%s%s: %s", options->program, in, folder, rim_strerror(error));
}

/* All of them, or none: then the descriptors are closed. */
static int wrap_streams(rim_ctx *ctx, const struct rim__spawn *spawn, rim_process *out) {
    static const char *const labels[] = {"input of a process", "output of a process", "error output of a process"};
    struct rim__service *service = rim__ctx_io(ctx);
    rim_ref *refs[3] = {&out->input, &out->output, &out->error};
    int result = 0;
    for (int i = 0; i < 3; i++) {
        struct rim__pipe pipe = {.fd = spawn->streams[i], .label = labels[i], .flags = -1};
        pipe.ways = i == 0 ? RIM_PIPE_WRITE : RIM_PIPE_READ;
        if (pipe.fd >= 0 && result == 0) {
            result = rim__pipe_wrap(ctx, &pipe, refs[i]);
        } else if (pipe.fd >= 0) {
            service->io->ops->close(service->io, pipe.fd, false);
        }
    }
    for (int i = 0; i < 3 && result != 0; i++) {
        if (*refs[i] != RIM_NIL) {
            rim__pipe_forget(ctx, *refs[i]);
        }
    }
    return result;
}

/* All that may fail for want of memory comes before the child, but for its streams. NULL: `result` says why. */
static struct child *prepare(rim_ctx *ctx, const rim_process_options *options, int *result) {
    struct rim_msg *farewell = rim__event_reserve(ctx, sizeof(rim_process_event));
    struct rim__lookout *lookout = NULL;
    *result = farewell != NULL ? rim__lookout_open(ctx, &kind, -1, &lookout) : -ENOMEM;
    if (*result != 0) {
        if (farewell != NULL) {
            rim__msg_release(rim__ctx_shard(ctx), farewell);
        }
        return NULL;
    }
    struct child *child = child_of(lookout);
    child->farewell = farewell;
    child->at_end = options->at_end;
    child->patience_ns = options->patience_ns != 0 ? options->patience_ns : PATIENCE_NS;
    child->kill.fire = patience_over;
    lookout->events = RIM_POLL_READ;
    return child;
}

static int start(rim_ctx *ctx, struct child *child, const rim_process_options *options, rim_process *out) {
    struct rim__lookout *lookout = &child->lookout;
    struct rim__io *io = lookout->service->io;
    struct rim__spawn spawn = {.options = options, .streams = {-1, -1, -1}};
    int fd = io->ops->spawn(io, &spawn);
    if (fd < 0) {
        return fd;
    }
    lookout->fd = fd;
    child->pid = spawn.pid;
    child->group = options->group ? spawn.pid : 0;
    *out = (rim_process){.process = lookout->self, .pid = spawn.pid};
    rim__lookout_arm(lookout);
    return wrap_streams(ctx, &spawn, out);
}

int rim_process_start(rim_ctx *ctx, const rim_process_options *options, rim_process *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    int result = check(ctx, options);
    if (result != 0) {
        return result;
    }
    if (service == NULL || service->closing) {
        return explain(ctx, options, -RIM_ESTOPPING);
    }
    struct child *child = prepare(ctx, options, &result);
    if (child == NULL) {
        return explain(ctx, options, result);
    }
    rim_process made;
    result = start(ctx, child, options, &made);
    if (result != 0) { /* nobody is to hear of it */
        child->at_end = RIM_PROCESS_KILL;
        rim__lookout_abandon(&child->lookout);
        return explain(ctx, options, result);
    }
    *out = made;
    return 0;
}
