/* SPDX-License-Identifier: MIT */
/*
 * op.h - one I/O operation in flight, and the table of functions by which sockets reach a driver.
 *
 * Sockets and listeners are written once, above this; driver_uring.c, driver_epoll.c and driver_sim.c are its bodies.
 * The table is also the seam at which tests put faults.
 *
 *     Life     submit takes an idle op and owns it, and the memory that it names, until its terminal completion: the
 *              one with `more` false. Then, and only then, the op is idle again and may be submitted or freed. Each
 *              submitted op has exactly one terminal completion, also when it is cancelled.
 *     Order    done() is called from poll only, or where the shard drains its inlet (what helpers did), never within
 *              submit or cancel.
 *     Threads  everything on the shard's own thread.
 */
#ifndef RINGMAIL_IO_OP_H
#define RINGMAIL_IO_OP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "ringmail/datagram.h"
#include "ringmail/map.h"
#include "ringmail/poll.h"
#include "ringmail/process.h"
#include "ringmail/signal.h"
#include "ringmail/socket.h"
#include "shard/message.h"

struct rim__disk;
struct rim__io;
struct rim__op;
struct rim__lookup;
struct rim__tls_keys;
struct cmsghdr;
struct rim__mapping;
struct rim__map_plan;

enum rim__op_kind {
    RIM_OP_ACCEPT, /* multishot: result is the new descriptor */
    RIM_OP_RECV,   /* multishot: result is the count, `body` the bytes; 0 the peer's end; -ENOBUFS no buffer free */
    /* One-shot, of `iov`: result is the count, which may be short. With `zero_copy` two completions: the first, with
       `more`, is that; the terminal one says that the kernel has let go of the bytes, which may be long after, and be
       it that the descriptor was closed and the number reused. Its result is 0, or 1: they were copied all the same.
       In between another SEND may be submitted. Only where io.has_zero_copy; not with is_plain or control. */
    RIM_OP_SEND,
    RIM_OP_READY, /* one-shot: result is what it is ready for, of enum rim_poll_events: of `ready.events`, or an end or
                     error */
    /* Multishot, as RECV, with what is known of each (`receipt`): of datagrams, and of streams with descriptors. The
       body has the payload at its end, behind at least `message.room` bytes that are the callee's to use. A datagram
       may be empty; of a stream, no bytes and no body are the peer's end. */
    RIM_OP_RECV_MSG,
    RIM_OP_CONNECT, /* one-shot, to `address`, at most until deadline: result 0 or the error (-ETIMEDOUT) */
    RIM_OP_FILE,    /* one-shot, of a file: `file.what` */
    RIM_OP_MAP,     /* one-shot, of a mapped file: `map.what` */
};

/* What is done to a file. The result is 0 or negative where nothing else is said. */
enum rim__file_what {
    RIM_FILE_OP_OPEN,  /* path, flags, mode: result is the descriptor */
    RIM_FILE_OP_READ,  /* into bytes, size; at offset: result is the count, 0 at the end */
    RIM_FILE_OP_WRITE, /* from bytes, size; at offset, or RIM_FILE_OP_END: result is the count, which may be short */
    RIM_FILE_OP_SYNC,
    RIM_FILE_OP_DATASYNC,
    RIM_FILE_OP_TRUNCATE, /* to length */
    RIM_FILE_OP_ALLOCATE, /* offset, length; flags as the mode of fallocate(2) */
    RIM_FILE_OP_STAT,     /* into bytes: a struct statx; flags: what to ask for beyond STATX_BASIC_STATS */
    RIM_FILE_OP_ADVISE,   /* offset, length; flags as of posix_fadvise(3) */
    RIM_FILE_OP_LOCK,     /* offset, length; flags F_RDLCK, F_WRLCK or F_UNLCK: does not wait, -EAGAIN */
    RIM_FILE_OP_REPLACE,  /* path, mode; bytes, size: in one step. Needs no descriptor. Result 0 or negative */
    RIM_FILE_OP_FETCH, /* path, flags; into bytes, size: opens, reads from the beginning on, closes. Result is the count
                        */
    RIM_FILE_OP_COPY_RANGE, /* to offset, length; flags is the descriptor to copy from, from_offset on: the count, which
                               may be short, 0 at its end */
};
#define RIM_FILE_OP_END  UINT64_MAX  /* the offset of a write that appends */
#define RIM_FILE_OP_SIZE 0x7ffff000u /* the kernel moves no more at once */

/* What is done to a mapping; all but OPEN to `length` of its bytes from `offset` on. The result is 0 or negative. */
enum rim__map_what {
    RIM_MAP_OP_OPEN, /* plan: into `mapping` */
    RIM_MAP_OP_POPULATE,
    RIM_MAP_OP_POPULATE_WRITE,
    RIM_MAP_OP_ADVISE, /* advice */
    RIM_MAP_OP_SYNC,
    RIM_MAP_OP_UNMAP,
};

#define RIM_OP_IOV_MAX     32
#define RIM_OP_LETTERS_MAX 32u

/* Receive buffers are scarce when less than this part of them is at home. */
#define RIM_IO_BUFFERS_LOW 4u

/* Before a payload there is the kernel's header, an address, and what comes beside it (control). */
#define RIM_OP_ROOM_HEAD 16u
#define RIM_OP_ROOM_NAME 112u
#define RIM_OP_ROOM_MIN  (RIM_OP_ROOM_HEAD + RIM_OP_ROOM_NAME)

/* Where a datagram goes, and what is said about it. */
struct rim__receipt {
    void *bytes;
    size_t size;    /* that there is room for; not with RECV_MSG */
    int32_t result; /* bytes, or a negative errno; -EAGAIN: there is none */
    uint32_t lost;  /* so far, for want of room in the kernel's buffer; 0: it does not say */
    uint32_t segment;
    rim_address from;
    rim_datagram_way way;
    uint8_t hops, traffic_class;
    bool is_truncated;
    bool is_cut;                  /* more descriptors came than there was room for */
    const struct cmsghdr *rights; /* the descriptors, which are the callee's; NULL: none */
    void *control;                /* for receive_from: room for what comes beside it */
    size_t control_size;
};

struct rim__completion {
    int32_t result;                     /* count or descriptor, or a negative errno; -ECANCELED */
    bool more;                          /* further completions follow; false: terminal */
    struct rim__body *body;             /* RECV with a result above 0: now the callee's, to be sent on or released */
    const struct rim__receipt *receipt; /* RECV_MSG with a body */
};

struct rim__op {
    enum rim__op_kind kind;
    int fd;
    bool is_plain;   /* RECV and SEND: of a descriptor that is no socket */
    bool in_flight;  /* the driver's */
    bool cancelling; /* the driver's */
    bool once;       /* ACCEPT: one connection, and that was all */
    bool nowait;     /* ACCEPT, with once: -EAGAIN if nobody waits; -EINVAL: the kernel cannot say */
    bool hungry;     /* the driver's: a receive that has waited for a buffer, and had none since */
    uint32_t id;     /* the driver's */
    void (*done)(struct rim__op *op, const struct rim__completion *completion);
    union {
        struct {
            uint32_t iov_count;
            uint32_t control_size;
            void *control;     /* what goes with the first byte (sendmsg(2)); NULL: nothing */
            bool zero_copy;    /* from where they lie; to be set with each SEND */
            struct iovec *iov; /* the submitter's, until the terminal completion; RIM_OP_IOV_MAX at most */
        } send;
        struct {
            const rim_address *address; /* the submitter's, until the terminal completion */
            uint64_t deadline_ns;       /* of now() */
        } connect;
        struct {
            uint32_t room; /* before the payload; a multiple of 8, at least RIM_OP_ROOM_MIN: the rest is for control */
            uint32_t size; /* of the payload: a longer one is cut off */
            bool is_stream;
            uint8_t expected; /* the driver's */
        } message;
        struct {
            uint32_t events;
        } ready;
        struct {
            enum rim__file_what what;
            uint32_t flags, mode, size;
            uint64_t offset, length;
            const char *path;
            void *bytes;
            uint64_t from_offset;
            uint32_t fixed; /* the number that `fix` gave the descriptor; 0: none */
        } file;
        struct {
            enum rim__map_what what;
            rim_map_advice advice;
            struct rim__mapping *mapping;
            const struct rim__map_plan *plan;
            uint64_t offset, length;
        } map;
    };
};
/* As much of an operation as one on a file has: what is behind it need not be there. */
#define RIM_OP_FILE_SPAN (offsetof(struct rim__op, file) + sizeof((struct rim__op *)0)->file)
/* The same of one that receives, or waits until it can: RECV, RECV_MSG, READY. */
#define RIM_OP_RECEIVE_SPAN (offsetof(struct rim__op, message) + sizeof((struct rim__op *)0)->message)

/* A datagram socket to be opened. */
struct rim__datagram_plan {
    const rim_datagram_options *options; /* but for the addresses */
    rim_address address;                 /* its own */
    rim_address peer;                    /* family 0: none */
};

/* A stream that is no socket, to be opened. */
struct rim__pipe_plan {
    const char *path; /* NULL: `fd` */
    int fd;           /* taken over, but on failure */
    uint32_t ways;    /* enum rim_pipe_ways */
    bool is_standard; /* `fd` is a standard one, of which a copy is made */
    bool blocks;      /* the driver's: its descriptors are to wait in the kernel */
    bool is_socket;   /* out: after all */
    bool waits_first; /* out: it may have had no writer as yet, and a read would say that it ends */
    int flags;        /* out: to be set again before it is closed (F_SETFL); -1: none */
};

/* A child to be made. */
struct rim__spawn {
    const rim_process_options *options;
    bool blocks;    /* the driver's, as in a pipe's plan */
    int streams[3]; /* out: our ends of its pipes; -1: none */
    int32_t pid;    /* out */
};

struct rim__membership {
    const rim_address *group;
    const rim_address *source; /* that alone is heard; NULL: all */
    const char *interface;     /* NULL: any */
    bool join;                 /* else leave */
};

struct rim__file_part {
    int fd;
    uint64_t offset;
    size_t size;
};

/* How a whole file is read best. */
enum rim__fetch {
    RIM_FETCH_BY_HELPER = 0, /* RIM_FILE_OP_FETCH */
    RIM_FETCH_WHOLE,         /* OPEN and READ; a read that is short has come to the end */
    RIM_FETCH_IN_PIECES,     /* the same, but only a read of nothing has */
};

struct rim__io_ops {
    /* 0, or -ENOMEM / -EMFILE / ...: then the op stays idle and done is not called. */
    int (*submit)(struct rim__io *io, struct rim__op *op);
    /* Of a socket, in place of an op: sends what it takes now, without waiting, of the first `count` pieces. How many
       bytes, or a negative errno; -EAGAIN: none now. NULL: a driver that sends by ops alone. */
    int32_t (*send_now)(struct rim__io *io, int fd, const struct iovec *pieces, uint32_t count);
    /* Asks for an early end of an op that is in flight; its terminal completion comes all the same. */
    void (*cancel)(struct rim__io *io, struct rim__op *op);
    /* Whether at least a quarter of the buffers that receives are filled into is at home. */
    bool (*has_buffers)(struct rim__io *io);
    /* A listening descriptor; `bound` gets its address with the real port. Negative errno on failure. */
    int (*listen)(struct rim__io *io, const rim_address *address, const rim_listen_options *options,
                  rim_address *bound);
    /* The socket that was bound to `bound` has been closed: its file goes, if it has one. */
    void (*unname)(struct rim__io *io, const rim_address *bound, bool is_datagram);
    /* A stream socket for connecting to an address of this family. */
    int (*socket)(struct rim__io *io, const rim_address *peer);
    /* Finds the addresses of a name; may block. Any thread: see lookup.h. */
    int (*resolve)(struct rim__lookup *lookup);
    /* The two ends of a connected descriptor; either may be NULL. 0 or negative errno. */
    int (*names)(struct rim__io *io, int fd, rim_address *local, rim_address *peer);
    /* Who is at the other end of a connected Unix socket. 0 or negative errno. */
    int (*credentials)(struct rim__io *io, int fd, rim_credentials *out);
    /* Makes the kernel's options these; `before` are those that it has, NULL: a socket is fresh. 0 or negative errno.
     */
    int (*tune)(struct rim__io *io, int fd, const rim_socket_options *options, const rim_socket_options *before);
    /* A datagram socket, which never blocks; `bound` gets its address. Negative errno on failure. */
    int (*datagram)(struct rim__io *io, const struct rim__datagram_plan *plan, rim_address *bound);
    /* One datagram, now, to `to` or, if that is NULL, the peer. 0 or negative errno. */
    int (*send_to)(struct rim__io *io, int fd, const rim_address *to, struct iovec bytes);
    /* The first of these, at least one and at most RIM_OP_LETTERS_MAX; a train is at most what the kernel cuts at once.
       How many were sent, or a negative errno about the first. */
    int (*send_letters)(struct rim__io *io, int fd, const rim_datagram_letter *letters, uint32_t count);
    /* Whether trains are cut below: else a letter's segment is 0. */
    bool (*segments)(struct rim__io *io, int fd);
    void (*receive_from)(struct rim__io *io, int fd, struct rim__receipt *receipt);
    /* What the network has said about a datagram that was sent from here: result and from. False: nothing. */
    bool (*next_error)(struct rim__io *io, int fd, struct rim__receipt *receipt);
    /* Joins or leaves a group. 0 or negative errno. */
    int (*member)(struct rim__io *io, int fd, const struct rim__membership *membership);
    /* A duplicate of a descriptor for its user, who closes it. Negative errno; -EOPNOTSUPP: there are no others. */
    int (*duplicate)(struct rim__io *io, int fd);
    /* The ends of a pipe: to be read, to be written. 0 or negative errno. */
    int (*pipe)(struct rim__io *io, int ends[2]);
    /* The descriptor, or a negative errno. */
    int (*open_pipe)(struct rim__io *io, struct rim__pipe_plan *plan);
    /* A child; the descriptor can be read when it has exited. Negative errno: there is none. */
    int (*spawn)(struct rim__io *io, struct rim__spawn *spawn);
    /* 0 or negative errno. `group`: 0, or the process group that gets it instead. */
    int (*signal_child)(struct rim__io *io, int fd, int32_t group, int signal);
    /* Takes its exit status: fills in all but process and pid. 0, -EAGAIN: it runs, -ECHILD: it is not known. */
    int (*reap)(struct rim__io *io, int fd, rim_process_event *event);
    /* A descriptor of the driver's own for the same open file as the caller's `fd`, to be waited for. Negative errno.
     */
    int (*share)(struct rim__io *io, int fd);
    /* One that can be read when one of these signals has come: bit N - 1 is signal N. Negative errno; -RIM_ECONTEXT:
       this thread does not block them all. */
    int (*signals)(struct rim__io *io, uint64_t mask);
    /* The next of them, now: fills in all but `watch`. 0, -EAGAIN: none, or another negative errno. */
    int (*fetch_signal)(struct rim__io *io, int fd, rim_signal_event *event);
    /* Reads what is in memory, now and without waiting: how many bytes, 0 at the end of the file, or negative: an
       error, or it is not there. NULL: a driver that never looks. */
    ssize_t (*look)(int fd, void *bytes, size_t size, uint64_t offset);
    /* Sends a part of a file, now and without waiting, on a connection with nothing in flight that leaves: the count;
       0: the file ends before; -EAGAIN: the connection takes nothing now; -ENODATA: it is not in memory; or another
       negative errno. NULL: a driver that never does. */
    int64_t (*send_file)(struct rim__io *io, int fd, const struct rim__file_part *part);
    /* The file is read a lot: a number by which reads may name it beside its descriptor, or 0. NULL: there are none. */
    uint32_t (*fix)(struct rim__io *io, int fd);
    /* Before its descriptor is closed; nothing is in flight on it. */
    void (*unfix)(struct rim__io *io, uint32_t number);
    /* Kernel TLS: from now on what is sent is sealed with these keys. 0; -ENOENT: the kernel has it not; -EOPNOTSUPP,
       ...: not for this descriptor, which is as before. Nothing is in flight. */
    int (*seal)(struct rim__io *io, int fd, const struct rim__tls_keys *keys);
    /* On such a descriptor: close_notify. */
    void (*say_end)(struct rim__io *io, int fd);
    /* shutdown(2) with SHUT_RD, SHUT_WR or SHUT_RDWR; called directly. */
    int (*shutdown)(struct rim__io *io, int fd, int how);
    /* close(2). Nothing may be in flight on the descriptor. `reset`: the peer is to see a reset (linger 0). */
    void (*close)(struct rim__io *io, int fd, bool reset);
    enum rim__fetch fetch;
};

/* The I/O half of a driver. */
struct rim__io {
    const struct rim__io_ops *ops;
    const struct rim__disk *disk; /* folders and paths, for helpers: disk.h */
    struct rim__shard *shard;
    uint32_t message_max;     /* bytes that room and payload of a RECV_MSG may have; 0: there is no such operation */
    bool reads_in_batches;    /* many reads together are cheaper than as many looks */
    bool has_zero_copy;       /* of SEND */
    bool sends_in_batches;    /* several ops together are cheaper than as many calls of send_now */
    uint64_t operations;      /* completed */
    uint64_t operations_open; /* in flight now */
    uint64_t descriptors;     /* sockets open now: counted by listen, socket, accepted descriptors, and close */
    uint64_t bytes_in, bytes_out;
    uint64_t bytes_from_files; /* of those sent, by send_file */
    uint64_t tls_handshakes, tls_failures, tls_kernel;
    uint64_t zero_copies, zero_copies_copied; /* sends that the kernel has let go of; of those, the ones it copied */
};

#endif
