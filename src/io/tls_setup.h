/* SPDX-License-Identifier: MIT */
/*
 * tls_setup.h - a rim_tls: what its user asked for, the contexts of OpenSSL that were made of it, and the sessions that
 * its clients may resume. Private to the files that use OpenSSL.
 *
 *     contexts   one for each certificate, in a set; a reload makes a new set, and the old one goes with the last
 *                connection that began with it
 *     sessions   one for each server's name and port, as the server gave it last. One of TLS 1.3 is used once, because
 *                who listens may follow a ticket that is used twice; the server gives another. One of 1.2 stays
 *
 *     Threads  shared by all. The mutex is held to count, to exchange the set and to look up a session, never while a
 *              file is read or a handshake is under way; OpenSSL's contexts are its own to protect (decision 0051)
 */
#ifndef RINGMAIL_IO_TLS_SETUP_H
#define RINGMAIL_IO_TLS_SETUP_H

#include <openssl/ssl.h>
#include <pthread.h>

#include "ringmail/tls.h"

#define RIM_TLS_SESSIONS 64u

/* Contexts that belong together. The first one is the default, and makes all connections. */
struct rim__tls_set {
    uint32_t keepers; /* under the set-up's lock */
    uint32_t count;
    SSL_CTX *contexts[];
};

struct rim__tls_session {
    SSL_SESSION *session; /* NULL: an empty place */
    uint64_t used;        /* higher is later */
    uint16_t port;
    char name[RIM_TLS_NAME_MAX];
};

struct rim_tls {
    pthread_mutex_t lock; /* guards keepers, set and sessions */
    uint32_t keepers;     /* its user, listeners, connections */
    struct rim__tls_set *set;
    rim_tls_options options; /* with copies of all that it points to */
    unsigned char *alpn;     /* as it is on the wire: each with its length before it */
    uint32_t alpn_size;
    BIO_METHOD *method; /* tls.c */
    uint64_t uses;
    struct rim__tls_session sessions[RIM_TLS_SESSIONS];
};

/* The set that is valid now, kept for the caller. */
struct rim__tls_set *rim__tls_setup_take(rim_tls *setup);
void rim__tls_setup_return(rim_tls *setup, struct rim__tls_set *set);

/* tls_context.c: contexts of what the options say. 0 or negative, with a text. */
int rim__tls_context_make(const rim_tls *setup, struct rim__tls_set **out, char *text);
void rim__tls_context_free(struct rim__tls_set *set);
/* The oldest word in this thread's queue of OpenSSL's errors, or "". */
const char *rim__tls_context_reason(void);

/* tls_session.c: the session of this server, with a reference for the caller; NULL: none. */
SSL_SESSION *rim__tls_session_take(rim_tls *setup, const char *name, uint16_t port);
/* Takes the session. */
void rim__tls_session_put(rim_tls *setup, const char *name, uint16_t port, SSL_SESSION *session);
/* Nobody uses the set-up any more, or its files have changed. */
void rim__tls_session_drop_all(rim_tls *setup);

/* tls.c: what connects OpenSSL to the socket. NULL: out of memory. */
BIO_METHOD *rim__tls_make_method(void);
/* Callbacks of the contexts. */
int rim__tls_choose_name(SSL *ssl, int *alert, void *arg);
int rim__tls_new_session(SSL *ssl, SSL_SESSION *session);
/* tls_keys.c, for kernel TLS */
void rim__tls_note_secret(const SSL *ssl, const char *line);
void rim__tls_count_record(int is_sent, int version, int type, const void *bytes, size_t size, SSL *ssl, void *arg);

#endif
