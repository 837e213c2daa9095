/* SPDX-License-Identifier: MIT */
/*
 * word_count.c - counts lines, words and bytes as wc(1) does, on all cores: the files are mapped and loaded in the
 * background, and pieces of them go as views, without a copy, to a counter on each shard.
 *
 *     boss (shard 0)  maps some files at a time; a piece to a counter as soon as it has less than two to do
 *     counter         counts a piece within rim_map_guarded: a file that is cut short meanwhile is an error, and not
 *                     the end of the program
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNUSED     __attribute__((unused))
#define PIECE      (1u << 20)
#define SHARDS_MAX 256u
#define OPEN_MAX   4u
#define DEPTH      2u /* pieces that a counter has at once */
#define TELL_NS    RIM_MS(200)

static const char usage[] =
    "usage: word_count [--shards N] [--driver uring|epoll] [--progress] FILE...\n"
    "\n"
    "Counts the lines, words and bytes of each FILE, and of all together if there are several.\n"
    "--shards N   counts on N cores (default: all)\n"
    "--progress   tells on standard error how far it is\n"
    "Exit status: 0, 1 if a file could not be counted or the output not be written, 2 for a bad command line.\n";

/* A piece begins with the byte before it, unless it is the file's first. */
enum { FIRST = RIM_USER, NEXT, TAGS };

struct counts {
    uint64_t lines, words, bytes;
};

struct job {
    char **paths;
    uint32_t count;
    bool tells;
    int status;
    sem_t over;
};

struct file {
    rim_ref map;
    uint64_t size, at; /* of the region, and how much of it was given out */
    uint32_t pieces;   /* given out and not counted */
    bool is_open, is_ready, is_failed;
    struct counts counts;
};

struct boss {
    struct job *job;
    struct file *files;
    rim_ref counters[SHARDS_MAX];
    uint32_t busy[SHARDS_MAX]; /* pieces that it has */
    uint32_t shards, opened, open, done;
    uint64_t bytes_done, bytes_known;
};

/* ---- a counter, one on each shard ---- */

struct piece {
    bool is_first;
    struct counts counts;
};

static bool is_space(unsigned char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Within rim_map_guarded: it reads, computes, and writes to its argument. */
static int count_piece(const void *bytes, size_t size, void *arg) {
    struct piece *piece = arg;
    const unsigned char *at = bytes;
    size_t begin = piece->is_first ? 0 : 1;
    bool was_space = piece->is_first || is_space(at[0]);
    struct counts counts = {.bytes = size - begin};
    for (size_t i = begin; i < size; i++) {
        bool space = is_space(at[i]);
        counts.lines += at[i] == '\n';
        counts.words += was_space && !space;
        was_space = space;
    }
    piece->counts = counts;
    return 0;
}

static rim_verdict on_piece(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg) {
    struct piece piece = {.is_first = rim_tag(msg) == FIRST};
    int error = rim_map_guarded(msg, count_piece, &piece);
    if (error != 0) {
        rim_refuse(ctx, RIM_NIL, error);
    } else if (rim_reply(ctx, RIM_NIL, FIRST, &piece.counts, sizeof piece.counts) != 0) {
        rim_refuse(ctx, RIM_NIL, -ENOMEM);
    }
    return RIM_DONE;
}

static const rim_handler counter_on[] = {[FIRST] = on_piece, [NEXT] = on_piece};
static const rim_behaviour counter = {.name = "counter",
                                      .state_size = 8,
                                      .on = counter_on,
                                      .on_count = RIM_COUNT(counter_on)};

/* ---- the boss ---- */

static rim_verdict go_on(rim_ctx *ctx, struct boss *self);

static void file_failed(struct boss *self, struct file *file, const char *text) {
    if (!file->is_failed) {
        fprintf(stderr, "word_count: %s\n", text);
    }
    file->is_failed = true;
    self->job->status = 1;
}

static rim_verdict on_counted(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body,
                              rim_msg *msg UNUSED) {
    struct boss *self = state;
    struct file *file = &self->files[cookie / SHARDS_MAX];
    self->busy[cookie % SHARDS_MAX]--;
    file->pieces--;
    if (error == 0) {
        const struct counts *counts = body;
        file->counts.lines += counts->lines;
        file->counts.words += counts->words;
        file->counts.bytes += counts->bytes;
        self->bytes_done += counts->bytes;
    } else if (!file->is_failed) {
        char text[300];
        snprintf(text, sizeof text, "%s: %s", self->job->paths[file - self->files],
                 error == -EFAULT ? "has become shorter" : rim_strerror(error));
        file_failed(self, file, text);
    }
    return go_on(ctx, self);
}

/* The next piece of a file, to this counter. */
static int give_piece(rim_ctx *ctx, struct boss *self, struct file *file, uint32_t shard) {
    uint64_t left = file->size - file->at, lead = file->at > 0 ? 1 : 0;
    uint64_t size = left < PIECE ? left : PIECE;
    rim_ask ask = {.to = self->counters[shard],
                   .timeout_ns = RIM_SECONDS(3600),
                   .on_outcome = on_counted,
                   .cookie = (uint64_t)(file - self->files) * SHARDS_MAX + shard};
    int error = rim_map_view(ctx, file->map, lead == 0 ? FIRST : NEXT, file->at - lead, size + lead, &ask.msg);
    if (error == 0) {
        error = rim_request(ctx, &ask, NULL);
    }
    if (error == 0) {
        self->busy[shard]++;
        file->pieces++;
        file->at += size;
    }
    return error;
}

static struct file *file_with_work(struct boss *self) {
    for (uint32_t i = 0; i < self->opened; i++) {
        struct file *file = &self->files[i];
        if (file->is_open && file->is_ready && !file->is_failed && file->at < file->size) {
            return file;
        }
    }
    return NULL;
}

static void give_work(rim_ctx *ctx, struct boss *self) {
    for (uint32_t depth = 1; depth <= DEPTH; depth++) {
        for (uint32_t shard = 0; shard < self->shards; shard++) {
            struct file *file = self->busy[shard] < depth ? file_with_work(self) : NULL;
            int error = file != NULL ? give_piece(ctx, self, file, shard) : 0;
            if (error != 0 && error != -RIM_EFULL) { /* full: it is tried again with the next outcome */
                file_failed(self, file, rim_strerror(error));
            }
        }
    }
}

static void close_what_is_counted(rim_ctx *ctx, struct boss *self) {
    for (uint32_t i = 0; i < self->opened; i++) {
        struct file *file = &self->files[i];
        bool is_over = file->is_ready && (file->is_failed || file->at == file->size);
        if (file->is_open && is_over && file->pieces == 0) {
            file->is_open = false;
            (void)rim_map_close(ctx, file->map);
        }
    }
}

static void open_next(rim_ctx *ctx, struct boss *self) {
    while (self->opened < self->job->count && self->open < OPEN_MAX) {
        struct file *file = &self->files[self->opened];
        rim_map_options options = {.path = self->job->paths[self->opened],
                                   .advice = RIM_MAP_SEQUENTIAL,
                                   .load = RIM_MAP_LOAD_READ};
        self->opened++;
        if (rim_map_open(ctx, &options, &file->map) == 0) {
            file->is_open = true;
            self->open++;
        } else {
            file_failed(self, file, rim_error_text(ctx));
            self->done++;
        }
    }
}

static void print_line(const struct counts *counts, const char *name) {
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", counts->lines, counts->words, counts->bytes, name);
}

static rim_verdict finish(struct boss *self) {
    struct counts total = {0};
    for (uint32_t i = 0; i < self->job->count; i++) {
        const struct counts *counts = &self->files[i].counts;
        if (!self->files[i].is_failed) {
            print_line(counts, self->job->paths[i]);
            total.lines += counts->lines;
            total.words += counts->words;
            total.bytes += counts->bytes;
        }
    }
    if (self->job->count > 1) {
        print_line(&total, "total");
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "word_count: standard output: %s\n", rim_strerror(-errno));
        self->job->status = 1;
    }
    sem_post(&self->job->over);
    return RIM_STOP;
}

static rim_verdict go_on(rim_ctx *ctx, struct boss *self) {
    open_next(ctx, self);
    give_work(ctx, self);
    close_what_is_counted(ctx, self);
    return self->done == self->job->count ? finish(self) : RIM_DONE;
}

static struct file *file_of(struct boss *self, rim_ref map) {
    uint32_t i = 0;
    while (self->files[i].map != map) {
        i++;
    }
    return &self->files[i];
}

static rim_verdict on_ready(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct boss *self = state;
    const rim_map_event *event = body;
    struct file *file = file_of(self, event->map);
    file->is_ready = true;
    file->size = event->size;
    self->bytes_known += event->size;
    return go_on(ctx, self);
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct boss *self = state;
    const rim_map_closed_event *event = body;
    struct file *file = file_of(self, event->map);
    file->is_open = false;
    if (event->error != 0) {
        file_failed(self, file, event->text);
    }
    self->open--;
    self->done++;
    return go_on(ctx, self);
}

static void tell(const struct boss *self) {
    fprintf(stderr, "word_count: %" PRIu32 " of %" PRIu32 " files, %" PRIu64 " of %" PRIu64 " bytes known\n",
            self->done, self->job->count, self->bytes_done, self->bytes_known);
}

static rim_verdict on_timer(rim_ctx *ctx UNUSED, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    tell(state);
    return RIM_DONE;
}

static rim_verdict begin(rim_ctx *ctx, struct boss *self) {
    self->shards = rim_shard_count(ctx);
    self->files = rim_alloc(ctx, self->job->count * sizeof *self->files);
    if (self->files == NULL) {
        return RIM_FAIL;
    }
    memset(self->files, 0, self->job->count * sizeof *self->files);
    for (uint32_t i = 0; i < self->shards; i++) {
        /* A view weighs in a mailbox as much as it shows. */
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i, .mailbox_bytes = (DEPTH + 1) * 2 * PIECE};
        if (rim_spawn(ctx, &counter, &options, NULL, 0, &self->counters[i]) != 0) {
            return RIM_FAIL;
        }
    }
    if (self->job->tells) {
        tell(self);
        if (rim_every(ctx, TELL_NS, TELL_NS, 0) == RIM_NIL) {
            return RIM_FAIL;
        }
    }
    return go_on(ctx, self);
}

/* No exit follows an init that has failed. */
static rim_verdict boss_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct boss *self = state;
    memcpy(&self->job, arg, sizeof self->job);
    rim_verdict verdict = begin(ctx, self);
    if (verdict == RIM_FAIL) {
        fprintf(stderr, "word_count: cannot begin: out of memory\n");
        self->job->status = 1;
        sem_post(&self->job->over);
    }
    return verdict;
}

static void boss_exit(rim_ctx *ctx UNUSED, void *state, rim_exit why) {
    const struct boss *self = state;
    if (self->job->tells && why.code == RIM_EXIT_NORMAL) {
        tell(self);
    }
}

static const rim_handler boss_on[] = {[RIM_TIMER] = on_timer, [RIM_MAP_READY] = on_ready, [RIM_MAP_CLOSED] = on_closed};
static const rim_behaviour boss = {.name = "boss",
                                   .state_size = sizeof(struct boss),
                                   .init = boss_init,
                                   .exit = boss_exit,
                                   .on = boss_on,
                                   .on_count = RIM_COUNT(boss_on)};

/* ---- the program ---- */

/* Whether the text is a number, at most this one, and nothing else. */
static bool read_number(const char *text, uint64_t most, uint64_t *out) {
    char *end;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= most;
}

/* 0: go on; else what the program ends with, after 1 has been taken off. */
static int read_arguments(int argc, char **argv, rim_config *config, struct job *job) {
    static const struct option flags[] = {
        {"shards", required_argument, NULL, 's'},
        {"driver", required_argument, NULL, 'd'},
        {"progress", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint64_t number;
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == 's' && read_number(optarg, SHARDS_MAX, &number) && number > 0) {
            config->shards = (uint32_t)number;
        } else if (flag == 'd' && (strcmp(optarg, "uring") == 0 || strcmp(optarg, "epoll") == 0)) {
            config->driver = optarg[0] == 'u' ? RIM_DRIVER_URING : RIM_DRIVER_EPOLL;
        } else if (flag == 'p') {
            job->tells = true;
        } else {
            fputs(usage, flag == 'h' ? stdout : stderr);
            return flag == 'h' ? 1 : 3;
        }
    }
    if (optind == argc) {
        fputs(usage, stderr);
        return 3;
    }
    job->paths = argv + optind;
    job->count = (uint32_t)(argc - optind);
    return 0;
}

static int run(const rim_config *config, struct job *job) {
    rim_system *system = NULL;
    rim_ref ref;
    int error = rim_map_guard();
    error = error != 0 ? error : rim_system_create(config, &system);
    error = error != 0 ? error : rim_system_spawn(system, &boss, NULL, &job, sizeof job, &ref);
    error = error != 0 ? error : rim_system_start(system);
    if (error == 0) {
        while (sem_wait(&job->over) != 0) {
        }
        error = rim_system_stop(system, RIM_SECONDS(60), NULL);
    }
    if (error != 0) {
        fprintf(stderr, "word_count: %s\n", rim_strerror(error));
    }
    rim_system_destroy(system);
    return error == 0 ? job->status : 1;
}

int main(int argc, char **argv) {
    rim_config config = {0};
    struct job job = {0};
    int status = read_arguments(argc, argv, &config, &job);
    if (status != 0) {
        return status - 1;
    }
    sem_init(&job.over, 0, 0);
    status = run(&config, &job);
    sem_destroy(&job.over);
    return status;
}
