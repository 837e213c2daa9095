/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "reply.h"

enum { IN_MIN = 64 * 1024 };

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Only the worker writes, so no read-modify-write is needed. */
static void add(uint64_t *counter, uint64_t by) {
    __atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED);
}

static void fail(struct load *load, uint64_t count, const char *why) {
    if (load->errors == 0) {
        snprintf(load->problem, sizeof load->problem, "%s", why);
    }
    add(&load->errors, count);
}

static int connect_to(const struct addrinfo *address) {
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int connection_open(struct connection *connection, const struct load *load, const struct addrinfo *address) {
    size_t reply_max = load->data->value_size + 64;
    *connection = (struct connection){.fd = -1, .in_room = reply_max > IN_MIN ? reply_max : IN_MIN};
    connection->pending = calloc(load->depth, sizeof *connection->pending);
    connection->in = malloc(connection->in_room);
    connection->out = malloc(load->depth * data_request_max(load->data));
    if (connection->pending == NULL || connection->in == NULL || connection->out == NULL) {
        connection_close(connection);
        return -ENOMEM;
    }
    int fd = connect_to(address);
    if (fd < 0) {
        connection_close(connection);
        return fd;
    }
    connection->fd = fd;
    return 0;
}

void connection_close(struct connection *connection) {
    if (connection->fd >= 0) {
        close(connection->fd);
    }
    free(connection->pending);
    free(connection->in);
    free(connection->out);
    *connection = (struct connection){.fd = -1};
}

void connection_lose(struct connection *connection, struct load *load, const char *why) {
    fail(load, connection->waiting > 0 ? connection->waiting : 1, why);
    connection_close(connection);
}

/* ---- replies ---- */

/* NULL if the reply is right, else what is wrong with it. */
static const char *judge(const struct load *load, const struct pending *asked, const struct reply *reply) {
    if (reply->kind == REPLY_ERROR) {
        return "the server answered with an error";
    }
    if (!asked->is_get) {
        return reply->kind == REPLY_STATUS && reply->size == 2 && memcmp(reply->text, "OK", 2) == 0
                   ? NULL
                   : "a SET was not answered with OK";
    }
    if (reply->kind == REPLY_NULL) {
        return "a GET did not find a key that was set";
    }
    if (reply->kind != REPLY_BULK || !data_check(load->data, asked->key, reply->text, reply->size)) {
        return "a GET was answered with something else than what was set";
    }
    return NULL;
}

static void settle(struct connection *connection, struct load *load, const struct reply *reply, uint64_t now) {
    struct pending *asked = &connection->pending[connection->first];
    connection->first = connection->first + 1 < load->depth ? connection->first + 1 : 0;
    connection->waiting--;
    const char *wrong = judge(load, asked, reply);
    if (wrong != NULL) {
        char text[160];
        int size = reply->kind == REPLY_ERROR ? (int)(reply->size < 100 ? reply->size : 100) : 0;
        snprintf(text, sizeof text, "%s%s%.*s", wrong, size > 0 ? ": " : "", size, size > 0 ? reply->text : "");
        fail(load, 1, text);
    }
    histogram_record(asked->is_get ? &load->get : &load->set, now - asked->sent_ns);
    add(&load->done, 1);
}

/* The bytes taken, or -1 if what the server says makes no sense. */
static ssize_t settle_all(struct connection *connection, struct load *load) {
    uint64_t now = now_ns();
    size_t at = 0;
    for (;;) {
        struct reply reply;
        ssize_t size = reply_read(connection->in + at, connection->in_size - at, load->data->value_size, &reply);
        if (size == 0) {
            return (ssize_t)at;
        }
        if (size < 0 || connection->waiting == 0) {
            return -1;
        }
        settle(connection, load, &reply, now);
        at += (size_t)size;
    }
}

void connection_receive(struct connection *connection, struct load *load) {
    ssize_t got =
        recv(connection->fd, connection->in + connection->in_size, connection->in_room - connection->in_size, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            connection_lose(connection, load, got == 0 ? "the server closed a connection" : strerror(errno));
        }
        return;
    }
    connection->in_size += (size_t)got;
    ssize_t taken = settle_all(connection, load);
    if (taken < 0) {
        connection_lose(connection, load, "the server sent what is no reply to a GET or SET");
        return;
    }
    connection->in_size -= (size_t)taken;
    memmove(connection->in, connection->in + taken, connection->in_size);
}

/* ---- requests ---- */

static uint64_t draw(struct load *load) {
    uint64_t x = load->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    load->random = x;
    return x * 2685821657736338717u;
}

/* False if there is nothing more to ask. */
static bool next(struct load *load, struct pending *out) {
    if (load->in_order) {
        out->key = (uint32_t)load->next_key;
        out->is_get = false;
        return load->next_key++ < load->keys;
    }
    uint64_t random = draw(load);
    out->key = (uint32_t)((random >> 32) * load->keys >> 32);
    out->is_get = (random & 0xffffffu) % 10 < load->reads;
    return true;
}

/* Fills the window. Room in `out` is enough for a whole one, since requests are written only behind those sent. */
static void fill_window(struct connection *connection, struct load *load) {
    uint64_t now = connection->waiting < load->depth ? now_ns() : 0;
    while (connection->waiting < load->depth) {
        uint64_t at = (uint64_t)connection->first + connection->waiting;
        struct pending *asked = &connection->pending[at < load->depth ? at : at - load->depth];
        if (!next(load, asked)) {
            load->stopped = true;
            return;
        }
        asked->sent_ns = now;
        char *to = connection->out + connection->out_size;
        connection->out_size +=
            asked->is_get ? data_write_get(load->data, asked->key, to) : data_write_set(load->data, asked->key, to);
        connection->waiting++;
    }
}

bool connection_send(struct connection *connection, struct load *load) {
    if (!load->stopped && connection->out_size == 0) {
        fill_window(connection, load);
    }
    if (connection->out_size == 0) {
        return false;
    }
    ssize_t sent = send(connection->fd, connection->out + connection->out_from,
                        connection->out_size - connection->out_from, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        connection_lose(connection, load, strerror(errno));
        return false;
    }
    connection->out_from += sent > 0 ? (size_t)sent : 0;
    if (connection->out_from < connection->out_size) {
        return true;
    }
    connection->out_from = 0;
    connection->out_size = 0;
    return false;
}
