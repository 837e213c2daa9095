/* SPDX-License-Identifier: MIT */
/*
 * tls.h - the filter between a socket and its owner that speaks TLS: what was written is sealed on its way out, what is
 * received is opened on its way to the owner. For socket.c, input.c and output.c; the bodies are in tls.c, with
 * OpenSSL, or in tls_none.c, without.
 *
 *     output.out --seal--> cipher --send--> peer        one batch at a time: what is in it stays in output.out, and is
 *                                                       counted there, until all of it has left
 *     receive --feed--> bodies of plain bytes --> rim__input_pass
 *
 * OpenSSL does no I/O here: it writes into `cipher`, which may grow while a send is in flight, and reads from the
 * buffer that has just been received, which it always empties.
 *
 *     Order     as the plain socket's. Nothing is sealed before the handshake is over
 *     Loss      a fault of the protocol drops what was not sealed, and counts it
 *     Pressure  at most a batch is sealed ahead; what came is opened at once, and waits as bodies (input.h)
 *     Threads   the shard's own; a struct rim__tls_setup is shared, see tls_setup.h
 */
#ifndef RINGMAIL_IO_TLS_H
#define RINGMAIL_IO_TLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "ringmail/tls.h"
#include "shard/message.h"

struct rim__shard;
struct rim__socket;
struct rim__tls;

#define RIM_TLS_BATCH_BYTES  (64u * 1024u)   /* sealed at once: four records */
#define RIM_TLS_HANDSHAKE_NS RIM_SECONDS(10) /* of a server, unless its options say otherwise */

/* ---- set-ups: any thread ---- */

/* One more, or one fewer, keeps the set-up. */
void rim__tls_keep(rim_tls *setup);
void rim__tls_let_go(rim_tls *setup);
/* Whether a listener, or a connection to `name`, may have it: 0, or -EINVAL and `why`. */
int rim__tls_check_server(const rim_tls *setup, const char **why);
int rim__tls_check_client(const rim_tls *setup, const char *name, const char **why);

/* ---- one connection ---- */

/* What a connection is to be. */
struct rim__tls_plan {
    rim_tls *setup;
    const char *name;     /* the server's, of a client; NULL: this is the server */
    uint16_t port;        /* of the server: sessions are resumed by name and port */
    uint64_t deadline_ns; /* of the handshake; 0: as the set-up has it, from its beginning */
};

/* 0 or negative; then the socket stays as it was. */
int rim__tls_create(struct rim__socket *socket, const struct rim__tls_plan *plan);
/* The peer is there: the handshake begins. */
void rim__tls_begin(struct rim__socket *socket);
/* No handshake is waited for any more. */
void rim__tls_disarm(struct rim__socket *socket);
/* These bytes have come. Takes the body. */
void rim__tls_feed(struct rim__socket *socket, struct rim__body *body);
/* The peer's end has come, and no close_notify before it. */
void rim__tls_ended(struct rim__socket *socket);
/* Seals what may be, and the end, if there is nothing left before it. */
void rim__tls_seal(struct rim__socket *socket);
/* Whether sealed bytes wait. */
bool rim__tls_waits(const struct rim__tls *tls);
/* The first pieces of what is sealed, at most `max`. Returns how many. */
uint32_t rim__tls_gather(const struct rim__tls *tls, struct iovec *iov, uint32_t max);
/* So many sealed bytes have left. Returns how many of output.out's first bytes have left by that. */
uint32_t rim__tls_left(struct rim__tls *tls, struct rim__shard *shard, uint32_t size);
/* Whether anything has left. */
bool rim__tls_has_spoken(const struct rim__tls *tls);
/* Why it failed: "" or words to follow a colon. */
const char *rim__tls_text(const struct rim__tls *tls);
/* What was agreed on; the handshake is over. */
void rim__tls_describe(const struct rim__tls *tls, rim_tls_state *out);
/* The peer's certificate; its size, 0: none, or negative. */
int rim__tls_certificate(const struct rim__tls *tls, void *bytes, size_t room);
/* Nothing is in flight. NULL is allowed. */
void rim__tls_free(struct rim__tls *tls, struct rim__shard *shard);

#endif
