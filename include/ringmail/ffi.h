/* SPDX-License-Identifier: MIT */
/*
 * ffi.h - for bindings of other languages: where the fields of the structs are, and what the constants are, by name. A
 * binding that asks at its start need not know the layout of this version, and works with later ones, where structs
 * may have more fields: zeroes are the defaults of what it does not know.
 *
 *     size_t size = rim_ffi_size("rim_config");                       a block of so many zeroes
 *     rim_ffi_field("rim_config.shards", &offset, &field_size);       the number goes there
 *     rim_ffi_value("RIM_ON_SHARD", &value);
 *
 * All else is functions already: handles are plain integers, and the macros of typed.h only wrap functions.
 *
 *     Threads  any; nothing is shared
 */
#ifndef RINGMAIL_FFI_H
#define RINGMAIL_FFI_H

#include <stddef.h>
#include <stdint.h>

#include "ringmail/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a struct; 0: there is none of this name here. */
RIM_API size_t rim_ffi_size(const char *type);
/* The place of "type.field". 0, or -ENOENT: not in this version, or not meant for other languages. */
RIM_API int rim_ffi_field(const char *name, uint32_t *offset, uint32_t *size);
/* The value of a constant of an enum, or of an error code by its name. 0, -ENOENT. */
RIM_API int rim_ffi_value(const char *name, int64_t *value);

#ifdef __cplusplus
}
#endif
#endif
