/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sim_tree.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "io/sim_watch.h"
#include "io/sim_world.h"

#define LINKS_MAX 40u

/* ---- inodes ---- */

static int64_t now_ns(const struct rim__sim_files *files) {
    return (int64_t)rim__sim_wall_ms(rim__container_of(files, struct rim__sim, files)) * 1000000;
}

void rim__sim_tree_touch(struct rim__sim_files *files, struct rim__sim_inode *inode) {
    inode->modified_ns = inode->changed_ns = now_ns(files);
}

struct rim__sim_inode *rim__sim_tree_make(struct rim__sim_files *files, uint32_t mode) {
    struct rim__sim_inode *inode = rim__sim_event_alloc(sizeof *inode);
    inode->files = files;
    inode->type = mode & S_IFMT;
    inode->mode = mode & 07777u;
    inode->number = ++files->numbers;
    inode->accessed_ns = inode->modified_ns = inode->changed_ns = now_ns(files);
    return inode;
}

static void destroy(struct rim__sim_inode *inode) {
    rim__assert(inode->entries == NULL);
    if (inode->is_pinned) {
        munmap(inode->bytes, RIM_SIM_FILE_SIZE_MAX);
    } else {
        free(inode->bytes);
    }
    free(inode);
}

void rim__sim_tree_release(struct rim__sim_inode *inode) {
    if (inode->names == 0 && inode->openings == 0) {
        rim__sim_watch_tell_self(inode->files, inode, IN_DELETE_SELF);
        destroy(inode);
    }
}

static struct rim__sim_inode *root_of(struct rim__sim_files *files) {
    if (files->root == NULL) {
        files->root = rim__sim_tree_make(files, S_IFDIR | 0755);
        files->root->names = 1;
        files->root->parent = files->root;
    }
    return files->root;
}

/* ---- entries ---- */

static struct rim__sim_entry **find_entry(struct rim__sim_inode *folder, const char *name) {
    struct rim__sim_entry **at = &folder->entries;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    return at;
}

void rim__sim_tree_enter(struct rim__sim_place *place, struct rim__sim_inode *inode) {
    struct rim__sim_inode *folder = place->folder;
    struct rim__sim_entry **end = find_entry(folder, place->name);
    rim__assert(*end == NULL);
    size_t size = strlen(place->name) + 1;
    struct rim__sim_entry *entry = rim__sim_event_alloc(sizeof *entry + size);
    memcpy(entry->name, place->name, size);
    entry->inode = inode;
    entry->number = ++folder->numbers;
    *end = entry;
    inode->names++;
    if (inode->type == S_IFDIR) {
        inode->parent = folder;
    }
    place->inode = inode;
}

void rim__sim_tree_leave(struct rim__sim_place *place) {
    struct rim__sim_entry **at = find_entry(place->folder, place->name);
    struct rim__sim_entry *entry = *at;
    rim__assert(entry != NULL && entry->inode == place->inode);
    *at = entry->next;
    free(entry);
    place->inode->names--;
    if (place->inode->type == S_IFDIR) {
        place->inode->parent = NULL;
    }
    place->inode = NULL;
}

int rim__sim_tree_may_change(const struct rim__sim_inode *folder) {
    if (folder->parent == NULL) {
        return -ENOENT;
    }
    return (folder->mode & 0300) == 0300 ? 0 : -EACCES;
}

int rim__sim_tree_add(struct rim__sim_files *files, struct rim__sim_place *place, uint32_t mode,
                      struct rim__sim_inode **out) {
    rim__assert(place->inode == NULL);
    int error = rim__sim_tree_may_change(place->folder);
    if (error == 0) {
        *out = rim__sim_tree_make(files, mode);
        rim__sim_tree_touch(files, place->folder);
        rim__sim_tree_enter(place, *out);
        rim__sim_watch_tell_name(files, place, IN_CREATE, 0);
    }
    return error;
}

/* ---- paths ---- */

struct search {
    struct rim__sim_files *files;
    struct rim__sim_place *place;
    bool follow;
    uint32_t links; /* so far */
};

static int search_from(struct search *search, struct rim__sim_inode *at, const char *path);

/* One name of a folder, into the place. */
static int look_up(struct search *search, struct rim__sim_inode *folder, const char *name, size_t length) {
    struct rim__sim_place *place = search->place;
    if (folder->type != S_IFDIR) {
        return -ENOTDIR;
    }
    if (!(folder->mode & 0100)) {
        return -EACCES;
    }
    if (length > RIM_SIM_NAME_MAX) {
        return -ENAMETOOLONG;
    }
    memcpy(place->name, name, length);
    place->name[length] = '\0';
    place->folder = folder;
    place->is_odd = true;
    if (strcmp(place->name, ".") == 0) {
        place->inode = folder;
    } else if (strcmp(place->name, "..") == 0) {
        place->inode = folder->parent;
    } else {
        const struct rim__sim_entry *entry = *find_entry(folder, place->name);
        place->inode = entry != NULL ? entry->inode : NULL;
        place->is_odd = false;
    }
    return 0;
}

/* Where the link in the place leads. */
static int follow_link(struct search *search) {
    struct rim__sim_inode *folder = search->place->folder;
    const char *says = search->place->inode->bytes;
    bool follow = search->follow;
    if (++search->links > LINKS_MAX) {
        return -ELOOP;
    }
    search->follow = true;
    int error = search_from(search, folder, says);
    search->follow = follow;
    return error;
}

/* After one name: 1 if there is more to be looked up, 0 if this is where the path leads. */
static int go_on(struct search *search, const char *rest) {
    struct rim__sim_place *place = search->place;
    bool is_last = rest[strspn(rest, "/")] == '\0';
    place->is_folder = is_last && *rest == '/';
    if (rim__sim_inode_is(place->inode, S_IFLNK) && (!is_last || search->follow || place->is_folder)) {
        bool is_folder = place->is_folder;
        int error = follow_link(search);
        if (error != 0) {
            return error;
        }
        place->is_folder = is_folder;
    }
    if (place->inode == NULL) {
        return is_last ? 0 : -ENOENT;
    }
    if (place->is_folder && place->inode->type != S_IFDIR) {
        return -ENOTDIR;
    }
    return !is_last;
}

static int search_from(struct search *search, struct rim__sim_inode *at, const char *path) {
    if (*path == '/') {
        at = root_of(search->files);
    }
    *search->place = (struct rim__sim_place){.folder = at, .inode = at, .is_odd = true};
    path += strspn(path, "/");
    while (*path != '\0') {
        size_t length = strcspn(path, "/");
        int result = look_up(search, at, path, length);
        path += length;
        result = result == 0 ? go_on(search, path) : result;
        if (result <= 0) {
            return result;
        }
        at = search->place->inode;
        path += strspn(path, "/");
    }
    return 0;
}

int rim__sim_tree_find(struct rim__sim_files *files, struct rim__sim_inode *from, const char *path, bool follow,
                       struct rim__sim_place *place) {
    if (*path == '\0') {
        return -ENOENT;
    }
    if (strlen(path) >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    struct search search = {.files = files, .place = place, .follow = follow};
    return search_from(&search, from != NULL ? from : root_of(files), path);
}

void rim__sim_tree_reach(struct rim__sim_files *files, const char *path) {
    char above[PATH_MAX];
    struct rim__sim_place place;
    struct rim__sim_inode *made;
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - path);
        if (length >= sizeof above) {
            return;
        }
        memcpy(above, path, length);
        above[length] = '\0';
        if (rim__sim_tree_find(files, NULL, above, true, &place) == 0 && place.inode == NULL && !place.is_odd) {
            (void)rim__sim_tree_add(files, &place, S_IFDIR | 0755, &made);
        }
    }
}

/* ---- openings ---- */

int rim__sim_tree_open(struct rim__sim_files *files, struct rim__sim_inode *inode, uint32_t flags) {
    uint32_t number = 0;
    while (number < RIM_SIM_FILES_MAX && files->openings[number] != NULL) {
        number++;
    }
    if (number == RIM_SIM_FILES_MAX) {
        return -EMFILE;
    }
    files->openings[number] = rim__sim_event_alloc(sizeof **files->openings);
    *files->openings[number] = (struct rim__sim_opening){.inode = inode, .flags = flags};
    inode->openings++;
    return RIM_SIM_FIRST_FILE + (int)number;
}

/* Folders are emptied into the list of what is still to be emptied: without recursion, however deep they are. */
static void empty(struct rim__sim_inode *folder, struct rim__sim_inode **todo) {
    for (struct rim__sim_entry *at = folder->entries, *next; at != NULL; at = next) {
        next = at->next;
        if (--at->inode->names == 0 && at->inode->type == S_IFDIR) {
            at->inode->parent = *todo; /* a list */
            *todo = at->inode;
        } else if (at->inode->names == 0) {
            destroy(at->inode);
        }
        free(at);
    }
    folder->entries = NULL;
}

void rim__sim_tree_finish(struct rim__sim_files *files) {
    rim__sim_watch_finish(files);
    for (uint32_t i = 0; i < RIM_SIM_FILES_MAX; i++) {
        if (files->openings[i] != NULL) {
            files->openings[i]->inode->openings--;
            rim__sim_tree_release(files->openings[i]->inode);
            free(files->openings[i]);
            files->openings[i] = NULL;
        }
    }
    struct rim__sim_inode *todo = files->root;
    if (todo != NULL) {
        todo->parent = NULL;
    }
    while (todo != NULL) {
        struct rim__sim_inode *folder = todo;
        todo = folder->parent;
        empty(folder, &todo);
        destroy(folder);
    }
    files->root = NULL;
}
