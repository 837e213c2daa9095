/* SPDX-License-Identifier: MIT */
/* Commands on the server itself, and those that need nothing but the connection. */
#include <stdio.h>

#include "connection.h"
#include "glob.h"
#include "number.h"

bool run_ping(struct connection *c, const struct call *call) {
    if (call->count > 2) {
        connection_arity_error(c, "ping");
    } else if (call->count == 2) {
        resp_bulk(connection_reply(c), call->args[1].at, call->args[1].size);
    } else {
        buffer_append(connection_reply(c), "+PONG\r\n", 7);
    }
    return true;
}

bool run_echo(struct connection *c, const struct call *call) {
    resp_bulk(connection_reply(c), call->args[1].at, call->args[1].size);
    return true;
}

bool run_quit(struct connection *c, const struct call *call) {
    (void)call;
    resp_status(connection_reply(c), "OK");
    c->quitting = true;
    return true;
}

bool run_select(struct connection *c, const struct call *call) {
    int64_t number;
    if (!number_parse(call->args[1].at, call->args[1].size, &number)) {
        connection_error(c, "value is not an integer or out of range");
    } else if (number < INT32_MIN || number > INT32_MAX) {
        connection_error(c, "value is out of range, value must between -2147483648 and 2147483647");
    } else if (number != 0) {
        connection_error(c, "DB index is out of range");
    } else {
        resp_status(connection_reply(c), "OK");
    }
    return true;
}

/* ---- COMMAND ---- */

static void write_set(struct buffer *out, unsigned version, const char *const *words, uint32_t count) {
    if (version == 3) {
        buffer_format(out, "~%u\r\n", count);
    } else {
        resp_array(out, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        resp_status(out, words[i]);
    }
}

/* The ten fields of Redis 7; categories, tips, key specifications and subcommands are left empty. */
static void write_command(struct buffer *out, unsigned version, const struct command *command) {
    const char *flags[3];
    uint32_t count = 0;
    if (command->flags & COMMAND_WRITE) {
        flags[count++] = "write";
    }
    if (command->flags & COMMAND_READ) {
        flags[count++] = "readonly";
    }
    if (command->flags & COMMAND_FAST) {
        flags[count++] = "fast";
    }
    resp_array(out, 10);
    resp_text(out, command->name);
    resp_integer(out, command->arity);
    write_set(out, version, flags, count);
    resp_integer(out, command->first_key);
    resp_integer(out, command->last_key);
    resp_integer(out, command->step);
    write_set(out, version, NULL, 0);
    resp_array(out, 0);
    resp_array(out, 0);
    resp_array(out, 0);
}

static void write_doc(struct buffer *out, unsigned version, const struct command *command) {
    resp_text(out, command->name);
    resp_map(out, version, 2);
    resp_text(out, "summary");
    resp_text(out, command->summary);
    resp_text(out, "group");
    resp_text(out, command->group);
}

static void command_info(struct connection *c, const struct call *call, struct buffer *out) {
    bool all = call->count <= 2;
    resp_array(out, all ? command_count : call->count - 2);
    for (uint32_t i = 0; all && i < command_count; i++) {
        write_command(out, c->version, &command_table[i]);
    }
    for (uint32_t i = 2; i < call->count; i++) {
        const struct command *command = command_find(&c->server->commands, &call->args[i]);
        if (command != NULL) {
            write_command(out, c->version, command);
        } else if (c->version == 3) {
            resp_null(out, 3);
        } else {
            buffer_text(out, "*-1\r\n");
        }
    }
}

static void command_docs(struct connection *c, const struct call *call, struct buffer *out) {
    uint32_t known = 0;
    for (uint32_t i = 2; i < call->count; i++) {
        known += command_find(&c->server->commands, &call->args[i]) != NULL;
    }
    resp_map(out, c->version, call->count == 2 ? command_count : known);
    for (uint32_t i = 0; call->count == 2 && i < command_count; i++) {
        write_doc(out, c->version, &command_table[i]);
    }
    for (uint32_t i = 2; i < call->count; i++) {
        const struct command *command = command_find(&c->server->commands, &call->args[i]);
        if (command != NULL) {
            write_doc(out, c->version, command);
        }
    }
}

static void unknown_subcommand(struct connection *c, const struct resp_arg *word, const char *command) {
    connection_error(c, "unknown subcommand '%.*s'. Try %s HELP.",
                     (int)strnlen(word->at, word->size < 128 ? word->size : 128), word->at, command);
}

bool run_command(struct connection *c, const struct call *call) {
    const struct resp_arg *word = call->count > 1 ? &call->args[1] : NULL;
    if (word == NULL || resp_is(word, "info")) {
        command_info(c, call, connection_reply(c));
    } else if (resp_is(word, "count")) {
        resp_integer(connection_reply(c), command_count);
    } else if (resp_is(word, "docs")) {
        command_docs(c, call, connection_reply(c));
    } else if (resp_is(word, "list")) {
        struct buffer *out = connection_reply(c);
        resp_array(out, command_count);
        for (uint32_t i = 0; i < command_count; i++) {
            resp_text(out, command_table[i].name);
        }
    } else {
        unknown_subcommand(c, word, "COMMAND");
    }
    return true;
}

/* ---- CONFIG ---- */

struct setting {
    const char *name;
    char value[32];
};

#define SETTINGS 10u

static void read_settings(const struct connection *c, struct setting settings[SETTINGS]) {
    const struct server_options *options = &c->server->options;
    static const char *const names[SETTINGS] = {"save",       "appendonly",
                                                "maxmemory",  "maxmemory-policy",
                                                "maxclients", "proto-max-bulk-len",
                                                "databases",  "port",
                                                "bind",       "timeout"};
    static const char *const values[SETTINGS] = {"", "no", "0", "noeviction", "", "", "1", "", "", "0"};
    for (uint32_t i = 0; i < SETTINGS; i++) {
        settings[i].name = names[i];
        snprintf(settings[i].value, sizeof settings[i].value, "%s", values[i]);
    }
    snprintf(settings[4].value, sizeof settings[4].value, "%u", options->max_clients);
    snprintf(settings[5].value, sizeof settings[5].value, "%zu", options->max_value);
    snprintf(settings[7].value, sizeof settings[7].value, "%u", c->local.port);
    snprintf(settings[8].value, sizeof settings[8].value, "%s", options->bind != NULL ? options->bind : "*");
}

static void config_get(struct connection *c, const struct call *call) {
    struct setting settings[SETTINGS];
    bool wanted[SETTINGS] = {false};
    uint32_t count = 0;
    read_settings(c, settings);
    for (uint32_t i = 0; i < SETTINGS; i++) {
        struct glob_text name = {settings[i].name, strlen(settings[i].name)};
        for (uint32_t j = 2; j < call->count && !wanted[i]; j++) {
            wanted[i] = glob_match((struct glob_text){call->args[j].at, call->args[j].size}, name, true);
        }
        count += wanted[i];
    }
    struct buffer *out = connection_reply(c);
    resp_map(out, c->version, count);
    for (uint32_t i = 0; i < SETTINGS; i++) {
        if (wanted[i]) {
            resp_text(out, settings[i].name);
            resp_text(out, settings[i].value);
        }
    }
}

bool run_config(struct connection *c, const struct call *call) {
    if (!resp_is(&call->args[1], "get")) {
        unknown_subcommand(c, &call->args[1], "CONFIG");
    } else if (call->count < 3) {
        connection_arity_error(c, "config|get");
    } else {
        config_get(c, call);
    }
    return true;
}
