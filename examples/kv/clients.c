/* SPDX-License-Identifier: MIT */
/* Commands on the connection itself. */
#include "connection.h"

static const char bad_name[] = "Client names cannot contain spaces, newlines or special characters.";

static bool run_ping(struct call *call) {
    if (call->count > 2) {
        reply_wrong_arity(&call->out, "ping");
    } else if (call->count == 2) {
        reply_bulk(&call->out, call_arg(call, 1));
    } else {
        reply_raw(&call->out, "+PONG\r\n", 7);
    }
    return true;
}

static bool run_echo(struct call *call) {
    reply_bulk(&call->out, call_arg(call, 1));
    return true;
}

static bool run_quit(struct call *call) {
    reply_status(&call->out, "OK");
    call->c->quitting = true;
    return true;
}

static bool run_select(struct call *call) {
    int64_t number;
    if (!text_number(call_arg(call, 1), &number)) {
        reply_error(&call->out, "%s", job_not_integer);
    } else if (number < INT32_MIN || number > INT32_MAX) {
        reply_error(&call->out, "value is out of range, value must between -2147483648 and 2147483647");
    } else if (number != 0) {
        reply_error(&call->out, "DB index is out of range");
    } else {
        reply_status(&call->out, "OK");
    }
    return true;
}

/* ---- names ---- */

static bool is_name(struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '!' || text.at[i] > '~') {
            return false;
        }
    }
    return true;
}

/* The server's actor hears of it for its list; should it be too busy, the list shows the old name. */
static void set_name(struct connection *c, struct text name) {
    rim_buffer_clear(c->ctx, &c->name);
    rim_buffer_add(c->ctx, &c->name, name.at, name.size);
    (void)connection_tell_server(c, SERVER_RENAMED);
}

static struct text name_of(const struct connection *c) {
    return (struct text){c->name.bytes, c->name.size};
}

/* ---- HELLO ---- */

/* The options from argument `i` on. False: the error is replied. */
static bool read_hello(struct call *call, uint32_t i, struct text *name) {
    for (; i < call->count; i++) {
        struct text word = call_arg(call, i);
        uint32_t more = call->count - 1 - i;
        if (text_is(word, "auth") && more >= 2) {
            if (!text_is(call_arg(call, i + 1), "default")) {
                reply_error(&call->out, "-WRONGPASS invalid username-password pair or user is disabled.");
                return false;
            }
            i += 2;
        } else if (text_is(word, "setname") && more >= 1) {
            *name = call_arg(call, ++i);
            if (!is_name(*name)) {
                reply_error(&call->out, "%s", bad_name);
                return false;
            }
        } else {
            reply_error(&call->out, "Syntax error in HELLO option '%.*s'", text_shown(word, SIZE_MAX), word.at);
            return false;
        }
    }
    return true;
}

static bool run_hello(struct call *call) {
    struct connection *c = call->c;
    struct resp_out *out = &call->out;
    struct text name = {NULL, 0};
    int64_t version = c->version;
    if (call->count > 1 && !text_number(call_arg(call, 1), &version)) {
        reply_error(out, "Protocol version is not an integer or out of range");
        return true;
    }
    if (version < 2 || version > 3) {
        reply_error(out, "-NOPROTO unsupported protocol version");
        return true;
    }
    if (!read_hello(call, 2, &name)) {
        return true;
    }
    c->version = (uint8_t)version;
    c->client.version = out->version = (unsigned)version;
    if (name.at != NULL) {
        set_name(c, name);
    }
    reply_map(out, 7);
    reply_strings(out, (const char *const[]){"server", "redis", "version", SERVER_REDIS, "proto", NULL});
    reply_integer(out, version);
    reply_string(out, "id");
    reply_integer(out, (int64_t)c->client.id);
    reply_strings(out, (const char *const[]){"mode", "standalone", "role", "master", "modules", NULL});
    reply_array(out, 0);
    return true;
}

/* ---- CLIENT ---- */

static void client_id(struct call *call) {
    reply_integer(&call->out, (int64_t)call->c->client.id);
}

static void client_getname(struct call *call) {
    call->c->name.size > 0 ? reply_bulk(&call->out, name_of(call->c)) : reply_null(&call->out);
}

static void client_setname(struct call *call) {
    if (!is_name(call_arg(call, 2))) {
        reply_error(&call->out, "%s", bad_name);
        return;
    }
    set_name(call->c, call_arg(call, 2));
    reply_status(&call->out, "OK");
}

/* From Redis 7.2, and what today's clients say first; it is taken, and not kept. */
static void client_setinfo(struct call *call) {
    static const char *const words[] = {"lib-name", "lib-ver", NULL};
    struct text word = call_arg(call, 2);
    if (text_choice(word, words) >= 0) {
        reply_status(&call->out, "OK");
    } else {
        reply_error(&call->out, "Unrecognized option '%.*s'", text_shown(word, SIZE_MAX), word.at);
    }
}

static void client_info(struct call *call) {
    struct resp_out line = {.ctx = call->out.ctx};
    client_write(&call->c->client, name_of(call->c), &line);
    reply_verbatim(&call->out, resp_text(&line));
    rim_buffer_clear(line.ctx, &line.text);
}

static void client_list(struct call *call) {
    struct question question = {.target = target_place(call->place), .command = &command_clients};
    if (call->count > 2) {
        reply_error(&call->out, "%s", job_syntax);
        return;
    }
    question.to = call->c->server->self;
    call->asked = true;
    connection_ask(call->c, &question);
}

static void client_switch(struct call *call) {
    static const char *const words[] = {"on", "off", NULL};
    if (text_choice(call_arg(call, 2), words) >= 0) {
        reply_status(&call->out, "OK");
    } else {
        reply_error(&call->out, "%s", job_syntax);
    }
}

static void client_reply(struct call *call) {
    static const char *const words[] = {"on", "off", "skip", NULL};
    struct connection *c = call->c;
    int choice = text_choice(call_arg(call, 2), words);
    if (choice < 0) {
        reply_error(&call->out, "%s", job_syntax);
    } else if (choice == 2) {
        c->mute_next = !c->mute;
    } else {
        c->mute = choice == 1;
        reply_status(&call->out, "OK");
    }
}

static const struct {
    const char *name, *full_name;
    int arity;
    void (*run)(struct call *call);
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

static bool run_client(struct call *call) {
    for (size_t i = 0; i < sizeof client_commands / sizeof client_commands[0]; i++) {
        if (text_is(call_arg(call, 1), client_commands[i].name)) {
            if (command_fits(client_commands[i].arity, call->count)) {
                client_commands[i].run(call);
            } else {
                reply_wrong_arity(&call->out, client_commands[i].full_name);
            }
            return true;
        }
    }
    reply_unknown_subcommand(&call->out, "CLIENT", call_arg(call, 1));
    return true;
}

/* clang-format off */
static const struct command commands[] = {
    {"ping", -1, run_ping, NULL, 0, COMMAND_FAST, 0, 0, 0, "Ping the server"},
    {"echo", 2, run_echo, NULL, 0, COMMAND_FAST, 0, 0, 0, "Echo the given string"},
    {"quit", -1, run_quit, NULL, 0, COMMAND_FAST, 0, 0, 0, "Close the connection"},
    {"select", 2, run_select, NULL, 0, COMMAND_FAST, 0, 0, 0, "Change the selected database"},
    {"hello", -1, run_hello, NULL, 0, COMMAND_FAST, 0, 0, 0, "Handshake with the server"},
    {"client", -2, run_client, NULL, 0, 0, 0, 0, 0, "Inspect and name client connections"},
};
/* clang-format on */

const struct command_group connection_commands = {"connection", commands, sizeof commands / sizeof commands[0]};
