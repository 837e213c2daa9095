/* SPDX-License-Identifier: MIT */
#include "resp.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_SIZE 65536u
#define FEW           (sizeof((struct resp_parser *)0)->few / sizeof(struct resp_arg))

void resp_init(struct resp_parser *parser, size_t max_bulk) {
    *parser = (struct resp_parser){.max_bulk = max_bulk};
}

void resp_next(struct resp_parser *parser) {
    parser->size = 0;
    parser->need = 0;
    parser->want = 0;
    parser->count = 0;
    if (parser->room > FEW || parser->line != NULL) {
        resp_finish(parser);
    }
}

void resp_finish(struct resp_parser *parser) {
    if (parser->room > FEW) {
        free(parser->args);
    }
    free(parser->line);
    resp_init(parser, parser->max_bulk);
}

static const char no_memory[] = "out of memory";

static enum resp_result bad(struct resp_parser *parser, const char *what) {
    parser->error = what;
    return RESP_BAD;
}

static bool grow(struct resp_parser *parser) {
    if (parser->room == 0) {
        parser->args = parser->few;
        parser->room = FEW;
        return true;
    }
    struct resp_arg *args = realloc(parser->room > FEW ? parser->args : NULL, 2 * parser->room * sizeof *args);
    if (args == NULL) {
        return false;
    }
    if (parser->room == FEW) {
        memcpy(args, parser->few, sizeof parser->few);
    }
    parser->args = args;
    parser->room *= 2;
    return true;
}

static bool add(struct resp_parser *parser, size_t at, size_t size) {
    if (parser->count == parser->room && !grow(parser)) {
        return false;
    }
    parser->args[parser->count++] = (struct resp_arg){at, size};
    return true;
}

/* ---- arrays of bulk strings ---- */

/* The number of one or two digits that nearly every head has: "$5\r\n". Returns what it took; 0: read it with more
   care. Five bytes are there. */
static inline size_t short_number(const char *at, char type, int64_t *number) {
    unsigned first = (unsigned)(at[1] - '0');
    unsigned second = (unsigned)(at[2] - '0');
    if (at[0] != type || first > 9) {
        return 0;
    }
    *number = at[2] == '\r' ? first : first * 10 + second;
    return at[2] == '\r' ? 4 : first > 0 && second <= 9 && at[3] == '\r' ? 5 : 0;
}

/* What is wrong with the heads of arrays and of bulk strings. */
static const struct head_errors {
    char type;
    const char *too_big, *invalid;
} of_array = {'*', "Protocol error: too big mbulk count string", "Protocol error: invalid multibulk length"},
  of_bulk = {'$', "Protocol error: too big bulk count string", "Protocol error: invalid bulk length"};

/* Reads the number on the line at `size`, behind its first character. */
static enum resp_result read_number(struct resp_parser *parser, struct text bytes, const struct head_errors *errors,
                                    int64_t *number) {
    const char *start = bytes.at + parser->size;
    size_t left = bytes.size - parser->size;
    const char *end = left > 0 ? memchr(start, '\r', left) : NULL;
    if (end == NULL || end + 2 > bytes.at + bytes.size) {
        return end == NULL && left > LINE_MAX_SIZE ? bad(parser, errors->too_big) : RESP_MORE;
    }
    if (*start != errors->type) {
        parser->got = *start == '\r' || *start == '\n' ? ' ' : *start;
        return bad(parser, NULL);
    }
    parser->size = (size_t)(end - bytes.at) + 2;
    bool is_number = text_number((struct text){start + 1, (size_t)(end - start) - 1}, number);
    return is_number ? RESP_REQUEST : bad(parser, errors->invalid);
}

/* Reads one argument. MORE leaves the parser before it. */
static enum resp_result parse_bulk(struct resp_parser *parser, struct text bytes) {
    size_t start = parser->size;
    int64_t length;
    size_t head = bytes.size - start >= 5 ? short_number(bytes.at + start, '$', &length) : 0;
    parser->size += head;
    if (head == 0) {
        enum resp_result result = read_number(parser, bytes, &of_bulk, &length);
        if (result != RESP_REQUEST) {
            return result;
        }
    }
    if (length < 0 || (uint64_t)length > parser->max_bulk) {
        return bad(parser, of_bulk.invalid);
    }
    size_t end = parser->size + (size_t)length + 2;
    if (end > bytes.size) {
        parser->need = end;
        parser->size = start;
        return RESP_MORE;
    }
    if (!add(parser, parser->size, (size_t)length)) {
        return bad(parser, no_memory);
    }
    parser->size = end;
    return RESP_REQUEST;
}

static enum resp_result parse_array(struct resp_parser *parser, struct text bytes) {
    if (parser->want == 0) {
        int64_t count;
        parser->size = bytes.size >= 5 ? short_number(bytes.at, '*', &count) : 0;
        enum resp_result result = parser->size > 0 ? RESP_REQUEST : read_number(parser, bytes, &of_array, &count);
        if (result != RESP_REQUEST) {
            return result;
        }
        if (count > INT_MAX) {
            return bad(parser, of_array.invalid);
        }
        parser->want = count > 0 ? (uint32_t)count : 0;
    }
    while (parser->count < parser->want) {
        enum resp_result result = parse_bulk(parser, bytes);
        if (result != RESP_REQUEST) {
            return result;
        }
    }
    parser->base = bytes.at;
    return RESP_REQUEST;
}

/* ---- inline requests ---- */

static unsigned hex_digit(char c) {
    return isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

static char unescape(char c) {
    static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    return found != NULL ? to[found - from] : c;
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
    return from == end || (from + 1 < end && !isspace((unsigned char)from[1])) ? NULL : from + 1;
}

/* Copies the next word to `to`. Returns behind it; NULL: its quotes are not balanced. */
static const char *copy_word(const char *from, const char *end, char **to) {
    while (from < end && !isspace((unsigned char)*from)) {
        if (*from == '"' || *from == '\'') {
            return unquote(from, end, to);
        }
        *(*to)++ = *from++;
    }
    return from;
}

/* Writes the line as the arguments of an array. No word grows by more than its head. */
static enum resp_result split(struct resp_parser *parser, const char *from, const char *end) {
    size_t head = TEXT_NUMBER_MAX + 5;
    char *word = malloc((size_t)(end - from) * 2 + 1);
    char *to = parser->line = malloc((size_t)(end - from + 1) * (head + 1));
    bool fine = word != NULL && to != NULL;
    while (fine && from != NULL) {
        while (from < end && isspace((unsigned char)*from)) {
            from++;
        }
        char *word_end = word;
        if (from == end) {
            break;
        }
        from = copy_word(from, end, &word_end);
        size_t size = (size_t)(word_end - word);
        to += sprintf(to, "$%zu\r\n", size);
        fine = add(parser, (size_t)(to - parser->line), size);
        memcpy(to, word, size);
        memcpy(to + size, "\r\n", 2);
        to += size + 2;
    }
    free(word);
    parser->base = parser->line;
    return !fine          ? bad(parser, no_memory)
           : from == NULL ? bad(parser, "Protocol error: unbalanced quotes in request")
                          : RESP_REQUEST;
}

static enum resp_result parse_inline(struct resp_parser *parser, struct text bytes) {
    const char *end = memchr(bytes.at, '\n', bytes.size);
    if (end == NULL) {
        return bytes.size > LINE_MAX_SIZE ? bad(parser, "Protocol error: too big inline request") : RESP_MORE;
    }
    parser->size = (size_t)(end - bytes.at) + 1;
    return split(parser, bytes.at, end > bytes.at && end[-1] == '\r' ? end - 1 : end);
}

enum resp_result resp_parse(struct resp_parser *parser, const char *bytes, size_t size) {
    if (size == 0 || size < parser->need) {
        return RESP_MORE;
    }
    if (parser->line != NULL) {
        return RESP_REQUEST;
    }
    struct text text = {bytes, size};
    return bytes[0] == '*' ? parse_array(parser, text) : parse_inline(parser, text);
}

struct text resp_shift(struct text *raw) {
    int64_t length = 0;
    size_t head = short_number(raw->at, '$', &length);
    if (head == 0) {
        const char *end = memchr(raw->at, '\r', raw->size);
        (void)text_number((struct text){raw->at + 1, (size_t)(end - raw->at) - 1}, &length);
        head = (size_t)(end - raw->at) + 2;
    }
    struct text first = {raw->at + head, (size_t)length};
    raw->at += head + first.size + 2;
    raw->size -= head + first.size + 2;
    return first;
}

/* ---- replies ---- */

void reply_raw(struct resp_out *out, const void *bytes, size_t size) {
    (void)rim_buffer_add(out->ctx, &out->text, bytes, size);
}

/* A head, "$5\r\n", at `to`, which has room for it. Returns its end. */
static char *put_head(char *to, char type, int64_t number) {
    char room[TEXT_NUMBER_MAX];
    struct text digits = text_from_number(number, room);
    *to++ = type;
    memcpy(to, digits.at, digits.size);
    to += digits.size;
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

static void head(struct resp_out *out, char type, int64_t number) {
    char line[TEXT_NUMBER_MAX + 3];
    reply_raw(out, line, (size_t)(put_head(line, type, number) - line));
}

void reply_integer(struct resp_out *out, int64_t number) {
    head(out, ':', number);
}

void reply_bulk_head(struct resp_out *out, size_t size) {
    head(out, '$', (int64_t)size);
}

void reply_bulk(struct resp_out *out, struct text text) {
    if (rim_buffer_reserve(out->ctx, &out->text, text.size + TEXT_NUMBER_MAX + 5) == 0) {
        char *start = out->text.bytes + out->text.size;
        char *to = put_head(start, '$', (int64_t)text.size);
        memcpy(to, text.at, text.size);
        memcpy(to + text.size, "\r\n", 2);
        out->text.size += (size_t)(to - start) + text.size + 2;
    }
}

void reply_string(struct resp_out *out, const char *string) {
    reply_bulk(out, text_of(string));
}

void reply_strings(struct resp_out *out, const char *const *strings) {
    for (; *strings != NULL; strings++) {
        reply_string(out, *strings);
    }
}

void reply_status(struct resp_out *out, const char *string) {
    (void)rim_buffer_format(out->ctx, &out->text, "+%s\r\n", string);
}

void reply_error(struct resp_out *out, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\r' || *at == '\n' ? ' ' : *at;
    }
    (void)rim_buffer_format(out->ctx, &out->text, "%s%s\r\n", text[0] != '-' ? "-ERR " : "", text);
}

void resp_error(const struct resp_parser *parser, struct resp_out *out) {
    if (parser->error != NULL) {
        reply_error(out, "%s", parser->error);
    } else {
        reply_error(out, "Protocol error: expected '$', got '%c'", parser->got);
    }
}

void reply_array(struct resp_out *out, uint64_t count) {
    head(out, '*', (int64_t)count);
}

void reply_null(struct resp_out *out) {
    reply_raw(out, out->version == 3 ? "_\r\n" : "$-1\r\n", out->version == 3 ? 3 : 5);
}

void reply_map(struct resp_out *out, uint64_t pairs) {
    head(out, out->version == 3 ? '%' : '*', (int64_t)(out->version == 3 ? pairs : pairs * 2));
}

void reply_set(struct resp_out *out, uint64_t count) {
    head(out, out->version == 3 ? '~' : '*', (int64_t)count);
}

void reply_verbatim(struct resp_out *out, struct text text) {
    if (out->version != 3) {
        reply_bulk(out, text);
        return;
    }
    head(out, '=', (int64_t)text.size + 4);
    reply_raw(out, "txt:", 4);
    reply_raw(out, text.at, text.size);
    reply_raw(out, "\r\n", 2);
}
