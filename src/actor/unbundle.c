/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "actor/bundle.h"
#include "actor/ctx.h"
#include "base/compiler.h"
#include "ringmail/error.h"

#define ANSWERS_KEPT 65536u

void rim__unbundle_release(const char *answers, size_t size) {
    struct rim__answer_head head;
    for (size_t at = 0; at < size; at += sizeof head + rim__bundle_padded(head.size)) {
        struct rim__held held;
        memcpy(&head, answers + at, sizeof head);
        if (head.state == RIM_BUNDLE_HOLDING) {
            memcpy(&held, answers + at + sizeof head, sizeof held);
            held.release(held.bytes, held.arg);
        }
    }
}

/* What is held is not the buffer's any more. */
static void let_loose(rim_unbundle *unbundle) {
    if (unbundle->holds && unbundle->answers.bytes != NULL) {
        rim__heap_note_answers(unbundle->answers.bytes, 0);
    }
    unbundle->holds = false;
}

void rim_unbundle_open(rim_unbundle *unbundle, const void *body, const rim_msg *msg) {
    if (unbundle->holds) { /* of a handler that has sent no reply */
        rim__unbundle_release(unbundle->answers.bytes, unbundle->answers.size);
    }
    let_loose(unbundle);
    unbundle->answers.failed = false;
    unbundle->answers.size = 0;
    unbundle->at = body;
    unbundle->left = rim_size(msg);
}

const void *rim_unbundle_next(rim_unbundle *unbundle, size_t *size) {
    struct rim__ask_head head;
    const char *ask = unbundle->at + sizeof head;
    *size = 0;
    if (unbundle->left < sizeof head) {
        return NULL;
    }
    memcpy(&head, unbundle->at, sizeof head);
    size_t whole = sizeof head + rim__bundle_padded(head.size);
    if (rim__unlikely(whole > unbundle->left)) { /* not from a rim_bundle */
        unbundle->left = 0;
        return NULL;
    }
    unbundle->at += whole;
    unbundle->left -= whole;
    *size = head.size;
    return ask;
}

static void add(rim_ctx *ctx, rim_unbundle *unbundle, int state, const void *bytes, size_t size) {
    rim_buffer *answers = &unbundle->answers;
    struct rim__answer_head head = {.size = (uint32_t)size, .state = state};
    size_t whole = sizeof head + rim__bundle_padded(size);
    if (size > RIM_BODY_MAX) {
        head = (struct rim__answer_head){.state = -RIM_ETOOBIG};
        whole = sizeof head;
        size = 0;
    }
    if (rim_buffer_reserve(ctx, answers, whole) == 0) {
        char *at = answers->bytes + answers->size;
        memset(at + whole - 8, 0, 8);
        memcpy(at, &head, sizeof head);
        memcpy(at + sizeof head, bytes, size);
        answers->size += whole;
    }
}

void rim_unbundle_answer(rim_ctx *ctx, rim_unbundle *unbundle, const void *bytes, size_t size) {
    add(ctx, unbundle, 0, size > 0 ? bytes : "", size);
}

void rim_unbundle_refuse(rim_ctx *ctx, rim_unbundle *unbundle, int error) {
    add(ctx, unbundle, error < 0 ? error : -RIM_EREFUSED, "", 0);
}

void rim_unbundle_hold(rim_ctx *ctx, rim_unbundle *unbundle, const void *bytes, size_t size,
                       void (*release)(void *bytes, void *arg), void *arg) {
    struct rim__held held = {(void *)(uintptr_t)bytes, size, release, arg};
    size_t before = unbundle->answers.size;
    add(ctx, unbundle, RIM_BUNDLE_HOLDING, &held, sizeof held);
    unbundle->holds = true;
    if (unbundle->answers.size == before) {
        release(held.bytes, arg);
    } else {
        rim__heap_note_answers(unbundle->answers.bytes, unbundle->answers.size);
    }
}

/* ---- the reply ---- */

/* Answers that hold memory lie in a block of the shard's, for the answerer may end before the asker has done. */
struct block {
    struct rim__memory *memory;
    size_t size;
    char answers[];
};

static void let_go(void *answers, void *arg) {
    struct block *block = arg;
    rim__unbundle_release(answers, block->size);
    rim__memory_free(block->memory, block, sizeof *block + block->size);
}

/* NULL without memory: then nothing has been released. */
static rim_msg *wrap_answers(rim_ctx *ctx, const rim_buffer *answers) {
    struct rim__memory *memory = &ctx->shard->memory;
    struct block *block = rim__memory_alloc(memory, sizeof *block + answers->size);
    rim_msg *msg = NULL;
    if (block != NULL) {
        *block = (struct block){.memory = memory, .size = answers->size};
        memcpy(block->answers, answers->bytes, answers->size);
        msg = rim_msg_wrap(ctx, RIM_BUNDLE_HOLDING, block->answers, block->size, let_go, block);
        if (msg == NULL) {
            rim__memory_free(memory, block, sizeof *block + answers->size);
        }
    }
    return msg;
}

int rim_unbundle_reply(rim_ctx *ctx, rim_unbundle *unbundle) {
    rim_buffer *answers = &unbundle->answers;
    rim_msg *msg = unbundle->holds && !answers->failed ? wrap_answers(ctx, answers) : NULL;
    bool holds = unbundle->holds;
    int error;
    let_loose(unbundle);
    if (msg != NULL) {
        error = rim_reply_msg(ctx, RIM_NIL, msg);
    } else if (holds || answers->failed) {
        rim__unbundle_release(answers->bytes, answers->size);
        error = -ENOMEM;
    } else {
        error = rim_reply(ctx, RIM_NIL, RIM_BUNDLE_PLAIN, answers->bytes, answers->size);
    }
    if (error != 0) {
        (void)rim_refuse(ctx, RIM_NIL, error); /* if it is not answered */
    }
    answers->failed = false;
    answers->size = 0;
    if (answers->room > ANSWERS_KEPT) {
        rim_buffer_clear(ctx, answers);
    }
    return error;
}
