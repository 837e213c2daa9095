/* SPDX-License-Identifier: MIT */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn rim__cold void rim__assert_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "ringmail: assertion failed: %s (%s:%d)\n", expression, file, line);
    abort();
}
