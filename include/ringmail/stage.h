/* SPDX-License-Identifier: MIT */
/*
 * stage.h - many files into memory, a bounded number at a time: each is handed over whole, as the outcome of a request
 * whose message has its bytes as the body.
 *
 *     rim_stage(ctx, {paths, count, ..., on_file})      on_file(index) for each of them, once, in any order
 *
 *     Bound     at most files_max are open, or read and not yet handled; and no further one is begun while the contents
 *               that have not been released take bytes_max. So who keeps them (rim_take) slows the rest down, and
 *               who keeps all must allow for all. What has begun may turn out larger than was thought
 *     Reading   small files are read, on io_uring without a helper; files of map_from bytes and more are mapped and
 *               loaded by helpers, and their bodies are views as of map.h, with all that is said there
 *     Loss      each path has exactly one outcome, unless the caller ends before
 *     Threads   handlers
 */
#ifndef RINGMAIL_STAGE_H
#define RINGMAIL_STAGE_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroes are the defaults, but for paths, count, timeout and callback. */
typedef struct rim_stage_options {
    const char *const *paths; /* copied */
    uint32_t count;           /* of them; at least 1 */
    uint32_t files_max;       /* 0: 32; at most 1,024 */
    uint64_t bytes_max;       /* of memory that contents take; 0: 16 MiB. One that is alone may be larger */
    uint64_t map_from;        /* bytes from which on a file is mapped; 0: 256 KiB; UINT64_MAX: never */
    uint64_t timeout_ns;      /* mandatory; of each file, from its beginning on */
    /* error 0: body and message are the content, rim_size(msg) bytes; else the kernel's word (-ENOENT, -EISDIR, ...),
       and rim_error_text names the path. -ETIMEDOUT; -RIM_ETOOBIG: more than RIM_BODY_MAX; -RIM_ESTOPPING: the system
       stops, what has not begun is not read any more. Mandatory. */
    rim_outcome on_file;
    uint64_t cookie; /* on_file gets this plus the path's index */
} rim_stage_options;

/*
 * Begins. 0: on_file will be called exactly once for each path. Else, and then for none: -EINVAL, -ENAMETOOLONG,
 * -ENOMEM, -RIM_ESTOPPING. Whoever wants to stop in between lets an actor of its own do it, and ends that.
 */
RIM_API RIM_MUST_CHECK int rim_stage(rim_ctx *ctx, const rim_stage_options *options);

#ifdef __cplusplus
}
#endif
#endif
