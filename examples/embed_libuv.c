/* SPDX-License-Identifier: MIT */
/*
 * embed_libuv.c - a shard inside libuv's loop, beside libuv's own sockets and timers.
 *
 * A TCP server of libuv's takes numbers, one a line, and answers with their squares, which an actor on another shard
 * works out (embed/desk.h). A client of libuv's, driven by a timer, asks for twenty of them, and the program ends.
 *
 * The glue is `struct pump`: a uv_poll_t on the shard's descriptor, a uv_timer_t for when time brings something, and
 * after each step a look at how long to wait. So that the loop goes on while the system stops, it stops step by step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "embed/desk.h"

#define QUESTIONS  20u
#define LINE_BYTES 64

struct pump {
    struct desk desk;
    uv_poll_t poll;
    uv_timer_t timer;
    bool stopping;
    int result; /* of the stop */
};

/* Both ends of the conversation: lines come in, lines go out. */
struct end {
    uv_tcp_t tcp;
    char line[LINE_BYTES];
    size_t length;
    void (*on_line)(struct end *end, uint64_t number);
};

static struct pump pump;
static uv_tcp_t listener;
static struct end server, client;
static uv_connect_t connecting;
static uv_timer_t asking;
static uint64_t asked, answered, sum;

static void check(int error, const char *what) {
    if (error < 0) {
        fprintf(stderr, "%s: %d\n", what, error);
        exit(EXIT_FAILURE);
    }
}

/* ---- the pump ---- */

static void step(void);

static void on_news(uv_poll_t *handle, int status, int events) {
    (void)handle;
    (void)events;
    check(status, "poll");
    step();
}

static void on_time(uv_timer_t *handle) {
    (void)handle;
    step();
}

static void close_all(void) {
    uv_poll_stop(&pump.poll);
    uv_close((uv_handle_t *)&pump.poll, NULL);
    uv_close((uv_handle_t *)&pump.timer, NULL);
}

/* libuv's timers are in milliseconds: rounded up, they are late and not too early. */
static void schedule(void) {
    int64_t next_ns = rim_shard_next(pump.desk.system, 0);
    if (next_ns < 0) {
        uv_timer_stop(&pump.timer);
    } else {
        uv_timer_start(&pump.timer, on_time, ((uint64_t)next_ns + 999999u) / 1000000u, 0);
    }
}

static void step(void) {
    (void)rim_shard_step(pump.desk.system, 0, RIM_MS(1));
    if (pump.stopping) {
        pump.result = rim_system_stop_done(pump.desk.system, NULL);
        if (pump.result != -EAGAIN) {
            close_all();
            return;
        }
    }
    schedule();
}

static void start_pump(uv_loop_t *loop) {
    check(uv_poll_init(loop, &pump.poll, rim_shard_fd(pump.desk.system, 0)), "uv_poll_init");
    check(uv_poll_start(&pump.poll, UV_READABLE, on_news), "uv_poll_start");
    check(uv_timer_init(loop, &pump.timer), "uv_timer_init");
    schedule();
}

static void stop_pump(void) {
    check(rim_system_stop_begin(pump.desk.system, RIM_SECONDS(5)), "rim_system_stop_begin");
    pump.stopping = true;
    step();
}

/* ---- lines ---- */

static void on_written(uv_write_t *request, int status) {
    check(status, "write");
    free(request);
}

static void write_number(struct end *end, uint64_t number) {
    struct {
        uv_write_t request; /* first: it is freed by this address */
        char text[LINE_BYTES];
    } *line = malloc(sizeof *line);
    if (line == NULL) {
        exit(EXIT_FAILURE);
    }
    int length = snprintf(line->text, sizeof line->text, "%llu\n", (unsigned long long)number);
    uv_buf_t buffer = uv_buf_init(line->text, (unsigned)length);
    check(uv_write(&line->request, (uv_stream_t *)&end->tcp, &buffer, 1, on_written), "uv_write");
}

static void make_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    struct end *end = (struct end *)handle;
    (void)suggested;
    *buffer = uv_buf_init(end->line + end->length, (unsigned)(sizeof end->line - end->length - 1));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
    struct end *end = (struct end *)stream;
    (void)buffer;
    if (size < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        return;
    }
    end->length += (size_t)size;
    end->line[end->length] = '\0';
    for (char *newline; (newline = strchr(end->line, '\n')) != NULL;) {
        uint64_t number = strtoull(end->line, NULL, 10);
        end->length -= (size_t)(newline + 1 - end->line);
        memmove(end->line, newline + 1, end->length + 1);
        end->on_line(end, number);
    }
}

/* ---- the server ---- */

/* A handler on shard 0 calls this, within step. */
static void answer(void *connection, int error, uint64_t number, uint64_t square) {
    (void)number;
    check(error, "the desk");
    write_number(connection, square);
}

static void server_line(struct end *end, uint64_t number) {
    check(desk_ask(&pump.desk, end, number), "desk_ask");
}

static void on_connection(uv_stream_t *stream, int status) {
    check(status, "listen");
    server.on_line = server_line;
    check(uv_tcp_init(stream->loop, &server.tcp), "uv_tcp_init");
    check(uv_accept(stream, (uv_stream_t *)&server.tcp), "uv_accept");
    check(uv_read_start((uv_stream_t *)&server.tcp, make_room, on_read), "uv_read_start");
}

/* ---- the client ---- */

static void client_line(struct end *end, uint64_t square) {
    sum += square;
    if (++answered == QUESTIONS) {
        uv_close((uv_handle_t *)&end->tcp, NULL);
        uv_close((uv_handle_t *)&listener, NULL);
        stop_pump();
    }
}

static void ask_next(uv_timer_t *timer) {
    write_number(&client, ++asked);
    if (asked == QUESTIONS) {
        uv_close((uv_handle_t *)timer, NULL);
    }
}

static void on_connected(uv_connect_t *request, int status) {
    check(status, "connect");
    check(uv_read_start(request->handle, make_room, on_read), "uv_read_start");
    check(uv_timer_start(&asking, ask_next, 1, 1), "uv_timer_start");
}

static void start_conversation(uv_loop_t *loop) {
    struct sockaddr_in address;
    int size = sizeof address;
    check(uv_ip4_addr("127.0.0.1", 0, &address), "uv_ip4_addr");
    check(uv_tcp_init(loop, &listener), "uv_tcp_init");
    check(uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0), "uv_tcp_bind");
    check(uv_listen((uv_stream_t *)&listener, 8, on_connection), "uv_listen");
    check(uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size), "uv_tcp_getsockname");
    client.on_line = client_line;
    check(uv_timer_init(loop, &asking), "uv_timer_init");
    check(uv_tcp_init(loop, &client.tcp), "uv_tcp_init");
    check(uv_tcp_connect(&connecting, &client.tcp, (const struct sockaddr *)&address, on_connected), "uv_tcp_connect");
}

int main(int argc, char **argv) {
    uv_loop_t *loop = uv_default_loop();
    check(desk_open(&pump.desk, desk_driver(argc, argv), answer), "desk_open");
    start_pump(loop);
    start_conversation(loop);
    uv_run(loop, UV_RUN_DEFAULT);
    rim_system_destroy(pump.desk.system);
    uv_loop_close(loop);
    printf("%llu squares, their sum is %llu\n", (unsigned long long)answered, (unsigned long long)sum);
    return answered == QUESTIONS && sum == 2870 && pump.result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
