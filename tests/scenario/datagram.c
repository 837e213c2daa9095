/* SPDX-License-Identifier: MIT */
/* Datagram sockets: UDP and Unix; both ends belong to one actor. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)

struct talk {
    rim_datagram_options server, client; /* the client's peer is the server, where is_connected */
    bool is_connected;
    const char *text; /* what is sent; the server answers what it has got */
    size_t size;      /* of the text */
    size_t heard;     /* what is left of it at size_max */
    rim_ref here, there;
    rim_address server_address;
    bool is_over;
};

static struct talk *talk_of(void *self) {
    return *(struct talk **)self;
}

static rim_address address_of(rim_ctx *ctx, rim_ref socket) {
    rim_datagram_state state = {0};
    CHECK(rim_datagram_ask(ctx, socket, &state) == 0);
    return state.local;
}

static rim_verdict talk_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct talk *talk = socket_world_of(arg);
    (void)size;
    *(struct talk **)self = talk;
    CHECK(rim_datagram_open(ctx, &talk->server, &talk->here) == 0);
    talk->server_address = address_of(ctx, talk->here);
    rim_datagram_options client = talk->client;
    if (talk->is_connected) {
        client.peer = talk->server.host;
        client.peer_port = talk->server_address.port;
    }
    CHECK(rim_datagram_open(ctx, &client, &talk->there) == 0);
    const rim_address *to = talk->is_connected ? NULL : &talk->server_address;
    CHECK(rim_datagram_send(ctx, talk->there, to, talk->text, talk->size) == 0);
    return RIM_DONE;
}

static rim_verdict talk_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct talk *talk = talk_of(self);
    const rim_datagram_event *event = body;
    CHECK(event->error == 0 && event->size == talk->heard && rim_size(msg) == sizeof *event + event->size);
    CHECK(memcmp(rim_datagram_bytes(event), talk->text, talk->heard) == 0);
    CHECK(rim_from(msg) == event->socket);
    if (event->socket == talk->here) {
        CHECK(event->is_truncated == (talk->heard < talk->size));
        CHECK(rim_datagram_send(ctx, talk->here, &event->from, rim_datagram_bytes(event), event->size) == 0);
        return RIM_DONE;
    }
    CHECK(event->socket == talk->there);
    CHECK(event->from.family == talk->server_address.family && event->from.port == talk->server_address.port);
    rim_datagram_state state = {0};
    CHECK(rim_datagram_ask(ctx, talk->there, &state) == 0 && state.sent == 1 && state.received == 1);
    CHECK(rim_stop(ctx, talk->there) == 0);
    talk->is_over = true;
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler talk_rows[] = {[RIM_DATAGRAM] = talk_datagram};
static const rim_behaviour talker = {
    .name = "talker",
    .state_size = sizeof(struct talk *),
    .on = talk_rows,
    .on_count = RIM_COUNT(talk_rows),
    .init = talk_init,
};

static void hold_talk(struct scenario *s, struct talk *talk) {
    talk->size = talk->text != NULL ? strlen(talk->text) : 0;
    talk->heard = talk->server.size_max != 0 && talk->server.size_max < talk->size ? talk->server.size_max : talk->size;
    socket_world_run(s, &talker, talk);
    SCENARIO_CHECK(s, talk->is_over);
}

void datagram_is_answered_over_ipv4(struct scenario *s) {
    static struct talk talk;
    talk = (struct talk){.server = {.host = "127.0.0.1"}, .client = {.host = "127.0.0.1"}, .text = "hello"};
    hold_talk(s, &talk);
}

void datagram_is_answered_to_who_is_connected(struct scenario *s) {
    static struct talk talk;
    talk = (struct talk){.server = {.host = "127.0.0.1"}, .is_connected = true, .text = "hello"};
    hold_talk(s, &talk);
}

void datagram_that_is_too_long_is_cut_off_and_says_so(struct scenario *s) {
    static struct talk talk;
    talk = (struct talk){.server = {.host = "127.0.0.1", .size_max = 3}, .is_connected = true, .text = "hello"};
    hold_talk(s, &talk);
}

void datagram_may_be_empty(struct scenario *s) {
    static struct talk talk;
    talk = (struct talk){.server = {.host = "127.0.0.1"}, .is_connected = true, .text = ""};
    hold_talk(s, &talk);
}

void datagram_larger_than_a_receive_buffer_comes_whole(struct scenario *s) {
    static struct talk talk;
    static char text[60001];
    memset(text, 'x', sizeof text - 1);
    talk = (struct talk){.server = {.host = "127.0.0.1", .size_max = RIM_DATAGRAM_SIZE_MAX}, .text = text};
    talk.client = (rim_datagram_options){.host = "127.0.0.1", .size_max = RIM_DATAGRAM_SIZE_MAX};
    hold_talk(s, &talk);
}

void datagram_goes_over_ipv6(struct scenario *s) {
    static struct talk talk;
    talk = (struct talk){.server = {.host = "::1"}, .client = {.host = "::1", .ipv6_only = true}, .text = "hello"};
    if (socket_world_has_ipv6(s)) {
        hold_talk(s, &talk);
    }
}

void datagram_goes_over_unix_sockets(struct scenario *s) {
    static struct talk talk;
    static char server[64], client[64];
    snprintf(server, sizeof server, "unix:/tmp/ringmail-%d-dgram", (int)getpid());
    snprintf(client, sizeof client, "unix:@ringmail-%d-dgram", (int)getpid());
    talk = (struct talk){.server = {.host = server, .mode = 0600}, .client = {.host = client}, .text = "hello"};
    hold_talk(s, &talk);
    SCENARIO_CHECK(s, scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
    SCENARIO_CHECK(s, access(server + 5, F_OK) != 0);
}

/* ---- multicast ---- */

static rim_verdict member_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct talk *talk = socket_world_of(arg);
    rim_address group;
    (void)size;
    *(struct talk **)self = talk;
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "0.0.0.0", .share = true}, &talk->here) == 0);
    CHECK(rim_address_parse("239.1.2.3", address_of(ctx, talk->here).port, &group) == 0);
    CHECK(rim_datagram_join(ctx, talk->here, &group, "lo") == 0);
    CHECK(rim_datagram_join(ctx, talk->here, &group, "lo") == -EADDRINUSE);
    CHECK(rim_datagram_join(ctx, talk->here, &group, "no such interface") == -EINVAL);
    rim_datagram_options sender = {.host = "0.0.0.0", .interface = "lo", .hops = 1};
    CHECK(rim_datagram_open(ctx, &sender, &talk->there) == 0);
    CHECK(rim_datagram_send(ctx, talk->there, &group, "all", 3) == 0);
    return RIM_DONE;
}

static rim_verdict member_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct talk *talk = talk_of(self);
    const rim_datagram_event *event = body;
    rim_address group;
    (void)msg;
    CHECK(event->socket == talk->here && event->size == 3 && memcmp(rim_datagram_bytes(event), "all", 3) == 0);
    CHECK(rim_address_parse("239.1.2.3", 1, &group) == 0);
    CHECK(rim_datagram_leave(ctx, talk->here, &group, "lo") == 0);
    CHECK(rim_datagram_leave(ctx, talk->here, &group, "lo") == -EADDRNOTAVAIL);
    talk->is_over = true;
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler member_rows[] = {[RIM_DATAGRAM] = member_datagram};
static const rim_behaviour member = {
    .name = "member",
    .state_size = sizeof(struct talk *),
    .on = member_rows,
    .on_count = RIM_COUNT(member_rows),
    .init = member_init,
};

void datagram_to_a_group_reaches_its_members(struct scenario *s) {
    static struct talk talk;
    talk = (struct talk){.is_over = false};
    socket_world_run(s, &member, &talk);
    SCENARIO_CHECK(s, talk.is_over);
}

/* ---- mistakes ---- */

static rim_verdict clumsy_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    static char large[70000];
    struct talk *talk = socket_world_of(arg);
    rim_datagram_options options = {.host = "127.0.0.1"};
    rim_address all;
    (void)size;
    *(struct talk **)self = talk;
    CHECK(rim_datagram_open(ctx, NULL, NULL) == -EINVAL);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "no address"}, NULL) == -EINVAL);
    CHECK(strstr(rim_error_text(ctx), "no address") != NULL);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "::1", .peer = "127.0.0.1"}, NULL) == -EINVAL);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "203.0.113.1"}, NULL) == -EADDRNOTAVAIL);
    CHECK(rim_datagram_open(ctx, &options, &talk->here) == 0);
    options.port = address_of(ctx, talk->here).port;
    CHECK(rim_datagram_open(ctx, &options, NULL) == -EADDRINUSE);
    CHECK(rim_datagram_send(ctx, talk->here, NULL, "x", 1) == -EDESTADDRREQ);
    CHECK(rim_address_parse("127.0.0.1", 9, &all) == 0);
    CHECK(rim_datagram_send(ctx, talk->here, &all, large, sizeof large) == -EMSGSIZE);
    CHECK(rim_datagram_join(ctx, talk->here, &all, NULL) == -EINVAL);
    CHECK(rim_address_parse("unix:@ringmail-nobody", 0, &all) == 0);
    CHECK(rim_datagram_join(ctx, talk->here, &all, NULL) == -EINVAL);
    CHECK(rim_datagram_send(ctx, RIM_NIL, &all, "x", 1) == -RIM_EBADREF);
    rim_datagram_state state;
    CHECK(rim_datagram_ask(ctx, rim_self(ctx), &state) == -RIM_EDOWN);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.peer = "127.0.0.1", .peer_port = 1}, &talk->there) == 0);
    CHECK(rim_datagram_send(ctx, talk->there, NULL, "x", 1) == 0);
    return RIM_DONE;
}

static rim_verdict clumsy_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct talk *talk = talk_of(self);
    const rim_datagram_event *event = body;
    (void)msg;
    CHECK(event->socket == talk->there && event->error == -ECONNREFUSED && event->size == 0);
    talk->is_over = true;
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler clumsy_rows[] = {[RIM_DATAGRAM] = clumsy_datagram};
static const rim_behaviour clumsy = {
    .name = "clumsy",
    .state_size = sizeof(struct talk *),
    .on = clumsy_rows,
    .on_count = RIM_COUNT(clumsy_rows),
    .init = clumsy_init,
};

void datagram_mistakes_and_refusals_are_told(struct scenario *s) {
    static struct talk talk;
    talk = (struct talk){.is_over = false};
    socket_world_run(s, &clumsy, &talk);
    SCENARIO_CHECK(s, talk.is_over);
}
