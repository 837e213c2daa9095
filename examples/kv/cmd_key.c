/* SPDX-License-Identifier: MIT */
/* Commands on keys, whatever their value. */
#include <limits.h>

#include "connection.h"
#include "errand.h"
#include "expiry.h"
#include "number.h"

static const char not_integer[] = "value is not an integer or out of range";

bool run_count_keys(struct connection *c, const struct call *call) {
    if (!connection_parts(c, SLOT_SUM)) {
        return true;
    }
    for (; c->part_at < call->count; c->part_at++) {
        struct ask ask = {.op = call->command->op, .key = &call->args[c->part_at]};
        if (connection_is_busy(c, 1)) {
            return false;
        }
        connection_ask(c, c->part_slot, &ask);
    }
    connection_parts_end(c);
    return true;
}

/* NX, XX, GT, LT. False: the error is replied. */
static bool read_conditions(struct connection *c, const struct call *call, unsigned *flags) {
    for (uint32_t i = 3; i < call->count; i++) {
        const struct resp_arg *arg = &call->args[i];
        unsigned flag = resp_is(arg, "nx")   ? FLAG_NX
                        : resp_is(arg, "xx") ? FLAG_XX
                        : resp_is(arg, "gt") ? FLAG_GT
                        : resp_is(arg, "lt") ? FLAG_LT
                                             : 0;
        if (flag == 0) {
            connection_error(c, "Unsupported option %.*s", (int)strnlen(arg->at, arg->size), arg->at);
            return false;
        }
        *flags |= flag;
    }
    if ((*flags & FLAG_NX) && (*flags & (FLAG_XX | FLAG_GT | FLAG_LT))) {
        connection_error(c, "NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((*flags & FLAG_GT) && (*flags & FLAG_LT)) {
        connection_error(c, "GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

bool run_expire(struct connection *c, const struct call *call) {
    struct ask ask = {.op = OP_EXPIRE, .key = &call->args[1]};
    int64_t when;
    static const enum expiry_unit units[] = {EXPIRY_EX, EXPIRY_PX, EXPIRY_EXAT, EXPIRY_PXAT};
    enum expiry_unit unit = units[call->command->form];
    if (!read_conditions(c, call, &ask.flags)) {
        return true;
    }
    if (!number_parse(call->args[2].at, call->args[2].size, &when)) {
        connection_error(c, "%s", not_integer);
        return true;
    }
    if (!expiry_scale(when, unit, (int64_t)rim_wall_ms(c->ctx), &ask.number)) {
        connection_error(c, "invalid expire time in '%s' command", call->command->name);
        return true;
    }
    connection_ask_one(c, SLOT_ONE, &ask);
    return true;
}

/* One step if both names are on one shard, else an errand. */
bool run_rename(struct connection *c, const struct call *call) {
    const struct resp_arg *from = &call->args[1];
    const struct resp_arg *to = &call->args[2];
    bool only_new = call->command->op == 1;
    uint64_t from_hash = server_hash(c->server, from->at, from->size);
    uint64_t to_hash = server_hash(c->server, to->at, to->size);
    if (server_shard(c->server, from_hash) == server_shard(c->server, to_hash)) {
        struct ask ask = {.op = OP_RENAME, .key = from, .value = *to, .number = (int64_t)to_hash, .hash = from_hash};
        ask.flags = only_new ? FLAG_NX : 0;
        connection_ask_one(c, SLOT_ONE, &ask);
        return true;
    }
    if (!errand_start(c, only_new ? ERRAND_RENAMENX : ERRAND_RENAME, call)) {
        c->out.failed = true;
    }
    return true;
}

bool run_dbsize(struct connection *c, const struct call *call) {
    (void)call;
    connection_ask_shards(c, SLOT_SUM, &(struct ask){.op = OP_SIZE});
    return true;
}

bool run_flush(struct connection *c, const struct call *call) {
    bool fine =
        call->count == 1 || (call->count == 2 && (resp_is(&call->args[1], "async") || resp_is(&call->args[1], "sync")));
    if (!fine) {
        connection_error(c, "syntax error");
        return true;
    }
    connection_ask_shards(c, SLOT_OK, &(struct ask){.op = OP_CLEAR});
    return true;
}

bool run_keys(struct connection *c, const struct call *call) {
    connection_ask_shards(c, SLOT_KEYS, &(struct ask){.op = OP_KEYS, .key = &call->args[1]});
    return true;
}

bool run_randomkey(struct connection *c, const struct call *call) {
    (void)call;
    struct ask ask = {.op = OP_RANDOM, .number = (int64_t)(rim_random(c->ctx) >> 1)};
    connection_ask_shards(c, SLOT_RANDOM, &ask);
    return true;
}

/* False: the error is replied. */
static bool read_scan_options(struct connection *c, const struct call *call, struct ask *ask) {
    for (uint32_t i = 2; i < call->count; i += 2) {
        const struct resp_arg *value = i + 1 < call->count ? &call->args[i + 1] : NULL;
        if (value != NULL && resp_is(&call->args[i], "count")) {
            int64_t count;
            if (!number_parse(value->at, value->size, &count)) {
                connection_error(c, "%s", not_integer);
                return false;
            }
            if (count < 1) {
                connection_error(c, "syntax error");
                return false;
            }
            ask->count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
        } else if (value != NULL && resp_is(&call->args[i], "match")) {
            ask->key = value;
        } else if (value != NULL && resp_is(&call->args[i], "type")) {
            ask->flags = resp_is(value, "string") ? 0 : FLAG_NONE;
        } else {
            connection_error(c, "syntax error");
            return false;
        }
    }
    return true;
}

/* The cursor is the number of a partition, counted over all shards; what is no such number is behind the last. */
bool run_scan(struct connection *c, const struct call *call) {
    uint64_t cursor = 0;
    struct ask ask = {.op = OP_SCAN, .count = 10};
    const struct resp_arg *text = &call->args[1];
    for (size_t i = 0; i < text->size; i++) {
        unsigned digit = (unsigned)(text->at[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(cursor, 10u, &cursor) ||
            __builtin_add_overflow(cursor, digit, &cursor)) {
            connection_error(c, "invalid cursor");
            return true;
        }
    }
    if (!read_scan_options(c, call, &ask)) {
        return true;
    }
    uint64_t shard = cursor / STORE_PARTITIONS;
    ask.number = shard < c->server->shards ? (int64_t)(cursor % STORE_PARTITIONS) : (int64_t)STORE_PARTITIONS;
    ask.shard = shard < c->server->shards ? (uint32_t)shard : c->server->shards - 1;
    connection_ask_one(c, SLOT_SCAN, &ask);
    return true;
}

bool run_object(struct connection *c, const struct call *call) {
    const struct resp_arg *word = &call->args[1];
    if (!resp_is(word, "encoding")) {
        connection_error(c, "unknown subcommand '%.*s'. Try OBJECT HELP.", (int)strnlen(word->at, word->size),
                         word->at);
        return true;
    }
    if (call->count != 3) {
        connection_arity_error(c, "object|encoding");
        return true;
    }
    connection_ask_one(c, SLOT_ONE, &(struct ask){.op = OP_ENCODING, .key = &call->args[2]});
    return true;
}
