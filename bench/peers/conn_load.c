/* SPDX-License-Identifier: MIT */
/*
 * conn_load - opens connections to a server. Each of them asks once and awaits the answer; then it is
 *
 *     --work idle     kept: when there are so many, what the server's process and the kernel hold more than with one
 *     --work churn    closed, and another one is opened in its place, for so long: the server's CPU time for each
 *
 * Prints one line of JSON. What is asked and answered is one of three: 64 bytes and their echo, PING and +PONG (redis),
 * GET and 200 (HTTP). A connection comes from one of eight addresses, 127.0.0.2 and up, because one of them has no more
 * than some 28,000 ports, and those that were closed lately are not to be had. Connecting waits for no accept, and at
 * most AT_ONCE connections await their answer, so that no backlog overflows.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../histogram.h"

enum { EVENTS = 128, ADDRESSES = 8, ANSWER_MAX = 1024, AT_ONCE = 64, SPARE_FILES = 16 };

static const struct protocol {
    const char *name, *question, *end; /* what an answer ends with, */
    uint32_t least;                    /* and how long it is at least */
} protocols[] = {
    {"echo", "123456789 123456789 123456789 123456789 123456789 123456789 12\r\n", "12\r\n", 64},
    {"ping", "PING\r\n", "+PONG\r\n", 7},
    {"http", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "pong\n", 64},
};

struct connection {
    int fd;
    uint32_t got;
    uint64_t begin_ns;
    char answer[ANSWER_MAX];
};

static struct {
    uint16_t port;
    uint32_t connections;
    double seconds;
    int pid;
    bool churn;
    const struct protocol *protocol;
} plan = {.port = 7777, .connections = 10000, .seconds = 0.3, .protocol = &protocols[0]};

static int epoll_fd;
static uint64_t opened, answered;
static struct histogram latencies;

static void fail(const char *what) {
    fprintf(stderr, "conn_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec time = {0};
    if (clock_gettime(clock, &time) != 0) {
        fail("the server's clock");
    }
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* ---- a connection ---- */

static void open_one(struct connection *connection) {
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(opened++ % ADDRESSES))};
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(plan.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int yes = 1;
    size_t size = strlen(plan.protocol->question);
    connection->got = 0;
    connection->begin_ns = read_clock(CLOCK_MONOTONIC);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* The port is chosen when it is known where to: only then can one be used for several servers. */
    if (connection->fd < 0 || setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes) != 0 ||
        bind(connection->fd, (const struct sockaddr *)&from, sizeof from) != 0 ||
        connect(connection->fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        fail("connect");
    }
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        fail("epoll_ctl");
    }
    if (send(connection->fd, plan.protocol->question, size, MSG_NOSIGNAL) != (ssize_t)size) {
        fail("send");
    }
}

static bool is_whole(const struct connection *connection) {
    size_t size = strlen(plan.protocol->end);
    return connection->got >= plan.protocol->least &&
           memcmp(connection->answer + connection->got - size, plan.protocol->end, size) == 0;
}

/* True with the last byte of the answer. */
static bool receive_some(struct connection *connection) {
    size_t room = sizeof connection->answer - connection->got;
    ssize_t count = recv(connection->fd, connection->answer + connection->got, room, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) {
        return false;
    }
    if (count <= 0) {
        errno = count == 0 ? ECONNRESET : errno;
        fail("receive");
    }
    connection->got += (uint32_t)count;
    if (!is_whole(connection)) {
        return false;
    }
    histogram_add(&latencies, (read_clock(CLOCK_MONOTONIC) - connection->begin_ns) * 16);
    answered++;
    return true;
}

/* ---- what the connections cost ---- */

struct memory {
    double resident, kernel; /* bytes */
};

/* The number behind `key` in a file of /proc, of KiB. */
static double read_kib(const char *path, const char *key) {
    char line[256];
    unsigned long long kib = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail(path);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kib = strtoull(line + strlen(key), NULL, 10);
            break;
        }
    }
    fclose(file);
    return (double)kib * 1024;
}

/* The kernel's is the whole machine's: of both ends, and of whoever else does something meanwhile. */
static struct memory read_memory(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", plan.pid);
    return (struct memory){.resident = read_kib(path, "Rss:"), .kernel = read_kib("/proc/meminfo", "Slab:")};
}

/* ---- the runs ---- */

/* Handles what has come in at most so many milliseconds; what was answered is closed and begun anew, or left alone. */
static void step(bool again) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll_fd, events, EVENTS, 5000);
    if (count == 0) {
        errno = ETIMEDOUT;
        fail("an answer");
    }
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (receive_some(connection) && again) {
            close(connection->fd);
            open_one(connection);
        }
    }
}

static void tell_latencies(void) {
    printf(", \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"p9999_us\": %.1f}\n",
           histogram_at(&latencies, 0.5) / 16e3, histogram_at(&latencies, 0.99) / 16e3,
           histogram_at(&latencies, 0.999) / 16e3, histogram_at(&latencies, 0.9999) / 16e3);
}

static void run_idle(struct connection *all) {
    open_one(&all[0]);
    while (answered < 1) {
        step(false);
    }
    struct memory before = read_memory();
    for (uint32_t i = 1; i < plan.connections; i++) {
        open_one(&all[i]);
        while (opened - answered >= AT_ONCE) {
            step(false);
        }
    }
    while (answered < plan.connections) {
        step(false);
    }
    struct memory after = read_memory();
    double more = plan.connections - 1;
    printf("{\"connections\": %u, \"bytes\": %.0f, \"resident\": %.0f, \"kernel_bytes\": %.0f", plan.connections,
           (after.resident - before.resident) / more, after.resident, (after.kernel - before.kernel) / more);
    tell_latencies();
}

static void churn_for(double seconds) {
    uint64_t begin_ns = read_clock(CLOCK_MONOTONIC);
    while (read_clock(CLOCK_MONOTONIC) - begin_ns < (uint64_t)(seconds * 1e9)) {
        step(true);
    }
}

static void run_churn(struct connection *all) {
    clockid_t clock;
    if (clock_getcpuclockid(plan.pid, &clock) != 0) {
        errno = ESRCH;
        fail("--pid");
    }
    for (uint32_t i = 0; i < plan.connections; i++) {
        open_one(&all[i]);
    }
    churn_for(plan.seconds / 4);
    memset(&latencies, 0, sizeof latencies);
    answered = 0;
    uint64_t cpu_ns = read_clock(clock), begin_ns = read_clock(CLOCK_MONOTONIC);
    churn_for(plan.seconds);
    uint64_t passed_ns = read_clock(CLOCK_MONOTONIC) - begin_ns;
    cpu_ns = read_clock(clock) - cpu_ns;
    printf("{\"connections\": %llu, \"seconds\": %.6f, \"server_cpu\": %.9f", (unsigned long long)answered,
           (double)passed_ns / 1e9, (double)cpu_ns / 1e9);
    tell_latencies();
}

/* ---- the command line ---- */

static void complain(int status) {
    fputs("usage: conn_load --pid PID_OF_THE_SERVER [--port PORT] [--work idle|churn] [--protocol echo|ping|http]\n"
          "                 [--connections N] [--seconds S]\n",
          status == 0 ? stdout : stderr);
    exit(status);
}

static const struct protocol *find_protocol(const char *name) {
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strcmp(protocols[i].name, name) == 0) {
            return &protocols[i];
        }
    }
    complain(2);
    return NULL;
}

static void take_flag(int flag) {
    switch (flag) {
    case 'p':
        plan.port = (uint16_t)strtoul(optarg, NULL, 10);
        break;
    case 'c':
        plan.connections = (uint32_t)strtoul(optarg, NULL, 10);
        break;
    case 't':
        plan.seconds = strtod(optarg, NULL);
        break;
    case 'i':
        plan.pid = (int)strtol(optarg, NULL, 10);
        break;
    case 'w':
        plan.churn = strcmp(optarg, "churn") == 0;
        if (!plan.churn && strcmp(optarg, "idle") != 0) {
            complain(2);
        }
        break;
    case 'o':
        plan.protocol = find_protocol(optarg);
        break;
    default:
        complain(flag == 'h' ? 0 : 2);
    }
}

static void read_flags(int argc, char **argv) {
    static const struct option flags[] = {
        {"port", required_argument, NULL, 'p'},
        {"pid", required_argument, NULL, 'i'},
        {"connections", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 't'},
        {"work", required_argument, NULL, 'w'},
        {"protocol", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        take_flag(flag);
    }
    if (plan.connections < 2 || plan.pid <= 0 || optind < argc) {
        complain(2);
    }
}

/* As many files as are allowed. */
static void raise_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        fail("getrlimit");
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < plan.connections + SPARE_FILES) {
        errno = EMFILE;
        fail("so many connections (ulimit -n)");
    }
}

int main(int argc, char **argv) {
    read_flags(argc, argv);
    raise_limit();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc(plan.connections, sizeof *all);
    if (epoll_fd < 0 || all == NULL) {
        fail("set-up");
    }
    (plan.churn ? run_churn : run_idle)(all);
    free(all);
    return 0;
}
