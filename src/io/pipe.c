/* SPDX-License-Identifier: MIT */
#include "io/pipe.h"

#include <errno.h>
#include <string.h>

#include "ringmail/pipe.h"

/* The actor is there: it is open. */
static int spawn(rim_ctx *ctx, struct rim__socket *socket) {
    struct rim__socket_birth birth = {.made = socket};
    rim_spawn_options options = {.mailbox_count = 4096, .mailbox_bytes = 1u << 20};
    rim_ref self;
    int result = rim__spawn_own(ctx, &rim__socket_behaviour, &options, &birth, sizeof birth, &self);
    if (result != 0) {
        return result;
    }
    result = rim__socket_attach(socket, self);
    if (result == 0) {
        result = rim__socket_own(socket, rim_self(ctx));
    }
    if (result != 0) {
        (void)rim_stop(ctx, self); /* before its first turn: it never looks at the socket */
    }
    return result;
}

int rim__pipe_wrap(rim_ctx *ctx, const struct rim__pipe *pipe, rim_ref *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    int result = rim__service_start(ctx);
    struct rim__socket *socket = result == 0 ? rim__socket_create(service, pipe->fd) : NULL;
    if (socket == NULL) {
        service->io->ops->close(service->io, pipe->fd, false);
        return result != 0 ? result : -ENOMEM;
    }
    bool reads = (pipe->ways & RIM_PIPE_READ) != 0, writes = (pipe->ways & RIM_PIPE_WRITE) != 0;
    socket->label = pipe->label;
    socket->flags = pipe->flags;
    socket->input.op.is_plain = !pipe->is_socket;
    socket->output.op.is_plain = !pipe->is_socket;
    socket->input.waits_first = reads && pipe->waits_first;
    socket->input.ended = !reads;
    socket->input.end_told = !reads;
    socket->output.ended = !writes;
    socket->output.shut = !writes;
    result = spawn(ctx, socket);
    if (result != 0) {
        socket->quiet = true;
        rim__socket_abort(socket);
        rim__socket_settle(socket);
        return result;
    }
    *out = socket->self;
    rim__socket_opened(socket);
    rim__socket_settle(socket);
    return 0;
}

int rim_pipe_make(rim_ctx *ctx, rim_ref *reader, rim_ref *writer) {
    struct rim__service *service = rim__ctx_io(ctx);
    int ends[2];
    *reader = RIM_NIL;
    *writer = RIM_NIL;
    int result = service == NULL || service->closing ? -RIM_ESTOPPING : service->io->ops->pipe(service->io, ends);
    if (result != 0) {
        return rim__ctx_error(ctx, result, "pipe: %s", rim_strerror(result));
    }
    struct rim__pipe first = {.fd = ends[0], .ways = RIM_PIPE_READ, .label = "pipe", .flags = -1};
    struct rim__pipe second = {.fd = ends[1], .ways = RIM_PIPE_WRITE, .label = "pipe", .flags = -1};
    result = rim__pipe_wrap(ctx, &first, reader);
    if (result != 0) {
        service->io->ops->close(service->io, ends[1], false);
    } else {
        result = rim__pipe_wrap(ctx, &second, writer);
    }
    if (result != 0 && *reader != RIM_NIL) {
        rim__pipe_forget(ctx, *reader);
    }
    return result == 0 ? 0 : rim__ctx_error(ctx, result, "pipe: %s", rim_strerror(result));
}

void rim__pipe_forget(rim_ctx *ctx, rim_ref pipe) {
    struct rim__socket *socket = rim__socket_find(rim__ctx_io(ctx), pipe);
    if (socket != NULL) {
        socket->quiet = true;
        rim__socket_abort(socket);
        rim__socket_settle(socket);
    }
}

static int open_planned(rim_ctx *ctx, struct rim__pipe_plan *plan, const char *label, rim_ref *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    const char *path = plan->path != NULL ? plan->path : "";
    const char *gap = plan->path != NULL ? " " : "";
    int fd = service == NULL || service->closing ? -RIM_ESTOPPING : service->io->ops->open_pipe(service->io, plan);
    if (fd < 0) {
        return rim__ctx_error(ctx, fd, "%s%s%s: %s", label, gap, path, rim_strerror(fd));
    }
    struct rim__pipe pipe = {
        .fd = fd,
        .ways = plan->ways,
        .label = label,
        .flags = plan->flags,
        .is_socket = plan->is_socket,
        .waits_first = plan->waits_first,
    };
    rim_ref self = RIM_NIL;
    int result = rim__pipe_wrap(ctx, &pipe, &self);
    if (result != 0) {
        return rim__ctx_error(ctx, result, "%s%s%s: %s", label, gap, path, rim_strerror(result));
    }
    if (out != NULL) {
        *out = self;
    }
    return 0;
}

static bool is_way(uint32_t ways) {
    return ways != 0 && (ways & ~(uint32_t)(RIM_PIPE_READ | RIM_PIPE_WRITE)) == 0;
}

int rim_pipe_open(rim_ctx *ctx, const char *path, uint32_t ways, rim_ref *out) {
    if (path == NULL || path[0] == '\0' || !is_way(ways)) {
        return rim__ctx_error(ctx, -EINVAL, "pipe: needs a path, and to be read or written");
    }
    struct rim__pipe_plan plan = {.path = path, .fd = -1, .ways = ways};
    return open_planned(ctx, &plan, "pipe", out);
}

int rim_pipe_adopt(rim_ctx *ctx, int fd, uint32_t ways, rim_ref *out) {
    if (fd < 0 || !is_way(ways)) {
        return rim__ctx_error(ctx, fd < 0 ? -EBADF : -EINVAL, "pipe: needs a descriptor, and to be read or written");
    }
    struct rim__pipe_plan plan = {.fd = fd, .ways = ways};
    return open_planned(ctx, &plan, "pipe", out);
}

int rim_pipe_standard(rim_ctx *ctx, int fd, rim_ref *out) {
    static const char *const labels[] = {"standard input", "standard output", "standard error"};
    if (fd < 0 || fd > 2) {
        return rim__ctx_error(ctx, -EINVAL, "standard streams are 0, 1 and 2");
    }
    struct rim__pipe_plan plan = {.fd = fd, .ways = fd == 0 ? RIM_PIPE_READ : RIM_PIPE_WRITE, .is_standard = true};
    return open_planned(ctx, &plan, labels[fd], out);
}
