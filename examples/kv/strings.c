/* SPDX-License-Identifier: MIT */
/* Commands on strings. */
#include <math.h>
#include <string.h>

#include "ask.h"
#include "job.h"

static const char too_long[] = "string exceeds maximum allowed size (proto-max-bulk-len)";

static void reply_value_or_null(struct job *job, struct entry *entry) {
    if (entry != NULL) {
        job_value(job, entry, entry_text(entry));
    } else {
        reply_null(job->out);
    }
}

static void do_get(struct job *job) {
    reply_value_or_null(job, store_read(job->store, &job->key));
}

/* ---- SET and its kin ---- */

enum { NX = 1 << 0, XX = 1 << 1, GET = 1 << 2, KEEPTTL = 1 << 3, PERSIST = 1 << 4 };

struct options {
    unsigned flags;
    struct text time; /* at NULL: none */
    enum time_unit unit;
};

/* The options of SET and GETEX that are left; `allowed` are the flags. False: a syntax error, which is the reply. */
static bool read_options(struct job *job, unsigned allowed, struct options *options) {
    static const char *const flags[] = {"nx", "xx", "get", "keepttl", "persist", NULL};
    static const char *const units[] = {"ex", "px", "exat", "pxat", NULL};
    bool fine = true;
    while (fine && job->left > 0) {
        struct text word = job_next(job);
        int flag = text_choice(word, flags), unit = text_choice(word, units);
        if (flag >= 0 && (allowed & 1u << flag)) {
            options->flags |= 1u << flag;
            fine = (1u << flag & (KEEPTTL | PERSIST)) == 0 || options->time.at == NULL;
        } else {
            fine = unit >= 0 && job->left > 0 && (options->flags & (KEEPTTL | PERSIST)) == 0 &&
                   (options->time.at == NULL || options->unit == (enum time_unit)unit);
            options->unit = (enum time_unit)unit;
            options->time = fine ? job_next(job) : options->time;
        }
        fine = fine && (options->flags & (NX | XX)) != (NX | XX);
    }
    if (!fine) {
        reply_error(job->out, "%s", job_syntax);
    }
    return fine;
}

/* A time as SET takes it, above 0. False: the error is the reply. */
static bool read_time(struct job *job, struct text text, enum time_unit unit, int64_t *when) {
    if (!text_number(text, when)) {
        reply_error(job->out, "%s", job_not_integer);
        return false;
    }
    if (*when <= 0 || !job_time(job, *when, unit, when)) {
        reply_error(job->out, job_bad_time, job->command->name);
        return false;
    }
    return true;
}

static void do_set(struct job *job) {
    struct text value = job_next(job);
    struct options options = {0};
    int64_t when = 0;
    if (job->left > 0 && (!read_options(job, NX | XX | GET | KEEPTTL, &options) ||
                          (options.time.at != NULL && !read_time(job, options.time, options.unit, &when)))) {
        return;
    }
    struct entry *old = store_find(job->store, &job->key);
    bool refused = (options.flags & (old != NULL ? NX : XX)) != 0;
    if (old != NULL && (options.flags & KEEPTTL)) {
        when = entry_expire(old);
    }
    if (options.flags & GET) {
        reply_value_or_null(job, old);
    }
    if (refused && !(options.flags & GET)) {
        reply_null(job->out);
    } else if (!refused && job_put(job, old, value, when, ENTRY_AUTO) && !(options.flags & GET)) {
        reply_raw(job->out, "+OK\r\n", 5);
    }
}

static void do_setnx(struct job *job) {
    struct entry *old = store_find(job->store, &job->key);
    if (old != NULL || job_put(job, NULL, job_next(job), 0, ENTRY_AUTO)) {
        reply_integer(job->out, old == NULL);
    }
}

/* `form` is the unit. */
static void do_setex(struct job *job) {
    struct text time = job_next(job);
    int64_t when;
    if (read_time(job, time, (enum time_unit)job->command->form, &when) &&
        job_put(job, store_find(job->store, &job->key), job_next(job), when, ENTRY_AUTO)) {
        reply_raw(job->out, "+OK\r\n", 5);
    }
}

static void do_getset(struct job *job) {
    struct entry *old = store_find(job->store, &job->key);
    reply_value_or_null(job, old);
    (void)job_put(job, old, job_next(job), 0, ENTRY_AUTO);
}

static void do_getdel(struct job *job) {
    struct entry *entry = store_read(job->store, &job->key);
    reply_value_or_null(job, entry);
    if (entry != NULL) {
        store_remove(job->store, entry);
    }
}

static void do_getex(struct job *job) {
    struct options options = {0};
    int64_t when = 0;
    if (!read_options(job, PERSIST, &options)) {
        return;
    }
    struct entry *entry = store_read(job->store, &job->key);
    if (entry != NULL && options.time.at != NULL && !read_time(job, options.time, options.unit, &when)) {
        return;
    }
    if (entry != NULL && when > 0 && when <= job->store->now_ms) {
        job_value(job, entry, entry_text(entry));
        store_remove(job->store, entry);
        return;
    }
    if (entry != NULL && (when > 0 || (options.flags & PERSIST))) {
        entry = store_make(job->store, &job->key, entry, (struct shape){entry->value_size, when, SHAPE_SAME});
        if (!job_has(job, entry)) {
            return;
        }
    }
    reply_value_or_null(job, entry);
}

/* ---- parts of strings ---- */

static void do_strlen(struct job *job) {
    struct entry *entry = store_read(job->store, &job->key);
    reply_integer(job->out, entry != NULL ? (int64_t)entry->value_size : 0);
}

static void do_getrange(struct job *job) {
    int64_t first, last;
    bool numbers = text_number(job_next(job), &first);
    if (!text_number(job_next(job), &last) || !numbers) {
        reply_error(job->out, "%s", job_not_integer);
        return;
    }
    struct entry *entry = store_read(job->store, &job->key);
    int64_t size = entry != NULL ? (int64_t)entry->value_size : 0;
    bool empty = size == 0 || (first < 0 && last < 0 && first > last);
    first = first < 0 ? first + size : first;
    last = last < 0 ? last + size : last;
    first = first < 0 ? 0 : first;
    last = last < 0 ? 0 : last >= size ? size - 1 : last;
    if (empty || first > last) {
        reply_bulk(job->out, (struct text){"", 0});
    } else {
        job_value(job, entry, (struct text){entry_value(entry) + first, (size_t)(last - first + 1)});
    }
}

/* Writes bytes into the value at `from`, making it as long as that takes, and replies with its length. */
static void write_at(struct job *job, struct entry *entry, struct text bytes, uint64_t from) {
    uint64_t old_size = entry != NULL ? entry->value_size : 0, size = from + bytes.size;
    struct shape shape = {.size = size > old_size ? size : old_size, .value = SHAPE_EDIT};
    if (size > job->server->options.max_value) {
        reply_error(job->out, "%s", too_long);
        return;
    }
    shape.expire_ms = entry != NULL ? entry_expire(entry) : 0;
    entry = store_make(job->store, &job->key, entry, shape);
    if (job_has(job, entry)) {
        memcpy(entry_value(entry) + from, bytes.at, bytes.size);
        entry->encoding = ENTRY_RAW;
        reply_integer(job->out, (int64_t)entry->value_size);
    }
}

static void do_append(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    struct text value = job_next(job);
    if (entry != NULL) {
        write_at(job, entry, value, entry->value_size);
    } else if (job_put(job, NULL, value, 0, ENTRY_AUTO)) {
        reply_integer(job->out, (int64_t)value.size);
    }
}

static void do_setrange(struct job *job) {
    int64_t offset;
    struct text text = job_next(job), value = job_next(job);
    struct entry *entry = store_find(job->store, &job->key);
    if (!text_number(text, &offset)) {
        reply_error(job->out, "%s", job_not_integer);
    } else if (offset < 0) {
        reply_error(job->out, "offset is out of range");
    } else if (value.size == 0) {
        reply_integer(job->out, entry != NULL ? (int64_t)entry->value_size : 0);
    } else {
        write_at(job, entry, value, (uint64_t)offset);
    }
}

/* ---- counters ---- */

/* `form` is 1 or -1. */
static void do_incrby(struct job *job) {
    int64_t number = 0, by = 1;
    if (job->left > 0 && !text_number(job_next(job), &by)) {
        reply_error(job->out, "%s", job_not_integer);
        return;
    }
    if (by == INT64_MIN && job->command->form < 0) {
        reply_error(job->out, "decrement would overflow");
        return;
    }
    struct entry *entry = store_find(job->store, &job->key);
    if (entry != NULL && !text_number(entry_text(entry), &number)) {
        reply_error(job->out, "%s", job_not_integer);
    } else if (__builtin_add_overflow(number, by * job->command->form, &number)) {
        reply_error(job->out, "increment or decrement would overflow");
    } else {
        char room[TEXT_NUMBER_MAX];
        int64_t expire_ms = entry != NULL ? entry_expire(entry) : 0;
        if (job_put(job, entry, text_from_number(number, room), expire_ms, ENTRY_AUTO)) {
            reply_integer(job->out, number);
        }
    }
}

static void do_incrbyfloat(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    struct text text = job_next(job);
    long double number = 0, by = 0;
    if ((entry != NULL && !text_float(entry_text(entry), &number)) || !text_float(text, &by)) {
        reply_error(job->out, "value is not a valid float");
        return;
    }
    number += by;
    if (isnan(number) || isinf(number)) {
        reply_error(job->out, "increment would produce NaN or Infinity");
        return;
    }
    char room[TEXT_FLOAT_MAX];
    struct text sum = text_from_float(number, room);
    if (job_put(job, entry, sum, entry != NULL ? entry_expire(entry) : 0, ENTRY_STRING)) {
        reply_bulk(job->out, sum);
    }
}

#define WRITE COMMAND_WRITE
#define READ  COMMAND_READ
#define FAST  COMMAND_FAST

/* clang-format off */
static const struct command commands[] = {
    {"get", 2, ask_key, do_get, 0, READ | FAST, 1, 1, 1, "Get the value of a key"},
    {"set", -3, ask_key, do_set, 0, WRITE, 1, 1, 1, "Set the string value of a key"},
    {"setnx", 3, ask_key, do_setnx, 0, WRITE | FAST, 1, 1, 1, "Set the value of a key, only if the key does not exist"},
    {"setex", 4, ask_key, do_setex, TIME_EX, WRITE, 1, 1, 1, "Set the value and expiration of a key"},
    {"psetex", 4, ask_key, do_setex, TIME_PX, WRITE, 1, 1, 1, "Set the value and expiration in milliseconds of a key"},
    {"getset", 3, ask_key, do_getset, 0, WRITE | FAST, 1, 1, 1, "Set the value of a key and return its old value"},
    {"getdel", 2, ask_key, do_getdel, 0, WRITE | FAST, 1, 1, 1, "Get the value of a key and delete the key"},
    {"getex", -2, ask_key, do_getex, 0, WRITE | FAST, 1, 1, 1, "Get the value of a key and set its expiration"},
    {"mget", -2, ask_each, do_get, 0, READ | FAST, 1, -1, 1, "Get the values of all the given keys"},
    {"mset", -3, ask_pairs, do_set, 0, WRITE, 1, -1, 2, "Set multiple keys to multiple values"},
    {"msetnx", -3, ask_pairs_if_new, do_set, 0, WRITE, 1, -1, 2, "Set multiple keys, only if none of them exist"},
    {"append", 3, ask_key, do_append, 0, WRITE | FAST, 1, 1, 1, "Append a value to a key"},
    {"strlen", 2, ask_key, do_strlen, 0, READ | FAST, 1, 1, 1, "Get the length of the value stored in a key"},
    {"getrange", 4, ask_key, do_getrange, 0, READ, 1, 1, 1, "Get a substring of the string stored at a key"},
    {"substr", 4, ask_key, do_getrange, 0, READ, 1, 1, 1, "Get a substring of the string stored at a key"},
    {"setrange", 4, ask_key, do_setrange, 0, WRITE, 1, 1, 1, "Overwrite part of a string at a key from an offset on"},
    {"incr", 2, ask_key, do_incrby, 1, WRITE | FAST, 1, 1, 1, "Increment the integer value of a key by one"},
    {"decr", 2, ask_key, do_incrby, -1, WRITE | FAST, 1, 1, 1, "Decrement the integer value of a key by one"},
    {"incrby", 3, ask_key, do_incrby, 1, WRITE | FAST, 1, 1, 1, "Increment the integer value of a key by a number"},
    {"decrby", 3, ask_key, do_incrby, -1, WRITE | FAST, 1, 1, 1, "Decrement the integer value of a key by a number"},
    {"incrbyfloat", 3, ask_key, do_incrbyfloat, 0, WRITE | FAST, 1, 1, 1, "Increment the float value of a key"},
};
/* clang-format on */

const struct command_group string_commands = {"string", commands, sizeof commands / sizeof commands[0]};
