/* SPDX-License-Identifier: MIT */
/*
 * echo_uring - an echo on bare io_uring, as fast as we know to make it: one multishot receive for each connection into
 * a ring of provided buffers, and a send from where the bytes lie. One send a connection is in flight at most, which
 * keeps the order; what comes meanwhile waits its turn.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

enum { ENTRIES = 1024, BUFFERS = 1024, GROUP = 1, NONE = -1, BATCH = 128 };
enum kind { ACCEPT, RECEIVE, SEND };

struct connection {
    int fd;
    int first, last;   /* buffers that wait to be sent, the first of them is on its way */
    uint32_t offset;   /* in the first */
    uint32_t receives; /* in flight: 0 or 1 */
    bool starved, ended;
    struct connection *next; /* of the starved */
};

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *memory;
static struct {
    uint32_t size;
    int next;
} use[BUFFERS];
static struct connection *starved;

static struct io_uring_sqe *prepare(void) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (sqe == NULL) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    if (sqe == NULL) {
        peer_fail("io_uring", EBUSY);
    }
    return sqe;
}

static uint64_t tag(struct connection *connection, enum kind kind) {
    return (uint64_t)(uintptr_t)connection | (uint64_t)kind;
}

static char *buffer_at(int id) {
    return memory + (size_t)id * PEER_BUFFER;
}

static void arm(struct connection *connection) {
    struct io_uring_sqe *sqe = prepare();
    io_uring_prep_recv_multishot(sqe, connection->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    io_uring_sqe_set_data64(sqe, tag(connection, RECEIVE));
    connection->receives = 1;
}

static void give_back(int id) {
    io_uring_buf_ring_add(buffers, buffer_at(id), PEER_BUFFER, (unsigned short)id, io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(buffers, 1);
    if (starved != NULL) {
        struct connection *connection = starved;
        starved = connection->next;
        connection->starved = false;
        arm(connection);
    }
}

static void send_first(struct connection *connection) {
    struct io_uring_sqe *sqe = prepare();
    int id = connection->first;
    io_uring_prep_send(sqe, connection->fd, buffer_at(id) + connection->offset, use[id].size - connection->offset,
                       MSG_NOSIGNAL);
    io_uring_sqe_set_data64(sqe, tag(connection, SEND));
}

static void end_if_done(struct connection *connection) {
    if (connection->ended && connection->receives == 0 && connection->first == NONE && !connection->starved) {
        close(connection->fd);
        free(connection);
    }
}

static void received(struct connection *connection, const struct io_uring_cqe *cqe) {
    connection->receives = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (cqe->res > 0) {
        int id = (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        use[id].size = (uint32_t)cqe->res;
        use[id].next = NONE;
        if (connection->first == NONE) {
            connection->first = connection->last = id;
            send_first(connection);
        } else {
            use[connection->last].next = id;
            connection->last = id;
        }
    } else if (cqe->res != -ENOBUFS) {
        connection->ended = true;
    }
    if (connection->receives == 0 && !connection->ended) {
        if (cqe->res == -ENOBUFS) {
            connection->starved = true;
            connection->next = starved;
            starved = connection;
        } else {
            arm(connection);
        }
    }
    end_if_done(connection);
}

static void sent(struct connection *connection, int result) {
    int id = connection->first;
    connection->offset += result > 0 ? (uint32_t)result : 0;
    if (result < 0) {
        connection->ended = true;
        shutdown(connection->fd, SHUT_RDWR);
        connection->offset = use[id].size;
    }
    if (connection->offset == use[id].size) {
        connection->offset = 0;
        connection->first = use[id].next;
        give_back(id);
    }
    if (connection->first != NONE) {
        send_first(connection);
    }
    end_if_done(connection);
}

static void accepted(int fd) {
    struct connection *connection = fd >= 0 ? calloc(1, sizeof *connection) : NULL;
    if (connection != NULL) {
        *connection = (struct connection){.fd = fd, .first = NONE, .last = NONE};
        peer_tune(fd);
        arm(connection);
    }
}

static void complete(const struct io_uring_cqe *cqe) {
    struct connection *connection = (struct connection *)(uintptr_t)(cqe->user_data & ~(uint64_t)3);
    switch ((enum kind)(cqe->user_data & 3)) {
    case ACCEPT:
        accepted(cqe->res);
        break;
    case RECEIVE:
        received(connection, cqe);
        break;
    case SEND:
        sent(connection, cqe->res);
        break;
    }
}

static void *map(size_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        peer_fail("mmap", errno);
    }
    return at;
}

static void set_up(void) {
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                     .cq_entries = 8192};
    int error = io_uring_queue_init_params(ENTRIES, &ring, &params);
    if (error != 0) {
        peer_fail("io_uring", error);
    }
    io_uring_register_ring_fd(&ring);
    buffers = map(BUFFERS * sizeof(struct io_uring_buf));
    memory = map((size_t)BUFFERS * PEER_BUFFER);
    struct io_uring_buf_reg request = {.ring_addr = (uint64_t)(uintptr_t)buffers,
                                       .ring_entries = BUFFERS,
                                       .bgid = GROUP};
    error = io_uring_register_buf_ring(&ring, &request, 0);
    if (error != 0) {
        peer_fail("provided buffers", error);
    }
    io_uring_buf_ring_init(buffers);
    for (int id = 0; id < BUFFERS; id++) {
        give_back(id);
    }
}

int main(int argc, char **argv) {
    int listener = peer_listen(peer_port(argc, argv));
    set_up();
    struct io_uring_sqe *sqe = prepare();
    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, tag(NULL, ACCEPT));
    for (;;) {
        int error = io_uring_submit_and_wait(&ring, 1);
        if (error < 0 && error != -EINTR) {
            peer_fail("io_uring_enter", error);
        }
        unsigned head, count = 0;
        struct io_uring_cqe *cqe;
        io_uring_for_each_cqe(&ring, head, cqe) {
            complete(cqe);
            count++;
        }
        io_uring_cq_advance(&ring, count);
    }
}
