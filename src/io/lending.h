/* SPDX-License-Identifier: MIT */
/*
 * lending.h - the outgoing half of a socket with rim_socket_options.zero_copy: sends whose bytes the kernel takes from
 * where they lie, and which it lets go of later. Called by output.c.
 *
 *     queue --sent--> kept by a loan --the kernel has let go of this loan and of those before--> released
 *
 * A loan is a send that has not had its notice. While there is one, whatever leaves the queue is kept by the newest:
 * of a message that went in several sends the earlier ones may still be needed, and notices need not come in order.
 * Sends of small messages, that go between, are the socket's own (output.c), and copied.
 *
 *     Life     outlives its socket and the descriptor, until the last notice; the service waits for it, and so does,
 *              once the socket has gone, a stop of the system (rim__ctx_busy). Notices that do not come before its
 *              deadline leave their memory where it is
 *     Loss     a loan that cannot be made, or that the kernel refuses for want of memory, is a copied send
 *     Bounds   what is lent counts in the kernel's send buffer; and RIM_LENDING_MAX loans a socket, then sends are
 *              copied
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_LENDING_H
#define RINGMAIL_IO_LENDING_H

#include <stdbool.h>
#include <stdint.h>

struct rim__lending;
struct rim__socket;

#define RIM_LENDING_MAX 64u

/*
 * The next send of a socket whose queue is not empty, of at most `max` pieces, for which the `op` of the socket's
 * output has room: starts it if it is one for large messages (1); 0: what `op` then names, with those bytes alone, is
 * to be sent as always; or negative: not submitted.
 */
int rim__lending_send(struct rim__socket *socket, uint32_t max);
/* Whether a loan is being sent: no other send may be. */
bool rim__lending_is_sending(const struct rim__lending *lending);
/* Asks for its early end. */
void rim__lending_cancel(struct rim__lending *lending);
/* So many bytes of the socket's queue have left, by whichever send. */
void rim__lending_consume(struct rim__socket *socket, uint32_t count);
/* The socket goes, nothing of it is being sent: what the kernel still has of its queue is kept. */
void rim__lending_leave(struct rim__socket *socket);

#endif
