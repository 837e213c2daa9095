/* SPDX-License-Identifier: MIT */
/*
 * tls_play.h - a stage for scenarios of TLS: a boss on shard 0 that listens, connects, writes a stream and checks what
 * comes back; an owner at the other end that echoes; and, where the play wants it, a wire between them that is plain
 * TCP and does to the sealed bytes what the play says.
 *
 *     boss --TLS--> listener's owner (echo)
 *     boss --TLS--> wire --TCP--> listener's owner
 *
 *     Threads  what a play counts is atomic, or the boss's
 */
#ifndef TLS_PLAY_H
#define TLS_PLAY_H

#include <stdatomic.h>

#include "socket_world.h"
#include "tls_papers.h"

enum tls_ending { TLS_CLOSE_WHEN_RECEIVED, TLS_SHUTDOWN_WHEN_WRITTEN, TLS_WAIT };

struct tls_play {
    struct scenario *s;
    rim_tls_options server, client;
    bool plain_server, plain_client;
    const rim_behaviour *owner; /* NULL: the echo */
    const char *host;           /* to connect to; NULL: 127.0.0.1 */
    const char *name;           /* tls_name */
    uint64_t total;             /* to write, and to get back */
    enum tls_ending ending;
    uint32_t rounds;     /* connections, one after the other; 0: one */
    uint64_t timeout_ns; /* of the connect; 0: 5 s */
    /* Bytes that the wire does not pass on: it ends, or is silent, or passes something else. */
    bool wire;
    uint64_t cut_at;   /* bytes of the server's after which the wire ends both its sides; 0: never */
    uint64_t spoil_at; /* the byte of the server's, from 1, that is changed; 0: none */
    bool drop;         /* ends by a reset, not by an end */
    uint32_t crumb;    /* passes on pieces of at most so many bytes; 0: as they come */
    /* What is expected at the client's RIM_SOCKET_CLOSED. */
    int error;
    const char *text; /* is part of the event's text; NULL: not looked at */
    bool never_open;
    bool no_owner; /* no owner was spawned at the server */
    /* Called where the state is known; may be NULL. */
    void (*opened)(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state);
    void (*accepted)(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state);
    void (*closed)(rim_ctx *ctx, struct tls_play *play, const rim_closed_event *event);
    /* while it is given */
    rim_tls *server_tls, *client_tls;
    uint16_t port; /* the listener's */
    uint32_t round;
    atomic_uint owners; /* that were spawned */
    uint64_t got;       /* bytes that came back */
};

/* Server "server", client that trusts "ca", and a megabyte. */
struct tls_play tls_play_plain(struct scenario *s);
void tls_play_run(struct tls_play play);
/* The play that runs. */
struct tls_play *tls_play_current(void);

/* The wire: a listener's owner that passes all on to `port` of the play, see there. tls_wire.c */
extern const rim_behaviour tls_wire;

#endif
