/* SPDX-License-Identifier: MIT */
#include "glob.h"

#include <ctype.h>

static int fold(char c, bool ignore_case) {
    return ignore_case ? tolower((unsigned char)c) : (unsigned char)c;
}

static void skip(struct glob_text *text, size_t count) {
    text->at += count;
    text->size -= count;
}

/* Matches one character against a [set] and moves the pattern behind it; a set that is not closed ends with the
   pattern. */
static bool match_set(struct glob_text *pattern, char c, bool ignore_case) {
    int wanted = fold(c, ignore_case);
    bool found = false;
    skip(pattern, 1);
    bool negated = pattern->size > 0 && pattern->at[0] == '^';
    if (negated) {
        skip(pattern, 1);
    }
    while (pattern->size > 0 && pattern->at[0] != ']') {
        if (pattern->at[0] == '\\' && pattern->size >= 2) {
            found |= (unsigned char)pattern->at[1] == (unsigned char)c;
            skip(pattern, 2);
        } else if (pattern->size >= 3 && pattern->at[1] == '-') {
            int low = (unsigned char)pattern->at[0];
            int high = (unsigned char)pattern->at[2];
            if (low > high) {
                int swap = low;
                low = high;
                high = swap;
            }
            found |= wanted >= fold((char)low, ignore_case) && wanted <= fold((char)high, ignore_case);
            skip(pattern, 3);
        } else {
            found |= fold(pattern->at[0], ignore_case) == wanted;
            skip(pattern, 1);
        }
    }
    if (pattern->size > 0) {
        skip(pattern, 1);
    }
    return found != negated;
}

/* Matches one character against whatever the pattern starts with, which is not '*'. */
static bool match_one(struct glob_text *pattern, char c, bool ignore_case) {
    if (pattern->at[0] == '[') {
        return match_set(pattern, c, ignore_case);
    }
    if (pattern->at[0] == '?') {
        skip(pattern, 1);
        return true;
    }
    if (pattern->at[0] == '\\' && pattern->size >= 2) {
        skip(pattern, 1);
    }
    bool same = fold(pattern->at[0], ignore_case) == fold(c, ignore_case);
    skip(pattern, 1);
    return same;
}

/* Only the last star needs to be tried again, so the time is bounded by pattern x text. */
bool glob_match(struct glob_text pattern, struct glob_text text, bool ignore_case) {
    if (text.size == 0) { /* as Redis has it: two stars do not match nothing */
        return pattern.size == 0 || (pattern.size == 1 && pattern.at[0] == '*');
    }
    struct glob_text star = {NULL, 0};
    struct glob_text from = text;
    while (text.size > 0) {
        if (pattern.size > 0 && pattern.at[0] == '*') {
            skip(&pattern, 1);
            star = pattern;
            from = text;
            if (pattern.size == 0) {
                return true;
            }
        } else if (pattern.size > 0 && match_one(&pattern, text.at[0], ignore_case)) {
            skip(&text, 1);
        } else if (star.at != NULL) {
            skip(&from, 1);
            pattern = star;
            text = from;
        } else {
            return false;
        }
    }
    while (pattern.size > 0 && pattern.at[0] == '*') {
        skip(&pattern, 1);
    }
    return pattern.size == 0;
}
