/* SPDX-License-Identifier: MIT */
/* TLS that does not come to its end: cut off, spoiled, given up, without memory; and set-ups that cannot be made. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tls_play.h"

/* The server's handshake is some 800 bytes, and a record has up to 16 KiB: so some are whole by then. */
#define AFTER_HANDSHAKE 60000u

void tls_end_without_close_notify_is_told(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.wire = true;
        play.cut_at = AFTER_HANDSHAKE;
        play.total = 200000;
        play.error = -RIM_ETRUNCATED;
        play.text = "without TLS's close_notify";
        tls_play_run(play);
        SCENARIO_CHECK(s, tls_play_current()->got > 0); /* what was whole has come */
    }
}

void tls_reset_is_told(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.wire = true;
        play.cut_at = AFTER_HANDSHAKE;
        play.drop = true;
        play.total = 200000;
        play.error = -ECONNRESET;
        tls_play_run(play);
    }
}

void tls_end_in_the_handshake_is_told(struct scenario *s) {
    static const uint64_t places[] = {1, 5, 100, 300};
    for (uint32_t i = 0; i < RIM_COUNT(places) && tls_papers(s); i++) {
        struct tls_play play = tls_play_plain(s);
        play.wire = true;
        play.cut_at = places[i];
        play.error = -RIM_ETLS;
        play.text = "it ended in the handshake";
        play.never_open = play.no_owner = true;
        play.failures = 2;
        tls_play_run(play);
    }
}

void tls_spoiled_bytes_are_refused(struct scenario *s) {
    static const uint64_t places[] = {1, 6, 60, 200, AFTER_HANDSHAKE};
    for (uint32_t i = 0; i < RIM_COUNT(places) && tls_papers(s); i++) {
        struct tls_play play = tls_play_plain(s);
        play.wire = true;
        play.spoil_at = places[i];
        play.total = 200000;
        play.error = -RIM_ETLS;
        play.text = "no TLS with this peer: ";
        play.never_open = places[i] != AFTER_HANDSHAKE;
        play.failures = -1;
        tls_play_run(play);
    }
}

/* ---- given up ---- */

void tls_may_be_given_up_at_any_time(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.rounds = 40;
        play.total = 30000;
        play.give_up_ns = scenario_is_sim(s) ? 20000 : 100000;
        play.failures = -1;
        tls_play_run(play);
    }
}

/* The stop finds handshakes under way: they are given up. */
struct waiting {
    rim_tls *tls;
};

static rim_verdict waiting_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)body;
    (void)msg;
    scenario_done(ctx);
    return RIM_DONE;
}

static rim_verdict waiting_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)msg;
    const rim_listening_event *event = body;
    socket_world_connect(ctx, scenario_current(), "127.0.0.1", event->address.port);
    return RIM_DONE;
}

static rim_verdict waiting_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)size;
    struct waiting *waiting = socket_world_of(arg);
    rim_listen_options options = {.host = "127.0.0.1", .owner = &socket_world_echo, .tls = waiting->tls};
    SCENARIO_CHECK(scenario_current(), rim_listen(ctx, &options, NULL) == 0);
    return RIM_DONE;
}

static const rim_handler waiting_rows[] = {[RIM_SOCKET_OPEN] = waiting_open, [RIM_LISTENING] = waiting_listening};
static const rim_behaviour waiting_boss = {.name = "waiting",
                                           .on = waiting_rows,
                                           .on_count = RIM_COUNT(waiting_rows),
                                           .init = waiting_init};

void tls_stop_does_not_wait_for_handshakes(struct scenario *s) {
    if (tls_papers(s)) {
        struct waiting waiting = {0};
        rim_tls_certificate server = tls_certificate("server");
        rim_tls_options options = {.server = true, .certificates = &server, .certificate_count = 1};
        SCENARIO_CHECK(s, rim_tls_create(&options, &waiting.tls, NULL) == 0);
        socket_world_run(s, &waiting_boss, &waiting);
        rim_tls_destroy(waiting.tls);
    }
}

/* ---- without memory: each connection ends, with some error, and nothing leaks ---- */

static void take_memory(rim_ctx *ctx, struct tls_play *play, const rim_closed_event *event) {
    rim_sim_options faults = {.no_memory = 40};
    SCENARIO_CHECK(play->s, event->error == 0 || event->error == -ENOMEM || event->error == -ECONNRESET ||
                                event->error == -EPIPE || event->error == -ENOTCONN || event->error == -RIM_ETLS ||
                                event->error == -RIM_ETRUNCATED || event->error == -ETIMEDOUT);
    rim_sim_set_faults(rim_system_of(ctx), play->round + 1 < play->rounds ? &faults : NULL);
}

void tls_ends_also_without_memory(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.rounds = 30;
        play.total = 60000;
        play.give_up_ns = RIM_MS(1);
        play.failures = -1;
        play.may_fail = play.raw = true; /* the echo has no memory either */
        play.closed = take_memory;
        tls_play_run(play);
    }
}

/* ---- set-ups that cannot be made ---- */

static void expect(struct scenario *s, rim_tls_options options, int error, const char *says) {
    char text[RIM_TLS_TEXT_MAX] = "";
    rim_tls *tls = NULL;
    int result = rim_tls_create(&options, &tls, text);
    if (result != error || strstr(text, says) == NULL) {
        fprintf(stderr, "    %d: %s\n", result, text);
    }
    SCENARIO_CHECK(s, result == error && strstr(text, says) != NULL && tls == NULL);
}

void tls_mistakes_are_told(struct scenario *s) {
    if (!tls_papers(s)) {
        return;
    }
    rim_tls_certificate server = tls_certificate("server"), none = {"/no/such.pem", "/no/such.key"};
    rim_tls_certificate mixed = {tls_paper("server", "pem"), tls_paper("other", "key")};
    rim_tls_certificate half = {tls_paper("server", "pem"), NULL};
    const char *garbage = tls_papers_write("garbage", "this is no certificate\n");
    rim_tls_certificate bad = {garbage, tls_paper("server", "key")};
    static const char *const empty[] = {""};
    expect(s, (rim_tls_options){.server = true}, -EINVAL, "a server needs a certificate");
    expect(s, (rim_tls_options){.server = true, .certificates = &none, .certificate_count = 1}, -ENOENT,
           "TLS: /no/such.pem: No such file or directory");
    expect(s, (rim_tls_options){.server = true, .certificates = &mixed, .certificate_count = 1}, -RIM_ECERTIFICATE,
           "key values mismatch");
    expect(s, (rim_tls_options){.server = true, .certificates = &half, .certificate_count = 1}, -EINVAL, "two files");
    expect(s, (rim_tls_options){.server = true, .certificates = &bad, .certificate_count = 1}, -RIM_ECERTIFICATE,
           "no start line");
    expect(s, (rim_tls_options){.ca_file = garbage}, -RIM_ECERTIFICATE, garbage);
    expect(s, (rim_tls_options){.ca_file = "/no/such.pem"}, -ENOENT, "/no/such.pem");
    expect(s, (rim_tls_options){.certificate_count = 1}, -EINVAL, "a list and its count");
    expect(s, (rim_tls_options){.alpn = empty, .alpn_count = 1}, -EINVAL, "1 to 255 characters");
    expect(s, (rim_tls_options){.oldest = RIM_TLS_1_3, .newest = RIM_TLS_1_2}, -EINVAL, "oldest, newest");
    expect(s, (rim_tls_options){.verify = (enum rim_tls_verify)9}, -EINVAL, "verify");
    expect(s,
           (rim_tls_options){
               .server = true, .certificates = &server, .certificate_count = 1, .verify = RIM_TLS_VERIFY_REQUIRED},
           -EINVAL, "needs a ca_file");
    rim_tls_destroy(NULL);
    SCENARIO_CHECK(s, rim_tls_create(NULL, NULL, NULL) == -EINVAL);
    SCENARIO_CHECK(s, rim_tls_reload(NULL, NULL) == -EINVAL);
}

/* ---- calls that do not fit ---- */

struct misuse {
    rim_tls *server, *client;
};

static rim_verdict misuse_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)size;
    struct scenario *s = scenario_current();
    struct misuse *misuse = socket_world_of(arg);
    rim_connect_options connect = {.host = "127.0.0.1", .port = 9, .timeout_ns = 1, .tls = misuse->server};
    rim_listen_options listen = {.host = "127.0.0.1", .owner = &socket_world_echo, .tls = misuse->client};
    rim_tls_state state;
    SCENARIO_CHECK(s, rim_connect(ctx, &connect, NULL) == -EINVAL);
    SCENARIO_CHECK(s, strstr(rim_error_text(ctx), "this set-up is a server's") != NULL);
    SCENARIO_CHECK(s, rim_listen(ctx, &listen, NULL) == -EINVAL);
    SCENARIO_CHECK(s, strstr(rim_error_text(ctx), "is a client's") != NULL);
    connect.tls = misuse->client;
    connect.tls_name = "";
    SCENARIO_CHECK(s, rim_connect(ctx, &connect, NULL) == -EINVAL);
    connect.host = "unix:@nobody";
    connect.tls_name = NULL;
    SCENARIO_CHECK(s, rim_connect(ctx, &connect, NULL) == -EINVAL);
    SCENARIO_CHECK(s, strstr(rim_error_text(ctx), "tls_name") != NULL);
    SCENARIO_CHECK(s, rim_socket_tls(ctx, rim_self(ctx), &state) == -RIM_EDOWN);
    SCENARIO_CHECK(s, rim_socket_tls(ctx, RIM_NIL, &state) == -RIM_EBADREF);
    SCENARIO_CHECK(s, rim_socket_certificate(ctx, RIM_NIL, NULL, 0) == -RIM_EBADREF);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour misuser = {.name = "misuser", .init = misuse_init};

void tls_calls_that_do_not_fit_are_refused(struct scenario *s) {
    if (tls_papers(s)) {
        struct misuse misuse = {0};
        rim_tls_certificate server = tls_certificate("server");
        rim_tls_options options = {.server = true, .certificates = &server, .certificate_count = 1};
        SCENARIO_CHECK(s, rim_tls_create(&options, &misuse.server, NULL) == 0);
        SCENARIO_CHECK(s, rim_tls_create(&(rim_tls_options){0}, &misuse.client, NULL) == 0);
        socket_world_run(s, &misuser, &misuse);
        rim_tls_destroy(misuse.server);
        rim_tls_destroy(misuse.client);
    }
}
