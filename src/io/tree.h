/* SPDX-License-Identifier: MIT */
/*
 * tree.h - a walk through a folder and those within it: the part that a helper does. For folder.c, which lists, and
 * remover.c, which removes; each gives it to one job at a time.
 *
 *     root, level 0:  [names read, not yet looked at]   fd
 *       a, level 1:   [...]                             fd
 *         b, level 2: [...]                             fd      where the walk is
 *
 * Every name is used relative to the descriptor of its folder, and no link is followed (O_NOFOLLOW): whatever others
 * put in the place of a folder meanwhile, the walk stays in the tree that it began with.
 *
 *     Loss     a name that has gone by the time it is used is no error
 *     Threads  one at a time: the helper that has its job, else the shard of its actor
 */
#ifndef RINGMAIL_IO_TREE_H
#define RINGMAIL_IO_TREE_H

#include <errno.h>
#include <limits.h>

#include "actor/actor.h"
#include "io/path.h"
#include "ringmail/folder.h"

#define RIM_TREE_LEVELS (RIM_FOLDER_DEPTH + 1)

struct rim__tree_level {
    int fd;
    uint32_t at, used;    /* of `names` */
    uint32_t path_length; /* of this folder's path, with a slash at its end; the root's is empty */
    uint32_t tries;       /* removing: how often it was found not empty at the end */
    bool failed;          /* removing: something in it stays */
    char name[NAME_MAX + 1];
    _Alignas(16) char names[16384]; /* as read_folder gives them */
};

struct rim__tree {
    const struct rim__disk *disk;
    uint32_t users; /* its actor, and the job that runs */
    bool recursive, wants_status, same_device;
    bool begun, ended;
    bool moved;      /* removing: something was brought up from too far below */
    int above;       /* removing: the folder that the root is in; -1: none */
    uint64_t device; /* of the root */
    uint32_t depth;  /* levels in use; the last is where the walk is */
    uint64_t moves;
    rim_folder_removed removed;
    int error; /* removing: the first */
    char text[RIM_FAILURE_TEXT_MAX];
    struct rim__tree_level *levels[RIM_TREE_LEVELS];
    char path[2 * PATH_MAX]; /* of the level where the walk is */
    char root[];
};

/* A name in a folder. */
struct rim__tree_name {
    const char *name;
    uint32_t type; /* of stat(2); 0: not known */
};

/* NULL: out of memory. One user. */
struct rim__tree *rim__tree_create(const struct rim__disk *disk, const char *root);
/* The last one closes and frees it. */
void rim__tree_release(struct rim__tree *tree);

/* Goes down into a folder of the one where the walk is; the root is opened by its path. 0, or why not: then the walk is
   where it was. */
int rim__tree_enter(struct rim__tree *tree, const char *name);
/* Up again. */
void rim__tree_leave(struct rim__tree *tree);
/* The name that is next, which stays so until it is taken. 1, 0: there is none, or a negative code. */
int rim__tree_peek(struct rim__tree *tree, struct rim__tree_name *name);
void rim__tree_take(struct rim__tree *tree);
/* Whether this is how others' doings look: it is gone, or something else by now. */
static inline bool rim__tree_is_gone(int error) {
    return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}
static inline struct rim__tree_level *rim__tree_top(const struct rim__tree *tree) {
    return tree->levels[tree->depth - 1];
}
/* "list ROOT/PATH/NAME: why" into its text. */
int rim__tree_explain(struct rim__tree *tree, const char *verb, const char *name, int error);

/* tree_list.c: the next entries. Their bytes, 0 at the end, or a negative code. */
int rim__tree_list(struct rim__tree *tree, char *bytes, size_t size);
/* tree_remove.c: removes up to `most` more. 1: there is more to do; 0 or negative: that was it. */
int rim__tree_remove(struct rim__tree *tree, uint32_t most);

/* What this actor lists (folder.c) or removes (remover.c); NULL: it does neither. */
const char *rim__folder_path_of(rim_ctx *ctx, rim_ref who);
const char *rim__remover_path_of(rim_ctx *ctx, rim_ref who);

#endif
