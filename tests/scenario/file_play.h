/* SPDX-License-Identifier: MIT */
/*
 * file_play.h - scenarios of one file as tables: an actor opens it and takes one step after the other, each when the
 * one before has had its outcome.
 *
 *     static const struct file_step steps[] = {{.op = FILE_WRITE, .text = "abc"}, {.op = FILE_READ, .size = 9, .text =
 * "abc"}}; void file_...(struct scenario *s) { file_play(s, (struct file_play){.name = "a", .flags = O_RDWR | O_CREAT,
 * .steps = steps, .count = 2});
 *     }
 *
 * Where the driver is real, files are in a folder of the scenario's own, which goes with it.
 */
#ifndef FILE_PLAY_H
#define FILE_PLAY_H

#include <stdatomic.h>

#include "role.h"

#define FILE_LIMIT_NS RIM_SECONDS(30) /* of one call */

enum file_op {
    FILE_READ = 1, /* up to .size: .text, or the pattern of .got bytes */
    FILE_EXACT,    /* .size */
    FILE_WRITE,    /* .text, or a pattern of .size bytes */
    FILE_WRITE_PIECES,
    FILE_SYNC,
    FILE_DATASYNC,
    FILE_TRUNCATE,
    FILE_ALLOCATE,
    FILE_ADVISE,
    FILE_STAT, /* .size is the file's */
    FILE_CLOSE,
};

struct file_step {
    enum file_op op;
    uint64_t at; /* the offset */
    const char *text;
    size_t size, got; /* got 0: as many as asked for */
    int error;
    const char *says; /* with an error: how the text goes on after the path */
};

struct file_play {
    const char *name; /* in the scenario's folder; or a whole path */
    int flags;
    uint32_t mode;
    const struct file_step *steps;
    uint32_t count;
    int error;        /* why it cannot be opened */
    const char *says; /* and how the text goes on after the path */
    bool across;      /* the steps are taken by an actor on another shard */
    uint32_t next;    /* the rest is the play's */
    rim_ref file;
    char path[128];
};

void file_play(struct scenario *s, struct file_play play);
/* The whole path of a name. */
void file_path(struct scenario *s, const char *name, char path[128]);
char file_pattern(uint64_t position);

#endif
