/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <stdio.h>

#include "server.h"

#define W  COMMAND_WRITE
#define R  COMMAND_READ
#define WF (COMMAND_WRITE | COMMAND_FAST)
#define RF (COMMAND_READ | COMMAND_FAST)
#define F  COMMAND_FAST
#define C  COMMAND_CONTAINER
#define I  COMMAND_INTERNAL

static const char string[] = "string", generic[] = "generic", client[] = "connection", server[] = "server";

/* What a row leaves out is 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
/* clang-format off */
const struct command commands[] = {
    /* name, group, arity, flags, first key, last, step, run, form, summary */
    {"get", string, 2, RF, 1, 1, 1, do_get, 0, "Get the value of a key"},
    {"set", string, -3, W, 1, 1, 1, do_set, 0, "Set the string value of a key"},
    {"setnx", string, 3, WF, 1, 1, 1, do_setnx, 0, "Set the value of a key, only if the key does not exist"},
    {"setex", string, 4, W, 1, 1, 1, do_setex, TIME_EX, "Set the value and expiration of a key"},
    {"psetex", string, 4, W, 1, 1, 1, do_setex, TIME_PX, "Set the value and expiration in milliseconds of a key"},
    {"getset", string, 3, WF, 1, 1, 1, do_getset, 0, "Set the value of a key and return its old value"},
    {"getdel", string, 2, WF, 1, 1, 1, do_getdel, 0, "Get the value of a key and delete the key"},
    {"getex", string, -2, WF, 1, 1, 1, do_getex, 0, "Get the value of a key and set its expiration"},
    {"mget", string, -2, RF, 1, -1, 1, NULL, 0, "Get the values of all the given keys", .spread = spread_each},
    {"mset", string, -3, W, 1, -1, 2, do_mset, 0, "Set multiple keys to multiple values", .merge = merge_ok},
    {"msetnx", string, -3, W, 1, -1, 2, do_mset, 1, "Set multiple keys, only if none of them exist",
     .merge = merge_sum, .spread = spread_msetnx},
    {"append", string, 3, WF, 1, 1, 1, do_append, 0, "Append a value to a key"},
    {"strlen", string, 2, RF, 1, 1, 1, do_strlen, 0, "Get the length of the value stored in a key"},
    {"getrange", string, 4, R, 1, 1, 1, do_getrange, 0, "Get a substring of the string stored at a key"},
    {"substr", string, 4, R, 1, 1, 1, do_getrange, 0, "Get a substring of the string stored at a key"},
    {"setrange", string, 4, W, 1, 1, 1, do_setrange, 0, "Overwrite part of a string at a key from an offset on"},
    {"incr", string, 2, WF, 1, 1, 1, do_incrby, 1, "Increment the integer value of a key by one"},
    {"decr", string, 2, WF, 1, 1, 1, do_incrby, -1, "Decrement the integer value of a key by one"},
    {"incrby", string, 3, WF, 1, 1, 1, do_incrby, 1, "Increment the integer value of a key by a number"},
    {"decrby", string, 3, WF, 1, 1, 1, do_incrby, -1, "Decrement the integer value of a key by a number"},
    {"incrbyfloat", string, 3, WF, 1, 1, 1, do_incrbyfloat, 0, "Increment the float value of a key"},

    {"del", generic, -2, W, 1, -1, 1, do_del, 0, "Delete a key", .merge = merge_sum},
    {"unlink", generic, -2, WF, 1, -1, 1, do_del, 0, "Delete a key", .merge = merge_sum},
    {"exists", generic, -2, RF, 1, -1, 1, do_exists, 0, "Determine if a key exists", .merge = merge_sum},
    {"touch", generic, -2, RF, 1, -1, 1, do_exists, 0, "Count the keys that exist", .merge = merge_sum},
    {"type", generic, 2, RF, 1, 1, 1, do_type, 0, "Determine the type stored at key"},
    {"rename", generic, 3, W, 1, 2, 1, do_rename, 0, "Rename a key", .merge = merge_rename, .spread = spread_rename},
    {"renamenx", generic, 3, WF, 1, 2, 1, do_rename, 1, "Rename a key, only if the new key does not exist",
     .merge = merge_rename, .spread = spread_rename},
    {"kv.dump", generic, 2, I, 1, 1, 1, do_dump, 0, "What a key is, for its copy on another shard"},
    {"kv.give", generic, 5, I, 1, 1, 1, do_give, 0, "Make that copy"},
    {"kv.givenx", generic, 5, I, 1, 1, 1, do_give, 1, "Make that copy, only if the key does not exist"},
    {"kv.drop", generic, 3, I, 1, 1, 1, do_drop, 0, "Delete a key whose value has been copied"},
    {"expire", generic, -3, WF, 1, 1, 1, do_expire, TIME_EX, "Set a key's time to live in seconds"},
    {"pexpire", generic, -3, WF, 1, 1, 1, do_expire, TIME_PX, "Set a key's time to live in milliseconds"},
    {"expireat", generic, -3, WF, 1, 1, 1, do_expire, TIME_EXAT, "Set when a key expires, in seconds"},
    {"pexpireat", generic, -3, WF, 1, 1, 1, do_expire, TIME_PXAT, "Set when a key expires, in milliseconds"},
    {"ttl", generic, 2, RF, 1, 1, 1, do_ttl, TIME_EX, "Get the time to live for a key in seconds"},
    {"pttl", generic, 2, RF, 1, 1, 1, do_ttl, TIME_PX, "Get the time to live for a key in milliseconds"},
    {"expiretime", generic, 2, RF, 1, 1, 1, do_ttl, TIME_EXAT, "Get when a key expires, in seconds"},
    {"pexpiretime", generic, 2, RF, 1, 1, 1, do_ttl, TIME_PXAT, "Get when a key expires, in milliseconds"},
    {"persist", generic, 2, WF, 1, 1, 1, do_persist, 0, "Remove the expiration from a key"},
    {"object", generic, -2, R | C, 0, 0, 0, do_subcommand, 0, "Inspect the internals of a value"},
    {"object|encoding", generic, 3, R, 2, 2, 1, do_encoding, 0, "Get how a value is kept"},
    {"keys", generic, 2, R, 0, 0, 0, do_keys, 0, "Find all keys matching the given pattern", .merge = merge_keys},
    {"scan", generic, -2, R, 0, 0, 0, do_scan, 0, "Incrementally iterate the keys space"},
    {"randomkey", generic, 1, R, 0, 0, 0, do_randomkey, 0, "Return a random key", .merge = merge_randomkey},
    {"dbsize", server, 1, RF, 0, 0, 0, do_dbsize, 0, "Return the number of keys", .merge = merge_sum},
    {"flushall", server, -1, W, 0, 0, 0, do_flush, 0, "Remove all keys", .merge = merge_ok},
    {"flushdb", server, -1, W, 0, 0, 0, do_flush, 0, "Remove all keys", .merge = merge_ok},

    {"ping", client, -1, F, 0, 0, 0, do_ping, 0, "Ping the server"},
    {"echo", client, 2, F, 0, 0, 0, do_echo, 0, "Echo the given string"},
    {"quit", client, -1, F, 0, 0, 0, do_quit, 0, "Close the connection"},
    {"select", client, 2, F, 0, 0, 0, do_select, 0, "Change the selected database"},
    {"hello", client, -1, F, 0, 0, 0, do_hello, 0, "Handshake with the server"},
    {"client", client, -2, C, 0, 0, 0, do_subcommand, 0, "Inspect and name client connections"},
    {"client|id", client, 2, F, 0, 0, 0, do_client_id, 0, "Get the number of this connection"},
    {"client|getname", client, 2, F, 0, 0, 0, do_client_getname, 0, "Get the name of this connection"},
    {"client|setname", client, 3, F, 0, 0, 0, do_client_setname, 0, "Name this connection"},
    {"client|setinfo", client, 4, F, 0, 0, 0, do_client_setinfo, 0, "Tell the name of the client's library"},
    {"client|list", client, 2, 0, 0, 0, 0, do_client_list, 0, "Describe all connections", .merge = merge_client_list},
    {"client|no-evict", client, 3, F, 0, 0, 0, do_client_switch, 0, "Accepted: nothing is evicted"},
    {"client|no-touch", client, 3, F, 0, 0, 0, do_client_switch, 0, "Accepted: access is not counted"},
    {"client|reply", client, 3, F, 0, 0, 0, do_client_reply, 0, "Turn replies on or off, or skip one"},

    {"command", server, -1, C, 0, 0, 0, do_command, 0, "Get details about all commands"},
    {"command|info", server, -2, 0, 0, 0, 0, do_command_about, 0, "Get details about some commands"},
    {"command|docs", server, -2, 0, 0, 0, 0, do_command_about, 1, "Get summaries of the commands"},
    {"command|list", server, 2, 0, 0, 0, 0, do_command_about, 2, "Get the names of the commands"},
    {"command|count", server, 2, 0, 0, 0, 0, do_command_about, 3, "Count the commands"},
    {"command|getkeys", server, -3, 0, 0, 0, 0, do_command_getkeys, 0, "Get the keys of a full command"},
    {"config", server, -2, C, 0, 0, 0, do_subcommand, 0, "Get the values of configuration parameters"},
    {"config|get", server, -3, 0, 0, 0, 0, do_config_get, 0, "Get the values of configuration parameters"},
    {"info", server, -1, 0, 0, 0, 0, do_info, 0, "Get information and statistics", .merge = merge_info},
};
/* clang-format on */

const uint32_t command_count = RIM_COUNT(commands);

/* ---- finding ---- */

static const struct command *slots[256];

static uint8_t slot_of(struct text name) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ ((unsigned char)name.at[i] | 0x20u)) * 16777619u;
    }
    return (uint8_t)(hash ^ hash >> 8 ^ hash >> 16);
}

void command_index_fill(void) {
    memset(slots, 0, sizeof slots);
    for (uint32_t i = 0; i < command_count; i++) {
        uint8_t slot = slot_of(text_of(commands[i].name));
        while (slots[slot] != NULL) {
            slot++;
        }
        slots[slot] = &commands[i];
    }
}

static const struct command *find(struct text name) {
    uint8_t slot = name.size <= 32 ? slot_of(name) : 0;
    while (name.size <= 32 && slots[slot] != NULL) {
        if (text_is(name, slots[slot]->name)) {
            return slots[slot];
        }
        slot++;
    }
    return NULL;
}

const struct command *command_find(const struct text *args, uint32_t count) {
    const struct command *command = find(args[0]), *part = NULL;
    if (command != NULL && (command->flags & COMMAND_CONTAINER) && count > 1) {
        char name[64];
        int size = snprintf(name, sizeof name, "%s|%.*s", command->name, text_shown(args[1], 32), args[1].at);
        part = find((struct text){name, (size_t)size});
    }
    return part != NULL ? part : command;
}

/* ---- running: what many of them need ---- */

const char not_integer[] = "value is not an integer or out of range", bad_syntax[] = "syntax error";

void command_run(struct call *call, struct reply *out) {
    call->store = &call->shard->store;
    call->store->now_ms = (int64_t)rim_wall_ms(out->ctx);
    call->out = out;
    out->start = out->text.size;
    call->command->run(call);
    if (out->text.failed) {
        reply_no_memory(out);
    }
}

void command_find_for(struct call *call) {
    call->command = command_find(call->args, call->count);
    uint32_t first = call->command->first_key;
    call->key = (struct key){first > 0 ? store_hash(call->server->hash_key, call->args[first]) : 0, call->args[first]};
}

void reply_wrong_arity(struct call *call) {
    reply_error(call->out, "wrong number of arguments for '%s' command", call->command->name);
}

void reply_no_memory(struct reply *out) {
    out->text.size = out->start;
    out->text.failed = false; /* what was there before is still whole */
    if (out->entry != NULL) {
        entry_release(out->entry);
        out->entry = NULL;
    }
    reply_error(out, "-OOM out of memory");
}

bool call_number(struct call *call, uint32_t i, int64_t *number) {
    bool fine = text_number(call->args[i], number);
    if (!fine) {
        reply_error(call->out, "%s", not_integer);
    }
    return fine;
}

struct entry *call_find(struct call *call, uint32_t i) {
    call->key = (struct key){store_hash(call->server->hash_key, call->args[i]), call->args[i]};
    return find_key(call);
}

bool call_time(struct call *call, int64_t number, enum time_unit unit, int64_t above, int64_t *when) {
    int64_t per = unit == TIME_EX || unit == TIME_EXAT ? 1000 : 1, from = unit <= TIME_PX ? call->store->now_ms : 0;
    bool fine =
        number > above && !__builtin_mul_overflow(number, per, when) && !__builtin_add_overflow(*when, from, when);
    if (!fine) {
        reply_error(call->out, "invalid expire time in '%s' command", call->command->name);
    }
    return fine;
}

bool call_put(struct call *call, struct entry *old, struct text value, int64_t expire_ms,
              enum entry_encoding encoding) {
    struct entry *entry = store_make(call->store, &call->key, old, value.size, false);
    if (entry == NULL) {
        reply_no_memory(call->out);
        return false;
    }
    memcpy(entry_value(entry), value.at, value.size);
    store_expire(call->store, entry, expire_ms);
    entry->encoding = encoding;
    return true;
}
