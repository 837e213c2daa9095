/* SPDX-License-Identifier: MIT */
/*
 * embed_libevent.c - a shard inside libevent's loop, beside libevent's own sockets and timers.
 *
 * A listener of libevent's takes numbers, one a line, and answers with their squares, which an actor on another shard
 * works out (embed/desk.h). A bufferevent, driven by a timer, asks for twenty of them, and the program ends.
 *
 * The glue is `struct pump`: an event on the shard's descriptor, a timer for when time brings something, and after each
 * step a look at how long to wait. So that the loop goes on while the system stops, it stops step by step.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embed/desk.h"

#define QUESTIONS 20u

struct pump {
    struct desk desk;
    struct event_base *base;
    struct event *news, *time;
    bool stopping;
    int result; /* of the stop */
};

static struct pump pump;
static struct evconnlistener *listener;
static struct bufferevent *server, *client;
static struct event *asking;
static uint64_t asked, answered, sum;

static void check(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "%s failed\n", what);
        exit(EXIT_FAILURE);
    }
}

/* ---- the pump ---- */

static void schedule(void) {
    int64_t next_ns = rim_shard_next(pump.desk.system, 0);
    if (next_ns < 0) {
        evtimer_del(pump.time);
        return;
    }
    int64_t us = (next_ns + 999) / 1000;
    struct timeval wait = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    evtimer_add(pump.time, &wait);
}

static void on_step(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
    (void)rim_shard_step(pump.desk.system, 0, RIM_MS(1));
    if (pump.stopping) {
        pump.result = rim_system_stop_done(pump.desk.system, NULL);
        if (pump.result != -EAGAIN) {
            event_base_loopbreak(pump.base);
            return;
        }
    }
    schedule();
}

static void start_pump(void) {
    pump.news = event_new(pump.base, rim_shard_fd(pump.desk.system, 0), EV_READ | EV_PERSIST, on_step, NULL);
    pump.time = evtimer_new(pump.base, on_step, NULL);
    check(pump.news != NULL && pump.time != NULL && event_add(pump.news, NULL) == 0, "the pump");
    schedule();
}

static void stop_pump(void) {
    check(rim_system_stop_begin(pump.desk.system, RIM_SECONDS(5)) == 0, "rim_system_stop_begin");
    pump.stopping = true;
    schedule();
}

/* ---- lines ---- */

static bool read_number(struct bufferevent *end, uint64_t *number) {
    char *line = evbuffer_readln(bufferevent_get_input(end), NULL, EVBUFFER_EOL_LF);
    if (line != NULL) {
        *number = strtoull(line, NULL, 10);
        free(line);
    }
    return line != NULL;
}

static void write_number(struct bufferevent *end, uint64_t number) {
    evbuffer_add_printf(bufferevent_get_output(end), "%llu\n", (unsigned long long)number);
}

/* ---- the server ---- */

/* A handler on shard 0 calls this, within a step. */
static void answer(void *connection, int error, uint64_t number, uint64_t square) {
    (void)number;
    check(error == 0, "the desk");
    write_number(connection, square);
}

static void server_reads(struct bufferevent *end, void *arg) {
    (void)arg;
    for (uint64_t number; read_number(end, &number);) {
        check(desk_ask(&pump.desk, end, number) == 0, "desk_ask");
    }
}

static void on_connection(struct evconnlistener *from, evutil_socket_t fd, struct sockaddr *address, int size,
                          void *arg) {
    (void)from;
    (void)address;
    (void)size;
    (void)arg;
    server = bufferevent_socket_new(pump.base, fd, BEV_OPT_CLOSE_ON_FREE);
    check(server != NULL, "bufferevent_socket_new");
    bufferevent_setcb(server, server_reads, NULL, NULL, NULL);
    bufferevent_enable(server, EV_READ | EV_WRITE);
}

/* ---- the client ---- */

static void client_reads(struct bufferevent *end, void *arg) {
    (void)arg;
    for (uint64_t square; read_number(end, &square);) {
        sum += square;
        if (++answered == QUESTIONS) {
            stop_pump();
        }
    }
}

static void ask_next(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
    write_number(client, ++asked);
    if (asked == QUESTIONS) {
        event_del(asking);
    }
}

static void start_conversation(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    listener = evconnlistener_new_bind(pump.base, on_connection, NULL, LEV_OPT_CLOSE_ON_FREE, 8,
                                       (struct sockaddr *)&address, sizeof address);
    check(listener != NULL, "evconnlistener_new_bind");
    check(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &size) == 0, "getsockname");
    client = bufferevent_socket_new(pump.base, -1, BEV_OPT_CLOSE_ON_FREE);
    check(client != NULL, "bufferevent_socket_new");
    bufferevent_setcb(client, client_reads, NULL, NULL, NULL);
    bufferevent_enable(client, EV_READ | EV_WRITE);
    check(bufferevent_socket_connect(client, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    asking = event_new(pump.base, -1, EV_PERSIST, ask_next, NULL);
    check(asking != NULL && event_add(asking, &(struct timeval){.tv_usec = 1000}) == 0, "a timer");
}

static void free_all(void) {
    bufferevent_free(client);
    if (server != NULL) {
        bufferevent_free(server);
    }
    evconnlistener_free(listener);
    event_free(asking);
    event_free(pump.news);
    event_free(pump.time);
    event_base_free(pump.base);
}

int main(int argc, char **argv) {
    pump.base = event_base_new();
    check(pump.base != NULL, "event_base_new");
    check(desk_open(&pump.desk, desk_driver(argc, argv), answer) == 0, "desk_open");
    start_pump();
    start_conversation();
    event_base_dispatch(pump.base);
    free_all();
    rim_system_destroy(pump.desk.system);
    printf("%llu squares, their sum is %llu\n", (unsigned long long)answered, (unsigned long long)sum);
    return answered == QUESTIONS && sum == 2870 && pump.result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
