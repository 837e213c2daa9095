/* SPDX-License-Identifier: MIT */
/*
 * Whose a Unix socket's file is. Nobody answers on one that a killed process has left, but also not on one that is
 * bound and does not listen as yet. So between looking, removing and listening nobody else may do the same: the folder
 * is locked for that (flock(2) of the folder itself, so that no file of a lock stays behind).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/address.h"
#include "io/net.h"

#define TRIES_MAX 100
#define NAP_NS    1000000

int rim__net_lock_folder(const rim_address *address) {
    const struct timespec nap = {.tv_nsec = NAP_NS};
    char folder[RIM_ADDRESS_PATH_SIZE];
    if (!rim__address_is_file(address)) {
        return -1;
    }
    memcpy(folder, address->path, sizeof folder);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        slash[slash == folder] = '\0';
    }
    int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < TRIES_MAX; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            return fd;
        }
        if (errno != EWOULDBLOCK) {
            break;
        }
        (void)nanosleep(&nap, NULL);
    }
    rim__net_unlock_folder(fd);
    return -1;
}

void rim__net_unlock_folder(int lock) {
    if (lock >= 0) {
        close(lock);
    }
}

bool rim__net_remove_stale(const rim_address *address, int type) {
    struct stat stat;
    union rim__sockaddr name;
    if (!rim__address_is_file(address) || lstat(address->path, &stat) != 0 || !S_ISSOCK(stat.st_mode)) {
        return false;
    }
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    socklen_t length = rim__address_to_sockaddr(address, &name);
    bool is_stale = connect(fd, &name.any, length) != 0 && errno == ECONNREFUSED;
    close(fd);
    return is_stale && unlink(address->path) == 0;
}

/* If another process has put its own listener in the place of ours, that file stays. */
void rim__net_unname(struct rim__io *io, const rim_address *bound, bool is_datagram) {
    (void)io;
    int lock = rim__net_lock_folder(bound);
    (void)rim__net_remove_stale(bound, is_datagram ? SOCK_DGRAM : SOCK_STREAM);
    rim__net_unlock_folder(lock);
}
