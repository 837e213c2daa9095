/* SPDX-License-Identifier: MIT */
/* The one table of commands: all routing follows from it, and what COMMAND tells. */
#include "server.h"

#define W  COMMAND_WRITE
#define R  COMMAND_READ
#define WF (COMMAND_WRITE | COMMAND_FAST)
#define RF (COMMAND_READ | COMMAND_FAST)
#define F  COMMAND_FAST
#define C  COMMAND_CONTAINER
#define P  (COMMAND_PART | COMMAND_FAST)
#define I  COMMAND_INTERNAL

/* first key, last, step, and where it runs */
#define NONE  0, 0, 0, AT_CONNECTION
#define ALL   0, 0, 0, EVERYWHERE
#define KEY   1, 1, 1, AT_KEYS
#define KEYS  1, -1, 1, AT_KEYS
#define PAIRS 1, -1, 2, AT_KEYS

static const char string[] = "string", generic[] = "generic", client[] = "connection", server[] = "server";

/* What a row leaves out is 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
/* clang-format off */
const struct command commands[] = {
    /* name, group, arity, flags, keys and place, run, form, summary */
    {"get", string, 2, RF, KEY, do_get, 0, "Get the value of a key"},
    {"set", string, -3, W, KEY, do_set, 0, "Set the string value of a key"},
    {"setnx", string, 3, WF, KEY, do_set, SET_SETNX, "Set the value of a key, only if the key does not exist"},
    {"setex", string, 4, W, KEY, do_set, SET_SETEX, "Set the value and expiration of a key"},
    {"psetex", string, 4, W, KEY, do_set, SET_PSETEX, "Set the value and expiration in milliseconds of a key"},
    {"getset", string, 3, WF, KEY, do_set, SET_GETSET, "Set the value of a key and return its old value"},
    {"getdel", string, 2, WF, KEY, do_getdel, 0, "Get the value of a key and delete the key"},
    {"getex", string, -2, WF, KEY, do_getex, 0, "Get the value of a key and set its expiration"},
    {"mget", string, -2, RF, 1, -1, 1, AT_KEYS_AS, do_get, 0, "Get the values of all the given keys"},
    {"mset", string, -3, W, PAIRS, do_mset, 0, "Set multiple keys to multiple values"},
    {"msetnx", string, -3, W, 1, -1, 2, IN_STEPS, do_mset, FORM_SUM, "Set multiple keys, only if none of them exist"},
    {"append", string, 3, WF, KEY, do_append, 0, "Append a value to a key"},
    {"strlen", string, 2, RF, KEY, do_strlen, 0, "Get the length of the value stored in a key"},
    {"getrange", string, 4, R, KEY, do_getrange, 0, "Get a substring of the string stored at a key"},
    {"substr", string, 4, R, KEY, do_getrange, 0, "Get a substring of the string stored at a key"},
    {"setrange", string, 4, W, KEY, do_setrange, 0, "Overwrite part of a string at a key from an offset on"},
    {"incr", string, 2, WF, KEY, do_incrby, 1, "Increment the integer value of a key by one"},
    {"decr", string, 2, WF, KEY, do_incrby, -1, "Decrement the integer value of a key by one"},
    {"incrby", string, 3, WF, KEY, do_incrby, 1, "Increment the integer value of a key by a number"},
    {"decrby", string, 3, WF, KEY, do_incrby, -1, "Decrement the integer value of a key by a number"},
    {"incrbyfloat", string, 3, WF, KEY, do_incrbyfloat, 0, "Increment the float value of a key"},

    {"del", generic, -2, W, KEYS, do_del, FORM_SUM, "Delete a key"},
    {"unlink", generic, -2, WF, KEYS, do_del, FORM_SUM, "Delete a key"},
    {"exists", generic, -2, RF, KEYS, do_exists, FORM_SUM, "Determine if a key exists"},
    {"touch", generic, -2, RF, KEYS, do_exists, FORM_SUM, "Count the keys that exist"},
    {"type", generic, 2, RF, KEY, do_type, 0, "Determine the type stored at key"},
    {"rename", generic, 3, W, 1, 2, 1, IN_STEPS, do_rename, FORM_OK, "Rename a key"},
    {"renamenx", generic, 3, WF, 1, 2, 1, IN_STEPS, do_rename, FORM_SUM, "Rename a key, only if the new one is free"},
    {"kv.dump", generic, 2, I, KEY, do_dump, 0, "What a key is, for its copy on another shard"},
    {"kv.give", generic, 5, I, KEY, do_give, 0, "Make that copy"},
    {"kv.givenx", generic, 5, I, KEY, do_give, FORM_SUM, "Make that copy, only if the key does not exist"},
    {"kv.drop", generic, 3, I, KEY, do_drop, 0, "Delete a key whose value has been copied"},
    {"expire", generic, -3, WF, KEY, do_expire, TIME_EX, "Set a key's time to live in seconds"},
    {"pexpire", generic, -3, WF, KEY, do_expire, TIME_PX, "Set a key's time to live in milliseconds"},
    {"expireat", generic, -3, WF, KEY, do_expire, TIME_EXAT, "Set when a key expires, in seconds"},
    {"pexpireat", generic, -3, WF, KEY, do_expire, TIME_PXAT, "Set when a key expires, in milliseconds"},
    {"ttl", generic, 2, RF, KEY, do_ttl, TIME_EX, "Get the time to live for a key in seconds"},
    {"pttl", generic, 2, RF, KEY, do_ttl, TIME_PX, "Get the time to live for a key in milliseconds"},
    {"expiretime", generic, 2, RF, KEY, do_ttl, TIME_EXAT, "Get when a key expires, in seconds"},
    {"pexpiretime", generic, 2, RF, KEY, do_ttl, TIME_PXAT, "Get when a key expires, in milliseconds"},
    {"persist", generic, 2, WF, KEY, do_persist, 0, "Remove the expiration from a key"},
    {"object", generic, -2, R | C, NONE, do_subcommand, 0, "Inspect the internals of a value"},
    {"object|encoding", generic, 3, R | P, 2, 2, 1, AT_KEYS, do_encoding, 0, "Get how a value is kept"},
    {"keys", generic, 2, R, ALL, do_keys, 0, "Find all keys matching the given pattern", .merge = merge_keys},
    {"scan", generic, -2, R, 0, 0, 0, AT_CURSOR, do_scan, 0, "Incrementally iterate the keys space"},
    {"randomkey", generic, 1, R, ALL, do_randomkey, 0, "Return a random key", .merge = merge_randomkey},
    {"dbsize", server, 1, RF, ALL, do_dbsize, FORM_SUM, "Return the number of keys"},
    {"flushall", server, -1, W, ALL, do_flush, 0, "Remove all keys"},
    {"flushdb", server, -1, W, ALL, do_flush, 0, "Remove all keys"},

    {"ping", client, -1, F, NONE, do_ping, 0, "Ping the server"},
    {"echo", client, 2, F, NONE, do_echo, 0, "Echo the given string"},
    {"quit", client, -1, F, NONE, do_quit, 0, "Close the connection"},
    {"select", client, 2, F, NONE, do_select, 0, "Change the selected database"},
    {"hello", client, -1, F, NONE, do_hello, 0, "Handshake with the server"},
    {"client", client, -2, C, NONE, do_subcommand, 0, "Inspect and name client connections"},
    {"client|id", client, 2, P, NONE, do_client_id, 0, "Get the number of this connection"},
    {"client|getname", client, 2, P, NONE, do_client_getname, 0, "Get the name of this connection"},
    {"client|setname", client, 3, P, NONE, do_client_setname, 0, "Name this connection"},
    {"client|setinfo", client, 4, P, NONE, do_client_accept, 0, "Tell the name of the client's library"},
    {"client|list", client, 2, P, ALL, do_client_list, 0, "Describe all connections", .merge = merge_text},
    {"client|no-evict", client, 3, P, NONE, do_client_accept, 0, "Accepted: nothing is evicted"},
    {"client|no-touch", client, 3, P, NONE, do_client_accept, 0, "Accepted: access is not counted"},
    {"client|reply", client, 3, P, NONE, do_client_reply, 0, "Turn replies on or off, or skip one"},

    {"command", server, -1, C, NONE, do_command, 0, "Get details about all commands"},
    {"command|info", server, -2, P, NONE, do_command, 0, "Get details about some commands"},
    {"command|docs", server, -2, P, NONE, do_command, 1, "Get summaries of the commands"},
    {"command|list", server, 2, P, NONE, do_command, 2, "Get the names of the commands"},
    {"command|count", server, 2, P, NONE, do_command, 3, "Count the commands"},
    {"command|getkeys", server, -4, P, NONE, do_getkeys, 0, "Get the keys of a command with its arguments"},
    {"config", server, -2, C, NONE, do_subcommand, 0, "Get the values of configuration parameters"},
    {"config|get", server, -3, P, NONE, do_config_get, 0, "Get the values of configuration parameters"},
    {"info", server, -1, 0, ALL, do_info, 0, "Get information and statistics", .merge = merge_info},
};
/* clang-format on */

const uint32_t command_count = RIM_COUNT(commands);
