/* SPDX-License-Identifier: MIT */
/* Commands on strings: what their arguments mean. */
#include "connection.h"
#include "errand.h"
#include "expiry.h"
#include "number.h"

static const char not_integer[] = "value is not an integer or out of range";

bool run_plain(struct connection *c, const struct call *call) {
    struct ask ask = {.op = call->command->op, .key = &call->args[1]};
    if (ask.op == OP_TTL) {
        ask.number = call->command->form;
    } else {
        ask.flags = call->command->form;
    }
    if (call->count > 2) {
        ask.value = call->args[2];
    }
    ask.count = ask.op == OP_APPEND ? (uint32_t)c->server->options.max_value : 0;
    connection_ask_one(c, SLOT_ONE, &ask);
    return true;
}

/* Replies with what is wrong with an expiry. */
static void expiry_error(struct connection *c, int64_t expiry, const char *name) {
    if (expiry == EXPIRY_NO_NUMBER) {
        connection_error(c, "%s", not_integer);
    } else {
        connection_error(c, "invalid expire time in '%s' command", name);
    }
}

/* The options of SET and GETEX. */
struct options {
    unsigned flags;
    enum expiry_unit unit;
    const struct resp_arg *expiry; /* NULL: none */
};

static bool read_expiry_option(const struct call *call, uint32_t i, struct options *options) {
    static const char *const words[] = {
        [EXPIRY_EX] = "ex", [EXPIRY_PX] = "px", [EXPIRY_EXAT] = "exat", [EXPIRY_PXAT] = "pxat"};
    for (unsigned unit = 0; unit < 4; unit++) {
        if (resp_is(&call->args[i], words[unit]) && i + 1 < call->count) {
            bool other = options->expiry != NULL && options->unit != unit;
            if (other || (options->flags & (FLAG_KEEPTTL | FLAG_PERSIST))) {
                return false;
            }
            options->unit = unit;
            options->expiry = &call->args[i + 1];
            return true;
        }
    }
    return false;
}

static unsigned set_flag(const struct resp_arg *arg) {
    return resp_is(arg, "nx")        ? FLAG_NX
           : resp_is(arg, "xx")      ? FLAG_XX
           : resp_is(arg, "get")     ? FLAG_GET
           : resp_is(arg, "keepttl") ? FLAG_KEEPTTL
                                     : 0;
}

static bool read_set_options(const struct call *call, struct options *options) {
    for (uint32_t i = 3; i < call->count; i++) {
        unsigned flag = set_flag(&call->args[i]);
        bool clash = (flag == FLAG_NX && (options->flags & FLAG_XX)) ||
                     (flag == FLAG_XX && (options->flags & FLAG_NX)) ||
                     (flag == FLAG_KEEPTTL && options->expiry != NULL);
        if (clash || (flag == 0 && !read_expiry_option(call, i, options))) {
            return false;
        }
        options->flags |= flag;
        i += flag == 0;
    }
    return true;
}

bool run_set(struct connection *c, const struct call *call) {
    struct options options = {0};
    struct ask ask = {.op = OP_SET, .key = &call->args[1], .value = call->args[2]};
    if (call->count > 3) {
        if (!read_set_options(call, &options)) {
            connection_error(c, "syntax error");
            return true;
        }
        ask.flags = options.flags;
    }
    if (options.expiry != NULL) {
        ask.number = expiry_read(options.expiry, options.unit, (int64_t)rim_wall_ms(c->ctx));
        if (ask.number < 0) {
            expiry_error(c, ask.number, "set");
            return true;
        }
    }
    connection_ask_one(c, SLOT_ONE, &ask);
    return true;
}

bool run_setex(struct connection *c, const struct call *call) {
    enum expiry_unit unit = call->command->form == 1 ? EXPIRY_PX : EXPIRY_EX;
    int64_t expiry = expiry_read(&call->args[2], unit, (int64_t)rim_wall_ms(c->ctx));
    if (expiry < 0) {
        expiry_error(c, expiry, call->command->name);
        return true;
    }
    struct ask ask = {.op = OP_SET, .key = &call->args[1], .value = call->args[3], .number = expiry};
    connection_ask_one(c, SLOT_ONE, &ask);
    return true;
}

bool run_getex(struct connection *c, const struct call *call) {
    struct options options = {0};
    struct ask ask = {.op = OP_GETEX, .key = &call->args[1]};
    for (uint32_t i = 2; i < call->count; i++) {
        bool persist = resp_is(&call->args[i], "persist") && options.expiry == NULL;
        if (!persist && !read_expiry_option(call, i, &options)) {
            connection_error(c, "syntax error");
            return true;
        }
        options.flags |= persist ? FLAG_PERSIST : 0;
        i += !persist;
    }
    ask.flags = options.flags;
    if (options.expiry != NULL) {
        ask.number = expiry_read(options.expiry, options.unit, (int64_t)rim_wall_ms(c->ctx));
    }
    connection_ask_one(c, SLOT_ONE, &ask);
    return true;
}

bool run_getrange(struct connection *c, const struct call *call) {
    int64_t last;
    struct ask ask = {.op = OP_GETRANGE, .key = &call->args[1], .value = {(const char *)&last, sizeof last}};
    if (!number_parse(call->args[2].at, call->args[2].size, &ask.number) ||
        !number_parse(call->args[3].at, call->args[3].size, &last)) {
        connection_error(c, "%s", not_integer);
        return true;
    }
    connection_ask_one(c, SLOT_ONE, &ask);
    return true;
}

bool run_setrange(struct connection *c, const struct call *call) {
    struct ask ask = {.op = OP_SETRANGE, .key = &call->args[1], .value = call->args[3]};
    ask.count = (uint32_t)c->server->options.max_value;
    if (!number_parse(call->args[2].at, call->args[2].size, &ask.number)) {
        connection_error(c, "%s", not_integer);
        return true;
    }
    if (ask.number < 0) {
        connection_error(c, "offset is out of range");
        return true;
    }
    connection_ask_one(c, SLOT_ONE, &ask);
    return true;
}

bool run_incr(struct connection *c, const struct call *call) {
    struct ask ask = {.op = OP_INCRBY, .key = &call->args[1], .number = 1};
    bool down = call->command->form == 0;
    if (call->count == 3 && !number_parse(call->args[2].at, call->args[2].size, &ask.number)) {
        connection_error(c, "%s", not_integer);
        return true;
    }
    if (down && ask.number == INT64_MIN) {
        connection_error(c, "decrement would overflow");
        return true;
    }
    ask.number = down ? -ask.number : ask.number;
    connection_ask_one(c, SLOT_ONE, &ask);
    return true;
}

bool run_incrfloat(struct connection *c, const struct call *call) {
    struct ask ask = {.op = OP_INCRFLOAT, .key = &call->args[1], .value = call->args[2]};
    connection_ask_one(c, SLOT_ONE, &ask);
    return true;
}

/* A reply of its own for each key, behind the head of the array: the queue puts them in order. */
bool run_mget(struct connection *c, const struct call *call) {
    if (c->part_at == 0) {
        resp_array(connection_reply(c), call->count - 1);
        c->part_slot = c->queue.first + c->queue.count;
        c->part_at = 1;
    }
    for (; c->part_at < call->count; c->part_at++) {
        struct ask ask = {.op = OP_GET, .key = &call->args[c->part_at]};
        if (connection_is_busy(c, 1)) {
            return false;
        }
        connection_ask_one(c, SLOT_ONE, &ask);
    }
    c->part_at = 0;
    return true;
}

bool run_mset(struct connection *c, const struct call *call) {
    if (call->count % 2 == 0) {
        connection_arity_error(c, call->command->name);
        return true;
    }
    if (!connection_parts(c, SLOT_OK)) {
        return true;
    }
    for (; c->part_at < call->count; c->part_at += 2) {
        struct ask ask = {.op = OP_SET, .key = &call->args[c->part_at], .value = call->args[c->part_at + 1]};
        if (connection_is_busy(c, 1)) {
            return false;
        }
        connection_ask(c, c->part_slot, &ask);
    }
    connection_parts_end(c);
    return true;
}

bool run_msetnx(struct connection *c, const struct call *call) {
    if (call->count % 2 == 0) {
        connection_arity_error(c, call->command->name);
    } else if (!errand_start(c, ERRAND_MSETNX, call)) {
        c->out.failed = true;
    }
    return true;
}
