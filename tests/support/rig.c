/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "shard/turns.h"

static _Noreturn void give_up(const char *what) {
    perror(what);
    exit(2);
}

uint64_t rig_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- the driver ---- */

static void sleep_on(struct rig_member *member, uint64_t wait_ns) {
    struct timespec limit = {.tv_sec = (time_t)(wait_ns / 1000000000u), .tv_nsec = (long)(wait_ns % 1000000000u)};
    struct pollfd event = {.fd = member->event_fd, .events = POLLIN};
    member->driver.enters++;
    (void)ppoll(&event, 1, wait_ns == RIM_DRIVER_FOREVER ? NULL : &limit, NULL);
}

static void poll_event(struct rim__driver *driver, uint64_t wait_ns) {
    struct rig_member *member = rim__container_of(driver, struct rig_member, driver);
    uint64_t count;
    member->polls++;
    member->wished_ns = wait_ns;
    if (!member->is_real) {
        return;
    }
    if (wait_ns > 0) {
        sleep_on(member, wait_ns);
    }
    if (read(member->event_fd, &count, sizeof count) == sizeof count) {
        driver->wakes_received += count;
    }
}

static void wake(struct rim__driver *from, struct rim__driver *to) {
    const uint64_t one = 1;
    (void)from;
    struct rig_member *member = rim__container_of(to, struct rig_member, driver);
    atomic_fetch_add_explicit(&member->wakes, 1, memory_order_relaxed);
    if (write(member->event_fd, &one, sizeof one) != sizeof one) {
        give_up("write to an eventfd");
    }
}

static uint64_t now(struct rim__driver *driver) {
    const struct rig_member *member = rim__container_of(driver, struct rig_member, driver);
    return member->clock_ns != 0 ? member->clock_ns : rig_now();
}

static void close_driver(struct rim__driver *driver, uint64_t patience_ns) {
    (void)patience_ns;
    close(rim__container_of(driver, struct rig_member, driver)->event_fd);
}

static const struct rim__driver_ops driver_ops = {.poll = poll_event, .wake = wake, .now = now, .close = close_driver};

/* ---- hooks ---- */

static void release(struct rim__shard *shard, struct rim_msg *msg) {
    rim__msg_release(shard, msg);
}

static void run_nothing(struct rim__shard *shard, struct rim__task *task) {
    (void)shard;
    (void)task;
}

static void take_turns(struct rim__shard *shard) {
    rim__turns_take(shard, run_nothing);
}

static void do_nothing(struct rim__shard *shard) {
    (void)shard;
}

/* ---- life ---- */

static void init_member(struct rig *rig, uint32_t index, uint32_t parcels) {
    struct rim__shard *shard = aligned_alloc(RIM_CACHE_LINE, sizeof *shard);
    if (shard == NULL) {
        give_up("a shard");
    }
    *shard = (struct rim__shard){.index = 0};
    struct rim__shard_options options = {
        .index = index, .count = rig->count, .peers = rig->shards, .parcels = parcels, .seed = 1};
    if (rim__shard_init(shard, &options) != 0) {
        give_up("a shard's parts");
    }
    struct rig_member *member = &rig->members[index];
    *member = (struct rig_member){.shard = shard, .driver = {.ops = &driver_ops, .shard = shard}};
    member->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (member->event_fd < 0) {
        give_up("an eventfd");
    }
    shard->driver = &member->driver;
    shard->deliver = release;
    shard->turns = take_turns;
    shard->settle = do_nothing;
    shard->publish = do_nothing;
    rig->shards[index] = shard;
}

void rig_init(struct rig *rig, uint32_t count, uint32_t parcels) {
    *rig = (struct rig){.count = count};
    rig->shards = calloc(count, sizeof *rig->shards);
    rig->members = calloc(count, sizeof *rig->members);
    if (rig->shards == NULL || rig->members == NULL) {
        give_up("a rig");
    }
    for (uint32_t i = 0; i < count; i++) {
        init_member(rig, i, parcels);
    }
}

void rig_finish(struct rig *rig) {
    for (uint32_t i = 0; i < rig->count; i++) {
        rim__shard_finish(rig->shards[i]);
        rig->members[i].driver.ops->close(&rig->members[i].driver, 0);
    }
    for (uint32_t i = 0; i < rig->count; i++) {
        free(rig->shards[i]);
    }
    free(rig->shards);
    free(rig->members);
}

struct rig_member *rig_member_of(const struct rim__shard *shard) {
    return rim__container_of(shard->driver, struct rig_member, driver);
}

uint64_t rig_wakes(const struct rig *rig, uint32_t index) {
    return atomic_load_explicit(&rig->members[index].wakes, memory_order_relaxed);
}
