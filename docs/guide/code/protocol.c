/* SPDX-License-Identifier: MIT */
/*
 * protocol.c - a server of a small protocol: lines that are answered by workers, and replies in order all the same.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))

static sem_t over;

/* ---- a worker: answers a line with its length, the longer the line the later ---- */

enum { COUNT = RIM_USER, COUNTED };

struct worker {
    rim_token asked[8];
    size_t sizes[8];
    uint64_t count;
};

static rim_verdict on_count(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg) {
    struct worker *self = state;
    self->asked[self->count % 8] = rim_defer(ctx);
    self->sizes[self->count % 8] = rim_size(msg);
    rim_after(ctx, RIM_MS(rim_size(msg)), self->count++ % 8);
    return RIM_DONE;
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct worker *self = state;
    const rim_timer_event *event = body;
    rim_reply(ctx, self->asked[event->cookie], COUNTED, &self->sizes[event->cookie], sizeof(size_t));
    return RIM_DONE;
}

static const rim_handler worker_on[] = {[COUNT] = on_count, [RIM_TIMER] = on_timer};
static const rim_behaviour worker = {.name = "worker",
                                     .state_size = sizeof(struct worker),
                                     .on = worker_on,
                                     .on_count = RIM_COUNT(worker_on)};

/* ---- the server's side of a connection ---- */

struct connection {
    const rim_ref *worker;
    rim_stream stream;
    rim_pipeline pipeline;
};

static rim_verdict connection_init(rim_ctx *ctx UNUSED, void *state, const void *arg, size_t size UNUSED) {
    struct connection *self = state;
    const rim_connection *connection = arg;
    self->worker = connection->arg;
    rim_pipeline_init(&self->pipeline, connection->socket, NULL);
    return RIM_DONE;
}

static void connection_exit(rim_ctx *ctx, void *state, rim_exit why UNUSED) {
    struct connection *self = state;
    rim_stream_free(ctx, &self->stream);
    rim_pipeline_free(ctx, &self->pipeline);
}

static void write_reply(rim_ctx *ctx, struct connection *self, rim_pipeline_place place, const char *text) {
    rim_pipeline_write(ctx, &self->pipeline, place, text, strlen(text));
    rim_pipeline_end(ctx, &self->pipeline, place);
}

static rim_verdict on_counted(rim_ctx *ctx, void *state, uint64_t place, int error, const void *body, rim_msg *msg);

static void run_line(rim_ctx *ctx, struct connection *self, const char *line, size_t size) {
    if (size == 4 && memcmp(line, "quit", 4) == 0) {
        rim_pipeline_finish(&self->pipeline);
        return;
    }
    rim_pipeline_place place = rim_pipeline_reserve(ctx, &self->pipeline, size);
    rim_ask ask = {.to = *self->worker,
                   .tag = COUNT,
                   .body = line,
                   .size = size,
                   .timeout_ns = RIM_SECONDS(5),
                   .on_outcome = on_counted,
                   .cookie = place};
    if (rim_request(ctx, &ask, NULL) != 0) {
        write_reply(ctx, self, place, "busy\n");
    }
}

/* Every handler ends with this: reads on as far as it may, from what has just come or was left before. */
static rim_verdict go_on(rim_ctx *ctx, struct connection *self, const void *bytes, size_t size) {
    const char *line;
    size_t length;
    int found = rim_stream_open(ctx, &self->stream, bytes, size);
    while (found >= 0 && self->stream.size > 0 && rim_pipeline_takes_more(&self->pipeline)) {
        found = rim_stream_line(&self->stream, 1000, &line, &length);
        if (found != 1) {
            break; /* not all of it is there, or it is too long */
        }
        run_line(ctx, self, line, length);
    }
    if (found < 0 || rim_stream_close(ctx, &self->stream) != 0) {
        return RIM_FAIL; /* the socket sends what was written, and closes */
    }
    rim_pipeline_flush(ctx, &self->pipeline);
    return RIM_DONE;
}

static rim_verdict on_counted(rim_ctx *ctx, void *state, uint64_t place, int error, const void *body,
                              rim_msg *msg UNUSED) {
    struct connection *self = state;
    char text[32] = "late\n";
    if (error == 0) {
        snprintf(text, sizeof text, "%zu\n", *(const size_t *)body);
    }
    write_reply(ctx, self, place, text);
    return go_on(ctx, self, NULL, 0);
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    return go_on(ctx, state, body, rim_size(msg));
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct connection *self = state;
    rim_pipeline_room(ctx, &self->pipeline, body);
    return go_on(ctx, self, NULL, 0);
}

static const rim_handler connection_on[] = {[RIM_SOCKET_DATA] = on_data, [RIM_ROOM] = on_room};
static const rim_behaviour connection = {
    .name = "connection",
    .state_size = sizeof(struct connection),
    .on = connection_on,
    .on_count = RIM_COUNT(connection_on),
    .init = connection_init,
    .exit = connection_exit,
};

/* ---- the one who listens, and then is the client ---- */

struct host {
    rim_ref worker;
};

static rim_verdict host_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct host *self = state;
    rim_listen_options options = {.host = "127.0.0.1", .owner = &connection, .arg = &self->worker};
    int error = rim_spawn(ctx, &worker, NULL, NULL, 0, &self->worker);
    return error == 0 && rim_listen(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_listening_event *event = body;
    rim_connect_options options = {.host = "127.0.0.1", .port = event->address.port, .timeout_ns = RIM_SECONDS(5)};
    return rim_connect(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_open(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    static const char lines[] = "a long line\nshort\nx\nquit\n";
    const rim_open_event *event = body;
    return rim_socket_write(ctx, event->socket, lines, sizeof lines - 1) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_replies(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg) {
    printf("%.*s", (int)rim_size(msg), (const char *)body);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_closed_event *event = body;
    printf("closed: %s\n", event->error == 0 ? "well" : event->text);
    sem_post(&over);
    return RIM_STOP;
}

static const rim_handler host_on[] = {
    [RIM_LISTENING] = on_listening,
    [RIM_SOCKET_OPEN] = on_open,
    [RIM_SOCKET_DATA] = on_replies,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour host = {
    .name = "host",
    .state_size = sizeof(struct host),
    .on = host_on,
    .on_count = RIM_COUNT(host_on),
    .init = host_init,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &host, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
11
5
1
closed: well
*/
