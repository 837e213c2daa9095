/* SPDX-License-Identifier: MIT */
#include "ringmail/error.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "unit.h"

struct row {
    int code;
    const char *name, *text;
};

#define ROW(name, value, text) {name, #name, text},
static const struct row rows[] = {RIM_ERRORS(ROW)};
#define ROWS (sizeof rows / sizeof rows[0])

static void error_codes_have_name_and_text_with_either_sign(void) {
    for (uint32_t i = 0; i < ROWS; i++) {
        CU_ASSERT(strcmp(rim_error_name(-rows[i].code), rows[i].name) == 0);
        CU_ASSERT(strcmp(rim_error_name(rows[i].code), rows[i].name) == 0);
        CU_ASSERT(strcmp(rim_strerror(-rows[i].code), rows[i].text) == 0);
        CU_ASSERT(strcmp(rim_strerror(rows[i].code), rows[i].text) == 0);
    }
}

static void error_codes_have_no_gaps(void) {
    for (uint32_t i = 0; i < ROWS; i++) {
        CU_ASSERT_EQUAL(rows[i].code, RIM_EFULL + (int)i);
    }
    CU_ASSERT_EQUAL(RIM_ERROR_LAST, RIM_EFULL + (int)ROWS);
    CU_ASSERT(RIM_EFULL > 4095);
}

static void error_knows_the_words_of_the_kernel(void) {
    CU_ASSERT(strcmp(rim_error_name(-ENOMEM), "ENOMEM") == 0);
    CU_ASSERT(strcmp(rim_error_name(EADDRINUSE), "EADDRINUSE") == 0);
    CU_ASSERT(strcmp(rim_strerror(-ENOENT), strerror(ENOENT)) == 0);
    CU_ASSERT(strcmp(rim_strerror(0), "success") == 0);
    CU_ASSERT(strcmp(rim_error_name(0), "0") == 0);
}

static void error_is_never_null_for_a_number_that_is_neither(void) {
    static const int strange[] = {RIM_ERROR_LAST, -RIM_ERROR_LAST, 4096, 3000, INT_MAX, INT_MIN, INT_MIN + 1};
    for (uint32_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        CU_ASSERT(strcmp(rim_strerror(strange[i]), "unknown error") == 0);
        CU_ASSERT(strcmp(rim_error_name(strange[i]), "?") == 0);
    }
}

#define TESTS(X)                                                                                                       \
    X(error_codes_have_name_and_text_with_either_sign)                                                                 \
    X(error_codes_have_no_gaps)                                                                                        \
    X(error_knows_the_words_of_the_kernel)                                                                             \
    X(error_is_never_null_for_a_number_that_is_neither)
UNIT_SUITE(error, TESTS)
