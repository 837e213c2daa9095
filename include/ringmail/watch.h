/* SPDX-License-Identifier: MIT */
/*
 * watch.h - what happens to folders and files, as events: inotify(7) as an actor.
 *
 *     rim_watch_open -> watch     anyone -> watch   rim_watch_add: one path more
 *     watch -> owner              RIM_CHANGE, one for each change
 *
 *     Order    changes of all the paths of one watch come in the order in which they happened, a move as one change
 *              with both names; the outcome of rim_watch_add comes before the first change of its path
 *     Loss     none in silence: the kernel keeps some thousands (fs.inotify.max_queued_events) while the owner has no
 *              room; what did not fit is told as one RIM_CHANGE_LOST: look for yourself then
 *     Same     changes that are alike and follow each other may be told as one
 *     End      with rim_watch_close, or with the owner
 *     Threads  handlers
 */
#ifndef RINGMAIL_WATCH_H
#define RINGMAIL_WATCH_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum rim_change {
    RIM_CHANGE_LOST = 0,  /* some changes were not told: of no path in particular, its id is 0 */
    RIM_CHANGE_CREATED,   /* in a folder that is watched, as the next ones; or a file was linked there */
    RIM_CHANGE_DELETED,   /* */
    RIM_CHANGE_MODIFIED,  /* bytes of a file */
    RIM_CHANGE_WRITTEN,   /* a file that was open for writing has been closed */
    RIM_CHANGE_STATUS,    /* permissions, owner, times, number of names */
    RIM_CHANGE_MOVED,     /* from one name to another, in folders of this watch */
    RIM_CHANGE_MOVED_IN,  /* from elsewhere */
    RIM_CHANGE_MOVED_OUT, /* to elsewhere */
    RIM_CHANGE_GONE, /* what was watched has been deleted, moved or unmounted: it is watched no more. Always told; a
                        deletion by the kernel when nobody has it open any more, nor a file that was in the folder */
};

#define RIM_CHANGES(what) (1u << (what))
/* All but MODIFIED, of which there are many, and STATUS. */
#define RIM_CHANGES_OF_NAMES                                                                                           \
    (RIM_CHANGES(RIM_CHANGE_CREATED) | RIM_CHANGES(RIM_CHANGE_DELETED) | RIM_CHANGES(RIM_CHANGE_WRITTEN) |             \
     RIM_CHANGES(RIM_CHANGE_MOVED))

/* RIM_CHANGE, to the owner. The body is as long as its names are. Default: ignored. */
typedef struct rim_change_event {
    rim_ref watch;
    uint32_t id;     /* of the path that it is about: rim_watch_added */
    uint32_t old_id; /* of MOVED: where it was */
    uint32_t what;   /* enum rim_change */
    bool is_folder;  /* what has changed is one */
    uint16_t old_at; /* where the old name begins in `names`; 0: there is none */
    char names[512]; /* its name in the folder, with a zero at its end; empty: what is watched itself */
} rim_change_event;

/* Of MOVED: the name that it had. Else an empty string. */
RIM_API const char *rim_change_old_name(const rim_change_event *event);

/*
 * A watch, on the caller's shard and with the caller as owner; it watches nothing as yet. 0, -EMFILE (too many
 * descriptors, or fs.inotify.max_user_instances), -ENOMEM, -RIM_ELIMIT, -RIM_ESTOPPING.
 */
RIM_API RIM_MUST_CHECK int rim_watch_open(rim_ctx *ctx, rim_ref *out);

typedef struct rim_watch_ask {
    rim_ref watch;
    const char *path;       /* copied: a folder, of whose names the changes are told, but not of what is in folders
                               within it; or a file */
    bool no_follow;         /* if its last name is a link: the link itself */
    uint32_t changes;       /* RIM_CHANGES(...) | ..., or 0: RIM_CHANGES_OF_NAMES. The three ways to move are one */
    uint64_t timeout_ns;    /* mandatory */
    rim_outcome on_outcome; /* body: rim_watch_added */
    uint64_t cookie;
} rim_watch_ask;

typedef struct rim_watch_added {
    uint32_t id;
} rim_watch_added;

/*
 * Watches one more path. While the path is looked up no changes are told, also of others: a disk that does not answer
 * wants a watch of its own. Errors: -ENOENT, -EACCES, -ENOTDIR, -ELOOP, -EEXIST (it is watched already, by this or
 * another name), -ENOSPC (too many paths: fs.inotify.max_user_watches); the text names the path, but where it timed
 * out. 0, or the codes of rim_request, -EINVAL, -ENAMETOOLONG.
 */
RIM_API RIM_MUST_CHECK int rim_watch_add(rim_ctx *ctx, const rim_watch_ask *ask, rim_token *out);
/* No more of this path. 0, or the codes of rim_send. */
RIM_API int rim_watch_remove(rim_ctx *ctx, rim_ref watch, uint32_t id);
RIM_API int rim_watch_close(rim_ctx *ctx, rim_ref watch);

#ifdef __cplusplus
}
#endif
#endif
