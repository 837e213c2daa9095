/* SPDX-License-Identifier: MIT */
/*
 * A spec as one flat block: the head, its children, then their arguments, each at a multiple of 16. A child that is a
 * supervisor has its own pack as its argument, so that it can be sent on as it is.
 */
#include <string.h>

#include "actor/supervisor.h"

#define ALIGN(size)         (((size_t)(size) + 15) & ~(size_t)15)
#define DEFAULT_STOP_NS     RIM_SECONDS(5)
#define DEFAULT_INTENSITY   1
#define DEFAULT_PERIOD_NS   RIM_SECONDS(5)
#define QUIET_TIMES_BACKOFF 10

static size_t arg_size(const rim_child *child) {
    return child->supervisor != NULL ? rim__pack_size(child->supervisor) : child->size;
}

size_t rim__pack_size(const rim_supervisor_spec *spec) {
    size_t size = ALIGN(sizeof(struct rim__pack) + spec->child_count * sizeof(struct rim__pack_child));
    for (uint32_t i = 0; i < spec->child_count; i++) {
        size += ALIGN(arg_size(&spec->children[i]));
    }
    return size;
}

static void write_child(const rim_child *child, struct rim__pack *pack, struct rim__pack_child *out, size_t at) {
    bool is_supervisor = child->supervisor != NULL;
    *out = (struct rim__pack_child){
        .behaviour = is_supervisor ? NULL : child->behaviour,
        .at = (uint32_t)at,
        .size = (uint32_t)arg_size(child),
        .restart = (uint8_t)child->restart,
        .stop = (uint8_t)child->stop,
        .significant = child->significant,
        .stop_ns = child->stop_ns != 0 ? child->stop_ns
                   : is_supervisor     ? RIM_FOREVER
                                       : DEFAULT_STOP_NS,
    };
    if (child->id != NULL) {
        strncpy(out->id, child->id, sizeof out->id - 1);
    }
    if (child->options != NULL) {
        out->options = *child->options;
    } else if (is_supervisor && child->supervisor->options != NULL) {
        out->options = *child->supervisor->options;
    }
    if (out->options.name != NULL) { /* a pointer of the caller's: only its text goes along */
        strncpy(out->name, out->options.name, sizeof out->name - 1);
        out->options.name = NULL;
    }
    unsigned char *arg = (unsigned char *)pack + at;
    if (is_supervisor) {
        rim__pack_write(child->supervisor, arg);
    } else if (child->size > 0) {
        memcpy(arg, child->arg, child->size);
    }
}

void rim__pack_write(const rim_supervisor_spec *spec, void *block) {
    struct rim__pack *pack = block;
    bool is_default = spec->period_ns == 0;
    size_t at = ALIGN(sizeof *pack + spec->child_count * sizeof pack->children[0]);
    uint64_t max_ns = spec->backoff_max_ns > spec->backoff_min_ns ? spec->backoff_max_ns : spec->backoff_min_ns;
    *pack = (struct rim__pack){
        .size = (uint32_t)rim__pack_size(spec),
        .child_count = spec->child_count,
        .strategy = (uint8_t)spec->strategy,
        .auto_shutdown = (uint8_t)spec->auto_shutdown,
        .drain_on_closing = spec->drain_on_closing,
        .intensity = is_default ? DEFAULT_INTENSITY : spec->intensity,
        .period_ns = is_default ? DEFAULT_PERIOD_NS : spec->period_ns,
        .backoff_min_ns = spec->backoff_min_ns,
        .backoff_max_ns = max_ns,
        .backoff_quiet_ns = spec->backoff_quiet_ns != 0 ? spec->backoff_quiet_ns : QUIET_TIMES_BACKOFF * max_ns,
    };
    for (uint32_t i = 0; i < spec->child_count; i++) {
        write_child(&spec->children[i], pack, &pack->children[i], at);
        at += ALIGN(pack->children[i].size);
    }
}

const struct rim__pack *rim__pack_read(const void *block, size_t size) {
    const struct rim__pack *pack = block;
    if (size < sizeof *pack || pack->size != size) {
        return NULL;
    }
    return pack;
}
