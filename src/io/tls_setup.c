/* SPDX-License-Identifier: MIT */
#include "io/tls_setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/tls.h"

/* ---- a copy of the options ---- */

static void free_options(rim_tls *setup) {
    rim_tls_options *options = &setup->options;
    for (uint32_t i = 0; options->certificates != NULL && i < options->certificate_count; i++) {
        free((char *)options->certificates[i].certificate);
        free((char *)options->certificates[i].key);
    }
    free((rim_tls_certificate *)options->certificates);
    free((char *)options->ca_file);
    free(setup->alpn);
}

static int copy_certificates(rim_tls *setup, const rim_tls_options *from) {
    if (from->certificate_count == 0) {
        return 0;
    }
    rim_tls_certificate *copies = calloc(from->certificate_count, sizeof *copies);
    if (copies == NULL) {
        return -ENOMEM;
    }
    setup->options.certificates = copies;
    for (uint32_t i = 0; i < from->certificate_count; i++) {
        copies[i].certificate = strdup(from->certificates[i].certificate);
        copies[i].key = strdup(from->certificates[i].key);
        if (copies[i].certificate == NULL || copies[i].key == NULL) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int copy_alpn(rim_tls *setup, const rim_tls_options *from) {
    size_t size = 0;
    for (uint32_t i = 0; i < from->alpn_count; i++) {
        size += 1 + strlen(from->alpn[i]);
    }
    if (size == 0) {
        return 0;
    }
    unsigned char *at = setup->alpn = malloc(size);
    if (at == NULL) {
        return -ENOMEM;
    }
    setup->alpn_size = (uint32_t)size;
    for (uint32_t i = 0; i < from->alpn_count; i++) {
        size_t length = strlen(from->alpn[i]);
        *at++ = (unsigned char)length;
        memcpy(at, from->alpn[i], length);
        at += length;
    }
    return 0;
}

static int copy_options(rim_tls *setup, const rim_tls_options *from) {
    setup->options = *from;
    setup->options.certificates = NULL;
    setup->options.ca_file = NULL;
    setup->options.alpn = NULL; /* alpn says it */
    if (from->ca_file != NULL && (setup->options.ca_file = strdup(from->ca_file)) == NULL) {
        return -ENOMEM;
    }
    int result = copy_certificates(setup, from);
    return result != 0 ? result : copy_alpn(setup, from);
}

/* ---- what is wrong with options ---- */

static bool is_protocol(const char *name) {
    return name != NULL && name[0] != '\0' && strlen(name) < RIM_TLS_NAME_MAX;
}

static bool is_version(enum rim_tls_version version) {
    return version == RIM_TLS_ANY || version == RIM_TLS_1_2 || version == RIM_TLS_1_3;
}

static const char *find_fault(const rim_tls_options *options) {
    if ((options->certificates == NULL) != (options->certificate_count == 0) ||
        (options->alpn == NULL) != (options->alpn_count == 0)) {
        return "a list and its count do not go together";
    }
    for (uint32_t i = 0; i < options->certificate_count; i++) {
        if (options->certificates[i].certificate == NULL || options->certificates[i].key == NULL) {
            return "a certificate needs two files: its own and its key's";
        }
    }
    for (uint32_t i = 0; i < options->alpn_count; i++) {
        if (!is_protocol(options->alpn[i])) {
            return "alpn: a protocol has 1 to 255 characters";
        }
    }
    if (options->server && options->certificate_count == 0) {
        return "a server needs a certificate";
    }
    if (!options->server && options->certificate_count > 1) {
        return "a client shows one certificate at most";
    }
    if ((unsigned)options->verify > RIM_TLS_VERIFY_REQUIRED) {
        return "verify: no such value";
    }
    if (options->server && options->verify > RIM_TLS_VERIFY_NONE && options->ca_file == NULL) {
        return "a server that asks for certificates needs a ca_file: whose certificates are good";
    }
    if (!is_version(options->oldest) || !is_version(options->newest) ||
        (options->newest != RIM_TLS_ANY && options->oldest > options->newest)) {
        return "oldest, newest: TLS 1.2 and 1.3 are there";
    }
    return NULL;
}

/* ---- its life ---- */

static void free_setup(rim_tls *setup) {
    rim__tls_session_drop_all(setup);
    rim__tls_context_free(setup->set);
    BIO_meth_free(setup->method);
    free_options(setup);
    pthread_mutex_destroy(&setup->lock);
    free(setup);
}

static int fail(char *text, int error, const char *why) {
    if (text != NULL) {
        snprintf(text, RIM_TLS_TEXT_MAX, "TLS: %s", why);
    }
    return error;
}

int rim_tls_create(const rim_tls_options *options, rim_tls **out, char text[RIM_TLS_TEXT_MAX]) {
    const char *fault =
        options == NULL || out == NULL ? "needs options, and a place for what is made of them" : find_fault(options);
    if (fault != NULL) {
        return fail(text, -EINVAL, fault);
    }
    rim_tls *setup = calloc(1, sizeof *setup);
    if (setup == NULL) {
        return fail(text, -ENOMEM, "out of memory");
    }
    setup->keepers = 1;
    pthread_mutex_init(&setup->lock, NULL);
    setup->method = rim__tls_make_method();
    int result = setup->method == NULL ? -ENOMEM : copy_options(setup, options);
    if (result == 0) {
        result = rim__tls_context_make(setup, &setup->set, text);
    } else {
        fail(text, result, "out of memory");
    }
    if (result != 0) {
        free_setup(setup);
        return result;
    }
    *out = setup;
    return 0;
}

int rim_tls_reload(rim_tls *setup, char text[RIM_TLS_TEXT_MAX]) {
    if (setup == NULL) {
        return fail(text, -EINVAL, "nothing to reload");
    }
    struct rim__tls_set *fresh;
    int result = rim__tls_context_make(setup, &fresh, text);
    if (result != 0) {
        return result;
    }
    pthread_mutex_lock(&setup->lock);
    struct rim__tls_set *old = setup->set;
    setup->set = fresh;
    pthread_mutex_unlock(&setup->lock);
    rim__tls_setup_return(setup, old);
    rim__tls_session_drop_all(setup);
    return 0;
}

void rim_tls_destroy(rim_tls *setup) {
    rim__tls_let_go(setup);
}

void rim__tls_keep(rim_tls *setup) {
    if (setup != NULL) {
        pthread_mutex_lock(&setup->lock);
        setup->keepers++;
        pthread_mutex_unlock(&setup->lock);
    }
}

void rim__tls_let_go(rim_tls *setup) {
    if (setup == NULL) {
        return;
    }
    pthread_mutex_lock(&setup->lock);
    bool is_last = --setup->keepers == 0;
    pthread_mutex_unlock(&setup->lock);
    if (is_last) {
        free_setup(setup);
    }
}

struct rim__tls_set *rim__tls_setup_take(rim_tls *setup) {
    pthread_mutex_lock(&setup->lock);
    struct rim__tls_set *set = setup->set;
    set->keepers++;
    pthread_mutex_unlock(&setup->lock);
    return set;
}

void rim__tls_setup_return(rim_tls *setup, struct rim__tls_set *set) {
    pthread_mutex_lock(&setup->lock);
    bool is_last = --set->keepers == 0;
    pthread_mutex_unlock(&setup->lock);
    if (is_last) {
        rim__tls_context_free(set);
    }
}

int rim__tls_check_server(const rim_tls *setup, const char **why) {
    *why = "this set-up is a client's: its options have to say `server`";
    return setup->options.server ? 0 : -EINVAL;
}

int rim__tls_check_client(const rim_tls *setup, const char *name, const char **why) {
    if (setup->options.server) {
        *why = "this set-up is a server's";
        return -EINVAL;
    }
    *why = "the server's name has 1 to 255 characters";
    return name[0] != '\0' && strlen(name) < RIM_TLS_NAME_MAX ? 0 : -EINVAL;
}
