/* SPDX-License-Identifier: MIT */
/*
 * net.h - the synchronous socket calls of struct rim__io_ops, on real descriptors: the same for every driver that
 * stands on the kernel. What they do and return is said in op.h.
 *
 * Sockets are blocking ones: io_uring waits for them by itself, and gives -EAGAIN instead where they are not. The epoll
 * driver makes its own non-blocking.
 */
#ifndef RINGMAIL_IO_NET_H
#define RINGMAIL_IO_NET_H

#include "io/op.h"

int rim__net_listen(struct rim__io *io, const rim_address *address, const rim_listen_options *options,
                    rim_address *bound);
void rim__net_unname(struct rim__io *io, const rim_address *bound, bool is_datagram);
/* fcntl F_DUPFD_CLOEXEC. */
int rim__net_duplicate(struct rim__io *io, int fd);
/* net_unix.c. The folder of a socket's file is locked against others who do the same: what unlock takes back. Nothing
   is locked where there is no file, and where that cannot be done: the folder cannot be read, somebody else locks it
   for long. */
int rim__net_lock_folder(const rim_address *address);
void rim__net_unlock_folder(int lock);
/* Whether there was a socket's file that nobody has any more, which is gone now. `type`: SOCK_STREAM, SOCK_DGRAM. To be
   called with the folder locked, until the file is there again, and answered. */
bool rim__net_remove_stale(const rim_address *address, int type);
int rim__net_socket(struct rim__io *io, const rim_address *peer);
int rim__net_names(struct rim__io *io, int fd, rim_address *local, rim_address *peer);
int rim__net_credentials(struct rim__io *io, int fd, rim_credentials *out);
int rim__net_tune(struct rim__io *io, int fd, const rim_socket_options *options, const rim_socket_options *before);
int rim__net_shutdown(struct rim__io *io, int fd, int how);
int32_t rim__net_send_now(struct rim__io *io, int fd, const struct iovec *pieces, uint32_t count);
/* net_tls.c */
int rim__net_seal(struct rim__io *io, int fd, const struct rim__tls_keys *keys);
void rim__net_say_end(struct rim__io *io, int fd);
/* net_datagram.c */
int rim__net_datagram(struct rim__io *io, const struct rim__datagram_plan *plan, rim_address *bound);
int rim__net_send_to(struct rim__io *io, int fd, const rim_address *to, struct iovec bytes);
void rim__net_receive_from(struct rim__io *io, int fd, struct rim__receipt *receipt);
/* net_letters.c */
int rim__net_send_letters(struct rim__io *io, int fd, const rim_datagram_letter *letters, uint32_t count);
bool rim__net_segments(struct rim__io *io, int fd);
/* net_datagram.c */
bool rim__net_next_error(struct rim__io *io, int fd, struct rim__receipt *receipt);
int rim__net_member(struct rim__io *io, int fd, const struct rim__membership *membership);
void rim__net_close(struct rim__io *io, int fd, bool reset);

/* The function of struct rim__io_ops, for a descriptor that does not block. net_file.c */
int64_t rim__net_send_file(struct rim__io *io, int fd, const struct rim__file_part *part);

#endif
