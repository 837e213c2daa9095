/* SPDX-License-Identifier: MIT */
/*
 * log.h - one sink for lines, set by the user. Any thread; the user's callback sorts out the rest.
 */
#ifndef RINGMAIL_BASE_LOG_H
#define RINGMAIL_BASE_LOG_H

#include <stdarg.h>

#include "base/compiler.h"
#include "ringmail/runtime.h" /* enum rim_log_level */

struct rim__log {
    void (*write)(void *arg, int level, const char *text); /* NULL: silence */
    void *arg;
    int level;
};

/* Formats and tells, if the level is asked for. Lines are cut at 500 bytes. */
void rim__log_write(const struct rim__log *log, int level, const char *format, ...) rim__printf(3, 4);
void rim__log_writev(const struct rim__log *log, int level, const char *format, va_list args);

#endif
