/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/uring_message.h"

#include "base/assert.h"
#include "io/message.h"

_Static_assert(sizeof(struct io_uring_recvmsg_out) == RIM_OP_ROOM_HEAD,
               "the kernel's header is what there is room for");

void rim__uring_message_fill(const struct rim__uring *uring, const struct rim__op *op, struct io_uring_sqe *sqe) {
    struct msghdr *message = &rim__uring_frame(uring, sqe)->message;
    *message = (struct msghdr){
        .msg_namelen = RIM_OP_ROOM_NAME,
        .msg_controllen = op->message.room - RIM_OP_ROOM_MIN,
    };
    io_uring_prep_recvmsg_multishot(sqe, op->fd, message, MSG_CMSG_CLOEXEC);
    io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    sqe->buf_group = RIM_URING_BUFFER_GROUP;
}

void rim__uring_message_read(struct rim__uring *uring, const struct rim__op *op, struct rim__completion *completion,
                             struct rim__receipt *receipt) {
    struct rim__body *body = completion->body;
    char *start = body->data;
    const struct io_uring_recvmsg_out *head = (const void *)start;
    rim__assert(body->size >= op->message.room);
    uint32_t written = body->size - op->message.room;
    uring->io.bytes_in -= op->message.room; /* they were counted with the payload */
    if (op->message.is_stream && written == 0) {
        rim__body_release(uring->io.shard, body);
        completion->body = NULL;
        completion->result = 0;
        return;
    }
    const struct msghdr message = {
        .msg_name = start + RIM_OP_ROOM_HEAD,
        .msg_namelen = head->namelen,
        .msg_control = start + RIM_OP_ROOM_MIN,
        .msg_controllen = head->controllen,
        .msg_flags = (int)head->flags,
    };
    receipt->bytes = start + op->message.room;
    rim__message_read(&message, head->payloadlen > written ? head->payloadlen : written, op->message.size, receipt);
    completion->result = receipt->result;
    completion->receipt = receipt;
    body->size = op->message.room + (uint32_t)receipt->result;
}
