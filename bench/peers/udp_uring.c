/* SPDX-License-Identifier: MIT */
/*
 * udp_uring - a UDP echo on one io_uring: a multishot recvmsg into provided buffers, and a sendmsg for each datagram
 * from where it lies. The buffer goes back when that has completed.
 */
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

#include "peer.h"

enum { BUFFERS = 256, BYTES = PEER_DATAGRAM + 64, ENTRIES = 512, RECEIVE = BUFFERS };

static struct io_uring ring;
static struct io_uring_buf_ring *provided;
static char buffers[BUFFERS][BYTES];
static struct msghdr incoming = {.msg_namelen = sizeof(struct sockaddr_in)};
static struct msghdr outgoing[BUFFERS];
static struct iovec pieces[BUFFERS];

static struct io_uring_sqe *prepare(void) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (sqe == NULL) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    return sqe;
}

static void give(int id, int place) {
    io_uring_buf_ring_add(provided, buffers[id], BYTES, (unsigned short)id, io_uring_buf_ring_mask(BUFFERS), place);
}

static void arm(int fd) {
    struct io_uring_sqe *sqe = prepare();
    io_uring_prep_recvmsg_multishot(sqe, fd, &incoming, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    sqe->buf_group = 0;
    io_uring_sqe_set_data64(sqe, RECEIVE);
}

static void answer(int fd, int id, int size) {
    struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(buffers[id], size, &incoming);
    if (out == NULL) {
        peer_fail("recvmsg", EBADMSG);
    }
    pieces[id] =
        (struct iovec){io_uring_recvmsg_payload(out, &incoming), io_uring_recvmsg_payload_length(out, size, &incoming)};
    outgoing[id] = (struct msghdr){.msg_name = io_uring_recvmsg_name(out),
                                   .msg_namelen = out->namelen,
                                   .msg_iov = &pieces[id],
                                   .msg_iovlen = 1};
    struct io_uring_sqe *sqe = prepare();
    io_uring_prep_sendmsg(sqe, fd, &outgoing[id], 0);
    io_uring_sqe_set_data64(sqe, (uint64_t)id);
}

static void open_ring(void) {
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                     .cq_entries = 8 * ENTRIES};
    int error = io_uring_queue_init_params(ENTRIES, &ring, &params);
    if (error != 0) {
        peer_fail("io_uring", error);
    }
    size_t size = BUFFERS * sizeof(struct io_uring_buf);
    provided = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct io_uring_buf_reg request = {.ring_addr = (uint64_t)(uintptr_t)provided, .ring_entries = BUFFERS};
    error = provided == MAP_FAILED ? -ENOMEM : io_uring_register_buf_ring(&ring, &request, 0);
    if (error != 0) {
        peer_fail("buffers", error);
    }
    io_uring_buf_ring_init(provided);
    for (int id = 0; id < BUFFERS; id++) {
        give(id, id);
    }
    io_uring_buf_ring_advance(provided, BUFFERS);
}

int main(int argc, char **argv) {
    int fd = peer_bind(peer_port(argc, argv));
    open_ring();
    arm(fd);
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        int returned = 0;
        io_uring_submit_and_wait(&ring, 1);
        io_uring_for_each_cqe(&ring, head, cqe) {
            count++;
            if (cqe->user_data != RECEIVE) {
                give((int)cqe->user_data, returned++);
                continue;
            }
            if (cqe->res >= 0) {
                answer(fd, (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT), cqe->res);
            } else if (cqe->res != -ENOBUFS) {
                peer_fail("recvmsg", cqe->res);
            }
            if (!(cqe->flags & IORING_CQE_F_MORE)) {
                arm(fd);
            }
        }
        io_uring_buf_ring_advance(provided, returned);
        io_uring_cq_advance(&ring, count);
    }
}
