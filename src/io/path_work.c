/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/random.h"
#include "io/path.h"

#define TRIES_MAX   100u
#define PATHS_SHOWN 160u /* bytes of paths that a text has room for */

/* ---- words ---- */

static const char *const verbs[] = {
    [RIM_PATH_STAT] = "stat",
    [RIM_PATH_MAKE_FOLDER] = "make folder",
    [RIM_PATH_MAKE_FOLDERS] = "make folder",
    [RIM_PATH_MAKE_TEMPORARY] = "make temporary file",
    [RIM_PATH_MAKE_TEMPORARY_FOLDER] = "make temporary folder",
    [RIM_PATH_LINK] = "link",
    [RIM_PATH_SYMLINK] = "link",
    [RIM_PATH_READ_LINK] = "read link",
    [RIM_PATH_REMOVE] = "remove",
    [RIM_PATH_REMOVE_FOLDER] = "remove folder",
    [RIM_PATH_RENAME] = "rename",
    [RIM_PATH_SET_MODE] = "set mode of",
    [RIM_PATH_SET_OWNER] = "set owner of",
    [RIM_PATH_SET_TIMES] = "set times of",
};

static const char *end_of(const char *path, size_t most, const char **dots) {
    size_t length = strlen(path);
    *dots = length > most ? "..." : "";
    return length > most ? path + length - most : path;
}

void rim__path_explain(char *text, size_t size, const char *const words[4], int error) {
    const char *why = rim_strerror(error), *dots[2] = {"", ""};
    size_t most = words[3] != NULL ? PATHS_SHOWN / 2 : PATHS_SHOWN;
    const char *path = end_of(words[1], most, &dots[0]);
    const char *other = words[3] != NULL ? end_of(words[3], most, &dots[1]) : "";
    snprintf(text, size, "%s %s%s%s%s%s: %c%s", words[0], dots[0], path, words[3] != NULL ? words[2] : "", dots[1],
             other, tolower((unsigned char)why[0]), why + (why[0] != '\0'));
}

static void explain(struct rim__path_call *call, int error) {
    const char *joint = call->what == RIM_PATH_LINK || call->what == RIM_PATH_SYMLINK ? " of " : " to ";
    const char *words[] = {verbs[call->what], call->path, joint, call->other};
    rim__path_explain(call->text, sizeof call->text, words, error);
}

/* ---- folders with those above ---- */

static int make_one(const struct rim__path_call *call, const char *path) {
    return call->disk->ops->make_folder(call->disk, RIM_DISK_HERE, path, call->change.mode);
}

/* Whether what is there will do. */
static int accept_folder(const struct rim__path_call *call, const char *path) {
    rim_file_status status;
    int error = call->disk->ops->stat(call->disk, RIM_DISK_HERE, path, true, &status);
    if (error == -ENOENT) {
        return -EEXIST; /* a link that leads nowhere; or it has just gone */
    }
    return error == 0 && !S_ISDIR(status.mode) ? -EEXIST : error;
}

static int make_or_accept(const struct rim__path_call *call, const char *path) {
    int error = make_one(call, path);
    return error == -EEXIST ? accept_folder(call, path) : error;
}

/* From the end backwards until there is one, and forwards again: what is above may be out of reach, and is mostly
   there. Others may do the same at the same time. */
static int make_folders(const struct rim__path_call *call) {
    char path[PATH_MAX];
    size_t length = strlen(call->path);
    memcpy(path, call->path, length + 1);
    while (length > 1 && path[length - 1] == '/') {
        path[--length] = '\0';
    }
    int error = make_or_accept(call, path);
    size_t at = length;
    while (error == -ENOENT) {
        while (at > 0 && path[at] != '/') {
            at--;
        }
        while (at > 0 && path[at - 1] == '/') {
            at--;
        }
        if (at == 0) {
            return error;
        }
        path[at] = '\0';
        error = make_or_accept(call, path);
    }
    while (error == 0 && at < length) {
        path[at] = '/';
        at += strlen(path + at);
        error = make_or_accept(call, path);
    }
    return error;
}

/* ---- temporaries ---- */

static uint64_t make_mark(const struct rim__path_call *call, uint32_t tries) {
    struct timespec now = {0};
    if (call->disk == &rim__disk_kernel) { /* other processes may draw the same numbers; a simulated world has none */
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    return rim__mix(call->mark ^ (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)tries << 56);
}

static int make_temporary(struct rim__path_call *call) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char *path = call->result.path;
    size_t length = strlen(call->path);
    int error = -EEXIST;
    memcpy(path, call->path, length);
    path[length + 6] = '\0';
    for (uint32_t tries = 0; tries < TRIES_MAX && error == -EEXIST; tries++) {
        uint64_t mark = make_mark(call, tries);
        for (size_t i = 0; i < 6; i++, mark /= sizeof letters - 1) {
            path[length + i] = letters[mark % (sizeof letters - 1)];
        }
        error = call->what == RIM_PATH_MAKE_TEMPORARY
                    ? call->disk->ops->make_file(call->disk, path, 0600)
                    : call->disk->ops->make_folder(call->disk, RIM_DISK_HERE, path, 0700);
    }
    return error == 0 ? (int)length + 7 : error;
}

/* ---- the rest ---- */

static int read_link(struct rim__path_call *call) {
    char *path = call->result.path;
    int64_t count = call->disk->ops->read_link(call->disk, call->path, path, PATH_MAX);
    if (count < 0 || count >= PATH_MAX) {
        return count < 0 ? (int)count : -ENAMETOOLONG;
    }
    path[count] = '\0';
    return (int)count + 1;
}

static int rename_path(const struct rim__path_call *call) {
    struct rim__disk_move move = {.from_folder = RIM_DISK_HERE,
                                  .from = call->path,
                                  .to_folder = RIM_DISK_HERE,
                                  .to = call->other,
                                  .flags = call->flags};
    return call->disk->ops->rename(call->disk, &move);
}

static int perform(struct rim__path_call *call) {
    const struct rim__disk *disk = call->disk;
    int error;
    switch (call->what) {
    case RIM_PATH_STAT:
        error = disk->ops->stat(disk, RIM_DISK_HERE, call->path, !call->no_follow, &call->result.status);
        return error == 0 ? (int)sizeof call->result.status : error;
    case RIM_PATH_MAKE_FOLDER:
        return make_one(call, call->path);
    case RIM_PATH_MAKE_FOLDERS:
        return make_folders(call);
    case RIM_PATH_MAKE_TEMPORARY:
    case RIM_PATH_MAKE_TEMPORARY_FOLDER:
        return make_temporary(call);
    case RIM_PATH_LINK:
        return disk->ops->link(disk, call->other, call->path);
    case RIM_PATH_SYMLINK:
        return disk->ops->symlink(disk, call->path, call->other);
    case RIM_PATH_READ_LINK:
        return read_link(call);
    case RIM_PATH_REMOVE:
    case RIM_PATH_REMOVE_FOLDER:
        return disk->ops->remove(disk, RIM_DISK_HERE, call->path, call->what == RIM_PATH_REMOVE_FOLDER);
    case RIM_PATH_RENAME:
        return rename_path(call);
    case RIM_PATH_SET_MODE:
    case RIM_PATH_SET_OWNER:
    case RIM_PATH_SET_TIMES:
        return disk->ops->change(disk, call->path, &call->change);
    }
    rim__unreachable("what is done to a path");
}

int rim__path_work(void *arg) {
    struct rim__path_call *call = arg;
    int result = perform(call);
    if (result < 0) {
        explain(call, result);
    }
    return result;
}
