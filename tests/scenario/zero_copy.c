/* SPDX-License-Identifier: MIT */
/* Sends whose bytes the kernel takes from where they lie: what arrives, and what becomes of the memory. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "file_play.h"
#include "socket_world.h"

enum { LARGE = 8192, PIECE = 40000, PIECES = 6, WAYS = 6 };
#define TOTAL   3000000u
#define LOCKED  (16u << 20) /* bytes that are certainly enough */
#define CALM_NS RIM_MS(30)  /* in which nothing moves */
#define NARROW  4096u       /* less than a segment of the loopback: the kernel goes on by its probes, later and later */
#define WIDER   32768u      /* little enough, and windows open at once */

enum way { CLOSES, ABORTS, KILLS, CRASHES, LEAVES, PEER_ABORTS };

struct stage {
    struct scenario *s;
    rim_ref listener, socket, map;
    uint64_t written, read;
    uint32_t piece, senders, closed;
    rim_ref sockets[WAYS];
    bool stops; /* when all has been written, and the peer has not read it */
    bool was_kept, was_seen;
    char path[128];
};
static struct stage stage;

/* Whether the driver has it. */
static bool is_there(struct scenario *s) {
    struct utsname name;
    unsigned major = 0, minor = 0;
    if (scenario_driver(s) != RIM_DRIVER_URING) {
        return scenario_is_sim(s);
    }
    CHECK(uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2);
    return major > 6 || (major == 6 && minor >= 10);
}

/* Then large sends may be copied after all: their pages would be locked. */
static bool lacks_locked_memory(void) {
    struct rlimit limit;
    bool lacks = geteuid() != 0 && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < LOCKED;
    if (lacks) {
        printf("not looked at: what is kept without a copy, for want of locked memory (ulimit -l)\n");
    }
    return lacks;
}

static rim_ref listen_for(rim_ctx *ctx, const rim_behaviour *owner) {
    rim_listen_options options = {.host = "127.0.0.1", .owner = owner, .socket.zero_copy = LARGE};
    CHECK(rim_listen(ctx, &options, &stage.listener) == 0);
    return stage.listener;
}

/* A peer that takes little into its kernel. */
static rim_ref connect_to(rim_ctx *ctx, uint16_t port, uint32_t receive_buffer) {
    rim_connect_options options = {.host = "127.0.0.1",
                                   .port = port,
                                   .timeout_ns = RIM_SECONDS(5),
                                   .socket.receive_buffer = receive_buffer};
    rim_ref socket = RIM_NIL;
    CHECK(rim_connect(ctx, &options, &socket) == 0);
    return socket;
}

static rim_msg *make_message(rim_ctx *ctx, uint64_t at, uint32_t size) {
    rim_msg *msg = rim_msg_new(ctx, GO, size);
    CHECK(msg != NULL);
    for (uint32_t i = 0; i < size; i++) {
        ((uint8_t *)rim_body(msg))[i] = socket_world_byte(at + i);
    }
    return msg;
}

static void run(struct scenario *s, const rim_behaviour *boss) {
    role_go(s, role_spawn(s, boss, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

static void prepare(struct scenario *s) {
    stage = (struct stage){.s = s};
    (void)scenario_system_with(s, &(rim_config){.shards = 1}); /* the stage is everybody's */
}

/* Sends that were lent and have come back, at the end; without them the stop has found a leak. */
static uint64_t stop_and_count(struct scenario *s) {
    rim_stats stats;
    rim_stop_report report;
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0 && !report.leaks);
    CHECK(rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, &stats) == 0);
    CHECK(stats.zero_copies_copied <= stats.zero_copies && stats.operations_open == 0);
    return stats.zero_copies;
}

/* ---- small and large ones ---- */

static uint32_t next_size(void) {
    static const uint32_t sizes[] = {100, 40000, 9, 8192, 300000, 8191, 1024, 70000, 5003, 20000, 20000, 1};
    uint32_t size = sizes[stage.piece % RIM_COUNT(sizes)];
    return size < TOTAL - stage.written ? size : (uint32_t)(TOTAL - stage.written);
}

static rim_verdict write_on(rim_ctx *ctx) {
    while (stage.written < TOTAL) {
        uint32_t size = next_size();
        rim_msg *msg = make_message(ctx, stage.written, size);
        int error = size % 2 == 0 ? rim_socket_try_write_msg(ctx, stage.socket, &msg)
                                  : rim_socket_write(ctx, stage.socket, rim_body(msg), size);
        rim_msg_free(ctx, msg);
        if (error == -RIM_EFULL) {
            CHECK(rim_want_room(ctx, stage.socket) == 0);
            return RIM_DONE;
        }
        CHECK(error == 0);
        stage.written += size;
        stage.piece++;
    }
    CHECK(rim_socket_close(ctx, stage.socket) == 0);
    return RIM_DONE;
}

static rim_verdict writer_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)size;
    stage.socket = ((const rim_connection *)arg)->socket;
    return write_on(ctx);
}

ROLE_ON(writer_room) {
    return write_on(ctx);
}
static const rim_handler writer_on[] = {[RIM_ROOM] = writer_room};
static const rim_behaviour writer = {
    .name = "writer", .state_size = 8, .init = writer_init, .on = writer_on, .on_count = RIM_COUNT(writer_on)};

ROLE_ON(reader_go) {
    listen_for(ctx, &writer);
    return RIM_DONE;
}

ROLE_ON(reader_listening) {
    (void)socket_world_connect(ctx, stage.s, "127.0.0.1", ((const rim_listening_event *)body)->address.port);
    return RIM_DONE;
}

ROLE_ON(reader_data) {
    CHECK(socket_world_is(body, rim_size(msg), stage.read));
    stage.read += rim_size(msg);
    return RIM_DONE;
}

ROLE_ON(reader_closed) {
    CHECK(stage.read == TOTAL && ((const rim_closed_event *)body)->error == 0);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler reader_on[] = {[GO] = reader_go,
                                        [RIM_LISTENING] = reader_listening,
                                        [RIM_SOCKET_DATA] = reader_data,
                                        [RIM_SOCKET_CLOSED] = reader_closed};
ROLE(reader, reader_on);

void zero_copy_keeps_the_order_with_copies(struct scenario *s) {
    prepare(s);
    run(s, &reader);
    CHECK((stop_and_count(s) > 0) == is_there(s));
}

/* ---- the memory: a map's, which is there as long as one view of it is ---- */

static bool is_mapped(void) {
    char line[512];
    bool any = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        any = any || strstr(line, stage.path) != NULL;
    }
    (void)fclose(maps);
    return any;
}

static rim_verdict owner_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)size;
    stage.socket = ((const rim_connection *)arg)->socket;
    rim_map_options options = {.path = stage.path, .load = RIM_MAP_LOAD_READ};
    CHECK(rim_map_open(ctx, &options, &stage.map) == 0);
    return RIM_DONE;
}

ROLE_ON(owner_ready) {
    rim_msg *view = NULL;
    CHECK(rim_map_view(ctx, stage.map, GO, 0, PIECE, &view) == 0);
    CHECK(rim_socket_write_msg(ctx, stage.socket, view) == 0);
    CHECK(rim_socket_flush(ctx, stage.socket, 0) == 0);
    CHECK(rim_map_close(ctx, stage.map) == 0);
    return RIM_DONE;
}

/* All is in the kernel, and most has not gone on, since the peer reads nothing. */
ROLE_ON(owner_sent) {
    CHECK(((const rim_sent_event *)body)->bytes == PIECE);
    CHECK(rim_after(ctx, CALM_NS, 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(owner_timer) {
    stage.was_kept = is_mapped();
    stage.was_seen = true;
    CHECK(rim_socket_close(ctx, stage.socket) == 0);
    CHECK(rim_socket_pause(ctx, stage.sockets[0], false) == 0);
    return RIM_DONE;
}
static const rim_handler owner_on[] = {
    [RIM_MAP_READY] = owner_ready, [RIM_SOCKET_SENT] = owner_sent, [RIM_TIMER] = owner_timer};
static const rim_behaviour map_owner = {
    .name = "map owner", .state_size = 8, .init = owner_init, .on = owner_on, .on_count = RIM_COUNT(owner_on)};

ROLE_OUTCOME(keeper_made) {
    CHECK(error == 0);
    listen_for(ctx, &map_owner);
    return RIM_DONE;
}

ROLE_ON(keeper_go) {
    static uint8_t bytes[PIECE];
    rim_file_replacement replacement = {.path = stage.path, .timeout_ns = FILE_LIMIT_NS, .on_outcome = keeper_made};
    for (uint32_t i = 0; i < PIECE; i++) {
        bytes[i] = socket_world_byte(i);
    }
    CHECK(rim_file_replace(ctx, &replacement, bytes, PIECE, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(keeper_listening) {
    stage.sockets[0] = connect_to(ctx, ((const rim_listening_event *)body)->address.port, NARROW);
    return RIM_DONE;
}

ROLE_ON(keeper_open) {
    CHECK(rim_socket_pause(ctx, stage.sockets[0], true) == 0);
    return RIM_DONE;
}

ROLE_ON(keeper_closed) {
    CHECK(stage.read == PIECE && stage.was_seen);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler keeper_on[] = {[GO] = keeper_go,
                                        [RIM_LISTENING] = keeper_listening,
                                        [RIM_SOCKET_OPEN] = keeper_open,
                                        [RIM_SOCKET_DATA] = reader_data,
                                        [RIM_SOCKET_CLOSED] = keeper_closed};
ROLE(keeper, keeper_on);

void zero_copy_keeps_the_memory_until_its_notice(struct scenario *s) {
    prepare(s);
    file_path(s, "zero_copy", stage.path);
    run(s, &keeper);
    bool is_real = !scenario_is_sim(s); /* where there is nothing to be seen of a map */
    CHECK(!is_real || stage.was_kept == is_there(s) || lacks_locked_memory());
    CHECK((stop_and_count(s) > 0) == is_there(s));
    CHECK(!is_real || !is_mapped());
}

/* ---- ends, while notices are out ---- */

static rim_verdict come_to_an_end(rim_ctx *ctx, rim_ref socket, enum way way) {
    switch (way) {
    case CLOSES:
        CHECK(rim_socket_close(ctx, socket) == 0);
        return RIM_DONE;
    case ABORTS:
        CHECK(rim_socket_abort(ctx, socket) == 0);
        return RIM_DONE;
    case KILLS:
        CHECK(rim_kill(ctx, socket) == 0);
        return RIM_DONE;
    case CRASHES:
        return RIM_FAIL;
    case LEAVES:
        return RIM_STOP;
    case PEER_ABORTS:
        return RIM_DONE;
    }
    return RIM_DONE;
}

struct sender {
    rim_ref socket;
    enum way way;
};

static rim_verdict sender_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct sender *sender = self;
    (void)size;
    sender->socket = ((const rim_connection *)arg)->socket;
    sender->way = (enum way)(stage.senders++ % WAYS);
    for (uint64_t i = 0; i < (stage.stops ? 1 : PIECES); i++) { /* one goes all into the kernel */
        CHECK(rim_socket_write_msg(ctx, sender->socket, make_message(ctx, i * PIECE, PIECE)) == 0);
    }
    CHECK(rim_after(ctx, RIM_MS(2), 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(sender_timer) {
    const struct sender *sender = self;
    return stage.stops ? RIM_DONE : come_to_an_end(ctx, sender->socket, sender->way);
}
static const rim_handler sender_on[] = {[RIM_TIMER] = sender_timer};
static const rim_behaviour sender = {.name = "sender",
                                     .state_size = sizeof(struct sender),
                                     .init = sender_init,
                                     .on = sender_on,
                                     .on_count = RIM_COUNT(sender_on)};

ROLE_ON(ender_go) {
    rim_listen_options options = {.host = "127.0.0.1",
                                  .owner = &sender,
                                  .distribute = RIM_DISTRIBUTE_ROUND_ROBIN,
                                  .socket.zero_copy = LARGE};
    CHECK(rim_listen(ctx, &options, &stage.listener) == 0);
    return RIM_DONE;
}

ROLE_ON(ender_listening) {
    stage.sockets[0] = connect_to(ctx, ((const rim_listening_event *)body)->address.port, WIDER);
    stage.piece = ((const rim_listening_event *)body)->address.port;
    return RIM_DONE;
}

/* One after the other, so that each has its way. */
ROLE_ON(ender_open) {
    const rim_open_event *event = body;
    CHECK(rim_socket_pause(ctx, event->socket, true) == 0);
    CHECK(rim_after(ctx, CALM_NS, 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(ender_timer) {
    rim_ref socket = stage.sockets[stage.closed];
    if (stage.stops) {
        scenario_done(ctx);
    } else if (stage.closed == PEER_ABORTS) {
        CHECK(rim_socket_abort(ctx, socket) == 0);
    } else {
        CHECK(rim_socket_pause(ctx, socket, false) == 0);
    }
    return RIM_DONE;
}

ROLE_ON(ender_closed) {
    const rim_closed_event *event = body;
    bool is_whole = stage.closed == CLOSES || stage.closed == CRASHES || stage.closed == LEAVES;
    CHECK(!is_whole || scenario_is_sim(stage.s) || event->received == PIECE * PIECES);
    if (++stage.closed == WAYS) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    stage.sockets[stage.closed] = connect_to(ctx, (uint16_t)stage.piece, WIDER);
    return RIM_DONE;
}

ROLE_ON(ender_data) {
    return RIM_DONE;
}
static const rim_handler ender_on[] = {
    [GO] = ender_go,           [RIM_LISTENING] = ender_listening, [RIM_SOCKET_OPEN] = ender_open,
    [RIM_TIMER] = ender_timer, [RIM_SOCKET_DATA] = ender_data,    [RIM_SOCKET_CLOSED] = ender_closed};
ROLE(ender, ender_on);

void zero_copy_ends_in_every_way_while_notices_are_out(struct scenario *s) {
    prepare(s);
    run(s, &ender);
    CHECK(stage.closed == WAYS && (stop_and_count(s) > 0) == is_there(s));
}

void zero_copy_stops_with_notices_out(struct scenario *s) {
    prepare(s);
    stage.stops = true;
    run(s, &ender);
    CHECK((stop_and_count(s) > 0) == is_there(s));
}

/* ---- options ---- */

static rim_verdict tuned_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)size;
    rim_socket_options options = {.zero_copy = 12345};
    stage.socket = ((const rim_connection *)arg)->socket;
    CHECK(rim_socket_set(ctx, stage.socket, &options) == 0);
    CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(tuned_timer) {
    rim_socket_state state;
    CHECK(rim_socket_ask(ctx, stage.socket, &state) == 0 && state.options.zero_copy == 12345);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler tuned_on[] = {[RIM_TIMER] = tuned_timer};
static const rim_behaviour tuned = {
    .name = "tuned", .state_size = 8, .init = tuned_init, .on = tuned_on, .on_count = RIM_COUNT(tuned_on)};

ROLE_ON(tuner_go) {
    listen_for(ctx, &tuned);
    return RIM_DONE;
}
static const rim_handler tuner_on[] = {
    [GO] = tuner_go, [RIM_LISTENING] = reader_listening, [RIM_SOCKET_DATA] = ender_data};
ROLE(tuner, tuner_on);

void socket_options_that_an_init_sets_stay(struct scenario *s) {
    prepare(s);
    run(s, &tuner);
}
