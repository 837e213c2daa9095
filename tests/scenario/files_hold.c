/* SPDX-License-Identifier: MIT */
/* Files that are closed while they are copied or sent: they stay open until that is over. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>

#include "file_play.h"
#include "socket_world.h"

#define BIG (700u << 10)

struct hold {
    struct scenario *s;
    rim_ref from, to, listener, peer, asker;
    uint64_t received;
    bool is_socket, aborts, is_read_only;
    _Atomic unsigned closed;
    atomic_bool over; /* the outcome has come */
    char path[128], other[128];
};
static struct hold hold;

static rim_file_ask ask_of(rim_ref file, rim_outcome on_outcome) {
    return (rim_file_ask){.file = file, .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome};
}

static rim_ref open_file(rim_ctx *ctx, const char *path, int flags) {
    rim_ref file = RIM_NIL;
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = path, .flags = flags}, &file) == 0);
    return file;
}

/* ---- who asks, and closes at once ---- */

ROLE_OUTCOME(is_refused) {
    CHECK(error == -RIM_EDOWN);
    return RIM_DONE;
}

ROLE_OUTCOME(hold_is_over) {
    const rim_file_result *result = body;
    CHECK(hold.aborts || (error == 0 && result->bytes == BIG));
    CHECK(!hold.aborts || error == -RIM_EDOWN);
    atomic_store(&hold.over, true);
    return hold.is_socket ? RIM_STOP : RIM_DONE;
}

static void close_and_ask(rim_ctx *ctx, rim_ref file) {
    rim_file_ask ask = ask_of(file, is_refused);
    CHECK(rim_file_close(ctx, file) == 0);
    CHECK(rim_file_read(ctx, &ask, 10, NULL) == 0); /* others find it closed */
}

static void ask_and_close(rim_ctx *ctx, rim_ref socket) {
    rim_file_ask ask = ask_of(hold.from, hold_is_over);
    if (socket != RIM_NIL) {
        CHECK(rim_file_send(ctx, &ask, socket, UINT64_MAX, NULL) == 0);
    } else {
        CHECK(rim_file_copy(ctx, &ask, hold.to, 0, UINT64_MAX, NULL) == 0);
        close_and_ask(ctx, hold.to);
    }
    close_and_ask(ctx, hold.from);
}

ROLE_ON(hold_go_on) {
    ask_and_close(ctx, RIM_NIL);
    return RIM_DONE;
}
static const rim_handler asker_on[] = {[MORE] = hold_go_on};
ROLE(hold_asker, asker_on);

static rim_verdict holder_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const rim_connection *connection = arg;
    (void)self;
    CHECK(size == sizeof *connection);
    ask_and_close(ctx, connection->socket);
    return RIM_DONE;
}

/* The outcome, which may come after it, is waited for. */
ROLE_ON(holder_closed) {
    return RIM_DONE;
}
static const rim_handler holder_on[] = {[RIM_SOCKET_CLOSED] = holder_closed};
static const rim_behaviour hold_sender = {
    .name = "hold_sender", .state_size = 8, .init = holder_init, .on = holder_on, .on_count = RIM_COUNT(holder_on)};

/* ---- who owns the files ---- */

ROLE_OUTCOME(copy_is_whole) {
    CHECK(error == 0 && rim_size(msg) == BIG && socket_world_is(body, BIG, 0));
    scenario_done(ctx);
    return RIM_DONE;
}

/* All that was to be done has been, where both files are closed, or the one and the peer has all. */
static void look_for_end(rim_ctx *ctx) {
    if (!hold.is_socket && atomic_load(&hold.closed) == 2) {
        rim_file_ask ask = ask_of(open_file(ctx, hold.other, O_RDONLY), copy_is_whole);
        CHECK(rim_file_read(ctx, &ask, BIG, NULL) == 0);
    } else if (hold.is_socket && atomic_load(&hold.closed) == 1 && (hold.aborts || hold.received == BIG)) {
        CHECK(rim_stop(ctx, hold.listener) == 0);
        int error = rim_socket_close(ctx, hold.peer);
        CHECK(hold.aborts || error == 0 || error == -RIM_EDOWN); /* it may have seen the other side's end */
        scenario_done(ctx);
    }
}

ROLE_OUTCOME(hold_is_made) {
    CHECK(error == 0);
    if (hold.is_read_only) {
        CHECK(rim_file_close(ctx, hold.from) == 0);
        hold.from = open_file(ctx, hold.path, O_RDONLY);
    }
    if (hold.is_socket) {
        hold.listener = socket_world_listen(ctx, hold.s, &hold_sender, NULL);
    } else {
        hold.to = open_file(ctx, hold.other, O_RDWR | O_CREAT | O_TRUNC);
        role_say(ctx, hold.asker, MORE, 0);
    }
    return RIM_DONE;
}

ROLE_ON(owner_go) {
    hold.from = open_file(ctx, hold.path, O_RDWR | O_CREAT | O_TRUNC);
    rim_msg *msg_out = rim_file_buffer(ctx, BIG);
    uint8_t *bytes = rim_file_bytes(msg_out);
    for (uint32_t i = 0; i < BIG; i++) {
        bytes[i] = socket_world_byte(i);
    }
    rim_file_ask ask = ask_of(hold.from, hold_is_made);
    CHECK(rim_file_write_buffer(ctx, &ask, msg_out, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(owner_closed) {
    const rim_file_closed_event *event = body;
    CHECK(event->error == 0);
    if (event->file == hold.from || event->file == hold.to) {
        atomic_fetch_add(&hold.closed, 1);
        look_for_end(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(owner_listening) {
    hold.peer = socket_world_connect(ctx, hold.s, "127.0.0.1", ((const rim_listening_event *)body)->address.port);
    return RIM_DONE;
}

ROLE_ON(owner_data) {
    CHECK(socket_world_is(body, rim_size(msg), hold.received));
    hold.received += rim_size(msg);
    if (hold.aborts) {
        CHECK(rim_socket_abort(ctx, hold.peer) == 0);
    } else {
        look_for_end(ctx);
    }
    return RIM_DONE;
}

/* Without a row it would end here. */
ROLE_ON(owner_lost) {
    return RIM_DONE;
}

static const rim_handler owner_on[] = {[GO] = owner_go,
                                       [RIM_SOCKET_CLOSED] = owner_lost,
                                       [RIM_FILE_CLOSED] = owner_closed,
                                       [RIM_LISTENING] = owner_listening,
                                       [RIM_SOCKET_DATA] = owner_data};
ROLE(hold_owner, owner_on);

/* ---- the scenarios ---- */

static void play(struct scenario *s, struct hold settings, uint32_t asker_shard) {
    hold.s = s;
    hold.from = hold.to = hold.listener = hold.peer = hold.asker = RIM_NIL;
    hold.received = 0;
    hold.is_socket = settings.is_socket;
    hold.aborts = settings.aborts;
    hold.is_read_only = settings.is_read_only;
    atomic_store(&hold.closed, 0);
    atomic_store(&hold.over, false);
    file_path(s, "held", hold.path);
    file_path(s, "other", hold.other);
    scenario_open_lanes(s);
    (void)scenario_system(s);
    if (!hold.is_socket) {
        hold.asker = role_spawn(s, &hold_asker, asker_shard, (struct role_cast){.index = 0});
    }
    role_go(s, role_spawn(s, &hold_owner, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    ROLE_AWAIT(s, atomic_load(&hold.over));
    CHECK(atomic_load(&hold.over));
}

void file_that_is_copied_is_closed_behind_that(struct scenario *s) {
    play(s, (struct hold){.is_read_only = true}, 0);
}

void file_of_another_shard_that_is_copied_is_closed_behind_that(struct scenario *s) {
    play(s, (struct hold){.is_read_only = false}, 1);
}

void file_that_is_sent_is_closed_behind_that(struct scenario *s) {
    play(s, (struct hold){.is_socket = true, .is_read_only = true}, 0);
}

void file_that_is_sent_by_pieces_is_closed_behind_that(struct scenario *s) {
    play(s, (struct hold){.is_socket = true}, 0);
}

void file_that_is_sent_in_vain_is_closed_behind_that(struct scenario *s) {
    play(s, (struct hold){.is_socket = true, .aborts = true}, 0);
}
