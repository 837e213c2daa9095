/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/net.h"
#include "unit.h"

enum { SIZE = 100000 };

static struct rim__io io;
static int pair[2], file;

static void open_all(void) {
    static char bytes[SIZE];
    char path[] = "/tmp/ringmail-net-file-XXXXXX";
    for (int i = 0; i < SIZE; i++) {
        bytes[i] = (char)(i * 7 + i / 256);
    }
    file = mkstemp(path);
    CU_ASSERT_FATAL(file >= 0 && write(file, bytes, SIZE) == SIZE && unlink(path) == 0);
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
}

static void close_all(void) {
    close(file);
    close(pair[0]);
    if (pair[1] >= 0) {
        close(pair[1]);
    }
}

/* Not where the disk of /tmp cannot say what is in memory. */
static bool can_look(void) {
    char byte;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    return preadv2(file, &piece, 1, 0, RWF_NOWAIT) == 1;
}

static int64_t send_from(uint64_t offset, size_t size) {
    return rim__net_send_file(&io, pair[0], &(struct rim__file_part){.fd = file, .offset = offset, .size = size});
}

static void net_file_sends_what_is_in_memory_up_to_the_end(void) {
    char bytes[2000];
    open_all();
    if (can_look()) {
        CU_ASSERT_EQUAL(send_from(SIZE - 1000, 5000), 1000);
        CU_ASSERT_EQUAL(read(pair[1], bytes, sizeof bytes), 1000);
        for (int i = 0; i < 1000; i++) {
            int at = SIZE - 1000 + i;
            CU_ASSERT_EQUAL(bytes[i], (char)(at * 7 + at / 256));
        }
    }
    CU_ASSERT_EQUAL(send_from(SIZE, 5000), 0);
    CU_ASSERT_EQUAL(send_from(SIZE + 1, 5000), 0);
    close_all();
}

static void net_file_does_not_wait_for_the_peer(void) {
    open_all();
    int64_t result = SIZE;
    for (int i = 0; i < 1000 && result > 0; i++) {
        result = send_from(0, SIZE);
    }
    CU_ASSERT(result == -EAGAIN || !can_look());
    close_all();
}

static void net_file_is_an_error_and_no_signal_where_the_peer_has_gone(void) {
    sigset_t before, after, pending;
    open_all();
    close(pair[1]);
    pair[1] = -1;
    CU_ASSERT_EQUAL(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
    CU_ASSERT(send_from(0, SIZE) == -EPIPE || !can_look());
    CU_ASSERT_EQUAL(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    CU_ASSERT_EQUAL(sigismember(&before, SIGPIPE), sigismember(&after, SIGPIPE));
    CU_ASSERT(sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 0);
    close_all();
}

static void net_file_refuses_what_is_no_file(void) {
    int ends[2];
    open_all();
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(rim__net_send_file(&io, pair[0], &(struct rim__file_part){.fd = ends[0], .size = 10}), -EINVAL);
    CU_ASSERT_EQUAL(rim__net_send_file(&io, pair[0], &(struct rim__file_part){.fd = -1, .size = 10}), -EBADF);
    close(ends[0]);
    close(ends[1]);
    close_all();
}

#define TESTS(X)                                                                                                       \
    X(net_file_sends_what_is_in_memory_up_to_the_end)                                                                  \
    X(net_file_does_not_wait_for_the_peer)                                                                             \
    X(net_file_is_an_error_and_no_signal_where_the_peer_has_gone)                                                      \
    X(net_file_refuses_what_is_no_file)
UNIT_SUITE(net_file, TESTS)
