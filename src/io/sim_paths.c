/* SPDX-License-Identifier: MIT */
/*
 * What helpers do to the folders and names of the simulated world's disk: the other body of disk.h. Where a name is
 * relative to an open folder, that is somebody's walk through a tree, and the faults of others' doings strike there.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "io/disk.h"
#include "io/sim_tree.h"
#include "io/sim_watch.h"
#include "io/sim_world.h"

static struct rim__sim *of(const struct rim__disk *disk) {
    return (struct rim__sim *)((uintptr_t)disk - offsetof(struct rim__sim, disk));
}

/* ---- finding ---- */

/* Without the faults. */
static int look_up(struct rim__sim *sim, int folder, const char *name, bool follow, struct rim__sim_place *place) {
    if (folder == RIM_DISK_HERE) {
        return rim__sim_tree_find(&sim->files, NULL, name, follow, place);
    }
    const struct rim__sim_opening *opening = rim__sim_tree_opening(&sim->files, folder);
    rim__assert(opening != NULL);
    if (name[0] == '\0') {
        *place = (struct rim__sim_place){.folder = opening->inode, .inode = opening->inode, .is_odd = true};
        return 0;
    }
    return rim__sim_tree_find(&sim->files, opening->inode, name, follow, place);
}

static bool is_free_to_go(const struct rim__sim_place *place) {
    return place->inode != NULL && !place->is_odd && place->inode->entries == NULL &&
           rim__sim_tree_may_change(place->folder) == 0;
}

static void take_away(struct rim__sim_place *place) {
    struct rim__sim_inode *inode = place->inode;
    rim__sim_watch_tell_name(inode->files, place, IN_DELETE, 0);
    rim__sim_tree_leave(place);
    rim__sim_watch_tell_self(inode->files, inode, IN_ATTRIB);
    rim__sim_tree_release(inode);
}

static int find(struct rim__sim *sim, int folder, const char *name, bool follow, struct rim__sim_place *place) {
    if (rim__sim_strikes(sim, RIM_FAULT_path_error)) {
        return -EIO;
    }
    int error = look_up(sim, folder, name, follow, place);
    if (error == 0 && folder != RIM_DISK_HERE && is_free_to_go(place) && rim__sim_strikes(sim, RIM_FAULT_path_vanish)) {
        take_away(place);
    }
    return error;
}

/* What is there. */
static int find_inode(struct rim__sim *sim, int folder, const char *name, bool follow, struct rim__sim_place *place) {
    int error = find(sim, folder, name, follow, place);
    return error == 0 && place->inode == NULL ? -ENOENT : error;
}

/* A place for something new. */
static int find_room(struct rim__sim *sim, int folder, const char *name, struct rim__sim_place *place) {
    int error = find(sim, folder, name, false, place);
    if (error == 0 && place->inode != NULL) {
        return -EEXIST;
    }
    return error == 0 && rim__sim_strikes(sim, RIM_FAULT_file_full) ? -ENOSPC : error;
}

/* ---- folders ---- */

static int open_folder(const struct rim__disk *disk, int folder, const char *name, bool follow) {
    struct rim__sim *sim = of(disk);
    struct rim__sim_place place;
    int error = find_inode(sim, folder, name, follow, &place);
    if (error == 0 && place.inode->type != S_IFDIR) {
        return -ENOTDIR;
    }
    if (error == 0 && !(place.inode->mode & 0400)) {
        return -EACCES;
    }
    if (error == 0 && rim__sim_strikes(sim, RIM_FAULT_file_limit)) {
        return -EMFILE;
    }
    return error == 0 ? rim__sim_tree_open(&sim->files, place.inode, O_DIRECTORY) : error;
}

static void close_folder(const struct rim__disk *disk, int fd) {
    rim__sim_file_close(&of(disk)->files, fd);
}

static uint8_t type_of(const struct rim__sim_inode *inode) {
    return inode->type == S_IFDIR ? DT_DIR : inode->type == S_IFLNK ? DT_LNK : DT_REG;
}

static int64_t read_folder(const struct rim__disk *disk, int fd, void *bytes, size_t size) {
    struct rim__sim_opening *opening = rim__sim_tree_opening(&of(disk)->files, fd);
    rim__assert(opening != NULL);
    if (rim__sim_strikes(of(disk), RIM_FAULT_path_error)) {
        return -EIO;
    }
    size_t used = 0;
    for (const struct rim__sim_entry *at = opening->inode->entries; at != NULL; at = at->next) {
        struct dirent64 found = {.d_ino = at->inode->number, .d_off = (off_t)at->number, .d_type = type_of(at->inode)};
        size_t span = (offsetof(struct dirent64, d_name) + strlen(at->name) + 1 + 7) & ~(size_t)7;
        if (at->number <= opening->position) {
            continue;
        }
        if (span > size - used) {
            break;
        }
        found.d_reclen = (unsigned short)span;
        strcpy(found.d_name, at->name);
        memcpy((char *)bytes + used, &found, span);
        used += span;
        opening->position = at->number;
    }
    return (int64_t)used;
}

static int rewind_folder(const struct rim__disk *disk, int fd) {
    rim__sim_tree_opening(&of(disk)->files, fd)->position = 0;
    return 0;
}

/* ---- making ---- */

static int make(struct rim__sim *sim, int folder, const char *name, uint32_t mode, struct rim__sim_inode **out) {
    struct rim__sim_place place;
    int error = find_room(sim, folder, name, &place);
    if (error == 0 && place.is_folder && (mode & S_IFMT) != S_IFDIR) {
        return -ENOENT;
    }
    return error == 0 ? rim__sim_tree_add(&sim->files, &place, mode, out) : error;
}

static int make_file(const struct rim__disk *disk, const char *path, uint32_t mode) {
    struct rim__sim_inode *inode;
    return make(of(disk), RIM_DISK_HERE, path, S_IFREG | mode, &inode);
}

static int make_folder(const struct rim__disk *disk, int folder, const char *name, uint32_t mode) {
    struct rim__sim_inode *inode;
    return make(of(disk), folder, name, S_IFDIR | mode, &inode);
}

static int make_symlink(const struct rim__disk *disk, const char *path, const char *says) {
    struct rim__sim_inode *inode;
    size_t size = strlen(says) + 1;
    int error = size > 1 ? make(of(disk), RIM_DISK_HERE, path, S_IFLNK | 0777, &inode) : -ENOENT;
    if (error == 0) {
        inode->bytes = rim__sim_event_alloc(size);
        memcpy(inode->bytes, says, size);
        inode->size = size - 1;
    }
    return error;
}

static int make_link(const struct rim__disk *disk, const char *path, const char *to) {
    struct rim__sim *sim = of(disk);
    struct rim__sim_place from, room;
    int error = find_inode(sim, RIM_DISK_HERE, path, false, &from);
    error = error == 0 ? find_room(sim, RIM_DISK_HERE, to, &room) : error;
    if (error == 0 && from.inode->type == S_IFDIR) {
        return -EPERM;
    }
    error = error == 0 ? rim__sim_tree_may_change(room.folder) : error;
    if (error == 0) {
        rim__sim_tree_enter(&room, from.inode);
        rim__sim_watch_tell_name(&sim->files, &room, IN_CREATE, 0);
    }
    return error;
}

/* ---- removing and renaming ---- */

/* Somebody else makes a file in a folder that is about to go. */
static void let_appear(struct rim__sim *sim, struct rim__sim_inode *folder) {
    struct rim__sim_place place;
    struct rim__sim_inode *made;
    if (rim__sim_tree_may_change(folder) == 0 && rim__sim_strikes(sim, RIM_FAULT_path_appear) &&
        rim__sim_tree_find(&sim->files, folder, "appeared", false, &place) == 0 && place.inode == NULL) {
        (void)rim__sim_tree_add(&sim->files, &place, S_IFREG | 0666, &made);
    }
}

static int check_removal(const struct rim__sim_place *place, bool is_folder) {
    const struct rim__sim_inode *inode = place->inode;
    if (is_folder != (inode->type == S_IFDIR)) {
        return is_folder ? -ENOTDIR : -EISDIR;
    }
    if (place->is_odd) {
        return place->name[0] == '\0' ? -EBUSY : strcmp(place->name, ".") == 0 ? -EINVAL : -ENOTEMPTY;
    }
    int error = rim__sim_tree_may_change(place->folder);
    return error == 0 && inode->entries != NULL ? -ENOTEMPTY : error;
}

static int remove_name(const struct rim__disk *disk, int folder, const char *name, bool is_folder) {
    struct rim__sim *sim = of(disk);
    struct rim__sim_place place;
    int error = find_inode(sim, folder, name, false, &place);
    if (error == 0 && folder != RIM_DISK_HERE && is_folder && place.inode->type == S_IFDIR) {
        let_appear(sim, place.inode);
    }
    error = error == 0 ? check_removal(&place, is_folder) : error;
    if (error == 0) {
        rim__sim_tree_touch(&sim->files, place.folder);
        take_away(&place);
    }
    return error;
}

static bool is_within(const struct rim__sim_inode *inode, const struct rim__sim_inode *folder) {
    while (inode != NULL && inode != folder && inode->parent != inode) {
        inode = inode->parent;
    }
    return inode == folder;
}

/* Whether the name at `to` may give way to it. */
static int check_replaced(const struct rim__sim_place *from, const struct rim__sim_place *to) {
    bool is_folder = from->inode->type == S_IFDIR;
    if (to->inode == NULL) {
        return to->is_folder && !is_folder ? -ENOTDIR : 0;
    }
    if (is_folder != (to->inode->type == S_IFDIR)) {
        return is_folder ? -ENOTDIR : -EISDIR;
    }
    return to->inode->entries != NULL ? -ENOTEMPTY : 0;
}

static int check_rename(const struct rim__sim_place *from, const struct rim__sim_place *to, uint32_t flags) {
    if (from->is_odd || to->is_odd) {
        return -EBUSY;
    }
    if (flags == RENAME_NOREPLACE && to->inode != NULL) {
        return -EEXIST;
    }
    if (flags == RENAME_EXCHANGE && to->inode == NULL) {
        return -ENOENT;
    }
    if (from->inode->type == S_IFDIR && is_within(to->folder, from->inode)) {
        return -EINVAL;
    }
    int error = rim__sim_tree_may_change(from->folder);
    error = error == 0 ? rim__sim_tree_may_change(to->folder) : error;
    return error == 0 && flags != RENAME_EXCHANGE ? check_replaced(from, to) : error;
}

static void rename_place(struct rim__sim_place *from, struct rim__sim_place *to, uint32_t flags) {
    struct rim__sim_inode *inode = from->inode, *other = to->inode;
    rim__sim_tree_leave(from);
    if (other != NULL) {
        rim__sim_tree_leave(to);
    }
    rim__sim_tree_enter(to, inode);
    rim__sim_watch_tell_move(inode->files, from, to);
    if (other != NULL && flags == RENAME_EXCHANGE) {
        rim__sim_tree_enter(from, other);
        rim__sim_watch_tell_move(inode->files, to, from);
    } else if (other != NULL) {
        rim__sim_tree_release(other);
    }
}

static int rename_path(const struct rim__disk *disk, const struct rim__disk_move *move) {
    struct rim__sim *sim = of(disk);
    struct rim__sim_place from, to;
    int error = find_inode(sim, move->from_folder, move->from, false, &from);
    error = error == 0 ? look_up(sim, move->to_folder, move->to, false, &to) : error;
    if (error != 0 || (from.inode == to.inode && move->flags == 0)) {
        return error;
    }
    error = move->flags <= RENAME_EXCHANGE ? check_rename(&from, &to, move->flags) : -EINVAL;
    if (error == 0) {
        rename_place(&from, &to, move->flags);
        rim__sim_tree_touch(&sim->files, from.folder);
        rim__sim_tree_touch(&sim->files, to.folder);
    }
    return error;
}

/* ---- looking and changing ---- */

static int stat_name(const struct rim__disk *disk, int folder, const char *name, bool follow, rim_file_status *out) {
    struct rim__sim_place place;
    int error = find_inode(of(disk), folder, name, follow, &place);
    const struct rim__sim_inode *inode = place.inode;
    if (error == 0) {
        *out = (rim_file_status){
            .size = inode->size,
            .allocated = (inode->size + 511) / 512 * 512,
            .inode = inode->number,
            .device = 1,
            .mode = inode->type | inode->mode,
            .user = inode->user,
            .group = inode->group,
            .links = inode->names,
            .accessed_ns = inode->accessed_ns,
            .modified_ns = inode->modified_ns,
            .changed_ns = inode->changed_ns,
        };
    }
    return error;
}

static int64_t read_link(const struct rim__disk *disk, const char *path, char *bytes, size_t size) {
    struct rim__sim_place place;
    int error = find_inode(of(disk), RIM_DISK_HERE, path, false, &place);
    if (error != 0 || place.inode->type != S_IFLNK) {
        return error != 0 ? error : -EINVAL;
    }
    size = place.inode->size < size ? place.inode->size : size;
    memcpy(bytes, place.inode->bytes, size);
    return (int64_t)size;
}

static void set_time(int64_t *time, int64_t to, int64_t now) {
    if (to != RIM_PATH_KEEP) {
        *time = to == RIM_PATH_NOW ? now : to;
    }
}

static int change(const struct rim__disk *disk, const char *path, const struct rim__disk_change *to) {
    struct rim__sim *sim = of(disk);
    struct rim__sim_place place;
    int64_t now = (int64_t)rim__sim_wall_ms(sim) * 1000000;
    int error = find_inode(sim, RIM_DISK_HERE, path, !to->no_follow, &place);
    if (error != 0) {
        return error;
    }
    if (to->changes_mode && place.inode->type == S_IFLNK) {
        return -EOPNOTSUPP; /* as glibc says */
    }
    if (to->changes_mode) {
        place.inode->mode = to->mode & 07777;
    }
    if (to->changes_owner) {
        place.inode->user = to->user != UINT32_MAX ? to->user : place.inode->user;
        place.inode->group = to->group != UINT32_MAX ? to->group : place.inode->group;
    }
    if (to->changes_times) {
        set_time(&place.inode->accessed_ns, to->accessed_ns, now);
        set_time(&place.inode->modified_ns, to->modified_ns, now);
    }
    place.inode->changed_ns = now;
    rim__sim_watch_tell(&sim->files, place.inode, IN_ATTRIB);
    return 0;
}

/* ---- watching ---- */

static int watch_open(const struct rim__disk *disk) {
    return rim__sim_watch_open(of(disk));
}

static int watch_add(const struct rim__disk *disk, int handle, const char *path, uint32_t mask) {
    struct rim__sim_place place;
    int error = find_inode(of(disk), RIM_DISK_HERE, path, !(mask & IN_DONT_FOLLOW), &place);
    return error == 0 ? rim__sim_watch_add(of(disk), handle, place.inode, mask) : error;
}

static int watch_remove(const struct rim__disk *disk, int handle, int id) {
    return rim__sim_watch_remove(of(disk), handle, id);
}

static int64_t watch_read(const struct rim__disk *disk, int handle, void *bytes, size_t size) {
    return rim__sim_watch_read(of(disk), handle, bytes, size);
}

static void watch_close(const struct rim__disk *disk, int handle) {
    rim__sim_watch_close(of(disk), handle);
}

const struct rim__disk_ops rim__sim_paths = {
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
    .watch_close = watch_close,
};
