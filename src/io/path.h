/* SPDX-License-Identifier: MIT */
/*
 * path.h - one call of ringmail/path.h, as the job of a helper: what path.c makes and path_work.c does.
 *
 *     Life     from malloc until nobody needs the outcome's body, which lies at its beginning
 *     Threads  made on the shard; path_work.c runs on a helper
 */
#ifndef RINGMAIL_IO_PATH_H
#define RINGMAIL_IO_PATH_H

#include <limits.h>

#include "actor/actor.h"
#include "io/disk.h"

enum rim__path_what {
    RIM_PATH_STAT,
    RIM_PATH_MAKE_FOLDER,
    RIM_PATH_MAKE_FOLDERS, /* with those above it */
    RIM_PATH_MAKE_TEMPORARY,
    RIM_PATH_MAKE_TEMPORARY_FOLDER,
    RIM_PATH_LINK,
    RIM_PATH_SYMLINK,
    RIM_PATH_READ_LINK,
    RIM_PATH_REMOVE,
    RIM_PATH_REMOVE_FOLDER,
    RIM_PATH_RENAME,
    RIM_PATH_SET_MODE,
    RIM_PATH_SET_OWNER,
    RIM_PATH_SET_TIMES,
};

struct rim__path_call {
    union {
        rim_file_status status;
        char path[PATH_MAX];
    } result;
    char text[RIM_FAILURE_TEXT_MAX];
    const struct rim__disk *disk;
    enum rim__path_what what;
    bool no_follow;
    uint32_t flags; /* of a rename */
    uint64_t mark;  /* a random number, for a temporary's name */
    struct rim__disk_change change;
    const char *other; /* the second path, or NULL */
    char path[];       /* the other follows */
};

/* 0, -EINVAL: there is none, -ENAMETOOLONG. */
int rim__path_check(rim_ctx *ctx, const char *path);
/* Does it. The size of the result, or a negative code, with a text. */
int rim__path_work(void *call);
/* "verb path: why", or with a second path "verb path to other: why"; the ends of the paths are what there is room for.
   `size` is at most RIM_FAILURE_TEXT_MAX. */
void rim__path_explain(char *text, size_t size, const char *const words[4], int error);

#endif
