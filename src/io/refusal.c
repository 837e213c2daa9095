/* SPDX-License-Identifier: MIT */
#include "io/refusal.h"

#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"

struct refusal {
    struct rim__service *service;
    struct rim__op op;
    uint32_t size;
    char text[];
};

static void end(struct refusal *refusal) {
    struct rim__service *service = refusal->service;
    struct rim__io *io = service->io;
    (void)io->ops->shutdown(io, refusal->op.fd, SHUT_WR); /* the text goes out before what close may do */
    io->ops->close(io, refusal->op.fd, false);
    rim__memory_free(&service->shard->memory, refusal, sizeof *refusal + refusal->size);
    rim__service_forget(service);
}

static void sent(struct rim__op *op, const struct rim__completion *completion) {
    (void)completion; /* as far as it got: the peer is not waited for */
    end(rim__container_of(op, struct refusal, op));
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
    refusal->op.send.iov[0].iov_base = refusal->text;
    refusal->op.send.iov[0].iov_len = size;
    refusal->op.send.iov_count = 1;
    service->objects++;
    if (io->ops->submit(io, &refusal->op) != 0) {
        end(refusal);
    }
}
