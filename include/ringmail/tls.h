/* SPDX-License-Identifier: MIT */
/*
 * tls.h - TLS 1.2 and 1.3 on connections, as servers and as clients, by OpenSSL.
 *
 * A rim_tls is a set-up: certificates, whom to trust, which protocols to speak. It is named in the options of
 * rim_listen or rim_connect, and from then on a connection is used as a plain one: the same calls, the same events. The
 * bytes are those before encryption, also where they are counted.
 *
 *     rim_tls_create -> rim_listen_options.tls  -> accept -> handshake -> the owner is spawned
 *                    -> rim_connect_options.tls -> connect -> handshake -> RIM_SOCKET_OPEN
 *
 *     Beginning  the owner of an accepted connection is spawned when the handshake has succeeded; where it fails,
 *                nobody hears of it but the counter tls_failures and, at most once a second, the log. A client gets
 *                RIM_SOCKET_CLOSED with the error and its text
 *     End        rim_socket_shutdown sends close_notify, and RIM_SOCKET_END is the peer's. A peer that ends without it
 *                has been cut off, perhaps by an attacker: RIM_SOCKET_CLOSED with -RIM_ETRUNCATED, behind all that came
 *     Errors     of the protocol -RIM_ETLS; a certificate that is not accepted -RIM_ECERTIFICATE; the text says more.
 *                The peer is told by an alert
 *     Threads    a rim_tls is of all threads, under a mutex of its own, which is held for moments
 */
#ifndef RINGMAIL_TLS_H
#define RINGMAIL_TLS_H

#include "ringmail/socket.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rim_tls rim_tls;

/* Files, PEM: the certificate, behind it those that lead to the root; and the key of the first. */
typedef struct rim_tls_certificate {
    const char *certificate;
    const char *key;
} rim_tls_certificate;

enum rim_tls_verify {
    RIM_TLS_VERIFY_DEFAULT = 0, /* clients: REQUIRED; servers: NONE */
    RIM_TLS_VERIFY_NONE,        /* whoever it is: only against those who listen, not against those who interfere */
    RIM_TLS_VERIFY_OPTIONAL,    /* servers: a peer may have none; one that it has must be good */
    RIM_TLS_VERIFY_REQUIRED,
};

enum rim_tls_version { RIM_TLS_ANY = 0, RIM_TLS_1_2 = 0x0303, RIM_TLS_1_3 = 0x0304 };

/* Zeroes are the defaults. Everything is copied. */
typedef struct rim_tls_options {
    bool server;                             /* for rim_listen, else for rim_connect */
    const rim_tls_certificate *certificates; /* a server presents the one that has the name that the client asks for
                                                (SNI), or else the first, and has at least one; a client may have one */
    uint32_t certificate_count;
    const char *ca_file; /* PEM: whose certificates are good; NULL: the system's store (clients only) */
    enum rim_tls_verify verify;
    const char *const *alpn; /* protocols, in the order of preference: "h2", "http/1.1". A server that finds none of the
                                client's among them refuses it; one that is not asked goes on without */
    uint32_t alpn_count;
    enum rim_tls_version oldest; /* 0: TLS 1.2 */
    enum rim_tls_version newest; /* 0: TLS 1.3 */
    uint64_t handshake_ns;       /* how long an accepted connection's may take; 0: 10 s. A client's is part of the
                                    timeout of rim_connect */
    bool no_resumption;          /* every handshake is a full one */
    bool kernel;                 /* let the kernel seal what is sent, where it can (kernel TLS): TLS 1.3 over TCP. Where
                                    it cannot, which is logged once, all is as without */
} rim_tls_options;

#define RIM_TLS_TEXT_MAX 256

/*
 * Makes a set-up, and reads its files. 0, or with a text that says what and why, if `text` is not NULL: -EINVAL,
 * -ENOENT, -EACCES, -RIM_ECERTIFICATE (what is in a file is not what it should be), -ENOMEM; -ENOTSUP: this ringmail
 * was built without OpenSSL. It reads files: within a handler of a busy shard, rather by rim_offload.
 */
RIM_API RIM_MUST_CHECK int rim_tls_create(const rim_tls_options *options, rim_tls **out, char text[RIM_TLS_TEXT_MAX]);
/*
 * Reads the same files anew, for all connections that begin from now on; those that are there stay as they are. As
 * rim_tls_create; where it fails everything stays as it was. Earlier sessions are not resumed.
 */
RIM_API RIM_MUST_CHECK int rim_tls_reload(rim_tls *tls, char text[RIM_TLS_TEXT_MAX]);
/* The caller needs it no more. It is freed when no listener and no connection does. NULL is allowed. */
RIM_API void rim_tls_destroy(rim_tls *tls);

#define RIM_TLS_NAME_MAX 256

typedef struct rim_tls_state {
    uint16_t version;                /* enum rim_tls_version */
    bool resumed;                    /* an earlier session went on */
    bool kernel_sends;               /* the kernel seals (kernel TLS): it begins with the first byte written */
    bool has_certificate;            /* the peer has shown one */
    bool verified;                   /* and it was found good: by whom, and of clients the server's name */
    char protocol[RIM_TLS_NAME_MAX]; /* by ALPN; "": none */
    char name[RIM_TLS_NAME_MAX];     /* that the client asked for; "": none */
    char cipher[64];
    char subject[RIM_TLS_NAME_MAX]; /* of the peer's certificate, "CN = alice, O = example", cut where it is too long */
    uint8_t sha256[32];             /* of the peer's certificate */
} rim_tls_state;

/*
 * What was agreed on, from the beginning of the owner, or RIM_SOCKET_OPEN. On the socket's own shard: 0, -ENOTSUP (not
 * a TLS connection), -RIM_EDOWN (not open), -RIM_EBADREF; elsewhere -RIM_ECONTEXT.
 */
RIM_API RIM_MUST_CHECK int rim_socket_tls(rim_ctx *ctx, rim_ref socket, rim_tls_state *out);
/*
 * The peer's certificate, as DER: copied to `bytes` if `room` is enough. Its size, 0: it has shown none; or the codes
 * of rim_socket_tls.
 */
RIM_API int rim_socket_certificate(rim_ctx *ctx, rim_ref socket, void *bytes, size_t room);

#ifdef __cplusplus
}
#endif
#endif
