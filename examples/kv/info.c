/* SPDX-License-Identifier: MIT */
#include "info.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ringmail/stats.h>

#include "reply.h"

void totals_add(struct totals *totals, const struct outcome *outcome) {
    if (outcome->kind == REPLY_CLIENTS) {
        memcpy(&totals->clients, outcome->bytes, sizeof totals->clients);
        return;
    }
    struct store_counts counts;
    memcpy(&counts, outcome->bytes, sizeof counts);
    totals->keys.keys += counts.keys;
    totals->keys.timed += counts.timed;
    totals->keys.bytes += counts.bytes;
    totals->keys.hits += counts.hits;
    totals->keys.misses += counts.misses;
    totals->keys.expired += counts.expired;
    totals->keys.operations += counts.operations;
}

static uint64_t resident_bytes(void) {
    unsigned long all = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%lu %lu", &all, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void write_server(struct connection *c, const struct totals *totals, struct buffer *out) {
    (void)totals;
    uint64_t seconds = (rim_wall_ms(c->ctx) - c->server->started_ms) / 1000;
    buffer_format(out, "redis_version:%s\r\nredis_mode:standalone\r\nserver_name:ringmail-kv\r\n", SERVER_REDIS);
    buffer_format(out, "ringmail_version:%s\r\nmultiplexing_api:%s\r\n", rim_version(),
                  rim_system_driver(rim_system_of(c->ctx)));
    buffer_format(out, "arch_bits:%zu\r\nprocess_id:%ld\r\ntcp_port:%u\r\n", sizeof(void *) * 8, (long)getpid(),
                  c->local.port);
    buffer_format(out, "uptime_in_seconds:%" PRIu64 "\r\nuptime_in_days:%" PRIu64 "\r\nshards:%u\r\n", seconds,
                  seconds / 86400, c->server->shards);
}

static void write_clients(struct connection *c, const struct totals *totals, struct buffer *out) {
    buffer_format(out, "connected_clients:%" PRIu64 "\r\nmaxclients:%u\r\nblocked_clients:0\r\n",
                  totals->clients.connected, c->server->options.max_clients);
}

static void write_memory(struct connection *c, const struct totals *totals, struct buffer *out) {
    rim_stats stats = {0};
    rim_system_stats(rim_system_of(c->ctx), RIM_ALL_SHARDS, &stats);
    buffer_format(out, "used_memory:%" PRIu64 "\r\nused_memory_rss:%" PRIu64 "\r\n",
                  totals->keys.bytes + stats.memory_bytes, resident_bytes());
    buffer_format(out, "used_memory_dataset:%" PRIu64 "\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n",
                  totals->keys.bytes);
}

static void write_stats(struct connection *c, const struct totals *totals, struct buffer *out) {
    (void)c;
    const struct store_counts *keys = &totals->keys;
    buffer_format(out, "total_connections_received:%" PRIu64 "\r\ntotal_commands_processed:%" PRIu64 "\r\n",
                  totals->clients.received, keys->operations);
    buffer_format(out, "expired_keys:%" PRIu64 "\r\nkeyspace_hits:%" PRIu64 "\r\nkeyspace_misses:%" PRIu64 "\r\n",
                  keys->expired, keys->hits, keys->misses);
}

/* Every counter of the runtime: its name, the sum, and the figure of each shard. */
static void write_ringmail(struct connection *c, const struct totals *totals, struct buffer *out) {
    rim_system *system = rim_system_of(c->ctx);
    uint32_t shards = rim_system_shards(system);
    (void)totals;
    buffer_format(out, "driver:%s\r\nwake:%s\r\nshards:%u\r\n", rim_system_driver(system), rim_system_wake(system),
                  shards);
    rim_stats sum = {0};
    rim_system_stats(system, RIM_ALL_SHARDS, &sum);
    for (uint32_t i = 0; rim_stats_name(i) != NULL; i++) {
        buffer_format(out, "%s:%" PRIu64 "\r\n", rim_stats_name(i), rim_stats_value(&sum, i));
    }
    for (uint32_t shard = 0; shard < shards; shard++) {
        rim_stats one = {0};
        rim_system_stats(system, shard, &one);
        for (uint32_t i = 0; rim_stats_name(i) != NULL; i++) {
            buffer_format(out, "shard%u_%s:%" PRIu64 "\r\n", shard, rim_stats_name(i), rim_stats_value(&one, i));
        }
    }
}

static void write_keyspace(struct connection *c, const struct totals *totals, struct buffer *out) {
    (void)c;
    if (totals->keys.keys > 0) {
        buffer_format(out, "db0:keys=%" PRIu64 ",expires=%" PRIu64 ",avg_ttl=0\r\n", totals->keys.keys,
                      totals->keys.timed);
    }
}

static const struct section {
    const char *name;
    const char *title;
    void (*write)(struct connection *c, const struct totals *totals, struct buffer *out);
} sections[] = {
    {"server", "Server", write_server},       {"clients", "Clients", write_clients},
    {"memory", "Memory", write_memory},       {"stats", "Stats", write_stats},
    {"ringmail", "Ringmail", write_ringmail}, {"keyspace", "Keyspace", write_keyspace},
};

#define SECTIONS (sizeof sections / sizeof sections[0])

void info_write(struct connection *c, const struct totals *totals, struct buffer *out) {
    struct buffer text = {0};
    for (uint32_t i = 0; i < SECTIONS; i++) {
        if (totals->sections & (1u << i)) {
            buffer_format(&text, "%s# %s\r\n", text.size > 0 ? "\r\n" : "", sections[i].title);
            sections[i].write(c, totals, &text);
        }
    }
    resp_verbatim(out, c->version, text.bytes, text.size);
    out->failed |= text.failed;
    buffer_clear(&text, 0);
}

static uint32_t wanted_sections(const struct call *call) {
    uint32_t wanted = call->count == 1 ? UINT32_MAX : 0;
    for (uint32_t i = 1; i < call->count; i++) {
        const struct resp_arg *arg = &call->args[i];
        if (resp_is(arg, "all") || resp_is(arg, "everything") || resp_is(arg, "default")) {
            wanted = UINT32_MAX;
        }
        for (uint32_t j = 0; j < SECTIONS; j++) {
            wanted |= resp_is(arg, sections[j].name) ? 1u << j : 0;
        }
    }
    return wanted;
}

bool run_info(struct connection *c, const struct call *call) {
    uint64_t number;
    struct totals *totals = calloc(1, sizeof *totals);
    if (totals == NULL || !connection_slot(c, SLOT_INFO, &number)) {
        free(totals);
        c->out.failed = true;
        return true;
    }
    totals->sections = wanted_sections(call);
    queue_at(&c->queue, number)->totals = totals;
    for (uint32_t i = 0; i < c->server->shards; i++) {
        connection_ask(c, number, &(struct ask){.op = OP_COUNTS, .shard = i});
    }
    connection_ask_server(c, number, SERVER_COUNT);
    return true;
}
