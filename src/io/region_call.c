/* SPDX-License-Identifier: MIT */
/* The calls: requests to the region's actor, and their outcomes. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "io/region.h"

#define PATH_SHOWN 120u /* bytes of a path, from its end, that a text has room for */

/* ---- words ---- */

static const char *verb_of(const struct rim__region *region, const struct rim__region_call *call) {
    static const char *const verbs[] = {
        [RIM_REGION_STAT] = "look at",        [RIM_REGION_WAIT] = "wait for", [RIM_REGION_GET] = "view",
        [RIM_REGION_ADVISE] = "advise about", [RIM_REGION_SYNC] = "sync",
    };
    if (call != NULL && region->error == 0) {
        return verbs[call->ask.what];
    }
    return rim__region_is_mapped(region) ? "load" : "map";
}

static const char *why(int error, bool is_private_sync) {
    switch (error) {
    case -ENODATA:
        return "the file ends before";
    case -EFAULT:
        return "the file has become shorter, or cannot be read";
    case -EINVAL:
        return is_private_sync ? "what is private is not written to a file" : rim_strerror(error);
    default:
        return rim_strerror(error);
    }
}

void rim__region_explain(const struct rim__region *region, const struct rim__region_call *call, int error, char *text,
                         size_t size) {
    size_t length = region->path_size - 1;
    const char *dots = length > PATH_SHOWN ? "..." : "";
    const char *path = region->path + (length > PATH_SHOWN ? length - PATH_SHOWN : 0);
    if (error == 0) {
        snprintf(text, size, "%s%s closed", dots, path);
        return;
    }
    bool is_sync = call != NULL && call->ask.what == RIM_REGION_SYNC;
    const char *reason = why(error, is_sync && region->plan.access == RIM_MAP_PRIVATE);
    snprintf(text, size, "%s %s%s: %c%s", verb_of(region, call), dots, path, tolower((unsigned char)reason[0]),
             reason + (reason[0] != '\0'));
}

/* ---- outcomes ---- */

static rim_map_state state_of(const struct rim__region *region) {
    if (region->error != 0) {
        return RIM_MAP_FAILED;
    }
    return region->state == RIM_REGION_OPENING   ? RIM_MAP_PENDING
           : region->state == RIM_REGION_LOADING ? RIM_MAP_LOADING
                                                 : RIM_MAP_IS_READY;
}

static int reply_status(rim_ctx *ctx, const struct rim__region *region, rim_token token) {
    rim_map_status status = {.state = state_of(region), .error = region->error, .loaded = region->loaded};
    status.size = region->mapping.size;
    return rim_reply(ctx, token, RIM_REGION_CALL, &status, sizeof status);
}

static int reply_view(rim_ctx *ctx, struct rim__region *region, const struct rim__region_call *call) {
    struct rim_msg *view = NULL;
    int error = rim__region_view(region, RIM_REGION_CALL, call->ask.offset, call->ask.length, &view);
    return error != 0 ? error : rim_reply_msg(ctx, call->token, view);
}

static int reply(rim_ctx *ctx, struct rim__region *region, const struct rim__region_call *call) {
    switch ((enum rim__region_what)call->ask.what) {
    case RIM_REGION_STAT:
    case RIM_REGION_WAIT:
        return reply_status(ctx, region, call->token);
    case RIM_REGION_GET:
        return reply_view(ctx, region, call);
    default:
        return rim_reply(ctx, call->token, RIM_REGION_CALL, NULL, 0);
    }
}

static void answer(struct rim__region *region, const struct rim__region_call *call, int error) {
    rim_ctx *ctx = region->service->ctx;
    void *previous = rim__ctx_enter(ctx, region->self);
    error = error == 0 ? reply(ctx, region, call) : error;
    if (error != 0) {
        char text[RIM_FAILURE_TEXT_MAX];
        rim__region_explain(region, call, error, text, sizeof text);
        (void)rim__refuse_saying(ctx, call->token, error, text);
    }
    rim__ctx_leave(ctx, previous);
}

void rim__region_answer(struct rim__region *region, struct rim__region_call *call, int error) {
    if (!rim__region_is_cut(region)) { /* else its deferred request went with the actor */
        answer(region, call, error);
    }
    rim__memory_free(&region->service->shard->memory, call, sizeof *call);
}

/* ---- asking ---- */

static int send(rim_ctx *ctx, const rim_map_ask *ask, struct rim__region_ask call, rim_token *out) {
    rim_ask request = {
        .to = ask->map,
        .tag = RIM_REGION_CALL,
        .body = &call,
        .size = sizeof call,
        .timeout_ns = ask->timeout_ns,
        .on_outcome = ask->on_outcome,
        .cookie = ask->cookie,
    };
    return rim_request(ctx, &request, out);
}

int rim_map_stat(rim_ctx *ctx, const rim_map_ask *ask, rim_token *out) {
    return send(ctx, ask, (struct rim__region_ask){.what = RIM_REGION_STAT}, out);
}

int rim_map_wait(rim_ctx *ctx, const rim_map_ask *ask, rim_token *out) {
    return send(ctx, ask, (struct rim__region_ask){.what = RIM_REGION_WAIT}, out);
}

int rim_map_get(rim_ctx *ctx, const rim_map_ask *ask, uint64_t offset, uint64_t length, rim_token *out) {
    struct rim__region_ask call = {.what = RIM_REGION_GET, .offset = offset, .length = length};
    return send(ctx, ask, call, out);
}

int rim_map_advise(rim_ctx *ctx, const rim_map_ask *ask, uint64_t offset, uint64_t length, rim_map_advice advice,
                   rim_token *out) {
    struct rim__region_ask call = {.what = RIM_REGION_ADVISE, .offset = offset, .length = length};
    if ((unsigned)advice > RIM_MAP_POPULATE) {
        return -EINVAL;
    }
    call.advice = (uint32_t)advice;
    return send(ctx, ask, call, out);
}

int rim_map_sync(rim_ctx *ctx, const rim_map_ask *ask, uint64_t offset, uint64_t length, rim_token *out) {
    struct rim__region_ask call = {.what = RIM_REGION_SYNC, .offset = offset, .length = length};
    return send(ctx, ask, call, out);
}

int rim_map_close(rim_ctx *ctx, rim_ref map) {
    return rim__send_event(ctx, rim_self(ctx), map, RIM_REGION_CLOSE, NULL, 0);
}
