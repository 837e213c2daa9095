/* SPDX-License-Identifier: MIT */
/* rim_socket_try_write_msg keeps the message where there is no room for it: the same one is written later. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "ringmail/mailbox.h"
#include "socket_world.h"

enum { READ = RIM_USER, BLOCK, PING, PONG };

#define BLOCKS     1600u
#define BLOCK_SIZE 8000u
#define BATCH      8u /* that a writer on another shard sends before it knows what has become of it */
#define TOTAL      (BLOCKS * BLOCK_SIZE)

static struct scenario *running;
static struct {
    rim_ref boss;
    uint32_t shard;          /* of the writer; the socket is on shard 0 */
    atomic_uintptr_t reader; /* the owner at the other end */
    atomic_uint refused;
} world;
#define TRY_CHECK(expression) SCENARIO_CHECK(running, expression)

/* ---- the other end reads nothing at first ---- */

struct reader {
    rim_ref socket;
    uint64_t received;
};

static rim_verdict reader_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct reader *reader = self;
    reader->socket = ((const rim_connection *)arg)->socket;
    atomic_store(&world.reader, rim_self(ctx));
    TRY_CHECK(rim_pressure(ctx, true) == 0); /* what comes stays at the socket */
    return RIM_DONE;
}

static rim_verdict reader_read(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self, (void)body, (void)msg;
    TRY_CHECK(rim_pressure(ctx, false) == 0);
    return RIM_DONE;
}

static rim_verdict reader_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct reader *reader = self;
    TRY_CHECK(socket_world_is(body, rim_size(msg), reader->received));
    reader->received += rim_size(msg);
    if (reader->received == TOTAL) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler reader_rows[] = {[RIM_SOCKET_DATA] = reader_data, [READ] = reader_read};
static const rim_behaviour reader_behaviour = {.name = "reader",
                                               .state_size = sizeof(struct reader),
                                               .init = reader_init,
                                               .on = reader_rows,
                                               .on_count = RIM_COUNT(reader_rows)};

/* ---- the writer ---- */

struct writer {
    rim_ref socket;
    uint64_t written;
    rim_msg *kept; /* what has not been taken */
    uint32_t batch;
};

static rim_msg *make_block(rim_ctx *ctx, uint64_t at) {
    rim_msg *msg = rim_msg_new(ctx, BLOCK, BLOCK_SIZE);
    TRY_CHECK(msg != NULL);
    for (uint32_t i = 0; i < BLOCK_SIZE; i++) {
        ((uint8_t *)rim_body(msg))[i] = socket_world_byte(at + i);
    }
    return msg;
}

static rim_verdict write_on(rim_ctx *ctx, struct writer *writer);

static rim_verdict on_pong(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)cookie, (void)body, (void)msg;
    TRY_CHECK(error == 0);
    ((struct writer *)self)->batch = 0;
    return write_on(ctx, self);
}

/* The boss lives with the socket: its answer comes behind the word that the socket is full. */
static rim_verdict ask_boss(rim_ctx *ctx) {
    rim_ask ask = {.to = world.boss, .tag = PING, .timeout_ns = RIM_SECONDS(60), .on_outcome = on_pong};
    TRY_CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}

static rim_verdict write_on(rim_ctx *ctx, struct writer *writer) {
    while (writer->written < TOTAL) {
        if (world.shard > 0 && writer->batch == BATCH) {
            return ask_boss(ctx);
        }
        if (writer->kept == NULL) {
            writer->kept = make_block(ctx, writer->written);
        }
        int error = rim_socket_try_write_msg(ctx, writer->socket, &writer->kept);
        if (error == -RIM_EFULL) {
            TRY_CHECK(writer->kept != NULL && rim_tag(writer->kept) == BLOCK);
            TRY_CHECK(socket_world_is(rim_body(writer->kept), BLOCK_SIZE, writer->written));
            TRY_CHECK(rim_want_room(ctx, writer->socket) == 0);
            if (atomic_fetch_add(&world.refused, 1) == 0) {
                TRY_CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
            }
            return RIM_DONE;
        }
        TRY_CHECK(error == 0);
        TRY_CHECK(writer->kept == NULL);
        if (error != 0) {
            return RIM_FAIL;
        }
        writer->written += BLOCK_SIZE;
        writer->batch++;
    }
    return RIM_DONE;
}

static rim_verdict writer_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct writer *writer = self;
    memcpy(&writer->socket, arg, size);
    rim_msg *nothing = NULL;
    TRY_CHECK(rim_socket_try_write_msg(ctx, writer->socket, &nothing) == -EINVAL);
    TRY_CHECK(rim_socket_write_msg(ctx, writer->socket, NULL) == -EINVAL);
    rim_msg *msg = make_block(ctx, 0);
    TRY_CHECK(rim_socket_try_write_msg(ctx, 17, &msg) == -RIM_EBADREF);
    TRY_CHECK(msg != NULL && rim_tag(msg) == BLOCK);
    rim_msg_free(ctx, msg);
    return write_on(ctx, writer);
}

static rim_verdict writer_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body, (void)msg;
    return write_on(ctx, self);
}

/* It had to wait: now the other end may read, if it is there yet. */
static rim_verdict writer_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self, (void)body, (void)msg;
    rim_ref reader = atomic_load(&world.reader);
    if (reader == RIM_NIL) {
        TRY_CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
    } else {
        TRY_CHECK(rim_send_urgent(ctx, reader, READ, NULL, 0) == 0);
    }
    return RIM_DONE;
}

static rim_verdict writer_refused(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx, (void)self, (void)body, (void)msg;
    TRY_CHECK(!"a batch fits into what is left");
    return RIM_DONE;
}

static const rim_handler writer_rows[] = {
    [RIM_ROOM] = writer_room, [RIM_REFUSED] = writer_refused, [RIM_TIMER] = writer_timer};
static const rim_behaviour writer_behaviour = {.name = "writer",
                                               .state_size = sizeof(struct writer),
                                               .init = writer_init,
                                               .on = writer_rows,
                                               .on_count = RIM_COUNT(writer_rows)};

/* ---- the owner of the socket ---- */

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self, (void)arg, (void)size;
    world.boss = rim_self(ctx);
    (void)socket_world_listen(ctx, running, &reader_behaviour, NULL);
    return RIM_DONE;
}

static rim_verdict boss_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self, (void)msg;
    (void)socket_world_connect(ctx, running, "127.0.0.1", ((const rim_listening_event *)body)->address.port);
    return RIM_DONE;
}

static rim_verdict boss_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self, (void)msg;
    rim_ref socket = ((const rim_open_event *)body)->socket, writer;
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = world.shard};
    TRY_CHECK(rim_spawn(ctx, &writer_behaviour, &options, &socket, sizeof socket, &writer) == 0);
    return RIM_DONE;
}

static rim_verdict boss_ping(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self, (void)body, (void)msg;
    TRY_CHECK(rim_reply(ctx, RIM_NIL, PONG, NULL, 0) == 0);
    return RIM_DONE;
}

static const rim_handler boss_rows[] = {
    [RIM_LISTENING] = boss_listening, [RIM_SOCKET_OPEN] = boss_open, [PING] = boss_ping};
static const rim_behaviour boss_behaviour = {.name = "boss",
                                             .init = boss_init,
                                             .on = boss_rows,
                                             .on_count = RIM_COUNT(boss_rows)};

static void write_from(struct scenario *s, uint32_t shard) {
    running = s;
    memset(&world, 0, sizeof world);
    world.shard = shard;
    scenario_open_lanes(s);
    socket_world_run(s, &boss_behaviour, NULL);
    TRY_CHECK(atomic_load(&world.refused) > 0);
}

void socket_try_write_keeps_the_message_here(struct scenario *s) {
    write_from(s, 0);
}

void socket_try_write_keeps_the_message_across(struct scenario *s) {
    write_from(s, 1);
}
