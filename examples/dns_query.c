/* SPDX-License-Identifier: MIT */
/*
 * dns_query.c - asks a name server for the IPv4 addresses of a name, over UDP.
 *
 *     dns_query --server 127.0.0.53 example.org
 *
 * A datagram may be lost: so it is sent again, with the same number, until an answer with that number has come or three
 * seconds have passed. The socket has a peer: what others send is not heard, and that nobody is there is told.
 */
#include <getopt.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ringmail/datagram.h>
#include <ringmail/runtime.h>

enum { TRIES = 3, TYPE_A = 1, CLASS_IN = 1, HEAD = 12, NO_SUCH_NAME = 3 };

static struct {
    const char *server, *name;
    uint16_t port;
} plan = {.server = "127.0.0.1", .port = 53};

static sem_t over;
static int status;

struct asker {
    rim_ref socket;
    uint32_t tries;
    uint16_t number;
    size_t size;
    uint8_t query[300];
};

/* ---- the protocol (RFC 1035) ---- */

static uint32_t read_16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static void write_16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* One question: each part of the name behind its length, then type and class. False: it is no name. */
static bool write_query(struct asker *self) {
    uint8_t *at = self->query + HEAD;
    const char *part = plan.name;
    write_16(self->query, self->number);
    self->query[2] = 1; /* recursion is wanted */
    self->query[5] = 1; /* questions */
    if (strlen(plan.name) > 250) {
        return false;
    }
    while (*part != '\0') {
        size_t length = strcspn(part, ".");
        if (length == 0 || length > 63) {
            return false;
        }
        *at++ = (uint8_t)length;
        memcpy(at, part, length);
        at += length;
        part += length + (part[length] == '.');
    }
    *at++ = 0;
    write_16(at, TYPE_A);
    write_16(at + 2, CLASS_IN);
    self->size = (size_t)(at + 4 - self->query);
    return true;
}

/* Behind a name, which ends with a zero or with a pointer to another; NULL: the answer ends within it. */
static const uint8_t *skip_name(const uint8_t *at, const uint8_t *end) {
    while (at < end && *at != 0 && *at < 0xc0) {
        at += *at + 1;
    }
    at += at < end && *at >= 0xc0 ? 2 : 1;
    return at <= end ? at : NULL;
}

/* Prints the addresses; returns how many there are. */
static uint32_t print_answers(const uint8_t *answer, size_t size) {
    const uint8_t *end = answer + size;
    uint32_t found = 0;
    const uint8_t *at = skip_name(answer + HEAD, end);
    at = at != NULL ? at + 4 : NULL; /* type and class of the question */
    for (uint32_t left = read_16(answer + 6); left > 0 && at != NULL && at < end; left--) {
        at = skip_name(at, end);
        if (at == NULL || end - at < 10 || end - at - 10 < (ptrdiff_t)read_16(at + 8)) {
            return found;
        }
        const uint8_t *data = at + 10;
        if (read_16(at) == TYPE_A && read_16(at + 8) == 4) {
            printf("%u.%u.%u.%u\n", data[0], data[1], data[2], data[3]);
            found++;
        }
        at = data + read_16(at + 8);
    }
    return found;
}

/* ---- the actor ---- */

static rim_verdict end_with(int result) {
    status = result;
    sem_post(&over);
    return RIM_STOP;
}

static rim_verdict give_up(const char *why) {
    fprintf(stderr, "dns_query: %s: %s\n", plan.name, why);
    return end_with(1);
}

static rim_verdict ask(rim_ctx *ctx, struct asker *self) {
    if (self->tries++ == TRIES) {
        return give_up("no answer");
    }
    rim_after(ctx, RIM_SECONDS(1), 0);
    int error = rim_datagram_send(ctx, self->socket, NULL, self->query, self->size);
    return error == 0 || error == -RIM_EFULL ? RIM_DONE : give_up(rim_strerror(error));
}

static rim_verdict asker_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct asker *self = state;
    (void)arg;
    (void)size;
    self->number = (uint16_t)rim_random(ctx);
    rim_datagram_options options = {.peer = plan.server, .peer_port = plan.port};
    const char *why = write_query(self) ? NULL : "this is no name";
    if (why == NULL && rim_datagram_open(ctx, &options, &self->socket) != 0) {
        why = rim_error_text(ctx);
    }
    return why == NULL ? ask(ctx, self) : give_up(why);
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return ask(ctx, state);
}

static rim_verdict on_answer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct asker *self = state;
    const rim_datagram_event *event = body;
    const uint8_t *bytes = rim_datagram_bytes(event);
    (void)ctx;
    (void)msg;
    if (event->error != 0) {
        return give_up(rim_strerror(event->error));
    }
    bool is_ours = event->size >= HEAD && read_16(bytes) == self->number && (bytes[2] & 0x80) != 0;
    if (!is_ours) {
        return RIM_DONE;
    }
    if ((bytes[3] & 15) != 0) {
        return give_up((bytes[3] & 15) == NO_SUCH_NAME ? "no such name" : "the server refuses to answer");
    }
    if (print_answers(bytes, event->size) == 0) {
        return give_up("it has no addresses");
    }
    return end_with(0);
}

static const rim_handler asker_on[] = {[RIM_DATAGRAM] = on_answer, [RIM_TIMER] = on_timer};
static const rim_behaviour asker = {
    .name = "asker",
    .state_size = sizeof(struct asker),
    .on = asker_on,
    .on_count = RIM_COUNT(asker_on),
    .init = asker_init,
};

/* ---- the program ---- */

static const char help[] =
    "usage: dns_query [--server ADDRESS] [--port PORT] [--shards N] [--driver uring|epoll] NAME\n";

/* Whether the text is a number, at most this one, and nothing else. */
static bool read_number(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= most;
}

/* 0, or the exit status plus one. */
static int read_flags(int argc, char **argv, rim_config *config) {
    static const struct option flags[] = {
        {"server", required_argument, NULL, 'a'}, {"port", required_argument, NULL, 'p'},
        {"shards", required_argument, NULL, 's'}, {"driver", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    uint64_t number;
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == 'a') {
            plan.server = optarg;
        } else if (flag == 'p' && read_number(optarg, UINT16_MAX, &number)) {
            plan.port = (uint16_t)number;
        } else if (flag == 's' && read_number(optarg, 255, &number)) {
            config->shards = (uint32_t)number;
        } else if (flag == 'd' && (strcmp(optarg, "uring") == 0 || strcmp(optarg, "epoll") == 0)) {
            config->driver = optarg[0] == 'u' ? RIM_DRIVER_URING : RIM_DRIVER_EPOLL;
        } else {
            fputs(help, flag == 'h' ? stdout : stderr);
            return flag == 'h' ? 1 : 3;
        }
    }
    if (optind != argc - 1) {
        fputs(help, stderr);
        return 3;
    }
    plan.name = argv[optind];
    return 0;
}

int main(int argc, char **argv) {
    rim_config config = {.shards = 1};
    rim_system *system;
    rim_ref someone;
    int result = read_flags(argc, argv, &config);
    if (result != 0) {
        return result - 1;
    }
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &asker, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "dns_query: %s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? status : 1;
}
