/* SPDX-License-Identifier: MIT */
/* Commands on the connection itself, and the list of all. */
#include <inttypes.h>

#include "server.h"

void do_ping(struct call *call) {
    if (call->count > 2) {
        reply_wrong_arity(call);
    } else if (call->count == 2) {
        reply_bulk(call->out, call->args[1]);
    } else {
        reply_status(call->out, "PONG");
    }
}

void do_echo(struct call *call) {
    reply_bulk(call->out, call->args[1]);
}

void do_quit(struct call *call) {
    reply_status(call->out, "OK");
    call->c->quitting = true;
}

void do_select(struct call *call) {
    int64_t number;
    if (!call_number(call, 1, &number)) {
        return;
    }
    if (number < INT32_MIN || number > INT32_MAX) {
        reply_error(call->out, "value is out of range, value must between -2147483648 and 2147483647");
    } else if (number != 0) {
        reply_error(call->out, "DB index is out of range");
    } else {
        reply_status(call->out, "OK");
    }
}

/* ---- HELLO ---- */

/* False: it is no name, and that is the reply. */
static bool check_name(struct call *call, struct text name) {
    for (size_t i = 0; i < name.size; i++) {
        if (name.at[i] < '!' || name.at[i] > '~') {
            reply_error(call->out, "Client names cannot contain spaces, newlines or special characters.");
            return false;
        }
    }
    return true;
}

static void set_name(struct connection *c, struct text name) {
    rim_buffer_clear(c->ctx, &c->name);
    rim_buffer_add(c->ctx, &c->name, name.at, name.size);
}

/* The options of HELLO. False: the error is replied. */
static bool read_hello(struct call *call, struct text *name) {
    for (uint32_t i = 2; i < call->count; i++) {
        struct text word = call->args[i];
        if (text_is(word, "setname") && i + 1 < call->count) {
            *name = call->args[++i];
            if (!check_name(call, *name)) {
                return false;
            }
        } else {
            reply_error(call->out, "Syntax error in HELLO option '%.*s'", text_shown(word, SIZE_MAX), word.at);
            return false;
        }
    }
    return true;
}

void do_hello(struct call *call) {
    struct reply *out = call->out;
    struct text name = {NULL, 0};
    int64_t version = out->version;
    if (call->count > 1 && !text_number(call->args[1], &version)) {
        reply_error(out, "Protocol version is not an integer or out of range");
    } else if (version < 2 || version > 3) {
        reply_error(out, "-NOPROTO unsupported protocol version");
    } else if (read_hello(call, &name)) {
        out->version = call->c->version = (unsigned)version;
        if (name.at != NULL) {
            set_name(call->c, name);
        }
        reply_head(out, '%', 7);
        reply_strings(out, (const char *const[]){"server", "redis", "version", SERVER_REDIS, "proto", NULL});
        reply_integer(out, version);
        reply_bulk(out, text_of("id"));
        reply_integer(out, (int64_t)call->c->id);
        reply_strings(out, (const char *const[]){"mode", "standalone", "role", "master", "modules", NULL});
        reply_head(out, '*', 0);
    }
}

/* ---- CLIENT ---- */

void do_client_id(struct call *call) {
    reply_integer(call->out, (int64_t)call->c->id);
}

void do_client_getname(struct call *call) {
    struct text name = {call->c->name.bytes, call->c->name.size};
    name.size > 0 ? reply_bulk(call->out, name) : reply_null(call->out);
}

void do_client_setname(struct call *call) {
    if (check_name(call, call->args[2])) {
        set_name(call->c, call->args[2]);
        reply_status(call->out, "OK");
    }
}

/* From Redis 7.2, and what today's clients say first; it is taken, and not kept. */
void do_client_setinfo(struct call *call) {
    static const char *const words[] = {"lib-name", "lib-ver", NULL};
    struct text word = call->args[2];
    if (text_choice(word, words) >= 0) {
        reply_status(call->out, "OK");
    } else {
        reply_error(call->out, "Unrecognized option '%.*s'", text_shown(word, SIZE_MAX), word.at);
    }
}

/* NO-EVICT and NO-TOUCH, neither of which would happen here. */
void do_client_switch(struct call *call) {
    static const char *const words[] = {"on", "off", NULL};
    if (text_choice(call->args[2], words) >= 0) {
        reply_status(call->out, "OK");
    } else {
        reply_error(call->out, "%s", bad_syntax);
    }
}

void do_client_reply(struct call *call) {
    static const char *const words[] = {"on", "off", "skip", NULL};
    struct connection *c = call->c;
    int choice = text_choice(call->args[2], words);
    if (choice < 0) {
        reply_error(call->out, "%s", bad_syntax);
    } else if (choice > 0) {
        c->mute |= choice == 1;
        c->mute_next = choice == 2 && !c->mute;
    } else {
        c->mute = c->muting = false;
        connection_reply(c, call->place); /* none, for this place may be mute */
        call->place = connection_place(c, 0);
        reply_status(call->out, "OK");
    }
}

static void write_client(const struct connection *c, uint64_t now_ms, struct reply *out) {
    char peer[RIM_ADDRESS_TEXT_MAX], local[RIM_ADDRESS_TEXT_MAX];
    reply_format(out, "id=%" PRIu64 " addr=%s laddr=%s fd=-1 name=%.*s age=%" PRIu64, c->id,
                 rim_address_format(&c->peer, peer), rim_address_format(&c->local, local), (int)c->name.size,
                 c->name.bytes, (now_ms - c->opened_ms) / 1000);
    reply_format(out, " idle=%" PRIu64 " flags=N db=0 cmd=%s user=default resp=%u\n", (now_ms - c->used_ms) / 1000,
                 c->last, c->version);
}

/* The lines of this shard. */
void do_client_list(struct call *call) {
    reply_integer(call->out, 0);
    for (const struct connection *c = call->shard->connections; c != NULL; c = c->next) {
        write_client(c, (uint64_t)call->store->now_ms, call->out);
    }
}

void merge_client_list(struct call *call, int64_t sum UNUSED, struct text rest) {
    reply_verbatim(call->out, rest);
}
