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
    struct reply list = {.version = call->out->version};
    uint32_t count = 0;
    for (uint32_t i = 0; all && i < command_count; i++) {
        if (!(commands[i].flags & (COMMAND_INTERNAL | COMMAND_PART))) {
            write_command(&list, &commands[i], form);
            count++;
        }
    }
    for (uint32_t i = 2; i < call->count; i++) {
        const struct command *command = command_named(call->args[i]);
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
    reply_free(&list);
}

void do_command(struct call *call) {
    call->count > 1 ? do_subcommand(call) : do_command_about(call);
}

/* ---- CONFIG ---- */

void do_config_get(struct call *call) {
    const struct server_options *options = &call->c->server->options;
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
    struct reply found = {.size = 0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < RIM_COUNT(settings); i++) {
        bool wanted = false;
        for (uint32_t j = 2; j < call->count; j++) {
            char pattern[64]; /* in lower case; no longer one would be of use */
            size_t size = call->args[j].size < sizeof pattern ? call->args[j].size : sizeof pattern;
            for (size_t k = 0; k < size; k++) {
                pattern[k] = (char)tolower((unsigned char)call->args[j].at[k]);
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

static const char *const sections[] = {"server",   "clients", "memory",     "stats",   "ringmail",
                                       "keyspace", "all",     "everything", "default", NULL};
enum { SERVER, CLIENTS, MEMORY, STATS, RINGMAIL, KEYSPACE, ALL_SECTIONS };

/* The first shard says which sections are wanted, each what it counts. */
void do_info(struct call *call) {
    int64_t wanted = call->count == 1 ? INT64_MAX : 0;
    for (uint32_t i = 1; i < call->count; i++) {
        int word = text_choice(call->args[i], sections);
        wanted |= word >= ALL_SECTIONS ? INT64_MAX : word >= 0 ? 1 << word : 0;
    }
    reply_integer(call->out, call->store->shard == 0 ? wanted : 0);
    reply_raw(call->out, (struct text){(const char *)&call->store->counts, sizeof call->store->counts});
}

/* Every counter of the runtime: the sum, and the figure of each shard. */
static void write_ringmail(rim_system *system, uint32_t shards, struct reply *out) {
    reply_format(out, "driver:%s\r\nwake:%s\r\nshards:%u\r\n", rim_system_driver(system), rim_system_wake(system),
                 shards);
    for (uint32_t shard = 0; shard <= shards; shard++) {
        rim_stats stats = {0};
        char prefix[24] = "";
        rim_system_stats(system, shard == 0 ? RIM_ALL_SHARDS : shard - 1, &stats);
        if (shard > 0) {
            snprintf(prefix, sizeof prefix, "shard%u_", shard - 1);
        }
        for (uint32_t i = 0; rim_stats_name(i) != NULL; i++) {
            reply_format(out, "%s%s:%" PRIu64 "\r\n", prefix, rim_stats_name(i), rim_stats_value(&stats, i));
        }
    }
}

static void write_section(struct connection *c, int section, const struct store_counts *counts, struct reply *out) {
    rim_system *system = rim_system_of(c->ctx);
    uint64_t seconds = (c->used_ms - c->server->started_ms) / 1000;
    rim_stats stats = {0};
    switch (section) {
    case SERVER:
        reply_format(out,
                     "redis_version:%s\r\nredis_mode:standalone\r\nserver_name:ringmail-kv\r\nringmail_version:%s\r\n"
                     "process_id:%d\r\ntcp_port:%u\r\nuptime_in_seconds:%" PRIu64 "\r\nuptime_in_days:%" PRIu64 "\r\n",
                     SERVER_REDIS, rim_version(), (int)getpid(), c->local.port, seconds, seconds / 86400);
        break;
    case CLIENTS:
        reply_format(out, "connected_clients:%" PRIu64 "\r\nmaxclients:%u\r\nblocked_clients:0\r\n", counts->connected,
                     c->server->options.max_clients);
        break;
    case MEMORY:
        rim_system_stats(system, RIM_ALL_SHARDS, &stats);
        reply_format(out, "used_memory:%" PRIu64 "\r\nused_memory_dataset:%" PRIu64 "\r\nmaxmemory:0\r\n",
                     counts->bytes + stats.memory_bytes, counts->bytes);
        break;
    case STATS:
        reply_format(out,
                     "total_connections_received:%" PRIu64 "\r\ntotal_commands_processed:%" PRIu64
                     "\r\nexpired_keys:%" PRIu64 "\r\nkeyspace_hits:%" PRIu64 "\r\nkeyspace_misses:%" PRIu64 "\r\n",
                     counts->received, counts->commands, counts->expired, counts->hits, counts->misses);
        break;
    case RINGMAIL:
        write_ringmail(system, c->server->count, out);
        break;
    default:
        reply_format(out, counts->keys == 0 ? "" : "db0:keys=%" PRIu64 ",expires=%" PRIu64 ",avg_ttl=0\r\n",
                     counts->keys, counts->timed);
    }
}

void merge_info(struct call *call, int64_t sum, struct text rest) {
    uint64_t counts[sizeof(struct store_counts) / sizeof(uint64_t)] = {0}, count;
    struct store_counts all;
    struct reply text = {.size = 0};
    for (size_t i = 0; i < rest.size / sizeof count; i++) {
        memcpy(&count, rest.at + i * sizeof count, sizeof count);
        counts[i % RIM_COUNT(counts)] += count;
    }
    memcpy(&all, counts, sizeof all);
    for (int i = 0; i < ALL_SECTIONS; i++) {
        if (sum & 1 << i) {
            reply_format(&text, "%s# %c%s\r\n", text.size > 0 ? "\r\n" : "", toupper((unsigned char)sections[i][0]),
                         sections[i] + 1);
            write_section(call->c, i, &all, &text);
        }
    }
    reply_verbatim(call->out, reply_text(&text));
    reply_free(&text);
}
