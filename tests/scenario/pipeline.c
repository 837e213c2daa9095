/* SPDX-License-Identifier: MIT */
/*
 * A server whose answers come from workers on all shards, each when it likes; and a client that knows what the bytes
 * it gets must be. A request is a line, here with its reply:
 *
 *     small N          "N." as soon as the worker has answered
 *     pieces N         "N(", and "N)" when the worker has answered
 *     large N          LARGE bytes, by a message that is not copied
 *     block N, bytes   the N bytes that followed
 *     quiet N          nothing
 *     alone N          "N!"; no other request is read meanwhile
 *     quit             closes
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "socket_world.h"

enum { WORK = RIM_USER, WORKED, REFUSED };

#define WORKERS  4u
#define REQUESTS 400u
#define LARGE    100000u
#define PLACES   32u

struct world {
    struct scenario *s;
    rim_ref workers[WORKERS];
    bool is_slow;   /* the client does not read for a while */
    bool is_sudden; /* the client cuts the connection when it has read something */
    atomic_uint made, released;
    rim_ref boss;
    bool refused; /* the pipeline took no more, at least once; by the server */
};

static char large[LARGE];

/* ---- a worker ---- */

struct worker {
    rim_token waiting[64];
    uint32_t count;
};

static rim_verdict on_work(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct worker *worker = self;
    if (worker->count == RIM_COUNT(worker->waiting) || rim_random(ctx) % 3 == 0) {
        (void)rim_reply(ctx, RIM_NIL, WORKED, NULL, 0);
        return RIM_DONE;
    }
    worker->waiting[worker->count++] = rim_defer(ctx);
    return rim_after(ctx, RIM_US(rim_random(ctx) % 200), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

/* Any of those that wait. */
static rim_verdict on_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct worker *worker = self;
    uint32_t chosen = (uint32_t)(rim_random(ctx) % worker->count);
    (void)rim_reply(ctx, worker->waiting[chosen], WORKED, NULL, 0);
    worker->waiting[chosen] = worker->waiting[--worker->count];
    return RIM_DONE;
}

static const rim_handler worker_on[] = {[WORK] = on_work, [RIM_TIMER] = on_timer};
static const rim_behaviour worker = {.name = "worker",
                                     .state_size = sizeof(struct worker),
                                     .on = worker_on,
                                     .on_count = RIM_COUNT(worker_on)};

/* ---- the server's side of the connection ---- */

struct server {
    struct world *world;
    rim_stream stream;
    rim_pipeline pipeline;
    size_t block; /* bytes of a block that is to come; 0: none */
    bool is_alone;
    struct {
        rim_pipeline_place place;
        unsigned long number;
        char kind;
    } asked[PLACES]; /* by place */
};

static rim_verdict server_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    struct server *server = self;
    const rim_connection *connection = arg;
    rim_pipeline_limits limits = {.places = PLACES, .reply_bytes = 200000};
    server->world = (struct world *)connection->arg;
    rim_pipeline_init(&server->pipeline, connection->socket, &limits);
    return RIM_DONE;
}

static void server_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)why;
    struct server *server = self;
    rim_stream_free(ctx, &server->stream);
    rim_pipeline_free(ctx, &server->pipeline);
}

static void write_text(rim_ctx *ctx, struct server *server, rim_pipeline_place place, unsigned long number, char end) {
    rim_buffer text = {0};
    (void)rim_buffer_format(ctx, &text, "%lu%c", number, end);
    SCENARIO_CHECK(server->world->s, rim_pipeline_write(ctx, &server->pipeline, place, text.bytes, text.size) == 0);
    rim_buffer_clear(ctx, &text);
}

static void released(void *bytes, void *arg) {
    struct world *world = arg;
    SCENARIO_CHECK(world->s, bytes == large);
    atomic_fetch_add(&world->released, 1);
}

static void write_large(rim_ctx *ctx, struct server *server, rim_pipeline_place place) {
    struct world *world = server->world;
    rim_msg *msg = rim_msg_wrap(ctx, RIM_USER, large, sizeof large, released, world);
    SCENARIO_CHECK(world->s, msg != NULL);
    atomic_fetch_add(&world->made, 1);
    SCENARIO_CHECK(world->s, rim_pipeline_write_msg(ctx, &server->pipeline, place, msg) == 0);
}

static void answer(rim_ctx *ctx, struct server *server, uint64_t cookie) {
    struct world *world = server->world;
    rim_pipeline_place place = server->asked[cookie].place;
    char kind = server->asked[cookie].kind;
    if (kind == 'l') {
        write_large(ctx, server, place);
    } else {
        write_text(ctx, server, place, server->asked[cookie].number, kind == 'p' ? ')' : kind == 'a' ? '!' : '.');
    }
    if (kind == 'a') {
        SCENARIO_CHECK(world->s, server->is_alone);
        server->is_alone = false;
        rim_pipeline_hold(&server->pipeline, false);
    }
    SCENARIO_CHECK(world->s, rim_pipeline_end(ctx, &server->pipeline, place) == 0);
    SCENARIO_CHECK(world->s, rim_pipeline_end(ctx, &server->pipeline, place) == -RIM_EBADREF);
}

static bool read_requests(rim_ctx *ctx, struct server *server, const void *bytes, size_t size);

static rim_verdict server_outcome(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body,
                                  rim_msg *msg) {
    (void)body;
    (void)msg;
    struct server *server = self;
    SCENARIO_CHECK(server->world->s, error == 0 || error == -RIM_EFULL);
    answer(ctx, server, cookie);
    return read_requests(ctx, server, NULL, 0) ? RIM_DONE : RIM_FAIL;
}

static void ask(rim_ctx *ctx, struct server *server, rim_pipeline_place place, char kind, unsigned long number) {
    uint64_t cookie = place % PLACES;
    rim_ask question = {.to = server->world->workers[number % WORKERS],
                        .tag = WORK,
                        .timeout_ns = RIM_SECONDS(60),
                        .on_outcome = server_outcome,
                        .cookie = cookie};
    server->asked[cookie].place = place;
    server->asked[cookie].kind = kind;
    server->asked[cookie].number = number;
    int error = rim_request(ctx, &question, NULL);
    if (error != 0) { /* the way is full: it answers itself */
        answer(ctx, server, cookie);
    }
}

static void run_request(rim_ctx *ctx, struct server *server, const char *line, size_t size) {
    char text[32] = {0};
    SCENARIO_CHECK(server->world->s, size < sizeof text);
    memcpy(text, line, size);
    unsigned long number = strtoul(text + strcspn(text, " "), NULL, 10);
    if (strcmp(text, "quit") == 0) {
        rim_pipeline_finish(&server->pipeline);
        return;
    }
    if (text[0] == 'b') {
        server->block = number;
        return;
    }
    rim_pipeline_place place = rim_pipeline_reserve(ctx, &server->pipeline, 100);
    SCENARIO_CHECK(server->world->s, place != 0);
    if (text[0] == 'q') {
        SCENARIO_CHECK(server->world->s, rim_pipeline_mute(ctx, &server->pipeline, place) == 0);
    } else if (text[0] == 'p') {
        write_text(ctx, server, place, number, '(');
    } else if (text[0] == 'a') {
        rim_pipeline_hold(&server->pipeline, true);
        server->is_alone = true;
    }
    ask(ctx, server, place, text[0], number);
}

/* True: there was one. */
static bool read_request(rim_ctx *ctx, struct server *server) {
    const char *line;
    size_t size;
    if (server->block == 0) {
        int found = rim_stream_line(&server->stream, 30, &line, &size);
        SCENARIO_CHECK(server->world->s, found >= 0);
        if (found == 1) {
            run_request(ctx, server, line, size);
        }
        return found == 1;
    }
    if (server->stream.size < server->block) {
        rim_stream_need(&server->stream, server->block);
        return false;
    }
    rim_pipeline_place place = rim_pipeline_reserve(ctx, &server->pipeline, server->block);
    rim_msg *msg = rim_stream_take(ctx, &server->stream, RIM_USER, server->block);
    SCENARIO_CHECK(server->world->s, rim_pipeline_write_msg(ctx, &server->pipeline, place, msg) == 0);
    SCENARIO_CHECK(server->world->s, rim_pipeline_end(ctx, &server->pipeline, place) == 0);
    server->block = 0;
    return true;
}

static void note_refusal(rim_ctx *ctx, struct world *world) {
    if (!world->refused) {
        world->refused = true;
        (void)rim_send(ctx, world->boss, REFUSED, NULL, 0);
    }
}

static bool read_requests(rim_ctx *ctx, struct server *server, const void *bytes, size_t size) {
    struct world *world = server->world;
    bool more = rim_stream_open(ctx, &server->stream, bytes, size) == 0;
    while (more && server->stream.size > 0) {
        more = rim_pipeline_takes_more(&server->pipeline);
        if (!more) {
            note_refusal(ctx, world);
            break;
        }
        SCENARIO_CHECK(world->s, !server->is_alone);
        more = read_request(ctx, server);
        SCENARIO_CHECK(world->s, rim_pipeline_count(&server->pipeline) <= PLACES);
    }
    if (rim_stream_close(ctx, &server->stream) != 0) {
        return false;
    }
    (void)rim_pipeline_flush(ctx, &server->pipeline);
    return true;
}

static rim_verdict server_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    return read_requests(ctx, self, body, rim_size(msg)) ? RIM_DONE : RIM_FAIL;
}

static rim_verdict server_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct server *server = self;
    SCENARIO_CHECK(server->world->s, rim_pipeline_room(ctx, &server->pipeline, body));
    return read_requests(ctx, server, NULL, 0) ? RIM_DONE : RIM_FAIL;
}

static const rim_handler server_on[] = {[RIM_SOCKET_DATA] = server_data, [RIM_ROOM] = server_room};
static const rim_behaviour server = {
    .name = "server",
    .state_size = sizeof(struct server),
    .on = server_on,
    .on_count = RIM_COUNT(server_on),
    .init = server_init,
    .exit = server_exit,
};

/* ---- the client, and judge ---- */

struct client {
    struct world *world;
    rim_ref socket;
    rim_buffer requests; /* that are not written yet */
    rim_buffer replies;  /* that are to come */
    uint64_t received;
    bool is_written;
};

static void expect_bytes(rim_ctx *ctx, struct client *client, unsigned number, char end) {
    (void)rim_buffer_format(ctx, &client->replies, "%u%c", number, end);
}

static void make_block(rim_ctx *ctx, struct client *client) {
    unsigned size = 1 + (unsigned)(rim_random(ctx) % (rim_random(ctx) % 2 == 0 ? 50 : 60000));
    (void)rim_buffer_format(ctx, &client->requests, "block %u\r\n", size);
    for (unsigned i = 0; i < size; i++) {
        char byte = (char)socket_world_byte(client->replies.size);
        (void)rim_buffer_add(ctx, &client->requests, &byte, 1);
        (void)rim_buffer_add(ctx, &client->replies, &byte, 1);
    }
}

static void make_request(rim_ctx *ctx, struct client *client, unsigned number) {
    static const char *const kinds[] = {"small", "small", "pieces", "quiet", "alone", "large", "block"};
    uint64_t chance = rim_random(ctx) % (number % 8 == 0 ? 7 : 5);
    const char *kind = client->world->is_slow ? "large" : kinds[chance];
    if (kind[0] == 'b') {
        make_block(ctx, client);
        return;
    }
    (void)rim_buffer_format(ctx, &client->requests, "%s %u\n", kind, number);
    if (kind[0] == 'l') {
        (void)rim_buffer_add(ctx, &client->replies, large, sizeof large);
    } else if (kind[0] == 'p') {
        expect_bytes(ctx, client, number, '(');
        expect_bytes(ctx, client, number, ')');
    } else if (kind[0] != 'q') {
        expect_bytes(ctx, client, number, kind[0] == 'a' ? '!' : '.');
    }
}

static rim_verdict client_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct client *client = self;
    struct world *world = client->world = socket_world_of(arg);
    world->boss = rim_self(ctx);
    for (uint32_t i = 0; i < WORKERS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_shard_count(ctx)};
        int error = rim_spawn(ctx, &worker, &options, NULL, 0, &world->workers[i]);
        SCENARIO_CHECK(world->s, error == 0);
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        make_request(ctx, client, i);
    }
    (void)rim_buffer_format(ctx, &client->requests, "quit\nsmall 1\n");
    SCENARIO_CHECK(world->s, !client->requests.failed && !client->replies.failed);
    socket_world_listen(ctx, world->s, &server, world);
    return RIM_DONE;
}

static rim_verdict on_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct client *client = self;
    const rim_listening_event *event = body;
    client->socket = socket_world_connect(ctx, client->world->s, "127.0.0.1", event->address.port);
    return RIM_DONE;
}

static rim_verdict write_on(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct client *client = self;
    rim_buffer *requests = &client->requests;
    while (requests->size > 0) {
        size_t size = 1 + rim_random(ctx) % (rim_random(ctx) % 2 == 0 ? 30 : 10000);
        size = size < requests->size ? size : requests->size;
        int error = rim_socket_write(ctx, client->socket, requests->bytes, size);
        if (error != 0) {
            SCENARIO_CHECK(client->world->s, error == -RIM_EFULL || error == -RIM_EDOWN);
            (void)rim_want_room(ctx, client->socket);
            return RIM_DONE;
        }
        rim_buffer_skip(requests, size);
    }
    return RIM_DONE;
}

static rim_verdict client_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct client *client = self;
    if (client->world->is_slow) {
        SCENARIO_CHECK(client->world->s, rim_socket_pause(ctx, client->socket, true) == 0);
    }
    return write_on(ctx, self, body, msg);
}

/* The server takes no more: now the slow one reads. */
static rim_verdict on_refused(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct client *client = self;
    uint32_t waiting = atomic_load(&client->world->made) - atomic_load(&client->world->released);
    SCENARIO_CHECK(client->world->s, waiting <= 2 * PLACES); /* of REQUESTS */
    (void)rim_socket_pause(ctx, client->socket, false);
    return RIM_DONE;
}

static rim_verdict client_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct client *client = self;
    size_t size = rim_size(msg);
    bool fits = size <= client->replies.size - client->received;
    SCENARIO_CHECK(client->world->s, fits);
    if (!fits || memcmp(body, client->replies.bytes + client->received, size) != 0) {
        SCENARIO_CHECK(client->world->s, !"a reply is not what it must be");
        return RIM_FAIL;
    }
    client->received += size;
    if (client->world->is_sudden && client->received > client->replies.size / 4) {
        (void)rim_socket_abort(ctx, client->socket);
    }
    return RIM_DONE;
}

static rim_verdict client_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct client *client = self;
    const rim_closed_event *event = body;
    if (!client->world->is_sudden) {
        SCENARIO_CHECK(client->world->s, event->error == 0 || event->error == -ECONNRESET);
        SCENARIO_CHECK(client->world->s, client->received == client->replies.size);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler client_on[] = {
    [RIM_LISTENING] = on_listening,      [RIM_SOCKET_OPEN] = client_open, [RIM_ROOM] = write_on,
    [RIM_SOCKET_CLOSED] = client_closed, [RIM_SOCKET_DATA] = client_data, [REFUSED] = on_refused,
};
static const rim_behaviour client = {
    .name = "client",
    .state_size = sizeof(struct client),
    .on = client_on,
    .on_count = RIM_COUNT(client_on),
    .init = client_init,
};

static void run(struct world *world) {
    for (uint32_t i = 0; i < LARGE; i++) {
        large[i] = (char)(i * 7 >> 3);
    }
    socket_world_run(world->s, &client, world);
    rim_stop_report report;
    SCENARIO_CHECK(world->s, scenario_stop(world->s, RIM_SECONDS(5), &report) == 0);
    SCENARIO_CHECK(world->s, atomic_load(&world->made) == atomic_load(&world->released));
}

void pipeline_replies_in_the_order_of_the_requests(struct scenario *s) {
    static struct world world;
    world = (struct world){.s = s};
    run(&world);
}

void pipeline_stops_reading_when_the_peer_does_not_read(struct scenario *s) {
    static struct world world;
    world = (struct world){.s = s, .is_slow = true};
    run(&world);
    SCENARIO_CHECK(s, world.refused && atomic_load(&world.made) == REQUESTS);
}

void pipeline_lets_go_of_all_when_the_peer_is_gone(struct scenario *s) {
    static struct world world;
    world = (struct world){.s = s, .is_sudden = true};
    run(&world);
}

/* ---- mistakes ---- */

static rim_verdict mistakes_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)size;
    struct scenario *s = socket_world_of(arg);
    rim_pipeline pipeline;
    rim_pipeline_init(&pipeline, rim_self(ctx), NULL); /* not a socket: nothing gets out */
    SCENARIO_CHECK(s, rim_pipeline_write(ctx, &pipeline, 0, "x", 1) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_pipeline_write(ctx, &pipeline, 1, "x", 1) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_pipeline_end(ctx, &pipeline, 1) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_pipeline_mute(ctx, &pipeline, 1) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_pipeline_write_msg(ctx, &pipeline, 1, NULL) == -EINVAL);
    rim_pipeline_place first = rim_pipeline_reserve(ctx, &pipeline, 0);
    rim_pipeline_place second = rim_pipeline_reserve(ctx, &pipeline, 0);
    SCENARIO_CHECK(s, first == 1 && second == 2 && rim_pipeline_count(&pipeline) == 2);
    SCENARIO_CHECK(s, rim_pipeline_write_msg(ctx, &pipeline, 3, rim_msg_new(ctx, RIM_USER, 10)) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_pipeline_write_msg(ctx, &pipeline, 2, rim_msg_new(ctx, RIM_USER, 5000)) == 0);
    SCENARIO_CHECK(s, rim_pipeline_end(ctx, &pipeline, 2) == 0);
    SCENARIO_CHECK(s, rim_pipeline_write(ctx, &pipeline, 2, "x", 1) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_pipeline_mute(ctx, &pipeline, 1) == 0);
    SCENARIO_CHECK(s, rim_pipeline_write(ctx, &pipeline, 1, "x", 1) == 0);
    SCENARIO_CHECK(s, rim_pipeline_takes_more(&pipeline));
    (void)rim_pipeline_reserve(ctx, &pipeline, SIZE_MAX / 2);
    SCENARIO_CHECK(s, !rim_pipeline_takes_more(&pipeline));
    SCENARIO_CHECK(s, rim_pipeline_end(ctx, &pipeline, 1) == 0 && rim_pipeline_end(ctx, &pipeline, 3) == 0);
    (void)rim_pipeline_flush(ctx,
                             &pipeline); /* what it was full of is gone by now: the socket is not paused for that */
    SCENARIO_CHECK(s, !pipeline.paused);
    SCENARIO_CHECK(s, !rim_pipeline_room(ctx, &pipeline, &(rim_room_event){.who = RIM_NIL}));
    rim_pipeline_free(ctx, &pipeline);
    SCENARIO_CHECK(s, rim_pipeline_count(&pipeline) == 0 && rim_pipeline_flush(ctx, &pipeline) == -RIM_EDOWN);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour mistakes = {.name = "mistakes", .state_size = 1, .init = mistakes_init};

void pipeline_refuses_places_that_are_not_there(struct scenario *s) {
    socket_world_run(s, &mistakes, s);
}
