/* SPDX-License-Identifier: MIT */
/*
 * pipe.h - pipes, FIFOs, terminals, and the standard input and output of the process, as streams: the events and calls
 * of socket.h, for a descriptor that is no socket.
 *
 *     pipe -> owner   RIM_SOCKET_DATA..., RIM_SOCKET_END, RIM_SOCKET_SENT, RIM_SOCKET_CLOSED; no RIM_SOCKET_OPEN
 *     owner -> pipe   rim_socket_write, _flush, _shutdown, _close, _abort, _pause, _set (its time-outs), _ask
 *
 *     Ways      what can only be read takes no writes: they count as unwritten. What can only be written never tells
 *               RIM_SOCKET_DATA and RIM_SOCKET_END. A shutdown of the writing end closes it
 *     Pressure  as with sockets: an owner without room stops the reading, and the writer at the other end waits
 *     End       all writers of what is read are gone: RIM_SOCKET_END. All readers of what is written are gone: the next
 *               write ends it, -EPIPE. SIGPIPE is never raised: it is blocked in the thread of a shard that opens a
 *               pipe to be written, from then on, also where that thread is the caller's (embed.h)
 *     Threads   as of socket.h
 */
#ifndef RINGMAIL_PIPE_H
#define RINGMAIL_PIPE_H

#include "ringmail/socket.h"

#ifdef __cplusplus
extern "C" {
#endif

enum rim_pipe_ways { RIM_PIPE_READ = 1, RIM_PIPE_WRITE = 2 };

/*
 * A pipe, both ends of which are actors of the caller's: what is written to `writer` comes from `reader`. 0, or
 * -EMFILE, -ENOMEM, -RIM_ELIMIT, -RIM_ESTOPPING.
 */
RIM_API RIM_MUST_CHECK int rim_pipe_make(rim_ctx *ctx, rim_ref *reader, rim_ref *writer);
/*
 * A FIFO or a terminal by its path, for these ways (enum rim_pipe_ways). To be read, it waits for a writer, and ends
 * when all writers have gone; who opens it for both ways keeps it from ending. To be written, there must be a reader:
 * else it is -ENXIO. 0, or with a text: -ENOENT, -EACCES, -ENXIO, -EINVAL (no such ways, or it is a file: file.h), ...
 */
RIM_API RIM_MUST_CHECK int rim_pipe_open(rim_ctx *ctx, const char *path, uint32_t ways, rim_ref *out);
/*
 * Takes over a descriptor that the program has opened: a pipe's end, a terminal. The library closes it, also when it
 * returns -ENOMEM or -RIM_ELIMIT, and may set or clear its O_NONBLOCK. 0, or, and it stays the caller's: -EBADF (not
 * open, or not for these ways), -EINVAL, -EISDIR, -RIM_ESTOPPING. Simulated: -EOPNOTSUPP.
 */
RIM_API RIM_MUST_CHECK int rim_pipe_adopt(rim_ctx *ctx, int fd, uint32_t ways, rim_ref *out);
/*
 * Standard input (0), output (1) or error (2), whatever that is: a terminal, a pipe, a socket, a file. The library has
 * a copy, and the process's own descriptor stays open. Where the kind asks for it, it is opened anew by /proc, so that
 * other processes with the same terminal or pipe see no change; where that cannot be done, its O_NONBLOCK may change as
 * long as the stream is open. A file is read and written where it stands. 0, or -EBADF (closed), -EINVAL, -EMFILE, ...
 */
RIM_API RIM_MUST_CHECK int rim_pipe_standard(rim_ctx *ctx, int fd, rim_ref *out);

#ifdef __cplusplus
}
#endif
#endif
