/* SPDX-License-Identifier: MIT */
/* What is said beside a datagram, and what happens where there is no room for it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)

#define SENDERS 8

struct hearing {
    rim_datagram_options server;
    const char *to; /* where the client sends */
    rim_ref here, other, senders[SENDERS];
    rim_address address;
    uint32_t sent, heard, wanted;
    uint32_t by_sender[2][SENDERS]; /* with two servers: what each has got of each */
    rim_msg *kept[2];
    uint32_t kept_count;
    bool is_over;
};

static struct hearing *hearing_of(void *self) {
    return *(struct hearing **)self;
}

static struct hearing *begin(void *self, const void *arg) {
    struct hearing *hearing = socket_world_of(arg);
    *(struct hearing **)self = hearing;
    return hearing;
}

static uint16_t port_of(rim_ctx *ctx, rim_ref socket) {
    rim_datagram_state state = {0};
    CHECK(rim_datagram_ask(ctx, socket, &state) == 0);
    return state.local.port;
}

static void finish(rim_ctx *ctx, struct hearing *hearing) {
    hearing->is_over = true;
    scenario_done(ctx);
}

#define BEHAVIOUR(id, init_fn, ...)                                                                                    \
    static const rim_handler id##_rows[] = {__VA_ARGS__};                                                              \
    static const rim_behaviour id = {                                                                                  \
        .name = #id,                                                                                                   \
        .state_size = sizeof(struct hearing *),                                                                        \
        .on = id##_rows,                                                                                               \
        .on_count = RIM_COUNT(id##_rows),                                                                              \
        .init = init_fn,                                                                                               \
    }

static void hear(struct scenario *s, const rim_behaviour *boss, struct hearing *hearing) {
    socket_world_run(s, boss, hearing);
    SCENARIO_CHECK(s, hearing->is_over);
}

/* ---- where it came in ---- */

static rim_verdict way_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct hearing *hearing = begin(self, arg);
    (void)size;
    CHECK(rim_datagram_open(ctx, &hearing->server, &hearing->here) == 0);
    CHECK(rim_address_parse(hearing->to, port_of(ctx, hearing->here), &hearing->address) == 0);
    rim_datagram_options client = {.peer = hearing->to, .peer_port = hearing->address.port, .traffic_class = 0x28};
    CHECK(rim_datagram_open(ctx, &client, &hearing->other) == 0);
    CHECK(rim_datagram_send(ctx, hearing->other, NULL, "x", 1) == 0);
    return RIM_DONE;
}

static rim_verdict way_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct hearing *hearing = hearing_of(self);
    const rim_datagram_event *event = body;
    const rim_address *to = &hearing->address;
    (void)msg;
    CHECK(event->error == 0 && event->size == 1);
    CHECK(event->way.family == to->family && event->way.interface != 0);
    CHECK(memcmp(event->way.bytes, to->bytes, to->family == 4 ? 4 : 16) == 0);
    CHECK(event->hops == 64 && event->traffic_class == 0x28);
    CHECK(event->from.family == to->family && event->from.port == port_of(ctx, hearing->other));
    finish(ctx, hearing);
    return RIM_DONE;
}

BEHAVIOUR(way_finder, way_init, [RIM_DATAGRAM] = way_datagram);

void datagram_says_where_it_came_in(struct scenario *s) {
    static struct hearing hearing;
    hearing = (struct hearing){.server = {.host = "0.0.0.0", .tell_way = true}, .to = "127.0.0.3"};
    hear(s, &way_finder, &hearing);
}

void datagram_says_where_it_came_in_on_a_dual_stack(struct scenario *s) {
    static struct hearing hearing;
    hearing = (struct hearing){.server = {.tell_way = true}, .to = "127.0.0.3"};
    hear(s, &way_finder, &hearing);
    if (!socket_world_has_ipv6(s)) {
        return;
    }
    hearing = (struct hearing){.server = {.tell_way = true}, .to = "::1"};
    SCENARIO_CHECK(s, scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
    scenario_system_with(s, &(rim_config){.shards = 1});
    hear(s, &way_finder, &hearing);
}

/* ---- no room in the kernel ---- */

enum { FLOOD = 2000 };

static rim_verdict flood_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct hearing *hearing = begin(self, arg);
    char bytes[1000] = {0};
    (void)size;
    rim_datagram_options server = {.host = "127.0.0.1", .receive_buffer = 8192};
    CHECK(rim_datagram_open(ctx, &server, &hearing->here) == 0);
    rim_datagram_options client = {.peer = "127.0.0.1", .peer_port = port_of(ctx, hearing->here)};
    CHECK(rim_datagram_open(ctx, &client, &hearing->other) == 0);
    for (int i = 0; i < FLOOD; i++) {
        CHECK(rim_datagram_send(ctx, hearing->other, NULL, bytes, sizeof bytes) == 0);
    }
    CHECK(rim_every(ctx, RIM_MS(20), RIM_MS(20), 0) != 0);
    return RIM_DONE;
}

static rim_verdict flood_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct hearing *hearing = hearing_of(self);
    const rim_datagram_event *event = body;
    (void)msg;
    CHECK(event->error == 0);
    hearing->heard++;
    if (event->size == 0 && event->lost > 0) { /* sent when there was room again: the kernel has counted by then */
        rim_datagram_state state;
        CHECK(rim_datagram_ask(ctx, hearing->here, &state) == 0 && state.lost == event->lost);
        CHECK(event->lost < FLOOD && event->lost + hearing->heard >= FLOOD);
        finish(ctx, hearing);
    }
    return RIM_DONE;
}

static rim_verdict flood_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    CHECK(rim_datagram_send(ctx, hearing_of(self)->other, NULL, NULL, 0) == 0);
    return RIM_DONE;
}

BEHAVIOUR(flooded, flood_init, [RIM_DATAGRAM] = flood_datagram, [RIM_TIMER] = flood_timer);

void datagram_that_found_no_room_in_the_kernel_is_counted(struct scenario *s) {
    static struct hearing hearing;
    hearing = (struct hearing){.is_over = false};
    hear(s, &flooded, &hearing);
}

/* ---- no room at the owner; Unix sockets lose nothing ---- */

enum { MANY = 300 };

static void open_pair(rim_ctx *ctx, struct hearing *hearing) {
    char host[64];
    snprintf(host, sizeof host, "unix:@ringmail-%d-hearing", (int)getpid());
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = host}, &hearing->here) == 0);
    rim_datagram_options client = {.peer = host};
    CHECK(rim_datagram_open(ctx, &client, &hearing->other) == 0);
    CHECK(rim_every(ctx, 0, RIM_MS(1), 0) != 0);
}

static void free_kept(rim_ctx *ctx, struct hearing *hearing) {
    while (hearing->kept_count > 0) {
        rim_msg_free(ctx, hearing->kept[--hearing->kept_count]);
    }
}

static rim_verdict keen_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct hearing *hearing = hearing_of(self);
    (void)body;
    (void)msg;
    while (hearing->sent < MANY) {
        int result = rim_datagram_send(ctx, hearing->other, NULL, &hearing->sent, sizeof hearing->sent);
        CHECK(result == 0 || result == -RIM_EFULL);
        if (result != 0) {
            break;
        }
        hearing->sent++;
    }
    free_kept(ctx, hearing);
    return RIM_DONE;
}

static rim_verdict small_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    open_pair(ctx, begin(self, arg));
    return RIM_DONE;
}

static rim_verdict small_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct hearing *hearing = hearing_of(self);
    const rim_datagram_event *event = body;
    (void)msg;
    CHECK(event->error == 0 && event->size == sizeof(uint32_t) && event->lost == 0);
    if (++hearing->heard == MANY) {
        free_kept(ctx, hearing);
        finish(ctx, hearing);
    }
    return RIM_DONE;
}

BEHAVIOUR(small, small_init, [RIM_DATAGRAM] = small_datagram, [RIM_TIMER] = keen_timer);

static rim_verdict parent_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_ref ignored;
    (void)self;
    CHECK(rim_spawn(ctx, &small, &(rim_spawn_options){.mailbox_count = 2}, arg, size, &ignored) == 0);
    return RIM_DONE;
}

static const rim_behaviour parent = {.name = "parent", .init = parent_init};

void datagram_waits_in_the_kernel_while_its_owner_is_full(struct scenario *s) {
    static struct hearing hearing;
    hearing = (struct hearing){.is_over = false};
    hear(s, &parent, &hearing);
}

static rim_verdict greedy_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct hearing *hearing = hearing_of(self);
    if (hearing->kept_count < RIM_COUNT(hearing->kept)) {
        rim_msg *kept = rim_take(ctx, msg);
        CHECK(kept != NULL);
        hearing->kept[hearing->kept_count++] = kept;
        body = rim_body(kept);
        msg = kept;
    }
    return small_datagram(ctx, self, body, msg);
}

BEHAVIOUR(greedy, small_init, [RIM_DATAGRAM] = greedy_datagram, [RIM_TIMER] = keen_timer);

/* All the buffers that there are may be with the owner. */
void datagram_waits_for_a_receive_buffer_to_come_home(struct scenario *s) {
    static struct hearing hearing;
    hearing = (struct hearing){.is_over = false};
    scenario_system_with(s, &(rim_config){.shards = 1, .buffers = 2});
    hear(s, &greedy, &hearing);
}

/* ---- many sockets of one port ---- */

static rim_verdict spread_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct hearing *hearing = begin(self, arg);
    (void)size;
    rim_datagram_options server = {.host = "127.0.0.1", .spread = true};
    CHECK(rim_datagram_open(ctx, &server, &hearing->here) == 0);
    server.port = port_of(ctx, hearing->here);
    CHECK(rim_datagram_open(ctx, &server, &hearing->other) == 0);
    server.spread = false;
    CHECK(rim_datagram_open(ctx, &server, NULL) == -EADDRINUSE);
    for (uint32_t i = 0; i < SENDERS; i++) {
        rim_datagram_options client = {.peer = "127.0.0.1", .peer_port = server.port};
        CHECK(rim_datagram_open(ctx, &client, &hearing->senders[i]) == 0);
        for (uint32_t times = 0; times < 4; times++) {
            CHECK(rim_datagram_send(ctx, hearing->senders[i], NULL, &i, sizeof i) == 0);
        }
    }
    return RIM_DONE;
}

static rim_verdict spread_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct hearing *hearing = hearing_of(self);
    const rim_datagram_event *event = body;
    uint32_t sender;
    (void)msg;
    CHECK(event->size == sizeof sender);
    memcpy(&sender, rim_datagram_bytes(event), sizeof sender);
    hearing->by_sender[event->socket == hearing->other][sender % SENDERS]++;
    if (++hearing->heard < 4 * SENDERS) {
        return RIM_DONE;
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        CHECK(hearing->by_sender[0][i] * hearing->by_sender[1][i] == 0); /* the one or the other */
        CHECK(hearing->by_sender[0][i] + hearing->by_sender[1][i] == 4);
    }
    finish(ctx, hearing);
    return RIM_DONE;
}

BEHAVIOUR(spreader, spread_init, [RIM_DATAGRAM] = spread_datagram);

void datagram_sockets_spread_their_senders(struct scenario *s) {
    static struct hearing hearing;
    hearing = (struct hearing){.is_over = false};
    hear(s, &spreader, &hearing);
}

/* ---- who refused ---- */

static rim_verdict refused_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct hearing *hearing = begin(self, arg);
    rim_address nobody;
    (void)size;
    rim_datagram_options options = {.host = "127.0.0.1", .tell_errors = true};
    CHECK(rim_datagram_open(ctx, &options, &hearing->here) == 0);
    CHECK(rim_address_parse("127.0.0.1", 1, &nobody) == 0);
    CHECK(rim_datagram_send(ctx, hearing->here, &nobody, "x", 1) == 0);
    return RIM_DONE;
}

/* The second is sent after the first has been refused: it, too, leaves or is refused with a word, and none is lost. */
static rim_verdict refused_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct hearing *hearing = hearing_of(self);
    const rim_datagram_event *event = body;
    rim_address nobody;
    (void)msg;
    CHECK(event->error == -ECONNREFUSED && event->size == 0);
    CHECK(event->from.family == 4 && event->from.port == (hearing->heard == 0 ? 1 : 2));
    CHECK(rim_address_parse("127.0.0.1", 2, &nobody) == 0);
    if (hearing->heard++ == 0) {
        CHECK(rim_datagram_send(ctx, hearing->here, &nobody, "x", 1) == 0);
    } else {
        finish(ctx, hearing);
    }
    return RIM_DONE;
}

BEHAVIOUR(refused, refused_init, [RIM_DATAGRAM] = refused_datagram);

void datagram_refusal_says_who_refused(struct scenario *s) {
    static struct hearing hearing;
    hearing = (struct hearing){.is_over = false};
    hear(s, &refused, &hearing);
}

/* ---- to all ---- */

static rim_verdict caller_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct hearing *hearing = begin(self, arg);
    rim_address all;
    (void)size;
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "0.0.0.0"}, &hearing->here) == 0);
    CHECK(rim_address_parse("127.255.255.255", port_of(ctx, hearing->here), &all) == 0);
    CHECK(rim_datagram_send(ctx, hearing->here, &all, "x", 1) == -EACCES);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "0.0.0.0", .broadcast = true}, &hearing->other) == 0);
    CHECK(rim_datagram_send(ctx, hearing->other, &all, "x", 1) == 0);
    return RIM_DONE;
}

static rim_verdict caller_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct hearing *hearing = hearing_of(self);
    const rim_datagram_event *event = body;
    (void)msg;
    CHECK(event->socket == hearing->here && event->size == 1 && event->from.port == port_of(ctx, hearing->other));
    finish(ctx, hearing);
    return RIM_DONE;
}

BEHAVIOUR(town_crier, caller_init, [RIM_DATAGRAM] = caller_datagram);

void datagram_to_all_needs_the_option(struct scenario *s) {
    static struct hearing hearing;
    hearing = (struct hearing){.is_over = false};
    hear(s, &town_crier, &hearing);
}
