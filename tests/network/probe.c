/* SPDX-License-Identifier: MIT */
/*
 * probe --driver uring|epoll: does what the lines of its standard input say, and says what comes of it, a line each.
 * For `run`, which has one on each side of a network.
 *
 *     listen NAME HOST PORT [OPTION=MS...]     NAME listening ADDRESS; what is accepted is NAME1, NAME2, ...: opens
 * PEER connect NAME HOST PORT [OPTION=MS...]    NAME open PEER write NAME BYTES                         in the order of
 * the commands; NAME written, when there was room for all flush NAME                               NAME flushed BYTES
 *     expect NAME BYTES                        NAME has BYTES, when so many have come, from the beginning
 *     close NAME, abort NAME, end NAME         (end: shutdown)
 *     datagrams NAME HOST PORT [PEER PORT]     NAME on ADDRESS
 *     send NAME HOST PORT BYTES [SEGMENT]      NAME sent, or NAME not sent: TEXT; with a segment it is a train
 *     quit
 *
 * And: NAME ended (the peer sends no more), NAME closed: TEXT, NAME got BYTES from ADDRESS (a datagram), NAME told:
 * TEXT of ADDRESS (what the network says about one). Options are connect, idle, read, write, and keep (seconds of all
 * three that keep-alive has).
 */
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringmail.h>

#define UNUSED __attribute__((unused))

enum { NAME_SIZE = 24, SOCKETS_MAX = 128, WORDS_MAX = 12, PIECE = 16384, BIG = 70000 };

struct socket {
    char name[NAME_SIZE];
    rim_ref ref;
    bool is_datagrams;
    uint64_t to_write, received, wanted;
    unsigned accepted; /* of a listener */
};

/* There is one shard: all is touched by one thread. */
static struct socket sockets[SOCKETS_MAX];
static size_t socket_count;
static sem_t over;

static void say(const char *form, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *form, ...) {
    va_list list;
    va_start(list, form);
    vprintf(form, list);
    va_end(list);
    putchar('\n');
    fflush(stdout);
}

/* ---- sockets by name and by reference ---- */

static struct socket *add(const char *name) {
    if (socket_count == SOCKETS_MAX) {
        fputs("probe: too many sockets\n", stderr);
        exit(2);
    }
    struct socket *one = &sockets[socket_count++];
    *one = (struct socket){0};
    snprintf(one->name, sizeof one->name, "%s", name);
    return one;
}

static struct socket *find_ref(rim_ref ref) {
    for (size_t i = socket_count; i-- > 0;) {
        if (sockets[i].ref == ref) {
            return &sockets[i];
        }
    }
    fputs("probe: an event of an unknown socket\n", stderr);
    exit(2);
}

static struct socket *find_name(const char *name) {
    for (size_t i = socket_count; i-- > 0;) {
        if (strcmp(sockets[i].name, name) == 0) {
            return &sockets[i];
        }
    }
    fprintf(stderr, "probe: no %s\n", name);
    exit(2);
}

static const char *text_of(const rim_address *address) {
    static char text[RIM_ADDRESS_TEXT_MAX];
    return rim_address_format(address, text);
}

/* ---- events of connections ---- */

static void write_on(rim_ctx *ctx, struct socket *one) {
    static const char bytes[PIECE];
    while (one->to_write > 0) {
        size_t size = one->to_write < sizeof bytes ? (size_t)one->to_write : sizeof bytes;
        int error = rim_socket_write(ctx, one->ref, bytes, size);
        if (error == -RIM_EFULL) {
            (void)rim_want_room(ctx, one->ref);
            return;
        }
        one->to_write = error == 0 ? one->to_write - size : 0;
        if (one->to_write == 0) {
            say("%s %s", one->name, error == 0 ? "written" : "not written");
        }
    }
}

static rim_verdict on_open(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg) {
    const rim_open_event *event = body;
    say("%s open %s", find_ref(rim_from(msg))->name, text_of(&event->peer));
    return RIM_DONE;
}

static void tell_wanted(struct socket *one) {
    if (one->wanted != 0 && one->received >= one->wanted) {
        say("%s has %llu", one->name, (unsigned long long)one->wanted);
        one->wanted = 0;
    }
}

static rim_verdict on_data(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg) {
    struct socket *one = find_ref(rim_from(msg));
    one->received += rim_size(msg);
    tell_wanted(one);
    return RIM_DONE;
}

static rim_verdict on_end(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg) {
    say("%s ended", find_ref(rim_from(msg))->name);
    return RIM_DONE;
}

static rim_verdict on_sent(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg) {
    const rim_sent_event *event = body;
    say("%s flushed %llu", find_ref(rim_from(msg))->name, (unsigned long long)event->bytes);
    return RIM_DONE;
}

static rim_verdict on_room(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    for (size_t i = 0; i < socket_count; i++) {
        write_on(ctx, &sockets[i]);
    }
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_closed_event *event = body;
    say("%s closed: %s", find_ref(event->socket)->name, event->text);
    return RIM_DONE;
}

static rim_verdict on_listening(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_listening_event *event = body;
    say("%s listening %s", find_ref(event->listener)->name, text_of(&event->address));
    return RIM_DONE;
}

static rim_verdict on_datagram(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg) {
    const rim_datagram_event *event = body;
    const char *name = find_ref(rim_from(msg))->name;
    if (event->error != 0) {
        say("%s told: %s of %s", name, rim_strerror(event->error), text_of(&event->from));
    } else {
        say("%s got %u from %s", name, event->size, text_of(&event->from));
    }
    return RIM_DONE;
}

/* ---- what is accepted ---- */

static rim_verdict accepted_init(rim_ctx *ctx UNUSED, void *state UNUSED, const void *arg, size_t size UNUSED) {
    const rim_connection *connection = arg;
    struct socket *listener = find_ref(connection->listener);
    char name[2 * NAME_SIZE];
    snprintf(name, sizeof name, "%s%u", listener->name, ++listener->accepted);
    struct socket *one = add(name);
    one->ref = connection->socket;
    say("%s opens %s", one->name, text_of(&connection->peer));
    return RIM_DONE;
}

static rim_verdict accepted_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)on_closed(ctx, state, body, msg);
    return RIM_STOP;
}

static const rim_handler accepted_on[] = {
    [RIM_SOCKET_DATA] = on_data,           [RIM_SOCKET_END] = on_end, [RIM_SOCKET_SENT] = on_sent,
    [RIM_SOCKET_CLOSED] = accepted_closed, [RIM_ROOM] = on_room,
};
static const rim_behaviour accepted = {.name = "accepted",
                                       .on = accepted_on,
                                       .on_count = RIM_COUNT(accepted_on),
                                       .init = accepted_init};

/* ---- commands ---- */

static rim_socket_options read_options(char **words, uint64_t *timeout_ns) {
    rim_socket_options options = {0};
    for (; *words != NULL; words++) {
        const char *value = strchr(*words, '=');
        uint64_t number = value != NULL ? strtoull(value + 1, NULL, 10) : 0;
        if (strncmp(*words, "connect=", 8) == 0) {
            *timeout_ns = RIM_MS(number);
        } else if (strncmp(*words, "idle=", 5) == 0) {
            options.idle_ns = RIM_MS(number);
        } else if (strncmp(*words, "read=", 5) == 0) {
            options.read_ns = RIM_MS(number);
        } else if (strncmp(*words, "write=", 6) == 0) {
            options.write_ns = RIM_MS(number);
        } else if (strncmp(*words, "keep=", 5) == 0) {
            options.keepalive_s = options.keepalive_interval_s = (uint32_t)number;
            options.keepalive_count = 1;
        }
    }
    return options;
}

static uint16_t port_of(const char *word) {
    return (uint16_t)strtoul(word, NULL, 10);
}

static void begin_stream(rim_ctx *ctx, char **words, bool listens) {
    struct socket *one = add(words[1]);
    uint64_t timeout_ns = RIM_SECONDS(10);
    rim_socket_options options = read_options(words + 4, &timeout_ns);
    int error;
    if (listens) {
        rim_listen_options listen = {.host = words[2],
                                     .port = port_of(words[3]),
                                     .owner = &accepted,
                                     .socket = options};
        error = rim_listen(ctx, &listen, &one->ref);
    } else {
        rim_connect_options connect = {.host = words[2],
                                       .port = port_of(words[3]),
                                       .timeout_ns = timeout_ns,
                                       .socket = options};
        error = rim_connect(ctx, &connect, &one->ref);
    }
    if (error != 0) {
        say("%s failed: %s", one->name, rim_error_text(ctx));
    }
}

static void begin_datagrams(rim_ctx *ctx, char **words) {
    struct socket *one = add(words[1]);
    one->is_datagrams = true;
    rim_datagram_options options = {.host = words[2], .port = port_of(words[3]), .tell_errors = true};
    if (words[4] != NULL) {
        options.peer = words[4];
        options.peer_port = port_of(words[5]);
    }
    options.size_max = RIM_DATAGRAM_SIZE_MAX;
    rim_datagram_state state;
    if (rim_datagram_open(ctx, &options, &one->ref) != 0) {
        say("%s failed: %s", one->name, rim_error_text(ctx));
    } else if (rim_datagram_ask(ctx, one->ref, &state) == 0) {
        say("%s on %s", one->name, text_of(&state.local));
    }
}

/* Without a host ("-"): to the peer. */
static void send_datagram(rim_ctx *ctx, char **words) {
    static const char bytes[BIG];
    const struct socket *one = find_name(words[1]);
    rim_address to;
    bool has_to = strcmp(words[2], "-") != 0;
    int error = has_to ? rim_address_parse(words[2], port_of(words[3]), &to) : 0;
    rim_datagram_letter letter = {.to = has_to ? &to : NULL, .bytes = bytes, .size = strtoul(words[4], NULL, 10)};
    if (words[5] != NULL) {
        letter.segment = (uint32_t)strtoul(words[5], NULL, 10);
    }
    if (error == 0) {
        error = words[5] != NULL ? rim_datagram_send_many(ctx, one->ref, &letter, 1, NULL)
                                 : rim_datagram_send(ctx, one->ref, letter.to, bytes, letter.size);
    }
    if (error == 0) {
        say("%s sent", one->name);
    } else {
        say("%s not sent: %s", one->name, rim_strerror(error));
    }
}

static void use_stream(rim_ctx *ctx, char **words) {
    struct socket *one = find_name(words[1]);
    if (strcmp(words[0], "write") == 0) {
        one->to_write = strtoull(words[2], NULL, 10);
        write_on(ctx, one);
    } else if (strcmp(words[0], "expect") == 0) {
        one->wanted = strtoull(words[2], NULL, 10);
        tell_wanted(one);
    } else if (strcmp(words[0], "flush") == 0) {
        (void)rim_socket_flush(ctx, one->ref, 0);
    } else if (strcmp(words[0], "end") == 0) {
        (void)rim_socket_shutdown(ctx, one->ref);
    } else if (strcmp(words[0], "close") == 0) {
        (void)rim_socket_close(ctx, one->ref);
    } else if (strcmp(words[0], "abort") == 0) {
        (void)rim_socket_abort(ctx, one->ref);
    } else {
        fprintf(stderr, "probe: %s?\n", words[0]);
        exit(2);
    }
}

static void obey(rim_ctx *ctx, char *line) {
    char *words[WORDS_MAX] = {NULL};
    size_t count = 0;
    for (char *rest = NULL, *word = strtok_r(line, " ", &rest); word != NULL && count < WORDS_MAX - 1;
         word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    if (count < 2) {
        return;
    }
    if (strcmp(words[0], "listen") == 0 || strcmp(words[0], "connect") == 0) {
        begin_stream(ctx, words, words[0][0] == 'l');
    } else if (strcmp(words[0], "datagrams") == 0) {
        begin_datagrams(ctx, words);
    } else if (strcmp(words[0], "send") == 0) {
        send_datagram(ctx, words);
    } else {
        use_stream(ctx, words);
    }
}

/* ---- the actor of it all ---- */

struct probe {
    rim_ref input;
    rim_stream lines;
};

static rim_verdict probe_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct probe *self = state;
    return rim_pipe_standard(ctx, STDIN_FILENO, &self->input) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_any_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct probe *self = state;
    const char *line;
    size_t size;
    if (rim_from(msg) != self->input) {
        return on_data(ctx, state, body, msg);
    }
    if (rim_stream_open(ctx, &self->lines, body, rim_size(msg)) != 0) {
        return RIM_FAIL;
    }
    while (rim_stream_line(&self->lines, 200, &line, &size) > 0) {
        char text[201];
        snprintf(text, sizeof text, "%.*s", (int)size, line);
        obey(ctx, text);
    }
    return rim_stream_close(ctx, &self->lines) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_any_end(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct probe *self = state;
    return rim_from(msg) == self->input ? RIM_STOP : on_end(ctx, state, body, msg);
}

static void probe_exit(rim_ctx *ctx, void *state, rim_exit why UNUSED) {
    rim_stream_free(ctx, &((struct probe *)state)->lines);
    sem_post(&over);
}

static const rim_handler probe_on[] = {
    [RIM_SOCKET_OPEN] = on_open,     [RIM_SOCKET_DATA] = on_any_data,
    [RIM_SOCKET_END] = on_any_end,   [RIM_SOCKET_SENT] = on_sent,
    [RIM_SOCKET_CLOSED] = on_closed, [RIM_LISTENING] = on_listening,
    [RIM_DATAGRAM] = on_datagram,    [RIM_ROOM] = on_room,
};
static const rim_behaviour probe = {
    .name = "probe",
    .state_size = sizeof(struct probe),
    .on = probe_on,
    .on_count = RIM_COUNT(probe_on),
    .init = probe_init,
    .exit = probe_exit,
};

int main(int argc, char **argv) {
    rim_config config = {.shards = 1, .log_level = RIM_LOG_ERROR};
    rim_system *system;
    rim_ref someone;
    rim_stop_report report;
    if (argc != 3 || strcmp(argv[1], "--driver") != 0) {
        return 2;
    }
    config.driver = strcmp(argv[2], "uring") == 0 ? RIM_DRIVER_URING : RIM_DRIVER_EPOLL;
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    error = error != 0 ? error : rim_system_spawn(system, &probe, NULL, NULL, 0, &someone);
    error = error != 0 ? error : rim_system_start(system);
    if (error != 0) {
        fprintf(stderr, "probe: %s\n", rim_strerror(error));
        return 3;
    }
    while (sem_wait(&over) != 0) { /* interrupted */
    }
    error = rim_system_stop(system, RIM_SECONDS(2), &report);
    rim_system_destroy(system);
    say("over: %s%s", error == 0 ? "stopped" : rim_strerror(error), report.leaks ? ", leaks" : "");
    return report.leaks ? 1 : 0;
}
