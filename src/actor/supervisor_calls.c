/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/supervisor.h"

/* ---- making ---- */

int rim_supervise(rim_ctx *ctx, const rim_supervisor_spec *spec, rim_ref *out) {
    char text[RIM_CHECK_TEXT];
    int error = rim_supervisor_check(spec, text);
    if (error != 0) {
        return rim__ctx_error(ctx, error, "supervisor: %s", text);
    }
    rim_msg *msg = rim_msg_new(ctx, RIM_SUPERVISOR_SPEC, rim__pack_size(spec));
    if (msg == NULL) {
        return -ENOMEM;
    }
    rim__pack_write(spec, rim_body(msg));
    struct rim__supervisor_birth birth = {.parent = rim_self(ctx)};
    rim_spawn_options options = spec->options != NULL ? *spec->options : (rim_spawn_options){0};
    rim_ref ref;
    options.link = true;
    options.trap_exit = true;
    options.acknowledge = true;
    error = rim_spawn(ctx, &rim__supervisor_behaviour, &options, &birth, sizeof birth, &ref);
    if (error != 0) {
        rim_msg_free(ctx, msg);
        return error;
    }
    error = rim_send_msg(ctx, ref, msg);
    if (error != 0) { /* as if it had never been */
        rim_unlink(ctx, ref);
        rim_kill(ctx, ref);
        return error;
    }
    if (out != NULL) {
        *out = ref;
    }
    return 0;
}

int rim_system_supervise(rim_system *system, const rim_supervisor_spec *spec, rim_ref *out) {
    int error = rim_supervisor_check(spec, NULL);
    if (error != 0 || out == NULL) {
        return -EINVAL;
    }
    size_t size = rim__pack_size(spec);
    void *pack = aligned_alloc(16, size);
    if (pack == NULL) {
        return -ENOMEM;
    }
    rim__pack_write(spec, pack);
    struct rim__supervisor_birth birth = {.parent = RIM_NIL};
    rim_spawn_options options = spec->options != NULL ? *spec->options : (rim_spawn_options){0};
    options.trap_exit = true;
    error = rim_system_spawn(system, &rim__supervisor_behaviour, &options, &birth, sizeof birth, out);
    if (error == 0) { /* if this fails, the supervisor ends by itself: its spec does not come */
        error = rim_system_send(system, *out, RIM_SUPERVISOR_SPEC, pack, size);
    }
    free(pack);
    return error;
}

/* ---- requests ---- */

static int request(rim_ctx *ctx, const rim_supervisor_call *call, rim_ask ask, rim_token *out) {
    ask.to = call->supervisor;
    ask.timeout_ns = call->timeout_ns;
    ask.on_outcome = call->on_outcome;
    ask.cookie = call->cookie;
    return rim_request(ctx, &ask, out);
}

int rim_supervisor_start_child(rim_ctx *ctx, const rim_supervisor_call *call, const rim_child *child, rim_token *out) {
    char text[RIM_CHECK_TEXT];
    /* Whether it may be significant only the supervisor knows. */
    int error = rim_child_check(child, RIM_ONE_FOR_ONE, RIM_AUTO_ANY, text);
    if (error != 0) {
        return rim__ctx_error(ctx, error, "start of a child: %s", text);
    }
    rim_supervisor_spec spec = {.children = child, .child_count = 1};
    rim_msg *msg = rim_msg_new(ctx, RIM_SUPERVISOR_START, rim__pack_size(&spec));
    if (msg == NULL) {
        return -ENOMEM;
    }
    rim__pack_write(&spec, rim_body(msg));
    return request(ctx, call, (rim_ask){.msg = msg}, out);
}

int rim_supervisor_start_dynamic(rim_ctx *ctx, const rim_supervisor_call *call, const void *arg, size_t size) {
    if (size > RIM_CHILD_ARG_MAX || (size > 0 && arg == NULL)) {
        return -EINVAL;
    }
    return request(ctx, call, (rim_ask){.tag = RIM_SUPERVISOR_START_DYNAMIC, .body = arg, .size = size}, NULL);
}

static int request_key(rim_ctx *ctx, const rim_supervisor_call *call, uint32_t tag,
                       const struct rim__supervisor_key *key) {
    return request(ctx, call, (rim_ask){.tag = tag, .body = key, .size = sizeof *key}, NULL);
}

static int request_id(rim_ctx *ctx, const rim_supervisor_call *call, uint32_t tag, const char *id) {
    struct rim__supervisor_key key = {0};
    if (id == NULL || id[0] == '\0' || strlen(id) >= sizeof key.id) {
        return -EINVAL;
    }
    strncpy(key.id, id, sizeof key.id - 1);
    return request_key(ctx, call, tag, &key);
}

int rim_supervisor_terminate_child(rim_ctx *ctx, const rim_supervisor_call *call, const char *id) {
    return request_id(ctx, call, RIM_SUPERVISOR_TERMINATE, id);
}

int rim_supervisor_terminate_dynamic(rim_ctx *ctx, const rim_supervisor_call *call, rim_ref ref) {
    if (ref == RIM_NIL) {
        return -RIM_EBADREF;
    }
    return request_key(ctx, call, RIM_SUPERVISOR_TERMINATE, &(struct rim__supervisor_key){.ref = ref});
}

int rim_supervisor_restart_child(rim_ctx *ctx, const rim_supervisor_call *call, const char *id) {
    return request_id(ctx, call, RIM_SUPERVISOR_RESTART, id);
}

int rim_supervisor_delete_child(rim_ctx *ctx, const rim_supervisor_call *call, const char *id) {
    return request_id(ctx, call, RIM_SUPERVISOR_DELETE, id);
}

int rim_supervisor_get_child(rim_ctx *ctx, const rim_supervisor_call *call, const char *id) {
    return request_id(ctx, call, RIM_SUPERVISOR_GET, id);
}

int rim_supervisor_get_childspec(rim_ctx *ctx, const rim_supervisor_call *call, const char *id) {
    if (id == NULL) {
        return request_key(ctx, call, RIM_SUPERVISOR_GET_SPEC, &(struct rim__supervisor_key){0});
    }
    return request_id(ctx, call, RIM_SUPERVISOR_GET_SPEC, id);
}

int rim_supervisor_which_children(rim_ctx *ctx, const rim_supervisor_call *call) {
    return request(ctx, call, (rim_ask){.tag = RIM_SUPERVISOR_WHICH}, NULL);
}

int rim_supervisor_count_children(rim_ctx *ctx, const rim_supervisor_call *call) {
    return request(ctx, call, (rim_ask){.tag = RIM_SUPERVISOR_COUNT}, NULL);
}

int rim_supervisor_tree(rim_ctx *ctx, const rim_supervisor_call *call) {
    uint64_t timeout_ns = call->timeout_ns;
    return request(ctx, call, (rim_ask){.tag = RIM_SUPERVISOR_TREE, .body = &timeout_ns, .size = sizeof timeout_ns},
                   NULL);
}
