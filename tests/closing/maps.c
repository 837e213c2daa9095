/* SPDX-License-Identifier: MIT */
/* A region of a file: loading, waiting, views that outlive it, on this shard and on another. */
#include "closing.h"

enum { OWNER, READER };
enum { MAP };
enum { BYTES = 40000 };

static void event_outcome(rim_ctx *ctx);

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)body;
    uint32_t me = (uint32_t)cookie;
    closing.sum++;
    closing_answered(me);
    if (error == 0 && msg != NULL && rim_size(msg) > 1000) { /* a view: given away, or kept for a while */
        rim_msg *view = rim_take(ctx, msg);
        if (view != NULL) {
            rim_msg_retag(view, CLOSING_TALK);
            (void)rim_send_msg(ctx, closing.actors[1 - me], view);
        }
    }
    event_outcome(ctx);
    return RIM_DONE;
}

static void event_outcome(rim_ctx *ctx) {
    if (closing.asked[OWNER] == closing.outcomes[OWNER] && closing.numbers[MAP] != 0 && closing_me(ctx) == OWNER) {
        (void)rim_map_close(ctx, closing.numbers[MAP]);
    }
}

static rim_map_ask ask_of(uint32_t actor) {
    return (rim_map_ask){.map = closing.numbers[MAP],
                         .timeout_ns = RIM_SECONDS(20),
                         .on_outcome = on_outcome,
                         .cookie = actor};
}

static void call_all(rim_ctx *ctx, uint32_t actor) {
    rim_map_ask ask = ask_of(actor);
    (void)closing_asked(actor, rim_map_wait(ctx, &ask, NULL));
    (void)closing_asked(actor, rim_map_get(ctx, &ask, 0, 0, NULL));
    (void)closing_asked(actor, rim_map_get(ctx, &ask, 5000, 5000, NULL));
    (void)closing_asked(actor, rim_map_stat(ctx, &ask, NULL));
    (void)closing_asked(actor, rim_map_advise(ctx, &ask, 0, 0, RIM_MAP_WILLNEED, NULL));
    (void)closing_asked(actor, rim_map_sync(ctx, &ask, 0, 0, NULL));
}

static rim_verdict on_file(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)cookie;
    (void)error;
    (void)body;
    (void)msg;
    closing_answered(OWNER);
    rim_map_options options = {.path = "/closing/mapped",
                               .access = RIM_MAP_WRITE,
                               .load = RIM_MAP_LOAD_READ,
                               .step_bytes = 8192,
                               .progress = true};
    if (rim_map_open(ctx, &options, &closing.numbers[MAP]) == 0) {
        closing_made(ctx, OWNER, closing.numbers[MAP], rim_map_close);
        call_all(ctx, OWNER);
        closing_tell(ctx, READER, 0);
    }
    return RIM_DONE;
}

static void begin(rim_ctx *ctx, uint32_t actor) {
    static char bytes[BYTES];
    rim_file_replacement file = {.path = "/closing/mapped", .timeout_ns = RIM_SECONDS(20), .on_outcome = on_file};
    if (actor == OWNER) {
        (void)closing_asked(OWNER, rim_file_replace(ctx, &file, bytes, sizeof bytes, NULL));
    }
}

static void event(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg) {
    if (rim_tag(msg) == RIM_MAP_CLOSED) {
        closing_last(((const rim_map_closed_event *)body)->map);
        return;
    }
    closing_from(rim_from(msg));
    if (rim_tag(msg) == CLOSING_TALK && actor == READER && rim_size(msg) == sizeof(uint64_t)) {
        call_all(ctx, READER);
    }
}

const struct closing_case closing_maps[] = {
    {.name = "map", .actors = 2, .begin = begin, .event = event},
    {.name = "map-apart", .actors = 2, .apart = true, .begin = begin, .event = event},
};
const uint32_t closing_map_count = RIM_COUNT(closing_maps);
