/* SPDX-License-Identifier: MIT */
/*
 * Ports of real threads, all at once: echoes through small rings, so that both sides fall asleep and stall all the
 * time; ports that open and close; threads that die; and a system that stops meanwhile. Each message comes back once
 * and in order, or its port has ended; every request has one outcome; nothing is lost from the account.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <ringmail.h>

#include "base/random.h"
#include "stress.h"

#define THREADS_MAX 8u
#define ECHOES      4000u
#define LIVES       150u
#define BATCH       32

enum { ECHO = RIM_USER, ANSWER };

static rim_verdict on_echo(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    int error = rim_send(ctx, rim_sender(ctx), ECHO, body, rim_size(msg));
    stress_check(error == 0 || error == -RIM_EFULL || error == -RIM_EDOWN);
    return RIM_DONE;
}

static rim_verdict on_answer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    stress_check(rim_reply(ctx, RIM_NIL, ANSWER, body, rim_size(msg)) == 0);
    return RIM_DONE;
}

static const rim_handler echo_on[] = {[ECHO] = on_echo, [ANSWER] = on_answer};
static const rim_behaviour echo = {.name = "echo", .on = echo_on, .on_count = RIM_COUNT(echo_on)};

struct talker {
    rim_system *system;
    rim_ref partner;
    uint32_t number, capacity;
    bool by_descriptor;
    pthread_t thread;
    uint64_t sent, heard, asked, answered, refused;
    uint64_t last; /* heard */
};

/* ---- one conversation ---- */

static void take(struct talker *self, const rim_port_item *item) {
    uint64_t number = 0;
    if (item->body != NULL && item->size == sizeof number) {
        memcpy(&number, item->body, sizeof number);
    }
    if (item->kind == RIM_PORT_MESSAGE) {
        stress_check(self->heard == 0 || number > self->last); /* a refusal on the way leaves a gap */
        self->last = number;
        self->heard++;
    } else if (item->kind == RIM_PORT_OUTCOME) {
        stress_check(item->error != 0 || number == item->cookie);
        self->answered++;
    }
}

/* True until the port has ended. */
static bool receive(struct talker *self, rim_port *port, uint64_t timeout_ns) {
    rim_port_item items[BATCH];
    if (self->by_descriptor && timeout_ns > 0) {
        struct pollfd event = {.fd = rim_port_fd(port), .events = POLLIN};
        stress_check(poll(&event, 1, (int)(timeout_ns / 1000000)) >= 0);
        timeout_ns = 0;
    }
    int count = rim_port_receive(port, items, BATCH, timeout_ns);
    stress_check(count >= 0 || count == -RIM_ESTOPPING);
    for (int i = 0; i < count; i++) {
        take(self, &items[i]);
    }
    return count >= 0;
}

static int say(struct talker *self, rim_port *port) {
    if (self->sent % 5 != 0) {
        uint64_t number = ++self->sent;
        int error = rim_port_send(port, self->partner, ECHO, &number, sizeof number);
        self->sent -= error != 0;
        return error;
    }
    uint64_t number = ++self->sent;
    rim_port_ask ask = {.to = self->partner,
                        .tag = ANSWER,
                        .body = &number,
                        .size = sizeof number,
                        .timeout_ns = RIM_SECONDS(60),
                        .cookie = number};
    int error = rim_port_request(port, &ask, NULL);
    self->sent -= error != 0;
    self->asked += error == 0;
    return error;
}

static bool converse(struct talker *self, rim_port *port, uint32_t count) {
    struct rim__random random;
    rim__random_init(&random, stress_seed() + self->number);
    for (uint64_t end = self->sent + count; self->sent < end;) {
        int error = say(self, port);
        stress_check(error == 0 || error == -RIM_EFULL || error == -RIM_ESTOPPING);
        if (error == -RIM_ESTOPPING) {
            return false;
        }
        bool pause = error == -RIM_EFULL || rim__random_below(&random, 16) == 0;
        if (pause && !receive(self, port, rim__random_below(&random, 2) == 0 ? 0 : RIM_MS(1))) {
            return false;
        }
    }
    return true;
}

/* Requests have outcomes although messages were refused. */
static void *talk(void *arg) {
    struct talker *self = arg;
    rim_port_options options = {.capacity = self->capacity, .shard = self->number % 2};
    rim_port *port;
    int error = rim_port_open(self->system, &options, &port);
    stress_check(error == 0 || error == -RIM_ESTOPPING);
    if (error != 0) {
        return NULL;
    }
    bool open = converse(self, port, ECHOES);
    while (open && self->answered < self->asked) {
        open = receive(self, port, RIM_MS(100));
    }
    rim_port_close(port);
    return NULL;
}

/* ---- the cases ---- */

static rim_system *start(rim_ref partners[2]) {
    rim_system *system;
    rim_config config = {.shards = 2, .no_pin = true};
    stress_check(rim_system_create(&config, &system) == 0);
    for (uint32_t i = 0; i < 2; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i};
        stress_check(rim_system_spawn(system, &echo, &options, NULL, 0, &partners[i]) == 0);
    }
    stress_check(rim_system_start(system) == 0);
    return system;
}

static void stop(rim_system *system, bool clean) {
    rim_stop_report report;
    stress_check(rim_system_stop(system, RIM_SECONDS(60), &report) == 0 || !clean);
    stress_check(report.adds_up);
    stress_check(!report.leaks);
    rim_stats stats;
    rim_system_stats(system, RIM_ALL_SHARDS, &stats);
    stress_check(stats.rescued_wakeups == 0);
    rim_system_destroy(system);
}

static void start_talkers(struct talker *talkers, uint32_t count, rim_system *system, const rim_ref partners[2],
                          void *(*life)(void *)) {
    for (uint32_t i = 0; i < count; i++) {
        talkers[i] = (struct talker){.system = system,
                                     .partner = partners[i / 2 % 2],
                                     .number = i,
                                     .capacity = 4u << (i % 4 * 2),
                                     .by_descriptor = i % 3 == 0};
        stress_check(pthread_create(&talkers[i].thread, NULL, life, &talkers[i]) == 0);
    }
}

static void talk_all(void *arg) {
    uint32_t count = *(uint32_t *)arg;
    struct talker talkers[THREADS_MAX];
    rim_ref partners[2];
    rim_system *system = start(partners);
    start_talkers(talkers, count, system, partners, talk);
    for (uint32_t i = 0; i < count; i++) {
        pthread_join(talkers[i].thread, NULL);
        stress_check(talkers[i].sent >= ECHOES);
        stress_check(talkers[i].answered == talkers[i].asked);
        stress_check(talkers[i].heard + talkers[i].asked <= talkers[i].sent);
    }
    stop(system, true);
}

/* The system stops while they talk, and is gone while some still have their ports. */
static void stop_meanwhile(void *arg) {
    (void)arg;
    for (uint32_t round = 0; round < 10; round++) {
        struct talker talkers[THREADS_MAX];
        rim_ref partners[2];
        rim_system *system = start(partners);
        start_talkers(talkers, 4, system, partners, talk);
        struct timespec rest = {.tv_nsec = 300000 * (long)round};
        nanosleep(&rest, NULL);
        rim_stop_report report;
        stress_check(rim_system_stop(system, RIM_SECONDS(round % 2 == 0 ? 60 : 0), &report) <= 0);
        stress_check(report.adds_up);
        stress_check(!report.leaks);
        for (uint32_t i = 0; i < 4; i++) {
            pthread_join(talkers[i].thread, NULL);
        }
        rim_system_destroy(system);
    }
}

/* Opens, says something and goes: by closing, or by dying with the port open. */
static void *live_shortly(void *arg) {
    struct talker *self = arg;
    rim_port *port;
    int error = rim_port_open(self->system, &(rim_port_options){.capacity = 8, .shard = self->number % 2}, &port);
    stress_check(error == 0);
    if (error == 0) {
        (void)converse(self, port, self->number % 7);
        if (self->number % 2 == 0) {
            rim_port_close(port);
        }
    }
    return NULL;
}

static void come_and_go(void *arg) {
    (void)arg;
    rim_ref partners[2];
    rim_system *system = start(partners);
    for (uint32_t i = 0; i < LIVES; i += 4) {
        struct talker talkers[4];
        start_talkers(talkers, 4, system, partners, live_shortly);
        for (uint32_t n = 0; n < 4; n++) {
            pthread_join(talkers[n].thread, NULL);
        }
    }
    stop(system, true);
}

int main(int argc, char **argv) {
    static uint32_t threads[] = {1, 2, 8};
    stress_begin(argc, argv);
    for (uint32_t i = 0; i < RIM_COUNT(threads); i++) {
        stress_case(stress_name("port_talks", threads[i]), talk_all, &threads[i]);
    }
    stress_case("system_stops_meanwhile", stop_meanwhile, NULL);
    stress_case("ports_come_and_go", come_and_go, NULL);
    return stress_end();
}
