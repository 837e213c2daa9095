/* SPDX-License-Identifier: MIT */
/* Who asks when everything has left is told, wherever he is. */
#include <string.h>

#include "socket_world.h"

enum { WATCH = RIM_USER, TOLD };
#define BYTES    100000u
#define WATCHERS 3u

struct order {
    struct scenario *s;
    rim_ref socket;
};

/* Asks on another shard than the socket's, and says what it heard. */
struct watcher {
    struct scenario *s;
    rim_ref boss;
};

static rim_verdict watcher_watch(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct watcher *watcher = self;
    struct order order;
    memcpy(&order, body, sizeof order);
    watcher->s = order.s;
    watcher->boss = rim_from(msg);
    SCENARIO_CHECK(watcher->s, rim_socket_flush(ctx, order.socket, 7) == 0);
    return RIM_DONE;
}

static rim_verdict watcher_sent(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const struct watcher *watcher = self;
    const rim_sent_event *event = body;
    (void)msg;
    SCENARIO_CHECK(watcher->s, event->cookie == 7 && event->bytes == BYTES);
    SCENARIO_CHECK(watcher->s, rim_send(ctx, watcher->boss, TOLD, NULL, 0) == 0);
    return RIM_STOP;
}

static const rim_handler watcher_rows[] = {[RIM_SOCKET_SENT] = watcher_sent, [WATCH] = watcher_watch};
static const rim_behaviour watcher_behaviour = {.name = "watcher",
                                                .state_size = sizeof(struct watcher),
                                                .on = watcher_rows,
                                                .on_count = RIM_COUNT(watcher_rows)};

struct boss {
    struct scenario *s;
    uint32_t told;
};

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct boss *boss = self;
    boss->s = socket_world_of(arg);
    (void)socket_world_listen(ctx, boss->s, &socket_world_echo, NULL);
    return RIM_DONE;
}

static rim_verdict boss_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    const struct boss *boss = self;
    (void)socket_world_connect(ctx, boss->s, "127.0.0.1", ((const rim_listening_event *)body)->address.port);
    return RIM_DONE;
}

static rim_verdict boss_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    static const uint8_t bytes[BYTES];
    struct boss *boss = self;
    rim_ref socket = ((const rim_open_event *)body)->socket;
    (void)msg;
    SCENARIO_CHECK(boss->s, rim_socket_write(ctx, socket, bytes, sizeof bytes) == 0);
    for (uint32_t i = 0; i < WATCHERS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_shard_count(ctx)};
        rim_ref watcher;
        SCENARIO_CHECK(boss->s, rim_spawn(ctx, &watcher_behaviour, &options, NULL, 0, &watcher) == 0);
        struct order order = {.s = boss->s, .socket = socket};
        SCENARIO_CHECK(boss->s, rim_send(ctx, watcher, WATCH, &order, sizeof order) == 0);
    }
    return RIM_DONE;
}

static rim_verdict boss_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx, (void)self, (void)body, (void)msg;
    return RIM_DONE;
}

static rim_verdict boss_told(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct boss *boss = self;
    (void)body;
    (void)msg;
    if (++boss->told == WATCHERS) {
        scenario_done(ctx);
        return RIM_STOP;
    }
    return RIM_DONE;
}

static const rim_handler boss_rows[] = {
    [RIM_LISTENING] = boss_listening, [RIM_SOCKET_OPEN] = boss_open, [RIM_SOCKET_DATA] = boss_data, [TOLD] = boss_told};
static const rim_behaviour boss_behaviour = {.name = "boss",
                                             .state_size = sizeof(struct boss),
                                             .init = boss_init,
                                             .on = boss_rows,
                                             .on_count = RIM_COUNT(boss_rows)};

void socket_flush_is_told_on_every_shard(struct scenario *s) {
    scenario_open_lanes(s);
    socket_world_run(s, &boss_behaviour, s);
}
