/* SPDX-License-Identifier: MIT */
/*
 * A range of one file to another, by the kernel (copy_file_range(2)): without a copy in this process, and on disks that
 * share blocks without any. For two files of one shard that both have nothing before it: it takes part in the order of
 * both, as a read of the one and a write of the other.
 */
#include <errno.h>

#include "actor/shortcut.h"
#include "io/file.h"

static struct rim__file *find(const rim_ctx *ctx, rim_ref ref) {
    struct rim__file *const *state = rim__shortcut_find(ctx, ref, &rim__file_behaviour);
    return state != NULL && rim__file_admits(*state, true) && (*state)->align == 0 ? *state : NULL;
}

static struct rim__file_call *make(rim_ctx *ctx, const struct rim__file_range *range, struct rim__file *source,
                                   rim_token token) {
    struct rim__file_call *call = rim__memory_alloc(&rim__ctx_shard(ctx)->memory, RIM_FILE_CALL_SPAN);
    if (call == NULL) {
        return NULL;
    }
    call->msg = rim__shortcut_reserve(ctx, RIM_FILE_CALL, sizeof(rim_file_result));
    if (call->msg == NULL) {
        rim__memory_free(&rim__ctx_shard(ctx)->memory, call, RIM_FILE_CALL_SPAN);
        return NULL;
    }
    call->op.in_flight = false;
    call->op.cancelling = false;
    call->moved = 0;
    call->span = 0;
    call->is_here = false;
    call->is_direct = true;
    call->token = token;
    call->source = source;
    call->ask = (struct rim__file_ask){
        .what = RIM_FILE_OP_COPY_RANGE,
        .flags = (uint32_t)source->fd,
        .offset = range->to_offset,
        .length = range->length,
        .is_exact = range->offset,
    };
    return call;
}

static int start(rim_ctx *ctx, const struct rim__file_range *range, struct rim__file *source, struct rim__file *sink,
                 rim_token token) {
    struct rim__file_call *call = make(ctx, range, source, token);
    if (call == NULL) {
        return -ENOMEM;
    }
    rim__file_pin(source);
    int error = rim__file_begin(sink, call);
    if (error != 0) {
        rim__file_unpin(source);
        rim__msg_release(rim__ctx_shard(ctx), call->msg);
        rim__memory_free(&rim__ctx_shard(ctx)->memory, call, RIM_FILE_CALL_SPAN);
    }
    return error;
}

int rim__file_range_copy(rim_ctx *ctx, const rim_file_ask *ask, const struct rim__file_range *range) {
    struct rim__file *source = find(ctx, ask->file), *sink = find(ctx, range->to);
    if (source == NULL || sink == NULL || source == sink || sink->in_flight > 0) {
        return -EAGAIN;
    }
    rim_ask request = {.timeout_ns = ask->timeout_ns, .on_outcome = ask->on_outcome, .cookie = ask->cookie};
    rim_token token;
    int error = rim__shortcut_open(ctx, &request, &token);
    if (error != 0) {
        return error;
    }
    error = start(ctx, range, source, sink, token);
    if (error != 0) {
        rim__shortcut_undo(ctx, token);
    }
    return error;
}
