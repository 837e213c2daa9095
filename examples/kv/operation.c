/* SPDX-License-Identifier: MIT */
#include "operation.h"

#include <math.h>

#include "glob.h"
#include "number.h"
#include "resp.h"

static const char not_integer[] = "value is not an integer or out of range";
static const char not_float[] = "value is not a valid float";
static const char too_long[] = "string exceeds maximum allowed size (proto-max-bulk-len)";
static const char no_memory[] = "out of memory";
static const char bad_getex[] = "invalid expire time in 'getex' command";

struct job {
    struct store *store;
    const struct request *request;
    struct key key;
    const char *value;
    struct buffer *work;
    struct reply *reply;
};

/* ---- replies ---- */

static void answer_integer(struct job *job, int64_t number) {
    job->reply->kind = REPLY_INTEGER;
    job->reply->number = number;
}

static void answer_error(struct job *job, const char *text) {
    job->reply->kind = REPLY_ERROR;
    job->reply->text = text;
    job->reply->size = strlen(text);
}

static void answer_bulk(struct job *job, const char *text, size_t size) {
    job->reply->kind = REPLY_BULK;
    job->reply->text = text;
    job->reply->size = size;
}

static void answer_value(struct job *job, struct entry *entry) {
    answer_bulk(job, entry_value(entry), entry->value_size);
    if (entry->value_size > REPLY_COPY_MAX) {
        entry_share(entry);
        job->reply->entry = entry;
    }
}

/* The same for a value that is about to go. */
static void answer_last_value(struct job *job, struct entry *entry) {
    answer_bulk(job, entry_value(entry), entry->value_size);
    entry_share(entry);
    job->reply->entry = entry;
}

static void answer_or_nil(struct job *job, struct entry *entry) {
    if (entry != NULL) {
        answer_value(job, entry);
    } else {
        job->reply->kind = REPLY_NIL;
    }
}

/* ---- strings ---- */

static void do_get(struct job *job) {
    answer_or_nil(job, store_read(job->store, &job->key));
}

static struct entry *write_key(struct job *job, struct entry *old, int64_t expire_ms) {
    struct store_value value = {.at = job->value, .size = job->request->value_size, .expire_ms = expire_ms};
    struct entry *entry = store_put(job->store, &job->key, old, value);
    if (entry == NULL) {
        answer_error(job, no_memory);
    }
    return entry;
}

static void do_set(struct job *job) {
    unsigned flags = job->request->flags;
    struct entry *old = store_find(job->store, &job->key);
    bool refused = (flags & (old != NULL ? FLAG_NX : FLAG_XX)) != 0;
    int64_t expire_ms = job->request->number;
    if ((flags & FLAG_KEEPTTL) && old != NULL) {
        expire_ms = entry_expire(old);
    }
    if (flags & FLAG_GET) {
        if (old != NULL) {
            answer_last_value(job, old);
        } else {
            job->reply->kind = REPLY_NIL;
        }
    } else if (flags & FLAG_ONE_OR_ZERO) {
        answer_integer(job, refused ? 0 : 1);
    } else {
        job->reply->kind = refused ? REPLY_NIL : REPLY_OK;
    }
    if (!refused) {
        write_key(job, old, expire_ms);
    }
}

static void do_getex(struct job *job) {
    int64_t expire_ms = job->request->number;
    struct entry *entry = store_read(job->store, &job->key);
    if (entry == NULL) {
        job->reply->kind = REPLY_NIL;
    } else if (expire_ms == EXPIRY_NO_NUMBER) {
        answer_error(job, not_integer);
    } else if (expire_ms == EXPIRY_INVALID) {
        answer_error(job, bad_getex);
    } else if (expire_ms > 0 && expire_ms <= store_time(job->store)) {
        answer_last_value(job, entry);
        store_remove(job->store, entry);
    } else {
        if (expire_ms > 0 || (job->request->flags & FLAG_PERSIST)) {
            entry = store_expire(job->store, entry, expire_ms);
        }
        if (entry != NULL) {
            answer_value(job, entry);
        } else {
            answer_error(job, no_memory);
        }
    }
}

static void do_getdel(struct job *job) {
    struct entry *entry = store_read(job->store, &job->key);
    if (entry == NULL) {
        job->reply->kind = REPLY_NIL;
        return;
    }
    answer_last_value(job, entry);
    store_remove(job->store, entry);
}

static void do_append(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    size_t size = job->request->value_size;
    if (entry == NULL) {
        if (write_key(job, NULL, 0) != NULL) {
            answer_integer(job, (int64_t)size);
        }
        return;
    }
    size_t old_size = entry->value_size;
    if (old_size + size > job->request->count) {
        answer_error(job, too_long);
        return;
    }
    entry = store_resize(job->store, entry, old_size + size);
    if (entry == NULL) {
        answer_error(job, no_memory);
        return;
    }
    memcpy(entry_value(entry) + old_size, job->value, size);
    entry->encoding = ENTRY_RAW;
    answer_integer(job, (int64_t)(old_size + size));
}

static void do_strlen(struct job *job) {
    struct entry *entry = store_read(job->store, &job->key);
    answer_integer(job, entry != NULL ? (int64_t)entry->value_size : 0);
}

static void do_getrange(struct job *job) {
    struct entry *entry = store_read(job->store, &job->key);
    int64_t size = entry != NULL ? (int64_t)entry->value_size : 0;
    int64_t first = job->request->number;
    int64_t last;
    memcpy(&last, job->value, sizeof last);
    bool empty = size == 0 || (first < 0 && last < 0 && first > last);
    first = first < 0 ? first + size : first;
    last = last < 0 ? last + size : last;
    first = first < 0 ? 0 : first;
    last = last < 0 ? 0 : last;
    last = last >= size ? size - 1 : last;
    if (empty || first > last) {
        answer_bulk(job, "", 0);
        return;
    }
    answer_value(job, entry);
    job->reply->text += first;
    job->reply->size = (size_t)(last - first + 1);
}

static void do_setrange(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    size_t size = job->request->value_size;
    size_t old_size = entry != NULL ? entry->value_size : 0;
    uint64_t end = (uint64_t)job->request->number + size;
    if (size == 0) {
        answer_integer(job, (int64_t)old_size);
        return;
    }
    if (end > job->request->count) {
        answer_error(job, too_long);
        return;
    }
    if (entry == NULL) {
        entry = store_put(job->store, &job->key, NULL, (struct store_value){.size = end});
    } else {
        entry = store_resize(job->store, entry, end > old_size ? end : old_size);
    }
    if (entry == NULL) {
        answer_error(job, no_memory);
        return;
    }
    memcpy(entry_value(entry) + job->request->number, job->value, size);
    entry->encoding = ENTRY_RAW;
    answer_integer(job, (int64_t)entry->value_size);
}

/* Writes a number that was reckoned from the old value. */
static struct entry *write_number(struct job *job, struct entry *old, struct store_value value) {
    value.expire_ms = old != NULL ? entry_expire(old) : 0;
    struct entry *entry = store_put(job->store, &job->key, old, value);
    if (entry == NULL) {
        answer_error(job, no_memory);
    }
    return entry;
}

static void do_incrby(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    int64_t number = 0;
    if (entry != NULL && !number_parse(entry_value(entry), entry->value_size, &number)) {
        answer_error(job, not_integer);
        return;
    }
    if (__builtin_add_overflow(number, job->request->number, &number)) {
        answer_error(job, "increment or decrement would overflow");
        return;
    }
    char text[NUMBER_TEXT_MAX];
    struct store_value value = {.at = text, .size = number_print(number, text)};
    if (write_number(job, entry, value) != NULL) {
        answer_integer(job, number);
    }
}

static void do_incrfloat(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    long double number = 0;
    long double by = 0;
    if ((entry != NULL && !number_parse_float(entry_value(entry), entry->value_size, &number)) ||
        !number_parse_float(job->value, job->request->value_size, &by)) {
        answer_error(job, not_float);
        return;
    }
    number += by;
    if (isnan(number) || isinf(number)) {
        answer_error(job, "increment would produce NaN or Infinity");
        return;
    }
    char text[NUMBER_FLOAT_MAX];
    struct store_value value = {.at = text, .size = number_print_float(number, text), .encoding = ENTRY_STRING};
    entry = write_number(job, entry, value);
    if (entry != NULL) {
        answer_value(job, entry);
    }
}

/* ---- keys ---- */

static void do_del(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    if (entry != NULL) {
        store_remove(job->store, entry);
    }
    answer_integer(job, entry != NULL);
}

static void do_exists(struct job *job) {
    answer_integer(job, store_read(job->store, &job->key) != NULL);
}

static void do_type(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    job->reply->kind = REPLY_STATUS;
    job->reply->text = entry != NULL ? "string" : "none";
    job->reply->size = strlen(job->reply->text);
}

static void do_expire(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    int64_t when = job->request->number;
    unsigned flags = job->request->flags;
    int64_t now_ms = entry != NULL ? entry_expire(entry) : 0;
    bool no = entry == NULL || ((flags & FLAG_NX) && now_ms > 0) || ((flags & FLAG_XX) && now_ms == 0) ||
              ((flags & FLAG_GT) && (now_ms == 0 || when <= now_ms)) ||
              ((flags & FLAG_LT) && now_ms > 0 && when >= now_ms);
    answer_integer(job, no ? 0 : 1);
    if (no) {
        return;
    }
    if (when <= store_time(job->store)) {
        store_remove(job->store, entry);
    } else if (store_expire(job->store, entry, when) == NULL) {
        answer_error(job, no_memory);
    }
}

static void do_ttl(struct job *job) {
    struct entry *entry = store_read(job->store, &job->key);
    int64_t when = entry != NULL ? entry_expire(entry) : 0;
    if (when == 0) {
        answer_integer(job, entry == NULL ? -2 : -1);
        return;
    }
    enum ttl_form form = (enum ttl_form)job->request->number;
    int64_t ms = form == TTL_SECONDS || form == TTL_MILLISECONDS ? when - store_time(job->store) : when;
    answer_integer(job, form == TTL_SECONDS || form == TTL_AT_SECONDS ? (int64_t)(((uint64_t)ms + 500) / 1000) : ms);
}

static void do_persist(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    bool timed = entry != NULL && entry_expire(entry) > 0;
    if (timed) {
        store_expire(job->store, entry, 0);
    }
    answer_integer(job, timed);
}

static void do_encoding(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    int64_t number;
    if (entry == NULL) {
        job->reply->kind = REPLY_NIL;
    } else if (entry->encoding == ENTRY_AUTO && number_parse(entry_value(entry), entry->value_size, &number)) {
        answer_bulk(job, "int", 3);
    } else if (entry->encoding == ENTRY_RAW || entry->value_size > 44) {
        answer_bulk(job, "raw", 3);
    } else {
        answer_bulk(job, "embstr", 6);
    }
}

static void do_rename(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    struct key name = {(uint64_t)job->request->number, job->value, job->request->value_size};
    bool only_new = (job->request->flags & FLAG_NX) != 0;
    if (entry == NULL) {
        answer_error(job, "no such key");
        return;
    }
    struct entry *old = store_find(job->store, &name);
    if (old == entry || (old != NULL && only_new)) {
        answer_integer(job, 0);
        job->reply->kind = only_new ? REPLY_INTEGER : REPLY_OK;
        return;
    }
    struct store_value value = {entry_value(entry), entry->value_size, entry_expire(entry), entry->encoding};
    if (store_put(job->store, &name, old, value) == NULL) {
        answer_error(job, no_memory);
        return;
    }
    store_remove(job->store, entry);
    answer_integer(job, 1);
    job->reply->kind = only_new ? REPLY_INTEGER : REPLY_OK;
}

/* ---- moving a key to another shard ---- */

static void answer_taken(struct job *job, int64_t number, char encoding, struct glob_text bytes) {
    buffer_append(job->work, &number, sizeof number);
    buffer_append(job->work, &encoding, 1);
    buffer_append(job->work, bytes.at, bytes.size);
    if (job->work->failed) {
        answer_error(job, no_memory);
        return;
    }
    job->reply->kind = REPLY_TAKEN;
    job->reply->text = job->work->bytes;
    job->reply->size = job->work->size;
}

static void do_take(struct job *job) {
    struct entry *entry = store_find(job->store, &job->key);
    if (entry == NULL) {
        job->reply->kind = REPLY_NIL;
        return;
    }
    answer_taken(job, entry_expire(entry), (char)entry->encoding,
                 (struct glob_text){entry_value(entry), entry->value_size});
    if (job->reply->kind == REPLY_TAKEN) {
        store_remove(job->store, entry);
    }
}

static void do_give(struct job *job) {
    struct entry *old = store_find(job->store, &job->key);
    bool refused = old != NULL && (job->request->flags & FLAG_NX);
    answer_integer(job, refused ? 0 : 1);
    struct entry *entry = refused ? NULL : write_key(job, old, job->request->number);
    if (entry != NULL) {
        entry->encoding = job->request->count;
    }
}

/* ---- the whole shard ---- */

static void do_counts(struct job *job) {
    struct store_counts counts = store_counts(job->store);
    buffer_append(job->work, &counts, sizeof counts);
    job->reply->kind = REPLY_COUNTS;
    job->reply->number = (int64_t)counts.keys;
    job->reply->text = job->work->bytes;
    job->reply->size = job->work->size;
}

static void do_size(struct job *job) {
    answer_integer(job, (int64_t)store_keys(job->store));
}

static void do_clear(struct job *job) {
    store_clear(job->store);
}

struct listing {
    struct buffer *out;
    struct glob_text pattern; /* at NULL: all */
    uint64_t seen;
    uint64_t count;
};

static void list_key(void *arg, struct entry *entry) {
    struct listing *listing = arg;
    listing->seen++;
    struct glob_text key = {entry_key(entry), entry->key_size};
    if (listing->pattern.at == NULL || glob_match(listing->pattern, key, false)) {
        resp_bulk(listing->out, key.at, key.size);
        listing->count++;
    }
}

static void answer_keys(struct job *job, uint64_t number) {
    memcpy(job->work->bytes, &number, sizeof number);
    job->reply->kind = REPLY_KEYS;
    job->reply->text = job->work->bytes;
    job->reply->size = job->work->size;
}

static void do_keys(struct job *job) {
    struct listing listing = {.out = job->work, .pattern = {job->key.at, job->key.size}};
    buffer_append(job->work, &listing.count, sizeof listing.count);
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        store_each(job->store, i, list_key, &listing);
    }
    if (job->work->failed) {
        answer_error(job, no_memory);
        return;
    }
    answer_keys(job, listing.count);
}

static void do_scan(struct job *job) {
    struct listing listing = {.out = job->work};
    if (job->key.size > 0) {
        listing.pattern = (struct glob_text){job->key.at, job->key.size};
    }
    buffer_append(job->work, &listing.count, sizeof listing.count);
    uint64_t next = (uint64_t)job->request->number;
    for (; next < STORE_PARTITIONS && listing.seen < job->request->count; next++) {
        if (job->request->flags & FLAG_NONE) {
            listing.seen += store_partition_count(job->store, (uint32_t)next);
        } else {
            store_each(job->store, (uint32_t)next, list_key, &listing);
        }
    }
    if (job->work->failed) {
        answer_error(job, no_memory);
        return;
    }
    answer_keys(job, next << 48 | listing.count);
}

static void do_random(struct job *job) {
    struct entry *entry = store_random(job->store, (uint64_t)job->request->number);
    if (entry != NULL) {
        int64_t keys = (int64_t)store_keys(job->store);
        answer_taken(job, keys, 0, (struct glob_text){entry_key(entry), entry->key_size});
    } else {
        job->reply->kind = REPLY_NIL;
    }
}

static void (*const doers[OP_LAST_])(struct job *job) = {
    [OP_GET] = do_get,           [OP_SET] = do_set,
    [OP_GETEX] = do_getex,       [OP_GETDEL] = do_getdel,
    [OP_APPEND] = do_append,     [OP_STRLEN] = do_strlen,
    [OP_GETRANGE] = do_getrange, [OP_SETRANGE] = do_setrange,
    [OP_INCRBY] = do_incrby,     [OP_INCRFLOAT] = do_incrfloat,
    [OP_DEL] = do_del,           [OP_EXISTS] = do_exists,
    [OP_TYPE] = do_type,         [OP_EXPIRE] = do_expire,
    [OP_TTL] = do_ttl,           [OP_PERSIST] = do_persist,
    [OP_ENCODING] = do_encoding, [OP_RENAME] = do_rename,
    [OP_TAKE] = do_take,         [OP_GIVE] = do_give,
    [OP_COUNTS] = do_counts,     [OP_CLEAR] = do_clear,
    [OP_SIZE] = do_size,         [OP_KEYS] = do_keys,
    [OP_SCAN] = do_scan,         [OP_RANDOM] = do_random,
};

void operate(struct store *store, const struct request *request, struct buffer *work, struct reply *reply) {
    struct job job = {
        .store = store,
        .request = request,
        .key = {request->hash, request->bytes, request->key_size},
        .value = request->bytes + request->key_size,
        .work = work,
        .reply = reply,
    };
    *reply = (struct reply){.kind = REPLY_OK};
    work->size = 0;
    work->failed = false;
    store_count(store);
    doers[request->op](&job);
}
