/* SPDX-License-Identifier: MIT */
/*
 * echo_load - drives an echo server: so many connections, each with so many messages of one size under way, for so
 * long. Prints one line of JSON: messages, seconds, latencies in microseconds, and, with --pid, what CPU time the
 * server took meanwhile, by the kernel's clock of that process (all its threads, as getrusage has it, to the
 * nanosecond).
 *
 * A message is the next `size` bytes of the stream. When some have come back, as many are sent, in one call. What comes
 * back is compared, in a sample of the bytes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../histogram.h"

enum { EVENTS = 128, BUFFER = 1 << 20, DEPTH_MAX = 256 };

struct connection {
    int fd;
    uint64_t to_send;         /* bytes */
    uint64_t sent, received;  /* so far */
    uint64_t begun, finished; /* messages */
    uint64_t begin_ns[DEPTH_MAX];
    bool waits; /* for EPOLLOUT */
};

static struct {
    uint16_t port;
    uint32_t connections, size, depth;
    double seconds, warm_up;
    int pid;
} plan = {.port = 7777, .connections = 50, .size = 64, .depth = 1, .seconds = 1, .warm_up = 0.1};

static struct {
    uint64_t messages;
    struct histogram latencies;
} counts;

static int epoll_fd;
static char incoming[BUFFER], outgoing[BUFFER];

static void fail(const char *what) {
    fprintf(stderr, "echo_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec time = {0};
    if (clock_gettime(clock, &time) != 0) {
        fail("the server's clock");
    }
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* In microseconds, of a histogram of sixteenths of a nanosecond. */
static double latency_at(double part) {
    return histogram_at(&counts.latencies, part) / 16e3;
}

/* ---- a connection ---- */

static void watch(struct connection *connection, int what) {
    struct epoll_event event = {.events = EPOLLIN | (connection->waits ? EPOLLOUT : 0), .data.ptr = connection};
    if (epoll_ctl(epoll_fd, what, connection->fd, &event) != 0) {
        fail("epoll_ctl");
    }
}

/* The stream repeats every 251 bytes; BUFFER holds whole repeats and more. */
static const char *pattern_at(uint64_t position) {
    return outgoing + position % 251;
}

static void send_some(struct connection *connection) {
    bool waits = false;
    while (connection->to_send > 0 && !waits) {
        size_t size = connection->to_send < BUFFER - 251 ? connection->to_send : BUFFER - 251;
        ssize_t count = send(connection->fd, pattern_at(connection->sent), size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno != EAGAIN) {
            fail("send");
        }
        waits = count < (ssize_t)size;
        connection->sent += count > 0 ? (uint64_t)count : 0;
        connection->to_send -= count > 0 ? (uint64_t)count : 0;
    }
    if (waits != connection->waits) {
        connection->waits = waits;
        watch(connection, EPOLL_CTL_MOD);
    }
}

static void begin(struct connection *connection, uint64_t count, uint64_t now_ns) {
    for (uint64_t i = 0; i < count; i++) {
        connection->begin_ns[connection->begun++ % plan.depth] = now_ns;
    }
    connection->to_send += count * plan.size;
    send_some(connection);
}

static void receive_some(struct connection *connection) {
    ssize_t count = recv(connection->fd, incoming, sizeof incoming, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) {
        return;
    }
    if (count <= 0) {
        errno = count == 0 ? ECONNRESET : errno;
        fail("receive");
    }
    const char *expected = pattern_at(connection->received);
    if (incoming[0] != expected[0] || incoming[count - 1] != pattern_at(connection->received + (size_t)count - 1)[0]) {
        errno = EBADMSG;
        fail("what came back is not what was sent");
    }
    connection->received += (uint64_t)count;
    uint64_t now_ns = read_clock(CLOCK_MONOTONIC);
    uint64_t whole = connection->received / plan.size - connection->finished;
    for (uint64_t i = 0; i < whole; i++) {
        histogram_add(&counts.latencies, 16 * (now_ns - connection->begin_ns[connection->finished++ % plan.depth]));
    }
    counts.messages += whole;
    if (whole > 0) {
        begin(connection, whole, now_ns);
    }
}

static void open_one(struct connection *connection) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(plan.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int yes = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        fail("connect");
    }
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    watch(connection, EPOLL_CTL_ADD);
}

/* ---- the run ---- */

static uint64_t run_for(double seconds) {
    struct epoll_event events[EVENTS];
    uint64_t begin_ns = read_clock(CLOCK_MONOTONIC), now_ns = begin_ns;
    while (now_ns - begin_ns < (uint64_t)(seconds * 1e9)) {
        int count = epoll_wait(epoll_fd, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                send_some(connection);
            }
            if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
                receive_some(connection);
            }
        }
        now_ns = read_clock(CLOCK_MONOTONIC);
    }
    return now_ns - begin_ns;
}

static void run(void) {
    clockid_t clock = CLOCK_MONOTONIC;
    if (plan.pid != 0 && clock_getcpuclockid(plan.pid, &clock) != 0) {
        errno = ESRCH;
        fail("--pid");
    }
    (void)run_for(plan.warm_up);
    memset(&counts, 0, sizeof counts);
    uint64_t cpu_ns = read_clock(clock);
    uint64_t passed_ns = run_for(plan.seconds);
    cpu_ns = plan.pid != 0 ? read_clock(clock) - cpu_ns : 0;
    printf("{\"messages\": %llu, \"seconds\": %.6f, \"server_cpu\": %.9f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"p999_us\": %.1f, \"p9999_us\": %.1f}\n",
           (unsigned long long)counts.messages, (double)passed_ns / 1e9, (double)cpu_ns / 1e9, latency_at(0.5),
           latency_at(0.99), latency_at(0.999), latency_at(0.9999));
}

static const char usage[] = "usage: echo_load [--port PORT] [--connections N] [--size BYTES] [--depth MESSAGES]\n"
                            "                 [--seconds S] [--warm-up S] [--pid PID_OF_THE_SERVER]\n";

static void read_flags(int argc, char **argv) {
    static const struct option flags[] = {
        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'},
        {"size", required_argument, NULL, 's'},
        {"depth", required_argument, NULL, 'd'},
        {"seconds", required_argument, NULL, 't'},
        {"warm-up", required_argument, NULL, 'w'},
        {"pid", required_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        switch (flag) {
        case 'p':
            plan.port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            plan.connections = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 's':
            plan.size = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            plan.depth = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 't':
            plan.seconds = strtod(optarg, NULL);
            break;
        case 'w':
            plan.warm_up = strtod(optarg, NULL);
            break;
        case 'i':
            plan.pid = (int)strtol(optarg, NULL, 10);
            break;
        default:
            fputs(usage, flag == 'h' ? stdout : stderr);
            exit(flag == 'h' ? 0 : 2);
        }
    }
    if (plan.connections == 0 || plan.size == 0 || plan.depth == 0 || plan.depth > DEPTH_MAX || optind < argc) {
        fputs(usage, stderr);
        exit(2);
    }
}

int main(int argc, char **argv) {
    read_flags(argc, argv);
    for (size_t i = 0; i < sizeof outgoing; i++) {
        outgoing[i] = (char)(i % 251);
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc(plan.connections, sizeof *all);
    if (epoll_fd < 0 || all == NULL) {
        fail("set-up");
    }
    for (uint32_t i = 0; i < plan.connections; i++) {
        open_one(&all[i]);
    }
    uint64_t now_ns = read_clock(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < plan.connections; i++) {
        begin(&all[i], plan.depth, now_ns);
    }
    run();
    return 0;
}
