/* SPDX-License-Identifier: MIT */
/*
 * datagram.h - UDP and Unix datagram sockets as actors.
 *
 * A datagram socket is an actor of the library's, on the shard of its owner, who opened it and gets what comes. It ends
 * with its owner, or by rim_stop.
 *
 *     socket -> owner   RIM_DATAGRAM: one datagram each, or what the network says about an earlier one
 *     owner -> socket   rim_datagram_send, which is a system call and not a message on the socket's shard
 *
 *     Order     none is promised by the network; what the kernel has is handed over in its order
 *     Loss      the network's. An owner whose mailbox is full is not sent more: the kernel's buffer fills, drops what
 *               comes, and counts it (rim_datagram_event.lost)
 *     Threads   handlers on any shard
 */
#ifndef RINGMAIL_DATAGRAM_H
#define RINGMAIL_DATAGRAM_H

#include "ringmail/actor.h"
#include "ringmail/passing.h"
#include "ringmail/socket.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RIM_DATAGRAM_SIZE_MAX 65535u

/* What a datagram socket is like. Zeroes are the defaults. */
typedef struct rim_datagram_options {
    const char *host; /* numeric, "unix:/a/file" or "unix:@name"; NULL: any address (of the peer's family) */
    uint16_t port;    /* 0: the kernel chooses; see rim_datagram_ask */
    const char *peer; /* numeric or Unix: the one to talk to, no other is heard; NULL: anybody */
    uint16_t peer_port;
    uint32_t size_max;       /* a longer one is cut off; 0: 2,048, and all with merge; at most RIM_DATAGRAM_SIZE_MAX */
    uint32_t send_buffer;    /* bytes that the kernel keeps for the network; 0: as it likes */
    uint32_t receive_buffer; /* and from it; 0: as it likes */
    bool share;              /* others that share may have the same port: SO_REUSEADDR, for multicast */
    bool spread;           /* the same, and each sender's datagrams go to one of them: SO_REUSEPORT, for many shards */
    bool broadcast;        /* sending to broadcast addresses is allowed */
    bool ipv6_only;        /* an IPv6 address is not to take IPv4 as well */
    bool no_loop;          /* members on this machine do not hear what is sent to a group */
    bool tell_way;         /* rim_datagram_event says where each came in, and its hops and class */
    bool tell_errors;      /* what the network says about what was sent to anybody, not to the peer alone */
    bool gather;           /* what is sent in one turn leaves together at its end: see rim_datagram_send */
    bool merge;            /* datagrams of one sender may come together, as a train: see rim_datagram_event.segment */
    uint8_t hops;          /* of what is sent to a group, its time to live; 0: 1, this network alone */
    uint8_t traffic_class; /* of all that is sent: the byte that was called type of service; 0: as it is */
    uint32_t descriptors;  /* that may come with one over a Unix socket: passing.h; 0: none is taken */
    const char *interface; /* name of the one that leads to groups; NULL: the kernel's choice */
    uint32_t mode;         /* of a Unix socket's file, as chmod(2) has it; 0: as the umask leaves it */
} rim_datagram_options;

/*
 * Opens a socket on the caller's shard, with the caller as owner. 0, or with a text in rim_error_text: -EINVAL,
 * -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EMFILE, -ENETUNREACH, ... `out` may be NULL.
 */
RIM_API RIM_MUST_CHECK int rim_datagram_open(rim_ctx *ctx, const rim_datagram_options *options, rim_ref *out);

/* Where a datagram came in: which of this machine's addresses it was sent to. */
typedef struct rim_datagram_way {
    uint8_t family;     /* 4 or 6; 0: not known */
    uint32_t interface; /* its number, as if_nametoindex(3) has it; 0: not known */
    uint8_t bytes[16];  /* our address there; of a multicast or broadcast one, IPv4 has ours and IPv6 the group's */
} rim_datagram_way;

/*
 * RIM_DATAGRAM: the body, behind which the bytes follow. It is the library's memory: mostly the buffer that the kernel
 * has filled, which goes home when the message is released. rim_take keeps it without a copy; whoever keeps many of
 * them long keeps the shard's receive buffers, and its sockets wait.
 */
typedef struct rim_datagram_event {
    rim_ref socket;
    rim_address from;      /* of an error: where that was sent to, if it is known */
    int32_t error;         /* 0; else no bytes: -ECONNREFUSED (nobody has the port that was sent to), ... */
    uint32_t size;         /* of the bytes; a datagram may be empty */
    uint32_t lost;         /* that the kernel's buffer had no room for, so far */
    uint32_t segment;      /* 0: one datagram. Else the bytes are several: each of this size, the last maybe shorter */
    rim_datagram_way way;  /* with tell_way */
    uint8_t hops;          /* that it still had, its time to live; with tell_way; 0: not known */
    uint8_t traffic_class; /* with tell_way */
    bool is_truncated;     /* it was longer than size_max */
} rim_datagram_event;

static inline const void *rim_datagram_bytes(const rim_datagram_event *event) {
    return event + 1;
}

/*
 * Sends one datagram, now; `to` is NULL for the peer. 0; -RIM_EFULL: the kernel's buffer or a Unix peer's is full, try
 * later; -EMSGSIZE: it is too long; -EDESTADDRREQ: there is no peer; -EACCES: a broadcast without the option, or a
 * file; -ECONNREFUSED: an earlier one was refused, or nobody has the Unix name; -ENOENT, -ENETUNREACH, ... from the
 * kernel; -RIM_EDOWN, -RIM_EBADREF.
 *
 * With the option `gather` it is copied, and leaves with the others of this shard's turns in one system call. What the
 * kernel then says is told to the sender as an event: RIM_DATAGRAM with that error, and in `from` where it was to go.
 * So it is with a socket of another shard: the datagram goes there as a message, and -RIM_EFULL is the socket's
 * mailbox.
 */
RIM_API RIM_MUST_CHECK int rim_datagram_send(rim_ctx *ctx, rim_ref socket, const rim_address *to, const void *bytes,
                                             size_t size);

/* What can be said of a datagram that is to be sent. Zeroes are the defaults. */
typedef struct rim_datagram_letter {
    const rim_address *to;       /* NULL: the peer */
    const rim_datagram_way *way; /* our address that it is sent from, as an event had it; NULL: the kernel's choice */
    const void *bytes;
    size_t size;
    uint32_t segment; /* not 0: the bytes are a train, of datagrams of this size and a last one that may be shorter; the
                         kernel cuts it where it can (UDP_SEGMENT, 4.18) */
    uint32_t descriptor_count;
    const int *descriptors; /* copies go along over a Unix socket, at most RIM_PASSING_MAX: passing.h */
} rim_datagram_letter;

/*
 * Sends them in order, in as few system calls as it takes, now (after what was gathered). 0, or why one could not be
 * sent, as rim_datagram_send: `sent` (which may be NULL) is the number of those before it. Of a train a part may have
 * left. -EINVAL: no letters, or too many descriptors. On another shard than the socket's: -RIM_ECONTEXT with
 * descriptors.
 */
RIM_API RIM_MUST_CHECK int rim_datagram_send_many(rim_ctx *ctx, rim_ref socket, const rim_datagram_letter *letters,
                                                  size_t count, size_t *sent);

/*
 * Joins a multicast group, or leaves it, on the interface of this name (NULL: the kernel's choice). 0, -EINVAL (no such
 * group or interface), -EADDRINUSE (joined already), -EADDRNOTAVAIL (not joined), -RIM_EDOWN, -RIM_EBADREF. Of a socket
 * on another shard: what the kernel says is told to the caller as an event, as with rim_datagram_send.
 */
RIM_API RIM_MUST_CHECK int rim_datagram_join(rim_ctx *ctx, rim_ref socket, const rim_address *group,
                                             const char *interface);
RIM_API RIM_MUST_CHECK int rim_datagram_leave(rim_ctx *ctx, rim_ref socket, const rim_address *group,
                                              const char *interface);

/* The same for what one source sends to a group: RFC 4607. */
RIM_API RIM_MUST_CHECK int rim_datagram_join_source(rim_ctx *ctx, rim_ref socket, const rim_address *group,
                                                    const rim_address *source, const char *interface);
RIM_API RIM_MUST_CHECK int rim_datagram_leave_source(rim_ctx *ctx, rim_ref socket, const rim_address *group,
                                                     const rim_address *source, const char *interface);

typedef struct rim_datagram_state {
    rim_address local;       /* with the port that the kernel chose */
    uint64_t received, sent; /* datagrams; a train that came counts as one */
    uint64_t failed;         /* that were gathered, or came from other shards, and could not be sent */
    uint32_t lost;           /* as the last datagram said it */
} rim_datagram_state;

/* On the socket's own shard: 0, -RIM_EDOWN, -RIM_EBADREF; elsewhere -RIM_ECONTEXT. */
RIM_API RIM_MUST_CHECK int rim_datagram_ask(rim_ctx *ctx, rim_ref socket, rim_datagram_state *out);

#ifdef __cplusplus
}
#endif
#endif
