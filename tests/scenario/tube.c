/* SPDX-License-Identifier: MIT */
#include "tube.h"

#include <string.h>

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)

struct tube *tube_take(void *self, const void *arg) {
    struct tube *tube = socket_world_of(arg);
    *(struct tube **)self = tube;
    return tube;
}

static rim_verdict tube_check(rim_ctx *ctx, struct tube *tube) {
    if (!tube->reader_closed || !tube->writer_closed) {
        return RIM_DONE;
    }
    tube->is_over = true;
    scenario_done(ctx);
    return RIM_STOP;
}

void tube_pump(rim_ctx *ctx, struct tube *tube) {
    if (!tube->writer_closed && socket_pump_run(ctx, &tube->pump)) {
        CHECK(rim_socket_close(ctx, tube->writer) == 0);
    }
}

rim_verdict tube_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    (void)body;
    (void)msg;
    tube_pump(ctx, tube);
    return RIM_DONE;
}

rim_verdict tube_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    size_t size = rim_size(msg);
    (void)ctx;
    CHECK(rim_from(msg) == tube->reader && !tube->has_ended && size > 0);
    if (tube->text == NULL) {
        CHECK(socket_world_is(body, size, tube->read));
    } else if (tube->read + size < sizeof tube->got) {
        memcpy(tube->got + tube->read, body, size);
    }
    tube->read += size;
    return RIM_DONE;
}

rim_verdict tube_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    (void)ctx;
    (void)body;
    CHECK(rim_from(msg) == tube->reader && !tube->has_ended);
    tube->has_ended = true;
    return RIM_DONE;
}

rim_verdict tube_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct tube *tube = tube_of(self);
    const rim_closed_event *event = body;
    (void)msg;
    if (event->socket == tube->reader) {
        CHECK(!tube->reader_closed && event->error == 0 && event->received == tube->read);
        tube->reader_closed = true;
    } else {
        CHECK(event->socket == tube->writer && !tube->writer_closed && event->error == tube->error);
        tube->writer_closed = true;
    }
    return tube_check(ctx, tube);
}

void tube_run(struct scenario *s, const rim_behaviour *boss, struct tube *tube) {
    socket_world_run(s, boss, tube);
    SCENARIO_CHECK(s, tube->is_over);
}
