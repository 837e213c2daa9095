/* SPDX-License-Identifier: MIT */
/*
 * What a supervisor is asked to do. A request that cannot be served now (a sweep is under way, or this very child is
 * just being started or stopped) is deferred, and looked at again, in order, whenever something has changed.
 */
#include <errno.h>
#include <string.h>

#include "actor/supervisor.h"

/* One look at a request. */
struct look {
    uint32_t tag;
    const void *body;
    size_t size;
    rim_token token; /* RIM_NIL: it is the current one */
};

enum outcome { SERVED, WAITS };

/* ---- answers ---- */

static enum outcome refuse(rim_ctx *ctx, const struct look *look, int error) {
    rim_refuse(ctx, look->token, error);
    return SERVED;
}

static enum outcome reply(rim_ctx *ctx, const struct look *look, const void *body, size_t size) {
    if (rim_reply(ctx, look->token, look->tag, body, size) != 0) {
        rim_refuse(ctx, look->token, -ENOMEM);
    }
    return SERVED;
}

static enum outcome reply_info(rim_ctx *ctx, const struct look *look, struct rim__child *child) {
    rim_child_info info;
    rim__child_describe(ctx, child, &info);
    return reply(ctx, look, &info, sizeof info);
}

void rim__request_answer(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child, int error) {
    if (child->answer_to == RIM_NIL) {
        return;
    }
    struct look look = {.tag = RIM_SUPERVISOR_GET, .token = child->answer_to};
    child->answer_to = RIM_NIL;
    self->busy--;
    if (error != 0) {
        refuse(ctx, &look, error);
    } else {
        reply_info(ctx, &look, child);
    }
}

/* The answer comes when the child has started or ended. False: there is no memory for that, and it is refused. */
static bool answer_later(rim_ctx *ctx, struct rim__supervisor *self, struct rim__child *child,
                         const struct look *look) {
    rim_token token = look->token != RIM_NIL ? look->token : rim_defer(ctx);
    if (token == RIM_NIL) {
        refuse(ctx, look, -ENOMEM);
        return false;
    }
    child->answer_to = token;
    self->busy++;
    return true;
}

/* ---- starting ---- */

static enum outcome start_new(rim_ctx *ctx, struct rim__supervisor *self, const struct look *look,
                              const struct rim__pack_child *packed, const void *arg) {
    struct rim__child *child = rim__child_create(ctx, self, packed, arg);
    if (child == NULL) {
        return refuse(ctx, look, -ENOMEM);
    }
    child->forget = true; /* unless it starts */
    if (!answer_later(ctx, self, child, look)) {
        rim__child_destroy(ctx, self, child);
        return SERVED;
    }
    rim__child_start(ctx, self, child);
    return SERVED;
}

static enum outcome start_child(rim_ctx *ctx, struct rim__supervisor *self, const struct look *look) {
    const struct rim__pack *pack = rim__pack_read(look->body, look->size);
    if (pack == NULL || pack->child_count != 1) {
        return refuse(ctx, look, -EINVAL);
    }
    if (self->strategy == RIM_DYNAMIC) {
        return refuse(ctx, look, -RIM_ECONTEXT);
    }
    const struct rim__pack_child *packed = &pack->children[0];
    const struct rim__child *present = rim__index_find_id(&self->ids, packed->id);
    if (present != NULL) {
        return refuse(ctx, look, present->state == RIM_CHILD_DOWN ? -RIM_EPRESENT : -RIM_ESTARTED);
    }
    if (packed->significant && self->auto_shutdown == RIM_AUTO_NEVER) {
        return refuse(ctx, look, -EINVAL);
    }
    return start_new(ctx, self, look, packed, (const unsigned char *)pack + packed->at);
}

static enum outcome start_dynamic(rim_ctx *ctx, struct rim__supervisor *self, const struct look *look) {
    struct rim__child *template = self->template_child;
    if (template == NULL) {
        return refuse(ctx, look, -RIM_ECONTEXT);
    }
    rim__child_refresh(ctx, template);
    bool has_arg = look->size > 0 && !template->is_supervisor;
    struct rim__pack_child packed = {
        .behaviour = template->is_supervisor ? NULL : template->behaviour,
        .options = template->options, /* and the name, below */
        .size = has_arg ? (uint32_t)look->size : template->size,
        .restart = template->restart,
        .stop = template->stop,
        .significant = template->significant,
        .stop_ns = template->stop_ns,
    };
    memcpy(packed.name, template->name, sizeof packed.name);
    return start_new(ctx, self, look, &packed, has_arg ? look->body : template->arg);
}

/* ---- with a child that is there ---- */

/* Whether something with this child, begun by another request, is to be waited for. */
static bool is_changing(const struct rim__child *child) {
    return child->state == RIM_CHILD_STOPPING || (child->state == RIM_CHILD_STARTING && child->answer_to != RIM_NIL);
}

static enum outcome terminate(rim_ctx *ctx, struct rim__supervisor *self, const struct look *look,
                              struct rim__child *child) {
    if (is_changing(child)) {
        return WAITS;
    }
    if (child->state == RIM_CHILD_DOWN) {
        return reply_info(ctx, look, child);
    }
    if (rim__child_has_actor(child)) {
        if (answer_later(ctx, self, child, look)) {
            rim__child_stop(ctx, self, child, false);
        }
        return SERVED;
    }
    rim__child_stop(ctx, self, child, false);
    reply_info(ctx, look, child);
    if (self->strategy == RIM_DYNAMIC) {
        rim__child_destroy(ctx, self, child);
    }
    return SERVED;
}

static enum outcome restart(rim_ctx *ctx, struct rim__supervisor *self, const struct look *look,
                            struct rim__child *child) {
    switch (child->state) {
    case RIM_CHILD_RUNNING:
        return refuse(ctx, look, -RIM_ERUNNING);
    case RIM_CHILD_RESTARTING:
        return refuse(ctx, look, -RIM_ERESTARTING);
    case RIM_CHILD_DOWN:
        if (answer_later(ctx, self, child, look)) {
            rim__child_start(ctx, self, child);
        }
        return SERVED;
    default:
        return WAITS;
    }
}

static enum outcome delete (rim_ctx *ctx, struct rim__supervisor *self, const struct look *look,
                            struct rim__child *child) {
    switch (child->state){
        case RIM_CHILD_RUNNING : return refuse(ctx, look, -RIM_ERUNNING);
        case RIM_CHILD_RESTARTING : return refuse(ctx, look, -RIM_ERESTARTING);
        case RIM_CHILD_DOWN : reply_info(ctx, look, child);
        rim__child_destroy(ctx, self, child);
        return SERVED;
        default : return WAITS;
    }
}

static enum outcome tell_spec(rim_ctx *ctx, const struct look *look, struct rim__child *child) {
    rim__child_refresh(ctx, child);
    uint32_t arg_size = child->is_supervisor ? 0 : child->size;
    rim_msg *msg = rim_msg_new(ctx, look->tag, sizeof(rim_childspec) + arg_size);
    if (msg == NULL) {
        return refuse(ctx, look, -ENOMEM);
    }
    rim_childspec *spec = rim_body(msg);
    *spec = (rim_childspec){
        .behaviour = child->behaviour,
        .is_supervisor = child->is_supervisor,
        .significant = child->significant,
        .restart = child->restart,
        .stop = child->stop,
        .stop_ns = child->stop_ns,
        .options = child->options,
        .size = arg_size,
    };
    spec->options.name = NULL;
    memcpy(spec->id, child->id, sizeof spec->id);
    memcpy(spec->name, child->name, sizeof spec->name);
    if (arg_size > 0) {
        memcpy(spec->arg, child->arg, arg_size);
    }
    if (rim_reply_msg(ctx, look->token, msg) != 0) {
        refuse(ctx, look, -ENOMEM);
    }
    return SERVED;
}

static struct rim__child *find(const struct rim__supervisor *self, const struct rim__supervisor_key *key) {
    if (key->ref != RIM_NIL) {
        return rim__index_find_ref(&self->refs, key->ref);
    }
    return key->id[0] != '\0' ? rim__index_find_id(&self->ids, key->id) : NULL;
}

static enum outcome serve_key(rim_ctx *ctx, struct rim__supervisor *self, const struct look *look) {
    if (look->size != sizeof(struct rim__supervisor_key)) {
        return refuse(ctx, look, -EINVAL);
    }
    const struct rim__supervisor_key *key = look->body;
    bool is_template = look->tag == RIM_SUPERVISOR_GET_SPEC && key->ref == RIM_NIL && key->id[0] == '\0';
    if (self->strategy == RIM_DYNAMIC && key->ref == RIM_NIL && !is_template) {
        return refuse(ctx, look, -RIM_ECONTEXT); /* dynamic children have no ids */
    }
    struct rim__child *child = is_template ? self->template_child : find(self, key);
    if (child == NULL) {
        return refuse(ctx, look, -RIM_ENOCHILD);
    }
    switch (look->tag) {
    case RIM_SUPERVISOR_TERMINATE:
        return terminate(ctx, self, look, child);
    case RIM_SUPERVISOR_RESTART:
        return restart(ctx, self, look, child);
    case RIM_SUPERVISOR_DELETE:
        return delete (ctx, self, look, child);
    case RIM_SUPERVISOR_GET_SPEC:
        return tell_spec(ctx, look, child);
    default:
        return reply_info(ctx, look, child);
    }
}

/* ---- now or later ---- */

static bool can_serve(const struct rim__supervisor *self) {
    return self->mode == RIM_SUPERVISOR_RUNNING && self->sweep.phase == RIM_SWEEP_NONE && self->pending_first == NULL &&
           !(rim__supervisor_is_group(self) && self->busy > 0);
}

static enum outcome serve(rim_ctx *ctx, struct rim__supervisor *self, const struct look *look) {
    if (self->mode == RIM_SUPERVISOR_ENDING) {
        return refuse(ctx, look, -RIM_EDOWN);
    }
    if (!can_serve(self)) {
        return WAITS;
    }
    switch (look->tag) {
    case RIM_SUPERVISOR_START:
        return start_child(ctx, self, look);
    case RIM_SUPERVISOR_START_DYNAMIC:
        return start_dynamic(ctx, self, look);
    default:
        return serve_key(ctx, self, look);
    }
}

static void put_off(rim_ctx *ctx, struct rim__supervisor *self, const struct look *look) {
    struct rim__call *call = rim_alloc(ctx, sizeof *call + look->size);
    uint64_t deadline_ns = rim_deadline(ctx);
    rim_token token = call != NULL ? rim_defer(ctx) : RIM_NIL;
    if (token == RIM_NIL) {
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
        rim_free(ctx, call);
        return;
    }
    *call = (struct rim__call){.token = token, .deadline_ns = deadline_ns, .tag = look->tag, .size = look->size};
    if (look->size > 0) {
        memcpy(call->body, look->body, look->size);
    }
    *self->calls_end = call;
    self->calls_end = &call->next;
}

rim_verdict rim__supervisor_on_request(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct rim__supervisor *self = state;
    if (!rim_is_request(ctx)) {
        return RIM_DONE;
    }
    struct look look = {.tag = rim_tag(msg), .body = body, .size = rim_size(msg)};
    if (serve(ctx, self, &look) == WAITS) {
        put_off(ctx, self, &look);
    }
    return rim__supervisor_go_on(ctx, self);
}

static void drop(rim_ctx *ctx, struct rim__supervisor *self, struct rim__call **at) {
    struct rim__call *call = *at;
    *at = call->next;
    if (*at == NULL) {
        self->calls_end = at;
    }
    rim_free(ctx, call);
}

bool rim__request_wake(rim_ctx *ctx, struct rim__supervisor *self) {
    bool any = false;
    for (struct rim__call **at = &self->calls; *at != NULL;) {
        struct rim__call *call = *at;
        struct look look = {.tag = call->tag, .body = call->body, .size = call->size, .token = call->token};
        bool is_expired = call->deadline_ns <= rim_now(ctx);
        if ((is_expired ? refuse(ctx, &look, -RIM_EEXPIRED) : serve(ctx, self, &look)) == WAITS) {
            at = &call->next;
        } else {
            any = true;
            drop(ctx, self, at);
        }
        if (!can_serve(self)) {
            break;
        }
    }
    return any;
}

void rim__request_refuse_all(rim_ctx *ctx, struct rim__supervisor *self) {
    while (self->calls != NULL) {
        struct look look = {.token = self->calls->token};
        refuse(ctx, &look, -RIM_EDOWN);
        drop(ctx, self, &self->calls);
    }
    RIM_EACH_CHILD(self, child) {
        rim__request_answer(ctx, self, child, -RIM_EDOWN);
    }
}
