/* SPDX-License-Identifier: MIT */
#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "unit.h"

static void check_round_trip(const char *host, uint16_t port, const char *text) {
    char got[RIM_ADDRESS_TEXT_MAX];
    rim_address address;
    CU_ASSERT_EQUAL(rim_address_parse(host, port, &address), 0);
    CU_ASSERT(rim_address_format(&address, got) == got);
    CU_ASSERT_STRING_EQUAL(got, text);
}

static void address_is_read_and_written(void) {
    check_round_trip("127.0.0.1", 80, "127.0.0.1:80");
    check_round_trip("255.255.255.255", 65535, "255.255.255.255:65535");
    check_round_trip("::1", 0, "[::1]:0");
    check_round_trip("[::1]", 65535, "[::1]:65535");
    check_round_trip("2001:DB8::5", 9, "[2001:db8::5]:9");
    check_round_trip("fe80::1%lo", 1, "[fe80::1%1]:1");
    check_round_trip("[fe80::1%7]", 1, "[fe80::1%7]:1");
    check_round_trip("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 65535,
                     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    check_round_trip("fe80:1111:2222:3333:4444:5555:6666:7777%4294967295", 65535,
                     "[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535");
}

static void address_of_nothing_is_any(void) {
    static const char *const any[] = {"", "*", "::", "0.0.0.0"};
    rim_address address;
    for (uint32_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(rim_address_parse(any[i], 5, &address), 0);
        CU_ASSERT(rim__address_is_any(&address));
        CU_ASSERT_EQUAL(address.family, i == 3 ? 4 : 6);
        CU_ASSERT_EQUAL(address.port, 5);
    }
    CU_ASSERT_EQUAL(rim_address_parse("::1", 5, &address), 0);
    CU_ASSERT(!rim__address_is_any(&address));
    CU_ASSERT_EQUAL(rim_address_parse("0.0.0.1", 5, &address), 0);
    CU_ASSERT(!rim__address_is_any(&address));
}

static void address_that_is_none_is_refused(void) {
    static const char *const bad[] = {
        "x",
        "1.2.3",
        "1.2.3.4.5",
        "[",
        "[]",
        "[::1",
        "::1]",
        ":::",
        "fe80::1%",
        "%",
        "**",
        " 1.2.3.4",
        "localhost",
        "1.2.3.256",
        "[1.2.3.4]",
        "fe80::1%nosuch",
        "fe80::1%99999999999",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    };
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rim_address address = {.port = 77};
        CU_ASSERT_EQUAL(rim_address_parse(bad[i], 1, &address), -EINVAL);
        CU_ASSERT_EQUAL(address.port, 77); /* untouched */
    }
    rim_address address;
    CU_ASSERT_EQUAL(rim_address_parse(NULL, 1, &address), -EINVAL);
    CU_ASSERT_EQUAL(rim_address_parse("::1", 1, NULL), -EINVAL);
}

static void address_survives_the_kernels_form(void) {
    static const char *const hosts[] = {"10.1.2.3", "::1", "fe80::1%3"};
    for (uint32_t i = 0; i < 3; i++) {
        union rim__sockaddr name;
        rim_address address, back;
        CU_ASSERT_EQUAL(rim_address_parse(hosts[i], 4242, &address), 0);
        socklen_t length = rim__address_to_sockaddr(&address, &name);
        CU_ASSERT_EQUAL(length, i == 0 ? sizeof name.in : sizeof name.in6);
        rim__address_from_sockaddr(&name, &back);
        CU_ASSERT_EQUAL(back.family, address.family);
        CU_ASSERT_EQUAL(back.port, 4242);
        CU_ASSERT_EQUAL(back.scope_id, address.scope_id);
        CU_ASSERT(memcmp(back.bytes, address.bytes, sizeof back.bytes) == 0);
    }
}

static void address_of_ipv4_in_ipv6_clothes_is_plain_ipv4(void) {
    union rim__sockaddr name;
    rim_address back;
    memset(&name, 0, sizeof name);
    name.in6.sin6_family = AF_INET6;
    name.in6.sin6_port = htons(80);
    CU_ASSERT_EQUAL(inet_pton(AF_INET6, "::ffff:10.0.0.1", &name.in6.sin6_addr), 1);
    rim__address_from_sockaddr(&name, &back);
    CU_ASSERT_EQUAL(back.family, 4);
    CU_ASSERT_EQUAL(back.port, 80);
    CU_ASSERT(memcmp(back.bytes, "\x0a\0\0\x01", 4) == 0);
}

static void address_of_a_unix_socket_is_a_path_or_a_name(void) {
    static const char *const hosts[] = {"unix:/tmp/a b", "unix:@name", "unix:relative"};
    char text[RIM_ADDRESS_TEXT_MAX], path[120] = "unix:";
    rim_address address, back;
    union rim__sockaddr name;
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(rim_address_parse(hosts[i], 4242, &address), 0);
        CU_ASSERT(rim__address_to_sockaddr(&address, &name) > sizeof(sa_family_t));
        rim__address_from_sockaddr(&name, &back);
        CU_ASSERT_EQUAL(back.family, RIM_FAMILY_UNIX);
        CU_ASSERT_STRING_EQUAL(rim_address_format(&back, text), hosts[i]);
    }
    memset(path + 5, 'x', 107);
    CU_ASSERT_EQUAL(rim_address_parse(path, 0, &address), 0);
    CU_ASSERT_EQUAL(rim__address_to_sockaddr(&address, &name), sizeof name.un);
    CU_ASSERT_STRING_EQUAL(rim_address_format(&address, text), path);
    path[112] = 'x';
    CU_ASSERT_EQUAL(rim_address_parse(path, 0, &address), -ENAMETOOLONG);
    CU_ASSERT_EQUAL(rim_address_parse("unix:", 0, &address), -EINVAL);
    CU_ASSERT_EQUAL(rim_address_parse("unix:@", 0, &address), -EINVAL);
    CU_ASSERT(!rim__address_is_any(&address));
}

static void address_of_another_family_is_none(void) {
    union rim__sockaddr name;
    rim_address address = {.family = 5, .port = 9};
    char text[RIM_ADDRESS_TEXT_MAX];
    CU_ASSERT_EQUAL(rim__address_to_sockaddr(&address, &name), 0);
    CU_ASSERT_STRING_EQUAL(rim_address_format(&address, text), "?:9");
    memset(&name, 0, sizeof name);
    name.any.sa_family = AF_PACKET;
    rim__address_from_sockaddr(&name, &address);
    CU_ASSERT_EQUAL(address.family, 0);
}

#define TESTS(X)                                                                                                       \
    X(address_is_read_and_written)                                                                                     \
    X(address_of_nothing_is_any)                                                                                       \
    X(address_that_is_none_is_refused)                                                                                 \
    X(address_survives_the_kernels_form)                                                                               \
    X(address_of_ipv4_in_ipv6_clothes_is_plain_ipv4)                                                                   \
    X(address_of_a_unix_socket_is_a_path_or_a_name)                                                                    \
    X(address_of_another_family_is_none)
UNIT_SUITE(address, TESTS)
