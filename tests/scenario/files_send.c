/* SPDX-License-Identifier: MIT */
/* Files that are only read go to a socket without passing through the process, where nothing is in the way. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "file_play.h"
#include "socket_world.h"
#include "tls_papers.h"

#define BIG     (3u << 20)
#define AROUND  1000u /* bytes, written before and behind */
#define SHORT   500000u
#define PAGE    65536u /* none is larger */
#define CALM_NS RIM_MS(20)
#define WORDS   200u
#define NARROW  65536u /* of the kernel's buffers: the file is much more than they take */

enum play { BETWEEN, PAUSED, CUT_SHORT, AMONG, ABORTED, SEALED };

struct send {
    struct scenario *s;
    enum play play;
    rim_ref file, other, listener, socket, peer;
    uint64_t received, sent, words, strange;
    rim_tls *server, *client; /* of a sealed one */
    uint32_t ends;            /* of an aborted one: the outcome, and both ends of the connection */
    char path[128];
};
static struct send play;

/* ---- the file, and who sends it ---- */

static void note_end(rim_ctx *ctx) {
    if (++play.ends == 3) {
        scenario_done(ctx);
    }
}

ROLE_OUTCOME(sent) {
    uint8_t bytes[AROUND];
    if (play.play == ABORTED) {
        CHECK(error == -RIM_EDOWN);
        note_end(ctx);
        return RIM_DONE;
    }
    CHECK(error == 0);
    play.sent = ((const rim_file_result *)body)->bytes;
    CHECK(play.play == CUT_SHORT ? play.sent <= BIG : play.sent == BIG);
    for (uint32_t i = 0; i < AROUND; i++) {
        bytes[i] = socket_world_byte(AROUND + BIG + i);
    }
    CHECK(play.play != BETWEEN || rim_socket_write(ctx, play.socket, bytes, AROUND) == 0);
    CHECK(play.play == AMONG || rim_socket_close(ctx, play.socket) == 0);
    return RIM_DONE;
}

ROLE_OUTCOME(cut) {
    CHECK(error == 0); /* whatever the peer does */
    CHECK(rim_socket_pause(ctx, play.peer, false) == 0);
    return RIM_DONE;
}

static rim_verdict owner_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    uint8_t bytes[AROUND];
    (void)self;
    (void)size;
    play.socket = ((const rim_connection *)arg)->socket;
    for (uint32_t i = 0; i < AROUND; i++) {
        bytes[i] = socket_world_byte(i);
    }
    CHECK(rim_socket_write(ctx, play.socket, bytes, AROUND) == 0);
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = play.path, .flags = O_RDONLY}, &play.file) == 0);
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = play.path, .flags = O_RDWR}, &play.other) == 0);
    rim_file_ask ask = {.file = play.file, .timeout_ns = FILE_LIMIT_NS, .on_outcome = sent};
    CHECK(rim_file_send(ctx, &ask, play.socket, UINT64_MAX, NULL) == 0);
    CHECK(play.play != CUT_SHORT || rim_after(ctx, CALM_NS, 0) != RIM_NIL);
    CHECK(play.play != AMONG || rim_send(ctx, rim_self(ctx), WORD, NULL, 0) == 0);
    return RIM_DONE;
}

/* Nothing moves: the peer has not read. */
ROLE_ON(owner_timer) {
    rim_file_ask ask = {.file = play.other, .offset = SHORT, .timeout_ns = FILE_LIMIT_NS, .on_outcome = cut};
    CHECK(rim_file_truncate(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}

/* Single bytes, which come somewhere within the file's. */
ROLE_ON(owner_word) {
    uint8_t byte = 0;
    int error = rim_socket_write(ctx, play.socket, &byte, 1);
    CHECK(error == 0 || error == -RIM_EFULL);
    play.words += error == 0;
    if (error == -RIM_EFULL) {
        CHECK(rim_want_room(ctx, play.socket) == 0);
    } else if (play.words < WORDS) {
        CHECK(rim_send(ctx, rim_self(ctx), WORD, NULL, 0) == 0);
    } else if (play.sent > 0) {
        CHECK(rim_socket_close(ctx, play.socket) == 0);
    } else {
        CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
    }
    return RIM_DONE;
}

ROLE_ON(owner_tick) {
    if (play.play == CUT_SHORT) {
        return owner_timer(ctx, self, body, msg);
    }
    if (play.sent == 0) {
        CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
        return RIM_DONE;
    }
    CHECK(rim_socket_close(ctx, play.socket) == 0);
    return RIM_DONE;
}
ROLE_ON(owner_closed) {
    if (play.play != ABORTED) {
        return RIM_STOP;
    }
    note_end(ctx);
    return RIM_DONE;
}
static const rim_handler owner_on[] = {
    [RIM_SOCKET_CLOSED] = owner_closed, [RIM_TIMER] = owner_tick, [WORD] = owner_word, [RIM_ROOM] = owner_word};
static const rim_behaviour owner = {
    .name = "owner", .state_size = 8, .init = owner_init, .on = owner_on, .on_count = RIM_COUNT(owner_on)};

/* ---- the peer ---- */

ROLE_OUTCOME(made) {
    CHECK(error == 0);
    rim_listen_options options = {.host = "127.0.0.1",
                                  .owner = &owner,
                                  .socket.send_buffer = NARROW,
                                  .tls = play.server};
    CHECK(rim_listen(ctx, &options, &play.listener) == 0);
    return RIM_DONE;
}

ROLE_ON(peer_go) {
    static uint8_t bytes[BIG];
    rim_file_replacement replacement = {.path = play.path, .timeout_ns = FILE_LIMIT_NS, .on_outcome = made};
    for (uint32_t i = 0; i < BIG; i++) {
        bytes[i] = play.play == AMONG ? 1 : socket_world_byte(AROUND + i);
    }
    CHECK(rim_file_replace(ctx, &replacement, bytes, BIG, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(peer_listening) {
    rim_connect_options options = {.host = "127.0.0.1",
                                   .port = ((const rim_listening_event *)body)->address.port,
                                   .timeout_ns = RIM_SECONDS(5),
                                   .socket.receive_buffer = NARROW,
                                   .tls = play.client};
    CHECK(rim_connect(ctx, &options, &play.peer) == 0);
    return RIM_DONE;
}

ROLE_ON(peer_open) {
    bool pauses = play.play == PAUSED || play.play == CUT_SHORT;
    CHECK(!pauses || rim_socket_pause(ctx, play.peer, true) == 0);
    CHECK(play.play != PAUSED || rim_after(ctx, CALM_NS, 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(peer_timer) {
    CHECK(rim_socket_pause(ctx, play.peer, false) == 0);
    return RIM_DONE;
}

/* Of what is cut off while it is under way, the last pages are anything. */
ROLE_ON(peer_data) {
    const uint8_t *bytes = body;
    size_t size = rim_size(msg), first = 0;
    if (play.play == AMONG) {
        for (first = 0; first < size; first++) {
            play.strange += bytes[first] == 0 && play.received + first >= AROUND;
        }
    } else if (play.play == CUT_SHORT && play.received + size > SHORT - PAGE) {
        first = size;
    }
    CHECK(first == size || socket_world_is(bytes, size, play.received));
    play.received += size;
    if (play.play == ABORTED && play.received > AROUND) {
        CHECK(rim_socket_abort(ctx, play.peer) == 0);
    }
    return RIM_DONE;
}

ROLE_ON(peer_closed) {
    uint64_t around = play.play == BETWEEN ? 2 * AROUND : AROUND;
    if (play.play == ABORTED) {
        note_end(ctx);
        return RIM_DONE;
    }
    CHECK(((const rim_closed_event *)body)->error == 0);
    CHECK(play.received == play.sent + around + play.words && play.strange == play.words);
    CHECK(rim_stop(ctx, play.listener) == 0);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler peer_on[] = {
    [GO] = peer_go,           [RIM_LISTENING] = peer_listening, [RIM_SOCKET_OPEN] = peer_open,
    [RIM_TIMER] = peer_timer, [RIM_SOCKET_DATA] = peer_data,    [RIM_SOCKET_CLOSED] = peer_closed};
ROLE(peer, peer_on);

/* ---- */

/* Whether the disk tells what is in memory. */
static bool can_look(struct scenario *s) {
    char byte;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    if (scenario_is_sim(s)) {
        return true;
    }
    int fd = open(play.path, O_RDONLY | O_CLOEXEC);
    bool can = fd >= 0 && preadv2(fd, &piece, 1, 0, RWF_NOWAIT) == 1;
    CHECK(close(fd) == 0);
    return can;
}

static void prepare_tls(void) {
    char text[RIM_TLS_TEXT_MAX];
    rim_tls_certificate paper = tls_certificate("server");
    rim_tls_options server = {.server = true, .certificates = &paper, .certificate_count = 1};
    rim_tls_options client = {.ca_file = tls_paper("ca", "pem")};
    CHECK(rim_tls_create(&server, &play.server, text) == 0 && rim_tls_create(&client, &play.client, text) == 0);
}

static void run(struct scenario *s, enum play what) {
    rim_stats stats;
    rim_stop_report report;
    play = (struct send){.s = s, .play = what};
    if (what == SEALED) {
        prepare_tls();
    }
    (void)scenario_system_with(s, &(rim_config){.shards = 1});
    file_path(s, "sent", play.path);
    role_go(s, role_spawn(s, &peer, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0 && !report.leaks);
    CHECK(rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, &stats) == 0);
    CHECK(what == ABORTED || stats.bytes_from_files <= play.sent);
    CHECK(what != SEALED || stats.bytes_from_files == 0);
    CHECK(what != BETWEEN || (stats.bytes_from_files > 0) == can_look(s)); /* the others may be busy all the while */
    rim_tls_destroy(play.server);
    rim_tls_destroy(play.client);
}

void file_that_is_only_read_goes_to_a_socket_between_writes(struct scenario *s) {
    run(s, BETWEEN);
}

void file_is_sent_to_a_peer_that_reads_nothing_for_a_while(struct scenario *s) {
    run(s, PAUSED);
}

void file_that_is_cut_short_while_it_is_sent_ends_there(struct scenario *s) {
    run(s, CUT_SHORT);
}

void file_that_is_sent_by_itself_leaves_the_socket_to_others(struct scenario *s) {
    run(s, AMONG);
}

/* Which is an error to who sends, and not a signal. */
void file_that_is_only_read_fails_where_the_peer_aborts(struct scenario *s) {
    run(s, ABORTED);
}

void file_that_is_only_read_is_sealed_where_there_is_tls(struct scenario *s) {
    if (tls_papers(s)) {
        run(s, SEALED);
    }
}
