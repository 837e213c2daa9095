/* SPDX-License-Identifier: MIT */
/*
 * A request keeps the bytes that were sent until it is over: in their heads are the cookies, so that each ask has its
 * answer whatever comes back, or nothing.
 */
#include "actor/bundle.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "ringmail/error.h"

#define BYTES 16384u

/* The asks of one request. */
struct rim__load {
    struct rim__load *next;
    rim_ref to;
    int32_t error; /* of all of them */
    rim_buffer bytes;
};

void rim_bundle_init(rim_bundle *bundle, const rim_bundle_options *options) {
    *bundle = (rim_bundle){.options = options};
}

static void free_load(rim_ctx *ctx, struct rim__load *load) {
    rim_buffer_clear(ctx, &load->bytes);
    rim_free(ctx, load);
}

/* ---- asking ---- */

/* The last request to a receiver, if it takes one ask more, or a new one behind all others, with memory for so much. */
static struct rim__load *open_load(rim_ctx *ctx, rim_bundle *bundle, rim_ref to, size_t size) {
    struct rim__load *found = NULL, **at = &bundle->filled;
    size_t limit = bundle->options->bytes != 0 ? bundle->options->bytes : BYTES;
    for (; *at != NULL; at = &(*at)->next) {
        found = (*at)->to == to ? *at : found;
    }
    if (rim__likely(found != NULL && found->bytes.size < limit)) {
        return found;
    }
    struct rim__load *load = rim_alloc(ctx, sizeof *load);
    if (load == NULL) {
        return NULL;
    }
    *load = (struct rim__load){.to = to};
    if (rim_buffer_reserve(ctx, &load->bytes, size > bundle->usual ? size : bundle->usual) != 0) {
        free_load(ctx, load);
        return NULL;
    }
    *at = load;
    return load;
}

void *rim_bundle_add(rim_ctx *ctx, rim_bundle *bundle, rim_ref to, uint64_t cookie, size_t size) {
    size_t whole = sizeof(struct rim__ask_head) + rim__bundle_padded(size);
    struct rim__load *load = size <= RIM_BODY_MAX / 2 ? open_load(ctx, bundle, to, whole) : NULL;
    if (load == NULL) {
        return NULL;
    }
    if (rim_buffer_reserve(ctx, &load->bytes, whole) != 0) {
        load->bytes.failed = false; /* what was there before is still whole */
        return NULL;
    }
    char *at = load->bytes.bytes + load->bytes.size;
    struct rim__ask_head head = {.cookie = cookie, .size = (uint32_t)size};
    memset(at + whole - 8, 0, 8); /* what pads it is always the same */
    memcpy(at, &head, sizeof head);
    load->bytes.size += whole;
    bundle->count++;
    return at + sizeof head;
}

static int send_load(rim_ctx *ctx, rim_bundle *bundle, struct rim__load *load) {
    rim_ask ask = {
        .to = load->to,
        .tag = bundle->options->tag,
        .body = load->bytes.bytes,
        .size = load->bytes.size,
        .timeout_ns = bundle->options->timeout_ns,
        .on_outcome = bundle->options->on_outcome,
        .cookie = (uintptr_t)load,
    };
    return rim_request(ctx, &ask, NULL);
}

int rim_bundle_flush(rim_ctx *ctx, rim_bundle *bundle) {
    int failed = 0;
    while (bundle->filled != NULL && !bundle->full) {
        struct rim__load *load = bundle->filled;
        int error = send_load(ctx, bundle, load);
        bundle->full = error == -RIM_EFULL && rim_want_room(ctx, load->to) == 0;
        if (!bundle->full) {
            bundle->filled = load->next;
            bundle->usual = (uint32_t)load->bytes.size;
            load->error = error;
            failed = error != 0 ? error : failed;
        }
        if (!bundle->full && error != 0) {
            load->next = bundle->failed;
            bundle->failed = load;
        }
    }
    return failed != 0 ? failed : bundle->full ? -RIM_EFULL : 0;
}

bool rim_bundle_room(rim_bundle *bundle, const rim_room_event *event) {
    bool is_ours = bundle->full && bundle->filled->to == event->who;
    bundle->full = bundle->full && !is_ours;
    return is_ours;
}

bool rim_bundle_takes_more(const rim_bundle *bundle) {
    return !bundle->full;
}

uint32_t rim_bundle_count(const rim_bundle *bundle) {
    return bundle->count;
}

/* ---- answers ---- */

void rim_bundle_open(rim_ctx *ctx, rim_bundle *bundle, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct rim__load *load = (struct rim__load *)(uintptr_t)cookie;
    rim_bundle_free(ctx, bundle);
    bundle->open = load;
    bundle->at = 0;
    bundle->left = 0;
    load->error = error;
    if (error == 0) {
        bundle->left = rim_size(msg);
        bundle->answers = body;
        if (rim_tag(msg) == RIM_BUNDLE_HOLDING) {
            bundle->kept = rim_take(ctx, msg);
            bundle->answers = bundle->kept != NULL ? rim_body(bundle->kept) : NULL;
            load->error = bundle->kept != NULL ? 0 : -ENOMEM;
        }
    }
}

/* The request whose answers are read is over; on to one that could not be sent. */
static bool close_load(rim_ctx *ctx, rim_bundle *bundle) {
    rim_bundle_free(ctx, bundle);
    bundle->open = bundle->failed;
    if (bundle->open != NULL) {
        bundle->failed = bundle->open->next;
    }
    bundle->at = 0;
    return bundle->open != NULL;
}

/* Takes what was answered off the front. */
static void read_answer(rim_bundle *bundle, rim_bundle_answer *answer) {
    struct rim__answer_head head;
    struct rim__held held;
    answer->error = -RIM_EREFUSED;
    if (bundle->left < sizeof head) {
        return;
    }
    memcpy(&head, bundle->answers, sizeof head);
    const char *bytes = bundle->answers + sizeof head;
    size_t padded = sizeof head + rim__bundle_padded(head.size);
    if (rim__unlikely(head.size > bundle->left - sizeof head)) { /* not from a rim_unbundle */
        bundle->left = 0;
        return;
    }
    bundle->answers += padded < bundle->left ? padded : bundle->left;
    bundle->left -= padded < bundle->left ? padded : bundle->left;
    answer->error = head.state < 0 ? head.state : 0;
    answer->held = head.state == RIM_BUNDLE_HOLDING && bundle->kept != NULL;
    if (answer->error == 0) {
        answer->bytes = bytes;
        answer->size = head.size;
    }
    if (answer->held) {
        memcpy(&held, bytes, sizeof held);
        answer->bytes = held.bytes;
        answer->size = held.size;
    }
}

bool rim_bundle_next(rim_ctx *ctx, rim_bundle *bundle, rim_bundle_answer *answer) {
    struct rim__ask_head head;
    while (bundle->open == NULL || bundle->at == bundle->open->bytes.size) {
        if (!close_load(ctx, bundle)) {
            return false;
        }
    }
    struct rim__load *load = bundle->open;
    memcpy(&head, load->bytes.bytes + bundle->at, sizeof head);
    bundle->at += sizeof head + rim__bundle_padded(head.size);
    bundle->count--;
    *answer = (rim_bundle_answer){.cookie = head.cookie, .error = load->error};
    if (load->error == 0) {
        read_answer(bundle, answer);
    }
    bundle->shown = answer->bytes;
    bundle->shown_size = (uint32_t)answer->size;
    return true;
}

rim_msg *rim_bundle_view(rim_ctx *ctx, rim_bundle *bundle, uint32_t tag) {
    rim_msg *copy = NULL;
    if (bundle->shown != NULL && bundle->kept != NULL) {
        return rim_msg_view(ctx, tag, bundle->shown, bundle->shown_size, bundle->kept);
    }
    if (bundle->shown != NULL) {
        copy = rim_msg_new(ctx, tag, bundle->shown_size);
    }
    if (copy != NULL) {
        memcpy(rim_body(copy), bundle->shown, bundle->shown_size);
    }
    return copy;
}

void rim_bundle_free(rim_ctx *ctx, rim_bundle *bundle) {
    rim_msg_free(ctx, bundle->kept);
    if (bundle->open != NULL) {
        free_load(ctx, bundle->open);
    }
    bundle->kept = NULL;
    bundle->open = NULL;
    bundle->shown = NULL;
}
