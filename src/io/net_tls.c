/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "io/net.h"
#include "io/tls_keys.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

/* The kernel has the cipher's constants in structs of their own, which differ in the size of the key only; ChaCha20's
   has no salt. */
static int give_aes_128(int fd, const struct rim__tls_keys *keys, const uint8_t sequence[8]) {
    struct tls12_crypto_info_aes_gcm_128 info = {
        .info = {.version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128}};
    memcpy(info.key, keys->key, sizeof info.key);
    memcpy(info.salt, keys->iv, sizeof info.salt);
    memcpy(info.iv, keys->iv + sizeof info.salt, sizeof info.iv);
    memcpy(info.rec_seq, sequence, sizeof info.rec_seq);
    return setsockopt(fd, SOL_TLS, TLS_TX, &info, sizeof info);
}

static int give_aes_256(int fd, const struct rim__tls_keys *keys, const uint8_t sequence[8]) {
    struct tls12_crypto_info_aes_gcm_256 info = {
        .info = {.version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_256}};
    memcpy(info.key, keys->key, sizeof info.key);
    memcpy(info.salt, keys->iv, sizeof info.salt);
    memcpy(info.iv, keys->iv + sizeof info.salt, sizeof info.iv);
    memcpy(info.rec_seq, sequence, sizeof info.rec_seq);
    return setsockopt(fd, SOL_TLS, TLS_TX, &info, sizeof info);
}

static int give_chacha20(int fd, const struct rim__tls_keys *keys, const uint8_t sequence[8]) {
    struct tls12_crypto_info_chacha20_poly1305 info = {
        .info = {.version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_CHACHA20_POLY1305}};
    memcpy(info.key, keys->key, sizeof info.key);
    memcpy(info.iv, keys->iv, sizeof info.iv);
    memcpy(info.rec_seq, sequence, sizeof info.rec_seq);
    return setsockopt(fd, SOL_TLS, TLS_TX, &info, sizeof info);
}

int rim__net_seal(struct rim__io *io, int fd, const struct rim__tls_keys *keys) {
    (void)io;
    uint8_t sequence[8];
    for (unsigned i = 0; i < sizeof sequence; i++) {
        sequence[i] = (uint8_t)(keys->sequence >> (56 - 8 * i));
    }
    if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") != 0) {
        return -errno;
    }
    int result = keys->cipher == RIM_TLS_AES_128_GCM   ? give_aes_128(fd, keys, sequence)
                 : keys->cipher == RIM_TLS_AES_256_GCM ? give_aes_256(fd, keys, sequence)
                                                       : give_chacha20(fd, keys, sequence);
    return result == 0 ? 0 : -errno; /* then the descriptor is as it was, for who sends and receives */
}

/* Two bytes that always find room, but where the peer reads nothing: then it will not miss them. */
void rim__net_say_end(struct rim__io *io, int fd) {
    (void)io;
    char room[CMSG_SPACE(1)] __attribute__((aligned(sizeof(size_t)))) = {0};
    uint8_t alert[2] = {1, 0}; /* a warning: close_notify */
    struct iovec bytes = {.iov_base = alert, .iov_len = sizeof alert};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *type = CMSG_FIRSTHDR(&message);
    type->cmsg_level = SOL_TLS;
    type->cmsg_type = TLS_SET_RECORD_TYPE;
    type->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(type) = RIM_TLS_TYPE_ALERT;
    (void)sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
