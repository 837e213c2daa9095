/* SPDX-License-Identifier: MIT */
/* Commands on keys, whatever their value, and on all keys. */
#include <string.h>

#include "ask.h"
#include "job.h"

static void do_del(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    reply_integer(job->out, entry != NULL);
    if (entry != NULL) {
        store_remove(job->store, entry);
    }
}

static void do_exists(struct job *job) {
    reply_integer(job->out, store_read(job->store, &job->key) != NULL);
}

static void do_type(struct job *job) {
    reply_status(job->out, store_find(job->store, &job->key) != NULL ? "string" : "none");
}

static void do_encoding(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    int64_t number;
    if (entry == NULL) {
        reply_null(job->out);
    } else if (entry->encoding == ENTRY_AUTO && text_number(entry_text(entry), &number)) {
        reply_string(job->out, "int");
    } else {
        reply_string(job->out, entry->encoding == ENTRY_RAW || entry->value_size > 44 ? "raw" : "embstr");
    }
}

/* ---- expiry ---- */

enum { NX = 1 << 0, XX = 1 << 1, GT = 1 << 2, LT = 1 << 3 };

/* The conditions of EXPIRE. False: the error is the reply. */
static bool read_conditions(struct job *job, unsigned *conditions) {
    static const char *const words[] = {"nx", "xx", "gt", "lt", NULL};
    while (job->left > 0) {
        struct text text = job_next(job);
        int word = text_choice(text, words);
        if (word < 0) {
            reply_error(job->out, "Unsupported option %.*s", text_shown(text, SIZE_MAX), text.at);
            return false;
        }
        *conditions |= 1u << word;
    }
    bool both = (*conditions & (GT | LT)) == (GT | LT);
    if ((*conditions & NX) && (*conditions & (XX | GT | LT))) {
        reply_error(job->out, "NX and XX, GT or LT options at the same time are not compatible");
    } else if (both) {
        reply_error(job->out, "GT and LT options at the same time are not compatible");
    } else {
        return true;
    }
    return false;
}

/* `form` is the unit. */
static void do_expire(struct job *job) {
    struct text text = job_next(job);
    unsigned conditions = 0;
    int64_t when;
    if (!read_conditions(job, &conditions)) {
        return;
    }
    if (!text_number(text, &when)) {
        reply_error(job->out, "%s", job_not_integer);
        return;
    }
    if (!job_time(job, when, (enum time_unit)job->command->form, &when)) {
        reply_error(job->out, job_bad_time, job->command->name);
        return;
    }
    struct entry *entry = store_find(job->store, &job->key);
    int64_t old = entry != NULL ? entry_expire(entry) : 0;
    bool no = entry == NULL || ((conditions & NX) && old > 0) || ((conditions & XX) && old == 0) ||
              ((conditions & GT) && (old == 0 || when <= old)) || ((conditions & LT) && old > 0 && when >= old);
    if (!no && when <= job->store->now_ms) {
        store_remove(job->store, entry);
    } else if (!no) {
        struct shape shape = {entry->value_size, when, SHAPE_SAME};
        if (!job_has(job, store_make(job->store, &job->key, entry, shape))) {
            return;
        }
    }
    reply_integer(job->out, !no);
}

/* `form` is the unit. */
static void do_ttl(struct job *job) {
    struct entry *entry = store_read(job->store, &job->key);
    int64_t when = entry != NULL ? entry_expire(entry) : 0;
    enum time_unit unit = (enum time_unit)job->command->form;
    if (when == 0) {
        reply_integer(job->out, entry == NULL ? -2 : -1);
        return;
    }
    int64_t ms = unit == TIME_EX || unit == TIME_PX ? when - job->store->now_ms : when;
    reply_integer(job->out, unit == TIME_EX || unit == TIME_EXAT ? (int64_t)(((uint64_t)ms + 500) / 1000) : ms);
}

static void do_persist(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    bool timed = entry != NULL && entry_expire(entry) > 0;
    if (timed) {
        (void)store_make(job->store, &job->key, entry, (struct shape){entry->value_size, 0, SHAPE_SAME});
    }
    reply_integer(job->out, timed);
}

/* ---- RENAME: in one step where both names are on one shard; else the value is taken here and given there ---- */

/* Does what RENAME (form 0) and RENAMENX (1) do when `entry` is to have another name. */
static void do_rename(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    struct key name = {.name = job_next(job)};
    bool only_new = job->command->form == 1;
    if (entry == NULL) {
        reply_error(job->out, "no such key");
        return;
    }
    name.hash = server_hash(job->server, name.name);
    struct entry *old = store_find(job->store, &name);
    bool moves = old != entry && !(old != NULL && only_new);
    if (moves) {
        struct shape shape = {.size = entry->value_size, .expire_ms = entry_expire(entry)};
        struct entry *fresh = store_make(job->store, &name, old, shape);
        if (!job_has(job, fresh)) {
            return;
        }
        memcpy(entry_value(fresh), entry_value(entry), entry->value_size);
        fresh->encoding = entry->encoding & 3u;
        store_remove(job->store, entry);
    }
    only_new ? reply_integer(job->out, moves) : reply_status(job->out, "OK");
}

/* Replies with the arguments of a GIVE, but for the key. Null: there is no such key. */
static void do_take(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    char room[TEXT_NUMBER_MAX];
    if (entry == NULL) {
        reply_null(job->out);
        return;
    }
    reply_bulk(job->out, entry_text(entry));
    reply_bulk(job->out, text_from_number(entry_expire(entry), room));
    reply_bulk(job->out, text_from_number(entry->encoding, room));
    store_remove(job->store, entry);
}

/* Value, expiry, encoding, and "nx" if there is to be no such key: then the reply may be 0. */
static void do_give(struct job *job) {
    struct entry *old = store_find(job->store, &job->key);
    struct text value = job_next(job);
    int64_t expire_ms = 0, encoding = 0;
    (void)text_number(job_next(job), &expire_ms);
    (void)text_number(job_next(job), &encoding);
    bool refused = old != NULL && job->left > 0;
    if (refused || job_put(job, old, value, expire_ms, (enum entry_encoding)encoding)) {
        reply_integer(job->out, !refused);
    }
}

const struct command command_take = {.name = "take", .serve = do_take, .first_key = 1};
const struct command command_give = {.name = "give", .serve = do_give, .first_key = 1};

/* ---- all keys of the shard ---- */

/* The counts as they are, for INFO to sum up. */
static void do_counts(struct job *job) {
    reply_bulk(job->out, (struct text){(const char *)&job->store->counts, sizeof job->store->counts});
}

const struct command command_counts = {.name = "counts", .serve = do_counts};

static void do_dbsize(struct job *job) {
    reply_integer(job->out, (int64_t)job->store->counts.keys);
}

static void do_flush(struct job *job) {
    store_clear(job->store);
    reply_integer(job->out, 0);
}

struct listing {
    struct resp_out keys;
    struct text pattern; /* at NULL: all */
    bool nothing;        /* no key is of the wanted type */
    uint64_t seen, count;
};

static void list_key(void *arg, struct entry *entry) {
    struct listing *listing = arg;
    struct text name = {entry_key(entry), entry->key_size};
    listing->seen++;
    if (!listing->nothing && (listing->pattern.at == NULL || text_matches(name, listing->pattern, false))) {
        reply_bulk(&listing->keys, name);
        listing->count++;
    }
}

static void reply_listing(struct job *job, struct listing *listing) {
    reply_array(job->out, listing->count);
    reply_raw(job->out, listing->keys.text.bytes, listing->keys.text.size);
    job->out->text.failed |= listing->keys.text.failed;
    rim_buffer_clear(job->out->ctx, &listing->keys.text);
}

static void do_keys(struct job *job) {
    struct listing listing = {.keys = {.ctx = job->out->ctx}, .pattern = job_next(job)};
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        store_each(job->store, i, list_key, &listing);
    }
    reply_listing(job, &listing);
}

/* The options of SCAN. False: the error is the reply. */
static bool read_scan(struct job *job, struct listing *listing, int64_t *count) {
    static const char *const words[] = {"count", "match", "type", NULL};
    while (job->left > 0) {
        int word = text_choice(job_next(job), words);
        struct text value = word >= 0 && job->left > 0 ? job_next(job) : (struct text){NULL, 0};
        if (word == 0 && value.at != NULL && !text_number(value, count)) {
            reply_error(job->out, "%s", job_not_integer);
            return false;
        }
        if (value.at == NULL || *count < 1) {
            reply_error(job->out, "%s", job_syntax);
            return false;
        }
        listing->pattern = word == 1 ? value : listing->pattern;
        listing->nothing = word == 2 ? !text_is(value, "string") : listing->nothing;
    }
    return true;
}

/* The cursor is the number of a partition, counted over all shards; what is no such number is behind the last. */
static void do_scan(struct job *job) {
    struct listing listing = {.keys = {.ctx = job->out->ctx}};
    uint64_t shards = job->server->shards, at = 0;
    int64_t count = 10;
    char room[TEXT_NUMBER_MAX];
    (void)ask_cursor(job_next(job), &at);
    if (!read_scan(job, &listing, &count)) {
        return;
    }
    for (at = at / STORE_PARTITIONS == job->shard ? at : shards * STORE_PARTITIONS;
         at / STORE_PARTITIONS == job->shard && listing.seen < (uint64_t)count; at++) {
        store_each(job->store, (uint32_t)(at % STORE_PARTITIONS), list_key, &listing);
    }
    reply_array(job->out, 2);
    reply_bulk(job->out, text_from_number(at < shards * STORE_PARTITIONS ? (int64_t)at : 0, room));
    reply_listing(job, &listing);
}

/* How many keys there are, and one of them. */
static void do_random(struct job *job) {
    struct entry *entry = store_random(job->store, rim_random(job->out->ctx) >> 1);
    reply_integer(job->out, entry != NULL ? (int64_t)job->store->counts.keys : 0);
    if (entry != NULL) {
        reply_bulk(job->out, (struct text){entry_key(entry), entry->key_size});
    }
}

#define WRITE COMMAND_WRITE
#define READ  COMMAND_READ
#define FAST  COMMAND_FAST

/* clang-format off */
static const struct command commands[] = {
    {"del", -2, ask_sum, do_del, 0, WRITE, 1, -1, 1, "Delete a key"},
    {"unlink", -2, ask_sum, do_del, 0, WRITE | FAST, 1, -1, 1, "Delete a key"},
    {"exists", -2, ask_sum, do_exists, 0, READ | FAST, 1, -1, 1, "Determine if a key exists"},
    {"touch", -2, ask_sum, do_exists, 0, READ | FAST, 1, -1, 1, "Count the keys that exist"},
    {"type", 2, ask_key, do_type, 0, READ | FAST, 1, 1, 1, "Determine the type stored at key"},
    {"rename", 3, ask_rename, do_rename, 0, WRITE, 1, 2, 1, "Rename a key"},
    {"renamenx", 3, ask_rename, do_rename, 1, WRITE | FAST, 1, 2, 1, "Rename a key, only if the new key does not exist"},
    {"expire", -3, ask_key, do_expire, TIME_EX, WRITE | FAST, 1, 1, 1, "Set a key's time to live in seconds"},
    {"pexpire", -3, ask_key, do_expire, TIME_PX, WRITE | FAST, 1, 1, 1, "Set a key's time to live in milliseconds"},
    {"expireat", -3, ask_key, do_expire, TIME_EXAT, WRITE | FAST, 1, 1, 1, "Set when a key expires, in seconds"},
    {"pexpireat", -3, ask_key, do_expire, TIME_PXAT, WRITE | FAST, 1, 1, 1, "Set when a key expires, in milliseconds"},
    {"ttl", 2, ask_key, do_ttl, TIME_EX, READ | FAST, 1, 1, 1, "Get the time to live for a key in seconds"},
    {"pttl", 2, ask_key, do_ttl, TIME_PX, READ | FAST, 1, 1, 1, "Get the time to live for a key in milliseconds"},
    {"expiretime", 2, ask_key, do_ttl, TIME_EXAT, READ | FAST, 1, 1, 1, "Get when a key expires, in seconds"},
    {"pexpiretime", 2, ask_key, do_ttl, TIME_PXAT, READ | FAST, 1, 1, 1, "Get when a key expires, in milliseconds"},
    {"persist", 2, ask_key, do_persist, 0, WRITE | FAST, 1, 1, 1, "Remove the expiration from a key"},
    {"object", -2, ask_object, do_encoding, 0, READ, 2, 2, 1, "Inspect the internals of a value"},
    {"keys", 2, ask_keys, do_keys, 0, READ, 0, 0, 0, "Find all keys matching the given pattern"},
    {"scan", -2, ask_scan, do_scan, 0, READ, 0, 0, 0, "Incrementally iterate the keys space"},
    {"randomkey", 1, ask_random, do_random, 0, READ, 0, 0, 0, "Return a random key from the keyspace"},
    {"dbsize", 1, ask_all, do_dbsize, 0, READ | FAST, 0, 0, 0, "Return the number of keys"},
    {"flushall", -1, ask_flush, do_flush, 0, WRITE, 0, 0, 0, "Remove all keys"},
    {"flushdb", -1, ask_flush, do_flush, 0, WRITE, 0, 0, 0, "Remove all keys"},
};
/* clang-format on */

const struct command_group key_commands = {"generic", commands, sizeof commands / sizeof commands[0]};
