/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/tls_setup.h"

const char *rim__tls_context_reason(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    return reason != NULL ? reason : "";
}

static int fail(char *text, int error, const char *what, const char *why) {
    if (text != NULL) {
        snprintf(text, RIM_TLS_TEXT_MAX, "TLS: %s: %s", what, why);
    }
    ERR_clear_error();
    return error;
}

static int fail_by_library(char *text, const char *what) {
    return fail(text, -RIM_ECERTIFICATE, what, rim__tls_context_reason());
}

/* That there is no such file is said as the kernel says it. */
static int look_for(const char *path, char *text) {
    if (access(path, R_OK) == 0) {
        return 0;
    }
    int error = -errno;
    return fail(text, error, path, rim_strerror(error));
}

/* A key under a passphrase is not asked for: there is nobody at the terminal. */
static int refuse_passphrase(char *to, int size, int is_for_writing, void *arg) {
    (void)to;
    (void)size;
    (void)is_for_writing;
    (void)arg;
    return -1;
}

static int use_certificate(SSL_CTX *context, const rim_tls_certificate *certificate, char *text) {
    int result = look_for(certificate->certificate, text);
    if (result == 0) {
        result = look_for(certificate->key, text);
    }
    if (result != 0) {
        return result;
    }
    SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, certificate->certificate) != 1) {
        return fail_by_library(text, certificate->certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(context, certificate->key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return fail_by_library(text, certificate->key);
    }
    return 0;
}

static int mode_of(const rim_tls_options *options) {
    enum rim_tls_verify verify = options->verify;
    if (verify == RIM_TLS_VERIFY_DEFAULT) {
        verify = options->server ? RIM_TLS_VERIFY_NONE : RIM_TLS_VERIFY_REQUIRED;
    }
    switch (verify) {
    case RIM_TLS_VERIFY_OPTIONAL:
        return SSL_VERIFY_PEER;
    case RIM_TLS_VERIFY_REQUIRED:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    default:
        return SSL_VERIFY_NONE;
    }
}

static int trust(SSL_CTX *context, const rim_tls_options *options, char *text) {
    SSL_CTX_set_verify(context, mode_of(options), NULL);
    if (options->ca_file == NULL) {
        return options->server || SSL_CTX_set_default_verify_paths(context) == 1
                   ? 0
                   : fail_by_library(text, "the system's certificates");
    }
    int result = look_for(options->ca_file, text);
    if (result != 0) {
        return result;
    }
    if (SSL_CTX_load_verify_file(context, options->ca_file) != 1) {
        return fail_by_library(text, options->ca_file);
    }
    if (options->server) { /* so that clients know which of theirs to show */
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(options->ca_file);
        if (names == NULL) {
            return fail_by_library(text, options->ca_file);
        }
        SSL_CTX_set_client_CA_list(context, names);
    }
    return 0;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
                           unsigned in_size, void *arg) {
    (void)ssl;
    const rim_tls *setup = arg;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_size, setup->alpn, setup->alpn_size, in, in_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A server keeps nothing: a client brings its session along, in a ticket. So any shard can resume it. */
static void set_sessions(SSL_CTX *context, const rim_tls_options *options) {
    static const unsigned char id[] = "ringmail";
    SSL_CTX_set_session_id_context(context, id, sizeof id - 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (options->no_resumption) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    } else if (!options->server) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, rim__tls_new_session);
    }
}

static int set_protocols(SSL_CTX *context, const rim_tls *setup) {
    const rim_tls_options *options = &setup->options;
    int oldest = options->oldest != RIM_TLS_ANY ? (int)options->oldest : TLS1_2_VERSION;
    if (SSL_CTX_set_min_proto_version(context, oldest) != 1 ||
        SSL_CTX_set_max_proto_version(context, (int)options->newest) != 1) {
        return -ENOMEM;
    }
    if (setup->alpn_size > 0 && options->server) {
        SSL_CTX_set_alpn_select_cb(context, choose_protocol, (void *)setup);
    } else if (setup->alpn_size > 0 && SSL_CTX_set_alpn_protos(context, setup->alpn, setup->alpn_size) != 0) {
        return -ENOMEM;
    }
    return 0;
}

static int fill(SSL_CTX *context, const rim_tls *setup, uint32_t index, char *text) {
    const rim_tls_options *options = &setup->options;
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    set_sessions(context, options);
    if (options->server) {
        SSL_CTX_set_tlsext_servername_callback(context, rim__tls_choose_name);
    }
    if (options->kernel) {
        SSL_CTX_set_keylog_callback(context, rim__tls_note_secret);
        SSL_CTX_set_msg_callback(context, rim__tls_count_record);
    }
    int result = set_protocols(context, setup);
    if (result != 0) {
        return fail(text, result, "protocols", rim_strerror(result));
    }
    if (index < options->certificate_count) {
        result = use_certificate(context, &options->certificates[index], text);
    }
    return result != 0 ? result : trust(context, options, text);
}

void rim__tls_context_free(struct rim__tls_set *set) {
    for (uint32_t i = 0; set != NULL && i < set->count; i++) {
        SSL_CTX_free(set->contexts[i]);
    }
    free(set);
}

int rim__tls_context_make(const rim_tls *setup, struct rim__tls_set **out, char *text) {
    const rim_tls_options *options = &setup->options;
    uint32_t count = options->certificate_count > 0 ? options->certificate_count : 1;
    struct rim__tls_set *set = calloc(1, sizeof *set + count * sizeof set->contexts[0]);
    if (set == NULL) {
        return fail(text, -ENOMEM, "contexts", rim_strerror(-ENOMEM));
    }
    set->keepers = 1;
    for (uint32_t i = 0; i < count; i++) {
        SSL_CTX *context = SSL_CTX_new(options->server ? TLS_server_method() : TLS_client_method());
        set->contexts[i] = context;
        set->count += context != NULL;
        int result = context != NULL ? fill(context, setup, i, text)
                                     : fail(text, -ENOMEM, "contexts", rim__tls_context_reason());
        if (result != 0) {
            rim__tls_context_free(set);
            return result;
        }
    }
    *out = set;
    return 0;
}
