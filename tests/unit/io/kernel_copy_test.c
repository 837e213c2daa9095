/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/mapping.h"
#include "unit.h"

#define PAGE 4096u
#define SIZE (5 * PAGE)

typedef int (*copier)(void *to, const void *from, size_t size);
static const copier copiers[] = {rim__kernel_copy, rim__kernel_copy_by_pipe};
static char from[SIZE], to[SIZE];

/* So many pages of a file that has one less. */
static char *map_cut(uint32_t pages) {
    int fd = memfd_create("cut", 0);
    CU_ASSERT_FATAL(fd >= 0 && ftruncate(fd, (off_t)(pages - 1) * PAGE) == 0);
    char *bytes = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CU_ASSERT_FATAL(bytes != MAP_FAILED);
    close(fd);
    return bytes;
}

static void kernel_copy_copies(void) {
    for (uint32_t i = 0; i < SIZE; i++) {
        from[i] = (char)(i * 31 + (i >> 8));
    }
    for (uint32_t k = 0; k < RIM_COUNT(copiers); k++) {
        memset(to, 0, sizeof to);
        CU_ASSERT_EQUAL(copiers[k](to, from + 3, SIZE - 3), 0);
        CU_ASSERT_EQUAL(memcmp(to, from + 3, SIZE - 3), 0);
        CU_ASSERT_EQUAL(copiers[k](to, from, 0), 0);
    }
}

static void kernel_copy_fails_where_there_is_no_page(void) {
    char *cut = map_cut(3);
    for (uint32_t k = 0; k < RIM_COUNT(copiers); k++) {
        CU_ASSERT_EQUAL(copiers[k](to, cut, 2 * PAGE), 0);
        CU_ASSERT_EQUAL(copiers[k](to, cut, 3 * PAGE), -EFAULT);
        CU_ASSERT_EQUAL(copiers[k](to, cut + 2 * PAGE + 9, 1), -EFAULT);
        CU_ASSERT_EQUAL(copiers[k](cut, from, 2 * PAGE), 0);
        CU_ASSERT_EQUAL(copiers[k](cut + PAGE, from, 2 * PAGE), -EFAULT);
        CU_ASSERT_EQUAL(copiers[k](cut + 2 * PAGE, from, 1), -EFAULT);
    }
    munmap(cut, 3 * PAGE);
}

#define TESTS(X)                                                                                                       \
    X(kernel_copy_copies)                                                                                              \
    X(kernel_copy_fails_where_there_is_no_page)
UNIT_SUITE(kernel_copy, TESTS)
