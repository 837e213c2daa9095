/* SPDX-License-Identifier: MIT */
/*
 * multicast_chat.c - everybody on this network who runs it reads what everybody types.
 *
 *     multicast_chat --name Ada          a line of standard input goes to the group 239.77.77.77, port 7777
 *
 * Two actors' worth of work in one: the lines of standard input are a stream, the group is a socket. At the end of the
 * input it says goodbye to the group, and ends when it hears that itself.
 */
#include <errno.h>
#include <getopt.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ringmail/datagram.h>
#include <ringmail/pipe.h>
#include <ringmail/runtime.h>
#include <ringmail/stream.h>

#define LINE_MAX_BYTES 1000

enum { GIVE_UP_NS = 1000000000 };

static struct {
    const char *group, *interface, *name;
    uint16_t port;
} plan = {.group = "239.77.77.77", .port = 7777};

static sem_t over;
static int status;

struct chat {
    rim_ref group, input;
    rim_stream lines;
    rim_address address; /* the group's */
    char goodbye[64];    /* said once, and known by our number in it */
};

static rim_verdict end_with(int result) {
    status = result;
    return RIM_STOP;
}

static rim_verdict complain(rim_ctx *ctx, int error) {
    const char *text = rim_error_text(ctx);
    fprintf(stderr, "multicast_chat: %s\n", text[0] != '\0' ? text : rim_strerror(error));
    return end_with(1);
}

/* One socket both hears the group and speaks to it; several programs of one machine share the port. */
static int join(rim_ctx *ctx, struct chat *self) {
    int error = rim_address_parse(plan.group, plan.port, &self->address);
    rim_datagram_options options = {
        .host = self->address.family == 6 ? "::" : "0.0.0.0",
        .port = plan.port,
        .share = true,
        .interface = plan.interface,
    };
    if (error == 0) {
        error = rim_datagram_open(ctx, &options, &self->group);
    }
    return error == 0 ? rim_datagram_join(ctx, self->group, &self->address, plan.interface) : error;
}

static rim_verdict chat_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct chat *self = state;
    (void)arg;
    (void)size;
    int error = join(ctx, self);
    if (error == 0) {
        error = rim_pipe_standard(ctx, STDIN_FILENO, &self->input);
    }
    if (error != 0) {
        (void)complain(ctx, error);
        sem_post(&over); /* no exit follows an init that has failed */
        return RIM_FAIL;
    }
    printf("multicast_chat: %s has joined %s\n", plan.name, plan.group);
    fflush(stdout);
    return RIM_DONE;
}

static int say(rim_ctx *ctx, const struct chat *self, const char *line, size_t size) {
    char text[LINE_MAX_BYTES + 100];
    int length = snprintf(text, sizeof text, "%.60s: %.*s", plan.name, (int)size, line);
    return rim_datagram_send(ctx, self->group, &self->address, text, (size_t)length);
}

/* ---- what is typed ---- */

/* The next line, a piece of one that is too long, or at the end what has no newline behind it. */
static bool next_line(struct chat *self, bool is_end, const char **line, size_t *size) {
    int found = rim_stream_line(&self->lines, LINE_MAX_BYTES, line, size);
    if (found <= 0 && self->lines.size > 0 && (found < 0 || is_end)) {
        *line = self->lines.bytes;
        *size = self->lines.size < LINE_MAX_BYTES ? self->lines.size : LINE_MAX_BYTES;
        rim_stream_skip(&self->lines, *size);
        found = 1;
    }
    return found > 0;
}

/* Nobody hears a line for which the network has no room just now: datagrams may be lost. */
static int say_lines(rim_ctx *ctx, struct chat *self, const void *bytes, size_t length, bool is_end) {
    const char *line;
    size_t size;
    int error = rim_stream_open(ctx, &self->lines, bytes, length);
    if (error != 0) {
        return error;
    }
    while (error == 0 && next_line(self, is_end, &line, &size)) {
        error = say(ctx, self, line, size);
        error = error == -RIM_EFULL ? 0 : error;
    }
    return error == 0 ? rim_stream_close(ctx, &self->lines) : error;
}

static rim_verdict on_input(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    int error = say_lines(ctx, state, body, rim_size(msg), false);
    return error == 0 ? RIM_DONE : complain(ctx, error);
}

/* What was said before is on its way in front of this. It may be lost, as all datagrams. */
static rim_verdict on_end(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct chat *self = state;
    (void)body;
    (void)msg;
    snprintf(self->goodbye, sizeof self->goodbye, "(leaves: %d)", (int)getpid());
    int error = say_lines(ctx, self, NULL, 0, true);
    if (error == 0) {
        error = say(ctx, self, self->goodbye, strlen(self->goodbye));
    }
    rim_after(ctx, GIVE_UP_NS, 0);
    return error == 0 ? RIM_DONE : complain(ctx, error);
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)state;
    (void)body;
    (void)msg;
    return end_with(0);
}

/* The input has ended; without this row the chat would end with it, and not hear what it has said last. */
static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_closed_event *event = body;
    (void)ctx;
    (void)state;
    (void)msg;
    if (event->error != 0) {
        fprintf(stderr, "multicast_chat: %s\n", event->text);
        return end_with(1);
    }
    return RIM_DONE;
}

/* ---- what is heard ---- */

static rim_verdict on_datagram(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct chat *self = state;
    const rim_datagram_event *event = body;
    const char *bytes = rim_datagram_bytes(event);
    (void)ctx;
    (void)msg;
    if (event->error != 0) {
        return RIM_DONE;
    }
    fwrite(bytes, 1, event->size, stdout);
    putchar('\n');
    if (fflush(stdout) != 0) {
        fprintf(stderr, "multicast_chat: standard output: %s\n", rim_strerror(-errno));
        return end_with(1);
    }
    size_t length = strlen(self->goodbye);
    bool is_ours =
        length > 0 && event->size >= length && memcmp(bytes + event->size - length, self->goodbye, length) == 0;
    return is_ours ? end_with(0) : RIM_DONE;
}

static void chat_exit(rim_ctx *ctx, void *state, rim_exit why) {
    (void)why;
    rim_stream_free(ctx, &((struct chat *)state)->lines);
    sem_post(&over);
}

static const rim_handler chat_on[] = {
    [RIM_DATAGRAM] = on_datagram,    [RIM_SOCKET_DATA] = on_input, [RIM_SOCKET_END] = on_end,
    [RIM_SOCKET_CLOSED] = on_closed, [RIM_TIMER] = on_timer,
};
static const rim_behaviour chat = {
    .name = "chat",
    .state_size = sizeof(struct chat),
    .on = chat_on,
    .on_count = RIM_COUNT(chat_on),
    .init = chat_init,
    .exit = chat_exit,
};

/* ---- the program ---- */

static const char help[] =
    "usage: multicast_chat [--name NAME] [--group ADDRESS] [--interface NAME] [--port PORT]\n"
    "                      [--shards N] [--driver uring|epoll]\n"
    "\n"
    "Says each line of standard input to a multicast group (239.77.77.77, port 7777), and prints\n"
    "what is said there, until the input ends.\n"
    "Exit status: 0, 1 if the group cannot be joined or spoken to, 2 for a bad command line.\n";

/* Whether the text is a number, at most this one, and nothing else. */
static bool read_number(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= most;
}

/* 0, or the exit status plus one. */
static int read_flags(int argc, char **argv, rim_config *config) {
    static const struct option flags[] = {
        {"name", required_argument, NULL, 'n'},   {"group", required_argument, NULL, 'g'},
        {"port", required_argument, NULL, 'p'},   {"interface", required_argument, NULL, 'i'},
        {"shards", required_argument, NULL, 's'}, {"driver", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    const char **const texts[] = {['n'] = &plan.name, ['g'] = &plan.group, ['i'] = &plan.interface};
    uint64_t number;
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == 'n' || flag == 'g' || flag == 'i') {
            *texts[flag] = optarg;
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
    if (optind < argc) {
        fputs(help, stderr);
        return 3;
    }
    return 0;
}

int main(int argc, char **argv) {
    rim_config config = {.shards = 1};
    rim_system *system = NULL;
    rim_ref someone;
    const char *user = getenv("USER");
    plan.name = user != NULL ? user : "somebody";
    int result = read_flags(argc, argv, &config);
    if (result != 0) {
        return result - 1;
    }
    rim_address group;
    if (rim_address_parse(plan.group, plan.port, &group) != 0) {
        fprintf(stderr, "multicast_chat: %s is no numeric address\n", plan.group);
        return 2;
    }
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &chat, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "multicast_chat: %s\n", rim_strerror(error));
        return 1;
    }
    while (sem_wait(&over) != 0) { /* interrupted */
    }
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? status : 1;
}
