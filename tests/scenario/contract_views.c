/* SPDX-License-Identifier: MIT */
/* Point 11 of the contract again: what is viewed is released once, when the message and all views of it are gone. */
#include <stdatomic.h>

#include "role.h"

enum { SEEN = WORD, SEEN_AGAIN = ADD };

static char bytes[50000];

struct views {
    rim_ref maker, viewers[2];
    atomic_uint released;
    uint32_t back; /* views that came back; the maker's */
};

static void release(void *released, void *arg) {
    CHECK(released == bytes);
    atomic_fetch_add(&((struct views *)arg)->released, 1);
}

static rim_msg *view(rim_ctx *ctx, rim_msg *of, size_t from, size_t size) {
    rim_msg *msg = rim_msg_view(ctx, SEEN, (char *)rim_body(of) + from, size, of);
    CHECK(msg != NULL);
    CHECK(rim_tag(msg) == SEEN && rim_size(msg) == size);
    CHECK(memcmp(rim_body(msg), (char *)rim_body(of) + from, size) == 0);
    return msg;
}

/* Whoever sees one sends a view of it back, and lets go of his own. */
ROLE_ON(views_seen) {
    rim_msg *kept = rim_take(ctx, msg);
    rim_msg *again = view(ctx, kept, 1, rim_size(kept) - 1);
    rim_msg_free(ctx, kept);
    rim_msg_retag(again, SEEN_AGAIN);
    CHECK(rim_send_msg(ctx, ((struct views *)role_world(self))->maker, again) == 0);
    return RIM_DONE;
}
static const rim_handler viewer_on[] = {[SEEN] = views_seen};
ROLE(views_viewer, viewer_on);

ROLE_ON(views_go) {
    struct views *world = role_world(self);
    rim_msg *whole = rim_msg_wrap(ctx, SEEN, bytes, sizeof bytes, release, world);
    rim_msg *left = view(ctx, whole, 0, 20000), *right = view(ctx, whole, 20000, 30000);
    CHECK(rim_body(left) == bytes && rim_body(right) == bytes + 20000); /* no copies */
    rim_msg *small = view(ctx, whole, 7, 100), *nested = view(ctx, right, 1000, 5000);
    CHECK(rim_body(small) != bytes + 7 && rim_body(nested) == bytes + 21000);
    rim_msg_free(ctx, whole);
    rim_msg_free(ctx, right);
    CHECK(atomic_load(&world->released) == 0);
    CHECK(rim_send_msg(ctx, world->viewers[0], left) == 0);
    CHECK(rim_send_msg(ctx, world->viewers[1], nested) == 0);
    CHECK(rim_send_msg(ctx, world->viewers[0], small) == 0);
    rim_msg *inlined = rim_msg_new(ctx, SEEN, 4000); /* holds nothing but its own bytes */
    memcpy(rim_body(inlined), bytes, 4000);
    CHECK(rim_send_msg(ctx, world->viewers[1], view(ctx, inlined, 10, 2000)) == 0);
    rim_msg_free(ctx, inlined);
    return RIM_DONE;
}

ROLE_ON(views_again) {
    struct views *world = role_world(self);
    bool known = false;
    for (size_t from = 0; from <= 21001; from++) {
        known |= memcmp(bytes + from, body, rim_size(msg)) == 0;
    }
    CHECK(known);
    return ++world->back == 4 && rim_after(ctx, RIM_MS(1), 0) == RIM_NIL ? RIM_FAIL : RIM_DONE;
}

ROLE_ON(views_timer) {
    struct views *world = role_world(self);
    if (atomic_load(&world->released) == 1) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    return rim_after(ctx, RIM_MS(1), 0) == RIM_NIL ? RIM_FAIL : RIM_DONE;
}
static const rim_handler maker_on[] = {[GO] = views_go, [SEEN_AGAIN] = views_again, [RIM_TIMER] = views_timer};
ROLE(views_maker, maker_on);

void contract_11_viewed_body_is_released_after_its_last_view(struct scenario *s) {
    static struct views world;
    world = (struct views){0};
    struct role_cast cast = {.world = &world};
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 31 + (i >> 8) * 7);
    }
    scenario_open_lanes(s);
    world.viewers[0] = role_spawn(s, &views_viewer, 0, cast);
    world.viewers[1] = role_spawn(s, &views_viewer, 1, cast);
    world.maker = role_spawn(s, &views_maker, 0, cast);
    role_go(s, world.maker);
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(world.back == 4 && atomic_load(&world.released) == 1);
}
