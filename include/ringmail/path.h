/* SPDX-License-Identifier: MIT */
/*
 * path.h - what is done to folders and paths, off the shard: each call is a request of the calling actor's, with one
 * outcome. folder.h lists folders and removes trees, watch.h tells of changes, file.h has files.
 *
 *     Order    calls begin in the order in which they were made, and may take effect in any: who wants one after the
 *              other waits for its outcome, or uses a sequence (sequence.h)
 *     Loss     a call has exactly one outcome, unless it is cancelled or its actor ends. One that runs by then, or when
 *              its time is over, is done all the same
 *     Errors   what the kernel says: -ENOENT, -EACCES, -EEXIST, -ENOTEMPTY, -ENOTDIR, -ELOOP, -ENAMETOOLONG, -EXDEV,
 *              -ENOSPC, ...; rim_error_text within on_outcome names what was tried and the path
 *     Threads  a handler. The work is done by helpers (offload.h), of which a slow disk may hold rim_config.helpers
 */
#ifndef RINGMAIL_PATH_H
#define RINGMAIL_PATH_H

#include "ringmail/actor.h"
#include "ringmail/file.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What all calls have. A call returns 0: on_outcome will be called, exactly once. Else it will not: -EINVAL (no path,
 * no timeout, no callback), -ENAMETOOLONG, -RIM_EFULL (rim_config.jobs wait for a helper already), or the codes of
 * rim_offload.
 */
typedef struct rim_path_ask {
    const char *path; /* copied; relative to the working directory of the process */
    bool no_follow;   /* if the path's last name is a link: the link itself, not where it leads. For rim_path_stat and
                         the calls that set something; the others never follow the last name */
    uint64_t timeout_ns;    /* mandatory */
    rim_outcome on_outcome; /* error: 0, or what the kernel says; body: see each call */
    uint64_t cookie;        /* handed to on_outcome */
} rim_path_ask;

/* What is at the path. Body: rim_file_status. */
RIM_API RIM_MUST_CHECK int rim_path_stat(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out);

/*
 * Makes a folder with the permissions `mode` (0: 0777), less the process's umask. With `parents` also those above it
 * that are missing, and a folder that is there already is no error.
 */
RIM_API RIM_MUST_CHECK int rim_path_make_folder(rim_ctx *ctx, const rim_path_ask *ask, uint32_t mode, bool parents,
                                                rim_token *out);
/* Makes a file (0600), or a folder (0700), of a new name: the path and six characters more. Body: the whole path, with
   a zero at its end. For a file without any name open a folder with O_TMPFILE (file.h). */
RIM_API RIM_MUST_CHECK int rim_path_make_temporary(rim_ctx *ctx, const rim_path_ask *ask, bool folder, rim_token *out);
/* Another name, `ask->path`, for the file at `of`; or a link there, which says `says`. */
RIM_API RIM_MUST_CHECK int rim_path_link(rim_ctx *ctx, const rim_path_ask *ask, const char *of, rim_token *out);
RIM_API RIM_MUST_CHECK int rim_path_symlink(rim_ctx *ctx, const rim_path_ask *ask, const char *says, rim_token *out);
/* Body: what a link says, with a zero at its end. -EINVAL: it is none. */
RIM_API RIM_MUST_CHECK int rim_path_read_link(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out);

/* Removes what is no folder, or an empty folder. rim_path_remove_all (folder.h) removes a tree. */
RIM_API RIM_MUST_CHECK int rim_path_remove(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out);
RIM_API RIM_MUST_CHECK int rim_path_remove_folder(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out);

enum rim_path_rename {
    RIM_PATH_REPLACE = 0, /* what has the name already is gone, in the same step */
    RIM_PATH_KEEP_OTHER,  /* -EEXIST: something has that name */
    RIM_PATH_EXCHANGE,    /* each gets the other's name */
};
/* Gives what is at the path the name `to`, in the same file system. */
RIM_API RIM_MUST_CHECK int rim_path_rename(rim_ctx *ctx, const rim_path_ask *ask, const char *to,
                                           enum rim_path_rename how, rim_token *out);

/* Permissions; owner (UINT32_MAX: as it is). */
RIM_API RIM_MUST_CHECK int rim_path_set_mode(rim_ctx *ctx, const rim_path_ask *ask, uint32_t mode, rim_token *out);
RIM_API RIM_MUST_CHECK int rim_path_set_owner(rim_ctx *ctx, const rim_path_ask *ask, uint32_t user, uint32_t group,
                                              rim_token *out);

#define RIM_PATH_NOW  INT64_MAX /* times: of the moment */
#define RIM_PATH_KEEP INT64_MIN /* times: as it is */
/* Nanoseconds since 1970. */
RIM_API RIM_MUST_CHECK int rim_path_set_times(rim_ctx *ctx, const rim_path_ask *ask, int64_t accessed_ns,
                                              int64_t modified_ns, rim_token *out);

#ifdef __cplusplus
}
#endif
#endif
