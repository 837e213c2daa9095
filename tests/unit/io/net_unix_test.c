/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/address.h"
#include "io/net.h"
#include "unit.h"

#define RIVALS 4
#define ROUNDS 300

static rim_address file_of_test(void) {
    char host[64];
    rim_address address = {0};
    snprintf(host, sizeof host, "unix:/tmp/ringmail-%d-net", (int)getpid());
    CU_ASSERT_EQUAL(rim_address_parse(host, 0, &address), 0);
    return address;
}

/* As a killed process leaves it. */
static void leave_stale(const rim_address *address) {
    union rim__sockaddr name;
    socklen_t length = rim__address_to_sockaddr(address, &name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT(fd >= 0 && bind(fd, &name.any, length) == 0);
    close(fd);
}

static bool answers(const rim_address *address) {
    union rim__sockaddr name;
    socklen_t length = rim__address_to_sockaddr(address, &name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_well = connect(fd, &name.any, length) == 0;
    close(fd);
    return is_well;
}

/* ---- many for one stale file ---- */

struct rival {
    pthread_t thread;
    pthread_barrier_t *start;
    rim_address address;
    int result;
};

static void *compete(void *arg) {
    struct rival *rival = arg;
    struct rim__io io = {.descriptors = 0};
    rim_listen_options options = {.backlog = 64}; /* those that look leave a connection */
    rim_address bound;
    pthread_barrier_wait(rival->start);
    rival->result = rim__net_listen(&io, &rival->address, &options, &bound);
    return NULL;
}

static void net_one_of_many_takes_a_stale_file_over(void) {
    struct rim__io io = {.descriptors = 1};
    rim_address address = file_of_test();
    for (int round = 0; round < ROUNDS; round++) {
        struct rival rivals[RIVALS];
        pthread_barrier_t start;
        int winners = 0, fd = -1;
        leave_stale(&address);
        pthread_barrier_init(&start, NULL, RIVALS);
        for (int i = 0; i < RIVALS; i++) {
            rivals[i] = (struct rival){.start = &start, .address = address};
            CU_ASSERT_EQUAL_FATAL(pthread_create(&rivals[i].thread, NULL, compete, &rivals[i]), 0);
        }
        for (int i = 0; i < RIVALS; i++) {
            pthread_join(rivals[i].thread, NULL);
            winners += rivals[i].result >= 0;
            fd = rivals[i].result >= 0 ? rivals[i].result : fd;
            CU_ASSERT(rivals[i].result >= 0 || rivals[i].result == -EADDRINUSE);
        }
        pthread_barrier_destroy(&start);
        CU_ASSERT_EQUAL(winners, 1);
        CU_ASSERT(answers(&address));
        close(fd);
        rim__net_unname(&io, &address, false);
        CU_ASSERT_EQUAL(access(address.path, F_OK), -1);
    }
}

/* ---- a listen that fails after the file is there ---- */

static int refuse_listen(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_listen, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOBUFS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int listen_in_vain(const rim_address *address) {
    struct rim__io io = {.descriptors = 0};
    rim_listen_options options = {.backlog = 64}; /* those that look leave a connection */
    rim_address bound;
    if (!refuse_listen()) {
        return 77; /* no filters here */
    }
    return rim__net_listen(&io, address, &options, &bound) == -ENOBUFS && io.descriptors == 0 ? 0 : 1;
}

static void net_file_goes_when_listen_fails(void) {
    rim_address address = file_of_test();
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(listen_in_vain(&address));
    }
    CU_ASSERT(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    CU_ASSERT(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
    CU_ASSERT_EQUAL(access(address.path, F_OK), -1);
}

static void net_folder_of_what_is_no_file_is_not_locked(void) {
    rim_address address = {.family = RIM_FAMILY_UNIX, .path = "@abstract"}, tcp = {.family = 4};
    CU_ASSERT_EQUAL(rim__net_lock_folder(&address), -1);
    CU_ASSERT_EQUAL(rim__net_lock_folder(&tcp), -1);
    address = (rim_address){.family = RIM_FAMILY_UNIX, .path = "/no/such/folder/name"};
    CU_ASSERT_EQUAL(rim__net_lock_folder(&address), -1);
    address = (rim_address){.family = RIM_FAMILY_UNIX, .path = "name"};
    int lock = rim__net_lock_folder(&address);
    CU_ASSERT(lock >= 0);
    CU_ASSERT_EQUAL(rim__net_lock_folder(&address), -1); /* somebody else keeps it */
    rim__net_unlock_folder(lock);
}

#define TESTS(X)                                                                                                       \
    X(net_one_of_many_takes_a_stale_file_over)                                                                         \
    X(net_file_goes_when_listen_fails)                                                                                 \
    X(net_folder_of_what_is_no_file_is_not_locked)
UNIT_SUITE(net_unix, TESTS)
