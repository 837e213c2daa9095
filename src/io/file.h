/* SPDX-License-Identifier: MIT */
/*
 * file.h - one open file: the state machine behind a file actor. Written once, above io/op.h. Called by the files
 * file*.c, and by service.c, which cuts off what is left at the end.
 *
 *     OPENING --opened--> OPEN --closing, nothing waits, nothing in flight--> CLOSED: the owner is told, the actor
 * stops |                  ^
 *        '-- failed: error -'  (there is no descriptor; every call fails with the error, until it closes)
 *
 * It lives in a block of its own, because an operation's memory must outlive an actor that ends; so do its calls. It is
 * freed when the actor has ended and it is CLOSED.
 *
 *     mailbox -> waiting -> in flight -> outcome
 *
 *     Order    a call starts when those before it are over, but that reads and the like (shared) overlap each other
 *     Pressure what waits is bounded: beyond a mark the mailbox is held
 *     Close    behind what was asked for before, and when the carriers (file_carry.c) that hold it have ended
 *     Loss     a call that has started is waited for, also when actor, owner and system have ended; then nobody is told
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_FILE_H
#define RINGMAIL_IO_FILE_H

#include <sys/stat.h>

#include "io/service.h"
#include "ringmail/file.h"

enum rim__file_state { RIM_FILE_IS_OPENING, RIM_FILE_IS_OPEN, RIM_FILE_IS_CLOSED };

/* A request to the actor; what a write writes follows. */
struct rim__file_ask {
    uint32_t what; /* enum rim__file_what */
    uint32_t flags;
    uint64_t offset;
    uint64_t length;   /* of a write: all that follows */
    uint64_t is_exact; /* of a read; of a COPY_RANGE where it begins in the source */
};
_Static_assert(sizeof(struct rim__file_ask) == 32, "what follows is aligned as the message is");

/* Whether bytes follow. */
static inline bool rim__file_ask_brings(const struct rim__file_ask *ask) {
    return ask->what == RIM_FILE_OP_WRITE || ask->what == RIM_FILE_OP_REPLACE;
}

/* Of a read or a write: by a carrier (file_carry.c), which the file stays open for. */
#define RIM_FILE_CARRIED (1u << 31)

static inline bool rim__file_ask_is_carried(const struct rim__file_ask *ask) {
    return (ask->what == RIM_FILE_OP_READ || ask->what == RIM_FILE_OP_WRITE) && ask->flags == RIM_FILE_CARRIED;
}

enum {
    RIM_FILE_PROTOCOL = 0x7f08,
    RIM_FILE_CALL = (RIM_FILE_PROTOCOL << 16) + RIM_USER,
    RIM_FILE_CLOSE,
    RIM_FILE_HOLD, /* a rim_ref: the file stays open until that actor has ended */
};

struct rim__file_call {
    struct rim__file *file;
    struct rim__file_call *next; /* among those that wait */
    rim_token token;             /* of a request that was deferred; or of one without a message (is_direct) */
    struct rim_msg *msg;         /* what is written, or room for what is read */
    struct rim__file *source;    /* of a range that is copied: what it comes from, and is pinned */
    struct rim__file_ask ask;
    bool is_here, is_direct;
    uint32_t skew;     /* of an aligned read: bytes before those that are wanted */
    uint64_t span;     /* of one in flight: what is asked of the kernel; else 0 */
    uint64_t moved;    /* bytes */
    struct rim__op op; /* last, and no more of it than RIM_OP_FILE_SPAN */
};
#define RIM_FILE_CALL_SPAN (offsetof(struct rim__file_call, op) + RIM_OP_FILE_SPAN)

struct rim__file {
    struct rim__service *service;
    struct rim__file *next, **link; /* of the service */
    rim_ref self, owner;            /* owner RIM_NIL: there is none, or it has ended */
    struct rim__watch self_watch, owner_watch;
    struct rim_msg *opened, *closed; /* events that the owner will get, so that they never lack memory; or NULL */
    enum rim__file_state state;
    int fd;         /* -1: none */
    int error;      /* why it could not be opened */
    uint32_t align; /* of direct I/O; 0: it is not direct */
    bool self_gone, closing, held, busy;
    bool quiet;     /* the owner is not told */
    bool is_direct; /* opened with O_DIRECT */
    bool is_read_only;
    bool may_look;  /* into the page cache, before a read is submitted */
    bool exclusive; /* what is in flight suffers nothing beside it */
    uint32_t in_flight;
    uint32_t holds;  /* carriers that have not ended: it closes behind them */
    uint32_t misses; /* looks in vain, one after the other */
    uint32_t blind;  /* so many reads to come do without */
    uint32_t reads;  /* that the driver was given, up to when it was asked for a number */
    uint32_t fixed;  /* the number; 0: none */
    uint32_t waiting_count;
    uint64_t waiting_bytes;
    uint64_t position; /* RIM_FILE_HERE */
    struct rim__file_call *waiting, *last;
    struct rim__op opening;
    struct statx *status; /* of a file that is opened for direct I/O, while it is asked for */
    uint32_t path_size;   /* with its end */
    char path[];
};

extern const rim_behaviour rim__file_behaviour; /* file_actor.c; init's argument is a struct rim__file * */
/* Of this actor's file, or of the one that it carries somewhere (file_carry.c); NULL: it is no such actor. */
const char *rim__file_path_of(rim_ctx *ctx, rim_ref who);
const char *rim__file_carrier_path_of(rim_ctx *ctx, rim_ref who);

/* ---- file.c ---- */

/* In OPENING, without an actor as yet. NULL when out of memory. */
struct rim__file *rim__file_create(struct rim__service *service, const char *path);
/* Frees a file that nobody knows of. */
void rim__file_discard(struct rim__file *file);
/* A file in OPEN without a descriptor, for calls that need none; its owner is not told of its end. 0 or negative. */
int rim__file_stand_in(rim_ctx *ctx, const char *path, rim_ref *out);
/* Takes a call over. */
void rim__file_enqueue(struct rim__file *file, struct rim__file_call *call);
/* Whether a call that overlaps others may start at once, without being in the queue. */
bool rim__file_admits(const struct rim__file *file, bool is_carried);
/* Stays open until this actor has ended. Without memory it does not. */
void rim__file_hold(struct rim__file *file, rim_ref carrier);
void rim__file_let_go(struct rim__file *file);
/* Starts such a call. 0, or it was not taken. */
int rim__file_begin(struct rim__file *file, struct rim__file_call *call);
/* It has one call more in flight, which is another's: it stays open, and what changes it waits. Or no more. */
void rim__file_pin(struct rim__file *file);
void rim__file_unpin(struct rim__file *file);
/* Does whatever is to be done next. To be called last in every event; the file may be gone afterwards. */
void rim__file_settle(struct rim__file *file);
/* The actors are gone: closes now, or as soon as nothing is in flight. */
void rim__file_cut(struct rim__file *file);

/* ---- file_direct.c ---- */

/* A read without a message to the file. False: it was not taken; *error says why, or is 0: it is to be sent. */
bool rim__file_read_directly(rim_ctx *ctx, const rim_file_ask *ask, const struct rim__file_ask *call, rim_token *out,
                             int *error);

/* ---- file_ask.c ---- */

/* For carriers: as rim_file_read and rim_file_write, also while the file closes. */
int rim__file_read_carried(rim_ctx *ctx, const rim_file_ask *ask, size_t size);
int rim__file_write_carried(rim_ctx *ctx, const rim_file_ask *ask, const void *bytes, size_t size);
/* Before anything else that the caller sends to the file reaches it. 0 or -ENOMEM. */
int rim__file_ask_hold(rim_ctx *ctx, rim_ref file, rim_ref carrier);

/* ---- file_range.c ---- */

struct rim__file_range {
    rim_ref to;
    uint64_t offset, to_offset, length;
};
/* Copies a range of ask->file, now; the body of the outcome is a rim_file_result, whose bytes may be fewer. 0; -EAGAIN:
   not now, or not by the kernel; or the codes of rim_request. */
int rim__file_range_copy(rim_ctx *ctx, const rim_file_ask *ask, const struct rim__file_range *range);

/* ---- file_send.c ---- */

/* As send_file of struct rim__io_ops, or -EBUSY: not now, -EOPNOTSUPP: never between these two. */
int64_t rim__file_send_now(rim_ctx *ctx, rim_ref from, rim_ref to, uint64_t offset, uint64_t size);

/* ---- file_align.c: of a file with align != 0 ---- */

/* What to ask a stat for beside the rest; and what it said. 0, or -EOPNOTSUPP: no direct I/O on this file. */
uint32_t rim__file_align_mask(void);
int rim__file_align_read_status(struct rim__file *file, const struct statx *status);
/* Gives the call its span and its message. 0 or -ENOMEM. */
int rim__file_align_prepare_read(struct rim__file_call *call);
/* So many bytes more; whether there may be a rest. */
bool rim__file_align_has_rest(struct rim__file_call *call, uint32_t count);
/* The message is what was wanted. 0 or -ENODATA. */
int rim__file_align_finish_read(struct rim__file_call *call);
/* Its bytes are aligned. 0, -EINVAL (its place or length is not), -ENOMEM. */
int rim__file_align_prepare_write(struct rim__file_call *call);

/* ---- file_look.c ---- */

/*
 * Whether all of it could be read at once, from memory. It is not tried where it is not worth it; `crowd` is how many
 * calls are under way beside this one.
 */
bool rim__file_look(struct rim__file *file, const struct rim__file_ask *ask, void *bytes, uint64_t crowd);

/* ---- file_call.c ---- */

/* Starts it. 0; or it is over: negative is its error, and 1 it is done. */
int rim__file_call_start(struct rim__file_call *call);
/* The outcome, and the end of the call's memory. */
void rim__file_call_end(struct rim__file_call *call, int error);
/* "write /a/b at 4096: no space left on device". */
void rim__file_explain(const struct rim__file *file, const struct rim__file_call *call, int error, char *text,
                       size_t size);

static inline bool rim__file_is_cut(const struct rim__file *file) {
    return file->self_gone || file->service->detached;
}

#endif
