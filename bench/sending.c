/* SPDX-License-Identifier: MIT */
/*
 * What it costs to send a lot: files from the page cache, and large messages that the kernel copies or does not. The
 * peer is another process, which reads and forgets; RIMBENCH_SINK=ADDRESS:PORT names one elsewhere, as it is needed for
 * a measure over a network (docs/benchmarks.md).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <ringmail/file.h>
#include <ringmail/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "world.h"

#define KIB       1024u
#define MIB       (1024u * KIB)
#define LARGE     (64u * MIB)
#define BATCH     (512u * KIB)
#define READ_ONCE (256u * KIB)

enum { MESSAGE = RIM_USER };

static char path[] = "/tmp/rimbench-send-XXXXXX";
static bool is_made;

/* ---- the file ---- */

static void remove_file(void) {
    unlink(path);
}

static int make_file(void) {
    static char bytes[MIB];
    if (is_made) {
        return 0;
    }
    int fd = mkstemp(path);
    if (fd < 0) {
        return -errno;
    }
    is_made = true;
    atexit(remove_file);
    int error = 0;
    for (uint32_t i = 0; i < LARGE / MIB && error == 0; i++) {
        error = write(fd, bytes, MIB) == MIB ? 0 : -EIO;
    }
    close(fd);
    return error;
}

/* ---- the peer ---- */

struct sink {
    struct sockaddr_in address;
    pid_t pid; /* 0: elsewhere */
};

static void read_all(int listener) {
    static char bytes[READ_ONCE];
    int fd = accept(listener, NULL, NULL);
    while (fd >= 0 && read(fd, bytes, sizeof bytes) > 0) {
    }
    _exit(0);
}

static int find_sink(const char *text, struct sink *out) {
    char host[64];
    unsigned port = 0;
    out->address.sin_family = AF_INET;
    bool good = sscanf(text, "%63[^:]:%u", host, &port) == 2 && port <= UINT16_MAX &&
                inet_pton(AF_INET, host, &out->address.sin_addr) == 1;
    out->address.sin_port = htons((uint16_t)port);
    return good ? 0 : -EINVAL;
}

static int open_sink(struct sink *out) {
    const char *text = getenv("RIMBENCH_SINK");
    socklen_t size = sizeof out->address;
    *out = (struct sink){.address = {.sin_family = AF_INET}};
    if (text != NULL) {
        return find_sink(text, out);
    }
    out->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *address = (struct sockaddr *)&out->address;
    if (fd < 0 || bind(fd, address, size) != 0 || listen(fd, 1) != 0 || getsockname(fd, address, &size) != 0) {
        return -errno;
    }
    out->pid = fork();
    if (out->pid == 0) {
        read_all(fd);
    }
    close(fd);
    return out->pid > 0 ? 0 : -EAGAIN;
}

static void close_sink(const struct sink *sink) {
    if (sink->pid > 0) {
        (void)waitpid(sink->pid, NULL, 0);
    }
}

static double cpu_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* ---- an actor that sends ---- */

struct run {
    struct world world;
    struct sink sink;
    rim_ref socket, file;
    uint64_t measure_ns, until_ns, bytes;
    uint32_t size; /* of a file's part, or of a message */
    int flags;     /* of the file; -1: messages */
    uint32_t zero_copy;
    double cpu_us;
};

static struct run *run_of(void *state) {
    return *(struct run **)state;
}

static rim_verdict on_file_sent(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

static int send_file(rim_ctx *ctx, struct run *run) {
    rim_file_ask ask = {.file = run->file, .timeout_ns = RIM_SECONDS(30), .on_outcome = on_file_sent};
    return rim_file_send(ctx, &ask, run->socket, run->size, NULL);
}

static int send_messages(rim_ctx *ctx, const struct run *run) {
    int error = 0;
    for (uint32_t sent = 0; sent < BATCH && error == 0; sent += run->size) {
        rim_msg *msg = rim_msg_new(ctx, MESSAGE, run->size);
        error = msg != NULL ? rim_socket_write_msg(ctx, run->socket, msg) : -ENOMEM;
    }
    return error != 0 ? error : rim_socket_flush(ctx, run->socket, 0);
}

static int send_more(rim_ctx *ctx, struct run *run) {
    return run->flags >= 0 ? send_file(ctx, run) : send_messages(ctx, run);
}

/* So many bytes have left. */
static rim_verdict go_on(rim_ctx *ctx, struct run *run, uint64_t bytes, int error) {
    run->bytes += bytes;
    if (error == 0 && now_ns() < run->until_ns) {
        error = send_more(ctx, run);
        if (error == 0) {
            return RIM_DONE;
        }
    }
    run->cpu_us = cpu_us() - run->cpu_us;
    world_done(&run->world, error);
    return RIM_STOP;
}

static rim_verdict on_file_sent(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)cookie;
    (void)msg;
    return go_on(ctx, run_of(state), error == 0 ? ((const rim_file_result *)body)->bytes : 0, error);
}

static rim_verdict on_sent(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct run *run = run_of(state);
    (void)body;
    (void)msg;
    return go_on(ctx, run, BATCH, 0);
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct run *run = run_of(state);
    (void)body;
    (void)msg;
    run->cpu_us = cpu_us();
    run->until_ns = now_ns() + run->measure_ns;
    return go_on(ctx, run, 0, 0);
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)msg;
    world_done(&run_of(state)->world, ((const rim_closed_event *)body)->error);
    return RIM_STOP;
}

static rim_verdict begin(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    char host[INET_ADDRSTRLEN];
    memcpy(state, arg, size);
    struct run *run = run_of(state);
    rim_connect_options options = {.host = inet_ntop(AF_INET, &run->sink.address.sin_addr, host, sizeof host),
                                   .port = ntohs(run->sink.address.sin_port),
                                   .timeout_ns = RIM_SECONDS(5),
                                   .socket.zero_copy = run->zero_copy};
    rim_file_options file = {.path = path, .flags = run->flags};
    int error = run->flags >= 0 ? rim_file_open(ctx, &file, &run->file) : 0;
    error = error != 0 ? error : rim_connect(ctx, &options, &run->socket);
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler sender_on[] = {
    [RIM_SOCKET_OPEN] = on_open, [RIM_SOCKET_SENT] = on_sent, [RIM_SOCKET_CLOSED] = on_closed};
static const rim_behaviour sender = {.name = "sender",
                                     .state_size = sizeof(struct run *),
                                     .init = begin,
                                     .on = sender_on,
                                     .on_count = RIM_COUNT(sender_on)};

static int measure(struct run run, double seconds, struct sample *out) {
    rim_ref ref;
    rim_spawn_options options = {.mailbox_bytes = 64 * MIB};
    int error = make_file();
    error = error != 0 ? error : open_sink(&run.sink);
    if (error != 0) {
        return error;
    }
    run.measure_ns = (uint64_t)(seconds * 1e9);
    error = world_open(&run.world, 1, 0);
    error = error != 0 ? error : world_spawn(&run.world, &sender, &options, &run, &ref);
    error = error != 0 ? error : world_run(&run.world, seconds + 5);
    error = world_close(&run.world, error);
    close_sink(&run.sink);
    out->n = run.bytes;
    out->value = run.cpu_us / ((double)run.bytes / MIB);
    return error;
}

static int file_by_kernel(uint32_t size, double seconds, struct sample *out) {
    return measure((struct run){.size = size, .flags = O_RDONLY}, seconds, out);
}

static int file_small(double seconds, struct sample *out) {
    return file_by_kernel(64 * KIB, seconds, out);
}

static int file_middling(double seconds, struct sample *out) {
    return file_by_kernel(MIB, seconds, out);
}

static int file_large(double seconds, struct sample *out) {
    return file_by_kernel(LARGE, seconds, out);
}

static int file_pieces(double seconds, struct sample *out) {
    return measure((struct run){.size = LARGE, .flags = O_RDWR}, seconds, out);
}

/* ---- what files are held against ---- */

static int connect_to(const struct sink *sink) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int yes = 1;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&sink->address, sizeof sink->address) != 0) {
        close(fd);
        return -errno;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd >= 0 ? fd : -errno;
}

static int loop(int to, int from, uint32_t size, double seconds, struct sample *out) {
    uint64_t until_ns = now_ns() + (uint64_t)(seconds * 1e9);
    double begin_us = cpu_us();
    while (now_ns() < until_ns) {
        for (off_t at = 0; at < (off_t)size;) {
            if (sendfile(to, from, &at, size - (size_t)at) <= 0) {
                return -errno;
            }
        }
        out->n += size;
    }
    out->value = (cpu_us() - begin_us) / ((double)out->n / MIB);
    return 0;
}

static int limit_sendfile(uint32_t size, double seconds, struct sample *out) {
    struct sink sink;
    int error = make_file();
    error = error != 0 ? error : open_sink(&sink);
    if (error != 0) {
        return error;
    }
    int to = connect_to(&sink);
    int from = open(path, O_RDONLY | O_CLOEXEC);
    error = to >= 0 && from >= 0 ? loop(to, from, size, seconds, out) : -EIO;
    close(from);
    close(to);
    close_sink(&sink);
    return error;
}

static int limit_small(double seconds, struct sample *out) {
    return limit_sendfile(64 * KIB, seconds, out);
}

static int limit_middling(double seconds, struct sample *out) {
    return limit_sendfile(MIB, seconds, out);
}

static int limit_large(double seconds, struct sample *out) {
    return limit_sendfile(LARGE, seconds, out);
}

static const struct figure file_figures[] = {
    FIGURE("64 KiB of a cached file, CPU a MiB", "us", false, file_small, "bare sendfile", limit_small),
    FIGURE("1 MiB of a cached file, CPU a MiB", "us", false, file_middling, "bare sendfile", limit_middling),
    FIGURE("64 MiB of a cached file, CPU a MiB", "us", false, file_large, "bare sendfile", limit_large),
    FIGURE("the same, one that may be written, CPU a MiB", "us", false, file_pieces, "bare sendfile", limit_large),
};

const struct benchmark bench_file_send = BENCHMARK("file_send", "a file to a connection", file_figures);

/* ---- messages: from where they lie, against copied ---- */

#define MESSAGES(name, size_bytes)                                                                                     \
    static int lent_##name(double seconds, struct sample *out) {                                                       \
        return measure((struct run){.size = (size_bytes), .flags = -1, .zero_copy = 1}, seconds, out);                 \
    }                                                                                                                  \
    static int copied_##name(double seconds, struct sample *out) {                                                     \
        return measure((struct run){.size = (size_bytes), .flags = -1}, seconds, out);                                 \
    }
MESSAGES(4, 4 * KIB)
MESSAGES(16, 16 * KIB)
MESSAGES(64, 64 * KIB)
MESSAGES(256, 256 * KIB)

static const struct figure message_figures[] = {
    FIGURE("messages of 4 KiB, not copied, CPU a MiB", "us", false, lent_4, "copied", copied_4),
    FIGURE("messages of 16 KiB, not copied, CPU a MiB", "us", false, lent_16, "copied", copied_16),
    FIGURE("messages of 64 KiB, not copied, CPU a MiB", "us", false, lent_64, "copied", copied_64),
    FIGURE("messages of 256 KiB, not copied, CPU a MiB", "us", false, lent_256, "copied", copied_256),
};

const struct benchmark bench_zero_copy = BENCHMARK("zero_copy", "large messages that are not copied", message_figures);
