/* SPDX-License-Identifier: MIT */
#include "tls_play.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct tls_play stage;

struct tls_play *tls_play_current(void) {
    return &stage;
}

void tls_play_leave(rim_ctx *ctx) {
    if (atomic_fetch_sub(&stage.actors, 1) == 1) {
        scenario_done(ctx);
    }
}

struct tls_play tls_play_plain(struct scenario *s) {
    static rim_tls_certificate server;
    server = tls_certificate("server");
    return (struct tls_play){
        .s = s,
        .timeout_ns = RIM_SECONDS(5),
        .server = {.server = true, .certificates = &server, .certificate_count = 1},
        .client = {.ca_file = tls_paper("ca", "pem")},
        .total = 1 << 20,
    };
}

/* ---- the owner at the server: an echo that looks at what was agreed on ---- */

static rim_verdict owner_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const rim_connection *connection = arg;
    rim_tls_state state;
    atomic_fetch_add(&stage.owners, 1);
    if (!stage.plain_server) {
        int result = rim_socket_tls(ctx, connection->socket, &state);
        SCENARIO_CHECK(stage.s, result == 0 || result == -RIM_EDOWN);
        if (result == 0 && stage.accepted != NULL) {
            stage.accepted(ctx, &stage, &state);
        }
    }
    return socket_world_echo.init(ctx, self, arg, size);
}

/* ---- the boss ---- */

struct boss {
    struct socket_pump pump;
    uint64_t received;
    bool open, ended, paused, has_been_halfway, has_written, has_left;
};

static void set_paused(rim_ctx *ctx, struct boss *boss, bool paused) {
    boss->paused = paused;
    SCENARIO_CHECK(stage.s, rim_socket_pause(ctx, boss->pump.socket, paused) == 0);
}

static void close_socket(rim_ctx *ctx, struct boss *boss) {
    if (rim_socket_close(ctx, boss->pump.socket) != 0) {
        SCENARIO_CHECK(stage.s, stage.may_fail); /* for want of memory */
        (void)rim_socket_abort(ctx, boss->pump.socket);
    }
}

/* When all is written, RIM_SOCKET_SENT says when it has left. */
static rim_verdict write_on(rim_ctx *ctx, struct boss *boss) {
    if (!boss->has_written && socket_pump_run(ctx, &boss->pump)) {
        boss->has_written = true;
        (void)rim_socket_flush(ctx, boss->pump.socket, stage.total);
        if (stage.ending == TLS_SHUTDOWN_WHEN_WRITTEN) {
            SCENARIO_CHECK(stage.s, rim_socket_shutdown(ctx, boss->pump.socket) == 0);
        }
    }
    stage.refusals = boss->pump.refusals;
    if (boss->paused && boss->pump.refusals > 0) {
        set_paused(ctx, boss, false);
    }
    return RIM_DONE;
}

static void connect_again(rim_ctx *ctx, struct boss *boss, uint16_t port) {
    const char *host = stage.host != NULL ? stage.host : "127.0.0.1";
    rim_connect_options options = {
        .host = stage.is_unix ? stage.unix_name : host,
        .port = port,
        .timeout_ns = stage.timeout_ns,
        .tls = stage.client_tls,
        .tls_name = stage.name,
    };
    *boss = (struct boss){.pump = {.total = stage.total}};
    int result = -ENOMEM;
    for (int i = 0; result != 0 && i < (stage.may_fail ? 1000 : 1); i++) {
        result = rim_connect(ctx, &options, &boss->pump.socket);
    }
    SCENARIO_CHECK(stage.s, result == 0);
    if (stage.early) {
        (void)write_on(ctx, boss);
    }
    if (stage.give_up_ns != 0) {
        rim_timer timer = RIM_NIL;
        while (timer == RIM_NIL) { /* there may be no memory */
            timer = rim_after(ctx, stage.give_up_ns * stage.round, stage.round);
        }
    }
}

static void listen_on(rim_ctx *ctx, rim_listen_options options) {
    rim_ref listener = RIM_NIL;
    options.host = stage.is_unix ? stage.unix_name : "127.0.0.1";
    options.socket.linger_ns = stage.linger_ns;
    if (stage.slow) {
        options.socket.send_buffer = options.socket.receive_buffer = 65536;
    }
    SCENARIO_CHECK(stage.s, rim_listen(ctx, &options, &listener) == 0);
}

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    static rim_behaviour owner;
    (void)self;
    (void)arg;
    (void)size;
    owner = socket_world_echo;
    owner.init = owner_init;
    rim_spawn_options owner_options = {.mailbox_count = stage.mailbox};
    listen_on(ctx, (rim_listen_options){.owner = stage.owner != NULL ? stage.owner : &owner,
                                        .owner_options = &owner_options,
                                        .distribute = stage.distribute,
                                        .tls = stage.plain_server ? NULL : stage.server_tls,
                                        .arg = &stage});
    return RIM_DONE;
}

/* The first that listens is the server, the second the wire. */
static rim_verdict on_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    const rim_listening_event *event = body;
    bool is_server = stage.port == 0;
    if (is_server) {
        stage.port = event->address.port;
    }
    if (is_server && stage.wire) {
        listen_on(ctx, (rim_listen_options){.owner = &tls_wire});
    } else {
        connect_again(ctx, boss, event->address.port);
    }
    return RIM_DONE;
}

static rim_verdict on_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct boss *boss = self;
    rim_tls_state state;
    boss->open = true;
    int result = rim_socket_tls(ctx, boss->pump.socket, &state);
    SCENARIO_CHECK(stage.s, result == (stage.plain_client ? -95 : 0) || result == -RIM_EDOWN);
    if (result == 0 && stage.opened != NULL) {
        stage.opened(ctx, &stage, &state);
    }
    if (stage.slow) {
        set_paused(ctx, boss, true);
    }
    return write_on(ctx, boss);
}

static rim_verdict on_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return write_on(ctx, self);
}

static rim_verdict on_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct boss *boss = self;
    SCENARIO_CHECK(stage.s, boss->open && !boss->paused);
    SCENARIO_CHECK(stage.s, stage.raw || socket_world_is(body, rim_size(msg), boss->received));
    boss->received += rim_size(msg);
    if (stage.halfway != NULL && !boss->has_been_halfway && boss->received * 2 >= stage.total) {
        boss->has_been_halfway = true;
        stage.halfway(ctx, &stage);
    }
    if (stage.ending == TLS_CLOSE_WHEN_RECEIVED && boss->received == stage.total) {
        close_socket(ctx, boss);
    }
    return RIM_DONE;
}

static rim_verdict on_sent(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)msg;
    struct boss *boss = self;
    const rim_sent_event *event = body;
    if (event->socket == boss->pump.socket) { /* else of a connection that has ended */
        boss->has_left = true;
        SCENARIO_CHECK(stage.s, event->cookie == stage.total && (event->bytes == stage.total || stage.error != 0));
    }
    return RIM_DONE;
}

static rim_verdict on_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct boss *boss = self;
    SCENARIO_CHECK(stage.s, !boss->ended);
    boss->ended = true;
    if (stage.ending == TLS_WAIT) {
        close_socket(ctx, boss);
    }
    return RIM_DONE;
}

static void check_end(const struct boss *boss, const rim_closed_event *event) {
    struct scenario *s = stage.s;
    if (stage.give_up_ns != 0) {
        return;
    }
    /* To whom nothing was said is not listened to either: what it wrote may be unread, and then it hears of a reset. */
    bool is_cut = stage.raw && stage.error == 0 && event->error == -ECONNRESET;
    if (is_cut) {
        SCENARIO_CHECK(s, boss->received == 0);
        return;
    }
    if (event->error != stage.error || (stage.text != NULL && strstr(event->text, stage.text) == NULL)) {
        fprintf(stderr, "    closed: %d, %s\n", event->error, event->text);
    }
    SCENARIO_CHECK(s, event->error == stage.error);
    SCENARIO_CHECK(s, stage.text == NULL || strstr(event->text, stage.text) != NULL);
    SCENARIO_CHECK(s, boss->open != stage.never_open);
    SCENARIO_CHECK(s, event->received == boss->received);
    if (stage.error == 0 && !stage.raw) {
        SCENARIO_CHECK(s, event->sent == stage.total);
        SCENARIO_CHECK(s, boss->received == stage.total);
        SCENARIO_CHECK(s, boss->has_left);
        SCENARIO_CHECK(s, event->unwritten == 0);
    }
}

static rim_verdict on_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    const rim_closed_event *event = body;
    stage.got = boss->received;
    check_end(boss, event);
    if (stage.closed != NULL) {
        stage.closed(ctx, &stage, event);
    }
    if (++stage.round < stage.rounds) {
        connect_again(ctx, boss, stage.port);
    } else {
        tls_play_leave(ctx);
    }
    return RIM_DONE;
}

/* One after the other, in all ways. */
static rim_verdict on_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    const rim_timer_event *event = body;
    if (event->cookie != stage.round) {
        return RIM_DONE; /* of a connection that has ended before */
    }
    if (stage.round % 2 == 0) {
        (void)rim_socket_close(ctx, boss->pump.socket);
    } else {
        (void)rim_socket_abort(ctx, boss->pump.socket);
    }
    return RIM_DONE;
}

static const rim_handler boss_rows[] = {
    [RIM_TIMER] = on_timer,         [RIM_SOCKET_SENT] = on_sent,
    [RIM_LISTENING] = on_listening, [RIM_SOCKET_OPEN] = on_open,
    [RIM_ROOM] = on_room,           [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_END] = on_end,      [RIM_SOCKET_CLOSED] = on_closed,
};

static const rim_behaviour boss = {
    .name = "boss",
    .state_size = sizeof(struct boss),
    .on = boss_rows,
    .on_count = RIM_COUNT(boss_rows),
    .init = boss_init,
};

/* ---- the play ---- */

static rim_tls *make(struct scenario *s, const rim_tls_options *options) {
    char text[RIM_TLS_TEXT_MAX] = "";
    rim_tls *tls = NULL;
    int result = rim_tls_create(options, &tls, text);
    SCENARIO_CHECK(s, result == 0);
    if (result != 0) {
        fprintf(stderr, "    %s\n", text);
    }
    return tls;
}

static void check_counts(void) {
    struct scenario *s = stage.s;
    rim_stop_report report;
    rim_stats stats;
    SCENARIO_CHECK(s, scenario_stop(s, RIM_SECONDS(20), &report) == 0);
    SCENARIO_CHECK(s, report.lost == 0 && report.adds_up && !report.leaks);
    SCENARIO_CHECK(s, rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, &stats) == 0);
    if (stats.tls_failures != (uint64_t)stage.failures) {
        fprintf(stderr, "    %llu handshakes failed\n", (unsigned long long)stats.tls_failures);
    }
    SCENARIO_CHECK(s, stats.tls_failures == (uint64_t)stage.failures);
}

/* The set-ups are given up at the end: who still uses them keeps them. */
void tls_play_run(struct tls_play play) {
    static unsigned turn;
    stage = play;
    atomic_store(&stage.actors, play.wire ? 2 : 1);
    snprintf(stage.unix_name, sizeof stage.unix_name, "unix:@ringmail-tls-%d-%u", (int)getpid(), turn++);
    scenario_open_lanes(play.s);
    (void)scenario_system_with(play.s, &(rim_config){.shards = 2});
    stage.server_tls = play.plain_server ? NULL : make(play.s, &play.server);
    stage.client_tls = play.plain_client ? NULL : make(play.s, &play.client);
    socket_world_run(play.s, &boss, &stage);
    rim_tls_destroy(stage.server_tls);
    rim_tls_destroy(stage.client_tls);
    if (stage.failures >= 0) {
        check_counts();
    }
    if (stage.no_owner) {
        SCENARIO_CHECK(play.s, atomic_load(&stage.owners) == 0);
    }
}
