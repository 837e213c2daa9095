/* SPDX-License-Identifier: MIT */
/*
 * file_copy.c - copies a file: an actor opens both, copies piece by piece, syncs, and says how much it was.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <ringmail.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define UNUSED __attribute__((unused))

static const char usage[] = "usage: file_copy [--driver uring|epoll] FROM TO\n"
                            "\n"
                            "Copies the file FROM to TO, which is made or overwritten, and syncs it.\n"
                            "Exit status: 0, 1 if it could not be copied, 2 for a bad command line.\n";

struct job {
    const char *from, *to;
    atomic_bool done;
};

struct copier {
    struct job *job;
    rim_ref from, to;
    uint64_t bytes;
};

static rim_file_ask ask_of(rim_ref file, rim_outcome on_outcome) {
    return (rim_file_ask){.file = file, .timeout_ns = RIM_SECONDS(3600), .on_outcome = on_outcome};
}

static rim_verdict give_up(const char *text) {
    fprintf(stderr, "file_copy: %s\n", text);
    return RIM_STOP;
}

static rim_verdict on_synced(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body UNUSED,
                             rim_msg *msg UNUSED) {
    struct copier *self = state;
    if (error != 0) {
        return give_up(rim_error_text(ctx));
    }
    printf("%" PRIu64 " bytes copied\n", self->bytes);
    atomic_store(&self->job->done, true);
    return RIM_STOP;
}

static rim_verdict on_copied(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                             rim_msg *msg UNUSED) {
    struct copier *self = state;
    if (error != 0) {
        return give_up(rim_error_text(ctx));
    }
    self->bytes = ((const rim_file_result *)body)->bytes;
    rim_file_ask ask = ask_of(self->to, on_synced);
    error = rim_file_sync(ctx, &ask, false, NULL);
    return error == 0 ? RIM_DONE : give_up(rim_strerror(error));
}

/* Only what can be read may cost TO what it has. The copy waits until TO is open, and fails if it cannot be. */
static rim_verdict on_status(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                             rim_msg *msg UNUSED) {
    struct copier *self = state;
    const rim_file_status *status = body;
    rim_file_options to = {.path = self->job->to, .flags = O_WRONLY | O_CREAT | O_TRUNC};
    if (error != 0) {
        return give_up(rim_error_text(ctx));
    }
    if (S_ISDIR(status->mode)) {
        fprintf(stderr, "file_copy: %s is a folder\n", self->job->from);
        return RIM_STOP;
    }
    if (rim_file_open(ctx, &to, &self->to) != 0) {
        return give_up(rim_error_text(ctx));
    }
    rim_file_ask ask = ask_of(self->from, on_copied);
    error = rim_file_copy(ctx, &ask, self->to, 0, UINT64_MAX, NULL);
    return error == 0 ? RIM_DONE : give_up(rim_strerror(error));
}

/* What is asked of a file waits until it is open. */
static rim_verdict copier_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct copier *self = state;
    memcpy(&self->job, arg, sizeof self->job);
    rim_file_options from = {.path = self->job->from, .flags = O_RDONLY};
    if (rim_file_open(ctx, &from, &self->from) != 0) {
        return give_up(rim_error_text(ctx));
    }
    rim_file_ask ask = ask_of(self->from, on_status);
    int error = rim_file_stat(ctx, &ask, NULL);
    return error == 0 ? RIM_DONE : give_up(rim_strerror(error));
}

/* One could not be opened: that is told before what was asked of it fails. */
static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    return give_up(((const rim_file_closed_event *)body)->text);
}

static const rim_handler copier_on[] = {[RIM_FILE_CLOSED] = on_closed};
static const rim_behaviour copier = {
    .name = "copier",
    .state_size = sizeof(struct copier),
    .on = copier_on,
    .on_count = RIM_COUNT(copier_on),
    .init = copier_init,
};

/* Opening it to be written would empty it. */
static bool is_the_same(const struct job *job) {
    struct stat from, to;
    return stat(job->from, &from) == 0 && stat(job->to, &to) == 0 && from.st_dev == to.st_dev &&
           from.st_ino == to.st_ino;
}

/* 0: go on; else what the program ends with, after 1 has been taken off. */
static int read_arguments(int argc, char **argv, rim_config *config, struct job *job) {
    static const struct option flags[] = {
        {"driver", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == 'd' && (strcmp(optarg, "uring") == 0 || strcmp(optarg, "epoll") == 0)) {
            config->driver = optarg[0] == 'u' ? RIM_DRIVER_URING : RIM_DRIVER_EPOLL;
        } else {
            fputs(usage, flag == 'h' ? stdout : stderr);
            return flag == 'h' ? 1 : 3;
        }
    }
    if (argc != optind + 2) {
        fputs(usage, stderr);
        return 3;
    }
    job->from = argv[optind];
    job->to = argv[optind + 1];
    if (is_the_same(job)) {
        fprintf(stderr, "file_copy: %s and %s are the same file\n", job->from, job->to);
        return 2;
    }
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
        error = rim_system_spawn(system, &copier, NULL, &pointer, sizeof pointer, &ref);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        error = rim_system_stop(system, RIM_SECONDS(3600), NULL); /* it waits for the copy */
    }
    if (error != 0) {
        fprintf(stderr, "file_copy: %s\n", rim_strerror(error));
    }
    rim_system_destroy(system);
    return error == 0 && atomic_load(&job.done) ? 0 : 1;
}
