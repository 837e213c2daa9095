/* SPDX-License-Identifier: MIT */
/* The process has no descriptors left: the listener waits, does not spin, and goes on when there are some. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_world.h"

#define CLIENTS    3u
#define TRIES_MAX  200u /* of a listener that does not spin, in a third of a second */
#define WITHOUT_NS RIM_MS(350)
#define LOOK_NS    RIM_MS(10)

enum { BEFORE, WITHOUT, AFTER };

struct crowd {
    struct scenario *s;
    int clients[CLIENTS];
    bool answered[CLIENTS];
    struct rlimit limit;
    uint64_t operations;
    uint32_t phase, answers;
};

#define CROWD_CHECK(condition) SCENARIO_CHECK(crowd->s, condition)

static rim_verdict crowd_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct crowd *crowd = self;
    crowd->s = socket_world_of(arg);
    (void)socket_world_listen(ctx, crowd->s, &socket_world_echo, NULL);
    return RIM_DONE;
}

static uint64_t operations(rim_ctx *ctx) {
    rim_stats stats;
    return rim_system_stats(rim_system_of(ctx), 0, &stats) == 0 ? stats.operations : 0; /* as it was a moment ago */
}

static rim_verdict crowd_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct crowd *crowd = self;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(((const rim_listening_event *)body)->address.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)msg;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        crowd->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CROWD_CHECK(crowd->clients[i] >= 0);
    }
    CROWD_CHECK(getrlimit(RLIMIT_NOFILE, &crowd->limit) == 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = crowd->limit.rlim_max};
    CROWD_CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0); /* what is open stays so */
    for (uint32_t i = 0; i < CLIENTS; i++) {
        CROWD_CHECK(connect(crowd->clients[i], (const struct sockaddr *)&address, sizeof address) == 0);
        CROWD_CHECK(send(crowd->clients[i], "x", 1, MSG_NOSIGNAL) == 1);
    }
    crowd->operations = operations(ctx);
    crowd->phase = WITHOUT;
    CROWD_CHECK(rim_after(ctx, WITHOUT_NS, 0) != RIM_NIL);
    return RIM_DONE;
}

static void look(struct crowd *crowd) {
    char byte;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        if (!crowd->answered[i] && recv(crowd->clients[i], &byte, 1, MSG_DONTWAIT) == 1) {
            crowd->answered[i] = true;
            crowd->answers++;
        }
    }
}

static rim_verdict crowd_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct crowd *crowd = self;
    (void)body;
    (void)msg;
    look(crowd);
    if (crowd->phase == WITHOUT) {
        CROWD_CHECK(crowd->answers == 0);
        CROWD_CHECK(operations(ctx) - crowd->operations < TRIES_MAX);
        CROWD_CHECK(setrlimit(RLIMIT_NOFILE, &crowd->limit) == 0);
        crowd->phase = AFTER;
    }
    if (crowd->answers < CLIENTS) {
        CROWD_CHECK(rim_after(ctx, LOOK_NS, 0) != RIM_NIL);
        return RIM_DONE;
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        close(crowd->clients[i]);
    }
    scenario_done(ctx);
    return RIM_STOP;
}

static const rim_handler crowd_rows[] = {[RIM_LISTENING] = crowd_listening, [RIM_TIMER] = crowd_timer};
static const rim_behaviour crowd_behaviour = {.name = "crowd",
                                              .state_size = sizeof(struct crowd),
                                              .init = crowd_init,
                                              .on = crowd_rows,
                                              .on_count = RIM_COUNT(crowd_rows)};

void socket_listener_waits_where_files_are_too_many(struct scenario *s) {
    if (!scenario_is_sim(s)) {
        scenario_open_lanes(s);
        socket_world_run(s, &crowd_behaviour, s);
    }
}
