/* SPDX-License-Identifier: MIT */
#include "io/io.h"

#include "io/file.h"
#include "io/region.h"
#include "io/service.h"
#include "io/tree.h"

int rim__io_attach(rim_ctx *ctx, struct rim__io *io) {
    return rim__service_open(ctx, io);
}

void rim__io_detach(rim_ctx *ctx) {
    struct rim__service *service = rim__ctx_io(ctx);
    if (service != NULL) {
        rim__service_close(service);
    }
}

const char *rim__io_path_of(rim_ctx *ctx, rim_ref who) {
    static const char *(*const kinds[])(rim_ctx * ctx, rim_ref who) = {
        rim__file_path_of, rim__file_carrier_path_of, rim__region_path_of, rim__folder_path_of, rim__remover_path_of,
    };
    const char *path = NULL;
    for (size_t i = 0; i < RIM_COUNT(kinds) && path == NULL; i++) {
        path = kinds[i](ctx, who);
    }
    return path;
}
