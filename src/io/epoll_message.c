/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/epoll_message.h"

#include <errno.h>

#include "base/assert.h"
#include "io/message.h"

static void prepare(const struct rim__epoll *epoll, const struct rim__op *op, struct rim__epoll_batch *batch,
                    uint32_t index) {
    char *start = batch->bodies[index]->data;
    uint32_t room = op->message.room;
    batch->pieces[index] = (struct iovec){start + room, epoll->buffers.bytes - room};
    batch->messages[index] = (struct mmsghdr){.msg_hdr = {
                                                  .msg_name = start + RIM_OP_ROOM_HEAD,
                                                  .msg_namelen = RIM_OP_ROOM_NAME,
                                                  .msg_iov = &batch->pieces[index],
                                                  .msg_iovlen = 1,
                                                  .msg_control = start + RIM_OP_ROOM_MIN,
                                                  .msg_controllen = room - RIM_OP_ROOM_MIN,
                                              }};
}

/* One more than there is shows that it is all. A stream at its end would fill a batch with ends. */
static uint32_t choose_size(const struct rim__epoll *epoll, const struct rim__op *op) {
    uint32_t size = 2u * op->message.expected;
    size = size > RIM_EPOLL_BATCH ? RIM_EPOLL_BATCH : size;
    size = size < 2 ? 2 : size;
    size = op->message.is_stream ? 1 : size;
    return size < epoll->buffers.home_count ? size : epoll->buffers.home_count;
}

int rim__epoll_message_receive(struct rim__epoll *epoll, struct rim__op *op, struct rim__epoll_batch *out) {
    uint32_t size = choose_size(epoll, op);
    if (size == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < size; i++) {
        out->bodies[i] = rim__epoll_buffers_take(&epoll->buffers);
        prepare(epoll, op, out, i);
    }
    epoll->driver.enters++;
    int count = recvmmsg(op->fd, out->messages, size, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, NULL);
    int result = count < 0 ? -errno : count;
    out->count = count < 0 ? 0 : (uint32_t)count;
    out->is_short = out->count < size;
    op->message.expected = (uint8_t)out->count;
    for (uint32_t i = size; i-- > out->count;) {
        rim__epoll_buffers_put(&epoll->buffers, out->bodies[i]);
    }
    rim__assert(result != 0);
    return result;
}

bool rim__epoll_message_read(struct rim__epoll *epoll, const struct rim__op *op, struct rim__epoll_batch *batch,
                             uint32_t index, struct rim__completion *completion, struct rim__receipt *receipt) {
    struct rim__body *body = batch->bodies[index];
    const struct mmsghdr *message = &batch->messages[index];
    if (op->message.is_stream && message->msg_len == 0) {
        rim__epoll_buffers_put(&epoll->buffers, body);
        return false;
    }
    receipt->bytes = (char *)body->data + op->message.room;
    rim__message_read(&message->msg_hdr, message->msg_len, op->message.size, receipt);
    body->size = op->message.room + (uint32_t)receipt->result;
    epoll->io.bytes_in += message->msg_len;
    completion->body = body;
    completion->result = receipt->result;
    completion->receipt = receipt;
    return true;
}
