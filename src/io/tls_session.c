/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "io/tls_setup.h"

/* Its place, or NULL. The lock is held. */
static struct rim__tls_session *find(rim_tls *setup, const char *name, uint16_t port) {
    for (uint32_t i = 0; i < RIM_TLS_SESSIONS; i++) {
        struct rim__tls_session *place = &setup->sessions[i];
        if (place->session != NULL && place->port == port && strcmp(place->name, name) == 0) {
            return place;
        }
    }
    return NULL;
}

/* An empty place, or the one that was not used for longest. The lock is held. */
static struct rim__tls_session *find_room(rim_tls *setup) {
    struct rim__tls_session *oldest = &setup->sessions[0];
    for (uint32_t i = 0; i < RIM_TLS_SESSIONS && oldest->session != NULL; i++) {
        struct rim__tls_session *place = &setup->sessions[i];
        if (place->session == NULL || place->used < oldest->used) {
            oldest = place;
        }
    }
    return oldest;
}

SSL_SESSION *rim__tls_session_take(rim_tls *setup, const char *name, uint16_t port) {
    SSL_SESSION *session = NULL;
    pthread_mutex_lock(&setup->lock);
    struct rim__tls_session *place = find(setup, name, port);
    if (place != NULL) {
        session = place->session;
        if (SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION) {
            place->session = NULL;
        } else {
            SSL_SESSION_up_ref(session);
            place->used = ++setup->uses;
        }
    }
    pthread_mutex_unlock(&setup->lock);
    return session;
}

void rim__tls_session_put(rim_tls *setup, const char *name, uint16_t port, SSL_SESSION *session) {
    pthread_mutex_lock(&setup->lock);
    struct rim__tls_session *place = find(setup, name, port);
    place = place != NULL ? place : find_room(setup);
    SSL_SESSION *old = place->session;
    place->session = session;
    place->used = ++setup->uses;
    place->port = port;
    snprintf(place->name, sizeof place->name, "%s", name);
    pthread_mutex_unlock(&setup->lock);
    SSL_SESSION_free(old);
}

void rim__tls_session_drop_all(rim_tls *setup) {
    for (uint32_t i = 0; i < RIM_TLS_SESSIONS; i++) {
        pthread_mutex_lock(&setup->lock);
        SSL_SESSION *session = setup->sessions[i].session;
        setup->sessions[i].session = NULL;
        pthread_mutex_unlock(&setup->lock);
        SSL_SESSION_free(session);
    }
}
