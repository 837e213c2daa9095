/* SPDX-License-Identifier: MIT */
/* TLS between those who do not like each other: certificates, names, protocols. */
#include <errno.h>
#include <string.h>

#include "tls_play.h"

/* A client that must not be satisfied. */
static struct tls_play refusing(struct scenario *s, int error, const char *text) {
    struct tls_play play = tls_play_plain(s);
    play.error = error;
    play.text = text;
    play.never_open = true;
    play.no_owner = true;
    play.failures = 2;
    return play;
}

void tls_wrong_name_is_refused(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = refusing(s, -RIM_ECERTIFICATE, "a certificate was not accepted: hostname mismatch");
        play.name = "wrong.test";
        tls_play_run(play);
    }
}

void tls_wrong_address_is_refused(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = refusing(s, -RIM_ECERTIFICATE, "IP address mismatch");
        rim_tls_certificate other = tls_certificate("other");
        play.server.certificates = &other;
        tls_play_run(play);
    }
}

void tls_unknown_authority_is_refused(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = refusing(s, -RIM_ECERTIFICATE, "connect to 127.0.0.1:");
        rim_tls_certificate forged = tls_certificate("forged");
        play.server.certificates = &forged;
        tls_play_run(play);
    }
}

/* Nothing but the system's store is trusted where nothing is said. */
void tls_verification_is_on_by_default(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = refusing(s, -RIM_ECERTIFICATE, NULL);
        play.client.ca_file = NULL;
        tls_play_run(play);
    }
}

void tls_expired_certificate_is_refused(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = refusing(s, -RIM_ECERTIFICATE, "certificate has expired");
        rim_tls_certificate expired = tls_certificate("expired");
        play.server.certificates = &expired;
        tls_play_run(play);
    }
}

void tls_unverified_client_takes_all(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        rim_tls_certificate forged = tls_certificate("forged");
        play.server.certificates = &forged;
        play.client.verify = RIM_TLS_VERIFY_NONE;
        play.name = "wrong.test";
        play.total = 1000;
        tls_play_run(play);
    }
}

void tls_versions_that_do_not_meet_are_refused(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = refusing(s, -RIM_ETLS, "no TLS with this peer: tlsv1 alert protocol version");
        play.server.oldest = RIM_TLS_1_3;
        play.client.newest = RIM_TLS_1_2;
        tls_play_run(play);
    }
}

void tls_protocols_that_do_not_meet_are_refused(struct scenario *s) {
    static const char *const ours[] = {"h2"}, *const theirs[] = {"http/1.1"};
    if (tls_papers(s)) {
        struct tls_play play = refusing(s, -RIM_ETLS, "no application protocol");
        play.server.alpn = ours;
        play.client.alpn = theirs;
        play.server.alpn_count = play.client.alpn_count = 1;
        tls_play_run(play);
    }
}

static void has_no_protocol(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state) {
    (void)ctx;
    SCENARIO_CHECK(play->s, state->protocol[0] == '\0');
}

void tls_goes_on_where_nobody_asks_for_a_protocol(struct scenario *s) {
    static const char *const ours[] = {"h2"};
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.server.alpn = ours;
        play.server.alpn_count = 1;
        play.total = 1000;
        play.opened = play.accepted = has_no_protocol;
        tls_play_run(play);
    }
}

/* ---- certificates of clients ---- */

static void is_alice(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state) {
    (void)ctx;
    SCENARIO_CHECK(play->s, state->has_certificate && state->verified);
    SCENARIO_CHECK(play->s, strcmp(state->subject, "CN = alice") == 0);
}

static void is_nobody(rim_ctx *ctx, struct tls_play *play, const rim_tls_state *state) {
    (void)ctx;
    SCENARIO_CHECK(play->s, !state->has_certificate && !state->verified && state->subject[0] == '\0');
}

static struct tls_play asking(struct scenario *s, enum rim_tls_verify verify) {
    struct tls_play play = tls_play_plain(s);
    play.server.verify = verify;
    play.server.ca_file = tls_paper("ca", "pem");
    play.total = 1000;
    return play;
}

void tls_client_shows_its_certificate(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = asking(s, RIM_TLS_VERIFY_REQUIRED);
        rim_tls_certificate alice = tls_certificate("client");
        play.client.certificates = &alice;
        play.client.certificate_count = 1;
        play.accepted = is_alice;
        tls_play_run(play);
    }
}

void tls_client_may_be_without_a_certificate(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = asking(s, RIM_TLS_VERIFY_OPTIONAL);
        play.accepted = is_nobody;
        tls_play_run(play);
    }
}

/* With TLS 1.3 a client is ready before the server has looked: it hears of it later. */
void tls_client_without_a_certificate_is_refused(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = asking(s, RIM_TLS_VERIFY_REQUIRED);
        play.error = -RIM_ECERTIFICATE;
        play.text = "a certificate was not accepted: tlsv13 alert certificate required";
        play.no_owner = true;
        play.failures = 1;
        tls_play_run(play);
        play.client.newest = RIM_TLS_1_2;
        play.error = -RIM_ETLS; /* 1.2 has no word for it */
        play.text = "handshake failure";
        play.never_open = true;
        play.failures = 2;
        tls_play_run(play);
    }
}

void tls_client_with_a_bad_certificate_is_refused(struct scenario *s) {
    static const char *const names[] = {"mallory", "late"};
    static const char *const texts[] = {"unknown ca", "certificate expired"};
    for (int i = 0; i < 2 && tls_papers(s); i++) {
        struct tls_play play = asking(s, RIM_TLS_VERIFY_OPTIONAL);
        rim_tls_certificate bad = tls_certificate(names[i]);
        play.client.certificates = &bad;
        play.client.certificate_count = 1;
        play.error = -RIM_ECERTIFICATE;
        play.text = texts[i];
        play.no_owner = true;
        play.failures = 1;
        tls_play_run(play);
    }
}

/* The server does not close under what is still to come: that would be a reset, and take the reason with it. */
void tls_client_that_writes_on_hears_why_it_is_refused(struct scenario *s) {
    for (int i = 0; i < 5 && tls_papers(s); i++) {
        struct tls_play play = asking(s, RIM_TLS_VERIFY_REQUIRED);
        play.total = 4u << 20;
        play.error = -RIM_ECERTIFICATE;
        play.text = "tlsv13 alert certificate required";
        play.no_owner = true;
        play.failures = 1;
        tls_play_run(play);
    }
}

/* However short the patience is, or however long the thread had to wait for its CPU: the alert is sent first. */
void tls_refusal_is_told_also_without_patience(struct scenario *s) {
    if (!scenario_is_sim(s) && tls_papers(s)) { /* there, a send may take longer than any patience */
        struct tls_play play = asking(s, RIM_TLS_VERIFY_REQUIRED);
        play.client.newest = RIM_TLS_1_2;
        play.linger_ns = 1;
        play.error = -RIM_ETLS;
        play.text = "handshake failure";
        play.never_open = play.no_owner = true;
        play.failures = 2;
        tls_play_run(play);
    }
}

/* ---- who does not speak TLS at all ---- */

/* The server ends; nobody is spawned for that. */
void tls_garbage_instead_of_a_hello_is_refused(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.plain_client = play.raw = true;
        play.ending = TLS_WAIT;
        play.total = 5000;
        play.no_owner = true;
        play.failures = 1;
        tls_play_run(play);
    }
}

void tls_client_hears_that_the_server_is_plain(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = refusing(s, -RIM_ETLS, "no TLS with this peer: ");
        play.plain_server = true;
        play.no_owner = false;
        play.failures = 1;
        tls_play_run(play);
    }
}

void tls_server_waits_for_a_hello_so_long(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = tls_play_plain(s);
        play.server.handshake_ns = RIM_MS(50);
        play.plain_client = true;
        play.ending = TLS_WAIT;
        play.total = 0;
        play.no_owner = true;
        play.failures = 1;
        tls_play_run(play);
    }
}

static rim_verdict say_nothing(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_DONE;
}

static const rim_handler silent_rows[] = {[RIM_SOCKET_DATA] = say_nothing};
static const rim_behaviour silent = {.name = "silent", .on = silent_rows, .on_count = RIM_COUNT(silent_rows)};

void tls_client_waits_for_an_answer_so_long(struct scenario *s) {
    if (tls_papers(s)) {
        struct tls_play play = refusing(s, -ETIMEDOUT, "connection timed out: in the handshake");
        play.plain_server = true;
        play.owner = &silent;
        play.timeout_ns = RIM_MS(50);
        play.failures = 1;
        tls_play_run(play);
    }
}
