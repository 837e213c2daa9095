/* SPDX-License-Identifier: MIT */
/* Who does not read slows down who writes, on both sides of a connection, and nothing is lost. */
#include <string.h>

#include "socket_world.h"

enum { GO = RIM_USER };

/* How far a writer may get ahead of a reader that reads nothing: the queues of both sockets and of the kernel. */
#define AHEAD_MAX (10u << 20)

struct world {
    struct scenario *s;
    const rim_behaviour *owner;
    rim_spawn_options owner_options;
    rim_ref boss;
    uint64_t total;
    bool wants_pause; /* the reader pauses before anything was written, and goes on after a while */
    bool wants_stop;  /* but not before the stop, which begins when the writer has had to wait */
};

static rim_ref listen_for(rim_ctx *ctx, struct world *world) {
    rim_listen_options options = {.host = "127.0.0.1",
                                  .owner = world->owner,
                                  .owner_options = &world->owner_options,
                                  .arg = world};
    rim_ref listener = RIM_NIL;
    SCENARIO_CHECK(world->s, rim_listen(ctx, &options, &listener) == 0);
    return listener;
}

/* Static, because owners may look at it until the system has stopped. */
static void run(const rim_behaviour *boss, struct world world) {
    static struct world running;
    running = world;
    scenario_open_lanes(world.s); /* the actors' words to each other are not what this is about */
    socket_world_run(world.s, boss, &running);
}

/* ---- the reader: the boss or an owner; it knows the stream by its position ---- */

struct reader {
    struct world *world;
    rim_ref socket;
    uint64_t received;
    bool paused;
};

static rim_verdict read_on(struct reader *reader, const void *body, rim_msg *msg) {
    SCENARIO_CHECK(reader->world->s, !reader->paused);
    SCENARIO_CHECK(reader->world->s, socket_world_is(body, rim_size(msg), reader->received));
    reader->received += rim_size(msg);
    return RIM_DONE;
}

/* ---- a peer that reads nothing: the writer is told, waits, and goes on ---- */

struct writer {
    struct world *world;
    struct socket_pump pump;
    bool was_refused;
};

static rim_verdict write_on(rim_ctx *ctx, struct writer *writer) {
    if (socket_pump_run(ctx, &writer->pump)) {
        SCENARIO_CHECK(writer->world->s, rim_socket_close(ctx, writer->pump.socket) == 0);
    } else if (!writer->was_refused) {
        writer->was_refused = true; /* now the reader may begin, after a time in which nothing moves */
        SCENARIO_CHECK(writer->world->s, writer->pump.refusals == 1);
        SCENARIO_CHECK(writer->world->s, writer->pump.written <= AHEAD_MAX);
        SCENARIO_CHECK(writer->world->s, rim_after(ctx, RIM_MS(30), 0) != RIM_NIL);
    }
    return RIM_DONE;
}

static rim_verdict writer_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    const rim_connection *connection = arg;
    struct writer *writer = self;
    writer->world = (struct world *)connection->arg;
    writer->pump = (struct socket_pump){.socket = connection->socket, .total = writer->world->total};
    return write_on(ctx, writer);
}

static rim_verdict writer_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct writer *writer = self;
    SCENARIO_CHECK(writer->world->s, writer->pump.written <= AHEAD_MAX);
    SCENARIO_CHECK(writer->world->s, rim_send(ctx, writer->world->boss, GO, NULL, 0) == 0);
    return RIM_DONE;
}

static rim_verdict writer_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct writer *writer = self;
    SCENARIO_CHECK(writer->world->s, ((const rim_room_event *)body)->who == writer->pump.socket);
    return write_on(ctx, writer);
}

static const rim_handler writer_rows[] = {[RIM_TIMER] = writer_timer, [RIM_ROOM] = writer_room};

static const rim_behaviour writer = {
    .name = "writer",
    .state_size = sizeof(struct writer),
    .on = writer_rows,
    .on_count = RIM_COUNT(writer_rows),
    .init = writer_init,
};

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct reader *boss = self;
    boss->world = socket_world_of(arg);
    boss->world->boss = rim_self(ctx);
    listen_for(ctx, boss->world);
    return RIM_DONE;
}

static rim_verdict boss_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct reader *boss = self;
    const rim_listening_event *event = body;
    boss->socket = socket_world_connect(ctx, boss->world->s, "127.0.0.1", event->address.port);
    SCENARIO_CHECK(boss->world->s, rim_socket_pause(ctx, boss->socket, true) == 0);
    boss->paused = true;
    return RIM_DONE;
}

static rim_verdict boss_go(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct reader *boss = self;
    boss->paused = false;
    SCENARIO_CHECK(boss->world->s, rim_socket_pause(ctx, boss->socket, false) == 0);
    return RIM_DONE;
}

static rim_verdict boss_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    return read_on(self, body, msg);
}

static rim_verdict boss_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct reader *boss = self;
    const rim_closed_event *event = body;
    SCENARIO_CHECK(boss->world->s, event->error == 0);
    SCENARIO_CHECK(boss->world->s, boss->received == boss->world->total);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler boss_rows[] = {
    [RIM_LISTENING] = boss_listening,
    [RIM_SOCKET_DATA] = boss_data,
    [RIM_SOCKET_CLOSED] = boss_closed,
    [GO] = boss_go,
};

static const rim_behaviour reading_boss = {
    .name = "reading boss",
    .state_size = sizeof(struct reader),
    .on = boss_rows,
    .on_count = RIM_COUNT(boss_rows),
    .init = boss_init,
};

void socket_slow_reader_throttles_the_writer(struct scenario *s) {
    run(&reading_boss, (struct world){.s = s, .owner = &writer, .total = 12u << 20});
}

/* ---- an owner that reads slowly ---- */

static rim_verdict slow_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    const rim_connection *connection = arg;
    struct reader *slow = self;
    slow->world = (struct world *)connection->arg;
    slow->socket = connection->socket;
    if (slow->world->wants_pause) {
        slow->paused = true;
        SCENARIO_CHECK(slow->world->s, rim_socket_pause(ctx, slow->socket, true) == 0);
        SCENARIO_CHECK(slow->world->s, slow->world->wants_stop || rim_after(ctx, RIM_MS(30), 0) != RIM_NIL);
    }
    SCENARIO_CHECK(slow->world->s, rim_send(ctx, slow->world->boss, GO, NULL, 0) == 0);
    return RIM_DONE;
}

static rim_verdict slow_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct reader *slow = self;
    SCENARIO_CHECK(slow->world->s, slow->received == 0);
    slow->paused = false;
    SCENARIO_CHECK(slow->world->s, rim_socket_pause(ctx, slow->socket, false) == 0);
    return RIM_DONE;
}

static rim_verdict slow_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct reader *slow = self;
    (void)read_on(slow, body, msg);
    if (slow->received == slow->world->total) {
        SCENARIO_CHECK(slow->world->s, rim_socket_close(ctx, slow->socket) == 0);
    }
    return RIM_DONE;
}

static const rim_handler slow_rows[] = {[RIM_TIMER] = slow_timer, [RIM_SOCKET_DATA] = slow_data};

static const rim_behaviour slow = {
    .name = "slow",
    .state_size = sizeof(struct reader),
    .on = slow_rows,
    .on_count = RIM_COUNT(slow_rows),
    .init = slow_init,
};

static rim_verdict sender_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct writer *sender = self;
    sender->world = socket_world_of(arg);
    sender->world->boss = rim_self(ctx);
    listen_for(ctx, sender->world);
    return RIM_DONE;
}

static rim_verdict sender_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct writer *sender = self;
    const rim_listening_event *event = body;
    sender->pump.total = sender->world->total;
    sender->pump.socket = socket_world_connect(ctx, sender->world->s, "127.0.0.1", event->address.port);
    return RIM_DONE;
}

static rim_verdict sender_go(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct writer *sender = self;
    if (!socket_pump_run(ctx, &sender->pump) && sender->world->wants_stop) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static rim_verdict sender_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct writer *sender = self;
    const rim_closed_event *event = body;
    SCENARIO_CHECK(sender->world->s, event->error == 0);
    SCENARIO_CHECK(sender->world->s, event->sent == sender->world->total);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler sender_rows[] = {
    [RIM_LISTENING] = sender_listening,
    [RIM_ROOM] = sender_go,
    [RIM_SOCKET_CLOSED] = sender_closed,
    [GO] = sender_go,
};

static const rim_behaviour sending_boss = {
    .name = "sending boss",
    .state_size = sizeof(struct writer),
    .on = sender_rows,
    .on_count = RIM_COUNT(sender_rows),
    .init = sender_init,
};

/* Room for two messages, and one for each turn: the receive has to stop again and again. */
void socket_slow_owner_throttles_the_sender(struct scenario *s) {
    run(&sending_boss,
        (struct world){.s = s, .owner = &slow, .owner_options = {.mailbox_count = 2, .budget = 1}, .total = 4u << 20});
}

void socket_pause_stops_what_comes(struct scenario *s) {
    run(&sending_boss, (struct world){.s = s, .owner = &slow, .total = 1u << 20, .wants_pause = true});
}

/* Nobody reads any more: what is between the two is read and dropped, or the writer would hold up the stop. */
void socket_stop_does_not_wait_for_a_reader_that_has_stopped(struct scenario *s) {
    run(&sending_boss,
        (struct world){.s = s, .owner = &slow, .total = 12u << 20, .wants_pause = true, .wants_stop = true});
}
