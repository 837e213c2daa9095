/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <string.h>

#include "unit.h"

struct book {
    uint32_t lines;
    int level;
    char text[1024];
};

static void keep(void *arg, int level, const char *text) {
    struct book *book = arg;
    book->lines++;
    book->level = level;
    strncpy(book->text, text, sizeof book->text - 1);
}

static void log_tells_what_is_urgent_enough(void) {
    struct book book = {0};
    struct rim__log log = {.write = keep, .arg = &book, .level = RIM_LOG_WARNING};
    rim__log_write(&log, RIM_LOG_NOTICE, "not this");
    CU_ASSERT_EQUAL(book.lines, 0);
    rim__log_write(&log, RIM_LOG_WARNING, "%s of %d", "line", 2);
    CU_ASSERT_EQUAL(book.lines, 1);
    CU_ASSERT_EQUAL(book.level, RIM_LOG_WARNING);
    CU_ASSERT_STRING_EQUAL(book.text, "line of 2");
    rim__log_write(&log, RIM_LOG_ERROR, "worse");
    CU_ASSERT_EQUAL(book.lines, 2);
    CU_ASSERT_EQUAL(book.level, RIM_LOG_ERROR);
}

static void log_cuts_lines_that_are_too_long(void) {
    struct book book = {0};
    struct rim__log log = {.write = keep, .arg = &book, .level = RIM_LOG_DEBUG};
    rim__log_write(&log, RIM_LOG_ERROR, "%0900d", 1);
    CU_ASSERT_EQUAL(book.lines, 1);
    CU_ASSERT(strlen(book.text) >= 500 && strlen(book.text) < 520);
}

static void write_into(void *arg) {
    rim__log_write(arg, RIM_LOG_ERROR, "%s", "nobody listens");
}

static void log_without_a_sink_is_silent(void) {
    struct rim__log log = {.write = NULL, .level = RIM_LOG_DEBUG};
    CU_ASSERT(!unit_aborts(write_into, &log));
    write_into(&log);
}

#define TESTS(X)                                                                                                       \
    X(log_tells_what_is_urgent_enough)                                                                                 \
    X(log_cuts_lines_that_are_too_long)                                                                                \
    X(log_without_a_sink_is_silent)
UNIT_SUITE(log, TESTS)
