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
    uint64_t timeout_ns; /* of the connect */
    uint64_t linger_ns;  /* of the server's sockets; 0: the default */
    /* Bytes that the wire does not pass on: it ends, or is silent, or passes something else. */
    bool wire;
    uint64_t cut_at;   /* bytes of the server's after which the wire ends both its sides; 0: never */
    uint64_t spoil_at; /* the byte of the server's, from 1, that is changed; 0: none */
    bool drop;         /* ends by a reset, not by an end */
    uint32_t crumb;    /* passes on pieces of at most so many bytes; 0: as they come */
    uint32_t mailbox;  /* of the owner at the server; 0: the default */
    enum rim_distribute distribute;
    bool early;          /* the client writes before it is open */
    bool raw;            /* what comes back is not looked at */
    bool slow;           /* the client reads only when it has been refused */
    bool is_unix;        /* over a Unix socket */
    uint64_t give_up_ns; /* the client closes or aborts after so long, times the round; any end is good */
    /* What is expected at the client's RIM_SOCKET_CLOSED. */
    int error;
    const char *text; /* is part of the event's text; NULL: not looked at */
    bool never_open;
    bool no_owner; /* no owner was spawned at the server */
    bool may_fail; /* also a connect; then another is tried */
    int failures;  /* of both ends' handshakes; -1: not looked at */
    /* Called where the state is known; may be NULL. */
    void (*opened)(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state);
    void (*accepted)(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state);
    void (*closed)(rim_ctx *ctx, struct tls_play *play, const rim_closed_event *event);
    void (*halfway)(rim_ctx *ctx, struct tls_play *play);
    /* while it is given */
    rim_tls *server_tls, *client_tls;
    uint16_t port; /* the listener's */
    char unix_name[64];
    uint32_t round;
    atomic_uint owners; /* that were spawned */
    atomic_uint actors; /* that the play waits for */
    uint64_t got;       /* bytes that came back */
    uint32_t refusals;  /* of what the client wrote */
};

/* Server "server", client that trusts "ca", and a megabyte. */
struct tls_play tls_play_plain(struct scenario *s);
void tls_play_run(struct tls_play play);
/* An actor of the play has come to its end; the last one ends the play. */
void tls_play_leave(rim_ctx *ctx);
/* The play that runs. */
struct tls_play *tls_play_current(void);

/* The wire: a listener's owner that passes all on to `port` of the play, see there. tls_wire.c */
extern const rim_behaviour tls_wire;

#endif
