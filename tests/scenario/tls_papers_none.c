/* SPDX-License-Identifier: MIT */
/* Without OpenSSL there is nothing to play, but that this is said. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tls_papers.h"

bool tls_papers(struct scenario *s) {
    char text[RIM_TLS_TEXT_MAX] = "";
    rim_tls *tls = NULL;
    SCENARIO_CHECK(s, rim_tls_create(&(rim_tls_options){0}, &tls, text) == -ENOTSUP);
    SCENARIO_CHECK(s, strstr(text, "libssl-dev") != NULL && tls == NULL);
    return false;
}

const char *tls_paper(const char *name, const char *ending) {
    (void)name;
    return ending;
}

rim_tls_certificate tls_certificate(const char *name) {
    return (rim_tls_certificate){.certificate = name, .key = name};
}

void tls_papers_copy(const char *from, const char *to) {
    (void)from;
    (void)to;
}

const char *tls_papers_write(const char *name, const char *text) {
    (void)text;
    return name;
}
