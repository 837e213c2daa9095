/* SPDX-License-Identifier: MIT */
/*
 * tree.c - lists a folder and all below it, with sizes, and says how much there is: an actor walks the tree batch by
 * batch, and asks for the next while it prints one.
 */
#include <inttypes.h>
#include <ringmail.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define UNUSED __attribute__((unused))
#define AHEAD  2u /* batches that are asked for at once */

static const char usage[] = "usage: tree [--driver uring|epoll] [--count] FOLDER\n"
                            "\n"
                            "Prints the folder and what is below it, each with its size, and the sums; with --count\n"
                            "only the sums. Follows no links, and says what could not be looked at.\n"
                            "Exit status: 0, 1 if something could not be looked at, 2 for a bad command line.\n";

struct job {
    const char *path;
    bool counts;
    atomic_bool failed;
};

struct walker {
    struct job *job;
    rim_ref folder;
    uint32_t asked;
    uint64_t files, folders, others, bytes;
};

static rim_verdict give_up(struct walker *self, const char *text) {
    fprintf(stderr, "tree: %s\n", text);
    atomic_store(&self->job->failed, true);
    return RIM_STOP;
}

static char letter_of(uint32_t type) {
    return type == S_IFDIR ? '/' : type == S_IFLNK ? '@' : type == S_IFREG ? ' ' : '=';
}

static void take_entry(struct walker *self, const rim_folder_entry *entry) {
    if (entry->error != 0) {
        fprintf(stderr, "tree: %s/%s: %s\n", self->job->path, entry->path, rim_strerror(entry->error));
        atomic_store(&self->job->failed, true);
    }
    self->files += entry->type == S_IFREG;
    self->folders += entry->type == S_IFDIR;
    self->others += entry->type != S_IFREG && entry->type != S_IFDIR;
    self->bytes += entry->type == S_IFREG ? entry->status.size : 0;
    if (!self->job->counts) {
        printf("%12" PRIu64 "  %*s%s%c\n", entry->status.size, (int)(entry->depth - 1) * 2, "",
               entry->path + entry->name_at, letter_of(entry->type));
    }
}

static rim_verdict on_batch(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

static int read_ahead(rim_ctx *ctx, struct walker *self) {
    rim_folder_ask ask = {.folder = self->folder, .timeout_ns = RIM_SECONDS(3600), .on_outcome = on_batch};
    int error = 0;
    while (error == 0 && self->asked < AHEAD) {
        error = rim_folder_read(ctx, &ask, NULL);
        self->asked += error == 0;
    }
    return error;
}

static rim_verdict on_batch(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                            rim_msg *msg) {
    struct walker *self = state;
    self->asked--;
    if (error != 0) {
        return give_up(self, rim_error_text(ctx));
    }
    if (rim_size(msg) == 0) {
        printf("%" PRIu64 " files, %" PRIu64 " folders, %" PRIu64 " others, %" PRIu64 " bytes\n", self->files,
               self->folders, self->others, self->bytes);
        return RIM_STOP;
    }
    for (const rim_folder_entry *at = NULL; (at = rim_folder_each(body, rim_size(msg), at)) != NULL;) {
        take_entry(self, at);
    }
    error = read_ahead(ctx, self);
    return error == 0 ? RIM_DONE : give_up(self, rim_strerror(error));
}

static rim_verdict walker_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct walker *self = state;
    memcpy(&self->job, arg, sizeof self->job);
    rim_folder_options options = {.path = self->job->path, .recursive = true, .status = true};
    int error = rim_folder_open(ctx, &options, &self->folder);
    error = error == 0 ? read_ahead(ctx, self) : error;
    return error == 0 ? RIM_DONE : give_up(self, rim_strerror(error));
}

static const rim_behaviour walker = {.name = "walker", .state_size = sizeof(struct walker), .init = walker_init};

static bool is_uring(const char *driver) {
    return strcmp(driver, "uring") == 0 || strcmp(driver, "io_uring") == 0;
}

/* 0: go on; else what the program ends with, after 1 has been taken off. */
static int read_arguments(int argc, char **argv, rim_config *config, struct job *job) {
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--help") == 0) {
            fputs(usage, stdout);
            return 1;
        }
        if (strcmp(argv[at], "--count") == 0) {
            job->counts = true;
        } else if (strcmp(argv[at], "--driver") == 0 && at + 1 < argc && strcmp(argv[at + 1], "epoll") == 0) {
            config->driver = RIM_DRIVER_EPOLL;
            at++;
        } else if (strcmp(argv[at], "--driver") == 0 && at + 1 < argc && is_uring(argv[at + 1])) {
            config->driver = RIM_DRIVER_URING;
            at++;
        } else {
            break;
        }
    }
    if (argc != at + 1 || strncmp(argv[at], "--", 2) == 0) {
        fputs(usage, stderr);
        return 3;
    }
    job->path = argv[at];
    return 0;
}

int main(int argc, char **argv) {
    rim_config config = {.shards = 1};
    struct job job = {0}, *pointer = &job;
    rim_system *system = NULL;
    rim_ref ref;
    int status = read_arguments(argc, argv, &config, &job);
    if (status != 0) {
        return status - 1;
    }
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &walker, NULL, &pointer, sizeof pointer, &ref);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        error = rim_system_stop(system, RIM_SECONDS(3600), NULL); /* it waits for the walk */
    }
    if (error != 0) {
        fprintf(stderr, "tree: %s\n", rim_strerror(error));
    }
    rim_system_destroy(system);
    return error == 0 && !atomic_load(&job.failed) ? 0 : 1;
}
