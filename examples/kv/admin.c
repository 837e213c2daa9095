/* SPDX-License-Identifier: MIT */
/* Commands on the server: what it knows, what it is, and how it does. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <ringmail/stats.h>

#include "route.h"

/* ---- COMMAND ---- */

/* A container whose second word names no part of it. */
void do_subcommand(struct call *call) {
    char name[32];
    size_t i = 0;
    for (const char *at = call->command->name; *at != '\0'; at++) {
        name[i++] = (char)toupper((unsigned char)*at);
    }
    int shown = text_shown(call->args[1], 128);
    reply_error(call->out, "unknown subcommand '%.*s'. Try %.*s HELP.", shown, call->args[1].at, (int)i, name);
}

static void write_name(struct reply *out, const struct command *command) {
    reply_bulk(out, text_of(command->name));
}

static void write_doc(struct reply *out, const struct command *command) {
    write_name(out, command);
    reply_map(out, 2);
    reply_strings(out, (const char *const[]){"summary", command->summary, "group", command->group, NULL});
}

/* The ten fields of Redis 7; categories, tips, key specifications and subcommands are left empty. */
static void write_info(struct reply *out, const struct command *command) {
    static const char *const words[] = {"write", "readonly", "fast"};
    reply_head(out, '*', 10);
    write_name(out, command);
    reply_integer(out, command->arity);
    reply_set(out, (uint64_t)__builtin_popcount(command->flags & 7u));
    for (uint32_t i = 0; i < 3; i++) {
        if (command->flags & 1u << i) {
            reply_status(out, words[i]);
        }
    }
    reply_integer(out, command->first_key);
    reply_integer(out, command->last_key);
    reply_integer(out, command->step);
    reply_set(out, 0);
    for (uint32_t i = 0; i < 3; i++) {
        reply_head(out, '*', 0);
    }
}

typedef void write_fn(struct reply *out, const struct command *command);

/* Of all commands. */
static void write_all(struct call *call, write_fn *write, bool map) {
    uint32_t listed = 0;
    for (uint32_t i = 0; i < command_count; i++) {
        listed += command_is_listed(&commands[i]);
    }
    map ? reply_map(call->out, listed) : reply_head(call->out, '*', listed);
    for (uint32_t i = 0; i < command_count; i++) {
        if (command_is_listed(&commands[i])) {
            write(call->out, &commands[i]);
        }
    }
}

static const struct command *named(struct text name) {
    const struct command *command = command_find(&name, 1);
    return command != NULL && !(command->flags & COMMAND_INTERNAL) ? command : NULL;
}

void do_command(struct call *call) {
    call->count > 1 ? do_subcommand(call) : write_all(call, write_info, false);
}

void do_command_list(struct call *call) {
    write_all(call, write_name, false);
}

void do_command_count(struct call *call) {
    int64_t listed = 0;
    for (uint32_t i = 0; i < command_count; i++) {
        listed += command_is_listed(&commands[i]);
    }
    reply_integer(call->out, listed);
}

void do_command_info(struct call *call) {
    if (call->count == 2) {
        write_all(call, write_info, false);
        return;
    }
    reply_head(call->out, '*', call->count - 2);
    for (uint32_t i = 2; i < call->count; i++) {
        const struct command *command = named(call->args[i]);
        if (command != NULL) {
            write_info(call->out, command);
        } else {
            reply_raw(call->out, text_of(call->out->version == 3 ? "_\r\n" : "*-1\r\n"));
        }
    }
}

void do_command_docs(struct call *call) {
    uint32_t known = 0;
    if (call->count == 2) {
        write_all(call, write_doc, true);
        return;
    }
    for (uint32_t i = 2; i < call->count; i++) {
        known += named(call->args[i]) != NULL;
    }
    reply_map(call->out, known);
    for (uint32_t i = 2; i < call->count; i++) {
        if (named(call->args[i]) != NULL) {
            write_doc(call->out, named(call->args[i]));
        }
    }
}

void do_command_getkeys(struct call *call) {
    const struct text *args = call->args + 2;
    uint32_t count = call->count - 2;
    const struct command *command = command_find(args, count);
    if (command == NULL || (command->flags & COMMAND_INTERNAL)) {
        reply_error(call->out, "Invalid command specified");
    } else if (command->first_key == 0) {
        reply_error(call->out, "The command has no key arguments");
    } else if (!command_fits(command, count)) {
        reply_error(call->out, "Invalid number of arguments specified for command");
    } else {
        uint32_t end = command->last_key < 0 ? count : (uint32_t)command->last_key + 1;
        reply_head(call->out, '*', (end - command->first_key + command->step - 1) / command->step);
        for (uint32_t i = command->first_key; i < end; i += command->step) {
            reply_bulk(call->out, args[i]);
        }
    }
}

/* ---- CONFIG ---- */

void do_config_get(struct call *call) {
    const struct server_options *options = &call->server->options;
    char clients[24], bulk[24], port[24];
    snprintf(clients, sizeof clients, "%u", options->max_clients);
    snprintf(bulk, sizeof bulk, "%zu", options->max_value);
    snprintf(port, sizeof port, "%u", call->c->local.port);
    const char *const settings[][3] = {
        {"save", ""},
        {"appendonly", "no"},
        {"maxmemory", "0"},
        {"maxmemory-policy", "noeviction"},
        {"maxclients", clients},
        {"proto-max-bulk-len", bulk},
        {"databases", "1"},
        {"port", port},
        {"bind", options->bind != NULL ? options->bind : "*"},
        {"timeout", "0"},
    };
    struct reply found = {.ctx = call->out->ctx};
    uint32_t count = 0;
    for (uint32_t i = 0; i < RIM_COUNT(settings); i++) {
        bool wanted = false;
        for (uint32_t j = 2; j < call->count; j++) {
            wanted |= text_matches(text_of(settings[i][0]), call->args[j], true);
        }
        if (wanted) {
            count++;
            reply_strings(&found, settings[i]);
        }
    }
    reply_map(call->out, count);
    reply_raw(call->out, reply_text(&found));
    rim_buffer_clear(found.ctx, &found.text);
}

/* ---- INFO ---- */

static const char *const sections[] = {"server",   "clients", "memory",     "stats",   "ringmail",
                                       "keyspace", "all",     "everything", "default", NULL};
enum { SERVER, CLIENTS, MEMORY, STATS, RINGMAIL, KEYSPACE, ALL };

/* The first shard says which sections are wanted, each what it counts. */
void do_info(struct call *call) {
    int64_t wanted = call->count == 1 ? INT64_MAX : 0;
    for (uint32_t i = 1; i < call->count; i++) {
        int word = text_choice(call->args[i], sections);
        wanted |= word >= ALL ? INT64_MAX : word >= 0 ? 1 << word : 0;
    }
    call->shard->counts.store = call->store->counts;
    reply_integer(call->out, rim_shard_index(call->out->ctx) == 0 ? wanted : 0);
    reply_raw(call->out, (struct text){(const char *)&call->shard->counts, sizeof call->shard->counts});
}

static uint64_t resident_bytes(void) {
    unsigned long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        resident = fscanf(file, "%lu %lu", &all, &resident) == 2 ? resident : 0;
        fclose(file);
    }
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void line(struct reply *out, const char *name, uint64_t value) {
    rim_buffer_format(out->ctx, &out->text, "%s:%" PRIu64 "\r\n", name, value);
}

/* Whether the section is wanted, whose title is written then. */
static bool title(struct gather *gather, int section, struct reply *out) {
    if (gather->sum & 1 << section) {
        rim_buffer_format(out->ctx, &out->text, "%s# %c%s\r\n", out->text.size > 0 ? "\r\n" : "",
                          toupper((unsigned char)sections[section][0]), sections[section] + 1);
    }
    return gather->sum & 1 << section;
}

static void write_server(struct connection *c, struct reply *out) {
    uint64_t seconds = (c->used_ms - c->server->started_ms) / 1000;
    rim_buffer_format(out->ctx, &out->text,
                      "redis_version:%s\r\nredis_mode:standalone\r\nserver_name:ringmail-kv\r\nringmail_version:%s\r\n"
                      "multiplexing_api:%s\r\n",
                      SERVER_REDIS, rim_version(), rim_system_driver(rim_system_of(c->ctx)));
    line(out, "arch_bits", sizeof(void *) * 8);
    line(out, "process_id", (uint64_t)getpid());
    line(out, "tcp_port", c->local.port);
    line(out, "uptime_in_seconds", seconds);
    line(out, "uptime_in_days", seconds / 86400);
    line(out, "shards", c->server->count);
}

static void write_memory(struct connection *c, uint64_t bytes, struct reply *out) {
    rim_stats stats = {0};
    rim_system_stats(rim_system_of(c->ctx), RIM_ALL_SHARDS, &stats);
    line(out, "used_memory", bytes + stats.memory_bytes);
    line(out, "used_memory_rss", resident_bytes());
    line(out, "used_memory_dataset", bytes);
    line(out, "maxmemory", 0);
    reply_raw(out, text_of("maxmemory_policy:noeviction\r\n"));
}

/* Every counter of the runtime: the sum, and the figure of each shard. */
static void write_ringmail(struct connection *c, struct reply *out) {
    rim_system *system = rim_system_of(c->ctx);
    rim_buffer_format(out->ctx, &out->text, "driver:%s\r\nwake:%s\r\nshards:%u\r\n", rim_system_driver(system),
                      rim_system_wake(system), c->server->count);
    for (uint32_t shard = 0; shard <= c->server->count; shard++) {
        rim_stats stats = {0};
        char name[64];
        rim_system_stats(system, shard == 0 ? RIM_ALL_SHARDS : shard - 1, &stats);
        for (uint32_t i = 0; rim_stats_name(i) != NULL; i++) {
            snprintf(name, sizeof name, "shard%u_%s", shard - 1, rim_stats_name(i));
            line(out, shard == 0 ? rim_stats_name(i) : name, rim_stats_value(&stats, i));
        }
    }
}

static void write_counts(struct gather *gather, const struct shard_counts *counts, struct reply *out) {
    if (title(gather, STATS, out)) {
        line(out, "total_connections_received", counts->received);
        line(out, "total_commands_processed", counts->commands);
        line(out, "expired_keys", counts->store.expired);
        line(out, "keyspace_hits", counts->store.hits);
        line(out, "keyspace_misses", counts->store.misses);
    }
    if (title(gather, RINGMAIL, out)) {
        write_ringmail(gather->c, out);
    }
    if (title(gather, KEYSPACE, out) && counts->store.keys > 0) {
        rim_buffer_format(out->ctx, &out->text, "db0:keys=%" PRIu64 ",expires=%" PRIu64 ",avg_ttl=0\r\n",
                          counts->store.keys, counts->store.timed);
    }
}

void merge_info(struct gather *gather, struct reply *out) {
    struct shard_counts counts = {0};
    struct reply text = {.ctx = out->ctx};
    for (size_t at = 0; at < gather->text.size; at += sizeof(uint64_t)) {
        uint64_t count;
        memcpy(&count, gather->text.bytes + at, sizeof count);
        ((uint64_t *)&counts)[at % sizeof counts / sizeof count] += count;
    }
    if (title(gather, SERVER, &text)) {
        write_server(gather->c, &text);
    }
    if (title(gather, CLIENTS, &text)) {
        line(&text, "connected_clients", counts.connected);
        line(&text, "maxclients", gather->c->server->options.max_clients);
        line(&text, "blocked_clients", 0);
    }
    if (title(gather, MEMORY, &text)) {
        write_memory(gather->c, counts.store.bytes, &text);
    }
    write_counts(gather, &counts, &text);
    reply_verbatim(out, reply_text(&text));
    out->text.failed |= text.text.failed;
    rim_buffer_clear(out->ctx, &text.text);
}
