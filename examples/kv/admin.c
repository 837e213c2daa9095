/* SPDX-License-Identifier: MIT */
/* Commands on the server: what it is, how it does, and what it knows. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ringmail/stats.h>

#include "ask.h"
#include "connection.h"

/* ---- COMMAND ---- */

static void write_flags(struct resp_out *out, uint8_t flags) {
    static const char *const words[] = {"write", "readonly", "fast"};
    reply_set(out, (uint64_t)__builtin_popcount(flags));
    for (uint32_t i = 0; i < 3; i++) {
        if (flags & 1u << i) {
            reply_status(out, words[i]);
        }
    }
}

/* The ten fields of Redis 7; categories, tips, key specifications and subcommands are left empty. */
static void write_info(struct resp_out *out, const struct command *command) {
    reply_array(out, 10);
    reply_string(out, command->name);
    reply_integer(out, command->arity);
    write_flags(out, command->flags);
    reply_integer(out, command->first_key);
    reply_integer(out, command->last_key);
    reply_integer(out, command->step);
    reply_set(out, 0);
    for (uint32_t i = 0; i < 3; i++) {
        reply_array(out, 0);
    }
}

static void write_doc(struct resp_out *out, const struct command *command) {
    reply_string(out, command->name);
    reply_map(out, 2);
    reply_strings(out, (const char *const[]){"summary", command->summary, "group", command_group_of(command), NULL});
}

static void write_name(struct resp_out *out, const struct command *command) {
    reply_string(out, command->name);
}

typedef void write_fn(struct resp_out *out, const struct command *command);

static void write_all(struct resp_out *out, write_fn *write) {
    for (uint32_t i = 0; i < COMMAND_GROUPS; i++) {
        for (uint32_t j = 0; j < command_groups[i]->count; j++) {
            write(out, &command_groups[i]->commands[j]);
        }
    }
}

/* Writes the command that is argument `i`. False: there is none. */
static bool write_one(struct call *call, uint32_t i, write_fn *write) {
    const struct command *command = command_find(&call->c->server->commands, call_arg(call, i));
    if (command != NULL) {
        write(&call->out, command);
    }
    return command != NULL;
}

static void command_info(struct call *call) {
    reply_array(&call->out, call->count <= 2 ? call->c->server->commands.count : call->count - 2);
    if (call->count <= 2) {
        write_all(&call->out, write_info);
    }
    for (uint32_t i = 2; i < call->count; i++) {
        if (!write_one(call, i, write_info)) {
            call->out.version == 3 ? reply_null(&call->out) : reply_raw(&call->out, "*-1\r\n", 5);
        }
    }
}

static void command_docs(struct call *call) {
    uint32_t known = 0;
    for (uint32_t i = 2; i < call->count; i++) {
        known += command_find(&call->c->server->commands, call_arg(call, i)) != NULL;
    }
    reply_map(&call->out, call->count == 2 ? call->c->server->commands.count : known);
    if (call->count == 2) {
        write_all(&call->out, write_doc);
    }
    for (uint32_t i = 2; i < call->count; i++) {
        (void)write_one(call, i, write_doc);
    }
}

static bool run_command(struct call *call) {
    static const char *const words[] = {"info", "docs", "count", "list", NULL};
    switch (call->count == 1 ? 0 : text_choice(call_arg(call, 1), words)) {
    case 0:
        command_info(call);
        break;
    case 1:
        command_docs(call);
        break;
    case 2:
        reply_integer(&call->out, call->c->server->commands.count);
        break;
    case 3:
        reply_array(&call->out, call->c->server->commands.count);
        write_all(&call->out, write_name);
        break;
    default:
        reply_unknown_subcommand(&call->out, "COMMAND", call_arg(call, 1));
    }
    return true;
}

/* ---- CONFIG ---- */

static void config_get(struct call *call) {
    const struct server_options *options = &call->c->server->options;
    char clients[24], bulk[24], port[24];
    snprintf(clients, sizeof clients, "%u", options->max_clients);
    snprintf(bulk, sizeof bulk, "%zu", options->max_value);
    snprintf(port, sizeof port, "%u", call->c->client.local.port);
    const char *const settings[][2] = {
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
    struct resp_out found = {.ctx = call->out.ctx};
    uint32_t count = 0;
    for (uint32_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        bool wanted = false;
        for (uint32_t j = 2; j < call->count; j++) {
            wanted |= text_matches(text_of(settings[i][0]), call_arg(call, j), true);
        }
        if (wanted) {
            count++;
            reply_string(&found, settings[i][0]);
            reply_string(&found, settings[i][1]);
        }
    }
    reply_map(&call->out, count);
    reply_raw(&call->out, found.text.bytes, found.text.size);
    rim_buffer_clear(found.ctx, &found.text);
}

static bool run_config(struct call *call) {
    if (!text_is(call_arg(call, 1), "get")) {
        reply_unknown_subcommand(&call->out, "CONFIG", call_arg(call, 1));
    } else if (call->count < 3) {
        reply_wrong_arity(&call->out, "config|get");
    } else {
        config_get(call);
    }
    return true;
}

/* ---- INFO: put together from what the keepers and the server's actor count ---- */

enum { SERVER = 1 << 0, CLIENTS = 1 << 1, MEMORY = 1 << 2, STATS = 1 << 3, RINGMAIL = 1 << 4, KEYSPACE = 1 << 5 };

/* The gather's text. */
struct totals {
    struct store_counts keys;
    struct client_counts clients;
};

/* Each answer is a row of counters, which are added; which row it is, its length says. */
static void take_counts(struct gather *gather UNUSED, struct resp_out *text, struct text answer) {
    struct totals *totals = (struct totals *)text->text.bytes;
    struct text counts = resp_shift(&answer);
    uint64_t *sums = counts.size == sizeof totals->clients ? (uint64_t *)&totals->clients : (uint64_t *)&totals->keys;
    for (size_t i = 0; i < counts.size / sizeof *sums; i++) {
        uint64_t count;
        memcpy(&count, counts.at + i * sizeof count, sizeof count);
        sums[i] += count;
    }
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

static void line(struct resp_out *out, const char *name, uint64_t value) {
    rim_buffer_format(out->ctx, &out->text, "%s:%" PRIu64 "\r\n", name, value);
}

static void title(struct resp_out *out, const char *name) {
    rim_buffer_format(out->ctx, &out->text, "%s# %s\r\n", out->text.size > 0 ? "\r\n" : "", name);
}

static void write_server(struct connection *c, struct resp_out *out) {
    uint64_t seconds = (rim_wall_ms(c->ctx) - c->server->started_ms) / 1000;
    title(out, "Server");
    rim_buffer_format(out->ctx, &out->text,
                      "redis_version:%s\r\nredis_mode:standalone\r\nserver_name:ringmail-kv\r\nringmail_version:%s\r\n"
                      "multiplexing_api:%s\r\n",
                      SERVER_REDIS, rim_version(), rim_system_driver(rim_system_of(c->ctx)));
    line(out, "arch_bits", sizeof(void *) * 8);
    line(out, "process_id", (uint64_t)getpid());
    line(out, "tcp_port", c->client.local.port);
    line(out, "uptime_in_seconds", seconds);
    line(out, "uptime_in_days", seconds / 86400);
    line(out, "shards", c->server->shards);
}

static void write_memory(struct connection *c, const struct store_counts *keys, struct resp_out *out) {
    rim_stats stats = {0};
    rim_system_stats(rim_system_of(c->ctx), RIM_ALL_SHARDS, &stats);
    title(out, "Memory");
    line(out, "used_memory", keys->bytes + stats.memory_bytes);
    line(out, "used_memory_rss", resident_bytes());
    line(out, "used_memory_dataset", keys->bytes);
    line(out, "maxmemory", 0);
    rim_buffer_format(out->ctx, &out->text, "maxmemory_policy:noeviction\r\n");
}

static void write_stats(const struct totals *totals, struct resp_out *out) {
    title(out, "Stats");
    line(out, "total_connections_received", totals->clients.received);
    line(out, "total_commands_processed", totals->keys.operations);
    line(out, "expired_keys", totals->keys.expired);
    line(out, "keyspace_hits", totals->keys.hits);
    line(out, "keyspace_misses", totals->keys.misses);
}

/* Every counter of the runtime: the sum, and the figure of each shard. */
static void write_ringmail(struct connection *c, struct resp_out *out) {
    rim_system *system = rim_system_of(c->ctx);
    uint32_t shards = rim_system_shards(system);
    title(out, "Ringmail");
    rim_buffer_format(out->ctx, &out->text, "driver:%s\r\nwake:%s\r\n", rim_system_driver(system),
                      rim_system_wake(system));
    line(out, "shards", shards);
    for (uint32_t shard = 0; shard <= shards; shard++) {
        rim_stats stats = {0};
        char name[64];
        rim_system_stats(system, shard == 0 ? RIM_ALL_SHARDS : shard - 1, &stats);
        for (uint32_t i = 0; rim_stats_name(i) != NULL; i++) {
            snprintf(name, sizeof name, "shard%u_%s", shard - 1, rim_stats_name(i));
            line(out, shard == 0 ? rim_stats_name(i) : name, rim_stats_value(&stats, i));
        }
    }
}

/* The sum of the gather says which sections are wanted. */
static void reply_info(struct gather *gather, struct resp_out *out) {
    struct connection *c = gather->c;
    const struct totals *totals = (const struct totals *)gather->text.bytes;
    struct resp_out text = {.ctx = c->ctx};
    if (gather->sum & SERVER) {
        write_server(c, &text);
    }
    if (gather->sum & CLIENTS) {
        title(&text, "Clients");
        line(&text, "connected_clients", totals->clients.connected);
        line(&text, "maxclients", c->server->options.max_clients);
        line(&text, "blocked_clients", 0);
    }
    if (gather->sum & MEMORY) {
        write_memory(c, &totals->keys, &text);
    }
    if (gather->sum & STATS) {
        write_stats(totals, &text);
    }
    if (gather->sum & RINGMAIL) {
        write_ringmail(c, &text);
    }
    if (gather->sum & KEYSPACE) {
        title(&text, "Keyspace");
    }
    if ((gather->sum & KEYSPACE) && totals->keys.keys > 0) {
        rim_buffer_format(c->ctx, &text.text, "db0:keys=%" PRIu64 ",expires=%" PRIu64 ",avg_ttl=0\r\n",
                          totals->keys.keys, totals->keys.timed);
    }
    reply_verbatim(out, resp_text(&text));
    out->text.failed |= text.text.failed;
    rim_buffer_clear(c->ctx, &text.text);
}

static bool run_info(struct call *call) {
    static const char *const words[] = {"server",   "clients", "memory",     "stats",   "ringmail",
                                        "keyspace", "all",     "everything", "default", NULL};
    static const struct totals none;
    struct call counts = *call;
    struct gather *gather = gather_begin(call, take_counts, reply_info);
    if (gather == NULL) {
        return true;
    }
    (void)rim_buffer_add(call->c->ctx, &gather->text, &none, sizeof none);
    gather->sum = call->count == 1 ? INT64_MAX : 0;
    for (uint32_t i = 1; i < call->count; i++) {
        int word = text_choice(call_arg(call, i), words);
        gather->sum |= word < 0 ? 0 : word > 5 ? INT64_MAX : 1 << word;
    }
    counts.count = 1; /* the keepers are not told the sections */
    gather_ask_shards(&counts, gather, &command_counts);
    gather->pending++;
    connection_ask(call->c, &(struct question){.target = target_gather(gather),
                                               .to = call->c->server->self,
                                               .command = &command_client_counts});
    return true;
}

/* clang-format off */
static const struct command commands[] = {
    {"command", -1, run_command, NULL, 0, 0, 0, 0, 0, "Get details about the commands"},
    {"config", -2, run_config, NULL, 0, 0, 0, 0, 0, "Get the values of configuration parameters"},
    {"info", -1, run_info, NULL, 0, 0, 0, 0, 0, "Get information and statistics about the server"},
};
/* clang-format on */

const struct command_group server_commands = {"server", commands, sizeof commands / sizeof commands[0]};
