/* SPDX-License-Identifier: MIT */
/* Two sockets that play ball. */
#include "closing.h"

enum { SOCKETS, PORTS = 2, BALLS = 4 };
enum { ROUNDS = 15 };

static void throw_ball(rim_ctx *ctx, uint32_t actor) {
    rim_address to;
    if (closing.numbers[SOCKETS + actor] == 0 || closing.numbers[PORTS + 1 - actor] == 0) {
        return; /* one of them is not there yet */
    }
    if (rim_address_parse("127.0.0.1", (uint16_t)closing.numbers[PORTS + 1 - actor], &to) == 0 &&
        closing.numbers[BALLS + actor]++ < ROUNDS) {
        for (int i = 0; i < 2; i++) {
            int error = rim_datagram_send(ctx, closing.numbers[SOCKETS + actor], &to, "ball", 4);
            CLOSING_CHECK(error == 0 || error == -RIM_EDOWN || error == -RIM_EFULL || error == -ENOMEM);
        }
    }
}

static void begin(rim_ctx *ctx, uint32_t actor) {
    rim_ref *socket = &closing.numbers[SOCKETS + actor];
    rim_datagram_options options = {.host = "127.0.0.1"};
    if (rim_datagram_open(ctx, &options, socket) != 0) {
        return;
    }
    closing_made(ctx, actor, *socket, NULL);
    rim_datagram_state state;
    if (rim_datagram_ask(ctx, *socket, &state) == 0) {
        closing.numbers[PORTS + actor] = state.local.port;
        closing_tell(ctx, 1 - actor, 0);
        throw_ball(ctx, actor);
    }
}

static void event(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg) {
    (void)body;
    closing_from(rim_from(msg));
    if (rim_tag(msg) == RIM_DATAGRAM || rim_tag(msg) == CLOSING_TALK) {
        throw_ball(ctx, actor);
    }
}

const struct closing_case closing_datagrams[] = {
    {.name = "datagrams", .actors = 2, .subject = 0, .begin = begin, .event = event},
    {.name = "datagrams-apart", .actors = 2, .subject = 1, .apart = true, .begin = begin, .event = event},
};
const uint32_t closing_datagram_count = RIM_COUNT(closing_datagrams);
