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
