/* SPDX-License-Identifier: MIT */
/* Commands on the server: what it knows, what it is, and how it does. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <ringmail/stats.h>

#include "server.h"

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

/* The ten fields of Redis 7; categories, tips, key specifications and subcommands are left empty. */
static void write_info(struct reply *out, const struct command *command) {
    static const char *const words[] = {"write", "readonly", "fast"};
    reply_head(out, '*', 10);
    reply_bulk(out, text_of(command->name));
    reply_integer(out, command->arity);
    reply_head(out, '~', __builtin_popcount(command->flags & 7u));
    for (uint32_t i = 0; i < 3; i++) {
        if (command->flags & 1u << i) {
            reply_status(out, words[i]);
        }
    }
    const int64_t keys[] = {command->first_key, command->last_key, command->step};
    for (uint32_t i = 0; i < 3; i++) {
        reply_integer(out, keys[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        reply_head(out, i == 0 ? '~' : '*', 0);
    }
}

/* What `form` of COMMAND asks of each: INFO, DOCS, LIST, and COUNT, which wants to know no more. */
static void write_command(struct reply *out, const struct command *command, int form) {
    if (form == 0) {
        write_info(out, command);
    } else if (form < 3) {
        reply_bulk(out, text_of(command->name));
    }
    if (form == 1) {
        reply_head(out, '%', 2);
        reply_strings(out, (const char *const[]){"summary", command->summary, "group", command->group, NULL});
    }
}

/* Of those that are named, or of all, but for what is a part of another or not for clients. */
void do_command_about(struct call *call) {
    int form = call->command->form;
    bool all = call->count <= 2;
    struct reply list = {.ctx = call->out->ctx, .version = call->out->version};
    uint32_t count = 0;
    for (uint32_t i = 0; all && i < command_count; i++) {
        if (!(commands[i].flags & COMMAND_INTERNAL) && strchr(commands[i].name, '|') == NULL) {
            write_command(&list, &commands[i], form);
            count++;
        }
    }
    for (uint32_t i = 2; i < call->count; i++) {
        const struct command *command = command_find(&call->args[i], 1);
        bool known = command != NULL && !(command->flags & COMMAND_INTERNAL);
        if (known) {
            write_command(&list, command, form);
        } else if (form == 0) {
            reply_raw(&list, text_of(list.version == 3 ? "_\r\n" : "*-1\r\n"));
        }
        count += known || form == 0;
    }
    reply_head(call->out, form == 1 ? '%' : form == 3 ? ':' : '*', count);
    reply_raw(call->out, reply_text(&list));
    rim_buffer_clear(list.ctx, &list.text);
}

void do_command(struct call *call) {
    call->count > 1 ? do_subcommand(call) : do_command_about(call);
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
        uint32_t end = command_keys_end(command, count);
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
        {"timeout", "0"},
        {"bind", options->bind != NULL ? options->bind : "*"},
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
    reply_head(call->out, '%', count);
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

/* Every counter of the runtime: the sum, and the figure of each shard. */
static void write_ringmail(struct connection *c, rim_buffer *text) {
    rim_system *system = rim_system_of(c->ctx);
    rim_buffer_format(c->ctx, text, "driver:%s\r\nwake:%s\r\nshards:%u\r\n", rim_system_driver(system),
                      rim_system_wake(system), c->server->count);
    for (uint32_t shard = 0; shard <= c->server->count; shard++) {
        rim_stats stats = {0};
        char prefix[24] = "";
        rim_system_stats(system, shard == 0 ? RIM_ALL_SHARDS : shard - 1, &stats);
        if (shard > 0) {
            snprintf(prefix, sizeof prefix, "shard%u_", shard - 1);
        }
        for (uint32_t i = 0; rim_stats_name(i) != NULL; i++) {
            rim_buffer_format(c->ctx, text, "%s%s:%" PRIu64 "\r\n", prefix, rim_stats_name(i),
                              rim_stats_value(&stats, i));
        }
    }
}

static void write_section(struct connection *c, int section, const struct shard_counts *counts, rim_buffer *text) {
    const struct store_counts *keys = &counts->store;
    uint64_t seconds = (c->used_ms - c->server->started_ms) / 1000;
    rim_stats stats = {0};
    switch (section) {
    case SERVER:
        rim_buffer_format(c->ctx, text,
                          "redis_version:%s\r\nredis_mode:standalone\r\nserver_name:ringmail-kv\r\n"
                          "ringmail_version:%s\r\nmultiplexing_api:%s\r\narch_bits:%zu\r\nprocess_id:%d\r\n"
                          "tcp_port:%u\r\nuptime_in_seconds:%" PRIu64 "\r\nuptime_in_days:%" PRIu64 "\r\nshards:%u\r\n",
                          SERVER_REDIS, rim_version(), rim_system_driver(rim_system_of(c->ctx)), sizeof(void *) * 8,
                          (int)getpid(), c->local.port, seconds, seconds / 86400, c->server->count);
        break;
    case CLIENTS:
        rim_buffer_format(c->ctx, text, "connected_clients:%" PRIu64 "\r\nmaxclients:%u\r\nblocked_clients:0\r\n",
                          counts->connected, c->server->options.max_clients);
        break;
    case MEMORY:
        rim_system_stats(rim_system_of(c->ctx), RIM_ALL_SHARDS, &stats);
        rim_buffer_format(c->ctx, text,
                          "used_memory:%" PRIu64 "\r\nused_memory_rss:%" PRIu64 "\r\nused_memory_dataset:%" PRIu64
                          "\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n",
                          keys->bytes + stats.memory_bytes, resident_bytes(), keys->bytes);
        break;
    case STATS:
        rim_buffer_format(c->ctx, text,
                          "total_connections_received:%" PRIu64 "\r\ntotal_commands_processed:%" PRIu64
                          "\r\nexpired_keys:%" PRIu64 "\r\nkeyspace_hits:%" PRIu64 "\r\nkeyspace_misses:%" PRIu64
                          "\r\n",
                          counts->received, counts->commands, keys->expired, keys->hits, keys->misses);
        break;
    case RINGMAIL:
        write_ringmail(c, text);
        break;
    default:
        rim_buffer_format(c->ctx, text, keys->keys == 0 ? "" : "db0:keys=%" PRIu64 ",expires=%" PRIu64 ",avg_ttl=0\r\n",
                          keys->keys, keys->timed);
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
    for (int i = 0; i < ALL; i++) {
        if (gather->sum & 1 << i) {
            rim_buffer_format(out->ctx, &text.text, "%s# %c%s\r\n", text.text.size > 0 ? "\r\n" : "",
                              toupper((unsigned char)sections[i][0]), sections[i] + 1);
            write_section(gather->c, i, &counts, &text.text);
        }
    }
    reply_verbatim(out, reply_text(&text));
    out->text.failed |= text.text.failed;
    rim_buffer_clear(out->ctx, &text.text);
}
