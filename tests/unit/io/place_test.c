/* SPDX-License-Identifier: MIT */
#include "io/place.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

static struct rim__memory memory;

static void check(struct rim__place *place, const char *host, uint16_t port, const char *text) {
    char got[RIM_ADDRESS_TEXT_MAX];
    rim_address address;
    CU_ASSERT_EQUAL_FATAL(rim_address_parse(host, port, &address), 0);
    CU_ASSERT_EQUAL(rim__place_set(place, &memory, &address), 0);
    rim_address back = rim__place_get(place);
    CU_ASSERT_STRING_EQUAL(rim_address_format(&back, got), text);
    CU_ASSERT_EQUAL(back.family, address.family);
}

/* One after the other, so that each takes the place of the one before. */
static void place_is_the_address_that_it_was_given(void) {
    char longest[RIM_ADDRESS_PATH_SIZE + 5] = "unix:";
    struct rim__place place = {0};
    memset(longest + 5, 'x', RIM_ADDRESS_PATH_SIZE - 1);
    longest[5] = '/';
    CU_ASSERT_EQUAL_FATAL(rim__memory_init(&memory), 0);
    check(&place, "127.0.0.1", 80, "127.0.0.1:80");
    check(&place, "unix:/a/file", 0, "unix:/a/file");
    check(&place, longest, 0, longest);
    check(&place, "unix:@name", 0, "unix:@name");
    CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 1);
    check(&place, "fe80::1%7", 65535, "[fe80::1%7]:65535");
    CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 0);
    check(&place, "unix:/a/file", 0, "unix:/a/file");
    rim__place_clear(&place, &memory);
    rim__place_clear(&place, &memory);
    CU_ASSERT_EQUAL(place.family, 0);
    CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 0);
    rim__memory_finish(&memory);
}

static void place_without_memory_is_none(void) {
    struct rim__place place = {0};
    rim_address address;
    CU_ASSERT_EQUAL_FATAL(rim__memory_init(&memory), 0);
    check(&place, "unix:/a/file", 0, "unix:/a/file");
    CU_ASSERT_EQUAL_FATAL(rim_address_parse("unix:/another", 0, &address), 0);
    rim__memory_fail(&memory, 1, true);
    CU_ASSERT_EQUAL(rim__place_set(&place, &memory, &address), -ENOMEM);
    CU_ASSERT_EQUAL(rim__place_get(&place).family, 0);
    check(&place, "::1", 9, "[::1]:9"); /* needs none */
    rim__memory_fail(&memory, 0, false);
    CU_ASSERT_EQUAL(rim__memory_blocks(&memory), 0);
    rim__memory_finish(&memory);
}

#define TESTS(X)                                                                                                       \
    X(place_is_the_address_that_it_was_given)                                                                          \
    X(place_without_memory_is_none)
UNIT_SUITE(place, TESTS)
