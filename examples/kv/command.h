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
#include "store.h"

struct connection;
struct gather;
struct server;
struct shard;

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
    struct key key; /* the first one */
    struct reply *out;
    struct connection *c; /* NULL: the client is elsewhere; */
    struct text sent;     /* else what it has sent, */
    uint64_t place;       /* and its place for the reply, */
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
/* Looks up the call's command and its first key. */
void command_find_for(struct call *call);
/* Runs the call's command at its shard; the reply is never missing. */
void command_run(struct call *call, struct reply *out);

static inline bool command_fits(const struct command *command, uint32_t count) {
    return command->arity > 0 ? count == (uint32_t)command->arity : count >= (uint32_t)-command->arity;
}

/* Behind the last of the keys. */
static inline uint32_t command_keys_end(const struct command *command, uint32_t count) {
    return command->last_key < 0 ? count : (uint32_t)command->last_key + 1;
}

/* ---- what many commands need ---- */

extern const char not_integer[], bad_syntax[];

void reply_wrong_arity(struct call *call);
/* Instead of whatever has been written. */
void reply_no_memory(struct reply *out);
/* An argument as a number; false: it is none, and that is the reply. */
bool call_number(struct call *call, uint32_t i, int64_t *number);
/* Makes an argument the call's key, and looks for it. */
struct entry *call_find(struct call *call, uint32_t i);
/* Sets the call's key to a value, in the place of `old`. False: memory is out, and that is the reply. */
bool call_put(struct call *call, struct entry *old, struct text value, int64_t expire_ms, enum entry_encoding encoding);

static inline struct entry *find_key(struct call *call) {
    return store_find(call->store, &call->key);
}

static inline struct entry *read_key(struct call *call) {
    return store_read(call->store, &call->key);
}

/* Times of expiry: seconds or milliseconds, from now or since 1970. */
enum time_unit { TIME_EX = 0, TIME_PX, TIME_EXAT, TIME_PXAT };

/* Milliseconds since 1970. False: it is no more than `above`, or beyond what can be counted, and that is the reply. */
bool call_time(struct call *call, int64_t number, enum time_unit unit, int64_t above, int64_t *when);

/* ---- their functions ---- */

typedef void command_fn(struct call *call), merge_fn(struct gather *gather, struct reply *out);

/* strings.c */
command_fn do_get, do_set, do_setnx, do_setex, do_getset, do_getdel, do_getex, do_mset, do_append, do_strlen;
command_fn do_getrange, do_setrange, do_incrby, do_incrbyfloat;
/* keys.c */
command_fn do_del, do_exists, do_type, do_encoding, do_expire, do_ttl, do_persist, do_rename, do_dump, do_give, do_drop;
/* keyspace.c */
command_fn do_dbsize, do_flush, do_keys, do_scan, do_randomkey;
merge_fn merge_keys, merge_randomkey;
/* clients.c */
command_fn do_ping, do_echo, do_quit, do_select, do_hello, do_client_id, do_client_getname, do_client_setname;
command_fn do_client_setinfo, do_client_list, do_client_switch, do_client_reply;
merge_fn merge_client_list;
/* admin.c */
command_fn do_command, do_command_about, do_command_getkeys, do_config_get, do_info, do_subcommand;
merge_fn merge_info;
/* route.c */
command_fn spread_each, spread_msetnx, spread_rename;
merge_fn merge_sum, merge_ok, merge_rename;

#endif
