/* SPDX-License-Identifier: MIT */
/*
 * command.h - what a command is, and the one table of them (command.c), from which their routing follows, and what
 * COMMAND tells of them.
 *
 *     no key, no merge   `run` at the client's connection
 *     no key, merge      `run` at every shard, and merge makes one reply of their answers
 *     keys, one shard    `run` there, which writes the reply as the client is to see it
 *     keys, several      the arguments are split by shard, `run` at each, merge; or `spread` does it in its own way
 *
 * `run` is the same for all: a function of arguments, store and reply. It knows of no actors.
 */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include "resp.h"
#include "server.h"

struct gather; /* route.h */

enum {
    COMMAND_WRITE = 1 << 0,
    COMMAND_READ = 1 << 1,
    COMMAND_FAST = 1 << 2,
    COMMAND_CONTAINER = 1 << 3, /* its first argument makes the name of another: "client|id" */
    COMMAND_INTERNAL = 1 << 4,  /* from shard to shard: clients do not have it */
};

/* A command that runs. */
struct call {
    const struct server *server;
    struct shard *shard; /* where it runs */
    struct store *store; /* the shard's */
    const struct command *command;
    const struct text *args; /* args[0] is the name */
    uint32_t count;
    size_t size;    /* of the request in the client's stream */
    struct key key; /* the first one */
    struct reply *out;
    struct connection *c; /* NULL: the client is elsewhere; */
    uint64_t place;       /* else its place for the reply, */
    bool asked;           /* which is to come */
};

struct command {
    const char *name, *group; /* name in lower case */
    int arity;                /* with the name; negative: at least as many */
    uint8_t flags;
    uint8_t first_key;
    int8_t last_key; /* counted from the end, if negative */
    uint8_t step;
    void (*run)(struct call *call);
    int form; /* for `run`, tells commands that are nearly the same apart */
    const char *summary;
    void (*merge)(struct gather *gather, struct reply *out);
    void (*spread)(struct call *call);
};

extern const struct command commands[];
extern const uint32_t command_count;

/* To be called before command_find. */
void command_index_fill(void);
/* By the name, or by the two words of it. NULL: unknown. A container: its second word is unknown. */
const struct command *command_find(const struct text *args, uint32_t count);
/* Whether clients are told of it, and it is not a part of another. */
bool command_is_listed(const struct command *command);
/* Runs a command at a shard; the reply is never missing. */
void command_run(struct call *call, struct reply *out);

void reply_wrong_arity(struct call *call);
void reply_no_memory(struct reply *out);
/* An argument as a number; false: it is none, and that is the reply. */
bool call_number(struct call *call, uint32_t i, int64_t *number);
struct key key_of(const struct call *call, uint32_t i);
/* Sets the call's key to a value, in the place of `old`. False: memory is out, and that is the reply. */
bool call_put(struct call *call, struct entry *old, struct text value, int64_t expire_ms, enum entry_encoding encoding);

static inline bool command_fits(const struct command *command, uint32_t count) {
    return command->arity > 0 ? count == (uint32_t)command->arity : count >= (uint32_t)-command->arity;
}

/* ---- times of expiry: seconds or milliseconds, from now or since 1970 ---- */

enum time_unit { TIME_EX = 0, TIME_PX, TIME_EXAT, TIME_PXAT };

/* Milliseconds since 1970. False: it is no more than `above`, or beyond what can be counted, and that is the reply. */
bool call_time(struct call *call, int64_t number, enum time_unit unit, int64_t above, int64_t *when);

extern const char not_integer[], bad_syntax[];

/* ---- their functions ---- */

typedef void command_fn(struct call *call);

/* strings.c */
command_fn do_get, do_set, do_setnx, do_setex, do_getset, do_getdel, do_getex, do_mset, do_append, do_strlen;
command_fn do_getrange, do_setrange, do_incrby, do_incrbyfloat;
/* keys.c */
command_fn do_del, do_exists, do_type, do_encoding, do_expire, do_ttl, do_persist, do_rename, do_dump, do_give, do_drop;
/* keyspace.c */
command_fn do_dbsize, do_flush, do_keys, do_scan, do_randomkey;
/* clients.c */
command_fn do_ping, do_echo, do_quit, do_select, do_hello, do_client_id, do_client_getname, do_client_setname;
command_fn do_client_setinfo, do_client_info, do_client_list, do_client_switch, do_client_reply;
/* admin.c */
command_fn do_command, do_command_info, do_command_docs, do_command_list, do_command_count, do_command_getkeys;
command_fn do_config_get, do_info, do_subcommand;

#endif
