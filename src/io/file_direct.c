/* SPDX-License-Identifier: MIT */
/*
 * Reads of a file on the asker's shard, when nothing is before them: they need no turn of the file's actor. What is
 * before them is in its mailbox, in its queue, or in flight and not to be overlapped; then they are sent behind it.
 */
#include <errno.h>

#include "actor/shortcut.h"
#include "io/file.h"

static struct rim__file *find(const rim_ctx *ctx, rim_ref ref, const struct rim__file_ask *call) {
    struct rim__file *const *state = rim__shortcut_find(ctx, ref, &rim__file_behaviour);
    struct rim__file *file = state != NULL && rim__file_admits(*state, rim__file_ask_is_carried(call)) ? *state : NULL;
    bool is_here = call->offset == RIM_FILE_HERE;
    bool may = file != NULL && file->align == 0 && (!is_here || file->in_flight == 0);
    return may ? file : NULL;
}

/* Takes the message over if it returns 0. */
static int begin(struct rim__file *file, const struct rim__file_ask *ask, rim_token token, struct rim_msg *msg) {
    struct rim__memory *memory = &file->service->shard->memory;
    struct rim__file_call *call = rim__memory_alloc(memory, RIM_FILE_CALL_SPAN);
    if (call == NULL) {
        return -ENOMEM;
    }
    call->op.in_flight = false; /* the rest of it is filled when it starts */
    call->op.cancelling = false;
    call->moved = 0;
    call->ask = *ask;
    call->is_here = false;
    call->is_direct = true;
    call->span = 0;
    call->source = NULL;
    call->token = token;
    call->msg = msg;
    int error = rim__file_begin(file, call);
    if (error != 0) {
        rim__memory_free(memory, call, RIM_FILE_CALL_SPAN);
    }
    return error;
}

static int answer(rim_ctx *ctx, struct rim__file *file, const struct rim__file_ask *ask, rim_token token,
                  struct rim_msg *msg, bool is_here) {
    if (is_here) {
        file->position += ask->length;
    }
    return rim__shortcut_reply(ctx, file->self, token, msg, ask->length);
}

static int read_into(rim_ctx *ctx, struct rim__file *file, const rim_file_ask *ask, struct rim__file_ask *call,
                     struct rim_msg *msg, rim_token *token) {
    rim_ask request = {.timeout_ns = ask->timeout_ns, .on_outcome = ask->on_outcome, .cookie = ask->cookie};
    uint64_t crowd = rim__shortcut_open_count(ctx);
    bool is_here = call->offset == RIM_FILE_HERE;
    int error = rim__shortcut_open(ctx, &request, token);
    if (error != 0) {
        return error;
    }
    call->offset = is_here ? file->position : call->offset;
    if (rim__file_look(file, call, rim__msg_body(msg), crowd)) {
        return answer(ctx, file, call, *token, msg, is_here);
    }
    error = is_here ? -EAGAIN : begin(file, call, *token, msg);
    if (error != 0) {
        rim__shortcut_undo(ctx, *token);
    }
    return error;
}

bool rim__file_read_directly(rim_ctx *ctx, const rim_file_ask *ask, const struct rim__file_ask *call, rim_token *out,
                             int *error) {
    struct rim__file *file = find(ctx, ask->file, call);
    struct rim__file_ask own = *call;
    rim_token token;
    *error = 0;
    if (file == NULL) {
        return false;
    }
    struct rim_msg *msg = rim__shortcut_reserve(ctx, RIM_FILE_CALL, call->length);
    *error = msg != NULL ? read_into(ctx, file, ask, &own, msg, &token) : -ENOMEM;
    if (*error != 0) {
        if (msg != NULL) {
            rim__msg_release(file->service->shard, msg);
        }
        *error = *error == -EAGAIN ? 0 : *error;
        return false;
    }
    if (out != NULL) {
        *out = token;
    }
    return true;
}
