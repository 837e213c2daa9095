/* SPDX-License-Identifier: MIT */
/*
 * guard.h - reading mapped bytes whose file may be made shorter meanwhile: SIGBUS on these pages ends the reading
 * instead of the process. For rim_map_guard and rim_map_guarded (region_view.c).
 *
 *     run: the frame of this thread <- {pages, where to go on}     read(bytes)
 *     SIGBUS on this thread, within the frame's pages -> siglongjmp to run, which returns -EFAULT
 *     any other SIGBUS -> the handler from before, or its default
 *
 * It is right because SIGBUS for a page that is missing is raised by the very instruction that touches it, on the
 * thread that executes it: so the handler interrupts nothing but the user's reading, never the library, malloc or a
 * lock, and the frame that it finds is of the code that it interrupted. Jumping leaves no signal blocked: the handler
 * is installed with SA_NODEFER.
 *
 *     Threads   install: any, also at the same time: the first does it. What it writes (the handler from before) is
 *               written before the new handler is there, and constant afterwards; `stage` publishes it (release,
 * acquire) for those that come second. Frames are of their thread
 */
#ifndef RINGMAIL_IO_GUARD_H
#define RINGMAIL_IO_GUARD_H

#include <stddef.h>

struct rim__guarded {
    const void *bytes;
    size_t size;
    int (*read)(const void *bytes, size_t size, void *arg);
    void *arg;
};

/* 0: `read` has returned *result. -EFAULT: it was left. -RIM_ECONTEXT: there is no guard. */
int rim__guard_run(const struct rim__guarded *guarded, int *result);

#endif
