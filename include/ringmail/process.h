/* SPDX-License-Identifier: MIT */
/*
 * process.h - child processes as actors.
 *
 *     owner            rim_process_start: the child runs, and its streams are open (pipe.h)
 *     child -> owner   what it writes, as RIM_SOCKET_DATA of its streams; RIM_PROCESS_ENDED, once
 *
 *     Order    the streams end by themselves: what the child has written may come after RIM_PROCESS_ENDED. As with
 *              connections, an owner without a row for RIM_SOCKET_CLOSED stops with the first of them
 *     Loss     RIM_PROCESS_ENDED is not lost for want of room or memory
 *     End      when the owner ends, or rim_stop is called with the child's reference, at_end says what becomes of the
 *              child. A stop of the system waits for children that are being ended
 *     Signals  none is needed: a child is watched by a descriptor of its own (pidfd, Linux 5.4), and SIGCHLD is left
 *              alone. But who ignores SIGCHLD, or waits for any child, takes the exit status away: `error` says so
 *     Leaks    the child gets its three streams and no other descriptor, whether those have O_CLOEXEC or not; no
 *              signal is blocked or ignored in it
 *     Threads  handlers. rim_process_start takes as long as the kernel needs to load the program: 0.1 to 0.5 ms on a
 *              machine that is not busy, during which the shard waits. Where that is too long, an actor on a shard of
 *              its own starts children for the others
 */
#ifndef RINGMAIL_PROCESS_H
#define RINGMAIL_PROCESS_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum rim_process_way {
    RIM_PROCESS_NULL = 0, /* /dev/null */
    RIM_PROCESS_INHERIT,  /* that of this process */
    RIM_PROCESS_PIPE,     /* a pipe, whose other end is a stream of the owner's */
    RIM_PROCESS_FD,       /* a copy of `fd`, which stays the caller's */
    RIM_PROCESS_OUTPUT,   /* error only: the same as output */
};

typedef struct rim_process_stream {
    enum rim_process_way way;
    int fd;
} rim_process_stream;

/* What becomes of a child without an owner. */
enum rim_process_end {
    RIM_PROCESS_KILL = 0,  /* SIGKILL */
    RIM_PROCESS_TERMINATE, /* SIGTERM, and SIGKILL after patience_ns */
    RIM_PROCESS_LEAVE,     /* nothing: it runs on; its streams that are pipes are closed all the same */
};

typedef struct rim_process_options {
    const char *program;     /* a path, or a name without a slash, which is looked for in PATH */
    const char *const *argv; /* ends with NULL; its first is the name of the program; NULL: that alone */
    const char *const *env;  /* "NAME=value", ends with NULL; NULL: that of this process */
    const char *folder;      /* to run in; NULL: where this process does */
    rim_process_stream input, output, error;
    enum rim_process_end at_end;
    uint64_t patience_ns; /* 0: 5 seconds */
    bool group;           /* it gets a process group of its own, and signals are for all of that */
} rim_process_options;

typedef struct rim_process {
    rim_ref process;
    rim_ref input, output, error; /* streams of the owner's, where they are pipes; else RIM_NIL */
    int32_t pid;
} rim_process;

/*
 * Starts a child; the caller is its owner, and of its streams. 0, or with a text, and no child: -ENOENT, -EACCES,
 * -ENOEXEC, ... (the program or the folder), -EBADF (a descriptor), -EINVAL, -EMFILE, -EAGAIN (too many processes),
 * -ENOMEM, -RIM_ELIMIT, -RIM_ESTOPPING; -ENOSYS: the kernel has no pidfd.
 */
RIM_API RIM_MUST_CHECK int rim_process_start(rim_ctx *ctx, const rim_process_options *options, rim_process *out);
/* Sends a signal to the child; nothing happens to one that has exited. Any actor that has the reference. 0, -EINVAL (no
   signal), -RIM_EDOWN, -RIM_EBADREF, -ENOMEM. */
RIM_API int rim_process_signal(rim_ctx *ctx, rim_ref process, int signal);
/* SIGTERM, and SIGKILL if it has not exited after so long; 0: SIGKILL at once. As rim_process_signal. */
RIM_API int rim_process_end(rim_ctx *ctx, rim_ref process, uint64_t patience_ns);

/* RIM_PROCESS_ENDED: the last of it. Default: ignored. */
typedef struct rim_process_event {
    rim_ref process;
    int32_t pid;
    int32_t status; /* what it exited with; -1: by a signal */
    int32_t signal; /* that ended it; 0: it exited */
    int32_t error;  /* 0; -ECHILD: somebody else has taken the exit status, and neither is known */
    bool has_core;  /* it left a core dump */
} rim_process_event;

#ifdef __cplusplus
}
#endif
#endif
