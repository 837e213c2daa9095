/* SPDX-License-Identifier: MIT */
/*
 * sim_tree.h - folders, names and inodes of the simulated world's disk. For sim_disk.c, which works on what a file has,
 * and sim_paths.c, which works on names.
 *
 *     "/" and the current folder are the same. Everybody is the owner of everything, and has the permissions that the
 *     owner's three bits of a mode give
 *
 *     Life     an inode lives while it has a name or is open
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_TREE_H
#define RINGMAIL_IO_SIM_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/disk.h"
#include "io/sim_file.h"

#define RIM_SIM_NAME_MAX      255u
#define RIM_SIM_LOCKS_MAX     64u
#define RIM_SIM_FILE_SIZE_MAX (1u << 30)

struct rim__sim_inode;
struct rim__sim_opening;

struct rim__sim_lock {
    uint64_t begin, end; /* begin == end: none */
    const struct rim__sim_opening *of;
    bool exclusive;
};

struct rim__sim_entry {
    struct rim__sim_entry *next;
    struct rim__sim_inode *inode;
    uint64_t number; /* later entries of a folder have higher ones */
    char name[];
};

struct rim__sim_inode {
    struct rim__sim_files *files;
    uint32_t type; /* S_IFREG, S_IFDIR or S_IFLNK */
    uint32_t mode, user, group;
    uint32_t names, openings;
    uint64_t number;
    int64_t accessed_ns, modified_ns, changed_ns;
    bool is_full; /* it takes no bytes */
    char *bytes;  /* of a file; of a link what it says, with a zero at its end */
    uint64_t size, room;
    bool is_pinned;                /* `bytes` have room for RIM_SIM_FILE_SIZE_MAX, and stay where they are */
    struct rim__sim_inode *parent; /* of a folder; the root's is itself, that of a folder without a name NULL */
    struct rim__sim_entry *entries;
    uint64_t numbers; /* of entries, so far */
    struct rim__sim_lock locks[RIM_SIM_LOCKS_MAX];
};

struct rim__sim_opening {
    struct rim__sim_inode *inode;
    uint32_t flags;
    uint64_t position; /* in a folder: the number of the last entry that was read */
};

/* Where a path leads. */
struct rim__sim_place {
    struct rim__sim_inode *folder;
    struct rim__sim_inode *inode;    /* NULL: there is none of this name */
    bool is_odd;                     /* the name is none that could be given or taken away: ".", "..", "/" */
    bool is_folder;                  /* a slash follows */
    char name[RIM_SIM_NAME_MAX + 1]; /* in the folder */
};

/* 0, -ENOENT (of all but the last name), -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG. `follow`: also the last link. */
int rim__sim_tree_find(struct rim__sim_files *files, struct rim__sim_inode *from, const char *path, bool follow,
                       struct rim__sim_place *place);
/* Makes the folders of a path that are not there: those above its last name. */
void rim__sim_tree_reach(struct rim__sim_files *files, const char *path);
/* A new inode, with type and permissions in its mode, in a place that has none. 0, or as may_change. */
int rim__sim_tree_add(struct rim__sim_files *files, struct rim__sim_place *place, uint32_t mode,
                      struct rim__sim_inode **out);
/* An inode without a name: to be opened, or released. */
struct rim__sim_inode *rim__sim_tree_make(struct rim__sim_files *files, uint32_t mode);
/* Gives an inode a (further) name, or takes it away. The place has none, or this one. */
void rim__sim_tree_enter(struct rim__sim_place *place, struct rim__sim_inode *inode);
void rim__sim_tree_leave(struct rim__sim_place *place);
/* It is no longer open, or has lost a name: frees it if that was the last. */
void rim__sim_tree_release(struct rim__sim_inode *inode);
/* Whether names of the folder may be given and taken away. 0, -EACCES, -ENOENT: it has been removed. */
int rim__sim_tree_may_change(const struct rim__sim_inode *folder);
/* Its content has changed. */
void rim__sim_tree_touch(struct rim__sim_files *files, struct rim__sim_inode *inode);
extern const struct rim__disk_ops rim__sim_paths; /* sim_paths.c */
/* What is left, when the world ends. */
void rim__sim_tree_finish(struct rim__sim_files *files);

static inline bool rim__sim_inode_is(const struct rim__sim_inode *inode, uint32_t type) {
    return inode != NULL && inode->type == type;
}
/* NULL: no such opening. */
static inline struct rim__sim_opening *rim__sim_tree_opening(const struct rim__sim_files *files, int fd) {
    return fd >= RIM_SIM_FIRST_FILE && fd < RIM_SIM_FIRST_FILE + (int)RIM_SIM_FILES_MAX
               ? files->openings[fd - RIM_SIM_FIRST_FILE]
               : NULL;
}
/* A descriptor for it, or -EMFILE. */
int rim__sim_tree_open(struct rim__sim_files *files, struct rim__sim_inode *inode, uint32_t flags);

#endif
