/* SPDX-License-Identifier: MIT */
#include "resp.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool text_is(struct text text, const char *word) {
    size_t i = 0;
    while (i < text.size && word[i] != '\0' && tolower((unsigned char)text.at[i]) == word[i]) {
        i++;
    }
    return i == text.size && word[i] == '\0';
}

int text_choice(struct text text, const char *const *words) {
    for (int i = 0; words[i] != NULL; i++) {
        if (text_is(text, words[i])) {
            return i;
        }
    }
    return -1;
}

/* ---- numbers ---- */

bool text_number(struct text text, int64_t *out) {
    bool negative = text.size > 0 && text.at[0] == '-';
    size_t i = negative ? 1 : 0;
    uint64_t value = 0;
    if (text.size == i || text.size > 20 || (text.at[i] == '0' && text.size > 1)) {
        return false;
    }
    for (; i < text.size; i++) {
        unsigned digit = (unsigned)(text.at[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = (int64_t)(negative ? 0 - value : value);
    return value <= (uint64_t)INT64_MAX + (negative ? 1 : 0);
}

struct text text_from_number(int64_t number, char *room) {
    size_t at = TEXT_NUMBER_MAX;
    uint64_t value = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        room[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (number < 0) {
        room[--at] = '-';
    }
    return (struct text){&room[at], TEXT_NUMBER_MAX - at};
}

bool text_float(struct text text, long double *out) {
    char copy[TEXT_FLOAT_MAX], *end;
    if (text.size == 0 || text.size >= sizeof copy || isspace((unsigned char)text.at[0])) {
        return false;
    }
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    errno = 0;
    *out = strtold(copy, &end);
    bool in_range = errno != ERANGE || !(isinf(*out) || *out == 0);
    return (size_t)(end - copy) == text.size && !isnan(*out) && in_range;
}

struct text text_from_float(long double number, char *room) {
    int size = snprintf(room, TEXT_FLOAT_MAX, "%.17Lf", number); /* always with a point */
    size_t end = size > 0 && (unsigned)size < TEXT_FLOAT_MAX ? (size_t)size : 0;
    while (end > 0 && room[end - 1] == '0') {
        end--;
    }
    if (end > 0 && room[end - 1] == '.') {
        end--;
    }
    return end == 2 && memcmp(room, "-0", 2) == 0 ? text_of("0") : (struct text){room, end};
}

/* ---- patterns ---- */

/* Takes the first thing off the pattern, which is not '*', and tells whether that is the character. */
static bool match_one(struct text *pattern, char c) {
    char first = *text_shift(pattern, 1);
    if (first != '[') {
        char wanted = first == '\\' && pattern->size > 0 ? *text_shift(pattern, 1) : first;
        return first == '?' || wanted == c;
    }
    bool found = false, negated = pattern->size > 0 && pattern->at[0] == '^';
    (void)text_shift(pattern, negated);
    while (pattern->size > 0 && pattern->at[0] != ']') {
        unsigned char low = (unsigned char)*text_shift(pattern, 1), high = low, wanted = (unsigned char)c;
        if (low == '\\' && pattern->size > 0) {
            low = high = (unsigned char)*text_shift(pattern, 1);
        } else if (pattern->size >= 2 && pattern->at[0] == '-') {
            high = (unsigned char)text_shift(pattern, 2)[1];
        }
        found |= (wanted >= low && wanted <= high) || (wanted >= high && wanted <= low);
    }
    (void)text_shift(pattern, pattern->size > 0); /* else the set is not closed, and ends with the pattern */
    return found != negated;
}

/* Only the last star needs to be tried again, so the time is bounded by pattern x text. */
bool text_matches(struct text text, struct text pattern) {
    struct text star = {NULL, 0}, from = text;
    if (text.size == 0) { /* as Redis has it: two stars do not match nothing */
        return pattern.size == 0 || (pattern.size == 1 && pattern.at[0] == '*');
    }
    while (text.size > 0) {
        if (pattern.size > 0 && pattern.at[0] == '*') {
            (void)text_shift(&pattern, 1);
            star = pattern;
            from = text;
        } else if (pattern.size > 0 && match_one(&pattern, text.at[0])) {
            (void)text_shift(&text, 1);
        } else if (star.at != NULL) {
            (void)text_shift(&from, 1);
            pattern = star;
            text = from;
        } else {
            return false;
        }
    }
    while (pattern.size > 0 && pattern.at[0] == '*') {
        (void)text_shift(&pattern, 1);
    }
    return pattern.size == 0;
}
