/* SPDX-License-Identifier: MIT */
/* The parser and the writer of the protocol, numbers and patterns. */
#include <stdlib.h>

#include "check.h"
#include "glob.h"
#include "number.h"
#include "resp.h"

static struct glob_text text_of(const char *text) {
    return (struct glob_text){text, strlen(text)};
}

static bool arg_is(const struct resp_parser *parser, uint32_t i, const char *text) {
    return i < parser->count && parser->args[i].size == strlen(text) &&
           memcmp(parser->args[i].at, text, parser->args[i].size) == 0;
}

static enum resp_result parse(struct resp_parser *parser, const char *text) {
    resp_init(parser, 1000);
    return resp_parse(parser, text, strlen(text));
}

static void whole_commands(void) {
    struct resp_parser parser;
    CU_ASSERT_EQUAL(parse(&parser, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\nrest"), RESP_COMMAND);
    CU_ASSERT_EQUAL(parser.count, 3);
    CU_ASSERT_TRUE(arg_is(&parser, 0, "SET") && arg_is(&parser, 1, "a") && arg_is(&parser, 2, ""));
    CU_ASSERT_EQUAL(parser.at, 26);
    resp_finish(&parser);
    CU_ASSERT_EQUAL(parse(&parser, "  get  a \r\n"), RESP_COMMAND);
    CU_ASSERT_TRUE(parser.count == 2 && arg_is(&parser, 0, "get") && arg_is(&parser, 1, "a"));
    resp_finish(&parser);
    CU_ASSERT_EQUAL(parse(&parser, "set \"a\\x41\\n\" 'it\\'s'\n"), RESP_COMMAND);
    CU_ASSERT_TRUE(arg_is(&parser, 1, "aA\n") && arg_is(&parser, 2, "it's"));
    resp_finish(&parser);
    CU_ASSERT_EQUAL(parse(&parser, "\r\n"), RESP_COMMAND);
    CU_ASSERT_EQUAL(parser.count, 0);
    CU_ASSERT_EQUAL(parser.at, 2);
    resp_finish(&parser);
    CU_ASSERT_EQUAL(parse(&parser, "*-1\r\n"), RESP_COMMAND);
    CU_ASSERT_EQUAL(parser.count, 0);
    resp_finish(&parser);
}

/* Every split of a long command into two and three pieces, with the bytes moved in between. */
static void split_commands(void) {
    static const char bytes[] =
        "*15\r\n$4\r\nMGET\r\n$1\r\na\r\n$2\r\nbb\r\n$3\r\nccc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$1\r\n"
        "g\r\n$1\r\nh\r\n$1\r\ni\r\n$1\r\nj\r\n$1\r\nk\r\n$1\r\nl\r\n$1\r\nm\r\n$4\r\nlast\r\n";
    size_t size = sizeof bytes - 1;
    for (size_t first = 1; first < size; first++) {
        for (size_t second = first; second < size; second += 7) {
            struct resp_parser parser, moved;
            char *copy = malloc(size);
            memcpy(copy, bytes, size);
            resp_init(&parser, 1000);
            CU_ASSERT_EQUAL(resp_parse(&parser, bytes, first), RESP_MORE);
            CU_ASSERT_EQUAL(resp_parse(&parser, bytes, second), RESP_MORE);
            resp_move(&moved, &parser);
            CU_ASSERT_EQUAL(resp_parse(&moved, copy, size), RESP_COMMAND);
            CU_ASSERT_TRUE(moved.count == 15 && arg_is(&moved, 14, "last") && arg_is(&moved, 2, "bb"));
            CU_ASSERT_EQUAL(moved.at, size);
            /* Read again where the bytes are elsewhere: the arguments follow. */
            CU_ASSERT_EQUAL(resp_parse(&moved, bytes, size), RESP_COMMAND);
            CU_ASSERT_PTR_EQUAL(moved.args[14].at, bytes + size - 6);
            resp_finish(&moved);
            resp_finish(&parser);
            free(copy);
        }
    }
}

static void malformed_commands(void) {
    static const struct {
        const char *bytes;
        const char *error;
    } cases[] = {
        {"*x\r\n", "Protocol error: invalid multibulk length"},
        {"*2147483648\r\n", "Protocol error: invalid multibulk length"},
        {"*1\r\n:1\r\n", "Protocol error: expected '$', got ':'"},
        {"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"},
        {"*1\r\n$1001\r\n", "Protocol error: invalid bulk length"},
        {"get \"a\r\n", "Protocol error: unbalanced quotes in request"},
        {"get 'a'b\r\n", "Protocol error: unbalanced quotes in request"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct resp_parser parser;
        CU_ASSERT_EQUAL(parse(&parser, cases[i].bytes), RESP_BAD);
        CU_ASSERT_STRING_EQUAL(parser.error, cases[i].error);
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
        struct resp_parser parser;
        resp_init(&parser, 100);
        size_t used = 0;
        while (resp_parse(&parser, bytes + used, size - used) == RESP_COMMAND) {
            used += parser.at;
            CU_ASSERT_FATAL(used <= size && parser.at > 0);
            resp_next(&parser);
        }
        resp_finish(&parser);
        free(bytes);
    }
}

static void replies(void) {
    struct buffer out = {0};
    struct buffer text = {.bytes = (char[]){"hi"}, .size = 2};
    resp_integer(&out, INT64_MIN);
    resp_bulk(&out, "a\0b", 3);
    resp_error(&out, "oops");
    resp_error(&out, "-NO way");
    resp_null(&out, 2);
    resp_null(&out, 3);
    resp_map(&out, 2, 2);
    resp_map(&out, 3, 2);
    resp_verbatim(&out, 3, text.bytes, text.size);
    static const char wanted[] =
        ":-9223372036854775808\r\n$3\r\na\0b\r\n-ERR oops\r\n-NO way\r\n$-1\r\n_\r\n*4\r\n%2\r\n"
        "=6\r\ntxt:hi\r\n";
    CU_ASSERT_EQUAL(out.size, sizeof wanted - 1);
    CU_ASSERT_TRUE(memcmp(out.bytes, wanted, sizeof wanted - 1) == 0);
    buffer_clear(&out, 0);
}

static void numbers(void) {
    static const char *const good[] = {"0", "1", "-1", "9223372036854775807", "-9223372036854775808"};
    static const char *const bad[] = {
        "", "-", "01", "+1", " 1", "1 ", "9223372036854775808", "-0", "1.5", "99999999999999999999"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t number;
        char text[NUMBER_TEXT_MAX];
        CU_ASSERT_TRUE(number_parse(good[i], strlen(good[i]), &number));
        CU_ASSERT_EQUAL(number_print(number, text), strlen(good[i]));
        CU_ASSERT_TRUE(memcmp(text, good[i], strlen(good[i])) == 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t number;
        CU_ASSERT_FALSE(number_parse(bad[i], strlen(bad[i]), &number));
    }
    long double value;
    char text[NUMBER_FLOAT_MAX];
    CU_ASSERT_TRUE(number_parse_float("10.50", 5, &value));
    CU_ASSERT_EQUAL(number_print_float(value + 0.1L, text), 4);
    CU_ASSERT_TRUE(memcmp(text, "10.6", 4) == 0);
    CU_ASSERT_FALSE(number_parse_float("nan", 3, &value));
    CU_ASSERT_FALSE(number_parse_float(" 1", 2, &value));
}

static void patterns(void) {
    CU_ASSERT_TRUE(glob_match(text_of("*"), text_of(""), false));
    CU_ASSERT_TRUE(glob_match(text_of("a*c"), text_of("abbbc"), false));
    CU_ASSERT_TRUE(glob_match(text_of("a?[b-d]\\*"), text_of("axc*"), false));
    CU_ASSERT_TRUE(glob_match(text_of("[^x]"), text_of("y"), false));
    CU_ASSERT_TRUE(glob_match(text_of("MAX*"), text_of("maxclients"), true));
    CU_ASSERT_FALSE(glob_match(text_of("MAX*"), text_of("maxclients"), false));
    CU_ASSERT_FALSE(glob_match(text_of("[^x]"), text_of("x"), false));
    CU_ASSERT_FALSE(glob_match(text_of("a*d"), text_of("abc"), false));
    /* What makes a naive matcher take exponential time. */
    char text[2001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CU_ASSERT_FALSE(glob_match(text_of("a*a*a*a*a*a*a*a*a*a*a*a*b"), text_of(text), false));
}

int main(void) {
    static const struct check checks[] = {
        {"whole commands", whole_commands},
        {"split commands", split_commands},
        {"malformed commands", malformed_commands},
        {"random bytes", random_bytes},
        {"replies", replies},
        {"numbers", numbers},
        {"patterns", patterns},
    };
    return check_all("resp", checks, sizeof checks / sizeof checks[0]);
}
