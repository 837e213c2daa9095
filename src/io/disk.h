/* SPDX-License-Identifier: MIT */
/*
 * disk.h - folders and names of the file system: what a helper (shard/offload.h) does for path.c and tree.c. Two
 * bodies: the kernel's calls (disk.c), and the simulated world's disk (sim_paths.c).
 *
 *     Names    are relative to a folder that is open, or, with RIM_DISK_HERE, as for the whole process
 *     Errors   0 or what is said here, or a negative errno
 *     Blocks   everything here may
 *     Threads  a helper's, several at once; in simulation the one that steps
 */
#ifndef RINGMAIL_IO_DISK_H
#define RINGMAIL_IO_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringmail/file.h"
#include "ringmail/path.h"

#define RIM_DISK_HERE (-100) /* AT_FDCWD */

struct rim__disk;

struct rim__disk_change {
    bool changes_mode, changes_owner, changes_times;
    bool no_follow;
    uint32_t mode, user, group;
    int64_t accessed_ns, modified_ns; /* or RIM_PATH_NOW, RIM_PATH_KEEP */
};

/* How a name ends up as another. */
struct rim__disk_move {
    int from_folder;
    const char *from;
    int to_folder;
    const char *to;
    uint32_t flags; /* of renameat2(2) */
};

struct rim__disk_ops {
    /* A descriptor for reading its names. -ENOTDIR; without `follow` a link is -ELOOP or -ENOTDIR. */
    int (*open_folder)(const struct rim__disk *disk, int folder, const char *name, bool follow);
    void (*close)(const struct rim__disk *disk, int fd);
    /* Some of its names, as struct dirent64, one after the other: their bytes, 0 at the end. */
    int64_t (*read_folder)(const struct rim__disk *disk, int fd, void *bytes, size_t size);
    /* From its beginning again. */
    int (*rewind_folder)(const struct rim__disk *disk, int fd);
    /* A file that was not there; closed again. */
    int (*make_file)(const struct rim__disk *disk, const char *path, uint32_t mode);
    int (*make_folder)(const struct rim__disk *disk, int folder, const char *name, uint32_t mode);
    /* An empty name: the folder itself. */
    int (*stat)(const struct rim__disk *disk, int folder, const char *name, bool follow, rim_file_status *out);
    int (*remove)(const struct rim__disk *disk, int folder, const char *name, bool is_folder);
    int (*rename)(const struct rim__disk *disk, const struct rim__disk_move *move);
    int (*link)(const struct rim__disk *disk, const char *path, const char *to);
    int (*symlink)(const struct rim__disk *disk, const char *path, const char *says);
    /* Its bytes, without a zero at the end. */
    int64_t (*read_link)(const struct rim__disk *disk, const char *path, char *bytes, size_t size);
    int (*change)(const struct rim__disk *disk, const char *path, const struct rim__disk_change *change);
    /* A queue of changes, as of inotify(7): its handle, which can be waited for (share of struct rim__io_ops). This,
       remove and read do not block. */
    int (*watch_open)(const struct rim__disk *disk);
    /* The id of the path. */
    int (*watch_add)(const struct rim__disk *disk, int handle, const char *path, uint32_t mask);
    int (*watch_remove)(const struct rim__disk *disk, int handle, int id);
    /* Some struct inotify_event: their bytes, -EAGAIN: there are none. */
    int64_t (*watch_read)(const struct rim__disk *disk, int handle, void *bytes, size_t size);
    /* Takes long. */
    void (*watch_close)(const struct rim__disk *disk, int handle);
};

struct rim__disk {
    const struct rim__disk_ops *ops;
};

extern const struct rim__disk rim__disk_kernel;

struct statx;
void rim__disk_status(const struct statx *found, rim_file_status *out);

#endif
