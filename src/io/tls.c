/* SPDX-License-Identifier: MIT */
#include "io/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "io/socket.h"
#include "io/tls_keys.h"
#include "io/tls_link.h"

/* ---- between OpenSSL and the socket ---- */

static int put(BIO *bio, const char *bytes, int size) {
    struct rim__tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (tls->kernel_sends) { /* an alert is lost, and the rest is a fault */
        tls->said_too_much = true;
        return size;
    }
    if (size <= 0 || rim__outgoing_copy(&tls->cipher, rim__socket_shard(tls->socket), bytes, (uint32_t)size) != 0) {
        tls->starved = size > 0;
        return -1;
    }
    return size;
}

static int get(BIO *bio, char *bytes, int room) {
    struct rim__tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    uint32_t size = room < 0 ? 0 : (uint32_t)room;
    size = size < tls->in_size ? size : tls->in_size;
    if (size == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(bytes, tls->in, size);
    tls->in += size;
    tls->in_size -= size;
    return (int)size;
}

static long control(BIO *bio, int what, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return what == BIO_CTRL_FLUSH ? 1 : 0; /* what was put leaves when the socket is settled */
}

BIO_METHOD *rim__tls_make_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "ringmail socket");
    if (method != NULL) {
        BIO_meth_set_write(method, put);
        BIO_meth_set_read(method, get);
        BIO_meth_set_ctrl(method, control);
    }
    return method;
}

/* ---- callbacks of the contexts ---- */

/* The certificate that has the name which the client asks for; where none has it, the first stays. */
int rim__tls_choose_name(SSL *ssl, int *alert, void *arg) {
    (void)alert;
    (void)arg;
    const struct rim__tls *tls = SSL_get_app_data(ssl);
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    for (uint32_t i = 0; name != NULL && i < tls->set->count; i++) {
        X509 *certificate = SSL_CTX_get0_certificate(tls->set->contexts[i]);
        if (X509_check_host(certificate, name, 0, 0, NULL) == 1) {
            (void)SSL_set_SSL_CTX(ssl, tls->set->contexts[i]);
            break;
        }
    }
    return SSL_TLSEXT_ERR_OK;
}

int rim__tls_new_session(SSL *ssl, SSL_SESSION *session) {
    const struct rim__tls *tls = SSL_get_app_data(ssl);
    rim__tls_session_put(tls->setup, tls->name, tls->port, session);
    return 1; /* it is ours now */
}

/* ---- faults ---- */

/* Alerts by which the peer says that it does not like our certificate, or wants one. */
static bool is_about_certificates(int reason) {
    switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_NO_CERTIFICATE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return true;
    default:
        return reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE;
    }
}

static int explain(struct rim__tls *tls) {
    int reason = ERR_GET_REASON(ERR_peek_error());
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        const char *why = X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl));
        snprintf(tls->text, sizeof tls->text, "%s", why);
        return -RIM_ECERTIFICATE;
    }
    snprintf(tls->text, sizeof tls->text, "%s", rim__tls_context_reason());
    return is_about_certificates(reason) ? -RIM_ECERTIFICATE : -RIM_ETLS;
}

static void fail(struct rim__tls *tls, int error) {
    tls->failed = true;
    if (tls->kernel_sends) {
        rim__socket_lose(tls->socket, error); /* what was written is the kernel's, and there is no last word */
    } else {
        rim__socket_refuse(tls->socket, error);
    }
}

/* OpenSSL wants something, or nothing any more. It has put the alert for the peer into `cipher` already. */
static void take_result(struct rim__tls *tls, int result) {
    struct rim__socket *socket = tls->socket;
    int kind = SSL_get_error(tls->ssl, result);
    if (tls->starved) {
        tls->failed = true;
        rim__socket_lose(socket, -ENOMEM);
    } else if (kind == SSL_ERROR_ZERO_RETURN && tls->shaken) {
        socket->input.ended = true;
    } else if (kind != SSL_ERROR_WANT_READ) {
        fail(tls, explain(tls));
    }
    ERR_clear_error();
}

void rim__tls_ended(struct rim__socket *socket) {
    struct rim__tls *tls = socket->tls;
    if (socket->state == RIM_SOCKET_IS_SHAKING) {
        snprintf(tls->text, sizeof tls->text, "it ended in the handshake");
        rim__socket_lose(socket, -RIM_ETLS);
    } else if (socket->state == RIM_SOCKET_IS_OPEN) {
        rim__socket_lose(socket, -RIM_ETRUNCATED);
    }
}

const char *rim__tls_text(const struct rim__tls *tls) {
    return tls->text;
}

/* ---- the handshake ---- */

static void too_late(struct rim__shard *shard, struct rim__timer *timer) {
    (void)shard;
    struct rim__tls *tls = rim__container_of(timer, struct rim__tls, timer);
    struct rim__socket *socket = tls->socket;
    snprintf(tls->text, sizeof tls->text, "in the handshake");
    rim__socket_lose(socket, -ETIMEDOUT);
    rim__socket_settle(socket);
}

static void shake(struct rim__tls *tls) {
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        tls->shaken = true;
        rim__socket_shaken(tls->socket);
    } else {
        take_result(tls, result);
    }
}

void rim__tls_begin(struct rim__socket *socket) {
    struct rim__tls *tls = socket->tls;
    struct rim__shard *shard = rim__socket_shard(socket);
    uint64_t deadline_ns = tls->deadline_ns;
    if (deadline_ns == 0) { /* not from the tick's clock: after a long sleep that is from before it */
        uint64_t wait_ns = tls->setup->options.handshake_ns;
        uint64_t now_ns = shard->driver->ops->now(shard->driver);
        wait_ns = wait_ns != 0 ? wait_ns : RIM_TLS_HANDSHAKE_NS;
        deadline_ns = wait_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + wait_ns;
    }
    rim__timer_arm(&shard->timers, &tls->timer, deadline_ns);
    shake(tls);
}

void rim__tls_disarm(struct rim__socket *socket) {
    rim__timer_disarm(&rim__socket_shard(socket)->timers, &socket->tls->timer);
}

/* ---- what comes ---- */

/* Opened bytes, as the body of a message. */
struct opened {
    struct rim__body body;
    size_t room;
    char bytes[];
};

static void release_opened(struct rim__shard *home, struct rim__body *body) {
    struct opened *opened = rim__container_of(body, struct opened, body);
    rim__memory_free(&home->memory, opened, sizeof *opened + opened->room);
}

/* The next record. False: there is none as yet, or there is an end. */
static bool open_record(struct rim__tls *tls) {
    struct rim__shard *shard = rim__socket_shard(tls->socket);
    char first;
    ERR_clear_error();
    int result = SSL_peek(tls->ssl, &first, 1); /* opens it, so that its size is known */
    if (result <= 0) {
        take_result(tls, result);
        return false;
    }
    size_t room = (size_t)SSL_pending(tls->ssl);
    struct opened *opened = rim__memory_alloc(&shard->memory, sizeof *opened + room);
    if (opened == NULL) {
        rim__socket_lose(tls->socket, -ENOMEM);
        return false;
    }
    int size = SSL_read(tls->ssl, opened->bytes, (int)room);
    rim__assert(size > 0 && (size_t)size <= room);
    opened->room = room;
    opened->body = (struct rim__body){.data = opened->bytes,
                                      .size = (uint32_t)size,
                                      .home = shard->index,
                                      .release = release_opened};
    rim__input_pass(tls->socket, &opened->body);
    return true;
}

void rim__tls_feed(struct rim__socket *socket, struct rim__body *body) {
    struct rim__tls *tls = socket->tls;
    tls->in = body->data;
    tls->in_size = body->size;
    if (socket->state == RIM_SOCKET_IS_SHAKING) {
        shake(tls);
    }
    while (tls->shaken && !tls->failed && !socket->input.ended && socket->state == RIM_SOCKET_IS_OPEN &&
           open_record(tls)) {
    }
    if (tls->said_too_much && !tls->failed) { /* the peer wants new keys, which the kernel would have to know */
        snprintf(tls->text, sizeof tls->text, "kernel TLS does not change keys");
        fail(tls, -RIM_ETLS);
    }
    tls->in_size = 0; /* what is left is of no use: it failed, or has ended */
    rim__body_release(rim__socket_shard(socket), body);
}

/* ---- what leaves ---- */

/* A record as it lies in the queue, or, where short pieces follow each other, put together. */
struct cursor {
    struct iovec pieces[RIM_OP_IOV_MAX];
    uint32_t at, count;
    char record[RIM_TLS_RECORD_BYTES];
};

static void skip(struct cursor *cursor, size_t size) {
    struct iovec *piece = &cursor->pieces[cursor->at];
    piece->iov_base = (char *)piece->iov_base + size;
    piece->iov_len -= size;
    cursor->at += piece->iov_len == 0;
}

static bool stays_alone(const struct iovec *piece) {
    return piece->iov_len > RIM_TLS_ALONE_BYTES;
}

static struct iovec next_record(struct cursor *cursor) {
    struct iovec first = cursor->pieces[cursor->at];
    if (stays_alone(&first) || cursor->at + 1 == cursor->count) {
        first.iov_len = first.iov_len < sizeof cursor->record ? first.iov_len : sizeof cursor->record;
        skip(cursor, first.iov_len);
        return first;
    }
    size_t size = 0;
    while (cursor->at < cursor->count && size < sizeof cursor->record) {
        const struct iovec *piece = &cursor->pieces[cursor->at];
        if (stays_alone(piece)) {
            break;
        }
        size_t room = sizeof cursor->record - size;
        size_t part = piece->iov_len < room ? piece->iov_len : room;
        memcpy(cursor->record + size, piece->iov_base, part);
        size += part;
        skip(cursor, part);
    }
    return (struct iovec){.iov_base = cursor->record, .iov_len = size};
}

static void seal_batch(struct rim__tls *tls) {
    const struct rim__outgoing *out = &tls->socket->output.out;
    struct cursor cursor; /* not all of it zeroed: it is a record long */
    cursor.at = 0;
    cursor.count = rim__outgoing_gather(out, cursor.pieces, RIM_OP_IOV_MAX);
    while (cursor.at < cursor.count && tls->batch_size < RIM_TLS_BATCH_BYTES) {
        struct iovec record = next_record(&cursor);
        int result = SSL_write(tls->ssl, record.iov_base, (int)record.iov_len);
        if (result <= 0) {
            take_result(tls, result);
            return;
        }
        rim__assert((size_t)result == record.iov_len); /* a record is written whole, and its place never lacks */
        tls->batch_size += (uint32_t)result;
    }
    tls->batch_end = tls->sent + tls->cipher.bytes;
}

/* Nothing that is sealed waits any more: from here the kernel may do it. */
static void ask_kernel(struct rim__tls *tls) {
    struct rim__service *service = tls->socket->service;
    struct rim__tls_keys keys;
    tls->kernel_tried = true;
    if (service->has_no_tls || rim__tls_keys_of(tls, &keys) != 0) {
        return;
    }
    int result = service->io->ops->seal(service->io, tls->socket->fd, &keys);
    tls->kernel_sends = result == 0;
    service->io->tls_kernel += result == 0;
    if (result == -ENOENT) {
        service->has_no_tls = true;
        rim__log_write(&service->shard->log, RIM_LOG_NOTICE,
                       "kernel TLS: this kernel does not have it (module tls, CONFIG_TLS): OpenSSL seals");
    }
    OPENSSL_cleanse(&keys, sizeof keys);
    OPENSSL_cleanse(tls->secret, sizeof tls->secret);
    tls->secret_size = 0;
}

/* The kernel seals: there is only the end to say. */
static void end_by_kernel(struct rim__tls *tls) {
    struct rim__socket *socket = tls->socket;
    if (socket->output.ended && socket->output.out.bytes == 0) {
        tls->said_end = true;
        socket->service->io->ops->say_end(socket->service->io, socket->fd);
    }
}

void rim__tls_seal(struct rim__socket *socket) {
    struct rim__tls *tls = socket->tls;
    const struct rim__output *output = &socket->output;
    if (!tls->shaken || tls->failed || tls->said_end) {
        return;
    }
    ERR_clear_error();
    if (tls->setup->options.kernel && !tls->kernel_tried && output->out.bytes > 0) {
        if (tls->cipher.bytes > 0) {
            return; /* that first */
        }
        ask_kernel(tls);
    }
    if (tls->kernel_sends) {
        end_by_kernel(tls);
        return;
    }
    if (output->out.bytes > 0 && tls->batch_size == 0) {
        seal_batch(tls);
    }
    if (output->ended && output->out.bytes == tls->batch_size && !tls->failed) {
        tls->said_end = true;
        (void)SSL_shutdown(tls->ssl); /* close_notify; nothing is waited for */
        ERR_clear_error();
    }
}

bool rim__tls_waits(const struct rim__tls *tls) {
    return tls->cipher.bytes > 0 || (tls->kernel_sends && tls->socket->output.out.bytes > 0);
}

uint32_t rim__tls_gather(const struct rim__tls *tls, struct iovec *iov, uint32_t max) {
    const struct rim__outgoing *from = tls->kernel_sends ? &tls->socket->output.out : &tls->cipher;
    return rim__outgoing_gather(from, iov, max);
}

uint32_t rim__tls_left(struct rim__tls *tls, struct rim__shard *shard, uint32_t size) {
    tls->sent += size;
    if (tls->kernel_sends) {
        return size;
    }
    rim__outgoing_consume(&tls->cipher, shard, size);
    if (tls->failed || tls->batch_size == 0 || tls->sent < tls->batch_end) {
        return 0;
    }
    uint32_t left = tls->batch_size;
    tls->batch_size = 0;
    return left;
}

bool rim__tls_has_spoken(const struct rim__tls *tls) {
    return tls->sent > 0;
}

/* ---- life ---- */

/* Whose certificate it must be: of this address, or of this name, which the server is told too. */
static int expect(SSL *ssl, const char *name) {
    unsigned char address[sizeof(struct in6_addr)];
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -ENOMEM;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1 ? 0 : -ENOMEM;
}

static int be_client(struct rim__tls *tls, const struct rim__tls_plan *plan) {
    snprintf(tls->name, sizeof tls->name, "%s", plan->name);
    tls->port = plan->port;
    SSL_set_connect_state(tls->ssl);
    SSL_SESSION *session = rim__tls_session_take(tls->setup, tls->name, tls->port);
    if (session != NULL) {
        (void)SSL_set_session(tls->ssl, session);
        SSL_SESSION_free(session);
    }
    return expect(tls->ssl, plan->name);
}

static int join(struct rim__tls *tls) {
    BIO *bio = BIO_new(tls->setup->method);
    tls->ssl = bio != NULL ? SSL_new(tls->set->contexts[0]) : NULL;
    if (tls->ssl == NULL) {
        BIO_free(bio);
        return -ENOMEM;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio); /* takes it */
    SSL_set_app_data(tls->ssl, tls);
    return 0;
}

int rim__tls_create(struct rim__socket *socket, const struct rim__tls_plan *plan) {
    struct rim__shard *shard = rim__socket_shard(socket);
    struct rim__tls *tls = rim__memory_alloc(&shard->memory, sizeof *tls);
    if (tls == NULL) {
        return -ENOMEM;
    }
    memset(tls, 0, sizeof *tls);
    tls->socket = socket;
    tls->setup = plan->setup;
    rim__tls_keep(tls->setup);
    tls->set = rim__tls_setup_take(tls->setup);
    tls->deadline_ns = plan->deadline_ns;
    tls->timer.fire = too_late;
    int result = join(tls);
    if (result == 0 && plan->name != NULL) {
        result = be_client(tls, plan);
    } else if (result == 0) {
        SSL_set_accept_state(tls->ssl);
    }
    ERR_clear_error();
    if (result != 0) {
        rim__tls_free(tls, shard);
        return result;
    }
    socket->tls = tls;
    return 0;
}

void rim__tls_free(struct rim__tls *tls, struct rim__shard *shard) {
    if (tls == NULL) {
        return;
    }
    SSL_free(tls->ssl);
    OPENSSL_cleanse(tls->secret, sizeof tls->secret);
    rim__outgoing_drop(&tls->cipher, shard);
    rim__tls_setup_return(tls->setup, tls->set);
    rim__tls_let_go(tls->setup);
    rim__memory_free(&shard->memory, tls, sizeof *tls);
}
