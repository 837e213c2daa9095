/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "ringmail/error.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#define NAME(name, value, text) [(value)-RIM_EFULL] = #name,
#define TEXT(name, value, text) [(value)-RIM_EFULL] = text,
static const char *const names[] = {RIM_ERRORS(NAME)};
static const char *const texts[] = {RIM_ERRORS(TEXT)};

static int absolute(int code) {
    return code == INT_MIN ? INT_MAX : code < 0 ? -code : code;
}

const char *rim_strerror(int code) {
    int number = absolute(code);
    if (number >= RIM_EFULL && number < RIM_ERROR_LAST) {
        return texts[number - RIM_EFULL];
    }
    const char *text = number == 0 ? "success" : strerrordesc_np(number);
    return text != NULL ? text : "unknown error";
}

const char *rim_error_name(int code) {
    int number = absolute(code);
    if (number >= RIM_EFULL && number < RIM_ERROR_LAST) {
        return names[number - RIM_EFULL];
    }
    const char *name = number == 0 ? "0" : strerrorname_np(number);
    return name != NULL ? name : "?";
}
