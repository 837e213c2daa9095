/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sim_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "io/sim_outside.h"
#include "io/sim_tree.h"
#include "io/sim_world.h"
#include "ringmail/poll.h"

#define EVENTS_MAX 300u

struct mark {
    struct mark *next;
    const struct rim__sim_inode *inode;
    int id;
    uint32_t mask;
};

struct rim__sim_watch {
    struct rim__sim_watch *next;
    int handle, ids;
    struct mark *marks;
    char *bytes;
    size_t used, room, last; /* `last`: where the last event begins */
    uint32_t events;         /* that wait */
};

static struct rim__sim *world_of(struct rim__sim_files *files) {
    return rim__container_of(files, struct rim__sim, files);
}

static struct rim__sim_watch *find(const struct rim__sim *sim, int handle) {
    struct rim__sim_watch *at = sim->files.watches;
    while (at != NULL && at->handle != handle) {
        at = at->next;
    }
    return at;
}

/* ---- the queue ---- */

static void put(struct rim__sim_watch *watch, const struct inotify_event *event, const char *name) {
    size_t span = sizeof *event + event->len;
    if (watch->used + span > watch->room) {
        watch->room = 2 * (watch->used + span);
        watch->bytes = realloc(watch->bytes, watch->room);
        rim__assert(watch->bytes != NULL);
    }
    char *to = watch->bytes + watch->used;
    memset(to, 0, span);
    memcpy(to, event, sizeof *event);
    memcpy(to + sizeof *event, name, strlen(name));
    watch->last = watch->used;
    watch->used += span;
    watch->events++;
}

/* The same as the last that waits is told once. */
static bool is_repeated(const struct rim__sim_watch *watch, const struct inotify_event *event, const char *name) {
    if (watch->used == 0) {
        return false;
    }
    const char *last = watch->bytes + watch->last;
    return memcmp(last, event, sizeof *event) == 0 && (event->len == 0 || strcmp(last + sizeof *event, name) == 0);
}

static void append(struct rim__sim *sim, struct rim__sim_watch *watch, const struct inotify_event *told,
                   const char *name) {
    struct inotify_event event = {.wd = told->wd, .mask = told->mask, .cookie = told->cookie};
    event.len = name[0] != '\0' ? (uint32_t)((strlen(name) + 1 + 15) & ~(size_t)15) : 0;
    bool is_end = (event.mask & IN_IGNORED) != 0;
    if (!is_end && (watch->events >= EVENTS_MAX || rim__sim_strikes(sim, RIM_FAULT_watch_overflow))) {
        event = (struct inotify_event){.wd = -1, .mask = IN_Q_OVERFLOW};
        name = "";
    }
    if (!is_repeated(watch, &event, name)) {
        put(watch, &event, name);
    }
    rim__sim_outside_say(sim, watch->handle, RIM_POLL_READ);
}

int64_t rim__sim_watch_read(struct rim__sim *sim, int handle, void *bytes, size_t size) {
    struct rim__sim_watch *watch = find(sim, handle);
    size_t taken = 0;
    if (watch == NULL || watch->used == 0) {
        return watch != NULL ? -EAGAIN : -EBADF;
    }
    while (taken < watch->used) {
        struct inotify_event event;
        memcpy(&event, watch->bytes + taken, sizeof event);
        if (taken + sizeof event + event.len > size) {
            break;
        }
        taken += sizeof event + event.len;
        watch->events--;
    }
    memcpy(bytes, watch->bytes, taken);
    memmove(watch->bytes, watch->bytes + taken, watch->used - taken);
    watch->used -= taken;
    watch->last -= watch->used > 0 ? taken : watch->last;
    if (watch->used == 0) {
        rim__sim_outside_say(sim, handle, 0);
    }
    return taken > 0 ? (int64_t)taken : -EINVAL;
}

/* ---- who is told ---- */

void rim__sim_watch_tell_self(struct rim__sim_files *files, const struct rim__sim_inode *inode, uint32_t mask) {
    for (struct rim__sim_watch *watch = files->watches; watch != NULL; watch = watch->next) {
        for (struct mark **link = &watch->marks, *at; (at = *link) != NULL;) {
            if (at->inode == inode && (at->mask & mask)) {
                append(world_of(files), watch, &(struct inotify_event){.wd = at->id, .mask = mask}, "");
            }
            if (at->inode == inode && (mask & IN_DELETE_SELF)) {
                append(world_of(files), watch, &(struct inotify_event){.wd = at->id, .mask = IN_IGNORED}, "");
                *link = at->next;
                free(at);
            } else {
                link = &at->next;
            }
        }
    }
}

static void tell_folder(struct rim__sim_files *files, const struct rim__sim_inode *folder,
                        const struct inotify_event *event, const char *name) {
    for (struct rim__sim_watch *watch = files->watches; watch != NULL; watch = watch->next) {
        for (const struct mark *at = watch->marks; at != NULL; at = at->next) {
            if (at->inode == folder && (at->mask & event->mask)) {
                struct inotify_event told = {.wd = at->id, .mask = event->mask, .cookie = event->cookie};
                append(world_of(files), watch, &told, name);
            }
        }
    }
}

static uint32_t folder_bit(const struct rim__sim_inode *inode) {
    return rim__sim_inode_is(inode, S_IFDIR) ? IN_ISDIR : 0;
}

void rim__sim_watch_tell_name(struct rim__sim_files *files, const struct rim__sim_place *place, uint32_t mask,
                              uint32_t cookie) {
    struct inotify_event event = {.mask = mask | folder_bit(place->inode), .cookie = cookie};
    tell_folder(files, place->folder, &event, place->name);
}

void rim__sim_watch_tell(struct rim__sim_files *files, const struct rim__sim_inode *inode, uint32_t mask) {
    struct inotify_event event = {.mask = mask | folder_bit(inode)};
    rim__sim_watch_tell_self(files, inode, mask);
    for (struct rim__sim_watch *watch = files->watches; watch != NULL; watch = watch->next) {
        for (const struct mark *at = watch->marks; at != NULL; at = at->next) {
            for (const struct rim__sim_entry *entry = at->inode->entries; entry != NULL; entry = entry->next) {
                if (entry->inode == inode && (at->mask & mask)) {
                    event.wd = at->id;
                    append(world_of(files), watch, &event, entry->name);
                }
            }
        }
    }
}

void rim__sim_watch_tell_move(struct rim__sim_files *files, const struct rim__sim_place *from,
                              const struct rim__sim_place *to) {
    uint32_t bit = folder_bit(to->inode), cookie = ++files->moves;
    struct inotify_event left = {.mask = IN_MOVED_FROM | bit, .cookie = cookie};
    struct inotify_event came = {.mask = IN_MOVED_TO | bit, .cookie = cookie};
    tell_folder(files, from->folder, &left, from->name);
    tell_folder(files, to->folder, &came, to->name);
    rim__sim_watch_tell_self(files, to->inode, IN_MOVE_SELF);
}

/* ---- who watches ---- */

int rim__sim_watch_open(struct rim__sim *sim) {
    if (rim__sim_strikes(sim, RIM_FAULT_file_limit)) {
        return -EMFILE;
    }
    struct rim__sim_watch *watch = rim__sim_event_alloc(sizeof *watch);
    watch->handle = RIM_SIM_FIRST_WATCH + (int)sim->files.watch_numbers++;
    watch->next = sim->files.watches;
    sim->files.watches = watch;
    rim__sim_outside_say(sim, watch->handle, 0);
    return watch->handle;
}

int rim__sim_watch_add(struct rim__sim *sim, int handle, struct rim__sim_inode *inode, uint32_t mask) {
    struct rim__sim_watch *watch = find(sim, handle);
    rim__assert(watch != NULL);
    for (const struct mark *at = watch->marks; at != NULL; at = at->next) {
        if (at->inode == inode) {
            return -EEXIST;
        }
    }
    if (rim__sim_strikes(sim, RIM_FAULT_watch_limit)) {
        return -ENOSPC;
    }
    struct mark *mark = rim__sim_event_alloc(sizeof *mark);
    *mark = (struct mark){.next = watch->marks, .inode = inode, .id = ++watch->ids, .mask = mask & IN_ALL_EVENTS};
    watch->marks = mark;
    return mark->id;
}

int rim__sim_watch_remove(struct rim__sim *sim, int handle, int id) {
    struct rim__sim_watch *watch = find(sim, handle);
    struct mark **link = &watch->marks;
    while (*link != NULL && (*link)->id != id) {
        link = &(*link)->next;
    }
    struct mark *mark = *link;
    if (mark == NULL) {
        return -EINVAL;
    }
    *link = mark->next;
    free(mark);
    append(sim, watch, &(struct inotify_event){.wd = id, .mask = IN_IGNORED}, "");
    return 0;
}

static void destroy(struct rim__sim_watch *watch) {
    while (watch->marks != NULL) {
        struct mark *mark = watch->marks;
        watch->marks = mark->next;
        free(mark);
    }
    free(watch->bytes);
    free(watch);
}

void rim__sim_watch_close(struct rim__sim *sim, int handle) {
    struct rim__sim_watch **link = &sim->files.watches;
    while (*link != NULL && (*link)->handle != handle) {
        link = &(*link)->next;
    }
    struct rim__sim_watch *watch = *link;
    rim__assert(watch != NULL);
    *link = watch->next;
    destroy(watch);
}

void rim__sim_watch_finish(struct rim__sim_files *files) {
    while (files->watches != NULL) {
        struct rim__sim_watch *watch = files->watches;
        files->watches = watch->next;
        destroy(watch);
    }
}
