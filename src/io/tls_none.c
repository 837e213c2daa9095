/* SPDX-License-Identifier: MIT */
/* Without OpenSSL no set-up can be made, and so nothing below rim_tls_destroy is ever called. */
#include <errno.h>
#include <stdio.h>

#include "base/assert.h"
#include "io/tls.h"
#include "io/tls_keys.h"

static int refuse(char *text) {
    if (text != NULL) {
        snprintf(text, RIM_TLS_TEXT_MAX,
                 "TLS: this ringmail was built without OpenSSL: install it (Debian: libssl-dev) and build anew");
    }
    return -ENOTSUP;
}

int rim_tls_create(const rim_tls_options *options, rim_tls **out, char text[RIM_TLS_TEXT_MAX]) {
    (void)options;
    (void)out;
    return refuse(text);
}

int rim_tls_reload(rim_tls *tls, char text[RIM_TLS_TEXT_MAX]) {
    (void)tls;
    return refuse(text);
}

void rim_tls_destroy(rim_tls *tls) {
    (void)tls;
}

void rim__tls_keep(rim_tls *setup) {
    (void)setup;
}

void rim__tls_let_go(rim_tls *setup) {
    (void)setup;
}

int rim__tls_check_server(const rim_tls *setup, const char **why) {
    (void)setup;
    *why = "this ringmail was built without it";
    return -ENOTSUP;
}

int rim__tls_check_client(const rim_tls *setup, const char *name, const char **why) {
    (void)name;
    return rim__tls_check_server(setup, why);
}

int rim__tls_create(struct rim__socket *socket, const struct rim__tls_plan *plan) {
    (void)socket;
    (void)plan;
    return -ENOTSUP;
}

void rim__tls_begin(struct rim__socket *socket) {
    (void)socket;
    rim__assert(false);
}

void rim__tls_disarm(struct rim__socket *socket) {
    (void)socket;
    rim__assert(false);
}

void rim__tls_feed(struct rim__socket *socket, struct rim__body *body) {
    (void)socket;
    (void)body;
    rim__assert(false);
}

void rim__tls_ended(struct rim__socket *socket) {
    (void)socket;
    rim__assert(false);
}

void rim__tls_seal(struct rim__socket *socket) {
    (void)socket;
    rim__assert(false);
}

bool rim__tls_waits(const struct rim__tls *tls) {
    (void)tls;
    return false;
}

uint32_t rim__tls_gather(const struct rim__tls *tls, struct iovec *iov, uint32_t max) {
    (void)tls;
    (void)iov;
    (void)max;
    return 0;
}

uint32_t rim__tls_left(struct rim__tls *tls, struct rim__shard *shard, uint32_t size) {
    (void)tls;
    (void)shard;
    (void)size;
    return 0;
}

bool rim__tls_has_spoken(const struct rim__tls *tls) {
    (void)tls;
    return false;
}

const char *rim__tls_text(const struct rim__tls *tls) {
    (void)tls;
    return "";
}

void rim__tls_describe(const struct rim__tls *tls, rim_tls_state *out) {
    (void)tls;
    (void)out;
    rim__assert(false);
}

int rim__tls_certificate(const struct rim__tls *tls, void *bytes, size_t room) {
    (void)tls;
    (void)bytes;
    (void)room;
    return -ENOTSUP;
}

void rim__tls_free(struct rim__tls *tls, struct rim__shard *shard) {
    (void)shard;
    rim__assert(tls == NULL);
}

int rim__tls_keys_seal(struct rim__tls_keys *keys, uint8_t type, const void *bytes, size_t size, uint8_t *out) {
    (void)keys;
    (void)type;
    (void)bytes;
    (void)size;
    (void)out;
    return -ENOTSUP;
}
