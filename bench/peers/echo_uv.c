/* SPDX-License-Identifier: MIT */
/* echo_uv - an echo on libuv as its manual has it, but for the memory: buffers are used again instead of freed. */
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "peer.h"

enum { BACKLOG = 1024 };

struct buffer {
    uv_write_t write; /* first: a request of libuv is the buffer that it writes */
    struct buffer *next;
    char bytes[PEER_BUFFER];
};

static uv_loop_t *loop;
static struct buffer *idle;

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    struct buffer *buffer = idle;
    (void)handle;
    (void)suggested;
    if (buffer != NULL) {
        idle = buffer->next;
    } else {
        buffer = malloc(sizeof *buffer);
    }
    *out = buffer != NULL ? uv_buf_init(buffer->bytes, sizeof buffer->bytes) : uv_buf_init(NULL, 0);
    // cppcheck-suppress memleak ; libuv keeps the bytes, and the buffer is found by them again
}

static void give_back(struct buffer *buffer) {
    buffer->next = idle;
    idle = buffer;
}

static void closed(uv_handle_t *handle) {
    free(handle);
}

static void end(uv_stream_t *stream) {
    if (!uv_is_closing((uv_handle_t *)stream)) {
        uv_close((uv_handle_t *)stream, closed);
    }
}

static void written(uv_write_t *write, int error) {
    if (error != 0) {
        end(write->handle);
    }
    give_back((struct buffer *)write);
}

static struct buffer *buffer_of(const uv_buf_t *bytes) {
    return bytes->base != NULL ? (struct buffer *)(bytes->base - offsetof(struct buffer, bytes)) : NULL;
}

/* What can be sent at once is, without a request; libuv's own advice for speed. */
static void received(uv_stream_t *stream, ssize_t count, const uv_buf_t *bytes) {
    struct buffer *buffer = buffer_of(bytes);
    if (count <= 0) {
        if (count < 0) {
            end(stream);
        }
        if (buffer != NULL) {
            give_back(buffer);
        }
        return;
    }
    uv_buf_t out = uv_buf_init(bytes->base, (unsigned)count);
    int sent = uv_try_write(stream, &out, 1);
    if (sent == count) {
        give_back(buffer);
        return;
    }
    unsigned gone = sent > 0 ? (unsigned)sent : 0;
    out = uv_buf_init(bytes->base + gone, (unsigned)count - gone);
    if (uv_write(&buffer->write, stream, &out, 1, written) != 0) {
        give_back(buffer);
        end(stream);
    }
}

static void connected(uv_stream_t *listener, int error) {
    uv_tcp_t *client = error == 0 ? malloc(sizeof *client) : NULL;
    if (client == NULL) {
        return;
    }
    uv_tcp_init(loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) == 0) {
        uv_tcp_nodelay(client, 1);
        uv_read_start((uv_stream_t *)client, allocate, received);
    } else {
        uv_close((uv_handle_t *)client, closed);
    }
}

int main(int argc, char **argv) {
    uv_tcp_t listener;
    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    uv_tcp_init(loop, &listener);
    uv_tcp_open(&listener, peer_listen(peer_port(argc, argv)));
    if (uv_listen((uv_stream_t *)&listener, BACKLOG, connected) != 0) {
        peer_fail("uv_listen", 0);
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
