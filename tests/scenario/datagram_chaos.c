/* SPDX-License-Identifier: MIT */
/*
 * Sockets that are opened, used and closed at any moment, by owners that end at any moment: nothing is lost but
 * datagrams, and no descriptor that travelled stays open.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)

enum { PEERS = 8, STEPS = 1500, KEPT = 4 };

/* All on one shard. */
static struct {
    uint32_t steps;
    int pipe[2];
    rim_address udp[PEERS]; /* family 0: not open */
} town;

struct peer {
    uint32_t index;
    rim_ref udp, local;
    rim_msg *kept[KEPT]; /* kept for a while, with what came along */
};

static void name_local(char host[64], uint32_t index) {
    snprintf(host, 64, "unix:@ringmail-%d-chaos-%u", (int)getpid(), index);
}

static uint32_t roll(rim_ctx *ctx, uint32_t sides) {
    return (uint32_t)(rim_random(ctx) % sides);
}

static void open_udp(rim_ctx *ctx, struct peer *self) {
    rim_datagram_options options = {
        .host = "127.0.0.1",
        .gather = roll(ctx, 2) == 0,
        .tell_errors = roll(ctx, 2) == 0,
        .tell_way = roll(ctx, 2) == 0,
        .merge = roll(ctx, 4) == 0,
        .size_max = roll(ctx, 4) == 0 ? RIM_DATAGRAM_SIZE_MAX : 0,
    };
    rim_datagram_state state;
    CHECK(rim_datagram_open(ctx, &options, &self->udp) == 0);
    CHECK(rim_datagram_ask(ctx, self->udp, &state) == 0);
    town.udp[self->index] = state.local;
}

/* Its name may be another's still: of an actor that has ended, and whose socket closes. */
static void open_local(rim_ctx *ctx, struct peer *self) {
    char host[64];
    name_local(host, self->index);
    rim_datagram_options options = {.host = host, .descriptors = roll(ctx, 3), .gather = roll(ctx, 2) == 0};
    int error = rim_datagram_open(ctx, &options, &self->local);
    CHECK(error == 0 || error == -EADDRINUSE);
    self->local = error == 0 ? self->local : RIM_NIL;
}

static rim_verdict peer_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct peer *self = state;
    (void)size;
    memcpy(&self->index, arg, sizeof self->index);
    open_udp(ctx, self);
    open_local(ctx, self);
    CHECK(rim_every(ctx, RIM_US(1 + roll(ctx, 200)), RIM_US(100), 0) != 0);
    return RIM_DONE;
}

static void send_udp(rim_ctx *ctx, const struct peer *self) {
    static const char bytes[3000];
    const rim_address *to = &town.udp[roll(ctx, PEERS)];
    const rim_datagram_letter letter = {.to = to, .bytes = bytes, .size = roll(ctx, 3000), .segment = roll(ctx, 500)};
    if (to->family == 0) {
        return;
    }
    int error = roll(ctx, 2) == 0 ? rim_datagram_send(ctx, self->udp, to, bytes, roll(ctx, 3000))
                                  : rim_datagram_send_many(ctx, self->udp, &letter, 1, NULL);
    CHECK(error == 0 || error == -RIM_EFULL || error == -ECONNREFUSED);
}

static void send_local(rim_ctx *ctx, const struct peer *self) {
    const int descriptors[2] = {town.pipe[1], town.pipe[1]};
    char host[64];
    rim_address to;
    name_local(host, roll(ctx, PEERS));
    CHECK(rim_address_parse(host, 0, &to) == 0);
    const rim_datagram_letter letter = {
        .to = &to, .bytes = "x", .size = 1, .descriptors = descriptors, .descriptor_count = roll(ctx, 3)};
    int error = self->local != RIM_NIL ? rim_datagram_send_many(ctx, self->local, &letter, 1, NULL) : 0;
    CHECK(error == 0 || error == -RIM_EFULL || error == -ECONNREFUSED);
}

static void free_kept(rim_ctx *ctx, struct peer *self) {
    for (uint32_t i = 0; i < KEPT; i++) {
        rim_msg_free(ctx, self->kept[i]);
        self->kept[i] = NULL;
    }
}

static rim_verdict replace(rim_ctx *ctx, const struct peer *self);

static rim_verdict peer_step(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct peer *self = state;
    (void)body;
    (void)msg;
    if (++town.steps >= STEPS) {
        if (town.steps == STEPS) {
            scenario_done(ctx);
        }
        return RIM_DONE; /* the system stops */
    }
    switch (roll(ctx, 16)) {
    case 0:
        CHECK(rim_stop(ctx, self->udp) == 0);
        town.udp[self->index].family = 0;
        open_udp(ctx, self);
        break;
    case 1:
        CHECK(self->local == RIM_NIL || rim_stop(ctx, self->local) == 0);
        open_local(ctx, self);
        break;
    case 2:
        return replace(ctx, self);
    case 3:
        free_kept(ctx, self);
        break;
    default:
        send_udp(ctx, self);
        send_local(ctx, self);
        break;
    }
    return RIM_DONE;
}

/* Some are kept, some have one of their descriptors taken, most are left alone. */
static rim_verdict peer_datagram(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct peer *self = state;
    const rim_datagram_event *event = body;
    uint32_t place = roll(ctx, 4 * KEPT);
    (void)event;
    if (rim_passed_count(msg) > 0 && roll(ctx, 2) == 0) {
        int taken = rim_passed_take(msg, 0);
        CHECK(taken >= 0);
        close(taken);
    }
    if (place < KEPT && self->kept[place] == NULL) {
        self->kept[place] = rim_take(ctx, msg);
    }
    return RIM_DONE;
}

static void peer_exit(rim_ctx *ctx, void *state, rim_exit why) {
    struct peer *self = state;
    (void)why;
    town.udp[self->index].family = 0;
    free_kept(ctx, self);
}

static const rim_handler peer_on[] = {[RIM_TIMER] = peer_step, [RIM_DATAGRAM] = peer_datagram};
static const rim_behaviour peer = {
    .name = "peer",
    .state_size = sizeof(struct peer),
    .on = peer_on,
    .on_count = RIM_COUNT(peer_on),
    .init = peer_init,
    .exit = peer_exit,
};

static rim_verdict replace(rim_ctx *ctx, const struct peer *self) {
    rim_ref ignored;
    rim_spawn_options options = {.mailbox_count = 1 + roll(ctx, 8)};
    CHECK(rim_spawn(ctx, &peer, &options, &self->index, sizeof self->index, &ignored) == 0);
    return RIM_STOP;
}

static rim_verdict mayor_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state;
    (void)arg;
    (void)size;
    for (uint32_t i = 0; i < PEERS; i++) {
        rim_spawn_options options = {.mailbox_count = 4};
        rim_ref ignored;
        CHECK(rim_spawn(ctx, &peer, &options, &i, sizeof i, &ignored) == 0);
    }
    return RIM_DONE;
}

static const rim_behaviour mayor = {.name = "mayor", .init = mayor_init};

void datagram_sockets_end_at_any_moment(struct scenario *s) {
    char byte;
    memset(&town, 0, sizeof town);
    SCENARIO_CHECK(s, pipe2(town.pipe, O_CLOEXEC | O_NONBLOCK) == 0);
    scenario_system_with(s, &(rim_config){.shards = 1, .buffers = 8});
    socket_world_run(s, &mayor, &town);
    SCENARIO_CHECK(s, scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
    close(town.pipe[1]);
    SCENARIO_CHECK(s, read(town.pipe[0], &byte, 1) == 0); /* nobody has a copy any more */
    close(town.pipe[0]);
}
