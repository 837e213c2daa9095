/* SPDX-License-Identifier: MIT */
/*
 * udp_load - drives a UDP echo server: so many sockets, each with so many datagrams of one size under way, for so long.
 * Prints one line of JSON, as echo_load does, and how many never came back.
 *
 * A datagram begins with its number and the time at which it was sent. For each that comes back one is sent, in one
 * call for all of a socket. What has not come back in a tenth of a second in which nothing came at all is lost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
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

enum { EVENTS = 128, BATCH = 32, SIZE_MAX_UDP = 60000, DEPTH_MAX = 256, WAIT_MS = 100 };

struct head {
    uint64_t number, sent_ns;
};

struct line {
    int fd;
    uint64_t number;
    uint32_t under_way;
};

static struct {
    uint16_t port;
    uint32_t connections, size, depth;
    double seconds, warm_up;
    int pid;
} plan = {.port = 7777, .connections = 1, .size = 64, .depth = 1, .seconds = 1, .warm_up = 0.1};

static struct {
    uint64_t messages, lost;
    struct histogram latencies;
} counts;

static int epoll_fd;
static char *buffers[BATCH];
static struct mmsghdr messages[BATCH];
static struct iovec pieces[BATCH];

static void fail(const char *what) {
    fprintf(stderr, "udp_load: %s: %s\n", what, strerror(errno));
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

static void send_some(struct line *line, uint32_t count, uint64_t now_ns) {
    while (count > 0) {
        uint32_t part = count < BATCH ? count : BATCH;
        for (uint32_t i = 0; i < part; i++) {
            const struct head head = {line->number++, now_ns};
            memcpy(buffers[i], &head, sizeof head);
            pieces[i].iov_len = plan.size;
        }
        int sent = sendmmsg(line->fd, messages, part, 0);
        if (sent <= 0) {
            fail("send");
        }
        line->under_way += (uint32_t)sent;
        count -= (uint32_t)sent;
    }
}

static void receive_some(struct line *line) {
    for (uint32_t i = 0; i < BATCH; i++) {
        pieces[i].iov_len = SIZE_MAX_UDP;
    }
    int count = recvmmsg(line->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    if (count < 0 && errno != EAGAIN) {
        fail("receive");
    }
    uint64_t now_ns = read_clock(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) {
        struct head head;
        memcpy(&head, buffers[i], sizeof head);
        if (messages[i].msg_len != plan.size || head.number >= line->number) {
            errno = EBADMSG;
            fail("what came back is not what was sent");
        }
        histogram_add(&counts.latencies, 16 * (now_ns - head.sent_ns));
        counts.messages++;
        line->under_way -= line->under_way > 0; /* one that was given up may come all the same */
    }
    if (count > 0 && line->under_way < plan.depth) {
        send_some(line, plan.depth - line->under_way, now_ns);
    }
}

static void open_one(struct line *line) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(plan.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    line->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (line->fd < 0 || connect(line->fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, line->fd, &event) != 0) {
        fail("connect");
    }
}

static uint64_t run_for(struct line *lines, double seconds) {
    struct epoll_event events[EVENTS];
    uint64_t begin_ns = read_clock(CLOCK_MONOTONIC), now_ns = begin_ns;
    while (now_ns - begin_ns < (uint64_t)(seconds * 1e9)) {
        int count = epoll_wait(epoll_fd, events, EVENTS, WAIT_MS);
        for (int i = 0; i < count; i++) {
            receive_some(events[i].data.ptr);
        }
        now_ns = read_clock(CLOCK_MONOTONIC);
        for (uint32_t i = 0; count == 0 && i < plan.connections; i++) {
            counts.lost += lines[i].under_way;
            lines[i].under_way = 0;
            send_some(&lines[i], plan.depth, now_ns);
        }
    }
    return now_ns - begin_ns;
}

static void run(struct line *lines) {
    clockid_t clock = CLOCK_MONOTONIC;
    if (plan.pid != 0 && clock_getcpuclockid(plan.pid, &clock) != 0) {
        errno = ESRCH;
        fail("--pid");
    }
    (void)run_for(lines, plan.warm_up);
    memset(&counts, 0, sizeof counts);
    uint64_t cpu_ns = read_clock(clock);
    uint64_t passed_ns = run_for(lines, plan.seconds);
    cpu_ns = plan.pid != 0 ? read_clock(clock) - cpu_ns : 0;
    printf("{\"messages\": %llu, \"seconds\": %.6f, \"server_cpu\": %.9f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"p999_us\": %.1f, \"p9999_us\": %.1f, \"lost\": %llu}\n",
           (unsigned long long)counts.messages, (double)passed_ns / 1e9, (double)cpu_ns / 1e9, latency_at(0.5),
           latency_at(0.99), latency_at(0.999), latency_at(0.9999), (unsigned long long)counts.lost);
}

static const char usage[] = "usage: udp_load [--port PORT] [--connections N] [--size BYTES] [--depth DATAGRAMS]\n"
                            "                [--seconds S] [--warm-up S] [--pid PID_OF_THE_SERVER]\n";

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
    uint32_t *const numbers[] = {['c'] = &plan.connections, ['s'] = &plan.size, ['d'] = &plan.depth};
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == 'p') {
            plan.port = (uint16_t)strtoul(optarg, NULL, 10);
        } else if (flag == 'c' || flag == 's' || flag == 'd') {
            *numbers[flag] = (uint32_t)strtoul(optarg, NULL, 10);
        } else if (flag == 't' || flag == 'w') {
            *(flag == 't' ? &plan.seconds : &plan.warm_up) = strtod(optarg, NULL);
        } else if (flag == 'i') {
            plan.pid = (int)strtol(optarg, NULL, 10);
        } else {
            fputs(usage, flag == 'h' ? stdout : stderr);
            exit(flag == 'h' ? 0 : 2);
        }
    }
    bool is_wrong = plan.connections == 0 || plan.size < sizeof(struct head) || plan.size > SIZE_MAX_UDP;
    if (is_wrong || plan.depth == 0 || plan.depth > DEPTH_MAX || optind < argc) {
        fputs(usage, stderr);
        exit(2);
    }
}

int main(int argc, char **argv) {
    read_flags(argc, argv);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct line *lines = calloc(plan.connections, sizeof *lines);
    if (epoll_fd < 0 || lines == NULL) {
        fail("set-up");
    }
    for (uint32_t i = 0; i < BATCH; i++) {
        buffers[i] = calloc(1, SIZE_MAX_UDP);
        pieces[i].iov_base = buffers[i];
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
        if (buffers[i] == NULL) {
            fail("set-up");
        }
    }
    for (uint32_t i = 0; i < plan.connections; i++) {
        open_one(&lines[i]);
    }
    for (uint32_t i = 0; i < plan.connections; i++) {
        send_some(&lines[i], plan.depth, read_clock(CLOCK_MONOTONIC));
    }
    run(lines);
    return 0;
}
