/* SPDX-License-Identifier: MIT */
/*
 * refusal.h - what becomes of a connection too many: it is told a text, as far as that leaves at once, and closed.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_REFUSAL_H
#define RINGMAIL_IO_REFUSAL_H

#include "io/service.h"

/* Takes over the descriptor. The text is copied; size 0: there is none. */
void rim__refusal_send(struct rim__service *service, int fd, const char *text, uint32_t size);

#endif
