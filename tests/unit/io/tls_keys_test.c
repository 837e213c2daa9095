/* SPDX-License-Identifier: MIT */
/* What a kernel would seal with the keys that it is given, OpenSSL opens at the other end. */
#include "io/tls_keys.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "io/tls_link.h"
#include "unit.h"

/* Two ends in memory. */
struct talk {
    SSL_CTX *server_context, *client_context;
    struct rim__tls server, client;
};

static void certify(SSL_CTX *context) {
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *certificate = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 60);
    X509_set_pubkey(certificate, key);
    CU_ASSERT_FATAL(X509_sign(certificate, key, NULL) > 0);
    CU_ASSERT_FATAL(SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static SSL_CTX *make_context(const SSL_METHOD *method, const char *suite, int newest) {
    SSL_CTX *context = SSL_CTX_new(method);
    CU_ASSERT_FATAL(context != NULL && SSL_CTX_set_ciphersuites(context, suite) == 1);
    SSL_CTX_set_max_proto_version(context, newest);
    SSL_CTX_set_keylog_callback(context, rim__tls_note_secret);
    SSL_CTX_set_msg_callback(context, rim__tls_count_record);
    return context;
}

static void join(struct rim__tls *tls, SSL_CTX *context, BIO *bio) {
    tls->ssl = SSL_new(context);
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_bio(tls->ssl, bio, bio);
}

/* Shakes hands, and lets the client read what the server says right after. */
static void begin(struct talk *talk, const char *suite, int newest) {
    BIO *one, *other;
    char byte;
    memset(talk, 0, sizeof *talk);
    CU_ASSERT_FATAL(BIO_new_bio_pair(&one, 65536, &other, 65536) == 1);
    talk->server_context = make_context(TLS_server_method(), suite, newest);
    talk->client_context = make_context(TLS_client_method(), suite, newest);
    certify(talk->server_context);
    join(&talk->server, talk->server_context, one);
    join(&talk->client, talk->client_context, other);
    SSL_set_accept_state(talk->server.ssl);
    SSL_set_connect_state(talk->client.ssl);
    for (int i = 0; i < 4; i++) {
        (void)SSL_do_handshake(talk->client.ssl);
        (void)SSL_do_handshake(talk->server.ssl);
    }
    CU_ASSERT_FATAL(SSL_is_init_finished(talk->client.ssl) && SSL_is_init_finished(talk->server.ssl));
    CU_ASSERT(SSL_read(talk->client.ssl, &byte, 1) < 0);
}

static void end(struct talk *talk) {
    SSL_free(talk->server.ssl);
    SSL_free(talk->client.ssl);
    SSL_CTX_free(talk->server_context);
    SSL_CTX_free(talk->client_context);
}

static void put(struct rim__tls *from, struct rim__tls_keys *keys, uint8_t type, const char *bytes, size_t size) {
    uint8_t record[256];
    CU_ASSERT_FATAL(rim__tls_keys_seal(keys, type, bytes, size, record) == 0);
    CU_ASSERT(BIO_write(SSL_get_wbio(from->ssl), record, (int)(size + RIM_TLS_SEAL_EXTRA)) ==
              (int)(size + RIM_TLS_SEAL_EXTRA));
}

/* `said` records were sealed by OpenSSL before. */
static void check_way(struct rim__tls *from, struct rim__tls *to, int said) {
    struct rim__tls_keys keys;
    char bytes[64];
    for (int i = 0; i < said; i++) {
        CU_ASSERT(SSL_write(from->ssl, "by OpenSSL", 10) == 10);
        CU_ASSERT(SSL_read(to->ssl, bytes, sizeof bytes) == 10);
    }
    CU_ASSERT_FATAL(rim__tls_keys_of(from, &keys) == 0);
    put(from, &keys, RIM_TLS_TYPE_DATA, "one", 3);
    put(from, &keys, RIM_TLS_TYPE_DATA, "and two", 7);
    CU_ASSERT(SSL_read(to->ssl, bytes, sizeof bytes) == 3 && memcmp(bytes, "one", 3) == 0);
    CU_ASSERT(SSL_read(to->ssl, bytes, sizeof bytes) == 7 && memcmp(bytes, "and two", 7) == 0);
    put(from, &keys, RIM_TLS_TYPE_ALERT, "\1\0", 2);
    CU_ASSERT(SSL_read(to->ssl, bytes, sizeof bytes) == 0);
    CU_ASSERT(SSL_get_error(to->ssl, 0) == SSL_ERROR_ZERO_RETURN);
}

static void tls_keys_seal_what_the_other_end_opens(void) {
    static const char *const suites[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256"};
    for (int i = 0; i < 3; i++) {
        struct talk talk;
        begin(&talk, suites[i], TLS1_3_VERSION);
        check_way(&talk.server, &talk.client, i); /* behind its tickets */
        end(&talk);
        begin(&talk, suites[i], TLS1_3_VERSION);
        check_way(&talk.client, &talk.server, i);
        end(&talk);
    }
}

static void tls_keys_are_of_tls_1_3_only(void) {
    struct rim__tls_keys keys;
    struct talk talk;
    begin(&talk, "TLS_AES_128_GCM_SHA256", TLS1_2_VERSION);
    CU_ASSERT_EQUAL(rim__tls_keys_of(&talk.server, &keys), -EOPNOTSUPP);
    CU_ASSERT_EQUAL(rim__tls_keys_of(&talk.client, &keys), -EOPNOTSUPP);
    end(&talk);
    CU_ASSERT_EQUAL(rim__tls_key_size(0x1304), 0);
}

#define TESTS(X)                                                                                                       \
    X(tls_keys_seal_what_the_other_end_opens)                                                                          \
    X(tls_keys_are_of_tls_1_3_only)
UNIT_SUITE(tls_keys, TESTS)
