/* SPDX-License-Identifier: MIT */
/*
 * What a supervisor is asked to tell. A tree is gathered: every supervisor asks those among its children, with a part
 * of the time that it was given itself, so that what is known is told even if one of them does not answer.
 */
#include <errno.h>
#include <string.h>

#include "actor/supervisor.h"

/* ---- its own children ---- */

static size_t list_size(uint32_t count) {
    return sizeof(rim_child_list) + count * sizeof(rim_child_info);
}

static void reply_list(rim_ctx *ctx, rim_token token, rim_msg *msg) {
    if (msg == NULL || rim_reply_msg(ctx, token, msg) != 0) {
        rim_refuse(ctx, token, -ENOMEM);
    }
}

static rim_msg *list_own(rim_ctx *ctx, const struct rim__supervisor *self, uint32_t tag) {
    rim_msg *msg = rim_msg_new(ctx, tag, list_size(self->count));
    if (msg != NULL) {
        rim_child_list *list = rim_body(msg);
        *list = (rim_child_list){0};
        RIM_EACH_CHILD(self, child) {
            rim__child_describe(ctx, child, &list->children[list->count++]);
        }
    }
    return msg;
}

rim_verdict rim__supervisor_on_which(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    if (rim_is_request(ctx)) {
        reply_list(ctx, RIM_NIL, list_own(ctx, state, rim_tag(msg)));
    }
    return RIM_DONE;
}

rim_verdict rim__supervisor_on_count(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct rim__supervisor *self = state;
    rim_child_counts counts = {.specs = self->template_child != NULL ? 1 : self->count};
    (void)body;
    if (!rim_is_request(ctx)) {
        return RIM_DONE;
    }
    RIM_EACH_CHILD(self, child) {
        counts.active += child->state == RIM_CHILD_RUNNING;
        counts.supervisors += child->is_supervisor;
        counts.workers += !child->is_supervisor;
    }
    rim_reply(ctx, RIM_NIL, rim_tag(msg), &counts, sizeof counts);
    return RIM_DONE;
}

/* ---- the tree ---- */

/* One child, and the answer of its subtree when it has come. */
struct part {
    rim_child_info info;
    rim_child_list *below;
};

struct rim__gather {
    struct rim__gather *next;
    rim_token token;
    uint32_t count, open, unknown;
    struct part parts[];
};

static void unlist(struct rim__supervisor *self, struct rim__gather *gather) {
    struct rim__gather **at = &self->gathers;
    while (*at != gather) {
        at = &(*at)->next;
    }
    *at = gather->next;
}

static void append_below(rim_child_list *list, const rim_child_list *below) {
    for (uint32_t i = 0; i < below->count; i++) {
        list->children[list->count] = below->children[i];
        list->children[list->count++].depth++;
    }
}

static void finish(rim_ctx *ctx, struct rim__supervisor *self, struct rim__gather *gather) {
    uint32_t count = gather->count;
    for (uint32_t i = 0; i < gather->count; i++) {
        count += gather->parts[i].below != NULL ? gather->parts[i].below->count : 0;
    }
    rim_msg *msg = rim_msg_new(ctx, RIM_SUPERVISOR_TREE, list_size(count));
    if (msg != NULL) {
        rim_child_list *list = rim_body(msg);
        *list = (rim_child_list){.unknown = gather->unknown};
        for (uint32_t i = 0; i < gather->count; i++) {
            list->children[list->count++] = gather->parts[i].info;
            if (gather->parts[i].below != NULL) {
                append_below(list, gather->parts[i].below);
            }
        }
    }
    reply_list(ctx, gather->token, msg);
    for (uint32_t i = 0; i < gather->count; i++) {
        rim_free(ctx, gather->parts[i].below);
    }
    unlist(self, gather);
    rim_free(ctx, gather);
}

/* Which part of which gathering an answer belongs to: children come and go meanwhile, the parts stay. */
struct part_cookie {
    struct rim__gather *gather;
    uint32_t index;
};

static void keep_below(rim_ctx *ctx, struct rim__gather *gather, uint32_t index, const rim_child_list *list) {
    rim_child_list *copy = rim_alloc(ctx, list_size(list->count));
    if (copy == NULL) {
        gather->unknown++;
        return;
    }
    memcpy(copy, list, list_size(list->count));
    gather->unknown += list->unknown;
    gather->parts[index].below = copy;
}

static rim_verdict on_below(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct part_cookie *of = (struct part_cookie *)(uintptr_t)cookie;
    struct rim__gather *gather = of->gather;
    (void)msg;
    if (error == 0) {
        keep_below(ctx, gather, of->index, body);
    } else {
        gather->unknown++;
    }
    rim_free(ctx, of);
    if (--gather->open == 0) {
        finish(ctx, state, gather);
    }
    return RIM_DONE;
}

static int ask_below(rim_ctx *ctx, struct rim__gather *gather, uint32_t index, uint64_t timeout_ns) {
    struct part_cookie *cookie = rim_alloc(ctx, sizeof *cookie);
    if (cookie == NULL) {
        return -ENOMEM;
    }
    *cookie = (struct part_cookie){.gather = gather, .index = index};
    rim_ask ask = {
        .to = gather->parts[index].info.ref,
        .tag = RIM_SUPERVISOR_TREE,
        .body = &timeout_ns,
        .size = sizeof timeout_ns,
        .timeout_ns = timeout_ns,
        .on_outcome = on_below,
        .cookie = (uint64_t)(uintptr_t)cookie,
    };
    int error = rim_request(ctx, &ask, NULL);
    if (error != 0) {
        rim_free(ctx, cookie);
    }
    return error;
}

static struct rim__gather *begin(rim_ctx *ctx, struct rim__supervisor *self) {
    struct rim__gather *gather = rim_alloc(ctx, sizeof *gather + self->count * sizeof gather->parts[0]);
    rim_token token = gather != NULL ? rim_defer(ctx) : RIM_NIL;
    if (token == RIM_NIL) {
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
        rim_free(ctx, gather);
        return NULL;
    }
    *gather = (struct rim__gather){.next = self->gathers, .token = token};
    self->gathers = gather;
    RIM_EACH_CHILD(self, child) {
        struct part *part = &gather->parts[gather->count++];
        rim__child_describe(ctx, child, &part->info);
        part->below = NULL;
    }
    return gather;
}

rim_verdict rim__supervisor_on_tree(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct rim__supervisor *self = state;
    uint64_t timeout_ns;
    if (!rim_is_request(ctx) || rim_size(msg) != sizeof timeout_ns) {
        return RIM_DONE;
    }
    memcpy(&timeout_ns, body, sizeof timeout_ns);
    struct rim__gather *gather = begin(ctx, self);
    if (gather == NULL) {
        return RIM_DONE;
    }
    for (uint32_t i = 0; i < gather->count; i++) {
        const rim_child_info *info = &gather->parts[i].info;
        if (!info->is_supervisor || info->ref == RIM_NIL) {
            continue;
        }
        if (ask_below(ctx, gather, i, timeout_ns / 4 * 3 + 1) == 0) {
            gather->open++;
        } else {
            gather->unknown++;
        }
    }
    if (gather->open == 0) {
        finish(ctx, self, gather);
    }
    return RIM_DONE;
}
