/* SPDX-License-Identifier: MIT */
#include "ringmail/ffi.h"

#include <errno.h>
#include <string.h>

#include "ringmail.h"

struct field {
    const char *name;
    uint32_t offset, size;
};

struct type {
    const char *name;
    size_t size;
};

struct value {
    const char *name;
    int64_t value;
};

#define TYPE(T)                                                                                                        \
    { #T, sizeof(T) }
#define FIELD(T, F)                                                                                                    \
    { #T "." #F, offsetof(T, F), sizeof(((T *)0)->F) }
#define VALUE(V)                                                                                                       \
    { #V, V }

static const struct type types[] = {
    TYPE(rim_config),        TYPE(rim_stop_report), TYPE(rim_spawn_options), TYPE(rim_behaviour),  TYPE(rim_exit),
    TYPE(rim_port_options),  TYPE(rim_port_ask),    TYPE(rim_port_item),     TYPE(rim_down_event), TYPE(rim_exit_event),
    TYPE(rim_refused_event), TYPE(rim_room_event),  TYPE(rim_timer_event),   TYPE(rim_stats),      TYPE(rim_ask),
};

static const struct field fields[] = {
    FIELD(rim_config, shards),
    FIELD(rim_config, cpus),
    FIELD(rim_config, cpu_count),
    FIELD(rim_config, no_pin),
    FIELD(rim_config, embedded),
    FIELD(rim_config, embedded_shards),
    FIELD(rim_config, driver),
    FIELD(rim_config, wake),
    FIELD(rim_config, spin_us),
    FIELD(rim_config, mailbox_count),
    FIELD(rim_config, mailbox_bytes),
    FIELD(rim_config, budget),
    FIELD(rim_config, turn_us),
    FIELD(rim_config, parcels),
    FIELD(rim_config, buffers),
    FIELD(rim_config, buffer_bytes),
    FIELD(rim_config, ring_entries),
    FIELD(rim_config, helpers),
    FIELD(rim_config, jobs),
    FIELD(rim_config, seed),
    FIELD(rim_config, log_level),
    FIELD(rim_config, log),
    FIELD(rim_config, log_arg),

    FIELD(rim_stop_report, lost),
    FIELD(rim_stop_report, dead),
    FIELD(rim_stop_report, killed),
    FIELD(rim_stop_report, adds_up),
    FIELD(rim_stop_report, leaks),
    FIELD(rim_stop_report, held_up_by),

    FIELD(rim_spawn_options, place),
    FIELD(rim_spawn_options, shard),
    FIELD(rim_spawn_options, hash),
    FIELD(rim_spawn_options, mailbox_count),
    FIELD(rim_spawn_options, mailbox_bytes),
    FIELD(rim_spawn_options, memory_bytes),
    FIELD(rim_spawn_options, budget),
    FIELD(rim_spawn_options, overflow),
    FIELD(rim_spawn_options, stash_count),
    FIELD(rim_spawn_options, trap_exit),
    FIELD(rim_spawn_options, link),
    FIELD(rim_spawn_options, monitor),
    FIELD(rim_spawn_options, monitor_cookie),
    FIELD(rim_spawn_options, monitor_out),
    FIELD(rim_spawn_options, name),

    FIELD(rim_behaviour, name),
    FIELD(rim_behaviour, state_size),
    FIELD(rim_behaviour, on),
    FIELD(rim_behaviour, on_count),
    FIELD(rim_behaviour, protocol),
    FIELD(rim_behaviour, init),
    FIELD(rim_behaviour, exit),
    FIELD(rim_behaviour, other),
    FIELD(rim_behaviour, version),

    FIELD(rim_exit, code),
    FIELD(rim_exit, text),

    FIELD(rim_port_options, capacity),
    FIELD(rim_port_options, bytes),
    FIELD(rim_port_options, shard),
    FIELD(rim_port_options, trap_exit),
    FIELD(rim_port_options, name),

    FIELD(rim_port_ask, to),
    FIELD(rim_port_ask, tag),
    FIELD(rim_port_ask, body),
    FIELD(rim_port_ask, size),
    FIELD(rim_port_ask, timeout_ns),
    FIELD(rim_port_ask, cookie),

    FIELD(rim_port_item, kind),
    FIELD(rim_port_item, tag),
    FIELD(rim_port_item, from),
    FIELD(rim_port_item, request),
    FIELD(rim_port_item, cookie),
    FIELD(rim_port_item, body),
    FIELD(rim_port_item, size),
    FIELD(rim_port_item, error),

    FIELD(rim_ask, to),
    FIELD(rim_ask, tag),
    FIELD(rim_ask, body),
    FIELD(rim_ask, size),
    FIELD(rim_ask, msg),
    FIELD(rim_ask, timeout_ns),
    FIELD(rim_ask, on_outcome),
    FIELD(rim_ask, cookie),

    FIELD(rim_down_event, monitor),
    FIELD(rim_down_event, who),
    FIELD(rim_down_event, cookie),
    FIELD(rim_down_event, code),
    FIELD(rim_down_event, text),

    FIELD(rim_exit_event, from),
    FIELD(rim_exit_event, code),
    FIELD(rim_exit_event, linked),
    FIELD(rim_exit_event, text),

    FIELD(rim_refused_event, who),
    FIELD(rim_refused_event, tag),
    FIELD(rim_refused_event, error),
    FIELD(rim_refused_event, count),

    FIELD(rim_room_event, who),

    FIELD(rim_timer_event, timer),
    FIELD(rim_timer_event, cookie),
    FIELD(rim_timer_event, missed),
};

#define ERROR_VALUE(name, number, text) {#name, number},
static const struct value values[] = {
    RIM_ERRORS(ERROR_VALUE) VALUE(RIM_DONE),
    VALUE(RIM_STOP),
    VALUE(RIM_FAIL),
    VALUE(RIM_TIMER),
    VALUE(RIM_ROOM),
    VALUE(RIM_REFUSED),
    VALUE(RIM_CLOSING),
    VALUE(RIM_DEAD_LETTER),
    VALUE(RIM_DOWN),
    VALUE(RIM_EXIT_SIGNAL),
    VALUE(RIM_DRAIN),
    VALUE(RIM_USER),
    VALUE(RIM_EXIT_NORMAL),
    VALUE(RIM_EXIT_SHUTDOWN),
    VALUE(RIM_EXIT_KILLED),
    VALUE(RIM_EXIT_FAILED),
    VALUE(RIM_EXIT_NOMEM),
    VALUE(RIM_EXIT_INIT),
    VALUE(RIM_EXIT_NOACTOR),
    VALUE(RIM_EXIT_USER),
    VALUE(RIM_HERE),
    VALUE(RIM_ON_SHARD),
    VALUE(RIM_LEAST_LOADED),
    VALUE(RIM_BY_HASH),
    VALUE(RIM_DRIVER_AUTO),
    VALUE(RIM_DRIVER_URING),
    VALUE(RIM_DRIVER_EPOLL),
    VALUE(RIM_DRIVER_SIM),
    VALUE(RIM_PORT_MESSAGE),
    VALUE(RIM_PORT_REQUEST),
    VALUE(RIM_PORT_OUTCOME),
    VALUE(RIM_PORT_EVENT),
    VALUE(RIM_LOG_ERROR),
    VALUE(RIM_LOG_WARNING),
    VALUE(RIM_LOG_NOTICE),
    VALUE(RIM_LOG_DEBUG),
};

size_t rim_ffi_size(const char *type) {
    for (uint32_t i = 0; i < RIM_COUNT(types); i++) {
        if (strcmp(types[i].name, type) == 0) {
            return types[i].size;
        }
    }
    return 0;
}

int rim_ffi_field(const char *name, uint32_t *offset, uint32_t *size) {
    for (uint32_t i = 0; i < RIM_COUNT(fields); i++) {
        if (strcmp(fields[i].name, name) == 0) {
            *offset = fields[i].offset;
            *size = fields[i].size;
            return 0;
        }
    }
    return -ENOENT;
}

int rim_ffi_value(const char *name, int64_t *value) {
    for (uint32_t i = 0; i < RIM_COUNT(values); i++) {
        if (strcmp(values[i].name, name) == 0) {
            *value = values[i].value;
            return 0;
        }
    }
    return -ENOENT;
}
