/* SPDX-License-Identifier: MIT */
/* A listener, a client that connects and sends, an echo: connect, accept, receive, send, shutdown, and a file sent. */
#include <fcntl.h>

#include "closing.h"

enum { HOST, CLIENT, ECHO };
enum { CHUNK = 9000, CHUNKS = 3, FILE_BYTES = 150000, LENT = 2000 };
enum { PORT, HEARD, LISTENER, SOCKET, SOURCE };

static bool is(uint32_t variant) {
    return (closing.of->variant & variant) != 0;
}

static void listen_at(rim_ctx *ctx) {
    rim_listen_options options = {.host = is(CLOSING_UNIX) ? "unix:@closing" : "127.0.0.1",
                                  .owner = &closing_accepted,
                                  .socket.zero_copy = is(CLOSING_LENDS) ? LENT : 0,
                                  .tls = is(CLOSING_TLS) ? closing_tls_of(true) : NULL};
    if (rim_listen(ctx, &options, &closing.numbers[LISTENER]) == 0) {
        closing_made(ctx, HOST, closing.numbers[LISTENER], NULL);
    }
}

void closing_stream_begin(rim_ctx *ctx, uint32_t actor) {
    if (actor == HOST) {
        listen_at(ctx);
    }
}

static void connect_to(rim_ctx *ctx) {
    rim_connect_options options = {.host = is(CLOSING_UNIX) ? "unix:@closing" : "127.0.0.1",
                                   .port = (uint16_t)closing.numbers[PORT],
                                   .timeout_ns = RIM_SECONDS(5),
                                   .socket.zero_copy = is(CLOSING_LENDS) ? LENT : 0,
                                   .tls = is(CLOSING_TLS) ? closing_tls_of(false) : NULL,
                                   .tls_name = "localhost"};
    if (rim_connect(ctx, &options, &closing.numbers[SOCKET]) == 0) {
        closing_made(ctx, CLIENT, closing.numbers[SOCKET], is(CLOSING_ABORTS) ? rim_socket_abort : rim_socket_close);
    }
}

/* ---- what the client sends ---- */

static rim_verdict on_carried(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)cookie;
    (void)error;
    (void)body;
    (void)msg;
    closing_answered(CLIENT);
    (void)rim_socket_shutdown(ctx, closing.numbers[SOCKET]);
    return RIM_DONE;
}

static rim_verdict on_written(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)cookie;
    (void)body;
    (void)msg;
    closing_answered(CLIENT);
    rim_file_ask ask = {.file = closing.numbers[SOURCE], .timeout_ns = RIM_SECONDS(20), .on_outcome = on_carried};
    if (error == 0) {
        (void)closing_asked(CLIENT, rim_file_send(ctx, &ask, closing.numbers[SOCKET], UINT64_MAX, NULL));
    }
    return RIM_DONE;
}

static char source[FILE_BYTES];

static void write_file(rim_ctx *ctx) {
    rim_file_options options = {.path = "/closing/source", .flags = O_RDWR | O_CREAT};
    if (rim_file_open(ctx, &options, &closing.numbers[SOURCE]) == 0) {
        closing_made(ctx, CLIENT, closing.numbers[SOURCE], rim_file_close);
        rim_file_ask ask = {.file = closing.numbers[SOURCE], .timeout_ns = RIM_SECONDS(20), .on_outcome = on_written};
        (void)closing_asked(CLIENT, rim_file_write(ctx, &ask, source, sizeof source, NULL));
    }
}

static rim_verdict on_replaced(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    rim_file_options options = {.path = "/closing/source", .flags = O_RDONLY};
    if (error == 0 && rim_file_open(ctx, &options, &closing.numbers[SOURCE]) == 0) {
        closing_made(ctx, CLIENT, closing.numbers[SOURCE], rim_file_close);
    }
    return on_written(ctx, state, cookie, error, body, msg);
}

/* One that is only read goes by the kernel. */
static void make_file(rim_ctx *ctx) {
    rim_file_replacement replacement = {.path = "/closing/source",
                                        .timeout_ns = RIM_SECONDS(20),
                                        .on_outcome = on_replaced};
    if (!is(CLOSING_BY_KERNEL)) {
        write_file(ctx);
    } else {
        (void)closing_asked(CLIENT, rim_file_replace(ctx, &replacement, source, sizeof source, NULL));
    }
}

static void send_chunks(rim_ctx *ctx) {
    static char bytes[CHUNK];
    for (int i = 0; i < CHUNKS; i++) {
        int error = rim_socket_write(ctx, closing.numbers[SOCKET], bytes, sizeof bytes);
        CLOSING_CHECK(error == 0 || error == -RIM_EDOWN || error == -RIM_EFULL || error == -ENOMEM);
    }
    (void)rim_socket_flush(ctx, closing.numbers[SOCKET], 7);
}

/* ---- events ---- */

static void client_event(rim_ctx *ctx, rim_msg *msg) {
    rim_ref socket = closing.numbers[SOCKET];
    switch (rim_tag(msg)) {
    case CLOSING_TALK:
        connect_to(ctx);
        break;
    case RIM_SOCKET_OPEN:
        if (is(CLOSING_DRAINS)) {
            closing_tell(ctx, HOST, 0);
        }
        if (is(CLOSING_SENDS_FILE)) {
            make_file(ctx);
        } else {
            send_chunks(ctx);
        }
        break;
    case RIM_SOCKET_DATA:
        closing.numbers[HEARD] += rim_size(msg);
        if (closing.numbers[HEARD] == (uint64_t)CHUNK * CHUNKS) {
            (void)rim_socket_shutdown(ctx, socket);
        }
        break;
    case RIM_SOCKET_END:
        (void)rim_socket_close(ctx, socket);
        break;
    default:
        break;
    }
}

static void echo_event(rim_ctx *ctx, const void *body, rim_msg *msg) {
    rim_ref socket = rim_from(msg);
    if (rim_tag(msg) == RIM_SOCKET_DATA && !is(CLOSING_SENDS_FILE)) {
        (void)rim_socket_write(ctx, socket, body, rim_size(msg));
    } else if (rim_tag(msg) == RIM_SOCKET_END) {
        (void)rim_socket_close(ctx, socket);
    }
}

/* The host drains its listener when the client says that it is connected. */
static void host_event(rim_ctx *ctx, rim_msg *msg) {
    if (rim_tag(msg) == CLOSING_TALK && is(CLOSING_DRAINS)) {
        int error = rim_listener_drain(ctx, closing.numbers[LISTENER], RIM_MS(3));
        CLOSING_CHECK(error == 0 || error == -RIM_EDOWN || error == -ENOMEM);
    }
}

void closing_stream_event(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg) {
    if (rim_tag(msg) == RIM_DRAINED) {
        closing_last(((const rim_drained_event *)body)->listener);
        return;
    }
    if (rim_tag(msg) == RIM_SOCKET_CLOSED) {
        closing_last(((const rim_closed_event *)body)->socket);
        return;
    }
    if (rim_tag(msg) == RIM_FILE_CLOSED) {
        closing_last(((const rim_file_closed_event *)body)->file);
        return;
    }
    closing_from(rim_from(msg));
    if (rim_tag(msg) == RIM_LISTENING) {
        closing.numbers[PORT] = ((const rim_listening_event *)body)->address.port;
        closing_tell(ctx, CLIENT, 0);
    } else if (actor == HOST) {
        host_event(ctx, msg);
    } else if (actor == CLIENT) {
        client_event(ctx, msg);
    } else if (actor == ECHO) {
        echo_event(ctx, body, msg);
    }
}

#define STREAM(called, which, is_apart, options)                                                                       \
    {                                                                                                                  \
        .name = (called), .actors = 2, .subject = (which), .apart = (is_apart), .variant = (options),                  \
        .may_be_late = ((options)&CLOSING_SENDS_FILE) != 0, .begin = closing_stream_begin,                             \
        .event = closing_stream_event                                                                                  \
    }

/* The listener is made first, then the client's socket, then the accepted one, or the file. */
const struct closing_case closing_streams[] = {
    STREAM("listener", 0, true, 0),
    STREAM("listener-drains", 0, true, CLOSING_DRAINS),
    STREAM("drained-accepted", 2, false, CLOSING_DRAINS),
    STREAM("connect-and-send", 1, false, 0),
    STREAM("connect-and-send-apart", 1, true, 0),
    STREAM("connect-and-send-abort", 1, true, CLOSING_ABORTS),
    STREAM("accepted", 2, true, 0),
    STREAM("accepted-abort", 2, false, CLOSING_ABORTS),
    STREAM("unix-connect", 1, true, CLOSING_UNIX),
    STREAM("unix-accepted", 2, false, CLOSING_UNIX),
    STREAM("zero-copy", 1, false, CLOSING_LENDS),
    STREAM("zero-copy-apart", 1, true, CLOSING_LENDS),
    STREAM("zero-copy-abort", 1, true, CLOSING_LENDS | CLOSING_ABORTS),
    STREAM("zero-copy-accepted", 2, false, CLOSING_LENDS),
    STREAM("zero-copy-accepted-abort", 2, true, CLOSING_LENDS | CLOSING_ABORTS),
    STREAM("file-sent-socket", 1, false, CLOSING_SENDS_FILE),
    STREAM("file-sent-receiver", 2, true, CLOSING_SENDS_FILE),
    STREAM("file-sent-file", 3, true, CLOSING_SENDS_FILE),
    STREAM("file-by-kernel-socket", 1, false, CLOSING_SENDS_FILE | CLOSING_BY_KERNEL),
    STREAM("file-by-kernel-receiver", 2, false, CLOSING_SENDS_FILE | CLOSING_BY_KERNEL),
    STREAM("file-by-kernel-file", 3, false, CLOSING_SENDS_FILE | CLOSING_BY_KERNEL),
};
const uint32_t closing_stream_count = RIM_COUNT(closing_streams);
