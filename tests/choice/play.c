/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "play.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#define CHILD_SECONDS 60u
#define DELAY_NS      RIM_US(1500)

static struct outcome *outcome;
static sem_t done;

void play_deny(long number, int error) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        perror("a seccomp filter");
        _exit(2);
    }
}

static void tell(void *arg, int level, const char *text) {
    (void)arg;
    if (level <= RIM_LOG_WARNING) {
        *(level == RIM_LOG_ERROR ? &outcome->errors : &outcome->warnings) += 1;
        snprintf(outcome->text, sizeof outcome->text, "%s", text);
    }
}

/* ---- a server and a client in one actor: what is written to one end comes back from the other ---- */

struct player {
    rim_ref client;
    uint64_t asked_ns;
    bool echoed, timed;
};

static rim_verdict on_echo(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body;
    return rim_socket_write_msg(ctx, rim_sender(ctx), rim_take(ctx, msg)) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler echo_on[] = {[RIM_SOCKET_DATA] = on_echo};
static const rim_behaviour echo = {.name = "echo", .on = echo_on, .on_count = RIM_COUNT(echo_on)};

static rim_verdict check(struct player *player) {
    if (player->echoed && player->timed) {
        outcome->echoed = true;
        sem_post(&done);
    }
    return RIM_DONE;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_listening_event *event = body;
    struct player *player = state;
    rim_connect_options options = {.host = "127.0.0.1", .port = event->address.port, .timeout_ns = RIM_SECONDS(30)};
    (void)msg;
    player->asked_ns = rim_now(ctx);
    rim_after(ctx, DELAY_NS, 0);
    return rim_connect(ctx, &options, &player->client) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct player *player = state;
    (void)body, (void)msg;
    return rim_socket_write(ctx, player->client, "hello", 5) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct player *player = state;
    (void)ctx, (void)body, (void)msg;
    player->echoed = true;
    return check(player);
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct player *player = state;
    (void)body, (void)msg;
    player->timed = rim_now(ctx) - player->asked_ns >= DELAY_NS;
    return check(player);
}

static rim_verdict init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    rim_listen_options options = {.host = "127.0.0.1", .owner = &echo};
    rim_ref listener;
    (void)state, (void)arg, (void)size;
    return rim_listen(ctx, &options, &listener) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler player_on[] = {
    [RIM_LISTENING] = on_listening,
    [RIM_SOCKET_OPEN] = on_open,
    [RIM_SOCKET_DATA] = on_data,
    [RIM_TIMER] = on_timer,
};
static const rim_behaviour behaviour = {
    .name = "player",
    .state_size = sizeof(struct player),
    .on = player_on,
    .on_count = RIM_COUNT(player_on),
    .init = init,
};

/* ---- the child ---- */

static void use(rim_system *system) {
    rim_stop_report report = {0};
    rim_ref player;
    snprintf(outcome->driver, sizeof outcome->driver, "%s", rim_system_driver(system));
    snprintf(outcome->wake, sizeof outcome->wake, "%s", rim_system_wake(system));
    if (rim_system_spawn(system, &behaviour, NULL, NULL, 0, &player) == 0) {
        while (sem_wait(&done) != 0) {
        }
    }
    outcome->stopped = rim_system_stop(system, RIM_SECONDS(30), &report);
    outcome->leaks = report.leaks;
}

static void play(const struct stage *stage) {
    rim_config config = stage->config;
    rim_system *system = NULL;
    sem_init(&done, 0, 0);
    config.log = tell;
    config.log_level = RIM_LOG_DEBUG;
    config.shards = config.shards != 0 ? config.shards : 2;
    if (stage->before != NULL) {
        stage->before();
    }
    outcome->created = rim_system_create(&config, &system);
    if (outcome->created != 0) {
        return;
    }
    if (stage->between != NULL) {
        stage->between();
    }
    outcome->started = rim_system_start(system);
    if (outcome->started == 0) {
        use(system);
    }
    rim_system_destroy(system);
}

struct outcome play_run(const struct stage *stage) {
    int status = -1;
    outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_NOT_EQUAL_FATAL(outcome, MAP_FAILED);
    *outcome = (struct outcome){.created = 1, .started = 1, .stopped = 1};
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(CHILD_SECONDS);
        if (stage->environment != NULL) {
            setenv("RINGMAIL_DRIVER", stage->environment, 1);
        } else {
            unsetenv("RINGMAIL_DRIVER");
        }
        play(stage);
        _exit(0);
    }
    CU_ASSERT_FATAL(child > 0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct outcome got = *outcome;
    munmap(outcome, sizeof *outcome);
    return got;
}
