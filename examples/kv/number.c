/* SPDX-License-Identifier: MIT */
#include "number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool number_parse(const char *text, size_t size, int64_t *out) {
    bool negative = size > 0 && text[0] == '-';
    size_t i = negative ? 1 : 0;
    if (size == i || size > 20) {
        return false;
    }
    if (text[i] == '0') {
        *out = 0;
        return size == 1;
    }
    uint64_t value = 0;
    for (; i < size; i++) {
        unsigned digit = (unsigned)(text[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

size_t number_print(int64_t number, char *text) {
    char digits[NUMBER_TEXT_MAX];
    size_t at = sizeof digits;
    uint64_t value = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (number < 0) {
        digits[--at] = '-';
    }
    memcpy(text, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

bool number_parse_float(const char *text, size_t size, long double *out) {
    char copy[NUMBER_FLOAT_MAX];
    if (size == 0 || size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    char *end;
    errno = 0;
    long double value = strtold(copy, &end);
    if (isspace((unsigned char)copy[0]) || (size_t)(end - copy) != size || isnan(value)) {
        return false;
    }
    if (errno == EINVAL || (errno == ERANGE && (isinf(value) || value == 0))) {
        return false;
    }
    *out = value;
    return true;
}

size_t number_print_float(long double number, char *text) {
    int size = snprintf(text, NUMBER_FLOAT_MAX, "%.17Lf", number);
    if (size <= 0 || (unsigned)size >= NUMBER_FLOAT_MAX) {
        return 0;
    }
    size_t end = (size_t)size;
    if (memchr(text, '.', end) != NULL) {
        while (text[end - 1] == '0') {
            end--;
        }
        if (text[end - 1] == '.') {
            end--;
        }
    }
    if (end == 2 && memcmp(text, "-0", 2) == 0) {
        text[0] = '0';
        end = 1;
    }
    return end;
}
