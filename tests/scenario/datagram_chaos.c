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
    bool is_short; /* of memory, in simulation: what is asked for may be refused */
    int pipe[2];
    rim_address udp[PEERS]; /* family 0: not open */
} town;

struct peer {
    uint32_t index;
    rim_ref udp, local;
    rim_msg *kept[KEPT]; /* kept for a while, with what came along */
};

static bool is_well(int error) {
    return error == 0 || (town.is_short && error == -ENOMEM);
}

static bool is_sent(int error) {
    return is_well(error) || error == -RIM_EFULL || error == -ECONNREFUSED;
}

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
    int error = rim_datagram_open(ctx, &options, &self->udp);
    CHECK(is_well(error));
    self->udp = error == 0 ? self->udp : RIM_NIL;
    if (error == 0) {
        CHECK(rim_datagram_ask(ctx, self->udp, &state) == 0);
        town.udp[self->index] = state.local;
    }
}

/* Its name may be another's still: of an actor that has ended, and whose socket closes. */
static void open_local(rim_ctx *ctx, struct peer *self) {
    char host[64];
    name_local(host, self->index);
    rim_datagram_options options = {.host = host, .descriptors = roll(ctx, 3), .gather = roll(ctx, 2) == 0};
    int error = rim_datagram_open(ctx, &options, &self->local);
    CHECK(is_well(error) || error == -EADDRINUSE);
    self->local = error == 0 ? self->local : RIM_NIL;
}

static rim_verdict peer_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct peer *self = state;
    (void)size;
    memcpy(&self->index, arg, sizeof self->index);
    open_udp(ctx, self);
    open_local(ctx, self);
    return rim_every(ctx, RIM_US(1 + roll(ctx, 200)), RIM_US(100), 0) != 0 ? RIM_DONE : RIM_FAIL;
}

static void send_udp(rim_ctx *ctx, const struct peer *self) {
    static const char bytes[3000];
    const rim_address *to = &town.udp[roll(ctx, PEERS)];
    const rim_datagram_letter letter = {.to = to, .bytes = bytes, .size = roll(ctx, 3000), .segment = roll(ctx, 500)};
    if (to->family == 0 || self->udp == RIM_NIL) {
        return;
    }
    int error = roll(ctx, 2) == 0 ? rim_datagram_send(ctx, self->udp, to, bytes, roll(ctx, 3000))
                                  : rim_datagram_send_many(ctx, self->udp, &letter, 1, NULL);
    CHECK(is_sent(error));
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
    CHECK(is_sent(error));
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
        if (town.steps == STEPS && !town.is_short) {
            scenario_done(ctx);
        }
        return RIM_DONE; /* the system stops */
    }
    switch (roll(ctx, 16)) {
    case 0:
        CHECK(self->udp == RIM_NIL || is_well(rim_stop(ctx, self->udp)));
        town.udp[self->index].family = 0;
        open_udp(ctx, self);
        break;
    case 1:
        CHECK(self->local == RIM_NIL || is_well(rim_stop(ctx, self->local)));
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
    int error = rim_spawn(ctx, &peer, &options, &self->index, sizeof self->index, &ignored);
    CHECK(is_well(error));
    return error == 0 ? RIM_STOP : RIM_DONE;
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

static void play(struct scenario *s, const rim_behaviour *boss) {
    char byte;
    memset(&town, 0, sizeof town);
    SCENARIO_CHECK(s, pipe2(town.pipe, O_CLOEXEC | O_NONBLOCK) == 0);
    scenario_system_with(s, &(rim_config){.shards = 1, .buffers = 8});
    socket_world_run(s, boss, &town);
    SCENARIO_CHECK(s, scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
    close(town.pipe[1]);
    SCENARIO_CHECK(s, read(town.pipe[0], &byte, 1) == 0); /* nobody has a copy any more */
    close(town.pipe[0]);
}

void datagram_sockets_end_at_any_moment(struct scenario *s) {
    play(s, &mayor);
}

/* ---- out of memory ---- */

/* In simulation; elsewhere there is enough. Who cannot be spawned anew is missing from then on, so the time is limited.
 */
static rim_verdict watcher_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    CHECK(rim_every(ctx, RIM_MS(100), RIM_MS(100), 0) != 0);
    rim_verdict verdict = mayor_init(ctx, state, arg, size);
    if (scenario_is_sim(scenario_current())) {
        town.is_short = true;
        rim_sim_set_faults(rim_system_of(ctx), &(rim_sim_options){.no_memory = 20, .drop_more = 50, .no_buffers = 50});
    }
    return verdict;
}

static rim_verdict watcher_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state;
    (void)body;
    (void)msg;
    rim_sim_set_faults(rim_system_of(ctx), &(rim_sim_options){.latency_ns = 0});
    town.steps = STEPS;
    scenario_done(ctx);
    return RIM_STOP;
}

static const rim_handler watcher_on[] = {[RIM_TIMER] = watcher_timer};
static const rim_behaviour watcher = {
    .name = "watcher",
    .on = watcher_on,
    .on_count = RIM_COUNT(watcher_on),
    .init = watcher_init,
};

void datagram_sockets_do_without_memory(struct scenario *s) {
    play(s, &watcher);
}

/* ---- what the network does to datagrams ---- */

enum { NUMBERED = 300, AT_ONCE = 10 };

static struct {
    rim_ref udp, local, udp_sender, local_sender;
    uint32_t sent, local_next, udp_last, heard, repeated, overtaken;
    uint8_t times[NUMBERED];
} road;

static rim_verdict road_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    char host[64];
    rim_datagram_state udp;
    (void)state;
    (void)arg;
    (void)size;
    name_local(host, 0);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "127.0.0.1"}, &road.udp) == 0);
    CHECK(rim_datagram_ask(ctx, road.udp, &udp) == 0);
    rim_datagram_options to_udp = {.peer = "127.0.0.1", .peer_port = udp.local.port};
    CHECK(rim_datagram_open(ctx, &to_udp, &road.udp_sender) == 0);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = host}, &road.local) == 0);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.peer = host}, &road.local_sender) == 0);
    if (scenario_is_sim(scenario_current())) {
        const rim_sim_options faults = {.lose_datagram = 100, .repeat_datagram = 100, .latency_ns = RIM_MS(1)};
        rim_sim_set_faults(rim_system_of(ctx), &faults);
    }
    CHECK(rim_every(ctx, 0, RIM_MS(1), 0) != 0);
    return RIM_DONE;
}

/* As many of each; a Unix socket that has no room gets its datagram the next time. */
static rim_verdict road_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state;
    (void)body;
    (void)msg;
    for (int i = 0; i < AT_ONCE && road.sent < NUMBERED; i++) {
        int error = rim_datagram_send(ctx, road.local_sender, NULL, &road.sent, sizeof road.sent);
        if (error == -RIM_EFULL) {
            return RIM_DONE;
        }
        CHECK(error == 0 && rim_datagram_send(ctx, road.udp_sender, NULL, &road.sent, sizeof road.sent) == 0);
        road.sent++;
    }
    if (road.local_next == NUMBERED) {
        scenario_done(ctx);
        return RIM_STOP;
    }
    return RIM_DONE;
}

static rim_verdict road_datagram(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_datagram_event *event = body;
    uint32_t number;
    (void)ctx;
    (void)state;
    (void)msg;
    CHECK(event->error == 0 && event->size == sizeof number);
    memcpy(&number, rim_datagram_bytes(event), sizeof number);
    if (event->socket == road.local) {
        CHECK(number == road.local_next);
        road.local_next++;
        return RIM_DONE;
    }
    CHECK(event->socket == road.udp && number < NUMBERED);
    road.overtaken += number < road.udp_last;
    road.udp_last = number;
    road.repeated += road.times[number]++ > 0;
    road.heard++;
    return RIM_DONE;
}

static const rim_handler road_on[] = {[RIM_TIMER] = road_timer, [RIM_DATAGRAM] = road_datagram};
static const rim_behaviour traveller = {
    .name = "traveller",
    .on = road_on,
    .on_count = RIM_COUNT(road_on),
    .init = road_init,
};

void datagrams_are_lost_repeated_and_overtaken_but_on_unix_sockets(struct scenario *s) {
    memset(&road, 0, sizeof road);
    socket_world_run(s, &traveller, &road);
    SCENARIO_CHECK(s, road.local_next == NUMBERED);
    if (scenario_is_sim(s)) {
        SCENARIO_CHECK(s, road.repeated > 0 && road.overtaken > 0 && road.heard - road.repeated < NUMBERED);
    }
}
