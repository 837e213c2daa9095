/* SPDX-License-Identifier: MIT */
/*
 * map.h - mapped files as actors: a region of a file in memory, opened by an actor, which owns it. What is read of it
 * are views: messages whose body lies in the region, sent to any shard without a copy.
 *
 *     map -> owner     RIM_MAP_PROGRESS ..., RIM_MAP_READY, some time RIM_MAP_CLOSED; or RIM_MAP_CLOSED alone, with an
 *                      error
 *     anyone -> map    rim_map_wait, rim_map_get, rim_map_sync, ...; each has its on_outcome
 *
 *     PENDING --mapped--> LOADING --all is in memory--> READY        without `load` it is READY when it is mapped
 *        '------------------'------- FAILED: RIM_MAP_CLOSED, and calls fail as it did
 *
 *     Blocking  opening, loading, advice, sync and the unmapping of much are done by the system's helpers (offload.h),
 *               loading in steps. But who touches a page that is not in memory waits for the disk, with his whole
 *               shard: that is what `load` is for
 *     Life      a view keeps the region mapped, whatever ends meanwhile: the map, its owner, the view's maker. It is
 *               unmapped when the map has ended and the last view was released
 *     Truncated A file that is made shorter takes the pages behind its new end out of every map of it. To touch one is
 *               SIGBUS, which ends the process. So: touch views of files that nobody shortens, and read others by
 *               rim_map_copy, which gives -EFAULT, or within rim_map_guarded. A socket without TLS may be given
 *               either: what the kernel cannot read fails with -EFAULT
 *     Sharing   a view is memory that all who have one share, and that other processes may write. The runtime does not
 *               order what several write to the same bytes
 *     Pressure  a view counts with its whole size in its receiver's mailbox: see rim_spawn_options.mailbox_bytes
 *     Threads   handlers, as everything with a rim_ctx; rim_map_copy and its like: whoever has the message
 */
#ifndef RINGMAIL_MAP_H
#define RINGMAIL_MAP_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rim_map_access {
    RIM_MAP_READ = 0, /* its views must not be written: that is SIGSEGV */
    RIM_MAP_WRITE,    /* what is written to a view is written to the file, some time; see rim_map_sync */
    RIM_MAP_PRIVATE,  /* copy on write: what is written to a view stays in this region */
} rim_map_access;

/* madvise(2): how the region will be used. */
typedef enum rim_map_advice {
    RIM_MAP_NORMAL = 0,
    RIM_MAP_RANDOM,     /* no reading ahead */
    RIM_MAP_SEQUENTIAL, /* much reading ahead */
    RIM_MAP_WILLNEED,   /* read it, some time */
    RIM_MAP_DONTNEED,   /* let go of its pages; what was written to a RIM_MAP_PRIVATE is gone */
    RIM_MAP_HUGEPAGE,   /* large pages, where kernel and file system know them: -EINVAL elsewhere */
    RIM_MAP_POPULATE,   /* read it now: the outcome comes when all of it is in memory */
} rim_map_advice;

typedef enum rim_map_load {
    RIM_MAP_LOAD_NONE = 0,
    RIM_MAP_LOAD_READ,  /* all pages are brought in, so that reading does not wait */
    RIM_MAP_LOAD_WRITE, /* and so that writing does not: it makes them dirty, or copies of a RIM_MAP_PRIVATE */
} rim_map_load;

/* Zeroes are the defaults. */
typedef struct rim_map_options {
    const char *path; /* copied; required. Of a regular file: -EISDIR, -ENODEV for others */
    rim_map_access access;
    rim_map_advice advice; /* for the whole region; one that the kernel does not know is left out */
    uint64_t offset;       /* bytes from the file's beginning; any, not just whole pages */
    uint64_t length;       /* 0: up to the end that the file has then, which may be no bytes at all. Else the file must
                              have them all, or it is -ENODATA */
    bool extend;           /* RIM_MAP_WRITE with a length: the file is made if it is not there, and given disk space for
                              the whole region, so that writing to it finds some. -ENOSPC */
    uint32_t mode;         /* of a file that is made, less the process's umask; 0: 0666 */
    rim_map_load load;
    uint64_t step_bytes; /* of loading: how much one helper brings in at a time; 0: 4 MiB */
    bool progress;       /* RIM_MAP_PROGRESS after each step but the last */
} rim_map_options;

/*
 * Maps a file, on the caller's shard and with the caller as owner. `out` is good at once: calls wait until the region
 * is ready. 0, or -EINVAL, -ENAMETOOLONG, -ENOMEM, -RIM_ELIMIT, -RIM_ESTOPPING, -RIM_EFULL (too many jobs wait for a
 * helper): then no event comes. What goes wrong later comes with RIM_MAP_CLOSED: -ENOENT, -EACCES, -EMFILE, -ENOMEM
 * (also: too many maps), -EFAULT (while loading: the file has become shorter, or the disk cannot read it), ...
 */
RIM_API RIM_MUST_CHECK int rim_map_open(rim_ctx *ctx, const rim_map_options *options, rim_ref *out);
/* The owner gets RIM_MAP_CLOSED, calls that wait fail with -RIM_EDOWN, and views stay good. The same when the owner
   ends. 0, or the codes of rim_send. */
RIM_API int rim_map_close(rim_ctx *ctx, rim_ref map);

/* ---- events ---- */

/* RIM_MAP_READY, and RIM_MAP_PROGRESS. */
typedef struct rim_map_event {
    rim_ref map;
    uint64_t size;   /* bytes of the region */
    uint64_t loaded; /* of these, in memory */
} rim_map_event;

/* RIM_MAP_CLOSED, the last event. Default, where the owner's table has no row for it: ignored. */
typedef struct rim_map_closed_event {
    rim_ref map;
    int32_t error;  /* 0, or why it could not be mapped or loaded; -RIM_ESTOPPING: the system stops */
    char text[252]; /* "map /no/such/file: no such file or directory" */
} rim_map_closed_event;

/* ---- calls: any actor that has the reference ---- */

typedef enum rim_map_state { RIM_MAP_PENDING = 0, RIM_MAP_LOADING, RIM_MAP_IS_READY, RIM_MAP_FAILED } rim_map_state;

/* What all calls have. A call returns 0: on_outcome will be called, exactly once; or the codes of rim_request. With an
   error rim_error_text, within on_outcome, names the path. */
typedef struct rim_map_ask {
    rim_ref map;
    uint64_t timeout_ns; /* mandatory */
    rim_outcome on_outcome;
    uint64_t cookie; /* handed to on_outcome */
} rim_map_ask;

typedef struct rim_map_status {
    rim_map_state state;
    int32_t error; /* of RIM_MAP_FAILED */
    uint64_t size; /* bytes of the region; 0 while it is PENDING */
    uint64_t loaded;
} rim_map_status;

/* How it stands now. Body: rim_map_status. */
RIM_API RIM_MUST_CHECK int rim_map_stat(rim_ctx *ctx, const rim_map_ask *ask, rim_token *out);
/* When it is ready, with the same body, or has failed; -ETIMEDOUT: it is neither at the deadline. */
RIM_API RIM_MUST_CHECK int rim_map_wait(rim_ctx *ctx, const rim_map_ask *ask, rim_token *out);
/*
 * When it is ready: a view of `length` bytes from `offset` (in the region) on; 0: to its end. The outcome's body is the
 * bytes, its message the view (rim_take keeps it). -ENODATA: the region ends before; -RIM_ETOOBIG: more than
 * RIM_BODY_MAX.
 */
RIM_API RIM_MUST_CHECK int rim_map_get(rim_ctx *ctx, const rim_map_ask *ask, uint64_t offset, uint64_t length,
                                       rim_token *out);
/* Once it is mapped, for `length` bytes from `offset` on; 0: to its end. No body. */
RIM_API RIM_MUST_CHECK int rim_map_advise(rim_ctx *ctx, const rim_map_ask *ask, uint64_t offset, uint64_t length,
                                          rim_map_advice advice, rim_token *out);
/* msync(2): what was written to these bytes before is on the disk when the outcome comes; 0: to the region's end. No
   body. -EINVAL of a RIM_MAP_PRIVATE. */
RIM_API RIM_MUST_CHECK int rim_map_sync(rim_ctx *ctx, const rim_map_ask *ask, uint64_t offset, uint64_t length,
                                        rim_token *out);

/* ---- at once, on the map's own shard ---- */

/* False also of a map of another shard, and of one that has ended. */
RIM_API bool rim_map_is_ready(rim_ctx *ctx, rim_ref map);
/*
 * A view as rim_map_get's, with this tag, and the caller's: to send on, or to free. Also while it is loading. 0, or
 * -EAGAIN (PENDING), -RIM_EDOWN, -RIM_EBADREF (of another shard: rim_map_get), -ENODATA, -RIM_ETOOBIG, -ENOMEM.
 */
RIM_API RIM_MUST_CHECK int rim_map_view(rim_ctx *ctx, rim_ref map, uint32_t tag, uint64_t offset, uint64_t length,
                                        rim_msg **out);

/* ---- of a view, wherever it is; `view` is the message, or one that rim_msg_view made of it ---- */

/* 0: the file still has all of these bytes; -EFAULT: it is shorter now; -EINVAL: not a view of a map. */
RIM_API RIM_MUST_CHECK int rim_map_check(const rim_msg *view);
/*
 * Copies `size` bytes out of a view, from `offset` on, by the kernel. 0, or -EFAULT: the file is shorter now, and `to`
 * holds anything; -EINVAL: not a view of a map, or not within it; or the disk's error. May wait for the disk.
 */
RIM_API RIM_MUST_CHECK int rim_map_copy(const rim_msg *view, uint64_t offset, void *to, size_t size);
/* The same into it: a file that is shorter now is not made longer. -EACCES of a RIM_MAP_READ. A disk that is full is
   -EFAULT, too. */
RIM_API RIM_MUST_CHECK int rim_map_store(const rim_msg *view, uint64_t offset, const void *from, size_t size);

/*
 * Installs a handler for SIGBUS, for the whole process and for good; the library does so only here. It ends a
 * rim_map_guarded on the thread that touched the page, and hands all else to the handler that was there before, or lets
 * the process die as without it. Idempotent; any thread, best before the system starts. 0 or negative.
 */
RIM_API RIM_MUST_CHECK int rim_map_guard(void);
/*
 * Runs read(bytes, size, arg) on the view's bytes, and returns what it returns; -EFAULT if the file is shorter when it
 * is over, or became so on the way: then `read` was left in its midst, as by longjmp(3), so it must not hold what it
 * would have to let go of: it reads, computes, and writes to `arg`. Only touching this view is guarded. -RIM_ECONTEXT
 * without rim_map_guard, -EINVAL.
 */
RIM_API RIM_MUST_CHECK int rim_map_guarded(const rim_msg *view, int (*read)(const void *bytes, size_t size, void *arg),
                                           void *arg);

#ifdef __cplusplus
}
#endif
#endif
