/* SPDX-License-Identifier: MIT */
/*
 * socket_world.h - what the scenarios of sockets share: a boss actor that is the client and the judge, bytes that can
 * be checked by their position, and owners that echo.
 */
#ifndef SOCKET_WORLD_H
#define SOCKET_WORLD_H

#include "ringmail.h"
#include "support/scenario.h"

#define SOCKET_WORLD_LIMIT_NS RIM_SECONDS(100)

/* Spawns the boss on shard 0, with `world` as init's argument, by pointer; and runs. */
/* Whether there is IPv6, with its own address for this host: it may be switched off. Where not, that is told. */
bool socket_world_has_ipv6(struct scenario *s);
void socket_world_run(struct scenario *s, const rim_behaviour *boss, void *world);
/* That pointer, in the boss's init. */
void *socket_world_of(const void *arg);

/* Connects to this port of the loopback, with a timeout of five seconds. */
rim_ref socket_world_connect(rim_ctx *ctx, struct scenario *s, const char *host, uint16_t port);
/* Listens on a port of the kernel's choice; for more than one connection `max` is 0. */
rim_ref socket_world_listen(rim_ctx *ctx, struct scenario *s, const rim_behaviour *owner, void *arg);

/* The byte at a position of a stream. */
static inline uint8_t socket_world_byte(uint64_t at) {
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}
/* Whether the bytes are those from `at` on. */
bool socket_world_is(const void *bytes, size_t size, uint64_t at);

/* A stream of bytes on its way out, written in odd pieces, and stopped by a full socket. */
struct socket_pump {
    rim_ref socket;
    uint64_t written, total;
    uint32_t piece;
    uint32_t refusals; /* times that the socket was full */
};
/* Writes on, until all is written (true) or the socket is full: then RIM_ROOM is asked for. */
bool socket_pump_run(rim_ctx *ctx, struct socket_pump *pump);

/* An owner that sends back what it gets, under pressure too. Without a row for RIM_SOCKET_END. */
extern const rim_behaviour socket_world_echo;

#endif
