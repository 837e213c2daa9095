/* SPDX-License-Identifier: MIT */
/*
 * command.h - what a command is. Each file of commands ends with a table of them; command.c finds them by name.
 *
 *     client --> connection    `run` checks, and replies or asks: ask.h says what ways of asking there are
 *                keeper        `serve` does it on the shard that has the key, and writes the reply
 */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include "resp.h"

struct call; /* connection.h */
struct job;  /* job.h */

enum { COMMAND_WRITE = 1 << 0, COMMAND_READ = 1 << 1, COMMAND_FAST = 1 << 2 };

struct command {
    const char *name; /* in lower case */
    int arity;        /* with the name; negative: at least as many */
    /* False: it is not done, and is to be run again when what it asked for is there. */
    bool (*run)(struct call *call);
    void (*serve)(struct job *job); /* NULL: it needs no keeper */
    int form;                       /* for both, tells commands that are nearly the same apart */
    uint8_t flags;
    int8_t first_key, last_key, step;
    const char *summary;
};

struct command_group {
    const char *name;
    const struct command *commands;
    uint32_t count;
};

extern const struct command_group string_commands, key_commands, connection_commands, server_commands;
#define COMMAND_GROUPS 4u
extern const struct command_group *const command_groups[COMMAND_GROUPS];

/* Where a name's hash leads to. */
struct command_index {
    const struct command *slots[256];
    uint32_t count;
};

void command_index_fill(struct command_index *index);
/* NULL: unknown. */
const struct command *command_find(const struct command_index *index, struct text name);
/* The name of the group that a command is in. */
const char *command_group_of(const struct command *command);
/* Whether a command takes so many arguments, the name included. */
bool command_fits(int arity, uint32_t count);

#endif
