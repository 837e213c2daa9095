/* SPDX-License-Identifier: MIT */
/*
 * socket.h - TCP and Unix stream sockets: listeners and connections as actors.
 *
 * A connection is two actors on one shard: the socket, which is the library's, and its owner, which is the user's and
 * hears of it by events. The owner of an accepted connection is spawned by the listener, with a rim_connection as
 * init's argument; the owner of an outgoing one is whoever called rim_connect.
 *
 *     socket -> owner   RIM_SOCKET_OPEN, RIM_SOCKET_DATA..., RIM_SOCKET_END, RIM_SOCKET_SENT, RIM_SOCKET_CLOSED
 *     owner -> socket   rim_socket_write, rim_socket_shutdown, rim_socket_close, ... (messages underneath)
 *
 *     Order     data arrives in order; writes leave in order, also when several actors write (each write whole)
 *     Pressure  an owner whose mailbox fills stops the receive, and TCP's window slows the peer; a peer that does not
 *               read fills the socket's own mailbox, and writes return -RIM_EFULL until there is room
 *     End       when the owner ends, the socket flushes what was written and closes; RIM_SOCKET_CLOSED is the last
 *               event, always sent, and the descriptor is closed by then
 */
#ifndef RINGMAIL_SOCKET_H
#define RINGMAIL_SOCKET_H

#include <sys/uio.h>

#include "ringmail/actor.h"
#include "ringmail/passing.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RIM_FAMILY_UNIX       1
#define RIM_ADDRESS_PATH_SIZE 108

/* An IPv4 or IPv6 address with its port, or the name of a Unix socket. */
typedef struct rim_address {
    uint8_t family; /* 4, 6, or RIM_FAMILY_UNIX */
    uint8_t bytes[16];
    uint16_t port;                    /* host byte order */
    uint32_t scope_id;                /* IPv6 link-local */
    char path[RIM_ADDRESS_PATH_SIZE]; /* Unix, ends with a zero: a file, "@name" of Linux's abstract names, or "": none
                                       */
} rim_address;

#define RIM_ADDRESS_TEXT_MAX 128
/*
 * Numeric text and port to an address: "127.0.0.1", "::1", "[::1]"; "" or "*" is any IPv6 and IPv4. "unix:/a/file" and
 * "unix:@name" are Unix sockets, and the port is not looked at. 0, -EINVAL, or -ENAMETOOLONG: over 107 bytes of path.
 */
RIM_API int rim_address_parse(const char *host, uint16_t port, rim_address *out);
/* "127.0.0.1:80", "[::1]:80", "unix:/a/file", "unix:@name". Returns `text`. */
RIM_API char *rim_address_format(const rim_address *address, char text[RIM_ADDRESS_TEXT_MAX]);

/* What a connection is like. Zeroes are the defaults. */
typedef struct rim_socket_options {
    bool delay;                    /* leave Nagle's algorithm on: small writes wait for others (else TCP_NODELAY) */
    uint32_t keepalive_s;          /* seconds of silence, up to 32,767, after which the kernel asks whether the peer is
                                      still there; 0: it never does. While bytes are on their way it does not ask, but
                                      repeats them, for a quarter of an hour (tcp_retries2): idle_ns is sooner */
    uint32_t keepalive_interval_s; /* from one unanswered question to the next; 0: as the system has it, mostly 75 */
    uint32_t keepalive_count;      /* unanswered questions, up to 127, until it is -ETIMEDOUT; 0: mostly 9 */
    uint32_t send_buffer;          /* bytes that the kernel keeps for the network; 0: as it likes */
    uint32_t receive_buffer;       /* and from it; 0: as it likes */
    uint64_t idle_ns;              /* nothing came and nothing left for so long: it ends, -ETIMEDOUT; 0: never */
    uint64_t read_ns;              /* nothing came, although it was asked for: a paused socket has time; 0: never */
    uint64_t write_ns;    /* nothing left of what was written, to the kernel, whose buffer was full; 0: never. A
                             connection that a time-out ends with a part of it is reset, so that the peer does
                             not take that for all */
    uint64_t linger_ns;   /* how long a close, when all is sent, reads on from a peer that still sends, so that what we
                             sent is not lost in a reset; 0: 500 ms */
    uint32_t descriptors; /* that may come with one message over a Unix socket, without TLS (passing.h): Linux 6.0; 0:
                             none, what is sent is closed */
    uint32_t zero_copy;   /* bytes: what is written with at least so many at once is not copied by the kernel. The
                             memory stays in use until the peer has acknowledged it, and a stop of the system waits for
                             that, up to its deadline. Only with io_uring from Linux 6.10 on, TCP, and no TLS; else, and
                             with 0, never. It pays where the network card takes the bytes from memory, from some 16 KiB
                             on, and not within a machine: see zero_copies_copied of stats.h */
} rim_socket_options;

/* Who of the shards gets an accepted connection. */
enum rim_distribute {
    RIM_DISTRIBUTE_FD_HASH = 0, /* by a hash of the descriptor's number */
    RIM_DISTRIBUTE_ROUND_ROBIN,
    RIM_DISTRIBUTE_LEAST,     /* the shard with the fewest connections of this listener */
    RIM_DISTRIBUTE_REUSEPORT, /* a listener on every shard, the kernel chooses (SO_REUSEPORT) */
};

typedef struct rim_listen_options {
    const char *host; /* numeric, or "unix:/a/file" or "unix:@name"; NULL: every address, IPv6 and IPv4 (dual stack), or
                         IPv4 where there is no IPv6 */
    uint16_t port;    /* 0: the kernel chooses; see RIM_LISTENING */
    const rim_behaviour *owner;             /* spawned for each connection, on the connection's shard */
    const rim_spawn_options *owner_options; /* its mailbox and so on (place is ignored); NULL: defaults */
    const void *arg;                        /* handed on in rim_connection; must outlive the listener */
    enum rim_distribute distribute;
    uint32_t backlog;     /* 0: 4,096, which the kernel may cut (net.core.somaxconn) */
    bool adopt;           /* no address is bound: the listener works on a duplicate of `adopted` */
    int adopted;          /* with `adopt`: a listening descriptor, which another process has left or handed over, and
                             which stays the caller's to close. host, port, backlog, mode and reuse_port are not
                             looked at */
    bool reuse_port;      /* SO_REUSEPORT: other processes of the same user may listen on the port as well */
    uint32_t accept_rate; /* connections accepted in a second at most, on average, and at once; others wait in the
                             kernel's queue; 0: no limit */
    uint32_t max_connections;  /* at once; one more is accepted, told `full_text` and closed; 0: no limit */
    const char *full_text;     /* NULL: nothing; with TLS nothing either */
    bool ipv6_only;            /* an IPv6 address is not to take IPv4 as well */
    uint32_t mode;             /* of a Unix socket's file, as chmod(2) has it; 0: as the umask leaves it */
    rim_socket_options socket; /* of the connections */
    struct rim_tls *tls;       /* of a server (tls.h); NULL: plain. The listener and its connections keep it */
} rim_listen_options;

/* The argument of the init of a connection's owner. */
typedef struct rim_connection {
    rim_ref socket;
    rim_ref listener;
    rim_address local, peer;
    const void *arg; /* rim_listen_options.arg */
} rim_connection;

/*
 * Listens. The caller gets RIM_LISTENING when the listener accepts. 0, or with a text in rim_error_text and in the
 * log that names the address: -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL, ... `out` is a reference for rim_stop,
 * which closes the listener and leaves its connections.
 *
 * A Unix socket's file is made with the listener and goes with it. A file that is there already is taken over if it is
 * a socket that nobody listens on any more, as a killed process leaves it; else it is -EADDRINUSE. Whoever may write to
 * the file may connect. RIM_DISTRIBUTE_REUSEPORT is -EINVAL.
 */
RIM_API RIM_MUST_CHECK int rim_listen(rim_ctx *ctx, const rim_listen_options *options, rim_ref *out);

typedef struct rim_listening_event {
    rim_ref listener;
    rim_address address; /* with the port that the kernel chose */
} rim_listening_event;

/*
 * What follows is for the listener's own shard, and not for RIM_DISTRIBUTE_REUSEPORT: 0, -RIM_EDOWN (it is closed, or
 * being drained), -RIM_EBADREF, -RIM_ECONTEXT (elsewhere), -EOPNOTSUPP.
 */

/* Stops or resumes accepting: connections wait in the kernel's queue meanwhile, as many as the backlog allows. */
RIM_API int rim_listener_pause(rim_ctx *ctx, rim_ref listener, bool paused);
/*
 * A duplicate of the listening descriptor, the caller's: to be handed to another process, which adopts it, before this
 * one drains its listener. Both accept then, and what waits in the kernel's queue is nobody's alone, so nobody is
 * refused. Closed on exec. Also -EMFILE.
 */
RIM_API RIM_MUST_CHECK int rim_listener_share(rim_ctx *ctx, rim_ref listener, int *out);
/*
 * Accepts no more, closes the listening descriptor and waits for the connections to end; what is still open after
 * `timeout_ns` is aborted. The caller gets RIM_DRAINED when all have ended, and the listener has ended then. Also
 * -ENOMEM.
 */
RIM_API RIM_MUST_CHECK int rim_listener_drain(rim_ctx *ctx, rim_ref listener, uint64_t timeout_ns);

/* RIM_DRAINED: to the caller of rim_listener_drain, the last word about the listener. Default: ignored. */
typedef struct rim_drained_event {
    rim_ref listener;
    uint32_t ended;   /* connections that ended by themselves */
    uint32_t aborted; /* and those that did not in time */
    uint32_t left;    /* and those that live on, because the listener was ended before */
} rim_drained_event;

typedef struct rim_connect_options {
    const char *host; /* an address, "unix:/a/file" or "unix:@name" (no port then), or a name, which is looked up on a
                         helper thread (offload.h); its addresses are tried one after the other, 250 ms apart or as soon
                         as one has failed (RFC 8305) */
    uint16_t port;
    uint64_t timeout_ns; /* mandatory: of the look-up, all attempts and TLS's handshake together */
    rim_socket_options socket;
    struct rim_tls *tls;  /* of a client (tls.h); NULL: plain. The connection keeps it */
    const char *tls_name; /* whose certificate the server must have: a name or an address; NULL: `host`. Copied */
} rim_connect_options;

/*
 * Connects, on the caller's shard and with the caller as owner, who gets either RIM_SOCKET_OPEN or RIM_SOCKET_CLOSED
 * with the error (-ECONNREFUSED, -ETIMEDOUT, -ENETUNREACH, ...; of a name, that of the address that failed first, or
 * -RIM_ENOBODY: no such name, -EAGAIN: no answer about it; of a Unix socket also -ENOENT, -EACCES, and -EAGAIN where
 * too many wait to be accepted). 0, or -EINVAL, -EMFILE, ..., and for a name -RIM_EFULL (too
 * many jobs wait for a helper): then no event comes.
 */
RIM_API RIM_MUST_CHECK int rim_connect(rim_ctx *ctx, const rim_connect_options *options, rim_ref *out);

/* ---- events ---- */

/* RIM_SOCKET_OPEN: an outgoing connection is there. */
typedef struct rim_open_event {
    rim_ref socket;
    rim_address local, peer;
} rim_open_event;

/* RIM_SOCKET_DATA: the body is the bytes, rim_size(msg) of them (at least 1); the sender is the socket. No copy: the
   body is the buffer that the kernel filled, and goes home when the message is released (rim_take keeps it). */

/* RIM_SOCKET_END: no body; the peer has sent all it will (half-close), writing still works. Whether the peer is there
   at all is found out by writing, or by the option idle_ns. Default: the socket is closed when what was written is
   out. */

/* RIM_SOCKET_SENT: to owners that asked with rim_socket_flush: everything written before has left. */
typedef struct rim_sent_event {
    rim_ref socket;
    uint64_t cookie;
    uint64_t bytes; /* sent on this socket so far */
} rim_sent_event;

/* RIM_SOCKET_CLOSED: the last event. Default, where the owner's table has no row for it: the owner stops. */
typedef struct rim_closed_event {
    rim_ref socket;
    int32_t error;      /* 0: closed by the owner or after the peer's end; else -ECONNRESET, -ETIMEDOUT, ... */
    uint32_t unwritten; /* bytes that were written to the socket and never left (at most UINT32_MAX) */
    uint64_t received, sent;
    char text[160]; /* says what failed and with whom: "connect to 127.0.0.1:1: connection refused" */
} rim_closed_event;

/* ---- calls: any actor that has the reference ---- */

/* Writes a copy of the bytes. As rim_send: 0, -RIM_EFULL (the peer reads too slowly: rim_want_room), -RIM_EDOWN. */
RIM_API int rim_socket_write(rim_ctx *ctx, rim_ref socket, const void *bytes, size_t size);
/* Writes copies of all the pieces, as one write: nothing of another writer's comes in between. */
RIM_API int rim_socket_writev(rim_ctx *ctx, rim_ref socket, const struct iovec *pieces, size_t count);
/*
 * Writes a copy of the bytes, at least one, with which copies of these descriptors go over a Unix socket: passing.h. As
 * rim_socket_write, or -EINVAL, -EBADF, -EMFILE, and -EOPNOTSUPP: it is no Unix socket, or has TLS. For a socket on
 * another shard that is found out there: then nothing is written, and the log says so.
 */
RIM_API int rim_socket_write_with(rim_ctx *ctx, rim_ref socket, const void *bytes, size_t size, const int *descriptors,
                                  uint32_t count);
/* Writes the body of a message, whatever its tag, without a copy; consumes the message whatever it returns. */
RIM_API int rim_socket_write_msg(rim_ctx *ctx, rim_ref socket, rim_msg *msg);
/* The same, but consumes the message (and sets *msg to NULL) only on success. -EINVAL if there is none. */
RIM_API RIM_MUST_CHECK int rim_socket_try_write_msg(rim_ctx *ctx, rim_ref socket, rim_msg **msg);
/* RIM_SOCKET_SENT with `cookie`, to the caller, once everything written so far has left. */
RIM_API int rim_socket_flush(rim_ctx *ctx, rim_ref socket, uint64_t cookie);
/* Half-close: the peer sees the end after what was written; receiving goes on. */
RIM_API int rim_socket_shutdown(rim_ctx *ctx, rim_ref socket);
/* Closes after what was written has left; nothing more is received. */
RIM_API int rim_socket_close(rim_ctx *ctx, rim_ref socket);
/* Closes at once: what was not sent is dropped and the peer sees a reset (of a Unix socket: an end, unless it had sent
   what was not read). */
RIM_API int rim_socket_abort(rim_ctx *ctx, rim_ref socket);
/* Stops or resumes receiving; data that has already arrived may still come. */
RIM_API int rim_socket_pause(rim_ctx *ctx, rim_ref socket, bool paused);
/*
 * Changes all options; time-outs begin anew. A buffer of 0 bytes leaves that one as it is. 0, -EINVAL, -RIM_EDOWN,
 * -RIM_EBADREF or the kernel's word; for a socket on another shard what the kernel says is only logged.
 */
RIM_API int rim_socket_set(rim_ctx *ctx, rim_ref socket, const rim_socket_options *options);

typedef struct rim_socket_state {
    rim_address local, peer;
    uint64_t received, sent; /* bytes so far */
    uint64_t unsent;         /* bytes that were written and have not left */
    bool is_open;            /* connected, and not being closed */
    bool is_paused;
    rim_socket_options options;
} rim_socket_state;

/* On the socket's own shard, which is its owner's: 0, -RIM_EDOWN, -RIM_EBADREF; elsewhere -RIM_ECONTEXT. */
RIM_API RIM_MUST_CHECK int rim_socket_ask(rim_ctx *ctx, rim_ref socket, rim_socket_state *out);

/* Who is at the other end of a Unix socket: who connected, or who listened, and was so when it did. */
typedef struct rim_credentials {
    int32_t pid; /* 0: of another namespace */
    uint32_t uid, gid;
} rim_credentials;

/*
 * As the kernel vouches for it, for an open Unix socket. On the socket's own shard: 0, -EOPNOTSUPP (TCP), -RIM_EDOWN
 * (not open), -RIM_EBADREF; elsewhere -RIM_ECONTEXT.
 */
RIM_API RIM_MUST_CHECK int rim_socket_credentials(rim_ctx *ctx, rim_ref socket, rim_credentials *out);

#ifdef __cplusplus
}
#endif
#endif
