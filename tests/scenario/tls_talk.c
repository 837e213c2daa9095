/* SPDX-License-Identifier: MIT */
/* TLS between two who like each other: bytes there and back, what was agreed on, and the ends. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tls_play.h"

void tls_echoes_a_megabyte(struct scenario *s) {
    if (tls_papers(s)) {
        tls_play_run(tls_play_plain(s));
    }
}

void tls_echoes_all_before_it_ends_by_default(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.ending = TLS_SHUTDOWN_WHEN_WRITTEN;
        tls_play_run(play);
    }
}

static void is_1_2(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state) {
    (void)ctx;
    SCENARIO_CHECK(play->s, state->version == RIM_TLS_1_2);
}

void tls_speaks_1_2(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.client.newest = RIM_TLS_1_2;
        play.ending = TLS_SHUTDOWN_WHEN_WRITTEN;
        play.total = 300000;
        play.opened = play.accepted = is_1_2;
        tls_play_run(play);
    }
}

/* Every piece that arrives ends somewhere in a record. */
void tls_bytes_may_come_one_by_one(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.wire = true;
        play.crumb = 1;
        play.total = 3000;
        tls_play_run(play);
    }
}

static void check_client(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state) {
    static const uint8_t none[32];
    char certificate[4096];
    SCENARIO_CHECK(play->s, state->version == RIM_TLS_1_3);
    SCENARIO_CHECK(play->s, !state->resumed && !state->kernel_sends);
    SCENARIO_CHECK(play->s, state->has_certificate && state->verified);
    SCENARIO_CHECK(play->s, strcmp(state->protocol, "http/1.1") == 0);
    SCENARIO_CHECK(play->s, strcmp(state->name, "localhost") == 0);
    SCENARIO_CHECK(play->s, strncmp(state->cipher, "TLS_", 4) == 0);
    SCENARIO_CHECK(play->s, strcmp(state->subject, "CN = server") == 0);
    SCENARIO_CHECK(play->s, memcmp(state->sha256, none, sizeof none) != 0);
    int size = rim_socket_certificate(ctx, rim_sender(ctx), certificate, 1);
    SCENARIO_CHECK(play->s, size > 100 && rim_socket_certificate(ctx, rim_sender(ctx), certificate, 4096) == size);
    SCENARIO_CHECK(play->s, certificate[0] == 0x30); /* a sequence, as DER has it */
}

static void check_server(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state) {
    (void)ctx;
    SCENARIO_CHECK(play->s, state->version == RIM_TLS_1_3);
    SCENARIO_CHECK(play->s, !state->has_certificate && !state->verified && state->subject[0] == '\0');
    SCENARIO_CHECK(play->s, strcmp(state->protocol, "http/1.1") == 0);
    SCENARIO_CHECK(play->s, strcmp(state->name, "localhost") == 0);
}

void tls_both_ends_know_what_was_agreed_on(struct scenario *s) {
    static const char *const ours[] = {"h2", "http/1.1"}, *const theirs[] = {"spdy", "http/1.1"};
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.server.alpn = ours;
        play.client.alpn = theirs;
        play.server.alpn_count = play.client.alpn_count = 2;
        play.name = "localhost";
        play.total = 10;
        play.opened = check_client;
        play.accepted = check_server;
        tls_play_run(play);
    }
}

static void look_at_name(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state) {
    (void)ctx;
    bool is_other = strcmp(play->name, "other.test") == 0;
    SCENARIO_CHECK(play->s, strcmp(state->subject, is_other ? "CN = other" : "CN = server") == 0);
}

/* By name, by a name with an asterisk; and where no certificate fits, the first. */
void tls_server_chooses_its_certificate_by_name(struct scenario *s) {
    static const char *const names[] = {"localhost", "other.test", "any.wild.test", "nobody.test"};
    for (uint32_t i = 0; i < RIM_COUNT(names) && tls_papers(s); i++) {
        rim_tls_certificate both[] = {tls_certificate("server"), tls_certificate("other")};
        struct tls_play play = tls_play_plain(s);
        play.server.certificates = both;
        play.server.certificate_count = 2;
        play.client.verify = i == 3 ? RIM_TLS_VERIFY_NONE : RIM_TLS_VERIFY_DEFAULT;
        play.name = names[i];
        play.total = 100;
        play.opened = look_at_name;
        tls_play_run(play);
    }
}

static void check_resumed(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state) {
    (void)ctx;
    bool may_be = !play->client.no_resumption && !play->server.no_resumption;
    SCENARIO_CHECK(play->s, state->resumed == (may_be && play->round > 0));
    SCENARIO_CHECK(play->s, state->verified && strcmp(state->subject, "CN = server") == 0);
}

static void resume(struct scenario *s, enum rim_tls_version newest, int who_does_not) {
    struct tls_play play = tls_play_plain(s);
    play.client.newest = newest;
    play.client.no_resumption = who_does_not == 1;
    play.server.no_resumption = who_does_not == 2;
    play.rounds = 4;
    play.total = 100;
    play.opened = check_resumed;
    tls_play_run(play);
}

/* Whichever shard the next connection goes to. */
void tls_sessions_are_resumed(struct scenario *s) {
    if (tls_papers(s)) {
        resume(s, RIM_TLS_1_3, 0);
        resume(s, RIM_TLS_1_2, 0);
    }
}

void tls_sessions_are_not_resumed_where_either_does_not_want_it(struct scenario *s) {
    if (tls_papers(s)) {
        resume(s, RIM_TLS_1_3, 1);
        resume(s, RIM_TLS_1_3, 2);
        resume(s, RIM_TLS_1_2, 1);
        resume(s, RIM_TLS_1_2, 2);
    }
}

/* ---- pressure ---- */

/* What waits is bounded at both ends: the client is refused before it has written all. */
void tls_slow_reader_throttles_the_writer(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.total = 24u << 20;
        play.slow = true;
        tls_play_run(play);
        SCENARIO_CHECK(s, tls_play_current()->refusals > 0);
    }
}

/* Its owner has no room for what one receive brings: the records wait, in order, and the client is held back. */
void tls_owner_with_a_small_mailbox_loses_nothing(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.mailbox = 2;
        play.ending = TLS_SHUTDOWN_WHEN_WRITTEN;
        tls_play_run(play);
    }
}

void tls_is_served_by_a_listener_on_every_shard(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.distribute = RIM_DISTRIBUTE_REUSEPORT;
        play.rounds = 6;
        play.total = 1000;
        tls_play_run(play);
    }
}

void tls_keeps_what_is_written_before_it_is_open(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.early = true;
        play.total = 200000;
        play.ending = TLS_SHUTDOWN_WHEN_WRITTEN;
        tls_play_run(play);
    }
}

void tls_goes_over_unix_sockets(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.is_unix = true;
        play.name = "localhost";
        play.total = 200000;
        tls_play_run(play);
    }
}

/* ---- reload ---- */

static const char *live;

/* In the middle of the first connection, which goes on; what comes later sees the other certificate. */
static void change_certificate(rim_ctx *ctx, struct tls_play *play) {
    (void)ctx;
    char text[RIM_TLS_TEXT_MAX];
    if (play->round == 0) {
        tls_papers_copy("other", "live");
        SCENARIO_CHECK(play->s, rim_tls_reload(play->server_tls, text) == 0);
    } else if (play->round == 1) {
        (void)tls_papers_write("live", "no certificate");
        SCENARIO_CHECK(play->s, rim_tls_reload(play->server_tls, text) == -RIM_ECERTIFICATE);
        SCENARIO_CHECK(play->s, strstr(text, live) != NULL);
    }
}

static void check_live(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state) {
    (void)ctx;
    SCENARIO_CHECK(play->s, strcmp(state->subject, play->round == 0 ? "CN = server" : "CN = other") == 0);
    SCENARIO_CHECK(play->s, state->resumed == (play->round > 1));
}

void tls_reload_changes_what_comes_later(struct scenario *s) {
    if (tls_papers(s)) {
        tls_papers_copy("server", "live");
        live = tls_paper("live", "pem");
        rim_tls_certificate certificate = tls_certificate("live");
        struct tls_play play = tls_play_plain(s);
        play.server.certificates = &certificate;
        play.client.verify = RIM_TLS_VERIFY_NONE;
        play.rounds = 3;
        play.total = 300000;
        play.opened = check_live;
        play.halfway = change_certificate;
        tls_play_run(play);
    }
}

/* ---- kernel TLS ---- */

static void note_kernel(rim_ctx *ctx, struct tls_play *play) {
    rim_tls_state state;
    SCENARIO_CHECK(play->s, rim_socket_tls(ctx, rim_sender(ctx), &state) == 0);
    SCENARIO_CHECK(play->s, state.kernel_sends || !scenario_is_sim(play->s));
    if (!state.kernel_sends) {
        puts("skipped: kernel TLS, which this kernel does not have (CONFIG_TLS): OpenSSL sealed instead");
    }
}

static struct tls_play by_kernel(struct scenario *s) {
    struct tls_play play = tls_play_plain(s);
    play.server.kernel = play.client.kernel = true;
    return play;
}

/* In simulation there always is one: what it seals, OpenSSL opens at the other end. */
void tls_kernel_seals_where_it_can(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = by_kernel(s);
        play.halfway = note_kernel;
        tls_play_run(play);
        play = by_kernel(s);
        play.ending = TLS_SHUTDOWN_WHEN_WRITTEN;
        play.server.no_resumption = true;
        play.total = 100000;
        tls_play_run(play);
    }
}

void tls_kernel_is_not_asked_where_it_cannot(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = by_kernel(s);
        play.client.newest = RIM_TLS_1_2;
        play.total = 100000;
        tls_play_run(play);
        play = by_kernel(s);
        play.is_unix = true;
        play.name = "localhost";
        play.total = 100000;
        tls_play_run(play);
    }
}

/* Whose certificate it must be is the name that was asked for, whichever of its addresses answers. */
void tls_connects_by_name(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.host = "localhost";
        play.total = 1000;
        tls_play_run(play);
    }
}
