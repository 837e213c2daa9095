/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sim_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"

#define FULL          "/dev/full"
#define FILE_SIZE_MAX (1u << 30)
#define LOCKS_MAX     64u

struct lock {
    uint64_t begin, end; /* begin == end: none */
    const struct rim__sim_opening *of;
    bool exclusive;
};

struct rim__sim_inode {
    struct rim__sim_inode *next;
    char *path;
    char *bytes;
    uint64_t size, room;
    uint64_t number;
    uint32_t mode;
    struct lock locks[LOCKS_MAX];
};

struct rim__sim_opening {
    struct rim__sim_inode *inode;
    uint32_t flags;
};

static struct rim__sim_inode *find(const struct rim__sim_files *files, const char *path) {
    struct rim__sim_inode *at = files->inodes;
    while (at != NULL && strcmp(at->path, path) != 0) {
        at = at->next;
    }
    return at;
}

static struct rim__sim_inode *make(struct rim__sim_files *files, const char *path, uint32_t mode) {
    struct rim__sim_inode *inode = rim__sim_event_alloc(sizeof *inode);
    inode->path = strdup(path);
    rim__assert(inode->path != NULL);
    inode->mode = mode & 07777u;
    inode->number = ++files->numbers;
    inode->next = files->inodes;
    files->inodes = inode;
    return inode;
}

static struct rim__sim_opening *opening_of(const struct rim__sim_files *files, int fd) {
    struct rim__sim_opening *opening = files->openings[fd - RIM_SIM_FIRST_FILE];
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

static int32_t look_up(struct rim__sim_files *files, const struct rim__op *op, struct rim__sim_inode **inode) {
    const char *path = op->file.path;
    uint32_t flags = op->file.flags;
    *inode = find(files, path);
    if (*inode == NULL && strcmp(path, FULL) == 0) {
        *inode = make(files, path, 0666);
    } else if (*inode == NULL && (flags & O_CREAT)) {
        *inode = make(files, path, op->file.mode);
        return 0;
    }
    if (*inode == NULL) {
        return -ENOENT;
    }
    if ((flags & O_CREAT) && (flags & O_EXCL)) {
        return -EEXIST;
    }
    bool is_allowed = (!may_read(flags) || ((*inode)->mode & 0400)) && (!may_write(flags) || ((*inode)->mode & 0200));
    return is_allowed ? 0 : -EACCES;
}

static int32_t open_file(struct rim__sim *sim, const struct rim__op *op) {
    struct rim__sim_files *files = &sim->files;
    uint32_t number = 0;
    while (number < RIM_SIM_FILES_MAX && files->openings[number] != NULL) {
        number++;
    }
    if (number == RIM_SIM_FILES_MAX || rim__sim_strikes(sim, RIM_FAULT_file_limit)) {
        return -EMFILE;
    }
    size_t length = strlen(op->file.path);
    if (op->file.path[length - 1] == '/') {
        return may_write(op->file.flags) ? -EISDIR : -ENOENT;
    }
    struct rim__sim_inode *inode;
    int32_t result = look_up(files, op, &inode);
    if (result != 0) {
        return result;
    }
    if ((op->file.flags & O_TRUNC) && may_write(op->file.flags)) {
        inode->size = 0;
    }
    files->openings[number] = rim__sim_event_alloc(sizeof **files->openings);
    *files->openings[number] = (struct rim__sim_opening){.inode = inode, .flags = op->file.flags};
    return RIM_SIM_FIRST_FILE + (int32_t)number;
}

void rim__sim_file_close(struct rim__sim_files *files, int fd) {
    struct rim__sim_opening *opening = opening_of(files, fd);
    for (uint32_t i = 0; i < LOCKS_MAX; i++) {
        if (opening->inode->locks[i].of == opening) {
            opening->inode->locks[i] = (struct lock){0};
        }
    }
    free(opening);
    files->openings[fd - RIM_SIM_FIRST_FILE] = NULL;
}

void rim__sim_file_finish(struct rim__sim_files *files) {
    for (uint32_t i = 0; i < RIM_SIM_FILES_MAX; i++) {
        free(files->openings[i]);
    }
    for (struct rim__sim_inode *at = files->inodes, *next; at != NULL; at = next) {
        next = at->next;
        free(at->path);
        free(at->bytes);
        free(at);
    }
}

/* ---- bytes ---- */

static uint64_t shorten(struct rim__sim *sim, uint64_t size) {
    return size > 1 && rim__sim_strikes(sim, RIM_FAULT_file_short) ? rim__sim_between(sim, 1, size - 1) : size;
}

/* The file is at least so long; what is new is zero. */
static int32_t extend(struct rim__sim_inode *inode, uint64_t size) {
    if (size > FILE_SIZE_MAX) {
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

static int32_t read_bytes(struct rim__sim *sim, const struct rim__sim_opening *opening, const struct rim__op *op) {
    const struct rim__sim_inode *inode = opening->inode;
    if (!may_read(opening->flags)) {
        return -EBADF;
    }
    if (rim__sim_strikes(sim, RIM_FAULT_file_error)) {
        return -EIO;
    }
    uint64_t offset = op->file.offset;
    uint64_t size = offset < inode->size ? inode->size - offset : 0;
    size = shorten(sim, size < op->file.size ? size : op->file.size);
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
    if (rim__sim_strikes(sim, RIM_FAULT_file_error)) {
        return -EIO;
    }
    if (strcmp(inode->path, FULL) == 0 || rim__sim_strikes(sim, RIM_FAULT_file_full)) {
        return -ENOSPC;
    }
    bool append = op->file.offset == RIM_FILE_OP_END || (opening->flags & O_APPEND);
    uint64_t offset = append ? inode->size : op->file.offset;
    uint64_t size = shorten(sim, op->file.size);
    int32_t result = offset > FILE_SIZE_MAX ? -EFBIG : extend(inode, offset + size);
    if (result != 0) {
        return result;
    }
    if (size > 0) {
        memcpy(inode->bytes + offset, op->file.bytes, size);
    }
    return (int32_t)size;
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
    return op->file.offset > FILE_SIZE_MAX ? -EFBIG : extend(opening->inode, op->file.offset + op->file.length);
}

/* ---- the rest ---- */

static int32_t sync_file(struct rim__sim *sim) {
    return rim__sim_strikes(sim, RIM_FAULT_file_error) ? -EIO : 0;
}

static int32_t stat_file(const struct rim__sim *sim, const struct rim__sim_opening *opening, const struct rim__op *op) {
    const struct rim__sim_inode *inode = opening->inode;
    uint64_t now_ms = rim__sim_wall_ms(sim);
    struct statx status = {
        .stx_mask = STATX_BASIC_STATS,
        .stx_mode = (uint16_t)(S_IFREG | inode->mode),
        .stx_nlink = 1,
        .stx_size = inode->size,
        .stx_blocks = (inode->size + 511) / 512,
        .stx_ino = inode->number,
        .stx_mtime = {.tv_sec = (int64_t)(now_ms / 1000)},
    };
    rim__assert(op->file.size == sizeof status);
    memcpy(op->file.bytes, &status, sizeof status);
    return 0;
}

/* One lock of an opening is replaced by the next that touches it, whole: less than the kernel does, enough for one
   range at a time. */
static int32_t lock_file(const struct rim__sim_opening *opening, const struct rim__op *op) {
    struct lock wanted = {.begin = op->file.offset, .of = opening, .exclusive = op->file.flags == F_WRLCK};
    wanted.end = op->file.length != 0 ? op->file.offset + op->file.length : UINT64_MAX;
    struct lock *free_lock = NULL;
    for (uint32_t i = 0; i < LOCKS_MAX; i++) {
        struct lock *at = &opening->inode->locks[i];
        bool touches = at->of != NULL && at->begin < wanted.end && wanted.begin < at->end;
        if (touches && at->of != opening && op->file.flags != F_UNLCK && (at->exclusive || wanted.exclusive)) {
            return -EAGAIN;
        }
        free_lock = at->of == NULL ? at : free_lock;
    }
    for (uint32_t i = 0; i < LOCKS_MAX; i++) {
        struct lock *at = &opening->inode->locks[i];
        if (at->of == opening && at->begin < wanted.end && wanted.begin < at->end) {
            *at = (struct lock){0};
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
    struct rim__sim_inode *old = find(&sim->files, op->file.path);
    if (old != NULL) {
        old->path[0] = '\0'; /* no path is that */
    }
    struct rim__sim_inode *inode = make(&sim->files, op->file.path, op->file.mode);
    int32_t result = extend(inode, op->file.size);
    if (result == 0 && op->file.size > 0) {
        memcpy(inode->bytes, op->file.bytes, op->file.size);
    }
    return result;
}

int32_t rim__sim_disk_perform(struct rim__sim *sim, struct rim__op *op) {
    if (op->file.what == RIM_FILE_OP_OPEN) {
        return open_file(sim, op);
    }
    if (op->file.what == RIM_FILE_OP_REPLACE) {
        return replace_file(sim, op);
    }
    const struct rim__sim_opening *opening = opening_of(&sim->files, op->fd);
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
        return stat_file(sim, opening, op);
    case RIM_FILE_OP_ADVISE:
        return 0;
    case RIM_FILE_OP_LOCK:
        return lock_file(opening, op);
    case RIM_FILE_OP_OPEN:
    case RIM_FILE_OP_REPLACE:
        break;
    }
    rim__unreachable("what is done to a file");
}
