/* SPDX-License-Identifier: MIT */
/*
 * A name is removed as what it was said to be; if it has become something else meanwhile, as that. A folder is removed
 * when it has been read to its end; if it is not empty then, because others have made something in it, it is read once
 * more. What lies too deep is moved up into the root and found there: so any depth is done with few descriptors.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "io/tree.h"

#define TRIES_MAX 16u

static void note(struct rim__tree *tree, const char *name, int error) {
    if (tree->depth > 0) {
        rim__tree_top(tree)->failed = true;
    }
    if (tree->error == 0) {
        tree->error = rim__tree_explain(tree, "remove", name, error);
    }
}

static int folder_of(const struct rim__tree *tree) {
    return tree->depth > 0 ? rim__tree_top(tree)->fd : tree->above;
}

static int unlink_name(struct rim__tree *tree, const char *name, bool is_folder) {
    int error = tree->disk->ops->remove(tree->disk, folder_of(tree), name, is_folder);
    tree->removed.files += error == 0 && !is_folder;
    tree->removed.folders += error == 0 && is_folder;
    return error;
}

/* ---- too deep ---- */

static void bring_up(struct rim__tree *tree, const char *name) {
    char fresh[32];
    struct rim__disk_move move = {.from_folder = rim__tree_top(tree)->fd,
                                  .from = name,
                                  .to_folder = tree->levels[0]->fd,
                                  .to = fresh,
                                  .flags = RENAME_NOREPLACE};
    int error = -EEXIST;
    for (uint32_t tries = 0; error == -EEXIST && tries < TRIES_MAX; tries++) {
        snprintf(fresh, sizeof fresh, ".remove-%llu", (unsigned long long)tree->moves++);
        error = tree->disk->ops->rename(tree->disk, &move);
    }
    if (error == 0) {
        tree->moved = true;
    } else if (!rim__tree_is_gone(error)) {
        note(tree, name, error);
    }
}

/* ---- one name ---- */

/* Something that is, or was a moment ago, a folder. */
static void remove_folder(struct rim__tree *tree, const char *name) {
    int error = rim__tree_enter(tree, name);
    if (error == -RIM_ELIMIT) {
        bring_up(tree, name);
    } else if (error == -ENOTDIR || error == -ELOOP) { /* it is none, or none any more */
        error = unlink_name(tree, name, false);
        if (error != 0 && error != -ENOENT) {
            note(tree, name, error);
        }
    } else if (error != 0 && error != -ENOENT) {
        /* A folder that may not be read may still be empty. */
        if (error != -EACCES || unlink_name(tree, name, true) != 0) {
            note(tree, name, error);
        }
    }
}

static void remove_name(struct rim__tree *tree, const struct rim__tree_name *name) {
    char own[NAME_MAX + 1]; /* the walk may leave what the name lies in */
    snprintf(own, sizeof own, "%s", name->name);
    rim__tree_take(tree);
    int error = name->type == S_IFDIR ? -EISDIR : unlink_name(tree, own, false);
    if (error == -EISDIR || error == -EPERM) { /* some file systems say that of folders */
        remove_folder(tree, own);
    } else if (error != 0 && !rim__tree_is_gone(error)) {
        note(tree, own, error);
    }
}

/* ---- the end of a folder ---- */

static bool is_not_empty(int error) {
    return error == -ENOTEMPTY || error == -EEXIST;
}

/* Whether it is to be read once more. What was brought up into the root is looked for there whatever else stays. */
static bool read_again(struct rim__tree *tree, struct rim__tree_level *level) {
    if (tree->depth == 1 && tree->moved) {
        tree->moved = false;
    } else if (level->failed || ++level->tries >= TRIES_MAX) {
        return false;
    }
    level->at = level->used = 0;
    return tree->disk->ops->rewind_folder(tree->disk, level->fd) == 0;
}

/* It was read to its end: goes, while its descriptor is still open. */
static void end_folder(struct rim__tree *tree, int read_error) {
    struct rim__tree_level *level = rim__tree_top(tree);
    int folder = tree->depth > 1 ? tree->levels[tree->depth - 2]->fd : tree->above;
    int error = read_error;
    if (error == 0) {
        error = tree->disk->ops->remove(tree->disk, folder, level->name, true);
        tree->removed.folders += error == 0;
    }
    if (is_not_empty(error) && read_again(tree, level)) {
        return;
    }
    bool was_said = level->failed && is_not_empty(error);
    char name[NAME_MAX + 1];
    memcpy(name, level->name, sizeof name);
    rim__tree_leave(tree);
    if (error == 0 || rim__tree_is_gone(error)) {
        return;
    }
    if (was_said && tree->depth > 0) {
        rim__tree_top(tree)->failed = true;
    } else if (!was_said) {
        note(tree, tree->depth > 0 ? name : "", error);
    }
}

/* ---- the root ---- */

/* Splits the path, and opens the folder that its last name is in. */
static int open_above(struct rim__tree *tree, const char **name) {
    char path[PATH_MAX];
    size_t length = strlen(tree->root);
    while (length > 1 && tree->root[length - 1] == '/') {
        tree->root[--length] = '\0';
    }
    const char *slash = strrchr(tree->root, '/');
    *name = slash != NULL ? slash + 1 : tree->root;
    if ((*name)[0] == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) {
        return -EINVAL;
    }
    snprintf(path, sizeof path, "%.*s",
             slash == NULL         ? 1
             : slash == tree->root ? 1
                                   : (int)(slash - tree->root),
             slash == NULL ? "." : tree->root);
    int fd = tree->disk->ops->open_folder(tree->disk, RIM_DISK_HERE, path, true);
    tree->above = fd >= 0 ? fd : -1;
    return fd >= 0 ? 0 : fd;
}

static int begin(struct rim__tree *tree) {
    const char *name;
    int error = open_above(tree, &name);
    tree->begun = true;
    tree->same_device = true;
    error = error == 0 ? unlink_name(tree, name, false) : error;
    if (error == -EISDIR || error == -EPERM) {
        int as_folder = rim__tree_enter(tree, name);
        error = as_folder == -ENOTDIR ? error : as_folder;
        if (error == -EACCES && unlink_name(tree, name, true) == 0) {
            error = 0;
        }
    }
    if (error != 0) {
        note(tree, "", error);
    }
    return error;
}

int rim__tree_remove(struct rim__tree *tree, uint32_t most) {
    if (!tree->begun && begin(tree) != 0) {
        return tree->error;
    }
    for (uint32_t done = 0; tree->depth > 0 && done < most; done++) {
        struct rim__tree_name name;
        int found = rim__tree_peek(tree, &name);
        if (found > 0) {
            remove_name(tree, &name);
        } else {
            end_folder(tree, found);
        }
    }
    return tree->depth > 0 ? 1 : tree->error;
}
