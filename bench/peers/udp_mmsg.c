/* SPDX-License-Identifier: MIT */
/*
 * udp_mmsg - a UDP echo in a loop of recvmmsg, which waits for one and takes what is there, and sendmmsg.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "peer.h"

enum { BATCH = 32 };

static char buffers[BATCH][PEER_DATAGRAM];

int main(int argc, char **argv) {
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    struct sockaddr_in names[BATCH];
    int fd = peer_bind(peer_port(argc, argv));
    memset(messages, 0, sizeof messages);
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            pieces[i] = (struct iovec){buffers[i], PEER_DATAGRAM};
            messages[i].msg_hdr = (struct msghdr){.msg_name = &names[i],
                                                  .msg_namelen = sizeof names[i],
                                                  .msg_iov = &pieces[i],
                                                  .msg_iovlen = 1};
        }
        int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        if (count < 0) {
            peer_fail("recvmmsg", errno);
        }
        for (int i = 0; i < count; i++) {
            pieces[i].iov_len = messages[i].msg_len;
        }
        for (int sent = 0; sent < count;) {
            int some = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
            if (some < 0) {
                peer_fail("sendmmsg", errno);
            }
            sent += some;
        }
    }
}
