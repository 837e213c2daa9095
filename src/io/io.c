/* SPDX-License-Identifier: MIT */
#include "io/io.h"

#include "io/service.h"

int rim__io_attach(rim_ctx *ctx, struct rim__io *io) {
    return rim__service_open(ctx, io);
}

void rim__io_detach(rim_ctx *ctx) {
    struct rim__service *service = rim__ctx_io(ctx);
    if (service != NULL) {
        rim__service_close(service);
    }
}
