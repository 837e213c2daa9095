/* SPDX-License-Identifier: MIT */
#include "resp.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_SIZE 65536u
#define ARG_MIN       6u  /* bytes of the shortest argument */
#define MANY          64u /* arguments from which on it pays to wait for all */

void resp_finish(struct resp_parser *parser) {
    free(parser->args);
    free(parser->line);
    *parser = (struct resp_parser){.max_bulk = parser->max_bulk};
}

static enum resp_result bad(struct resp_parser *parser, const char *what) {
    snprintf(parser->error, sizeof parser->error, "Protocol error: %s", what);
    return RESP_BAD;
}

static bool add(struct resp_parser *parser, struct text arg) {
    if (parser->used == parser->room) {
        uint32_t room = parser->room > 0 ? 2 * parser->room : 16;
        struct text *args = realloc(parser->args, room * sizeof *args);
        if (args == NULL) {
            return false;
        }
        parser->args = args;
        parser->room = room;
    }
    parser->args[parser->used++] = arg;
    parser->count++;
    return true;
}

/* ---- arrays of bulk strings ---- */

/* The number of one or two digits that nearly every head has. False: read it with more care. */
static inline bool short_head(struct text *bytes, char type, int64_t *number) {
    const char *at = bytes->at;
    unsigned first = (unsigned)(at[1] - '0'), second = (unsigned)(at[2] - '0');
    bool single = at[2] == '\r';
    *number = single ? first : first * 10 + second;
    bool fine = at[0] == type && first <= 9 && (single || (first > 0 && second <= 9 && at[3] == '\r'));
    (void)text_shift(bytes, !fine ? 0 : single ? 4 : 5);
    return fine;
}

/* Reads "*3\r\n" or "$5\r\n" off the front. */
static enum resp_result read_head(struct resp_parser *parser, struct text *bytes, char type, int64_t *number) {
    bool bulk = type == '$';
    if (bytes->size >= 5 && short_head(bytes, type, number)) {
        return RESP_REQUEST;
    }
    const char *end = bytes->size > 0 ? memchr(bytes->at, '\r', bytes->size) : NULL;
    if (end == NULL || (size_t)(end - bytes->at) + 2 > bytes->size) {
        bool too_big = end == NULL && bytes->size > LINE_MAX_SIZE;
        return too_big ? bad(parser, bulk ? "too big bulk count string" : "too big mbulk count string") : RESP_MORE;
    }
    if (bytes->at[0] != type) {
        char text[] = "expected '$', got 'x'";
        text[sizeof text - 3] = end == bytes->at || bytes->at[0] == '\n' ? ' ' : bytes->at[0];
        return bad(parser, text);
    }
    bool fine = text_number((struct text){bytes->at + 1, (size_t)(end - bytes->at) - 1}, number);
    (void)text_shift(bytes, (size_t)(end - bytes->at) + 2);
    if (bulk) {
        return fine && *number >= 0 && (uint64_t)*number <= parser->max_bulk ? RESP_REQUEST
                                                                             : bad(parser, "invalid bulk length");
    }
    return fine && *number <= INT_MAX ? RESP_REQUEST : bad(parser, "invalid multibulk length");
}

static enum resp_result parse_array(struct resp_parser *parser, struct text bytes) {
    int64_t count = 0, size = 0;
    const char *start = bytes.at;
    enum resp_result result = read_head(parser, &bytes, '*', &count);
    for (int64_t i = 0; i < count && result == RESP_REQUEST; i++) {
        result = read_head(parser, &bytes, '$', &size);
        bool whole = result == RESP_REQUEST && (size_t)size + 2 <= bytes.size;
        if (whole && !add(parser, (struct text){bytes.at, (size_t)size})) {
            return bad(parser, "out of memory");
        }
        if (whole) {
            (void)text_shift(&bytes, (size_t)size + 2);
        } else if (result != RESP_BAD) {
            size_t rest = result == RESP_MORE ? ARG_MIN : (size_t)size + 2;
            parser->need = (size_t)(bytes.at - start) + rest + (i < MANY ? 0 : (size_t)(count - i - 1) * ARG_MIN);
            return RESP_MORE;
        }
    }
    parser->size = (size_t)(bytes.at - start);
    return result;
}

/* ---- inline requests ---- */

static char unescape(char c) {
    static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    return found != NULL ? to[found - from] : c;
}

static bool is_hex(const char *at, const char *end) {
    return end - at > 3 && at[1] == 'x' && isxdigit((unsigned char)at[2]) && isxdigit((unsigned char)at[3]);
}

/* Copies the next word to *to, without its quotes. Returns behind it; NULL: the quotes are not balanced, or something
   sticks to the last of them. */
static const char *copy_word(const char *from, const char *end, char **to) {
    char quote = '\0';
    for (; from < end && (quote != '\0' || !isspace((unsigned char)*from)); from++) {
        bool escapes = *from == '\\' && quote != '\0' && end - from > 1 && (quote == '"' || from[1] == '\'');
        if (quote == '\0' && (*from == '"' || *from == '\'')) {
            quote = *from;
        } else if (quote != '\0' && *from == quote) {
            return from + 1 == end || isspace((unsigned char)from[1]) ? from + 1 : NULL;
        } else if (escapes && quote == '"' && is_hex(from, end)) {
            *(*to)++ = (char)strtol((char[]){from[2], from[3], '\0'}, NULL, 16);
            from += 3;
        } else {
            from += escapes;
            *(*to)++ = escapes && quote == '"' ? unescape(*from) : *from;
        }
    }
    return quote == '\0' ? from : NULL;
}

static enum resp_result parse_inline(struct resp_parser *parser, struct text bytes) {
    const char *from = bytes.at, *end = memchr(bytes.at, '\n', bytes.size);
    if (end == NULL) {
        return bytes.size > LINE_MAX_SIZE ? bad(parser, "too big inline request") : RESP_MORE;
    }
    parser->size = (size_t)(end - bytes.at) + 1;
    char *to = realloc(parser->line, parser->size); /* no word is longer than it was sent */
    if (to == NULL) {
        return bad(parser, "out of memory");
    }
    parser->line = to;
    end -= end > from && end[-1] == '\r';
    while (true) {
        while (from < end && isspace((unsigned char)*from)) {
            from++;
        }
        if (from == end) {
            return RESP_REQUEST;
        }
        char *word = to;
        from = copy_word(from, end, &to);
        if (from == NULL || !add(parser, (struct text){word, (size_t)(to - word)})) {
            return bad(parser, from == NULL ? "unbalanced quotes in request" : "out of memory");
        }
    }
}

enum resp_result resp_parse(struct resp_parser *parser, struct text bytes) {
    parser->count = 0;
    parser->need = 0;
    if (bytes.size == 0) {
        return RESP_MORE;
    }
    uint32_t used = parser->used;
    enum resp_result result = bytes.at[0] == '*' ? parse_array(parser, bytes) : parse_inline(parser, bytes);
    parser->used = result == RESP_REQUEST ? parser->used : used;
    return result;
}

/* ---- from shard to shard ---- */

size_t resp_packed_size(const struct text *args, uint32_t count) {
    size_t size = count * sizeof(uint32_t);
    for (uint32_t i = 1; i < count; i++) {
        size += args[i].size;
    }
    return size;
}

void resp_pack(char *to, const struct text *args, uint32_t count) {
    char *bytes = to + count * sizeof count;
    memcpy(to, &count, sizeof count);
    for (uint32_t i = 1; i < count; i++) {
        uint32_t size = (uint32_t)args[i].size;
        memcpy(to + i * sizeof size, &size, sizeof size);
        memcpy(bytes, args[i].at, size);
        bytes += size;
    }
}

bool resp_unpack(struct resp_parser *parser, struct text *bytes) {
    uint32_t count, size;
    memcpy(&count, bytes->at, sizeof count);
    const char *sizes = text_shift(bytes, count * sizeof count);
    parser->count = parser->used = 0;
    bool fine = add(parser, (struct text){NULL, 0});
    for (uint32_t i = 1; i < count; i++) {
        memcpy(&size, sizes + i * sizeof size, sizeof size);
        fine = add(parser, (struct text){text_shift(bytes, size), size}) && fine;
    }
    return fine;
}

/* ---- replies ---- */

char *reply_reserve(struct reply *out, size_t size) {
    if (out->room - out->size < size) {
        size_t room = 2 * out->room > out->size + size ? 2 * out->room : out->size + size + 128;
        char *bytes = realloc(out->bytes, room);
        if (bytes == NULL) {
            out->failed = true;
            return NULL;
        }
        out->bytes = bytes;
        out->room = room;
    }
    return out->bytes + out->size;
}

void reply_raw(struct reply *out, struct text bytes) {
    char *to = reply_reserve(out, bytes.size);
    if (to != NULL && bytes.size > 0) {
        memcpy(to, bytes.at, bytes.size);
        out->size += bytes.size;
    }
}

static char *put_end(char *to) {
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

/* "$5\r\n" at `to`. Returns its end. */
static char *put_head(char *to, char type, int64_t number) {
    char room[TEXT_NUMBER_MAX];
    struct text digits = text_from_number(number, room);
    *to++ = type;
    memcpy(to, digits.at, digits.size);
    return put_end(to + digits.size);
}

void reply_head(struct reply *out, char type, int64_t number) {
    if (out->version != 3 && (type == '%' || type == '~')) {
        number *= type == '%' ? 2 : 1;
        type = '*';
    }
    char *to = reply_reserve(out, TEXT_NUMBER_MAX + 3);
    out->size += to != NULL ? (size_t)(put_head(to, type, number) - to) : 0;
}

void reply_integer(struct reply *out, int64_t number) {
    reply_head(out, ':', number);
}

void reply_bulk(struct reply *out, struct text text) {
    char *to = reply_reserve(out, text.size + TEXT_NUMBER_MAX + 5);
    if (to != NULL) {
        to = put_head(to, '$', (int64_t)text.size);
        memcpy(to, text.at, text.size);
        out->size = (size_t)(put_end(to + text.size) - out->bytes);
    }
}

void reply_strings(struct reply *out, const char *const *strings) {
    for (; *strings != NULL; strings++) {
        reply_bulk(out, text_of(*strings));
    }
}

void reply_format(struct reply *out, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    reply_raw(out, (struct text){text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1});
}

void reply_status(struct reply *out, const char *string) {
    reply_raw(out, text_of("+"));
    reply_raw(out, text_of(string));
    reply_raw(out, text_of("\r\n"));
}

void reply_ok(struct reply *out) {
    reply_raw(out, (struct text){"+OK\r\n", 5});
}

void reply_error(struct reply *out, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\r' || *at == '\n' ? ' ' : *at;
    }
    reply_format(out, "%s%s\r\n", text[0] != '-' ? "-ERR " : "", text);
}

void reply_null(struct reply *out) {
    reply_raw(out, text_of(out->version == 3 ? "_\r\n" : "$-1\r\n"));
}

void reply_verbatim(struct reply *out, struct text text) {
    reply_head(out, out->version == 3 ? '=' : '$', (int64_t)text.size + (out->version == 3 ? 4 : 0));
    reply_raw(out, text_of(out->version == 3 ? "txt:" : ""));
    reply_raw(out, text);
    reply_raw(out, text_of("\r\n"));
}

void reply_free(struct reply *out) {
    free(out->bytes);
    *out = (struct reply){.version = out->version};
}

void reply_shrink(struct reply *out) {
    if (out->room > 65536) {
        reply_free(out);
    }
}
