/* SPDX-License-Identifier: MIT */
/*
 * command.h - what a command is. All routing follows from its row in the one table (../table.c), and what COMMAND
 * tells of it. Its function knows of arguments, store and reply, and of no actors.
 */
#ifndef KV_COMMAND_H
#define KV_COMMAND_H

#include "store.h"

enum {
    COMMAND_WRITE = 1 << 0,
    COMMAND_READ = 1 << 1,
    COMMAND_FAST = 1 << 2,
    COMMAND_CONTAINER = 1 << 3, /* its first argument makes the name of a part: "client|id" */
    COMMAND_PART = 1 << 4,
    COMMAND_INTERNAL = 1 << 5, /* from shard to shard: clients do not have it */
};

/* Where it runs. Answers from several shards begin with a number, and make one reply: the row's `merge`, or, without
   one, by its `form`, OK or the sum. */
enum command_place {
    AT_CONNECTION = 0,
    AT_KEYS,    /* where its keys are; if that is several shards, once for each key */
    AT_KEYS_AS, /* the same, but there it is another command, with a reply for each key (MGET) */
    IN_STEPS,   /* where its keys are; if that is several shards, in steps of its own */
    AT_CURSOR,  /* on the shard that its first argument, a cursor, is about */
    EVERYWHERE,
};
enum { FORM_OK = 0, FORM_SUM };

/* A command that runs. */
struct call {
    struct store *store;
    struct reply *out;
    const struct command *command;
    const struct text *args; /* args[0], the name, is not there if it comes from elsewhere */
    uint32_t count;
    struct key key;       /* the first one */
    struct shard *shard;  /* what else there is on the store's shard */
    struct connection *c; /* NULL: the client is elsewhere */
    uint64_t place;       /* for the reply, */
    bool asked;           /* which is to come */
};

struct command {
    const char *name, *group; /* name in lower case */
    int arity;                /* with the name; negative: at least as many */
    uint8_t flags, first_key;
    int8_t last_key; /* counted from the end, if negative */
    uint8_t step, place;
    void (*run)(struct call *call);
    int form; /* for `run`, tells commands that are nearly the same apart */
    const char *summary;
    void (*merge)(struct call *call, int64_t sum, struct text rest);
};

extern const struct command commands[];
extern const uint32_t command_count;

/* To be called before the others. */
void command_index_fill(void);
/* By a name as in the table. NULL: unknown. */
const struct command *command_named(struct text name);
/* The same of one that has parts, is a part, or is internal: what a client means by it. */
const struct command *command_part(const struct command *command, const struct text *args, uint32_t count);
/* As a client calls it, by one word or two. NULL: unknown. A container: its second word is unknown. */
static inline const struct command *command_find(const struct text *args, uint32_t count) {
    const struct command *command = command_named(args[0]);
    bool plain = command == NULL || !(command->flags & (COMMAND_CONTAINER | COMMAND_PART | COMMAND_INTERNAL));
    return plain ? command : command_part(command, args, count);
}

/* Whether it takes so many arguments, the name among them. */
bool command_takes(const struct command *command, uint32_t count);
/* Where the last key is, of so many arguments. */
uint32_t command_last_key(const struct command *command, uint32_t count);
/* Runs the call's command at its shard; the reply is never missing. */
void command_run(struct call *call, struct reply *out, uint64_t now_ms);

/* ---- what many commands need ---- */

extern const char not_integer[], bad_syntax[];

void reply_wrong_arity(struct call *call);
/* Instead of whatever has been written. */
void reply_no_memory(struct reply *out);
/* An argument as a number; false: it is none, and that is the reply. */
bool call_number(struct call *call, uint32_t i, int64_t *number);
/* The entry of the call's key; NULL if there is none. */
struct entry *find_key(struct call *call);
/* The same, counted as a hit or a miss. */
struct entry *read_key(struct call *call);
/* The same of another argument, which becomes the call's key. */
struct entry *call_find(struct call *call, uint32_t i);
/* Sets the call's key to a value, in the place of `old`. False: memory is out, and that is the reply. */
bool call_put(struct call *call, struct entry *old, struct text value, int64_t expire_ms, enum entry_encoding encoding);

/* Times of expiry: seconds or milliseconds, from now or since 1970. */
enum time_unit { TIME_EX = 0, TIME_PX, TIME_EXAT, TIME_PXAT };

/* Milliseconds since 1970. False: it is no more than `above`, or beyond what can be counted, and that is the reply. */
bool call_time(struct call *call, int64_t number, enum time_unit unit, int64_t above, int64_t *when);

/* ---- their functions ---- */

enum { SET_SETNX = 1, SET_GETSET, SET_SETEX, SET_PSETEX }; /* forms of do_set; 0: SET */

typedef void command_fn(struct call *call), merge_fn(struct call *call, int64_t sum, struct text rest);

/* strings.c */
command_fn do_get, do_set, do_getdel, do_getex, do_mset, do_append, do_strlen, do_getrange, do_setrange, do_incrby;
command_fn do_incrbyfloat;
/* keys.c */
command_fn do_del, do_exists, do_type, do_encoding, do_expire, do_ttl, do_persist, do_rename, do_dump, do_give, do_drop;
command_fn do_dbsize, do_flush, do_keys, do_scan, do_randomkey;
merge_fn merge_keys, merge_randomkey;

#endif
