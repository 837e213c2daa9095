/* SPDX-License-Identifier: MIT */
/*
 * lookup.h - a name and its addresses: the question that dial.c gives to a helper thread, and its answer. Who resolves
 * it is the driver's choice (rim__io_ops.resolve): the C library's getaddrinfo, or the simulated world.
 *
 *     Threads  resolve: any, one for each question; it touches nothing else
 */
#ifndef RINGMAIL_IO_LOOKUP_H
#define RINGMAIL_IO_LOOKUP_H

#include <stdint.h>

#include "ringmail/socket.h"

#define RIM_LOOKUP_HOST_MAX 256u /* with the zero at its end */
#define RIM_LOOKUP_MAX      8u   /* addresses: more are not looked at */

struct rim__lookup {
    char host[RIM_LOOKUP_HOST_MAX];
    uint16_t port;
    int (*resolve)(struct rim__lookup *lookup); /* of struct rim__io_ops */
    rim_address addresses[RIM_LOOKUP_MAX];
    uint32_t count;
};

/* By getaddrinfo; blocks. 0, -RIM_ENOBODY: nobody has this name, -EAGAIN: no name server answers, or another code. */
int rim__lookup_by_system(struct rim__lookup *lookup);
/*
 * Without any system, always the same: "localhost" has ::1 and 127.0.0.1; "192-0-2-1.127-0-0-1.sim" has the IPv4
 * addresses that its parts say, in this order.
 */
int rim__lookup_simulated(struct rim__lookup *lookup);

#endif
