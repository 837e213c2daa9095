/* SPDX-License-Identifier: MIT */
/*
 * service.h - what the sockets and listeners of one shard share: the register of them all, and an actor, the clerk,
 * that hears for them what must not wait in the mailbox of a socket that is held: room at an owner, the stop of the
 * system, and news from further listeners on other shards. The clerk is spawned with the first socket.
 *
 *     Life      from rim__io_attach until rim__io_detach, and then until the last object is gone (driver->ops->close)
 *     Threads   the shard's own
 */
#ifndef RINGMAIL_IO_SERVICE_H
#define RINGMAIL_IO_SERVICE_H

#include "actor/actor.h"
#include "io/op.h"

struct rim__file;
struct rim__region;
struct rim__staging;
struct rim__datagram;
struct rim__lookout;
struct rim__listener;
struct rim__socket;

#define RIM_SERVICE_BUCKETS          1024u
#define RIM_SERVICE_DATAGRAM_BUCKETS 64u
#define RIM_SERVICE_LOG_NS           RIM_SECONDS(1) /* at most one line about handshakes that failed in so long */

struct rim__service {
    struct rim__shard *shard;
    struct rim__io *io;
    rim_ctx *ctx;
    rim_ref clerk;      /* RIM_NIL until there is a socket or a listener */
    bool closing;       /* the system stops: nothing new is received or accepted */
    bool detached;      /* the actors are gone: nothing is sent any more */
    uint64_t objects;   /* sockets, listeners, files and refusals that live; the service is freed after the last */
    bool has_no_tls;    /* the kernel */
    uint64_t logged_ns; /* when a handshake that failed was last logged; 0: never */
    struct rim__listener *listeners;
    struct rim__file *files;
    struct rim__lookout *lookouts;
    uint64_t looked_tick, looked_bytes; /* read from memory by file_look.c: in which tick, and how much */
    struct rim__region *regions;
    struct rim__staging *stages;
    struct rim__socket *waiting;                      /* sockets whose owner has no room */
    struct rim__socket *pushes, **pushes_end;         /* those that were written to in this tick's turns */
    struct rim__socket *sockets[RIM_SERVICE_BUCKETS]; /* by reference */
    struct rim__datagram *flushes;                    /* those that have gathered something */
    struct rim__datagram *datagrams[RIM_SERVICE_DATAGRAM_BUCKETS];
    /* How the driver takes back the buffers that it receives into; NULL until one was seen. */
    void (*buffer_release)(struct rim__shard *home, struct rim__body *body);
};

/* What clerks tell one another. `listener` means something only to the clerk that is told. */
enum {
    RIM_SERVICE_PROTOCOL = 0x7f02,
    RIM_SERVICE_ARMED = (RIM_SERVICE_PROTOCOL << 16) + RIM_USER, /* a further listener of `listener` listens, or not */
};

struct rim__notice {
    struct rim__listener *listener;
};

/* 0 or -ENOMEM. */
int rim__service_open(rim_ctx *ctx, struct rim__io *io);
/* Cuts off what is still open, and frees the service now or with its last object. */
void rim__service_close(struct rim__service *service);
/* For a handler: sees to it that there is a clerk. 0, or why it could not be spawned. */
int rim__service_start(rim_ctx *ctx);
/* An object was freed. The service may be gone afterwards. */
void rim__service_forget(struct rim__service *service);
/* Tells another shard's clerk RIM_SERVICE_ARMED. */
void rim__service_tell(struct rim__service *service, rim_ref clerk, const struct rim__notice *notice);
/* Once after this tick's turns: sends what sockets have gathered. */
void rim__service_run_after(struct rim__service *service);
/* Acts as the clerk, between enter and leave, as rim__ctx_enter. */
void *rim__service_enter(struct rim__service *service);

#endif
