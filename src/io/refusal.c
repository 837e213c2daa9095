/* SPDX-License-Identifier: MIT */
#include "io/refusal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"

struct refusal {
    struct rim__service *service;
    struct rim__op op;
    struct iovec rest;
    uint32_t size;
    char text[];
};

static void end(struct refusal *refusal) {
    struct rim__service *service = refusal->service;
    struct rim__io *io = service->io;
    (void)io->ops->shutdown(io, refusal->op.fd, SHUT_WR); /* the text goes out before what close may do */
    io->ops->close(io, refusal->op.fd, false);
    rim__memory_free(&service->shard->memory, refusal, sizeof *refusal + refusal->size);
    if (!service->detached) {
        rim__ctx_busy(service->ctx, -1);
    }
    rim__service_forget(service);
}

static void sent(struct rim__op *op, const struct rim__completion *completion);

static void send_rest(struct refusal *refusal) {
    struct rim__io *io = refusal->service->io;
    if (refusal->rest.iov_len == 0 || io->ops->submit(io, &refusal->op) != 0) {
        end(refusal);
    }
}

static void sent(struct rim__op *op, const struct rim__completion *completion) {
    struct refusal *refusal = rim__container_of(op, struct refusal, op);
    int32_t moved = completion->result != -EINTR ? completion->result : 0;
    if (moved < 0 || completion->result == 0 || refusal->service->detached) {
        end(refusal);
        return;
    }
    struct iovec *rest = &refusal->rest;
    rest->iov_base = (char *)rest->iov_base + moved;
    rest->iov_len -= (size_t)moved;
    send_rest(refusal);
}

void rim__refusal_send(struct rim__service *service, int fd, const char *text, uint32_t size) {
    struct rim__io *io = service->io;
    struct refusal *refusal = NULL;
    if (size > 0) {
        refusal = rim__memory_alloc(&service->shard->memory, sizeof *refusal + size);
    }
    if (refusal == NULL) {
        io->ops->close(io, fd, false);
        return;
    }
    memset(refusal, 0, sizeof *refusal);
    memcpy(refusal->text, text, size);
    refusal->service = service;
    refusal->size = size;
    refusal->op.kind = RIM_OP_SEND;
    refusal->op.fd = fd;
    refusal->op.done = sent;
    refusal->rest = (struct iovec){.iov_base = refusal->text, .iov_len = size};
    refusal->op.send.iov = &refusal->rest;
    refusal->op.send.iov_count = 1;
    service->objects++;
    rim__ctx_busy(service->ctx, 1);
    send_rest(refusal);
}
