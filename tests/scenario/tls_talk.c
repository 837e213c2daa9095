/* SPDX-License-Identifier: MIT */
/* TLS between two who like each other: bytes there and back, what was agreed on, and the ends. */
#include <errno.h>
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
