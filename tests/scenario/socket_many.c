/* SPDX-License-Identifier: MIT */
/* Many connections at once; and the end of a system in the middle of it all. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "socket_world.h"

#define WINDOW 64u /* connects under way at once */

struct crowd {
    struct scenario *s;
    uint32_t total;
    bool stops_midway; /* done while everything is moving */
};

struct boss {
    struct crowd *crowd;
    uint16_t port;
    uint32_t started, open, echoed, closed;
    rim_ref *sockets;
};

static const char hello[] = "hello, hello";

static void connect_some(rim_ctx *ctx, struct boss *boss) {
    while (boss->started < boss->crowd->total && boss->started - boss->open < WINDOW) {
        boss->sockets[boss->started++] = socket_world_connect(ctx, boss->crowd->s, "127.0.0.1", boss->port);
    }
}

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct boss *boss = self;
    boss->crowd = socket_world_of(arg);
    boss->sockets = rim_alloc(ctx, boss->crowd->total * sizeof *boss->sockets);
    socket_world_listen(ctx, boss->crowd->s, &socket_world_echo, NULL);
    return RIM_DONE;
}

static rim_verdict boss_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    boss->port = ((const rim_listening_event *)body)->address.port;
    connect_some(ctx, boss);
    return RIM_DONE;
}

static rim_verdict boss_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    const rim_open_event *event = body;
    boss->open++;
    SCENARIO_CHECK(boss->crowd->s, rim_socket_write(ctx, event->socket, hello, sizeof hello) == 0);
    connect_some(ctx, boss);
    return RIM_DONE;
}

static void close_all(rim_ctx *ctx, struct boss *boss) {
    for (uint32_t i = 0; i < boss->crowd->total; i++) {
        SCENARIO_CHECK(boss->crowd->s, rim_socket_close(ctx, boss->sockets[i]) == 0);
    }
}

/* Each byte that came back counts; in the scenario that stops midway it is sent once more. */
static rim_verdict boss_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct boss *boss = self;
    boss->echoed += (uint32_t)rim_size(msg);
    uint32_t all = boss->crowd->total * (uint32_t)sizeof hello;
    if (boss->crowd->stops_midway) {
        (void)rim_socket_write(ctx, rim_sender(ctx), body, rim_size(msg));
        if (boss->echoed >= 4 * all) {
            boss->echoed = 0;
            scenario_done(ctx);
        }
    } else if (boss->echoed == all) {
        close_all(ctx, boss);
    }
    return RIM_DONE;
}

static rim_verdict boss_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    const rim_closed_event *event = body;
    SCENARIO_CHECK(boss->crowd->s, event->error == 0 || boss->crowd->stops_midway);
    if (!boss->crowd->stops_midway) {
        SCENARIO_CHECK(boss->crowd->s, event->sent == sizeof hello && event->received == sizeof hello);
        boss->closed++;
        if (boss->closed == boss->crowd->total) {
            scenario_done(ctx);
        }
    }
    return RIM_DONE;
}

static const rim_handler boss_rows[] = {
    [RIM_LISTENING] = boss_listening,
    [RIM_SOCKET_OPEN] = boss_open,
    [RIM_SOCKET_DATA] = boss_data,
    [RIM_SOCKET_CLOSED] = boss_closed,
};

static const rim_behaviour boss = {
    .name = "boss",
    .state_size = sizeof(struct boss),
    .on = boss_rows,
    .on_count = RIM_COUNT(boss_rows),
    .init = boss_init,
};

/* Static, because the boss looks at it until the system has stopped. */
static void run(struct crowd crowd) {
    static struct crowd running;
    running = crowd;
    socket_world_run(crowd.s, &boss, &running);
}

/* Two descriptors for each. */
static bool has_descriptors(const struct scenario *s, rlim_t count) {
    struct rlimit limit;
    if (scenario_is_sim(s) || getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count) {
        return true;
    }
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_max < count || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        printf("skipped: a thousand connections: no more than %llu files may be open here (ulimit -n)\n",
               (unsigned long long)limit.rlim_max);
        return false;
    }
    return true;
}

void socket_a_thousand_connections(struct scenario *s) {
    if (has_descriptors(s, 2200)) {
        run((struct crowd){.s = s, .total = 1000});
    }
}

/* What is asserted is the harness's: everything comes home, the counters add up, and nothing was cut off. */
void socket_stop_with_open_connections(struct scenario *s) {
    run((struct crowd){.s = s, .total = 20, .stops_midway = true});
}
