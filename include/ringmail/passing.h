/* SPDX-License-Identifier: MIT */
/*
 * passing.h - descriptors that travel over Unix sockets (SCM_RIGHTS), with the bytes of a stream or with a datagram.
 *
 *     rim_socket_write_with, rim_datagram_send_many  -->  RIM_SOCKET_DATA, RIM_DATAGRAM: rim_passed_take
 *
 * Who sends keeps his: copies are made by the call, and are closed when they have left. What comes is the message's:
 * who takes a descriptor closes it, and what nobody has taken is closed with the message. All are closed by exec. None
 * comes unless the receiving socket's options say how many may.
 *
 *     Order     of a stream: those that were sent with some bytes come with the message that has the first of these;
 *               it may begin with earlier bytes, and of later ones those of the next write are not in it
 *     Threads   whoever has the message
 */
#ifndef RINGMAIL_PASSING_H
#define RINGMAIL_PASSING_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RIM_PASSING_MAX 253u /* descriptors in one go: the kernel's limit */

/* How many came with this message, taken ones too. 0 of any other message. */
RIM_API uint32_t rim_passed_count(const rim_msg *msg);
/* Takes one out: the descriptor, which is the caller's from now on; or -EBADF: there is none, or it was taken. */
RIM_API RIM_MUST_CHECK int rim_passed_take(rim_msg *msg, uint32_t index);
/* Whether more were sent than there was room for, here or in the process's table: these are closed. */
RIM_API bool rim_passed_is_cut(const rim_msg *msg);

#ifdef __cplusplus
}
#endif
#endif
