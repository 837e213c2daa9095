/* SPDX-License-Identifier: MIT */
/* Commands on strings. */
#include <math.h>

#include "command.h"

#define MANY     32u
#define COPY_MAX 16384u /* larger values are not copied into the reply */

/* Replies with a part of a value. False: memory is out. */
static bool reply_part(struct call *call, struct entry *entry, struct text part) {
    if (part.size <= COPY_MAX) {
        reply_bulk(call->out, part);
    } else {
        entry->refs++;
        call->out->entry = entry;
        call->out->value = part;
    }
    return !call->out->failed;
}

static bool reply_value(struct call *call, struct entry *entry) {
    if (entry != NULL) {
        return reply_part(call, entry, entry_text(entry));
    }
    reply_null(call->out);
    return true;
}

void do_get(struct call *call) {
    (void)reply_value(call, read_key(call));
}

/* ---- SET and its kin ---- */

enum { NX = 1 << 0, XX = 1 << 1, GET = 1 << 2, KEEPTTL = 1 << 3, PERSIST = 1 << 4 };

struct options {
    unsigned flags;
    struct text time; /* at NULL: none */
    enum time_unit unit;
};

/* The options of SET and GETEX, from argument `i` on; `allowed` are the flags. False: a syntax error is the reply. */
static bool read_options(struct call *call, uint32_t i, unsigned allowed, struct options *options) {
    static const char *const flags[] = {"nx", "xx", "get", "keepttl", "persist", NULL};
    static const char *const units[] = {"ex", "px", "exat", "pxat", NULL};
    bool fine = true;
    for (; fine && i < call->count; i++) {
        int flag = text_choice(call->args[i], flags), unit = text_choice(call->args[i], units);
        if (flag >= 0 && (allowed & 1u << flag)) {
            options->flags |= 1u << flag;
            fine = (1u << flag & (KEEPTTL | PERSIST)) == 0 || options->time.at == NULL;
        } else {
            fine = unit >= 0 && i + 1 < call->count && (options->flags & (KEEPTTL | PERSIST)) == 0 &&
                   (options->time.at == NULL || options->unit == (enum time_unit)unit);
            options->unit = (enum time_unit)unit;
            options->time = fine ? call->args[++i] : options->time;
        }
        fine = fine && (options->flags & (NX | XX)) != (NX | XX);
    }
    if (!fine) {
        reply_error(call->out, "%s", bad_syntax);
    }
    return fine;
}

/* The time in the options, if there is one. False: it is none, and that is the reply. */
static bool read_time(struct call *call, const struct options *options, int64_t *when) {
    int64_t number;
    if (options->time.at != NULL && !text_number(options->time, &number)) {
        reply_error(call->out, "%s", not_integer);
        return false;
    }
    return options->time.at == NULL || call_time(call, number, options->unit, 0, when);
}

/* `form` is which of its kin it is. */
void do_set(struct call *call) {
    int form = call->command->form;
    bool timed = form == SET_SETEX || form == SET_PSETEX;
    struct options options = {.flags = form == SET_SETNX ? NX : form == SET_GETSET ? GET : 0};
    int64_t when = 0;
    if (timed) {
        options.time = call->args[2];
        options.unit = form == SET_SETEX ? TIME_EX : TIME_PX;
    }
    if ((form == 0 && !read_options(call, 3, NX | XX | GET | KEEPTTL, &options)) || !read_time(call, &options, &when)) {
        return;
    }
    struct entry *old = find_key(call);
    bool refused = (options.flags & (old != NULL ? NX : XX)) != 0, gets = (options.flags & GET) != 0;
    when = old != NULL && (options.flags & KEEPTTL) ? old->expire_ms : when;
    if (gets && !reply_value(call, old)) {
        return;
    }
    if (!refused && !call_put(call, old, call->args[timed ? 3 : 2], when, ENTRY_AUTO)) {
        return;
    }
    if (form == SET_SETNX) {
        reply_integer(call->out, !refused);
    } else if (!gets) {
        refused ? reply_null(call->out) : reply_ok(call->out);
    }
}

void do_getdel(struct call *call) {
    struct entry *entry = read_key(call);
    if (reply_value(call, entry) && entry != NULL) {
        store_remove(call->store, entry);
    }
}

void do_getex(struct call *call) {
    struct options options = {0};
    int64_t when = 0;
    if (!read_options(call, 2, PERSIST, &options)) {
        return;
    }
    struct entry *entry = read_key(call);
    if (entry != NULL && !read_time(call, &options, &when)) {
        return;
    }
    if (!reply_value(call, entry)) {
        return;
    }
    if (entry != NULL && when > 0 && when <= call->store->now_ms) {
        store_remove(call->store, entry);
    } else if (entry != NULL && (when > 0 || (options.flags & PERSIST))) {
        store_expire(call->store, entry, when);
    }
}

/* The next keys of pairs, whose memory is fetched together. */
static void fetch_keys(struct call *call, uint32_t i, struct key keys[MANY]) {
    for (uint32_t j = 0; j < MANY && i < call->count; j++, i += 2) {
        keys[j] = (struct key){store_hash(call->store->hash_key, call->args[i]), call->args[i]};
        store_prefetch(call->store, keys[j].hash);
    }
}

/* MSET, and, with FORM_SUM, MSETNX, whose keys are all on this shard. */
void do_mset(struct call *call) {
    struct key keys[MANY];
    bool only_new = call->command->form == FORM_SUM, found = false, fine = true;
    for (uint32_t i = 1; i < call->count && only_new && !found; i += 2) {
        found = call_find(call, i) != NULL;
    }
    for (uint32_t pair = 0; 2 * pair + 1 < call->count && !found && fine; pair++) {
        if (pair % MANY == 0) {
            fetch_keys(call, 2 * pair + 1, keys);
        }
        call->key = keys[pair % MANY];
        fine = call_put(call, find_key(call), call->args[2 * pair + 2], 0, ENTRY_AUTO);
    }
    if (fine) {
        only_new ? reply_integer(call->out, !found) : reply_ok(call->out);
    }
}

/* ---- parts of strings ---- */

static int64_t size_of(const struct entry *entry) {
    return entry != NULL ? (int64_t)entry->value_size : 0;
}

void do_strlen(struct call *call) {
    reply_integer(call->out, size_of(read_key(call)));
}

void do_getrange(struct call *call) {
    int64_t first, last;
    if (!call_number(call, 2, &first) || !call_number(call, 3, &last)) {
        return;
    }
    struct entry *entry = read_key(call);
    int64_t size = size_of(entry);
    bool empty = size == 0 || (first < 0 && last < 0 && first > last);
    first = first < 0 ? first + size : first;
    last = last < 0 ? last + size : last;
    first = first < 0 ? 0 : first;
    last = last < 0 ? 0 : last >= size ? size - 1 : last;
    if (empty || first > last) {
        reply_bulk(call->out, text_of(""));
    } else {
        (void)reply_part(call, entry, (struct text){entry_value(entry) + first, (size_t)(last - first + 1)});
    }
}

/* Writes bytes into the value at `from`, making it as long as that takes, and replies with its length. */
static void write_at(struct call *call, struct entry *old, struct text bytes, uint64_t from) {
    uint64_t old_size = (uint64_t)size_of(old), size = from + bytes.size;
    if (size > call->store->max_value) {
        reply_error(call->out, "string exceeds maximum allowed size (proto-max-bulk-len)");
        return;
    }
    size = size > old_size ? size : old_size;
    struct entry *entry = store_make(call->store, &call->key, old, size, true);
    if (entry == NULL) {
        reply_no_memory(call->out);
        return;
    }
    memset(entry_value(entry) + old_size, 0, size - old_size);
    memcpy(entry_value(entry) + from, bytes.at, bytes.size);
    entry->encoding = ENTRY_RAW;
    reply_integer(call->out, (int64_t)size);
}

void do_append(struct call *call) {
    struct entry *entry = find_key(call);
    if (entry != NULL) {
        write_at(call, entry, call->args[2], entry->value_size);
    } else if (call_put(call, NULL, call->args[2], 0, ENTRY_AUTO)) {
        reply_integer(call->out, (int64_t)call->args[2].size);
    }
}

void do_setrange(struct call *call) {
    int64_t offset;
    struct entry *entry = find_key(call);
    if (!call_number(call, 2, &offset)) {
        return;
    }
    if (offset < 0) {
        reply_error(call->out, "offset is out of range");
    } else if (call->args[3].size == 0) {
        reply_integer(call->out, size_of(entry));
    } else {
        write_at(call, entry, call->args[3], (uint64_t)offset);
    }
}

/* ---- counters ---- */

/* `form` is 1 or -1. */
void do_incrby(struct call *call) {
    int64_t number = 0, by = 1;
    char room[TEXT_NUMBER_MAX];
    if (call->count > 2 && !call_number(call, 2, &by)) {
        return;
    }
    struct entry *entry = find_key(call);
    if (by == INT64_MIN && call->command->form < 0) {
        reply_error(call->out, "decrement would overflow");
    } else if (entry != NULL && !text_number(entry_text(entry), &number)) {
        reply_error(call->out, "%s", not_integer);
    } else if (__builtin_add_overflow(number, by * call->command->form, &number)) {
        reply_error(call->out, "increment or decrement would overflow");
    } else if (call_put(call, entry, text_from_number(number, room), entry != NULL ? entry->expire_ms : 0,
                        ENTRY_AUTO)) {
        reply_integer(call->out, number);
    }
}

void do_incrbyfloat(struct call *call) {
    struct entry *entry = find_key(call);
    long double number = 0, by = 0;
    char room[TEXT_FLOAT_MAX];
    if ((entry != NULL && !text_float(entry_text(entry), &number)) || !text_float(call->args[2], &by)) {
        reply_error(call->out, "value is not a valid float");
    } else if (isnan(number + by) || isinf(number + by)) {
        reply_error(call->out, "increment would produce NaN or Infinity");
    } else {
        struct text sum = text_from_float(number + by, room);
        if (call_put(call, entry, sum, entry != NULL ? entry->expire_ms : 0, ENTRY_STRING)) {
            reply_bulk(call->out, sum);
        }
    }
}
