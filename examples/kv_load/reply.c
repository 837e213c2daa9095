/* SPDX-License-Identifier: MIT */
#include "reply.h"

#include <stdbool.h>
#include <string.h>

/* A status or error line longer than this is not one. */
enum { LINE_MAX_SIZE = 4096 };

/* The number from `text` on, of `size` digits; -1 for the null bulk, -2 for anything else. */
static long long number_of(const char *text, size_t size) {
    if (size == 2 && memcmp(text, "-1", 2) == 0) {
        return -1;
    }
    if (size == 0 || size > 12) {
        return -2;
    }
    long long number = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -2;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

static ssize_t read_bulk(const char *bytes, size_t size, size_t bulk_max, struct reply *out) {
    size_t line = (size_t)(out->text - bytes) + out->size + 2;
    long long length = number_of(out->text, out->size);
    if (length == -1) {
        *out = (struct reply){REPLY_NULL, NULL, 0};
        return (ssize_t)line;
    }
    if (length < 0 || (unsigned long long)length > bulk_max) {
        return -1;
    }
    size_t total = line + (size_t)length + 2;
    if (size < total) {
        return 0;
    }
    *out = (struct reply){REPLY_BULK, bytes + line, (size_t)length};
    return memcmp(bytes + total - 2, "\r\n", 2) == 0 ? (ssize_t)total : -1;
}

static bool kind_of(char mark, enum reply_kind *out) {
    static const char marks[] = {'+', '-', ':', '$', '_'};
    for (size_t i = 0; i < sizeof marks; i++) {
        if (marks[i] == mark) {
            *out = (enum reply_kind)i;
            return true;
        }
    }
    return false;
}

ssize_t reply_read(const char *bytes, size_t size, size_t bulk_max, struct reply *out) {
    if (size == 0) {
        return 0;
    }
    if (!kind_of(bytes[0], &out->kind)) {
        return -1;
    }
    const char *end = memchr(bytes, '\r', size < LINE_MAX_SIZE ? size : LINE_MAX_SIZE);
    if (end == NULL) {
        return size < LINE_MAX_SIZE ? 0 : -1;
    }
    size_t line = (size_t)(end - bytes) + 2;
    if (size < line) {
        return 0;
    }
    if (end[1] != '\n') {
        return -1;
    }
    out->text = bytes + 1;
    out->size = line - 3;
    return out->kind == REPLY_BULK ? read_bulk(bytes, size, bulk_max, out) : (ssize_t)line;
}
