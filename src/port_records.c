/* SPDX-License-Identifier: MIT */
/*
 * The requests of a port, by index. A handle is kind, index and generation, so that an old one finds nothing.
 */
#include <stdlib.h>

#include "port.h"

#define GENERATION_BITS RIM_GENERATION_BITS
#define GENERATION_MASK ((1u << GENERATION_BITS) - 1)
#define RECORDS_MAX     (1u << 22)

static bool grow(struct rim_port *port) {
    uint32_t max = port->record_max == 0 ? 16 : port->record_max * 2;
    struct rim__port_record **records = realloc(port->records, max * sizeof *records);
    port->records = records != NULL ? records : port->records;
    uint32_t *generations = realloc(port->generations, max * sizeof *generations);
    port->generations = generations != NULL ? generations : port->generations;
    if (records == NULL || generations == NULL || max > RECORDS_MAX) {
        return false;
    }
    for (uint32_t i = port->record_max; i < max; i++) {
        records[i] = NULL;
        generations[i] = 0;
    }
    port->record_max = max;
    return true;
}

/* The next free index, round and round; record_max: none. */
static uint32_t find_free(const struct rim_port *port) {
    if (port->record_count == port->record_max) {
        return port->record_max;
    }
    uint32_t index = port->record_hint;
    while (port->records[index % port->record_max] != NULL) {
        index++;
    }
    return index % port->record_max;
}

struct rim__port_record *rim__port_record_make(struct rim_port *port) {
    if (port->record_count == port->record_max && !grow(port)) {
        return NULL;
    }
    struct rim__port_record *record = calloc(1, sizeof *record);
    if (record == NULL) {
        return NULL;
    }
    uint32_t index = find_free(port);
    port->records[index] = record;
    port->record_hint = index + 1;
    port->record_count++;
    record->handle = rim__ref_make(RIM_REF_REQUEST, 0, (uint64_t)index << GENERATION_BITS | port->generations[index]);
    record->outcome.record = record;
    record->outcome.item.kind = RIM_PORT_OUTCOME;
    record->outcome.item.request = record->handle;
    return record;
}

struct rim__port_record *rim__port_record_find(const struct rim_port *port, uint64_t handle) {
    uint64_t index = rim__ref_local(handle) >> GENERATION_BITS;
    struct rim__port_record *record = index < port->record_max ? port->records[index] : NULL;
    return record != NULL && record->handle == handle ? record : NULL;
}

void rim__port_record_free(struct rim_port *port, struct rim__port_record *record) {
    uint64_t index = rim__ref_local(record->handle) >> GENERATION_BITS;
    port->records[index] = NULL;
    port->generations[index] = (port->generations[index] + 1) & GENERATION_MASK;
    port->record_count--;
    port->cancelled -= record->cancelled;
    free(record->outcome.block);
    free(record);
}

/* Of a cancelled one. */
static bool is_free_to_go(struct rim__port_record *record) {
    uint32_t acked = record->ack_is_due ? atomic_load(&record->acked) : RIM_PORT_OUTCOME_PUSHED;
    return acked == RIM_PORT_NO_OUTCOME || (acked == RIM_PORT_OUTCOME_PUSHED && record->is_popped);
}

void rim__port_record_popped(struct rim_port *port, struct rim__port_record *record) {
    record->is_popped = true;
    if (is_free_to_go(record)) {
        rim__port_record_free(port, record);
    }
}

void rim__port_record_sweep(struct rim_port *port) {
    for (uint32_t i = 0; port->cancelled > 0 && i < port->record_max; i++) {
        struct rim__port_record *record = port->records[i];
        if (record != NULL && record->cancelled && is_free_to_go(record)) {
            rim__port_record_free(port, record);
        }
    }
}
