/* SPDX-License-Identifier: MIT */
/*
 * tail.c - prints the end of a file, and then what is added to it, as tail -F: an actor watches the file's folder, so
 * it hears when the file grows, is cut short, goes, or is replaced by another of its name (a log that is rotated).
 *
 *     look: stat -> read -> ... -> read -> the end: wait for a change, or go on with the file that is new
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <ringmail.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED __attribute__((unused))
#define PIECE  65536u

static const char usage[] =
    "usage: tail [--driver uring|epoll] [--lines N] FILE\n"
    "\n"
    "Prints the last N lines (10) of FILE, and from then on what is added to it. Goes on with a\n"
    "new file of that name when there is one, and waits for it if there is none. Ends with\n"
    "SIGINT or SIGTERM.\n"
    "Exit status: 0, 1 if the folder cannot be watched or the output not be written, 2 for a bad\n"
    "command line.\n";

static struct {
    char folder[4096];
    const char *path, *name;
    unsigned lines;
    atomic_bool failed;
    sem_t over;
} job = {.lines = 10};

struct tail {
    rim_ref watch, file;
    uint64_t offset;
    bool begun;    /* the last lines have been printed */
    bool looking;  /* a stat or a read is under way */
    bool again;    /* and something has changed since */
    bool replaced; /* the name is another file's by now */
    bool deleted;  /* or nobody's */
    bool is_next;  /* not the first file: it is printed from its beginning */
};

static void say(const char *text) {
    fprintf(stderr, "tail: %s: %s\n", job.path, text);
    fflush(stderr);
}

static rim_verdict give_up(const char *text) {
    fprintf(stderr, "tail: %s\n", text);
    atomic_store(&job.failed, true);
    sem_post(&job.over);
    return RIM_STOP;
}

/* What cannot be written is not missed in silence. */
static rim_verdict show(const char *bytes, size_t size) {
    char text[256];
    if (fwrite(bytes, 1, size, stdout) == size && fflush(stdout) == 0) {
        return RIM_DONE;
    }
    snprintf(text, sizeof text, "standard output: %s", rim_strerror(-errno));
    return give_up(text);
}

/* ---- reading ---- */

static void look(rim_ctx *ctx, struct tail *self);

static rim_file_ask ask_of(const struct tail *self, rim_outcome on_outcome) {
    return (rim_file_ask){.file = self->file,
                          .offset = self->offset,
                          .timeout_ns = RIM_SECONDS(60),
                          .on_outcome = on_outcome};
}

static void open_file(rim_ctx *ctx, struct tail *self) {
    if (self->file != RIM_NIL) {
        (void)rim_file_close(ctx, self->file);
    }
    self->file = RIM_NIL;
    self->replaced = false;
    self->deleted = false;
    self->offset = 0;
    if (rim_file_open(ctx, &(rim_file_options){.path = job.path, .flags = O_RDONLY}, &self->file) != 0) {
        say(rim_error_text(ctx));
    }
}

/* All there was has been read. */
static void come_to_rest(rim_ctx *ctx, struct tail *self) {
    self->looking = false;
    if (self->again) {
        look(ctx, self);
    } else if (self->replaced) {
        self->is_next = true;
        open_file(ctx, self);
    } else if (self->deleted) { /* as long as it is open, its folder cannot go */
        say("it has been removed");
        self->deleted = false;
        self->is_next = true;
        (void)rim_file_close(ctx, self->file);
        self->file = RIM_NIL;
    }
}

static rim_verdict on_read(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

static void read_piece(rim_ctx *ctx, struct tail *self) {
    rim_file_ask ask = ask_of(self, on_read);
    ask.cookie = self->file;
    if (rim_file_read(ctx, &ask, PIECE, NULL) != 0) {
        come_to_rest(ctx, self);
    }
}

static rim_verdict on_read(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                           rim_msg *msg) {
    struct tail *self = state;
    if (error != 0) {
        say(rim_error_text(ctx));
    }
    if (error != 0 || rim_size(msg) == 0) {
        come_to_rest(ctx, self);
        return RIM_DONE;
    }
    self->offset += rim_size(msg);
    read_piece(ctx, self);
    return show(body, rim_size(msg));
}

/* The last lines of what is, at most, the last piece. */
static rim_verdict on_end_read(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                               rim_msg *msg) {
    struct tail *self = state;
    const char *bytes = body;
    size_t size = error == 0 ? rim_size(msg) : 0, from = size;
    unsigned lines = 0;
    while (from > 0 && lines <= job.lines) {
        from--;
        lines += bytes[from] == '\n' && from + 1 < size;
        if (lines == job.lines && job.lines > 0) {
            from++;
            break;
        }
    }
    self->offset += size;
    read_piece(ctx, self);
    return job.lines > 0 && size > 0 ? show(bytes + from, size - from) : RIM_DONE;
}

static rim_verdict on_stat(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                           rim_msg *msg UNUSED) {
    struct tail *self = state;
    uint64_t size = error == 0 ? ((const rim_file_status *)body)->size : 0;
    if (error != 0) {
        come_to_rest(ctx, self);
        return RIM_DONE;
    }
    if (size < self->offset) {
        say("it has been cut short");
        self->offset = 0;
    }
    if (self->begun || self->is_next) {
        read_piece(ctx, self);
    } else {
        self->offset = size > PIECE ? size - PIECE : 0;
        rim_file_ask ask = ask_of(self, on_end_read);
        if (rim_file_read(ctx, &ask, PIECE, NULL) != 0) {
            come_to_rest(ctx, self);
        }
    }
    self->begun = true;
    return RIM_DONE;
}

static void look(rim_ctx *ctx, struct tail *self) {
    self->again = self->looking;
    if (self->looking || self->file == RIM_NIL) {
        return;
    }
    rim_file_ask ask = ask_of(self, on_stat);
    self->looking = rim_file_stat(ctx, &ask, NULL) == 0;
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    look(ctx, state);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct tail *self = state;
    const rim_file_closed_event *event = body;
    if (event->file == self->file) { /* it could not be opened: it may come yet */
        self->file = RIM_NIL;
        self->is_next = true;
        say(rim_strerror(event->error));
    }
    return RIM_DONE;
}

/* ---- what happens in the folder ---- */

static void have_new(rim_ctx *ctx, struct tail *self) {
    if (self->file != RIM_NIL && !self->deleted) {
        say("it has been replaced");
    }
    self->deleted = false;
    self->replaced = true;
    if (self->file == RIM_NIL) {
        self->is_next = true;
        open_file(ctx, self);
    } else {
        look(ctx, self); /* at the old one's end the new one is opened */
    }
}

static rim_verdict on_change(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct tail *self = state;
    const rim_change_event *event = body;
    bool is_it = strcmp(event->names, job.name) == 0;
    switch (event->what) {
    case RIM_CHANGE_GONE:
        return give_up("its folder is gone");
    case RIM_CHANGE_LOST:
        look(ctx, self);
        break;
    case RIM_CHANGE_CREATED:
    case RIM_CHANGE_MOVED_IN:
    case RIM_CHANGE_MOVED:
        if (is_it) {
            have_new(ctx, self);
        }
        break;
    case RIM_CHANGE_MODIFIED:
    case RIM_CHANGE_WRITTEN:
        if (is_it) {
            look(ctx, self);
        }
        break;
    case RIM_CHANGE_DELETED: /* it is open still, and read to its end */
        if (is_it) {
            self->deleted = true;
            look(ctx, self);
        }
        break;
    default:
        break;
    }
    return RIM_DONE;
}

/* From here on nothing is missed. */
static rim_verdict on_watched(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body UNUSED,
                              rim_msg *msg UNUSED) {
    if (error != 0) {
        return give_up(rim_error_text(ctx));
    }
    open_file(ctx, state);
    return RIM_DONE;
}

static rim_verdict on_signal(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    sem_post(&job.over);
    return RIM_STOP;
}

static rim_verdict tail_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    static const int signals[] = {SIGINT, SIGTERM};
    struct tail *self = state;
    if (rim_signal_watch(ctx, signals, RIM_COUNT(signals), NULL) != 0 || rim_watch_open(ctx, &self->watch) != 0) {
        return give_up(rim_error_text(ctx));
    }
    rim_watch_ask ask = {.watch = self->watch,
                         .path = job.folder,
                         .changes = RIM_CHANGES_OF_NAMES | RIM_CHANGES(RIM_CHANGE_MODIFIED),
                         .timeout_ns = RIM_SECONDS(60),
                         .on_outcome = on_watched};
    return rim_watch_add(ctx, &ask, NULL) == 0 ? RIM_DONE : give_up("the folder's name is too long");
}

static const rim_handler on[] = {
    [RIM_FILE_OPEN] = on_open,
    [RIM_FILE_CLOSED] = on_closed,
    [RIM_CHANGE] = on_change,
    [RIM_SIGNAL] = on_signal,
};
static const rim_behaviour tail = {
    .name = "tail", .state_size = sizeof(struct tail), .on = on, .on_count = RIM_COUNT(on), .init = tail_init};

/* ---- the program ---- */

static void split_path(const char *path) {
    const char *slash = strrchr(path, '/');
    job.path = path;
    job.name = slash != NULL ? slash + 1 : path;
    snprintf(job.folder, sizeof job.folder, "%.*s",
             slash == NULL   ? 1
             : slash == path ? 1
                             : (int)(slash - path),
             slash == NULL ? "." : path);
}

/* Whether the text is a number, at most this one, and nothing else. */
static bool read_number(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= most;
}

/* 0: go on; else what the program ends with, after 1 has been taken off. */
static int read_arguments(int argc, char **argv, rim_config *config) {
    static const struct option flags[] = {
        {"driver", required_argument, NULL, 'd'},
        {"lines", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint64_t number;
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == 'd' && (strcmp(optarg, "uring") == 0 || strcmp(optarg, "epoll") == 0)) {
            config->driver = optarg[0] == 'u' ? RIM_DRIVER_URING : RIM_DRIVER_EPOLL;
        } else if (flag == 'l' && read_number(optarg, UINT_MAX, &number)) {
            job.lines = (unsigned)number;
        } else {
            fputs(usage, flag == 'h' ? stdout : stderr);
            return flag == 'h' ? 1 : 3;
        }
    }
    if (argc != optind + 1 || argv[optind][0] == '\0' || argv[optind][strlen(argv[optind]) - 1] == '/') {
        fputs(usage, stderr);
        return 3;
    }
    split_path(argv[optind]);
    return 0;
}

int main(int argc, char **argv) {
    static const int signals[] = {SIGINT, SIGTERM};
    rim_config config = {.shards = 1};
    rim_system *system = NULL;
    rim_ref ref;
    int status = read_arguments(argc, argv, &config);
    if (status != 0) {
        return status - 1;
    }
    sem_init(&job.over, 0, 0);
    int error = rim_signals_block(signals, RIM_COUNT(signals)); /* before there are other threads */
    if (error == 0) {
        error = rim_system_create(&config, &system);
    }
    if (error == 0) {
        error = rim_system_spawn(system, &tail, NULL, NULL, 0, &ref);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        while (sem_wait(&job.over) != 0) { /* interrupted */
        }
        error = rim_system_stop(system, RIM_SECONDS(10), NULL);
    }
    if (error != 0) {
        fprintf(stderr, "tail: %s\n", rim_strerror(error));
    }
    rim_system_destroy(system);
    return error == 0 && !atomic_load(&job.failed) ? 0 : 1;
}
