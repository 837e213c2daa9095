/* SPDX-License-Identifier: MIT */
/*
 * path_play.h - scenarios of folders and paths as tables: an actor takes one step after the other, each when the one
 * before has had its outcome.
 *
 *     static const struct path_step steps[] = {{.op = PATH_MAKE_FOLDER, .path = "a"}, ...};
 *     void path_...(struct scenario *s) {
 *         path_play(s, steps, RIM_COUNT(steps));
 *     }
 *
 * Paths that do not begin with '/' are in a folder of the scenario's own, which goes with it.
 */
#ifndef PATH_PLAY_H
#define PATH_PLAY_H

#include "role.h"

#define PATH_LIMIT_NS RIM_SECONDS(20) /* of one call */
#define PATH_SPAN     256u            /* of a whole path */

enum path_op {
    PATH_STAT = 1, /* .mode: type and permissions; .size: of a file */
    PATH_MAKE_FOLDER,
    PATH_MAKE_FOLDERS, /* with those above */
    PATH_MAKE_FILE,    /* that says .other */
    PATH_TEMPORARY,
    PATH_TEMPORARY_FOLDER,
    PATH_LINK, /* at .path, of .other */
    PATH_SYMLINK,
    PATH_READ_LINK, /* which says .other */
    PATH_REMOVE,
    PATH_REMOVE_FOLDER,
    PATH_REMOVE_ALL, /* .size: things that were removed */
    PATH_RENAME,     /* to .other; how: .mode */
    PATH_SET_MODE,
    PATH_SET_OWNER, /* to .user */
    PATH_SET_TIMES, /* to .size seconds */
};

struct path_step {
    enum path_op op;
    const char *path;
    const char *other;
    uint32_t mode;
    uint64_t size;
    int error;
    const char *says; /* with an error: the text, with %s for the scenario's folder */
    bool no_follow;
    bool refused; /* the call itself returns the error */
};

/* Plays them on a system of two shards, and ends with the scenario done. */
void path_play(struct scenario *s, const struct path_step *steps, uint32_t count);
/* The same within an actor; `done` is called after the last. */
void path_play_within(rim_ctx *ctx, const struct path_step *steps, uint32_t count, void (*done)(rim_ctx *ctx));
rim_path_ask path_ask(const char *path, rim_outcome on_outcome, uint64_t cookie);
/* The whole path of a name: good until some more have been asked for. The scenario's folder is there then. */
const char *path_of(const char *name);
/* Root may do everything: the scenario is somebody else from here on. False: it may not. And back, when it is done: the
   system is stopped. */
bool path_become_nobody(struct scenario *s);
void path_become_root(struct scenario *s);
/* Makes the scenario's folder, on the machine, if the driver is real: what others make in it goes with it. */
void path_begin(struct scenario *s);

#endif
