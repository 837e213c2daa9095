/* SPDX-License-Identifier: MIT */
/* Urgent data of TCP on real drivers: a receive stops short there, with more behind it. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "io_rig.h"

#define STORMY 300u

static struct io_rig rig;
static struct io_line line;

static void open_and(const struct rim__uring_traits *traits, void (*fn)(void)) {
    rim_config config = {.shards = 0};
    io_rig_open(&rig, &config, traits);
    fn();
    io_rig_close(&rig);
}

static void for_each_driver(void (*fn)(void)) {
    open_and(NULL, fn);
    if (uring_is_here()) {
        open_and(io_rig_traits(RIM_WAKE_AUTO), fn);
    }
}

static void receive_past_urgent(void) {
    static struct io_op receive;
    io_line_up(&line, &rig);
    io_op_init(&receive, &rig, RIM_OP_RECV, line.accepted);
    CU_ASSERT_EQUAL(send(line.connected, "before!", 7, MSG_OOB), 7); /* the last byte is the urgent one */
    CU_ASSERT_EQUAL(send(line.connected, "after", 5, 0), 5);
    CU_ASSERT_EQUAL(shutdown(line.connected, SHUT_WR), 0);
    io_rig_poll(&rig, 20 * IO_MS); /* so that all has arrived before the first receive */
    CU_ASSERT_EQUAL(io_op_submit(&receive), 0);
    IO_UNTIL(&rig, receive.terminals > 0 && receive.last == 0);
    CU_ASSERT_EQUAL(receive.bytes, 11);
    rig.io->ops->close(rig.io, line.connected, false);
    rig.io->ops->close(rig.io, line.accepted, false);
    io_line_stop_listening(&line);
}

static void driver_receives_past_urgent_data(void) {
    for_each_driver(receive_past_urgent);
}

/* ---- while signals come ---- */

static struct {
    pthread_t target;
    atomic_bool over;
} storm;

static void ignore(int signal) {
    (void)signal;
}

static void *rage(void *arg) {
    while (!atomic_load(&storm.over)) {
        (void)pthread_kill(storm.target, SIGUSR1);
        for (volatile int i = 0; i < 200; i++) {
        }
    }
    return arg;
}

/* One that comes within the receive at the urgent byte has the kernel say that there is nothing. */
static void receive_in_a_storm(void) {
    struct sigaction own = {.sa_handler = ignore, .sa_flags = SA_RESTART}, before;
    pthread_t thread;
    storm.target = pthread_self();
    atomic_store(&storm.over, false);
    CU_ASSERT_EQUAL_FATAL(sigaction(SIGUSR1, &own, &before), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, rage, NULL), 0);
    for (uint32_t i = 0; i < STORMY; i++) {
        receive_past_urgent();
    }
    atomic_store(&storm.over, true);
    (void)pthread_join(thread, NULL);
    (void)sigaction(SIGUSR1, &before, NULL);
}

/* Of epoll alone: io_uring's own receive (6.18) rests then until the next byte arrives, which no driver can see. */
static void driver_receives_past_urgent_data_while_signals_come(void) {
    open_and(NULL, receive_in_a_storm);
}

#define TESTS(X)                                                                                                       \
    X(driver_receives_past_urgent_data)                                                                                \
    X(driver_receives_past_urgent_data_while_signals_come)
UNIT_SUITE(urgent, TESTS)
