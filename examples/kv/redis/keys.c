/* SPDX-License-Identifier: MIT */
/* Commands on keys, whatever their value, and on all keys, of which each shard tells its own. */
#include "command.h"

void do_del(struct call *call) {
    uint32_t found = 0;
    for (uint32_t i = 1; i < call->count; i++) {
        struct entry *entry = i > 1 ? call_find(call, i) : find_key(call);
        found += entry != NULL;
        if (entry != NULL) {
            store_remove(call->store, entry);
        }
    }
    reply_integer(call->out, found);
}

void do_exists(struct call *call) {
    uint32_t found = 0;
    for (uint32_t i = 1; i < call->count; i++) {
        struct entry *entry = i > 1 ? call_find(call, i) : find_key(call);
        *(entry != NULL ? &call->store->counts.hits : &call->store->counts.misses) += 1;
        found += entry != NULL;
    }
    reply_integer(call->out, found);
}

void do_type(struct call *call) {
    reply_status(call->out, find_key(call) != NULL ? "string" : "none");
}

void do_encoding(struct call *call) {
    struct entry *entry = find_key(call);
    int64_t number;
    if (entry == NULL) {
        reply_null(call->out);
        return;
    }
    bool is_number = entry->encoding == ENTRY_AUTO && text_number(entry_text(entry), &number);
    bool is_raw = entry->encoding == ENTRY_RAW || entry->value_size > 44;
    reply_bulk(call->out, text_of(is_number ? "int" : is_raw ? "raw" : "embstr"));
}

/* ---- expiry ---- */

enum { NX = 1 << 0, XX = 1 << 1, GT = 1 << 2, LT = 1 << 3 };

/* The conditions of EXPIRE. False: the error is the reply. */
static bool read_conditions(struct call *call, unsigned *conditions) {
    static const char *const words[] = {"nx", "xx", "gt", "lt", NULL};
    for (uint32_t i = 3; i < call->count; i++) {
        int word = text_choice(call->args[i], words);
        if (word < 0) {
            int shown = text_shown(call->args[i], SIZE_MAX);
            reply_error(call->out, "Unsupported option %.*s", shown, call->args[i].at);
            return false;
        }
        *conditions |= 1u << word;
    }
    bool odd = (*conditions & NX) && (*conditions & (XX | GT | LT));
    if (odd || (*conditions & (GT | LT)) == (GT | LT)) {
        reply_error(call->out, "%s options at the same time are not compatible",
                    odd ? "NX and XX, GT or LT" : "GT and LT");
        return false;
    }
    return true;
}

/* `form` is the unit. */
void do_expire(struct call *call) {
    unsigned conditions = 0;
    int64_t when;
    if (!read_conditions(call, &conditions) || !call_number(call, 2, &when) ||
        !call_time(call, when, (enum time_unit)call->command->form, INT64_MIN, &when)) {
        return;
    }
    struct entry *entry = find_key(call);
    int64_t old = entry != NULL ? entry->expire_ms : 0;
    bool no = entry == NULL || ((conditions & NX) && old > 0) || ((conditions & XX) && old == 0) ||
              ((conditions & GT) && (old == 0 || when <= old)) || ((conditions & LT) && old > 0 && when >= old);
    if (!no && when <= call->store->now_ms) {
        store_remove(call->store, entry);
    } else if (!no) {
        store_expire(call->store, entry, when);
    }
    reply_integer(call->out, !no);
}

/* `form` is the unit. */
void do_ttl(struct call *call) {
    struct entry *entry = read_key(call);
    int unit = call->command->form;
    if (entry == NULL || entry->expire_ms == 0) {
        reply_integer(call->out, entry == NULL ? -2 : -1);
        return;
    }
    int64_t ms = entry->expire_ms - (unit <= TIME_PX ? call->store->now_ms : 0);
    reply_integer(call->out, unit == TIME_EX || unit == TIME_EXAT ? (int64_t)(((uint64_t)ms + 500) / 1000) : ms);
}

void do_persist(struct call *call) {
    struct entry *entry = find_key(call);
    bool timed = entry != NULL && entry->expire_ms > 0;
    if (timed) {
        store_expire(call->store, entry, 0);
    }
    reply_integer(call->out, timed);
}

/* ---- RENAME (form FORM_OK) and RENAMENX (FORM_SUM): here of two keys of this shard, and the steps to another ---- */

void do_rename(struct call *call) {
    struct entry *entry = find_key(call);
    if (entry == NULL) {
        reply_error(call->out, "no such key");
        return;
    }
    struct entry *old = call_find(call, 2);
    bool only_new = call->command->form == FORM_SUM, moves = old != entry && !(old != NULL && only_new);
    if (moves) {
        if (!call_put(call, old, entry_text(entry), entry->expire_ms, (enum entry_encoding)entry->encoding)) {
            return;
        }
        store_remove(call->store, entry);
    }
    only_new ? reply_integer(call->out, moves) : reply_ok(call->out);
}

/* A number by which the value is known again. */
static int64_t mark_of(const struct call *call, const struct entry *entry) {
    return (int64_t)store_hash(call->store->hash_key, entry_text(entry));
}

/* A number, then arguments for another shard. */
static void reply_packed(struct reply *out, int64_t number, const struct text *args, uint32_t count) {
    reply_integer(out, number);
    char *to = reply_reserve(out, resp_packed_size(args, count));
    if (to != NULL) {
        resp_pack(to, args, count);
        out->size += resp_packed_size(args, count);
    }
}

/* The mark, and what do_give takes. */
void do_dump(struct call *call) {
    struct entry *entry = find_key(call);
    char room[2][TEXT_NUMBER_MAX];
    if (entry == NULL) {
        reply_error(call->out, "no such key");
        return;
    }
    struct text parts[] = {[1] = entry_text(entry),
                           text_from_number(entry->expire_ms, room[0]),
                           text_from_number(entry->encoding, room[1])};
    reply_packed(call->out, mark_of(call, entry), parts, 4);
}

void do_give(struct call *call) {
    struct entry *old = find_key(call);
    int64_t expire_ms = 0, encoding = 0;
    bool refused = old != NULL && call->command->form == FORM_SUM;
    bool fine = call_number(call, 3, &expire_ms) && call_number(call, 4, &encoding);
    if (fine && (refused || call_put(call, old, call->args[2], expire_ms, (enum entry_encoding)encoding))) {
        reply_integer(call->out, !refused);
    }
}

/* A value that has been changed meanwhile stays. */
void do_drop(struct call *call) {
    struct entry *entry = find_key(call);
    int64_t mark;
    if (call_number(call, 2, &mark)) {
        if (entry != NULL && mark_of(call, entry) == mark) {
            store_remove(call->store, entry);
        }
        reply_integer(call->out, 0);
    }
}

/* ---- all keys ---- */

void do_dbsize(struct call *call) {
    reply_integer(call->out, (int64_t)call->store->counts.keys);
}

void do_flush(struct call *call) {
    static const char *const words[] = {"sync", "async", NULL};
    if (call->count > 2 || (call->count == 2 && text_choice(call->args[1], words) < 0)) {
        reply_error(call->out, "%s", bad_syntax);
        return;
    }
    store_clear(call->store);
    reply_ok(call->out);
}

struct listing {
    struct reply keys;
    struct text pattern; /* at NULL: all */
    bool nothing;        /* no key is of the wanted type */
    int64_t seen, count;
};

static void list_key(void *arg, struct entry *entry) {
    struct listing *listing = arg;
    listing->seen++;
    if (!listing->nothing && (listing->pattern.at == NULL || text_matches(entry_key(entry), listing->pattern))) {
        reply_bulk(&listing->keys, entry_key(entry));
        listing->count++;
    }
}

static void reply_listing(struct reply *out, struct listing *listing) {
    reply_head(out, '*', listing->count);
    reply_raw(out, reply_text(&listing->keys));
    out->failed |= listing->keys.failed;
    reply_free(&listing->keys);
}

void do_keys(struct call *call) {
    struct listing listing = {.pattern = call->args[1]};
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        store_each(call->store, i, list_key, &listing);
    }
    reply_listing(call->out, &listing);
}

void merge_keys(struct call *call, int64_t sum, struct text rest) {
    reply_head(call->out, '*', sum);
    reply_raw(call->out, rest);
}

/* The options of SCAN. False: the error is the reply. */
static bool read_scan(struct call *call, struct listing *listing, int64_t *count) {
    static const char *const words[] = {"count", "match", "type", NULL};
    for (uint32_t i = 2; i < call->count; i += 2) {
        int word = text_choice(call->args[i], words);
        bool has_value = word >= 0 && i + 1 < call->count;
        if (word == 0 && has_value && !call_number(call, i + 1, count)) {
            return false;
        }
        if (!has_value || *count < 1) {
            reply_error(call->out, "%s", bad_syntax);
            return false;
        }
        listing->pattern = word == 1 ? call->args[i + 1] : listing->pattern;
        listing->nothing = word == 2 ? !text_is(call->args[i + 1], "string") : listing->nothing;
    }
    return true;
}

/* The cursor is the number of a partition, counted over all shards; what is no such number is behind the last. */
void do_scan(struct call *call) {
    struct listing listing = {.count = 0};
    int64_t end = (int64_t)call->store->shards * STORE_PARTITIONS, at, count = 10;
    char room[TEXT_NUMBER_MAX];
    if (!text_number(call->args[1], &at) || at < 0) {
        reply_error(call->out, "invalid cursor");
        return;
    }
    if (!read_scan(call, &listing, &count)) {
        return;
    }
    for (; at / STORE_PARTITIONS == call->store->shard && listing.seen < count; at++) {
        store_each(call->store, (uint32_t)(at % STORE_PARTITIONS), list_key, &listing);
    }
    reply_head(call->out, '*', 2);
    reply_bulk(call->out, text_from_number(at < end ? at : 0, room));
    reply_listing(call->out, &listing);
}

/* Each shard offers one key, and says of how many. */
void do_randomkey(struct call *call) {
    struct entry *entry = store_random(call->store);
    char room[TEXT_NUMBER_MAX];
    if (entry != NULL) {
        struct text words[] = {[1] = text_from_number((int64_t)call->store->counts.keys, room), entry_key(entry)};
        reply_packed(call->out, 0, words, 3);
    } else {
        reply_integer(call->out, 0);
    }
}

/* Which one is taken depends on how many stand behind it. */
void merge_randomkey(struct call *call, int64_t sum UNUSED, struct text rest) {
    struct resp_parser offer = {.max_bulk = 0};
    struct text key = {NULL, 0};
    int64_t keys, seen = 0;
    while (rest.size > 0 && resp_unpack(&offer, &rest) && text_number(offer.args[1], &keys)) {
        seen += keys;
        key = store_dice(call->store) % (uint64_t)seen < (uint64_t)keys ? offer.args[2] : key;
    }
    key.at != NULL ? reply_bulk(call->out, key) : reply_null(call->out);
    resp_finish(&offer);
}
