/* SPDX-License-Identifier: MIT */
/*
 * folder.h - what is in a folder, or in a whole tree of them: listed piece by piece by an actor, or removed.
 *
 *     rim_folder_open -> folder      anyone -> folder   rim_folder_read: one batch of entries, as the outcome
 *
 * A read is the credit for one batch: so a folder of a million entries is in memory one batch at a time, and whoever
 * wants the next to be fetched meanwhile makes two reads.
 *
 *     Order    entries come as the file system gives them; in a tree a folder comes before what is in it, and its
 *              content as a whole before the next entry beside it. Reads are answered in the order in which they came
 *     Change   what is made or removed while it is being listed may be seen or not; what has gone by the time it is
 *              looked at is left out, and no error. No link is followed: nobody who changes the tree meanwhile leads
 *              the walk, or the removal, out of it
 *     Loss     each read has one outcome. The batch of one that timed out is lost: close the folder then
 *     End      with rim_folder_close, or with the end of the actor that opened it
 *     Threads  handlers. The work is done by helpers (offload.h)
 */
#ifndef RINGMAIL_FOLDER_H
#define RINGMAIL_FOLDER_H

#include "ringmail/path.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RIM_FOLDER_BATCH 32768u /* bytes of entries at most */
#define RIM_FOLDER_DEPTH 128u   /* folders within each other that a walk goes down to */
#define RIM_FOLDER_READS 16u    /* that may wait at once */

typedef struct rim_folder_options {
    const char *path; /* copied. If its last name is a link, where that leads */
    bool recursive;   /* also what is in its folders */
    bool status;      /* with the status of each entry */
    bool same_device; /* not into other file systems that are mounted below it */
} rim_folder_options;

/*
 * An actor, on the caller's shard, that lists a folder; it ends with the caller. Whether the folder can be opened the
 * first read tells. 0, -EINVAL, -ENAMETOOLONG, -ENOMEM, -RIM_ELIMIT, -RIM_ESTOPPING.
 */
RIM_API RIM_MUST_CHECK int rim_folder_open(rim_ctx *ctx, const rim_folder_options *options, rim_ref *out);

typedef struct rim_folder_entry {
    uint32_t span;          /* bytes up to the next entry: rim_folder_each */
    uint32_t type;          /* S_IFREG, S_IFDIR, S_IFLNK, ... of stat(2) */
    uint32_t depth;         /* 1: in the folder itself */
    uint32_t name_at;       /* where in the path its own name begins */
    int32_t error;          /* 0, or why the status is missing, or why it was not gone into (-EACCES, -EMFILE, -EXDEV,
                               -RIM_ELIMIT: too deep); the rest of the tree is listed all the same */
    rim_file_status status; /* if it was asked for; else zeroes */
    char path[];            /* from the folder on, with a zero at its end: "a/b/c" */
} rim_folder_entry;

typedef struct rim_folder_ask {
    rim_ref folder;
    uint64_t timeout_ns;    /* mandatory */
    rim_outcome on_outcome; /* body: some entries, for rim_folder_each; a size of 0: there are no more */
    uint64_t cookie;
} rim_folder_ask;

/*
 * The next entries, at most RIM_FOLDER_BATCH bytes of them. Error: of the folder itself, "list /a/b: permission
 * denied"; or -RIM_ELIMIT: RIM_FOLDER_READS wait already. 0, or the codes of rim_request.
 */
RIM_API RIM_MUST_CHECK int rim_folder_read(rim_ctx *ctx, const rim_folder_ask *ask, rim_token *out);
/* The entry after this one, or the first (NULL); NULL: that was the last. `body` and `size` are an outcome's. */
RIM_API const rim_folder_entry *rim_folder_each(const void *body, size_t size, const rim_folder_entry *entry);
/* It needs not be read any more. 0, or the codes of rim_send. */
RIM_API int rim_folder_close(rim_ctx *ctx, rim_ref folder);

typedef struct rim_folder_removed {
    uint64_t files, folders;
} rim_folder_removed;

/*
 * Removes what is at the path: a file, a link (not where it leads), or a folder with all that is in it, in the same
 * file system (-EXDEV). What others remove meanwhile is gone all the same; what they make meanwhile is removed too, as
 * long as they do not go on with it for ever (-ENOTEMPTY). What cannot be removed does not keep the rest: the error is
 * the first there was. When its time is over it stops where it is. Body: rim_folder_removed. -EINVAL for "/", and for
 * a path that ends with "." or "..".
 */
RIM_API RIM_MUST_CHECK int rim_path_remove_all(rim_ctx *ctx, const rim_path_ask *ask, rim_token *out);

#ifdef __cplusplus
}
#endif
#endif
