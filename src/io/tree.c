/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"

/* ---- life ---- */

struct rim__tree *rim__tree_create(const struct rim__disk *disk, const char *root) {
    size_t size = strlen(root) + 1;
    struct rim__tree *tree = calloc(1, sizeof *tree + size);
    if (tree != NULL) {
        tree->disk = disk;
        tree->users = 1;
        tree->above = -1;
        memcpy(tree->root, root, size);
    }
    return tree;
}

void rim__tree_release(struct rim__tree *tree) {
    if (tree == NULL || --tree->users > 0) {
        return;
    }
    while (tree->depth > 0) {
        rim__tree_leave(tree);
    }
    if (tree->above >= 0) {
        tree->disk->ops->close(tree->disk, tree->above);
    }
    free(tree);
}

/* ---- up and down ---- */

static int open_level(struct rim__tree *tree, const char *name) {
    const struct rim__disk *disk = tree->disk;
    if (tree->depth > 0) {
        return disk->ops->open_folder(disk, rim__tree_top(tree)->fd, name, false);
    }
    return tree->above >= 0 ? disk->ops->open_folder(disk, tree->above, name, false)
                            : disk->ops->open_folder(disk, RIM_DISK_HERE, tree->root, true);
}

/* The first folder says what the file system is. */
static int check_device(struct rim__tree *tree, int fd) {
    rim_file_status status;
    if (!tree->same_device) {
        return 0;
    }
    int error = tree->disk->ops->stat(tree->disk, fd, "", true, &status);
    if (error == 0 && tree->depth == 0) {
        tree->device = status.device;
    }
    return error == 0 && status.device != tree->device ? -EXDEV : error;
}

/* A path that is longer than a path can be is cut: it is for words only then. */
static void append_path(struct rim__tree *tree, struct rim__tree_level *level) {
    size_t before = tree->depth > 0 ? rim__tree_top(tree)->path_length : 0;
    size_t length = strlen(level->name);
    if (tree->depth > 0 && before + length + 1 < sizeof tree->path) {
        memcpy(tree->path + before, level->name, length);
        before += length;
        tree->path[before++] = '/';
    }
    tree->path[before] = '\0';
    level->path_length = (uint32_t)before;
}

int rim__tree_enter(struct rim__tree *tree, const char *name) {
    if (tree->depth == RIM_TREE_LEVELS) {
        return -RIM_ELIMIT;
    }
    struct rim__tree_level *level = malloc(sizeof *level);
    if (level == NULL) {
        return -ENOMEM;
    }
    int fd = open_level(tree, name);
    int error = fd >= 0 ? check_device(tree, fd) : fd;
    if (error != 0) {
        if (fd >= 0) {
            tree->disk->ops->close(tree->disk, fd);
        }
        free(level);
        return error;
    }
    level->fd = fd;
    level->at = level->used = level->tries = 0;
    level->failed = false;
    snprintf(level->name, sizeof level->name, "%s", name);
    append_path(tree, level);
    tree->levels[tree->depth++] = level;
    return 0;
}

void rim__tree_leave(struct rim__tree *tree) {
    struct rim__tree_level *level = rim__tree_top(tree);
    tree->disk->ops->close(tree->disk, level->fd);
    free(level);
    tree->depth--;
    tree->path[tree->depth > 0 ? rim__tree_top(tree)->path_length : 0] = '\0';
}

/* ---- names ---- */

static const struct dirent64 *first_name(const struct rim__tree_level *level) {
    return (const struct dirent64 *)(const void *)(level->names + level->at);
}

void rim__tree_take(struct rim__tree *tree) {
    struct rim__tree_level *level = rim__tree_top(tree);
    level->at += first_name(level)->d_reclen;
}

static bool is_dots(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static uint32_t type_of(uint8_t type) {
    return type == DT_UNKNOWN ? 0 : DTTOIF((uint32_t)type);
}

int rim__tree_peek(struct rim__tree *tree, struct rim__tree_name *name) {
    struct rim__tree_level *level = rim__tree_top(tree);
    for (;;) {
        if (level->at == level->used) {
            int64_t count = tree->disk->ops->read_folder(tree->disk, level->fd, level->names, sizeof level->names);
            if (count <= 0) {
                return rim__tree_is_gone((int)count) ? 0 : (int)count; /* a folder that was removed says ENOENT */
            }
            level->at = 0;
            level->used = (uint32_t)count;
        }
        const struct dirent64 *found = first_name(level);
        if (!is_dots(found->d_name)) {
            *name = (struct rim__tree_name){.name = found->d_name, .type = type_of(found->d_type)};
            return 1;
        }
        rim__tree_take(tree);
    }
}

/* ---- words ---- */

int rim__tree_explain(struct rim__tree *tree, const char *verb, const char *name, int error) {
    char path[3 * PATH_MAX];
    size_t length = strlen(tree->root);
    bool has_more = tree->path[0] != '\0' || name[0] != '\0';
    const char *slash = has_more && length > 0 && tree->root[length - 1] != '/' ? "/" : "";
    snprintf(path, sizeof path, "%s%s%s%s", tree->root, slash, tree->path, name);
    length = strlen(path);
    if (length > 1 && path[length - 1] == '/' && name[0] == '\0' && has_more) {
        path[length - 1] = '\0';
    }
    const char *words[] = {verb, path, NULL, NULL};
    rim__path_explain(tree->text, sizeof tree->text, words, error);
    return error;
}
