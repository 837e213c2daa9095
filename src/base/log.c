/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdio.h>

void rim__log_writev(const struct rim__log *log, int level, const char *format, va_list args) {
    if (log->write == NULL || level > log->level) {
        return;
    }
    char text[512];
    vsnprintf(text, sizeof text, format, args);
    log->write(log->arg, level, text);
}

void rim__log_write(const struct rim__log *log, int level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    rim__log_writev(log, level, format, args);
    va_end(args);
}
