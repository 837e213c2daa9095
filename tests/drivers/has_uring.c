/* SPDX-License-Identifier: MIT */
/* has_uring: for tests by scripts. Status 0: io_uring may be used here; 1: not, and a line says why. */
#include <stdio.h>

#include "support/uring_here.h"

int main(void) {
    const char *why = uring_refusal();
    if (why != NULL) {
        printf("%s\n", why);
    }
    return why != NULL;
}
