/* SPDX-License-Identifier: MIT */
/* Commands on keys, whatever their value. */
#include "server.h"

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

/* ---- RENAME (`form` 0) and RENAMENX (1): here of two keys of this shard, and the steps that route.c asks for ---- */

void do_rename(struct call *call) {
    struct entry *entry = find_key(call);
    if (entry == NULL) {
        reply_error(call->out, "no such key");
        return;
    }
    struct entry *old = call_find(call, 2);
    bool only_new = call->command->form == 1, moves = old != entry && !(old != NULL && only_new);
    if (moves) {
        if (!call_put(call, old, entry_text(entry), entry->expire_ms, (enum entry_encoding)entry->encoding)) {
            return;
        }
        store_remove(call->store, entry);
    }
    only_new ? reply_integer(call->out, moves) : reply_status(call->out, "OK");
}

/* A number by which the value is known again. */
static int64_t mark_of(const struct call *call, const struct entry *entry) {
    return (int64_t)store_hash(call->server->hash_key, entry_text(entry));
}

/* The mark, then, as a request, what do_give takes. */
void do_dump(struct call *call) {
    struct entry *entry = find_key(call);
    char room[2][TEXT_NUMBER_MAX];
    if (entry == NULL) {
        reply_error(call->out, "no such key");
        return;
    }
    struct text parts[] = {entry_text(entry), text_from_number(entry->expire_ms, room[0]),
                           text_from_number(entry->encoding, room[1])};
    reply_integer(call->out, mark_of(call, entry));
    reply_request(call->out, parts, 3);
}

void do_give(struct call *call) {
    struct entry *old = find_key(call);
    int64_t expire_ms = 0, encoding = 0;
    bool refused = old != NULL && call->command->form == 1;
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
