/* SPDX-License-Identifier: MIT */
/* Commands on connections and on the server: what it knows, what it is, and how it does. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <ringmail/stats.h>

#include "server.h"

void do_ping(struct call *call) {
    if (call->count > 2) {
        reply_wrong_arity(call);
    } else {
        call->count == 2 ? reply_bulk(call->out, call->args[1]) : reply_status(call->out, "PONG");
    }
}

void do_echo(struct call *call) {
    reply_bulk(call->out, call->args[1]);
}

void do_quit(struct call *call) {
    reply_ok(call->out);
    call->c->quitting = true;
}

void do_select(struct call *call) {
    int64_t number;
    if (call_number(call, 1, &number)) {
        number == 0 ? reply_ok(call->out) : reply_error(call->out, "DB index is out of range");
    }
}

/* ---- HELLO and CLIENT ---- */

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

static void set_name(struct call *call, struct text name) {
    rim_buffer_clear(call->c->ctx, &call->c->name);
    rim_buffer_add(call->c->ctx, &call->c->name, name.at, name.size);
}

/* The options of HELLO; `name` is the last one's, or stays. False: the error is replied. */
static bool read_hello(struct call *call, struct text *name) {
    for (uint32_t i = 2; i < call->count; i += 2) {
        struct text word = call->args[i];
        if (!text_is(word, "setname") || i + 1 == call->count) {
            reply_error(call->out, "Syntax error in HELLO option '%.*s'", text_shown(word, SIZE_MAX), word.at);
            return false;
        }
        *name = call->args[i + 1];
        if (!check_name(call, *name)) {
            return false;
        }
    }
    return true;
}

void do_hello(struct call *call) {
    struct reply *out = call->out;
    int64_t version = out->version;
    struct text name = {NULL, 0};
    if (call->count > 1 && !text_number(call->args[1], &version)) {
        reply_error(out, "Protocol version is not an integer or out of range");
    } else if (version < 2 || version > 3) {
        reply_error(out, "-NOPROTO unsupported protocol version");
    } else if (read_hello(call, &name)) {
        if (name.at != NULL) { /* only now, when all of it is right */
            set_name(call, name);
        }
        out->version = call->c->version = (unsigned)version;
        reply_head(out, '%', 7);
        reply_strings(out, (const char *const[]){"server", "redis", "version", SERVER_REDIS, "proto", NULL});
        reply_integer(out, version);
        reply_bulk(out, text_of("id"));
        reply_integer(out, (int64_t)call->c->id);
        reply_strings(out, (const char *const[]){"mode", "standalone", "role", "master", "modules", NULL});
        reply_head(out, '*', 0);
    }
}

void do_client_id(struct call *call) {
    reply_integer(call->out, (int64_t)call->c->id);
}

void do_client_getname(struct call *call) {
    struct text name = {call->c->name.bytes, call->c->name.size};
    name.size > 0 ? reply_bulk(call->out, name) : reply_null(call->out);
}

void do_client_setname(struct call *call) {
    if (check_name(call, call->args[2])) {
        set_name(call, call->args[2]);
        reply_ok(call->out);
    }
}

/* What clients say for others to know, or to turn off what does not happen here; it is taken, and not kept. */
void do_client_accept(struct call *call) {
    static const char *const words[] = {"on", "off", "lib-name", "lib-ver", NULL};
    text_choice(call->args[2], words) >= 0 ? reply_ok(call->out) : reply_error(call->out, "%s", bad_syntax);
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
        reply_ok(call->out);
    }
}

/* The lines of this shard. */
void do_client_list(struct call *call) {
    uint64_t now_ms = (uint64_t)call->store->now_ms;
    reply_integer(call->out, 0);
    const struct connection *c;
    LIST_FOREACH(c, &call->shard->connections, link) {
        char peer[RIM_ADDRESS_TEXT_MAX], local[RIM_ADDRESS_TEXT_MAX];
        reply_format(call->out, "id=%" PRIu64 " addr=%s laddr=%s fd=-1 name=", c->id,
                     rim_address_format(&c->peer, peer), rim_address_format(&c->local, local));
        reply_raw(call->out, (struct text){c->name.bytes, c->name.size});
        reply_format(call->out, " age=%" PRIu64 " idle=%" PRIu64 " flags=N db=0 cmd=%s user=default resp=%u\n",
                     (now_ms - c->opened_ms) / 1000, (now_ms - c->used_ms) / 1000, c->last, c->version);
    }
}

void merge_text(struct call *call, int64_t sum UNUSED, struct text rest) {
    reply_verbatim(call->out, rest);
}

/* ---- COMMAND and CONFIG ---- */

/* A container whose second word names no part of it. */
void do_subcommand(struct call *call) {
    char name[16];
    size_t size = 0;
    for (const char *at = call->command->name; *at != '\0'; at++) {
        name[size++] = (char)toupper((unsigned char)*at);
    }
    reply_error(call->out, "unknown subcommand '%.*s'. Try %.*s HELP.", text_shown(call->args[1], 128),
                call->args[1].at, (int)size, name);
}

enum { INFO, DOCS, LIST, COUNT };

/* The ten fields of Redis 7; categories, tips, key specifications and subcommands are left empty. */
static void write_info(struct reply *out, const struct command *command) {
    static const char *const words[] = {"write", "readonly", "fast"};
    char set = out->version == 3 ? '~' : '*';
    reply_head(out, '*', 10);
    reply_bulk(out, text_of(command->name));
    reply_format(out, ":%d\r\n%c%d\r\n", command->arity, set, __builtin_popcount(command->flags & 7u));
    for (uint32_t i = 0; i < 3; i++) {
        if (command->flags & 1u << i) {
            reply_status(out, words[i]);
        }
    }
    reply_format(out, ":%d\r\n:%d\r\n:%d\r\n%c0\r\n*0\r\n*0\r\n*0\r\n", command->first_key, command->last_key,
                 command->step, set);
}

static void write_command(struct reply *out, const struct command *command, int form) {
    if (form == INFO) {
        write_info(out, command);
    } else if (form != COUNT) {
        reply_bulk(out, text_of(command->name));
    }
    if (form == DOCS) {
        reply_head(out, '%', 2);
        reply_strings(out, (const char *const[]){"summary", command->summary, "group", command->group, NULL});
    }
}

/* What `form` says of the commands that are named, or of all, but for what is a part of another or not for clients. */
void do_command(struct call *call) {
    struct reply list = {.version = call->out->version};
    int form = call->command->form;
    bool all = call->count <= 2;
    uint32_t count = 0;
    if (call->count > 1 && (call->command->flags & COMMAND_CONTAINER)) {
        do_subcommand(call);
        return;
    }
    for (uint32_t i = all ? 0 : 2; i < (all ? command_count : call->count); i++) {
        const struct command *command = all ? &commands[i] : command_named(call->args[i]);
        bool known = command != NULL && !(command->flags & (all ? COMMAND_INTERNAL | COMMAND_PART : COMMAND_INTERNAL));
        if (known) {
            write_command(&list, command, form);
        } else if (!all && form == INFO) {
            reply_raw(&list, text_of(list.version == 3 ? "_\r\n" : "*-1\r\n"));
        }
        count += known || (!all && form == INFO);
    }
    reply_head(call->out, form == DOCS ? '%' : form == COUNT ? ':' : '*', count);
    reply_raw(call->out, reply_text(&list));
    reply_free(&list);
}

/* The keys of a command with its arguments, which is not run. */
void do_getkeys(struct call *call) {
    const struct text *args = call->args + 2;
    uint32_t count = call->count - 2;
    const struct command *command = command_find(args, count);
    if (command == NULL || command->step == 0) {
        reply_error(call->out, command == NULL ? "Invalid command specified" : "The command has no key arguments");
    } else if (!command_takes(command, count)) {
        reply_error(call->out, "Invalid number of arguments specified for command");
    } else {
        uint32_t first = command->first_key, last = command_last_key(command, count);
        reply_head(call->out, '*', (last - first) / command->step + 1);
        for (uint32_t i = first; i <= last; i += command->step) {
            reply_bulk(call->out, args[i]);
        }
    }
}

void do_config_get(struct call *call) {
    const struct server_options *options = &call->c->server->options;
    char clients[24], bulk[24];
    snprintf(clients, sizeof clients, "%u", options->max_clients);
    snprintf(bulk, sizeof bulk, "%zu", options->max_value);
    const char *const settings[][3] = {
        {"save", ""},       {"appendonly", "no"}, {"maxmemory", "0"},      {"maxmemory-policy", "noeviction"},
        {"databases", "1"}, {"timeout", "0"},     {"maxclients", clients}, {"proto-max-bulk-len", bulk},
    };
    struct reply found = {.size = 0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < RIM_COUNT(settings); i++) {
        bool wanted = false;
        for (uint32_t j = 2; j < call->count; j++) {
            char pattern[32]; /* in lower case; no longer one would be of use */
            size_t size = 0;
            for (; size < call->args[j].size && size < sizeof pattern; size++) {
                pattern[size] = (char)tolower((unsigned char)call->args[j].at[size]);
            }
            wanted |= text_matches(text_of(settings[i][0]), (struct text){pattern, size});
        }
        if (wanted) {
            count++;
            reply_strings(&found, settings[i]);
        }
    }
    reply_head(call->out, '%', count);
    reply_raw(call->out, reply_text(&found));
    reply_free(&found);
}

/* ---- INFO ---- */

static const char *const sections[] = {"Server", "Clients", "Memory", "Stats", "Keyspace", "Ringmail"};

/* Each shard says what it counts, behind which sections are wanted: the first one's word is the sum. */
void do_info(struct call *call) {
    static const char *const words[] = {"server",   "clients", "memory",     "stats",   "keyspace",
                                        "ringmail", "all",     "everything", "default", NULL};
    int64_t wanted = call->count == 1 ? 63 : 0;
    for (uint32_t i = 1; i < call->count; i++) {
        int word = text_choice(call->args[i], words);
        wanted |= word >= (int)RIM_COUNT(sections) ? 63 : word >= 0 ? 1 << word : 0;
    }
    reply_integer(call->out, call->store->shard == 0 ? wanted : 0);
    reply_raw(call->out, (struct text){(const char *)&call->store->counts, sizeof call->store->counts});
}

static void write_line(struct reply *out, const char *name, uint64_t value) {
    reply_format(out, "%s:%" PRIu64 "\r\n", name, value);
}

/* Every counter of the runtime: the sum, and the figure of each shard. */
static void write_ringmail(rim_system *system, uint32_t shards, struct reply *out) {
    reply_format(out, "driver:%s\r\nwake:%s\r\n", rim_system_driver(system), rim_system_wake(system));
    write_line(out, "shards", shards);
    for (uint32_t shard = 0; shard <= shards; shard++) {
        rim_stats stats = {0};
        rim_system_stats(system, shard == 0 ? RIM_ALL_SHARDS : shard - 1, &stats);
        for (uint32_t i = 0; rim_stats_name(i) != NULL; i++) {
            if (shard > 0) {
                reply_format(out, "shard%u_", shard - 1);
            }
            write_line(out, rim_stats_name(i), rim_stats_value(&stats, i));
        }
    }
}

static void write_section(struct connection *c, int section, const struct store_counts *counts, struct reply *out) {
    rim_system *system = rim_system_of(c->ctx);
    rim_stats stats = {0};
    switch (section) {
    case 0:
        reply_format(out, "redis_version:%s\r\nredis_mode:standalone\r\nringmail_version:%s\r\nprocess_id:%d\r\n",
                     SERVER_REDIS, rim_version(), (int)getpid());
        write_line(out, "tcp_port", c->local.port);
        write_line(out, "uptime_in_seconds", (c->used_ms - c->server->started_ms) / 1000);
        break;
    case 1:
        write_line(out, "connected_clients", counts->connected);
        write_line(out, "maxclients", c->server->options.max_clients);
        write_line(out, "blocked_clients", 0);
        break;
    case 2:
        rim_system_stats(system, RIM_ALL_SHARDS, &stats);
        write_line(out, "used_memory", counts->bytes + stats.memory_bytes);
        write_line(out, "used_memory_dataset", counts->bytes);
        break;
    case 3:
        write_line(out, "total_connections_received", counts->received);
        write_line(out, "total_commands_processed", counts->commands);
        write_line(out, "expired_keys", counts->expired);
        write_line(out, "keyspace_hits", counts->hits);
        write_line(out, "keyspace_misses", counts->misses);
        break;
    case 4:
        if (counts->keys > 0) {
            reply_format(out, "db0:keys=%" PRIu64 ",expires=%" PRIu64 ",avg_ttl=0\r\n", counts->keys, counts->timed);
        }
        break;
    default:
        write_ringmail(system, c->server->count, out);
    }
}

void merge_info(struct call *call, int64_t sum, struct text rest) {
    uint64_t count, counts[sizeof(struct store_counts) / sizeof count] = {0};
    struct store_counts all;
    struct reply text = {.size = 0};
    for (size_t i = 0; i < rest.size / sizeof count; i++) {
        memcpy(&count, rest.at + i * sizeof count, sizeof count);
        counts[i % RIM_COUNT(counts)] += count;
    }
    memcpy(&all, counts, sizeof all);
    for (int i = 0; i < (int)RIM_COUNT(sections); i++) {
        if (sum & 1 << i) {
            reply_format(&text, "%s# %s\r\n", text.size > 0 ? "\r\n" : "", sections[i]);
            write_section(call->c, i, &all, &text);
        }
    }
    reply_verbatim(call->out, reply_text(&text));
    reply_free(&text);
}
