/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <ctype.h>

#include "connection.h"
#include "reply.h"

#define WRITE COMMAND_WRITE
#define READ  COMMAND_READ
#define FAST  COMMAND_FAST

/* clang-format off */
const struct command command_table[] = {
    /* name, run, arity, op, form, flags, first key, last key, step, group, summary */
    {"get", run_plain, 2, OP_GET, 0, READ | FAST, 1, 1, 1, "string", "Get the value of a key"},
    {"set", run_set, -3, OP_SET, 0, WRITE, 1, 1, 1, "string", "Set the string value of a key"},
    {"setnx", run_plain, 3, OP_SET, FLAG_NX | FLAG_ONE_OR_ZERO, WRITE | FAST, 1, 1, 1, "string",
     "Set the value of a key, only if the key does not exist"},
    {"setex", run_setex, 4, OP_SET, 1000, WRITE, 1, 1, 1, "string", "Set the value and expiration of a key"},
    {"psetex", run_setex, 4, OP_SET, 1, WRITE, 1, 1, 1, "string",
     "Set the value and expiration in milliseconds of a key"},
    {"getset", run_plain, 3, OP_SET, FLAG_GET, WRITE | FAST, 1, 1, 1, "string",
     "Set the string value of a key and return its old value"},
    {"getdel", run_plain, 2, OP_GETDEL, 0, WRITE | FAST, 1, 1, 1, "string", "Get the value of a key and delete the key"},
    {"getex", run_getex, -2, OP_GETEX, 0, WRITE | FAST, 1, 1, 1, "string",
     "Get the value of a key and optionally set its expiration"},
    {"mget", run_mget, -2, OP_GET, 0, READ | FAST, 1, -1, 1, "string", "Get the values of all the given keys"},
    {"mset", run_mset, -3, OP_SET, 0, WRITE, 1, -1, 2, "string", "Set multiple keys to multiple values"},
    {"msetnx", run_msetnx, -3, OP_SET, 0, WRITE, 1, -1, 2, "string",
     "Set multiple keys to multiple values, only if none of the keys exist"},
    {"append", run_plain, 3, OP_APPEND, 0, WRITE | FAST, 1, 1, 1, "string", "Append a value to a key"},
    {"strlen", run_plain, 2, OP_STRLEN, 0, READ | FAST, 1, 1, 1, "string",
     "Get the length of the value stored in a key"},
    {"getrange", run_getrange, 4, OP_GETRANGE, 0, READ, 1, 1, 1, "string",
     "Get a substring of the string stored at a key"},
    {"substr", run_getrange, 4, OP_GETRANGE, 0, READ, 1, 1, 1, "string",
     "Get a substring of the string stored at a key"},
    {"setrange", run_setrange, 4, OP_SETRANGE, 0, WRITE, 1, 1, 1, "string",
     "Overwrite part of a string at key starting at the specified offset"},
    {"incr", run_incr, 2, OP_INCRBY, 1, WRITE | FAST, 1, 1, 1, "string", "Increment the integer value of a key by one"},
    {"decr", run_incr, 2, OP_INCRBY, 0, WRITE | FAST, 1, 1, 1, "string", "Decrement the integer value of a key by one"},
    {"incrby", run_incr, 3, OP_INCRBY, 1, WRITE | FAST, 1, 1, 1, "string",
     "Increment the integer value of a key by the given amount"},
    {"decrby", run_incr, 3, OP_INCRBY, 0, WRITE | FAST, 1, 1, 1, "string",
     "Decrement the integer value of a key by the given number"},
    {"incrbyfloat", run_incrfloat, 3, OP_INCRFLOAT, 0, WRITE | FAST, 1, 1, 1, "string",
     "Increment the float value of a key by the given amount"},
    {"del", run_count_keys, -2, OP_DEL, 0, WRITE, 1, -1, 1, "generic", "Delete a key"},
    {"unlink", run_count_keys, -2, OP_DEL, 0, WRITE | FAST, 1, -1, 1, "generic", "Delete a key"},
    {"exists", run_count_keys, -2, OP_EXISTS, 0, READ | FAST, 1, -1, 1, "generic", "Determine if a key exists"},
    {"touch", run_count_keys, -2, OP_EXISTS, 0, READ | FAST, 1, -1, 1, "generic", "Count the keys that exist"},
    {"type", run_plain, 2, OP_TYPE, 0, READ | FAST, 1, 1, 1, "generic", "Determine the type stored at key"},
    {"keys", run_keys, 2, OP_KEYS, 0, READ, 0, 0, 0, "generic", "Find all keys matching the given pattern"},
    {"scan", run_scan, -2, OP_SCAN, 0, READ, 0, 0, 0, "generic", "Incrementally iterate the keys space"},
    {"randomkey", run_randomkey, 1, OP_RANDOM, 0, READ, 0, 0, 0, "generic", "Return a random key from the keyspace"},
    {"rename", run_rename, 3, 0, 0, WRITE, 1, 2, 1, "generic", "Rename a key"},
    {"renamenx", run_rename, 3, 1, 0, WRITE | FAST, 1, 2, 1, "generic",
     "Rename a key, only if the new key does not exist"},
    {"expire", run_expire, -3, OP_EXPIRE, TTL_SECONDS, WRITE | FAST, 1, 1, 1, "generic",
     "Set a key's time to live in seconds"},
    {"pexpire", run_expire, -3, OP_EXPIRE, TTL_MILLISECONDS, WRITE | FAST, 1, 1, 1, "generic",
     "Set a key's time to live in milliseconds"},
    {"expireat", run_expire, -3, OP_EXPIRE, TTL_AT_SECONDS, WRITE | FAST, 1, 1, 1, "generic",
     "Set the expiration for a key as a UNIX timestamp"},
    {"pexpireat", run_expire, -3, OP_EXPIRE, TTL_AT_MILLISECONDS, WRITE | FAST, 1, 1, 1, "generic",
     "Set the expiration for a key as a UNIX timestamp specified in milliseconds"},
    {"ttl", run_plain, 2, OP_TTL, TTL_SECONDS, READ | FAST, 1, 1, 1, "generic",
     "Get the time to live for a key in seconds"},
    {"pttl", run_plain, 2, OP_TTL, TTL_MILLISECONDS, READ | FAST, 1, 1, 1, "generic",
     "Get the time to live for a key in milliseconds"},
    {"expiretime", run_plain, 2, OP_TTL, TTL_AT_SECONDS, READ | FAST, 1, 1, 1, "generic",
     "Get the expiration Unix timestamp for a key"},
    {"pexpiretime", run_plain, 2, OP_TTL, TTL_AT_MILLISECONDS, READ | FAST, 1, 1, 1, "generic",
     "Get the expiration Unix timestamp for a key in milliseconds"},
    {"persist", run_plain, 2, OP_PERSIST, 0, WRITE | FAST, 1, 1, 1, "generic", "Remove the expiration from a key"},
    {"object", run_object, -2, OP_ENCODING, 0, READ, 2, 2, 1, "generic", "Inspect the internals of a value"},
    {"ping", run_ping, -1, 0, 0, FAST, 0, 0, 0, "connection", "Ping the server"},
    {"echo", run_echo, 2, 0, 0, FAST, 0, 0, 0, "connection", "Echo the given string"},
    {"quit", run_quit, -1, 0, 0, FAST, 0, 0, 0, "connection", "Close the connection"},
    {"select", run_select, 2, 0, 0, FAST, 0, 0, 0, "connection", "Change the selected database"},
    {"hello", run_hello, -1, 0, 0, FAST, 0, 0, 0, "connection", "Handshake with the server"},
    {"client", run_client, -2, 0, 0, 0, 0, 0, 0, "connection", "Inspect and name client connections"},
    {"command", run_command, -1, 0, 0, 0, 0, 0, 0, "server", "Get details about the commands"},
    {"config", run_config, -2, 0, 0, 0, 0, 0, 0, "server", "Get the values of configuration parameters"},
    {"info", run_info, -1, 0, 0, 0, 0, 0, 0, "server", "Get information and statistics about the server"},
    {"dbsize", run_dbsize, 1, OP_COUNTS, 0, READ | FAST, 0, 0, 0, "server", "Return the number of keys"},
    {"flushall", run_flush, -1, OP_CLEAR, 0, WRITE, 0, 0, 0, "server", "Remove all keys"},
    {"flushdb", run_flush, -1, OP_CLEAR, 0, WRITE, 0, 0, 0, "server", "Remove all keys"},
};
/* clang-format on */

const uint32_t command_count = sizeof command_table / sizeof command_table[0];

static uint8_t slot_of(const char *name, size_t size) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((unsigned char)name[i] | 0x20u)) * 16777619u;
    }
    return (uint8_t)(hash ^ hash >> 8 ^ hash >> 16);
}

void command_index_fill(struct command_index *index) {
    memset(index, 0, sizeof *index);
    for (uint32_t i = 0; i < command_count; i++) {
        uint8_t slot = slot_of(command_table[i].name, strlen(command_table[i].name));
        while (index->slots[slot] != 0) {
            slot++;
        }
        index->slots[slot] = (uint8_t)(i + 1);
    }
}

const struct command *command_find(const struct command_index *index, const struct resp_arg *name) {
    if (name->size > 32) {
        return NULL;
    }
    for (uint8_t slot = slot_of(name->at, name->size); index->slots[slot] != 0; slot++) {
        const struct command *command = &command_table[index->slots[slot] - 1];
        if (resp_is(name, command->name)) {
            return command;
        }
    }
    return NULL;
}

/* Where C strings end, Redis' texts end. */
static int shown(const struct resp_arg *arg, size_t limit) {
    return (int)strnlen(arg->at, arg->size < limit ? arg->size : limit);
}

static void unknown(struct connection *c, const struct resp_arg *args, uint32_t count) {
    char text[160];
    size_t size = 0;
    for (uint32_t i = 1; i < count && size < 128; i++) {
        int length = shown(&args[i], 128 - size);
        text[size++] = '\'';
        memcpy(text + size, args[i].at, (size_t)length);
        size += (size_t)length;
        text[size++] = '\'';
        text[size++] = ' ';
    }
    connection_error(c, "unknown command '%.*s', with args beginning with: %.*s", shown(&args[0], 128), args[0].at,
                     (int)size, text);
}

static bool run(struct connection *c, const struct resp_arg *args, uint32_t count) {
    const struct command *command = command_find(&c->server->commands, &args[0]);
    if (command == NULL) {
        unknown(c, args, count);
        return true;
    }
    c->last = command->name;
    c->used_ns = rim_now(c->ctx);
    bool fits = command->arity > 0 ? count == (uint32_t)command->arity : count >= (uint32_t)-command->arity;
    if (!fits) {
        connection_arity_error(c, command->name);
        return true;
    }
    return command->run(c, &(struct call){command, args, count});
}

/* Silences all that a command put into the queue, or wrote. */
static void silence(struct connection *c, uint64_t first, size_t out_size) {
    for (uint64_t i = first; i < c->queue.first + c->queue.count; i++) {
        queue_at(&c->queue, i)->mute = true;
    }
    c->out.size = out_size;
}

/* Counts the text of a reply that was known at once and waits behind others. */
static void weigh(struct connection *c, uint64_t first) {
    for (uint64_t i = first; i < c->queue.first + c->queue.count; i++) {
        struct slot *slot = queue_at(&c->queue, i);
        if (slot->kind == SLOT_LOCAL && slot->held == 0) {
            reply_hold(c, slot, slot->text->size);
        }
    }
}

bool command_run(struct connection *c, const struct resp_arg *args, uint32_t count) {
    uint64_t first = c->queue.first + c->queue.count;
    size_t out_size = c->out.size;
    bool mute_this = c->mute_next;
    if (c->part_at > 0 && c->part_slot < first) {
        first = c->part_slot;
    }
    bool done = run(c, args, count);
    if (c->mute || c->mute_next || mute_this) {
        silence(c, first, out_size);
    }
    if (done && mute_this) {
        c->mute_next = false;
    }
    weigh(c, first);
    return done;
}
