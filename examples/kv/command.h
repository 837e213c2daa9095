/* SPDX-License-Identifier: MIT */
/*
 * command.h - the table of commands: their names, how many arguments they take, and who runs them.
 */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "resp.h"

struct connection;
struct command;

/* A command to be run, with its arguments, which are good until it returns. */
struct call {
    const struct command *command;
    const struct resp_arg *args; /* args[0] is the name */
    uint32_t count;
};

enum {
    COMMAND_WRITE = 1 << 0,
    COMMAND_READ = 1 << 1,
    COMMAND_FAST = 1 << 2,
};

struct command {
    const char *name; /* in lower case */
    /* False: it could not be sent as yet; the same call comes again when there is room. */
    bool (*run)(struct connection *connection, const struct call *call);
    int16_t arity; /* negative: at least as many */
    uint16_t op;   /* for run: an enum operation, or a number of its own */
    uint32_t form; /* for run */
    uint8_t flags;
    int8_t first_key, last_key, step;
    const char *group;
    const char *summary;
};

/* Where a name's hash leads to. */
struct command_index {
    uint8_t slots[256]; /* 0: empty, else index in the table + 1 */
};

extern const struct command command_table[];
extern const uint32_t command_count;

void command_index_fill(struct command_index *index);
/* NULL: unknown. */
const struct command *command_find(const struct command_index *index, const struct resp_arg *name);
/* Runs a command, or replies with what is wrong with it. False: as command.run. */
bool command_run(struct connection *connection, const struct resp_arg *args, uint32_t count);

/* cmd_string.c */
bool run_plain(struct connection *connection, const struct call *call);
bool run_set(struct connection *connection, const struct call *call);
bool run_setex(struct connection *connection, const struct call *call);
bool run_getex(struct connection *connection, const struct call *call);
bool run_getrange(struct connection *connection, const struct call *call);
bool run_setrange(struct connection *connection, const struct call *call);
bool run_incr(struct connection *connection, const struct call *call);
bool run_incrfloat(struct connection *connection, const struct call *call);
bool run_mget(struct connection *connection, const struct call *call);
bool run_mset(struct connection *connection, const struct call *call);
bool run_msetnx(struct connection *connection, const struct call *call);
/* cmd_key.c */
bool run_count_keys(struct connection *connection, const struct call *call);
bool run_expire(struct connection *connection, const struct call *call);
bool run_rename(struct connection *connection, const struct call *call);
bool run_dbsize(struct connection *connection, const struct call *call);
bool run_flush(struct connection *connection, const struct call *call);
bool run_keys(struct connection *connection, const struct call *call);
bool run_scan(struct connection *connection, const struct call *call);
bool run_randomkey(struct connection *connection, const struct call *call);
bool run_object(struct connection *connection, const struct call *call);
/* cmd_server.c */
bool run_ping(struct connection *connection, const struct call *call);
bool run_echo(struct connection *connection, const struct call *call);
bool run_quit(struct connection *connection, const struct call *call);
bool run_select(struct connection *connection, const struct call *call);
bool run_command(struct connection *connection, const struct call *call);
bool run_config(struct connection *connection, const struct call *call);
/* info.c */
bool run_info(struct connection *connection, const struct call *call);
/* cmd_client.c */
bool run_hello(struct connection *connection, const struct call *call);
bool run_client(struct connection *connection, const struct call *call);

#endif
