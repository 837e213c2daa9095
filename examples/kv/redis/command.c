/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <stdio.h>

const char not_integer[] = "value is not an integer or out of range", bad_syntax[] = "syntax error";

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

const struct command *command_named(struct text name) {
    uint8_t slot = name.size <= 32 ? slot_of(name) : 0;
    while (name.size <= 32 && slots[slot] != NULL) {
        if (text_is(name, slots[slot]->name)) {
            return slots[slot];
        }
        slot++;
    }
    return NULL;
}

const struct command *command_part(const struct command *command, const struct text *args, uint32_t count) {
    const struct command *part = NULL;
    if ((command->flags & COMMAND_CONTAINER) && count > 1) {
        char name[64];
        int size = snprintf(name, sizeof name, "%s|%.*s", command->name, text_shown(args[1], 32), args[1].at);
        part = command_named((struct text){name, (size_t)size});
    }
    bool hidden = (command->flags & (COMMAND_PART | COMMAND_INTERNAL)) != 0;
    return part != NULL ? part : hidden ? NULL : command;
}

bool command_takes(const struct command *command, uint32_t count) {
    return command->arity > 0 ? count == (uint32_t)command->arity : count >= (uint32_t)-command->arity;
}

uint32_t command_last_key(const struct command *command, uint32_t count) {
    return command->last_key < 0 ? count - (uint32_t)-command->last_key : (uint32_t)command->last_key;
}

/* ---- running: what many of them need ---- */

void command_run(struct call *call, struct reply *out, uint64_t now_ms) {
    call->store->now_ms = (int64_t)now_ms;
    call->out = out;
    out->start = out->size;
    call->command->run(call);
    if (out->failed) {
        reply_no_memory(out);
    }
}

void reply_wrong_arity(struct call *call) {
    reply_error(call->out, "wrong number of arguments for '%s' command", call->command->name);
}

void reply_no_memory(struct reply *out) {
    out->size = out->start;
    out->failed = false; /* what was there before is still whole */
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

struct entry *find_key(struct call *call) {
    return store_find(call->store, &call->key);
}

struct entry *read_key(struct call *call) {
    struct entry *entry = find_key(call);
    *(entry != NULL ? &call->store->counts.hits : &call->store->counts.misses) += 1;
    return entry;
}

struct entry *call_find(struct call *call, uint32_t i) {
    call->key = (struct key){store_hash(call->store->hash_key, call->args[i]), call->args[i]};
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
