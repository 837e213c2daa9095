/* SPDX-License-Identifier: MIT */
/* HELLO and CLIENT. */
#include <stdlib.h>

#include "client.h"
#include "connection.h"
#include "number.h"

/* ---- names ---- */

static bool is_name(const struct resp_arg *arg) {
    for (size_t i = 0; i < arg->size; i++) {
        if (arg->at[i] < '!' || arg->at[i] > '~') {
            return false;
        }
    }
    return true;
}

/* The server's actor hears of it for its list; should it be too busy, the list shows the old name. */
static void set_name(struct connection *c, const struct resp_arg *arg) {
    free(c->name);
    c->name = arg->size > 0 ? strndup(arg->at, arg->size) : NULL;
    struct buffer body = {0};
    buffer_append(&body, &c->id, sizeof c->id);
    buffer_append(&body, arg->at, arg->size < CLIENT_NAME_MAX ? arg->size : CLIENT_NAME_MAX);
    if (!body.failed) {
        (void)rim_send(c->ctx, c->server->self, SERVER_RENAMED, body.bytes, body.size);
    }
    buffer_clear(&body, 0);
}

/* ---- HELLO ---- */

struct hello {
    unsigned version;
    const struct resp_arg *name;
};

/* False: the error is replied. */
static bool read_hello_options(struct connection *c, const struct call *call, struct hello *hello) {
    for (uint32_t i = 2; i < call->count; i++) {
        const struct resp_arg *arg = &call->args[i];
        uint32_t more = call->count - 1 - i;
        if (resp_is(arg, "auth") && more >= 2) {
            if (!resp_is(&call->args[i + 1], "default")) {
                connection_error(c, "-WRONGPASS invalid username-password pair or user is disabled.");
                return false;
            }
            i += 2;
        } else if (resp_is(arg, "setname") && more >= 1) {
            hello->name = &call->args[++i];
            if (!is_name(hello->name)) {
                connection_error(c, "Client names cannot contain spaces, newlines or special characters.");
                return false;
            }
        } else {
            connection_error(c, "Syntax error in HELLO option '%.*s'", (int)strnlen(arg->at, arg->size), arg->at);
            return false;
        }
    }
    return true;
}

static void write_hello(struct connection *c) {
    struct buffer *out = connection_reply(c);
    resp_map(out, c->version, 7);
    resp_text(out, "server");
    resp_text(out, "redis");
    resp_text(out, "version");
    resp_text(out, SERVER_REDIS);
    resp_text(out, "proto");
    resp_integer(out, c->version);
    resp_text(out, "id");
    resp_integer(out, (int64_t)c->id);
    resp_text(out, "mode");
    resp_text(out, "standalone");
    resp_text(out, "role");
    resp_text(out, "master");
    resp_text(out, "modules");
    resp_array(out, 0);
}

bool run_hello(struct connection *c, const struct call *call) {
    struct hello hello = {.version = c->version};
    int64_t version;
    if (c->queue.count > 0) {
        c->waiting_turn = true; /* replies that are still to come are in the old version */
        return false;
    }
    c->waiting_turn = false;
    if (call->count > 1) {
        if (!number_parse(call->args[1].at, call->args[1].size, &version)) {
            connection_error(c, "Protocol version is not an integer or out of range");
            return true;
        }
        if (version < 2 || version > 3) {
            connection_error(c, "-NOPROTO unsupported protocol version");
            return true;
        }
        hello.version = (unsigned)version;
    }
    if (!read_hello_options(c, call, &hello)) {
        return true;
    }
    if (hello.name != NULL) {
        set_name(c, hello.name);
    }
    c->version = (uint8_t)hello.version;
    write_hello(c);
    return true;
}

/* ---- CLIENT ---- */

static void client_info(struct connection *c, const struct call *call) {
    struct client_line line = {.id = c->id, .peer = c->peer, .local = c->local, .name = c->name, .last = c->last};
    uint64_t now_ns = rim_now(c->ctx);
    struct buffer text = {0};
    (void)call;
    line.age_s = (now_ns - c->opened_ns) / RIM_SECONDS(1);
    line.idle_s = (now_ns - c->used_ns) / RIM_SECONDS(1);
    line.version = c->version;
    client_write(&line, &text);
    resp_verbatim(connection_reply(c), c->version, text.bytes, text.size);
    buffer_clear(&text, 0);
}

static void client_id(struct connection *c, const struct call *call) {
    (void)call;
    resp_integer(connection_reply(c), (int64_t)c->id);
}

static void client_getname(struct connection *c, const struct call *call) {
    (void)call;
    if (c->name != NULL) {
        resp_text(connection_reply(c), c->name);
    } else {
        resp_null(connection_reply(c), c->version);
    }
}

static void client_setname(struct connection *c, const struct call *call) {
    if (!is_name(&call->args[2])) {
        connection_error(c, "Client names cannot contain spaces, newlines or special characters.");
        return;
    }
    set_name(c, &call->args[2]);
    resp_status(connection_reply(c), "OK");
}

/* From Redis 7.2, and what today's clients say first; it is taken, and not kept. */
static void client_setinfo(struct connection *c, const struct call *call) {
    const struct resp_arg *word = &call->args[2];
    if (resp_is(word, "lib-name") || resp_is(word, "lib-ver")) {
        resp_status(connection_reply(c), "OK");
    } else {
        connection_error(c, "Unrecognized option '%.*s'", (int)strnlen(word->at, word->size), word->at);
    }
}

static void client_switch(struct connection *c, const struct call *call) {
    if (resp_is(&call->args[2], "on") || resp_is(&call->args[2], "off")) {
        resp_status(connection_reply(c), "OK");
    } else {
        connection_error(c, "syntax error");
    }
}

static void client_reply(struct connection *c, const struct call *call) {
    const struct resp_arg *word = &call->args[2];
    if (resp_is(word, "on")) {
        c->mute = false;
        resp_status(connection_reply(c), "OK");
    } else if (resp_is(word, "off")) {
        c->mute = true;
    } else if (resp_is(word, "skip")) {
        c->mute_next = !c->mute;
    } else {
        connection_error(c, "syntax error");
    }
}

static void client_list(struct connection *c, const struct call *call) {
    uint64_t number;
    if (call->count > 2) {
        connection_error(c, "syntax error");
    } else if (connection_slot(c, SLOT_VERBATIM, &number)) {
        connection_ask_server(c, number, SERVER_LIST);
    }
}

static const struct client_command {
    const char *name;
    const char *full_name;
    int arity;
    void (*run)(struct connection *c, const struct call *call);
} client_commands[] = {
    {"id", "client|id", 2, client_id},
    {"getname", "client|getname", 2, client_getname},
    {"setname", "client|setname", 3, client_setname},
    {"setinfo", "client|setinfo", 4, client_setinfo},
    {"info", "client|info", 2, client_info},
    {"list", "client|list", -2, client_list},
    {"no-evict", "client|no-evict", 3, client_switch},
    {"no-touch", "client|no-touch", 3, client_switch},
    {"reply", "client|reply", 3, client_reply},
};

bool run_client(struct connection *c, const struct call *call) {
    const struct resp_arg *word = &call->args[1];
    for (size_t i = 0; i < sizeof client_commands / sizeof client_commands[0]; i++) {
        const struct client_command *command = &client_commands[i];
        if (!resp_is(word, command->name)) {
            continue;
        }
        bool fits =
            command->arity > 0 ? call->count == (uint32_t)command->arity : call->count >= (uint32_t)-command->arity;
        if (!fits) {
            connection_arity_error(c, command->full_name);
            return true;
        }
        command->run(c, call);
        return true;
    }
    connection_error(c, "unknown subcommand '%.*s'. Try CLIENT HELP.",
                     (int)strnlen(word->at, word->size < 128 ? word->size : 128), word->at);
    return true;
}
