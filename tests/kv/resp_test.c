/* SPDX-License-Identifier: MIT */
/* The parser and the writer of the protocol, numbers and patterns. */
#include <stdlib.h>

#include "check.h"
#include "resp.h"

static bool is(struct text text, const char *wanted) {
    return text.size == strlen(wanted) && memcmp(text.at, wanted, text.size) == 0;
}

static bool arg_is(const struct resp_parser *parser, uint32_t i, const char *text) {
    return i < parser->count && is(parser->args[i], text);
}

static enum resp_result parse(struct resp_parser *parser, const char *text) {
    *parser = (struct resp_parser){.max_bulk = 1000};
    return resp_parse(parser, text_of(text));
}

static void whole_commands(void) {
    struct resp_parser parser;
    CU_ASSERT_EQUAL(parse(&parser, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\nrest"), RESP_REQUEST);
    CU_ASSERT_EQUAL(parser.count, 3);
    CU_ASSERT_TRUE(arg_is(&parser, 0, "SET") && arg_is(&parser, 1, "a") && arg_is(&parser, 2, ""));
    CU_ASSERT_EQUAL(parser.size, 26);
    resp_finish(&parser);
    CU_ASSERT_EQUAL(parse(&parser, "  get  a \r\n"), RESP_REQUEST);
    CU_ASSERT_TRUE(parser.count == 2 && arg_is(&parser, 0, "get") && arg_is(&parser, 1, "a"));
    resp_finish(&parser);
    CU_ASSERT_EQUAL(parse(&parser, "set \"a\\x41\\n\" 'it\\'s'\n"), RESP_REQUEST);
    CU_ASSERT_TRUE(arg_is(&parser, 1, "aA\n") && arg_is(&parser, 2, "it's"));
    resp_finish(&parser);
    CU_ASSERT_EQUAL(parse(&parser, "\r\n"), RESP_REQUEST);
    CU_ASSERT_EQUAL(parser.count, 0);
    CU_ASSERT_EQUAL(parser.size, 2);
    resp_finish(&parser);
    CU_ASSERT_EQUAL(parse(&parser, "*-1\r\n"), RESP_REQUEST);
    CU_ASSERT_EQUAL(parser.count, 0);
    resp_finish(&parser);
}

/* Every split of a long command: what is needed is never more than there will be. */
static void split_commands(void) {
    struct resp_parser parser = {.max_bulk = 1000};
    static const char mget[] = "*101\r\n$4\r\nMGET\r\n", key[] = "$3\r\nkey\r\n";
    char bytes[sizeof mget + 100 * sizeof key];
    size_t size = sizeof mget - 1;
    memcpy(bytes, mget, size);
    for (int i = 0; i < 100; i++, size += sizeof key - 1) {
        memcpy(bytes + size, key, sizeof key - 1);
    }
    for (size_t first = 1; first < size; first++) {
        char *piece = malloc(first); /* the sanitizers see what is read behind it */
        memcpy(piece, bytes, first);
        CU_ASSERT_EQUAL(resp_parse(&parser, (struct text){piece, first}), RESP_MORE);
        CU_ASSERT_TRUE(parser.need <= size && (parser.need == 0 || parser.need > first));
        free(piece);
    }
    CU_ASSERT_EQUAL(resp_parse(&parser, (struct text){bytes, size}), RESP_REQUEST);
    CU_ASSERT_TRUE(parser.count == 101 && parser.size == size && arg_is(&parser, 0, "MGET"));
    CU_ASSERT_TRUE(arg_is(&parser, 100, "key"));
    resp_finish(&parser);
    CU_ASSERT_EQUAL(parse(&parser, "*2\r\n$4\r\nECHO\r\n$500\r\nabc"), RESP_MORE);
    CU_ASSERT_EQUAL(parser.need, 14 + 6 + 502);
    resp_finish(&parser);
}

/* Several requests, read before the first is run. */
static void requests_in_a_row(void) {
    struct resp_parser parser = {.max_bulk = 1000};
    static const char bytes[] = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n";
    struct text left = text_of(bytes);
    CU_ASSERT_EQUAL(resp_parse(&parser, left), RESP_REQUEST);
    (void)text_shift(&left, parser.size);
    CU_ASSERT_EQUAL(resp_parse(&parser, left), RESP_REQUEST);
    CU_ASSERT_TRUE(parser.used == 3 && parser.count == 1 && is(parser.args[1], "a") && is(parser.args[2], "PING"));
    (void)text_shift(&left, parser.size);
    CU_ASSERT_EQUAL(resp_parse(&parser, left), RESP_MORE);
    CU_ASSERT_EQUAL(parser.used, 3);
    resp_finish(&parser);
}

/* What shards hand to each other: all but the name. */
static void packed_arguments(void) {
    struct resp_parser parser = {.max_bulk = 1000};
    struct text words[] = {text_of("SET"), {"a\r\n\0", 4}, text_of("")};
    char bytes[64];
    size_t size = resp_packed_size(words, 3);
    CU_ASSERT_EQUAL_FATAL(size, 3 * sizeof(uint32_t) + 4);
    resp_pack(bytes, words, 3);
    resp_pack(bytes + size, words, 1);
    struct text left = {bytes, size + resp_packed_size(words, 1)};
    CU_ASSERT_TRUE(resp_unpack(&parser, &left) && parser.count == 3 && parser.args[0].size == 0);
    CU_ASSERT_TRUE(parser.args[1].size == 4 && memcmp(parser.args[1].at, "a\r\n\0", 4) == 0 &&
                   parser.args[2].size == 0);
    CU_ASSERT_TRUE(resp_unpack(&parser, &left) && parser.count == 1 && left.size == 0);
    resp_finish(&parser);
}

static void malformed_commands(void) {
    static const struct {
        const char *bytes;
        const char *error;
    } cases[] = {
        {"*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*1\r\n:1\r\n", "-ERR Protocol error: expected '$', got ':'\r\n"},
        {"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$1001\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"get \"a\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
        {"get 'a'b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply out = {.version = 2};
        struct resp_parser parser;
        CU_ASSERT_EQUAL(parse(&parser, cases[i].bytes), RESP_BAD);
        reply_error(&out, "%s", parser.error);
        CU_ASSERT_TRUE(is(reply_text(&out), cases[i].error));
        reply_free(&out);
        resp_finish(&parser);
    }
}

/* No bytes may make the parser read outside of them; the sanitizers look on. */
static void random_bytes(void) {
    static const char alphabet[] = "*$0123456789\r\n\r\n\"' \\xabPING";
    srand(1);
    for (int i = 0; i < 50000; i++) {
        size_t size = (size_t)rand() % 40;
        char *bytes = malloc(size + 1);
        for (size_t j = 0; j < size; j++) {
            bytes[j] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        }
        bytes = realloc(bytes, size > 0 ? size : 1);
        struct resp_parser parser = {.max_bulk = 100};
        size_t used = 0;
        while (resp_parse(&parser, (struct text){bytes + used, size - used}) == RESP_REQUEST) {
            used += parser.size;
            CU_ASSERT_FATAL(used <= size && parser.size > 0);
        }
        resp_finish(&parser);
        free(bytes);
    }
}

static void replies(void) {
    struct reply out = {.version = 2};
    reply_integer(&out, INT64_MIN);
    reply_bulk(&out, (struct text){"a\0b", 3});
    reply_error(&out, "oops%s", "\r\n");
    reply_error(&out, "-NO way");
    reply_null(&out);
    reply_head(&out, '%', 2);
    out.version = 3;
    reply_null(&out);
    reply_head(&out, '%', 2);
    reply_verbatim(&out, text_of("hi"));
    static const char wanted[] =
        ":-9223372036854775808\r\n$3\r\na\0b\r\n-ERR oops  \r\n-NO way\r\n$-1\r\n*4\r\n_\r\n%2\r\n"
        "=6\r\ntxt:hi\r\n";
    CU_ASSERT_EQUAL(out.size, sizeof wanted - 1);
    CU_ASSERT_TRUE(memcmp(out.bytes, wanted, sizeof wanted - 1) == 0);
    reply_free(&out);
}

static void numbers(void) {
    static const char *const good[] = {"0", "1", "-1", "9223372036854775807", "-9223372036854775808"};
    static const char *const bad[] = {
        "", "-", "01", "+1", " 1", "1 ", "9223372036854775808", "-0", "1.5", "99999999999999999999"};
    char room[TEXT_FLOAT_MAX];
    int64_t number;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CU_ASSERT_TRUE(text_number(text_of(good[i]), &number));
        CU_ASSERT_TRUE(is(text_from_number(number, room), good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CU_ASSERT_FALSE(text_number(text_of(bad[i]), &number));
    }
    long double value;
    CU_ASSERT_TRUE(text_float(text_of("10.50"), &value));
    CU_ASSERT_TRUE(is(text_from_float(value + 0.1L, room), "10.6"));
    CU_ASSERT_TRUE(is(text_from_float(-0.0L, room), "0"));
    CU_ASSERT_FALSE(text_float(text_of("nan"), &value));
    CU_ASSERT_FALSE(text_float(text_of(" 1"), &value));
}

static void patterns(void) {
    CU_ASSERT_TRUE(text_matches(text_of(""), text_of("*")));
    CU_ASSERT_TRUE(text_matches(text_of("abbbc"), text_of("a*c")));
    CU_ASSERT_TRUE(text_matches(text_of("axc*"), text_of("a?[b-d]\\*")));
    CU_ASSERT_TRUE(text_matches(text_of("y"), text_of("[^x]")));
    CU_ASSERT_FALSE(text_matches(text_of("maxclients"), text_of("MAX*")));
    CU_ASSERT_FALSE(text_matches(text_of("x"), text_of("[^x]")));
    CU_ASSERT_FALSE(text_matches(text_of("abc"), text_of("a*d")));
    /* What makes a naive matcher take exponential time. */
    char text[2001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CU_ASSERT_FALSE(text_matches(text_of(text), text_of("a*a*a*a*a*a*a*a*a*a*a*a*b")));
}

int main(void) {
    static const struct check checks[] = {
        {"whole commands", whole_commands},
        {"split commands", split_commands},
        {"requests in a row", requests_in_a_row},
        {"packed arguments", packed_arguments},
        {"malformed commands", malformed_commands},
        {"random bytes", random_bytes},
        {"replies", replies},
        {"numbers", numbers},
        {"patterns", patterns},
    };
    return check_all("resp", checks, sizeof checks / sizeof checks[0]);
}
