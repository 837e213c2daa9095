/* SPDX-License-Identifier: MIT */
/*
 * compiler.h - what the compiler is told beyond C11.
 */
#ifndef RINGMAIL_BASE_COMPILER_H
#define RINGMAIL_BASE_COMPILER_H

#include <stddef.h>

/* Two lines: the hardware fetches them in pairs, so this is the distance that keeps two writers apart. */
#define RIM_CACHE_LINE 128

#define rim__likely(x)                   __builtin_expect(!!(x), 1)
#define rim__unlikely(x)                 __builtin_expect(!!(x), 0)
#define rim__cold                        __attribute__((cold, noinline))
#define rim__hot                         __attribute__((hot, aligned(64))) /* so that code elsewhere does not move it */
#define rim__always_inline               inline __attribute__((always_inline))
#define rim__unused                      __attribute__((unused))
#define rim__aligned(n)                  __attribute__((aligned(n)))
#define rim__printf(format_at, first_at) __attribute__((format(printf, format_at, first_at)))

#define rim__container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* A moment's rest in a loop that waits for another core. */
#if defined(__x86_64__) || defined(__i386__)
#define rim__relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define rim__relax() __asm__ volatile("isb" ::: "memory")
#else
#define rim__relax() __asm__ volatile("" ::: "memory")
#endif

/* Sanitizer builds take every block from malloc (memory_plain.c), so that each is seen. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RIM_POOLED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RIM_POOLED 0
#endif
#endif
#ifndef RIM_POOLED
#define RIM_POOLED 1
#endif

#endif
