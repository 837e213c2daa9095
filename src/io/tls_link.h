/* SPDX-License-Identifier: MIT */
/*
 * tls_link.h - the state of one connection's TLS, and the link between OpenSSL and its socket. Private to the files
 * that use OpenSSL.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_TLS_LINK_H
#define RINGMAIL_IO_TLS_LINK_H

#include "io/outgoing.h"
#include "io/tls.h"
#include "io/tls_setup.h"
#include "shard/timer.h"

/* Plain bytes in a record, at most. What comes of them, and what is opened of one, has its block from the pools. */
#define RIM_TLS_RECORD_BYTES 16384u
/* A piece of so many is a record of its own where it lies; shorter ones are put together. */
#define RIM_TLS_ALONE_BYTES 4096u

struct rim__tls {
    struct rim__socket *socket;
    SSL *ssl;
    rim_tls *setup;           /* kept */
    struct rim__tls_set *set; /* kept */
    const unsigned char *in;  /* the rest of what has just been received */
    uint32_t in_size;
    uint32_t batch_size;         /* plain bytes, the first of output.out, that are sealed */
    uint64_t batch_end;          /* where they end among the sealed bytes */
    uint64_t sent;               /* sealed bytes that have left */
    struct rim__outgoing cipher; /* sealed */
    uint64_t deadline_ns;        /* of the handshake; 0: by the set-up */
    struct rim__timer timer;
    bool shaken;   /* the handshake has succeeded */
    bool failed;   /* nothing more is done with `ssl` */
    bool starved;  /* for want of memory */
    bool said_end; /* close_notify is sealed */
    bool kernel_tried;
    bool kernel_sends;               /* what is written goes out as it is */
    bool said_too_much;              /* OpenSSL wanted to send something all the same */
    uint8_t secret_size;             /* 0: there is none */
    uint8_t secret[EVP_MAX_MD_SIZE]; /* for kernel TLS: by which this end sends, until the keys were made of it */
    uint64_t records;                /* that were sealed with it */
    uint16_t port;
    char name[RIM_TLS_NAME_MAX]; /* of a client: its server's */
    char text[96];               /* why it failed */
};

#endif
