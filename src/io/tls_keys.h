/* SPDX-License-Identifier: MIT */
/*
 * tls_keys.h - what the kernel needs to seal the bytes of a connection by itself (kernel TLS): for the drivers, who
 * hand it to the kernel, and for the simulated kernel, which does it. Sending only, TLS 1.3 only.
 *
 *     handshake over, all that was sealed has left -> rim__tls_keys_of -> io->ops->seal -> from now on plain bytes are
 *     written to the descriptor, and nothing of OpenSSL's may be
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_TLS_KEYS_H
#define RINGMAIL_IO_TLS_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct rim__tls;

/* As TLS numbers them. */
enum { RIM_TLS_AES_128_GCM = 0x1301, RIM_TLS_AES_256_GCM = 0x1302, RIM_TLS_CHACHA20 = 0x1303 };

#define RIM_TLS_KEY_MAX    32u
#define RIM_TLS_IV_SIZE    12u
#define RIM_TLS_SEAL_EXTRA 22u /* bytes that a record has more than what is in it */
#define RIM_TLS_TYPE_ALERT 21u
#define RIM_TLS_TYPE_DATA  23u

struct rim__tls_keys {
    uint16_t cipher;
    uint8_t key[RIM_TLS_KEY_MAX]; /* 16 bytes of AES-128, else 32 */
    uint8_t iv[RIM_TLS_IV_SIZE];
    uint64_t sequence; /* of the next record */
};

/* Bytes of the cipher's key; 0: it is none of those above. */
static inline size_t rim__tls_key_size(uint16_t cipher) {
    size_t large = cipher == RIM_TLS_AES_256_GCM || cipher == RIM_TLS_CHACHA20 ? 32 : 0;
    return cipher == RIM_TLS_AES_128_GCM ? 16 : large;
}

/* The keys by which this end sends, after the handshake. 0, or -EOPNOTSUPP: not of such a connection. */
int rim__tls_keys_of(const struct rim__tls *tls, struct rim__tls_keys *out);
/* A record of this type, as the kernel makes it: `out` has room for RIM_TLS_SEAL_EXTRA bytes more. 0 or negative. */
int rim__tls_keys_seal(struct rim__tls_keys *keys, uint8_t type, const void *bytes, size_t size, uint8_t *out);

#endif
