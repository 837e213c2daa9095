/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "io/tree.h"

struct batch {
    char *bytes;
    size_t size, used;
    rim_folder_entry *last; /* the entry that was written last */
};

static size_t span_of(const struct rim__tree *tree, const char *name) {
    size_t path_size = rim__tree_top(tree)->path_length + strlen(name) + 1;
    return (sizeof(rim_folder_entry) + path_size + 7) & ~(size_t)7;
}

static void write_entry(struct batch *batch, const struct rim__tree *tree, const struct rim__tree_name *name) {
    size_t span = span_of(tree, name->name), path_length = rim__tree_top(tree)->path_length;
    rim_folder_entry *entry = (rim_folder_entry *)(void *)(batch->bytes + batch->used);
    memset(entry, 0, span);
    entry->span = (uint32_t)span;
    entry->type = name->type;
    entry->depth = tree->depth;
    entry->name_at = (uint32_t)path_length;
    memcpy(entry->path, tree->path, path_length);
    memcpy(entry->path + path_length, name->name, strlen(name->name) + 1);
    batch->last = entry;
    batch->used += span;
}

/* False: it is gone by now. */
static bool look_at(struct rim__tree *tree, const char *name, rim_folder_entry *entry) {
    if (entry->type != 0 && !tree->wants_status) {
        return true;
    }
    rim_file_status status;
    int error = tree->disk->ops->stat(tree->disk, rim__tree_top(tree)->fd, name, false, &status);
    if (error != 0) {
        entry->error = error;
        return !rim__tree_is_gone(error);
    }
    entry->type = status.mode & S_IFMT;
    if (tree->wants_status) {
        entry->status = status;
    }
    return true;
}

/* One name, of which there is room for the entry. */
static void add(struct batch *batch, struct rim__tree *tree, const struct rim__tree_name *name) {
    size_t before = batch->used;
    write_entry(batch, tree, name);
    rim_folder_entry *entry = batch->last;
    if (!look_at(tree, name->name, entry)) {
        batch->used = before;
        rim__tree_take(tree);
        return;
    }
    rim__tree_take(tree); /* the name lies in the entry as well */
    if (tree->recursive && entry->type == S_IFDIR) {
        bool is_long = rim__tree_top(tree)->path_length + NAME_MAX + 2 >= PATH_MAX;
        int error = is_long ? -ENAMETOOLONG : rim__tree_enter(tree, entry->path + entry->name_at);
        entry->error = error != 0 && !rim__tree_is_gone(error) ? error : entry->error;
    }
}

/* A folder cannot be read any further. The root's error is the call's; another's is that of its entry, again, since the
   first has left by now. */
static int give_up(struct batch *batch, struct rim__tree *tree, int error) {
    if (tree->depth == 1) {
        return rim__tree_explain(tree, "list", "", error);
    }
    char own[NAME_MAX + 1];
    memcpy(own, rim__tree_top(tree)->name, sizeof own);
    rim__tree_leave(tree);
    struct rim__tree_name name = {.name = own, .type = S_IFDIR};
    write_entry(batch, tree, &name);
    batch->last->error = error;
    return 0;
}

/* 1: go on, 0: the batch is full, or the walk is over; or a negative code. */
static int step(struct batch *batch, struct rim__tree *tree) {
    struct rim__tree_name name;
    int found = rim__tree_peek(tree, &name);
    const char *shown = found > 0 ? name.name : rim__tree_top(tree)->name;
    if (found != 0 && batch->used + span_of(tree, shown) > batch->size) {
        return 0;
    }
    if (found > 0) {
        add(batch, tree, &name);
        return 1;
    }
    if (found < 0) {
        int error = give_up(batch, tree, found);
        return error != 0 ? error : 1;
    }
    rim__tree_leave(tree);
    return tree->depth > 0;
}

int rim__tree_list(struct rim__tree *tree, char *bytes, size_t size) {
    struct batch batch = {.bytes = bytes, .size = size};
    int result = 1;
    if (!tree->begun) {
        result = rim__tree_enter(tree, "");
        if (result != 0) {
            tree->ended = true;
            return rim__tree_explain(tree, "list", "", result);
        }
        tree->begun = true;
    }
    while (tree->depth > 0 && (result = step(&batch, tree)) > 0) {
    }
    tree->ended = result < 0 || tree->depth == 0;
    return result < 0 ? result : (int)batch.used;
}
