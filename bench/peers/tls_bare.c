/* SPDX-License-Identifier: MIT */
/*
 * tls_bare.c - an echo over TLS by OpenSSL alone: blocking calls, one connection at a time. What it costs is what
 * OpenSSL and the kernel cost; for bench/tls_bench. Arguments: the port, a certificate, its key.
 */
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

static SSL_CTX *make_context(char **argv) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, argv[2]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "tls_bare: no certificate\n");
        exit(1);
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

static void echo(SSL *ssl) {
    static char bytes[PEER_BUFFER];
    int size;
    while ((size = SSL_read(ssl, bytes, sizeof bytes)) > 0 && SSL_write(ssl, bytes, size) > 0) {
    }
    (void)SSL_shutdown(ssl);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: tls_bare PORT CERTIFICATE KEY\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int listener = peer_listen(peer_port(2, argv));
    SSL_CTX *context = make_context(argv);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            continue;
        }
        peer_tune(fd);
        SSL *ssl = SSL_new(context);
        if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {
            echo(ssl);
        }
        SSL_free(ssl);
        close(fd);
    }
}
