/* SPDX-License-Identifier: MIT */
/*
 * file.h - files as actors: opened by an actor, which owns them, and used by whoever has the reference. Each call is a
 * request with one outcome.
 *
 *     file -> owner    RIM_FILE_OPEN, then some time RIM_FILE_CLOSED; or RIM_FILE_CLOSED alone, with an error
 *     anyone -> file   rim_file_read, rim_file_write, rim_file_sync, ...; each has its on_outcome
 *
 *     Order     calls take effect in the order in which the file gets them, as if one after the other: who reads after
 *               a write sees it, and a sync comes after all that was written before. Reads that follow each other, and
 *               rim_file_stat and rim_file_advise among them, run at the same time, and may end in any order
 *     Loss      each call has exactly one outcome, as any request. One that times out, or is cancelled, is done all the
 *               same: only nobody hears of it
 *     Pressure  a file takes some hundred calls, or a megabyte to be written, ahead of the disk; then its mailbox
 *               fills, and calls return -RIM_EFULL (rim_want_room)
 *     Errors    a call that fails has a text that names the path: rim_error_text, within its on_outcome. Where the call
 *               times out and the file is on another shard, the text says only that
 *     Memory    what is read is the body of the reply, what is written the body of the call: the kernel has either
 *               until the call is over, whoever has ended meanwhile
 *     End       when the owner ends or rim_file_close is called, the file does what it was asked to before, and closes.
 *               A stop of the system waits for it
 *     Threads   handlers, as everything with a rim_ctx
 */
#ifndef RINGMAIL_FILE_H
#define RINGMAIL_FILE_H

#include <sys/uio.h>

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rim_file_options {
    const char *path; /* copied; relative to the working directory of the process */
    int flags;        /* of open(2): O_RDONLY, O_WRONLY or O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, ... O_CLOEXEC is
                         added. O_DIRECT: see rim_file_buffer_aligned */
    uint32_t mode;    /* of a file that is made, less the process's umask; 0: 0666 */
} rim_file_options;

/*
 * Opens a file, on the caller's shard and with the caller as owner, who gets either RIM_FILE_OPEN or RIM_FILE_CLOSED
 * with the error (-ENOENT, -EACCES, -EEXIST, -EISDIR, -EMFILE, ...). `out` is good at once: calls wait until the file
 * is open, and fail as it does. 0, or -EINVAL, -ENAMETOOLONG, -ENOMEM, -RIM_ELIMIT, -RIM_ESTOPPING: then no event
 * comes.
 */
RIM_API RIM_MUST_CHECK int rim_file_open(rim_ctx *ctx, const rim_file_options *options, rim_ref *out);

/* ---- events ---- */

typedef struct rim_file_open_event {
    rim_ref file;
} rim_file_open_event;

/* The last event; the descriptor is closed. Default, where the owner's table has no row for it: ignored. */
typedef struct rim_file_closed_event {
    rim_ref file;
    int32_t error;  /* 0, or why it could not be opened */
    char text[252]; /* "open /no/such/file: no such file or directory" */
} rim_file_closed_event;

/* ---- calls: any actor that has the reference ---- */

#define RIM_FILE_HERE (UINT64_MAX - 1) /* an offset: where the last call with it ended; at first the beginning */
#define RIM_FILE_END  UINT64_MAX       /* an offset, for writing: the end, whoever else writes there */

/* What all calls have. A call returns 0: on_outcome will be called, exactly once; or the codes of rim_request. */
typedef struct rim_file_ask {
    rim_ref file;
    uint64_t offset;        /* bytes from the beginning, where the call has a place */
    uint64_t timeout_ns;    /* mandatory */
    rim_outcome on_outcome; /* error: 0, or what the kernel says; body: see each call */
    uint64_t cookie;        /* handed to on_outcome */
} rim_file_ask;

/* The body of the outcome of a write, and of the calls that say nothing else. */
typedef struct rim_file_result {
    uint64_t offset; /* where it began; of an append RIM_FILE_END */
    uint64_t bytes;  /* that were written */
} rim_file_result;

/*
 * Reads up to `size` bytes (at least 1). The outcome's body is the bytes, rim_size(msg) of them: fewer than asked for
 * at the end of the file, 0 behind it. No copy: the kernel fills the body, of which rim_msg_view makes several, if that
 * is what is wanted (rim_take first). A read that may wait for ever, of a FIFO or a terminal, is for pipe.h: here it
 * holds up the closing.
 */
RIM_API RIM_MUST_CHECK int rim_file_read(rim_ctx *ctx, const rim_file_ask *ask, size_t size, rim_token *out);
/* The same, but all `size` bytes or an error: -ENODATA if the file ends before. */
RIM_API RIM_MUST_CHECK int rim_file_read_exact(rim_ctx *ctx, const rim_file_ask *ask, size_t size, rim_token *out);

/*
 * Writes a copy of the bytes, all of them: with an error (-ENOSPC, -EFBIG, -EIO, -EBADF, ...) a part may have been
 * written, and the text says how much. Body: rim_file_result.
 */
RIM_API RIM_MUST_CHECK int rim_file_write(rim_ctx *ctx, const rim_file_ask *ask, const void *bytes, size_t size,
                                          rim_token *out);
/* The same of several pieces, as one write. */
RIM_API RIM_MUST_CHECK int rim_file_writev(rim_ctx *ctx, const rim_file_ask *ask, const struct iovec *pieces,
                                           size_t count, rim_token *out);
/*
 * Without a copy: rim_file_buffer makes a message with room for `size` bytes (NULL: out of memory), at
 * rim_file_bytes, and rim_file_write_buffer writes them; it consumes the message whatever it returns. -EINVAL for a
 * message from elsewhere.
 */
RIM_API rim_msg *rim_file_buffer(rim_ctx *ctx, size_t size);
/*
 * The same for files that were opened with O_DIRECT, with rim_file_bytes at a multiple of 4096: it is written from
 * there, and any other memory is copied first. Writes to such a file must be of multiples of its alignment
 * (rim_file_status.direct_align, mostly 512 or 4096), at such places: else -EINVAL, and the text says the alignment.
 * Reads may be of any place and size: what is around it is read with it. Where a file cannot be read directly,
 * opening it fails: -EINVAL, -EOPNOTSUPP.
 */
RIM_API rim_msg *rim_file_buffer_aligned(rim_ctx *ctx, size_t size);
RIM_API void *rim_file_bytes(rim_msg *msg);
RIM_API RIM_MUST_CHECK int rim_file_write_buffer(rim_ctx *ctx, const rim_file_ask *ask, rim_msg *msg, rim_token *out);

/* fsync(2), or fdatasync(2): all that was written before is on the disk when the outcome comes. */
RIM_API RIM_MUST_CHECK int rim_file_sync(rim_ctx *ctx, const rim_file_ask *ask, bool data_only, rim_token *out);
/* Makes the file `ask->offset` bytes long. */
RIM_API RIM_MUST_CHECK int rim_file_truncate(rim_ctx *ctx, const rim_file_ask *ask, rim_token *out);
/* fallocate(2): room for `length` bytes; `mode` as there (0, FALLOC_FL_KEEP_SIZE, ...). -EOPNOTSUPP on some disks. */
RIM_API RIM_MUST_CHECK int rim_file_allocate(rim_ctx *ctx, const rim_file_ask *ask, uint64_t length, int mode,
                                             rim_token *out);
/* posix_fadvise(3): `advice` as there (POSIX_FADV_SEQUENTIAL, ...); length 0: to the end. */
RIM_API RIM_MUST_CHECK int rim_file_advise(rim_ctx *ctx, const rim_file_ask *ask, uint64_t length, int advice,
                                           rim_token *out);

enum rim_file_lock { RIM_FILE_UNLOCK = 0, RIM_FILE_LOCK_SHARED, RIM_FILE_LOCK_EXCLUSIVE };
/*
 * A lock of `length` bytes (0: to the end, wherever that will be) against other openings of the file, in this process
 * or another (F_OFD_SETLK of fcntl(2)). It does not wait: -EAGAIN if another has it. It ends with the file's closing.
 */
RIM_API RIM_MUST_CHECK int rim_file_lock(rim_ctx *ctx, const rim_file_ask *ask, uint64_t length,
                                         enum rim_file_lock lock, rim_token *out);

typedef struct rim_file_status {
    uint64_t size;      /* bytes */
    uint64_t allocated; /* bytes on the disk */
    uint64_t inode;
    uint64_t device; /* major << 32 | minor */
    uint32_t mode;   /* type and permissions, as in stat(2) */
    uint32_t user, group, links;
    int64_t accessed_ns, modified_ns, changed_ns; /* since 1970 */
    uint32_t direct_align;                        /* of a file that was opened with O_DIRECT: bytes; else 0 */
} rim_file_status;

/* What statx(2) says. Body: rim_file_status. */
RIM_API RIM_MUST_CHECK int rim_file_stat(rim_ctx *ctx, const rim_file_ask *ask, rim_token *out);

/*
 * Sends `length` bytes (UINT64_MAX: up to the end) of `ask->file`, from `ask->offset` on, to a socket, as its peer
 * takes them: some pieces of 128 KiB are in memory, however long it is. The outcome comes when they have left, or the
 * file has ended before; body: rim_file_result. What others write to the socket meanwhile may come in between. Errors:
 * of the file, or -RIM_EDOWN: the socket is closed, or the file was before. A file that is closed meanwhile is so behind
 * the outcome. One that times out stops there. -EINVAL for RIM_FILE_HERE.
 *
 * What is in memory of a file that was opened with O_RDONLY is sent without a copy (sendfile(2)), at half the price,
 * where caller, file and socket are of one shard and the connection has no TLS. Then what somebody else changes in the
 * file may arrive changed as long as the peer has not acknowledged it.
 */
RIM_API RIM_MUST_CHECK int rim_file_send(rim_ctx *ctx, const rim_file_ask *ask, rim_ref socket, uint64_t length,
                                         rim_token *out);
/* The same to another file (by copy_file_range(2), where both are of one shard and the disk can), whose `to_offset` is
 * where it is written. Not in one step: others may see a part of it. */
RIM_API RIM_MUST_CHECK int rim_file_copy(rim_ctx *ctx, const rim_file_ask *ask, rim_ref to, uint64_t to_offset,
                                         uint64_t length, rim_token *out);

typedef struct rim_file_replacement {
    const char *path;
    uint32_t mode; /* permissions, less the process's umask; 0: 0666 */
    uint64_t timeout_ns;
    rim_outcome on_outcome;
    uint64_t cookie;
} rim_file_replacement;

/*
 * Makes these bytes (a copy of them) the content of the file, or leaves it as it was, also where the machine loses
 * power: a temporary file beside it, "PATH.XXXXXX", is written and synced, takes the file's name, and its folder is
 * synced. Body: rim_file_result. An error in that last step is one although the name is taken. 0, -EINVAL,
 * -ENAMETOOLONG, or the codes of rim_file_open and rim_file_write.
 */
RIM_API RIM_MUST_CHECK int rim_file_replace(rim_ctx *ctx, const rim_file_replacement *replacement, const void *bytes,
                                            size_t size, rim_token *out);

/* Closes the file after what it was asked for before, a send or a copy of it included; the owner gets RIM_FILE_CLOSED. 0,
 * or the codes of rim_send. */
RIM_API int rim_file_close(rim_ctx *ctx, rim_ref file);

#ifdef __cplusplus
}
#endif
#endif
