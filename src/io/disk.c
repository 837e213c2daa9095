/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(RIM_DISK_HERE == AT_FDCWD, "folders of the process");

static int result_of(int result) {
    return result < 0 ? -errno : 0;
}

/* ---- folders ---- */

static int open_folder(const struct rim__disk *disk, int folder, const char *name, bool follow) {
    (void)disk;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
    return fd < 0 ? -errno : fd;
}

static void close_folder(const struct rim__disk *disk, int fd) {
    (void)disk;
    close(fd);
}

static int64_t read_folder(const struct rim__disk *disk, int fd, void *bytes, size_t size) {
    (void)disk;
    ssize_t count = getdents64(fd, bytes, size);
    return count < 0 ? -errno : count;
}

static int rewind_folder(const struct rim__disk *disk, int fd) {
    (void)disk;
    return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

/* ---- making ---- */

static int make_file(const struct rim__disk *disk, const char *path, uint32_t mode) {
    (void)disk;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        return -errno;
    }
    close(fd);
    return 0;
}

static int make_folder(const struct rim__disk *disk, int folder, const char *name, uint32_t mode) {
    (void)disk;
    return result_of(mkdirat(folder, name, (mode_t)mode));
}

static int make_link(const struct rim__disk *disk, const char *path, const char *to) {
    (void)disk;
    return result_of(linkat(AT_FDCWD, path, AT_FDCWD, to, 0));
}

static int make_symlink(const struct rim__disk *disk, const char *path, const char *says) {
    (void)disk;
    return result_of(symlinkat(says, AT_FDCWD, path));
}

/* ---- changing ---- */

static int remove_name(const struct rim__disk *disk, int folder, const char *name, bool is_folder) {
    (void)disk;
    return result_of(unlinkat(folder, name, is_folder ? AT_REMOVEDIR : 0));
}

static int rename_path(const struct rim__disk *disk, const struct rim__disk_move *move) {
    (void)disk;
    return result_of(renameat2(move->from_folder, move->from, move->to_folder, move->to, move->flags));
}

static struct timespec time_of(int64_t ns) {
    if (ns == RIM_PATH_KEEP || ns == RIM_PATH_NOW) {
        return (struct timespec){.tv_nsec = ns == RIM_PATH_KEEP ? UTIME_OMIT : UTIME_NOW};
    }
    int64_t rest = ns % 1000000000;
    int64_t below = rest < 0; /* before 1970 */
    return (struct timespec){.tv_sec = ns / 1000000000 - below, .tv_nsec = rest + below * 1000000000};
}

static int change(const struct rim__disk *disk, const char *path, const struct rim__disk_change *to) {
    (void)disk;
    int flags = to->no_follow ? AT_SYMLINK_NOFOLLOW : 0, result = 0;
    if (to->changes_mode) {
        result = fchmodat(AT_FDCWD, path, (mode_t)to->mode, flags);
    } else if (to->changes_owner) {
        result = fchownat(AT_FDCWD, path, (uid_t)to->user, (gid_t)to->group, flags);
    } else if (to->changes_times) {
        struct timespec times[] = {time_of(to->accessed_ns), time_of(to->modified_ns)};
        result = utimensat(AT_FDCWD, path, times, flags);
    }
    return result_of(result);
}

/* ---- looking ---- */

static int64_t ns_of(struct statx_timestamp time) {
    return (int64_t)((uint64_t)time.tv_sec * 1000000000u + time.tv_nsec); /* far away it wraps */
}

void rim__disk_status(const struct statx *found, rim_file_status *out) {
    *out = (rim_file_status){
        .size = found->stx_size,
        .allocated = found->stx_blocks * 512,
        .inode = found->stx_ino,
        .device = (uint64_t)found->stx_dev_major << 32 | found->stx_dev_minor,
        .mode = found->stx_mode,
        .user = found->stx_uid,
        .group = found->stx_gid,
        .links = found->stx_nlink,
        .accessed_ns = ns_of(found->stx_atime),
        .modified_ns = ns_of(found->stx_mtime),
        .changed_ns = ns_of(found->stx_ctime),
    };
}

static int stat_name(const struct rim__disk *disk, int folder, const char *name, bool follow, rim_file_status *out) {
    (void)disk;
    struct statx found;
    int flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | AT_NO_AUTOMOUNT | (name[0] == '\0' ? AT_EMPTY_PATH : 0);
    if (statx(folder, name, flags, STATX_BASIC_STATS, &found) != 0) {
        return -errno;
    }
    rim__disk_status(&found, out);
    return 0;
}

static int64_t read_link(const struct rim__disk *disk, const char *path, char *bytes, size_t size) {
    (void)disk;
    ssize_t count = readlinkat(AT_FDCWD, path, bytes, size);
    return count < 0 ? -errno : count;
}

/* ---- watching ---- */

static int watch_open(const struct rim__disk *disk) {
    (void)disk;
    int handle = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return handle < 0 ? -errno : handle;
}

static int watch_add(const struct rim__disk *disk, int handle, const char *path, uint32_t mask) {
    (void)disk;
    int id = inotify_add_watch(handle, path, mask);
    return id < 0 ? -errno : id;
}

static int watch_remove(const struct rim__disk *disk, int handle, int id) {
    (void)disk;
    return result_of(inotify_rm_watch(handle, id));
}

static int64_t watch_read(const struct rim__disk *disk, int handle, void *bytes, size_t size) {
    (void)disk;
    ssize_t count = read(handle, bytes, size);
    return count < 0 ? -errno : count;
}

static const struct rim__disk_ops ops = {
    .open_folder = open_folder,
    .close = close_folder,
    .read_folder = read_folder,
    .rewind_folder = rewind_folder,
    .make_file = make_file,
    .make_folder = make_folder,
    .stat = stat_name,
    .remove = remove_name,
    .rename = rename_path,
    .link = make_link,
    .symlink = make_symlink,
    .read_link = read_link,
    .change = change,
    .watch_open = watch_open,
    .watch_add = watch_add,
    .watch_remove = watch_remove,
    .watch_read = watch_read,
    .watch_close = close_folder,
};

const struct rim__disk rim__disk_kernel = {.ops = &ops};
