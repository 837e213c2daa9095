/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/backtrace.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/peek.h"

#define STACK_BYTES  8192u
#define RING_PAGES   16u /* a power of two */
#define SAMPLE_NS    1000000u
#define PATIENCE_MS  50
#define SEGMENTS_MAX 256u
#define CALL_BYTES   8u /* as much as is looked at in front of a return address */

#if defined(__x86_64__)
#include <asm/perf_regs.h>
#define STACK_REGISTER (1ull << PERF_REG_X86_SP)

static bool is_indirect_call(const uint8_t *code) {
    return code[0] == 0xff && (code[1] & 0x38) == 0x10;
}

/* call rel32; call through a register or memory, of 2, 3, 4, 6 or 7 bytes */
static bool ends_in_call(const uint8_t code[CALL_BYTES]) {
    return code[3] == 0xe8 || is_indirect_call(code + 6) || is_indirect_call(code + 5) || is_indirect_call(code + 4) ||
           is_indirect_call(code + 2) || is_indirect_call(code + 1);
}

#elif defined(__aarch64__)
#include <asm/perf_regs.h>
#define STACK_REGISTER (1ull << PERF_REG_ARM64_SP)

/* bl, blr */
static bool ends_in_call(const uint8_t code[CALL_BYTES]) {
    uint32_t word;
    memcpy(&word, code + 4, sizeof word);
    return (word & 0xfc000000u) == 0x94000000u || (word & 0xfffffc1fu) == 0xd63f0000u;
}

#else
#define STACK_REGISTER 0

static bool ends_in_call(const uint8_t code[CALL_BYTES]) {
    (void)code;
    return false;
}
#endif

/* ---- return addresses on a stack ---- */

struct segments {
    uint32_t count;
    struct {
        uintptr_t start, end;
    } of[SEGMENTS_MAX];
};

static int add_segments(struct dl_phdr_info *info, size_t size, void *arg) {
    struct segments *segments = arg;
    (void)size;
    for (int i = 0; i < info->dlpi_phnum && segments->count < SEGMENTS_MAX; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            uintptr_t start = info->dlpi_addr + part->p_vaddr;
            segments->of[segments->count].start = start;
            segments->of[segments->count++].end = start + part->p_memsz;
        }
    }
    return 0;
}

static bool is_return_address(const struct segments *segments, uintptr_t word) {
    uint8_t code[CALL_BYTES];
    for (uint32_t i = 0; i < segments->count; i++) {
        if (word >= segments->of[i].start + CALL_BYTES && word < segments->of[i].end) {
            return rim__peek_all(word - CALL_BYTES, code, sizeof code) && ends_in_call(code);
        }
    }
    return false;
}

static void search(const uint64_t *words, size_t count, struct rim__backtrace *out) {
    static const struct segments none;
    struct segments *segments = malloc(sizeof *segments);
    if (segments == NULL) {
        return;
    }
    *segments = none;
    dl_iterate_phdr(add_segments, segments);
    for (size_t i = 0; i < count && out->count < RIM_BACKTRACE_MAX; i++) {
        if (is_return_address(segments, (uintptr_t)words[i])) {
            out->at[out->count++] = (uintptr_t)words[i];
        }
    }
    free(segments);
}

void rim__backtrace_scan(uintptr_t at, uintptr_t stack, struct rim__backtrace *out) {
    uint64_t *words = malloc(STACK_BYTES);
    *out = (struct rim__backtrace){.why_none = "its stack cannot be read"};
    if (words == NULL || at == 0) {
        free(words);
        return;
    }
    out->at[out->count++] = at;
    search(words, rim__peek(stack & ~(uintptr_t)7, words, STACK_BYTES) / sizeof *words, out);
    free(words);
}

/* ---- a sample by the kernel ---- */

/*
 * A record, with IP, REGS_USER of one register, and STACK_USER:
 *
 *     header | ip | abi | [stack pointer, unless abi is 0] | size | size bytes | [bytes of these that count]
 */
static void read_sample(const uint64_t *record, size_t size, struct rim__backtrace *out) {
    const uint64_t *at = record + 1, *end = record + size / sizeof *record;
    out->at[out->count++] = (uintptr_t)*at++;
    at += at < end && *at != 0 ? 2 : 1;
    if (at >= end || *at == 0 || at + 1 + *at / sizeof *at >= end) {
        return;
    }
    const uint64_t *words = at + 1, bytes = at[1 + *at / sizeof *at];
    search(words, (bytes < *at ? bytes : *at) / sizeof *words, out);
}

/* The ring is larger than a record, and read from its start: nothing wraps round before the first record's end. */
static void read_ring(struct perf_event_mmap_page *page, struct rim__backtrace *out) {
    const char *data = (const char *)page + (size_t)getpagesize();
    uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE); /* pairs with the kernel's release */
    for (uint64_t at = 0; at + sizeof(struct perf_event_header) <= head && at < RING_PAGES * (uint64_t)getpagesize();) {
        const struct perf_event_header *header = (const void *)(data + at);
        if (header->type == PERF_RECORD_SAMPLE || header->size == 0) {
            if (header->size > 0 && at + header->size <= head) {
                read_sample((const void *)header, header->size, out);
            }
            return;
        }
        at += header->size;
    }
}

static void explain(struct rim__backtrace *out, int error) {
    const char *hint = error == EACCES || error == EPERM
                           ? ": kernel.perf_event_paranoid must be 2 or less, and a container's filter must allow it"
                           : "";
    snprintf(out->why_none, sizeof out->why_none, "perf_event_open: %s%s", strerrordesc_np(error), hint);
}

static int open_sampler(int thread) {
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = PERF_TYPE_SOFTWARE,
        .config = PERF_COUNT_SW_TASK_CLOCK,
        .sample_period = SAMPLE_NS,
        .sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
        .sample_regs_user = STACK_REGISTER,
        .sample_stack_user = STACK_BYTES,
        .exclude_kernel = 1,
        .exclude_hv = 1,
        .wakeup_events = 1,
    };
    return (int)syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void rim__backtrace_sample(int thread, struct rim__backtrace *out) {
    *out = (struct rim__backtrace){.why_none = "the thread was not seen to compute"};
    int fd = open_sampler(thread);
    if (fd < 0) {
        explain(out, errno);
        return;
    }
    size_t size = (1 + RING_PAGES) * (size_t)getpagesize();
    void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring != MAP_FAILED) {
        poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, PATIENCE_MS);
        read_ring(ring, out);
        munmap(ring, size);
    } else {
        explain(out, errno);
    }
    close(fd);
}

/* ---- text ---- */

void rim__backtrace_line(uintptr_t at, char *text, size_t size) {
    Dl_info info;
    if (dladdr((const void *)at, &info) == 0 || info.dli_fname == NULL) {
        snprintf(text, size, "%#llx", (unsigned long long)at);
        return;
    }
    unsigned long long offset = (unsigned long long)(at - (uintptr_t)info.dli_fbase);
    if (info.dli_sname == NULL) {
        snprintf(text, size, "%s(+%#llx)", info.dli_fname, offset);
        return;
    }
    snprintf(text, size, "%s(+%#llx) %s+%#llx", info.dli_fname, offset, info.dli_sname,
             (unsigned long long)(at - (uintptr_t)info.dli_saddr));
}
