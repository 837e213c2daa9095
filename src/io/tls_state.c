/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "io/tls_link.h"

static void describe_certificate(const struct rim__tls *tls, rim_tls_state *out) {
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    out->has_certificate = certificate != NULL;
    if (certificate == NULL) {
        return;
    }
    bool was_asked = (SSL_get_verify_mode(tls->ssl) & SSL_VERIFY_PEER) != 0;
    out->verified = was_asked && SSL_get_verify_result(tls->ssl) == X509_V_OK;
    unsigned size = sizeof out->sha256;
    (void)X509_digest(certificate, EVP_sha256(), out->sha256, &size);
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL) {
        X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
        int length = BIO_read(bio, out->subject, sizeof out->subject - 1);
        out->subject[length > 0 ? length : 0] = '\0';
        BIO_free(bio);
    }
    ERR_clear_error();
}

void rim__tls_describe(const struct rim__tls *tls, rim_tls_state *out) {
    const unsigned char *protocol;
    unsigned size;
    memset(out, 0, sizeof *out);
    out->version = (uint16_t)SSL_version(tls->ssl);
    out->resumed = SSL_session_reused(tls->ssl) == 1;
    SSL_get0_alpn_selected(tls->ssl, &protocol, &size);
    if (size > 0) {
        memcpy(out->protocol, protocol, size); /* 255 at most */
    }
    out->kernel_sends = tls->kernel_sends;
    const char *name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(out->name, sizeof out->name, "%s", name != NULL ? name : "");
    snprintf(out->cipher, sizeof out->cipher, "%s", SSL_get_cipher_name(tls->ssl));
    describe_certificate(tls, out);
}

int rim__tls_certificate(const struct rim__tls *tls, void *bytes, size_t room) {
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    if (certificate == NULL) {
        return 0;
    }
    int size = i2d_X509(certificate, NULL);
    if (size < 0) {
        ERR_clear_error();
        return -ENOMEM;
    }
    unsigned char *to = bytes;
    return (size_t)size <= room ? i2d_X509(certificate, &to) : size;
}
