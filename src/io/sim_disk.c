/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sim_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "io/sim_tree.h"
#include "io/sim_watch.h"

#define FULL           "/dev/full"
#define RANGE_MAX      100000u /* at once: a short one is usual */
#define DIRECT_ALIGN   512u
#define DIOALIGN_MASK  0x2000u /* of statx, where the C library does not name it yet; its two fields */
#define DIOALIGN_PLACE 152u

static struct rim__sim_opening *opening_of(const struct rim__sim_files *files, int fd) {
    struct rim__sim_opening *opening = rim__sim_tree_opening(files, fd);
    rim__assert(opening != NULL);
    return opening;
}

/* ---- opening and closing ---- */

static bool may_read(uint32_t flags) {
    return (flags & O_ACCMODE) != O_WRONLY;
}

static bool may_write(uint32_t flags) {
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* There are no folders but those that something is made in. */
static int32_t find(struct rim__sim_files *files, const char *path, uint32_t flags, struct rim__sim_place *place) {
    if ((flags & O_CREAT) || strcmp(path, FULL) == 0) {
        rim__sim_tree_reach(files, path);
    }
    bool follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    int32_t result = rim__sim_tree_find(files, NULL, path, follow, place);
    if (result == 0 && place->inode == NULL && strcmp(path, FULL) == 0) {
        struct rim__sim_inode *full;
        result = rim__sim_tree_add(files, place, S_IFREG | 0666, &full);
        full->is_full = true;
    }
    return result;
}

static int32_t check_allowed(const struct rim__sim_inode *inode, uint32_t flags) {
    bool is_allowed = (!may_read(flags) || (inode->mode & 0400)) && (!may_write(flags) || (inode->mode & 0200));
    if (inode->type == S_IFLNK) {
        return -ELOOP;
    }
    if (inode->type == S_IFDIR && (may_write(flags) || (flags & O_CREAT))) {
        return -EISDIR;
    }
    if (inode->type != S_IFDIR && (flags & O_DIRECTORY)) {
        return -ENOTDIR;
    }
    return is_allowed ? 0 : -EACCES;
}

/* Without a name: O_TMPFILE. */
static int32_t make_nameless(struct rim__sim_files *files, const struct rim__op *op, struct rim__sim_inode **inode) {
    struct rim__sim_place place;
    int32_t result = rim__sim_tree_find(files, NULL, op->file.path, true, &place);
    if (result == 0 && place.inode == NULL) {
        result = -ENOENT;
    }
    if (result == 0 && place.inode->type != S_IFDIR) {
        result = -ENOTDIR;
    }
    result = result == 0 ? rim__sim_tree_may_change(place.inode) : result;
    if (result == 0) {
        *inode = rim__sim_tree_make(files, S_IFREG | op->file.mode);
    }
    return result;
}

static int32_t look_up(struct rim__sim_files *files, const struct rim__op *op, struct rim__sim_inode **inode) {
    uint32_t flags = op->file.flags;
    struct rim__sim_place place;
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        return may_write(flags) ? make_nameless(files, op, inode) : -EINVAL;
    }
    int32_t result = find(files, op->file.path, flags, &place);
    if (result != 0) {
        return result;
    }
    *inode = place.inode;
    if (place.inode == NULL && (place.is_folder || !(flags & O_CREAT))) {
        return place.is_folder && may_write(flags) ? -EISDIR : -ENOENT;
    }
    if (place.inode == NULL) {
        return rim__sim_tree_add(files, &place, S_IFREG | op->file.mode, inode);
    }
    return (flags & O_CREAT) && (flags & O_EXCL) ? -EEXIST : check_allowed(*inode, flags);
}

static int32_t open_file(struct rim__sim *sim, const struct rim__op *op) {
    struct rim__sim_files *files = &sim->files;
    if (rim__sim_strikes(sim, RIM_FAULT_file_limit)) {
        return -EMFILE;
    }
    struct rim__sim_inode *inode = NULL;
    int32_t result = look_up(files, op, &inode);
    if (result != 0) {
        return result;
    }
    int fd = rim__sim_tree_open(files, inode, op->file.flags);
    if (fd < 0) {
        rim__sim_tree_release(inode);
        return fd;
    }
    if ((op->file.flags & O_TRUNC) && may_write(op->file.flags)) {
        rim__sim_watch_tell(files, inode, IN_MODIFY);
        inode->size = 0;
    }
    return fd;
}

void rim__sim_file_close(struct rim__sim_files *files, int fd) {
    struct rim__sim_opening *opening = opening_of(files, fd);
    struct rim__sim_inode *inode = opening->inode;
    for (uint32_t i = 0; i < RIM_SIM_LOCKS_MAX; i++) {
        if (inode->locks[i].of == opening) {
            inode->locks[i] = (struct rim__sim_lock){0};
        }
    }
    if (may_write(opening->flags) && inode->type == S_IFREG) {
        rim__sim_watch_tell(files, inode, IN_CLOSE_WRITE);
    }
    free(opening);
    files->openings[fd - RIM_SIM_FIRST_FILE] = NULL;
    inode->openings--;
    rim__sim_tree_release(inode);
}

/* ---- bytes ---- */

static uint64_t shorten(struct rim__sim *sim, uint64_t size) {
    return size > 1 && rim__sim_strikes(sim, RIM_FAULT_file_short) ? rim__sim_between(sim, 1, size - 1) : size;
}

/* The file is at least so long; what is new is zero. */
static int32_t extend(struct rim__sim_inode *inode, uint64_t size) {
    if (size > RIM_SIM_FILE_SIZE_MAX) {
        return -EFBIG;
    }
    if (size > inode->room) {
        inode->room = size * 2;
        inode->bytes = realloc(inode->bytes, inode->room);
        rim__assert(inode->bytes != NULL);
    }
    if (size > inode->size) {
        memset(inode->bytes + inode->size, 0, size - inode->size);
        inode->size = size;
    }
    return 0;
}

static bool is_direct(const struct rim__sim_opening *opening) {
    return (opening->flags & O_DIRECT) != 0;
}

static bool is_refused(const struct rim__sim_opening *opening, const struct rim__op *op) {
    uint64_t offset = op->file.offset == RIM_FILE_OP_END ? opening->inode->size : op->file.offset;
    uint64_t all = offset | op->file.size | (uint64_t)(uintptr_t)op->file.bytes;
    return is_direct(opening) && all % DIRECT_ALIGN != 0;
}

/* Direct reads and writes move whole blocks, whatever strikes. */
static uint64_t shorten_of(struct rim__sim *sim, const struct rim__sim_opening *opening, uint64_t size) {
    uint64_t part = shorten(sim, size);
    if (is_direct(opening) && part < size) {
        part -= part % DIRECT_ALIGN;
        return part > 0 ? part : size;
    }
    return part;
}

static int32_t read_bytes(struct rim__sim *sim, const struct rim__sim_opening *opening, const struct rim__op *op) {
    const struct rim__sim_inode *inode = opening->inode;
    if (!may_read(opening->flags)) {
        return -EBADF;
    }
    if (inode->type == S_IFDIR) {
        return -EISDIR;
    }
    if (is_refused(opening, op)) {
        return -EINVAL;
    }
    if (rim__sim_strikes(sim, RIM_FAULT_file_error)) {
        return -EIO;
    }
    uint64_t offset = op->file.offset;
    uint64_t size = offset < inode->size ? inode->size - offset : 0;
    size = shorten_of(sim, opening, size < op->file.size ? size : op->file.size);
    if (size > 0) {
        memcpy(op->file.bytes, inode->bytes + offset, size);
    }
    return (int32_t)size;
}

static int32_t write_bytes(struct rim__sim *sim, const struct rim__sim_opening *opening, const struct rim__op *op) {
    struct rim__sim_inode *inode = opening->inode;
    if (!may_write(opening->flags)) {
        return -EBADF;
    }
    if (is_refused(opening, op)) {
        return -EINVAL;
    }
    if (rim__sim_strikes(sim, RIM_FAULT_file_error)) {
        return -EIO;
    }
    if (inode->is_full || rim__sim_strikes(sim, RIM_FAULT_file_full)) {
        return -ENOSPC;
    }
    bool append = op->file.offset == RIM_FILE_OP_END || (opening->flags & O_APPEND);
    uint64_t offset = append ? inode->size : op->file.offset;
    uint64_t size = shorten_of(sim, opening, op->file.size);
    int32_t result = offset > RIM_SIM_FILE_SIZE_MAX ? -EFBIG : extend(inode, offset + size);
    if (result != 0) {
        return result;
    }
    if (size > 0) {
        memcpy(inode->bytes + offset, op->file.bytes, size);
    }
    return (int32_t)size;
}

/* By way of a buffer: the two may be one file. */
static int32_t copy_range(struct rim__sim *sim, const struct rim__sim_opening *opening, const struct rim__op *op) {
    const struct rim__sim_opening *source = opening_of(&sim->files, (int)op->file.flags);
    uint32_t size = op->file.length < RANGE_MAX ? (uint32_t)op->file.length : RANGE_MAX;
    if ((opening->flags & O_APPEND) || !may_read(source->flags)) {
        return -EBADF;
    }
    char *bytes = rim__sim_event_alloc(size);
    struct rim__op part = {.kind = RIM_OP_FILE};
    part.file.bytes = bytes;
    part.file.size = size;
    part.file.offset = op->file.from_offset;
    int32_t result = read_bytes(sim, source, &part);
    if (result > 0) {
        part.file.size = (uint32_t)result;
        part.file.offset = op->file.offset;
        result = write_bytes(sim, opening, &part);
    }
    free(bytes);
    return result;
}

static int32_t truncate_file(const struct rim__sim_opening *opening, const struct rim__op *op) {
    if (!may_write(opening->flags)) {
        return -EINVAL;
    }
    if (op->file.length > opening->inode->size) {
        return extend(opening->inode, op->file.length);
    }
    opening->inode->size = op->file.length;
    return 0;
}

static int32_t allocate(const struct rim__sim_opening *opening, const struct rim__op *op) {
    if (!may_write(opening->flags)) {
        return -EBADF;
    }
    if (op->file.length == 0) {
        return -EINVAL;
    }
    if (op->file.flags == FALLOC_FL_KEEP_SIZE) {
        return 0;
    }
    if (op->file.flags != 0) {
        return -EOPNOTSUPP;
    }
    return op->file.offset > RIM_SIM_FILE_SIZE_MAX ? -EFBIG : extend(opening->inode, op->file.offset + op->file.length);
}

/* ---- the rest ---- */

static int32_t sync_file(struct rim__sim *sim) {
    return rim__sim_strikes(sim, RIM_FAULT_file_error) ? -EIO : 0;
}

static struct statx_timestamp time_of(int64_t ns) {
    return (struct statx_timestamp){.tv_sec = ns / 1000000000, .tv_nsec = (uint32_t)(ns % 1000000000)};
}

static int32_t stat_file(const struct rim__sim_opening *opening, const struct rim__op *op) {
    const struct rim__sim_inode *inode = opening->inode;
    struct statx status = {
        .stx_mask = STATX_BASIC_STATS,
        .stx_mode = (uint16_t)(inode->type | inode->mode),
        .stx_uid = inode->user,
        .stx_gid = inode->group,
        .stx_nlink = inode->names,
        .stx_size = inode->size,
        .stx_blocks = (inode->size + 511) / 512,
        .stx_ino = inode->number,
        .stx_atime = time_of(inode->accessed_ns),
        .stx_mtime = time_of(inode->modified_ns),
        .stx_ctime = time_of(inode->changed_ns),
    };
    rim__assert(op->file.size == sizeof status);
    memcpy(op->file.bytes, &status, sizeof status);
    if (op->file.flags & DIOALIGN_MASK) {
        const uint32_t align[2] = {DIRECT_ALIGN, DIRECT_ALIGN};
        ((struct statx *)op->file.bytes)->stx_mask |= DIOALIGN_MASK;
        memcpy((char *)op->file.bytes + DIOALIGN_PLACE, align, sizeof align);
    }
    return 0;
}

/* One lock of an opening is replaced by the next that touches it, whole: less than the kernel does, enough for one
   range at a time. */
static int32_t lock_file(const struct rim__sim_opening *opening, const struct rim__op *op) {
    struct rim__sim_lock wanted = {.begin = op->file.offset, .of = opening, .exclusive = op->file.flags == F_WRLCK};
    wanted.end = op->file.length != 0 ? op->file.offset + op->file.length : UINT64_MAX;
    struct rim__sim_lock *free_lock = NULL;
    for (uint32_t i = 0; i < RIM_SIM_LOCKS_MAX; i++) {
        struct rim__sim_lock *at = &opening->inode->locks[i];
        bool touches = at->of != NULL && at->begin < wanted.end && wanted.begin < at->end;
        if (touches && at->of != opening && op->file.flags != F_UNLCK && (at->exclusive || wanted.exclusive)) {
            return -EAGAIN;
        }
        free_lock = at->of == NULL ? at : free_lock;
    }
    for (uint32_t i = 0; i < RIM_SIM_LOCKS_MAX; i++) {
        struct rim__sim_lock *at = &opening->inode->locks[i];
        if (at->of == opening && at->begin < wanted.end && wanted.begin < at->end) {
            *at = (struct rim__sim_lock){0};
            free_lock = at;
        }
    }
    if (op->file.flags == F_UNLCK) {
        return 0;
    }
    if (free_lock == NULL) {
        return -ENOLCK;
    }
    *free_lock = wanted;
    return 0;
}

/* A new file in the old one's place: who has that open keeps it. */
static int32_t replace_file(struct rim__sim *sim, const struct rim__op *op) {
    if (rim__sim_strikes(sim, RIM_FAULT_file_full)) {
        return -ENOSPC;
    }
    if (rim__sim_strikes(sim, RIM_FAULT_file_error)) {
        return -EIO;
    }
    struct rim__sim_place place;
    int32_t result = find(&sim->files, op->file.path, O_CREAT | O_NOFOLLOW, &place);
    if (result != 0 || place.is_odd || place.is_folder || rim__sim_inode_is(place.inode, S_IFDIR)) {
        return result != 0 ? result : -EISDIR;
    }
    struct rim__sim_inode *old = place.inode, *inode;
    result = rim__sim_tree_may_change(place.folder);
    if (result != 0) {
        return result;
    }
    if (old != NULL) {
        rim__sim_tree_leave(&place);
        rim__sim_tree_release(old);
    }
    inode = rim__sim_tree_make(&sim->files, S_IFREG | op->file.mode);
    rim__sim_tree_enter(&place, inode);
    rim__sim_watch_tell_name(&sim->files, &place, IN_MOVED_TO, ++sim->files.moves); /* from a name of nobody's */
    result = extend(inode, op->file.size);
    if (result == 0 && op->file.size > 0) {
        memcpy(inode->bytes, op->file.bytes, op->file.size);
    }
    return result;
}

static int32_t perform(struct rim__sim *sim, const struct rim__sim_opening *opening, const struct rim__op *op) {
    switch (op->file.what) {
    case RIM_FILE_OP_READ:
        return read_bytes(sim, opening, op);
    case RIM_FILE_OP_WRITE:
        return write_bytes(sim, opening, op);
    case RIM_FILE_OP_SYNC:
    case RIM_FILE_OP_DATASYNC:
        return sync_file(sim);
    case RIM_FILE_OP_TRUNCATE:
        return truncate_file(opening, op);
    case RIM_FILE_OP_ALLOCATE:
        return allocate(opening, op);
    case RIM_FILE_OP_STAT:
        return stat_file(opening, op);
    case RIM_FILE_OP_ADVISE:
        return 0;
    case RIM_FILE_OP_LOCK:
        return lock_file(opening, op);
    case RIM_FILE_OP_COPY_RANGE:
        return copy_range(sim, opening, op);
    case RIM_FILE_OP_OPEN:
    case RIM_FILE_OP_REPLACE:
    case RIM_FILE_OP_FETCH:
        break;
    }
    rim__unreachable("what is done to a file");
}

static bool changes_bytes(enum rim__file_what what) {
    return what == RIM_FILE_OP_WRITE || what == RIM_FILE_OP_TRUNCATE || what == RIM_FILE_OP_ALLOCATE;
}

int32_t rim__sim_disk_perform(struct rim__sim *sim, struct rim__op *op) {
    if (op->file.what == RIM_FILE_OP_OPEN) {
        return open_file(sim, op);
    }
    if (op->file.what == RIM_FILE_OP_REPLACE) {
        return replace_file(sim, op);
    }
    const struct rim__sim_opening *opening = opening_of(&sim->files, op->fd);
    int32_t result = perform(sim, opening, op);
    if (result >= 0 && changes_bytes(op->file.what)) {
        rim__sim_tree_touch(&sim->files, opening->inode);
        rim__sim_watch_tell(&sim->files, opening->inode, IN_MODIFY);
    }
    return result;
}
