/* SPDX-License-Identifier: MIT */
#include "resp.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "number.h"

#define LINE_MAX_SIZE 65536u

void resp_init(struct resp_parser *parser, size_t max_bulk) {
    parser->max_bulk = max_bulk;
    parser->room = RESP_FEW_ARGS;
    parser->args = parser->few;
    parser->line = NULL;
    resp_next(parser);
}

void resp_next(struct resp_parser *parser) {
    parser->at = 0;
    parser->need = 0;
    parser->want = 0;
    parser->count = 0;
    parser->base = NULL;
    if (parser->line != NULL) {
        free(parser->line);
        parser->line = NULL;
    }
}

void resp_finish(struct resp_parser *parser) {
    resp_next(parser);
    if (parser->args != parser->few) {
        free(parser->args);
    }
}

void resp_move(struct resp_parser *to, struct resp_parser *from) {
    *to = *from;
    if (from->args == from->few) {
        to->args = to->few;
    }
    resp_init(from, from->max_bulk);
}

static enum resp_result bad(struct resp_parser *parser, const char *what) {
    snprintf(parser->error, sizeof parser->error, "Protocol error: %s", what);
    return RESP_BAD;
}

static bool add(struct resp_parser *parser, const char *at, size_t size) {
    if (parser->count == parser->room) {
        bool own = parser->args != parser->few;
        uint32_t room = parser->room < RESP_FEW_ARGS ? RESP_FEW_ARGS : parser->room * 2;
        struct resp_arg *args = realloc(own ? parser->args : NULL, room * sizeof *args);
        if (args == NULL) {
            return false;
        }
        if (!own) {
            memcpy(args, parser->few, sizeof parser->few);
        }
        parser->args = args;
        parser->room = room;
    }
    parser->args[parser->count++] = (struct resp_arg){at, size};
    return true;
}

/* ---- inline commands ---- */

static unsigned hex_digit(char c) {
    return isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

static char unescape(char c) {
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return c;
    }
}

/* Unquotes what follows the quote at *from into *to. Returns behind the closing quote; NULL if there is none, or
   something sticks to it. */
static const char *unquote(const char *from, const char *end, char **to) {
    char quote = *from++;
    for (; from < end && *from != quote; from++) {
        if (*from == '\\' && quote == '"' && end - from > 3 && from[1] == 'x' && isxdigit((unsigned char)from[2]) &&
            isxdigit((unsigned char)from[3])) {
            *(*to)++ = (char)(hex_digit(from[2]) * 16 + hex_digit(from[3]));
            from += 3;
        } else if (*from == '\\' && end - from > 1 && (quote == '"' || from[1] == '\'')) {
            from++;
            *(*to)++ = quote == '"' ? unescape(*from) : *from;
        } else {
            *(*to)++ = *from;
        }
    }
    if (from == end || (from + 1 < end && !isspace((unsigned char)from[1]))) {
        return NULL;
    }
    return from + 1;
}

static enum resp_result split_quoted(struct resp_parser *parser, const char *from, const char *end) {
    char *to = parser->line = malloc((size_t)(end - from) + 1);
    if (to == NULL) {
        return RESP_NO_MEMORY;
    }
    while (true) {
        while (from < end && isspace((unsigned char)*from)) {
            from++;
        }
        if (from == end) {
            return RESP_COMMAND;
        }
        char *start = to;
        while (from != NULL && from < end && !isspace((unsigned char)*from)) {
            if (*from == '"' || *from == '\'') {
                from = unquote(from, end, &to);
                break;
            }
            *to++ = *from++;
        }
        if (from == NULL) {
            return bad(parser, "unbalanced quotes in request");
        }
        if (!add(parser, start, (size_t)(to - start))) {
            return RESP_NO_MEMORY;
        }
    }
}

static enum resp_result split_plain(struct resp_parser *parser, const char *from, const char *end) {
    while (true) {
        while (from < end && isspace((unsigned char)*from)) {
            from++;
        }
        if (from == end) {
            return RESP_COMMAND;
        }
        const char *start = from;
        while (from < end && !isspace((unsigned char)*from)) {
            from++;
        }
        if (!add(parser, start, (size_t)(from - start))) {
            return RESP_NO_MEMORY;
        }
    }
}

static enum resp_result parse_inline(struct resp_parser *parser, const char *bytes, size_t size) {
    const char *end = memchr(bytes, '\n', size);
    if (end == NULL) {
        return size > LINE_MAX_SIZE ? bad(parser, "too big inline request") : RESP_MORE;
    }
    parser->at = (size_t)(end - bytes) + 1;
    if (end > bytes && end[-1] == '\r') {
        end--;
    }
    size_t length = (size_t)(end - bytes);
    if (memchr(bytes, '"', length) != NULL || memchr(bytes, '\'', length) != NULL) {
        return split_quoted(parser, bytes, end);
    }
    return split_plain(parser, bytes, end);
}

/* ---- arrays of bulk strings ---- */

/* Reads the number on the line at parser->at, behind its first character. False: not complete, or too long. */
static bool read_line(struct resp_parser *parser, const char *bytes, size_t size, struct resp_arg *text) {
    const char *start = bytes + parser->at;
    const char *end = memchr(start, '\r', size - parser->at);
    *text = (struct resp_arg){start + 1, 0};
    if (end == NULL || end + 2 > bytes + size) {
        text->size = end == NULL ? size - parser->at : 0;
        return false;
    }
    text->size = end == start ? 0 : (size_t)(end - start) - 1;
    parser->at = (size_t)(end - bytes) + 2;
    return true;
}

static enum resp_result parse_head(struct resp_parser *parser, const char *bytes, size_t size) {
    struct resp_arg text;
    int64_t count;
    if (!read_line(parser, bytes, size, &text)) {
        return text.size > LINE_MAX_SIZE ? bad(parser, "too big mbulk count string") : RESP_MORE;
    }
    if (!number_parse(text.at, text.size, &count) || count > INT_MAX) {
        return bad(parser, "invalid multibulk length");
    }
    parser->want = count > 0 ? (uint32_t)count : 0;
    return RESP_COMMAND;
}

static enum resp_result bad_type(struct resp_parser *parser, char type) {
    char what[] = "expected '$', got '?'";
    what[sizeof what - 3] = type == '\r' || type == '\n' ? ' ' : type;
    return bad(parser, what);
}

/* The length of one or two digits that nearly every argument has: "$5\r\n". False: read the line with more care. */
static bool read_short_length(struct resp_parser *parser, const char *bytes, size_t size, int64_t *length) {
    const char *at = bytes + parser->at;
    if (size - parser->at < 5 || at[0] != '$') {
        return false;
    }
    unsigned first = (unsigned)(at[1] - '0');
    unsigned second = (unsigned)(at[2] - '0');
    if (first <= 9 && at[2] == '\r') {
        *length = first;
        parser->at += 4;
        return true;
    }
    if (first - 1 <= 8 && second <= 9 && at[3] == '\r') {
        *length = first * 10 + second;
        parser->at += 5;
        return true;
    }
    return false;
}

static enum resp_result read_length(struct resp_parser *parser, const char *bytes, size_t size, int64_t *length) {
    size_t start = parser->at;
    struct resp_arg text;
    if (!read_line(parser, bytes, size, &text)) {
        return text.size > LINE_MAX_SIZE ? bad(parser, "too big bulk count string") : RESP_MORE;
    }
    if (bytes[start] != '$') {
        return bad_type(parser, bytes[start]);
    }
    return number_parse(text.at, text.size, length) ? RESP_COMMAND : bad(parser, "invalid bulk length");
}

/* Reads one argument. MORE leaves the parser before it. */
static enum resp_result parse_bulk(struct resp_parser *parser, const char *bytes, size_t size) {
    size_t start = parser->at;
    int64_t length;
    if (start == size) {
        return RESP_MORE;
    }
    if (!read_short_length(parser, bytes, size, &length)) {
        enum resp_result result = read_length(parser, bytes, size, &length);
        if (result != RESP_COMMAND) {
            return result;
        }
    }
    if (length < 0 || (uint64_t)length > parser->max_bulk) {
        return bad(parser, "invalid bulk length");
    }
    size_t end = parser->at + (size_t)length + 2;
    if (end > size) {
        parser->need = end;
        parser->at = start;
        return RESP_MORE;
    }
    if (!add(parser, (const char *)(uintptr_t)parser->at, (size_t)length)) {
        return RESP_NO_MEMORY;
    }
    parser->at = end;
    return RESP_COMMAND;
}

/* Makes pointers of offsets, or moves them with the bytes. */
static void point_into(struct resp_parser *parser, const char *bytes) {
    uintptr_t by = (uintptr_t)bytes - (uintptr_t)parser->base;
    for (uint32_t i = 0; i < parser->count; i++) {
        parser->args[i].at = (const char *)((uintptr_t)parser->args[i].at + by);
    }
    parser->base = bytes;
}

static enum resp_result parse_array(struct resp_parser *parser, const char *bytes, size_t size) {
    if (parser->want == 0) {
        enum resp_result result = parse_head(parser, bytes, size);
        if (result != RESP_COMMAND || parser->want == 0) {
            return result;
        }
    }
    while (parser->count < parser->want) {
        enum resp_result result = parse_bulk(parser, bytes, size);
        if (result != RESP_COMMAND) {
            return result;
        }
    }
    if (parser->base != bytes) {
        point_into(parser, bytes);
    }
    return RESP_COMMAND;
}

enum resp_result resp_parse(struct resp_parser *parser, const char *bytes, size_t size) {
    if (size == 0 || size < parser->need) {
        return RESP_MORE;
    }
    if (bytes[0] == '*') {
        return parse_array(parser, bytes, size);
    }
    resp_next(parser);
    return parse_inline(parser, bytes, size);
}

bool resp_is(const struct resp_arg *arg, const char *word) {
    size_t i = 0;
    for (; i < arg->size && word[i] != '\0'; i++) {
        if (tolower((unsigned char)arg->at[i]) != word[i]) {
            return false;
        }
    }
    return i == arg->size && word[i] == '\0';
}

/* ---- replies ---- */

static void head(struct buffer *out, char type, int64_t number) {
    char text[NUMBER_TEXT_MAX + 3];
    text[0] = type;
    size_t size = 1 + number_print(number, text + 1);
    text[size++] = '\r';
    text[size++] = '\n';
    buffer_append(out, text, size);
}

void resp_integer(struct buffer *out, int64_t number) {
    head(out, ':', number);
}

void resp_bulk_head(struct buffer *out, size_t size) {
    head(out, '$', (int64_t)size);
}

void resp_bulk(struct buffer *out, const void *bytes, size_t size) {
    resp_bulk_head(out, size);
    buffer_append(out, bytes, size);
    buffer_append(out, "\r\n", 2);
}

void resp_text(struct buffer *out, const char *text) {
    resp_bulk(out, text, strlen(text));
}

void resp_status(struct buffer *out, const char *text) {
    buffer_append(out, "+", 1);
    buffer_text(out, text);
    buffer_append(out, "\r\n", 2);
}

void resp_error(struct buffer *out, const char *text) {
    if (text[0] != '-') {
        buffer_append(out, "-ERR ", 5);
    }
    buffer_text(out, text);
    buffer_append(out, "\r\n", 2);
}

void resp_array(struct buffer *out, int64_t count) {
    head(out, '*', count);
}

void resp_null(struct buffer *out, unsigned version) {
    buffer_text(out, version == 3 ? "_\r\n" : "$-1\r\n");
}

void resp_map(struct buffer *out, unsigned version, int64_t pairs) {
    head(out, version == 3 ? '%' : '*', version == 3 ? pairs : pairs * 2);
}

void resp_verbatim(struct buffer *out, unsigned version, const char *text, size_t size) {
    if (version != 3) {
        resp_bulk(out, text, size);
        return;
    }
    head(out, '=', (int64_t)size + 4);
    buffer_append(out, "txt:", 4);
    buffer_append(out, text, size);
    buffer_append(out, "\r\n", 2);
}
