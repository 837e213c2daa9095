/* SPDX-License-Identifier: MIT */
#include "io/tls_keys.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include "io/tls_link.h"

/* ---- what is noted in the handshake ---- */

static uint8_t nibble(char digit) {
    return (uint8_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

/* A line of a key log: "SERVER_TRAFFIC_SECRET_0 <64 digits> <secret>". OpenSSL says it when it changes to these keys.
 */
void rim__tls_note_secret(const SSL *ssl, const char *line) {
    struct rim__tls *tls = SSL_get_app_data(ssl);
    const char *label = SSL_is_server(ssl) ? "SERVER_TRAFFIC_SECRET_0 " : "CLIENT_TRAFFIC_SECRET_0 ";
    if (strncmp(line, label, strlen(label)) != 0) {
        return;
    }
    const char *digits = strrchr(line, ' ') + 1;
    size_t size = strlen(digits) / 2;
    if (size > sizeof tls->secret) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        tls->secret[i] = (uint8_t)(nibble(digits[2 * i]) << 4 | nibble(digits[2 * i + 1]));
    }
    tls->secret_size = (uint8_t)size;
    tls->records = 0;
}

/* Counts the records that were sealed with these keys. */
void rim__tls_count_record(int is_sent, int version, int type, const void *bytes, size_t size, SSL *ssl, void *arg) {
    (void)version;
    (void)bytes;
    (void)size;
    (void)arg;
    struct rim__tls *tls = SSL_get_app_data(ssl);
    if (is_sent && type == SSL3_RT_HEADER && tls->secret_size > 0) {
        tls->records++;
    }
}

/* ---- keys from the secret: RFC 8446, 7.1 and 7.3 ---- */

/* HKDF-Expand-Label with an empty context. */
static int expand(const struct rim__tls *tls, const char *label, uint8_t *out, size_t size) {
    uint8_t info[32] = {0, (uint8_t)size, (uint8_t)(6 + strlen(label)), 't', 'l', 's', '1', '3', ' '};
    size_t info_size = 9 + strlen(label) + 1;
    memcpy(info + 9, label, strlen(label));
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    const EVP_MD *digest = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(tls->ssl));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(digest), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)tls->secret, tls->secret_size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, info_size),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    int ok = context != NULL && EVP_KDF_derive(context, out, size, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return ok ? 0 : -ENOMEM;
}

int rim__tls_keys_of(const struct rim__tls *tls, struct rim__tls_keys *out) {
    *out = (struct rim__tls_keys){.sequence = tls->records};
    if (SSL_version(tls->ssl) != TLS1_3_VERSION || tls->secret_size == 0) {
        return -EOPNOTSUPP;
    }
    out->cipher = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(tls->ssl));
    size_t size = rim__tls_key_size(out->cipher);
    if (size == 0) {
        return -EOPNOTSUPP;
    }
    int result = expand(tls, "key", out->key, size);
    return result != 0 ? result : expand(tls, "iv", out->iv, sizeof out->iv);
}

/* ---- a record, as the kernel makes it: RFC 8446, 5.2 and 5.3 ---- */

static const EVP_CIPHER *cipher_of(const struct rim__tls_keys *keys) {
    switch (keys->cipher) {
    case RIM_TLS_AES_128_GCM:
        return EVP_aes_128_gcm();
    case RIM_TLS_AES_256_GCM:
        return EVP_aes_256_gcm();
    default:
        return EVP_chacha20_poly1305();
    }
}

int rim__tls_keys_seal(struct rim__tls_keys *keys, uint8_t type, const void *bytes, size_t size, uint8_t *out) {
    size_t inside = size + 1 + 16; /* the type, and the tag */
    uint8_t header[5] = {RIM_TLS_TYPE_DATA, 3, 3, (uint8_t)(inside >> 8), (uint8_t)inside}, nonce[RIM_TLS_IV_SIZE];
    memcpy(nonce, keys->iv, sizeof nonce);
    for (unsigned i = 0; i < 8; i++) {
        nonce[sizeof nonce - 1 - i] ^= (uint8_t)(keys->sequence >> (8 * i));
    }
    keys->sequence++;
    memcpy(out, header, sizeof header);
    uint8_t *at = out + sizeof header;
    int part;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int ok = context != NULL && EVP_EncryptInit_ex(context, cipher_of(keys), NULL, keys->key, nonce) == 1 &&
             EVP_EncryptUpdate(context, NULL, &part, header, sizeof header) == 1 &&
             EVP_EncryptUpdate(context, at, &part, bytes, (int)size) == 1 &&
             EVP_EncryptUpdate(context, at + size, &part, &type, 1) == 1 &&
             EVP_EncryptFinal_ex(context, at + size + 1, &part) == 1 &&
             EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, at + size + 1) == 1;
    EVP_CIPHER_CTX_free(context);
    return ok ? 0 : -ENOMEM;
}
