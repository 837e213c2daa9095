/* SPDX-License-Identifier: MIT */
#include "errand.h"

#include <stdlib.h>

#include "connection.h"
#include "reply.h"

enum step {
    STEP_TAKE = 0,  /* RENAME: the value leaves its shard */
    STEP_GIVE,      /* ... and comes to the other one */
    STEP_GIVE_BACK, /* ... or returns, if it was not wanted there */
    STEP_LOOK,      /* MSETNX: is there one of the keys already? */
    STEP_SET,       /* ... no: set them all */
};

struct errand {
    enum errand_kind kind;
    enum step step;
    uint64_t slot;
    uint32_t at;   /* next argument of this step to send */
    int64_t found; /* MSETNX: keys that are there */
    const char *error;
    struct holder *taken; /* RENAME: the message with expiry and value, which are `bytes` */
    const char *bytes;
    size_t size;
    uint32_t count;
    struct resp_arg args[];
};

static struct errand *copy_call(const struct call *call) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        bytes += call->args[i].size;
    }
    struct errand *errand = malloc(sizeof *errand + call->count * sizeof *call->args + bytes);
    if (errand == NULL) {
        return NULL;
    }
    *errand = (struct errand){.count = call->count, .at = 1};
    char *to = (char *)&errand->args[call->count];
    for (uint32_t i = 0; i < call->count; i++) {
        memcpy(to, call->args[i].at, call->args[i].size);
        errand->args[i] = (struct resp_arg){to, call->args[i].size};
        to += call->args[i].size;
    }
    return errand;
}

bool errand_start(struct connection *c, enum errand_kind kind, const struct call *call) {
    struct errand *errand = copy_call(call);
    if (errand == NULL || !connection_slot(c, SLOT_ERRAND, &errand->slot)) {
        free(errand);
        return false;
    }
    errand->kind = kind;
    errand->step = kind == ERRAND_MSETNX ? STEP_LOOK : STEP_TAKE;
    queue_at(&c->queue, errand->slot)->pending = 1; /* as long as the errand lasts */
    c->errand = errand;
    errand_continue(c);
    return true;
}

void errand_free(struct connection *c) {
    if (c->errand != NULL) {
        if (c->errand->taken != NULL) {
            holder_release(c, c->errand->taken);
        }
        free(c->errand);
        c->errand = NULL;
    }
}

/* Turns the slot into one that is ready. */
static void finish(struct connection *c, enum reply_kind result, int64_t number) {
    struct slot *slot = queue_at(&c->queue, c->errand->slot);
    slot->kind = SLOT_ONE;
    slot->result = (uint8_t)result;
    slot->number = number;
    slot->error = c->errand->error;
    slot->pending--;
    errand_free(c);
}

static void send_give(struct connection *c, const struct resp_arg *key, bool only_new) {
    struct errand *errand = c->errand;
    struct ask ask = {.op = OP_GIVE, .flags = only_new ? FLAG_NX : 0, .key = key};
    memcpy(&ask.number, errand->bytes, sizeof ask.number);
    ask.count = (unsigned char)errand->bytes[sizeof ask.number];
    ask.value = (struct resp_arg){errand->bytes + TAKEN_HEAD, errand->size - TAKEN_HEAD};
    connection_ask(c, errand->slot, &ask);
}

static void send_pairs(struct connection *c) {
    struct errand *errand = c->errand;
    for (; errand->at < errand->count && !connection_is_busy(c, 1); errand->at += 2) {
        struct ask ask = {.op = OP_EXISTS, .key = &errand->args[errand->at]};
        if (errand->step == STEP_SET) {
            ask.op = OP_SET;
            ask.value = errand->args[errand->at + 1];
        }
        connection_ask(c, errand->slot, &ask);
    }
}

/* Asks for what the step needs, from where it stopped, and as far as there is room. */
static void send_step(struct connection *c) {
    struct errand *errand = c->errand;
    if (errand->step == STEP_LOOK || errand->step == STEP_SET) {
        send_pairs(c);
        return;
    }
    if (errand->step == STEP_TAKE) {
        connection_ask(c, errand->slot, &(struct ask){.op = OP_TAKE, .key = &errand->args[1]});
    } else if (errand->step == STEP_GIVE) {
        send_give(c, &errand->args[2], errand->kind == ERRAND_RENAMENX);
    } else {
        send_give(c, &errand->args[1], true);
    }
    errand->at = errand->count;
}

static bool go_to(struct errand *errand, enum step step) {
    errand->step = step;
    errand->at = 1;
    return true;
}

/* Chooses the next step when all outcomes of one are there. False: the errand is over, and gone. */
static bool advance(struct connection *c) {
    struct errand *errand = c->errand;
    switch (errand->step) {
    case STEP_TAKE:
        if (errand->taken != NULL) {
            return go_to(errand, STEP_GIVE);
        }
        errand->error = errand->error != NULL ? errand->error : "no such key";
        finish(c, REPLY_NIL, 0);
        return false;
    case STEP_GIVE:
        if (errand->error != NULL || errand->found == 0) {
            return go_to(errand, STEP_GIVE_BACK);
        }
        finish(c, errand->kind == ERRAND_RENAME ? REPLY_OK : REPLY_INTEGER, 1);
        return false;
    case STEP_LOOK:
        if (errand->error == NULL && errand->found == 0) {
            return go_to(errand, STEP_SET);
        }
        finish(c, REPLY_INTEGER, 0);
        return false;
    default:
        finish(c, REPLY_INTEGER, errand->step == STEP_SET);
        return false;
    }
}

/* An outcome that comes at once, for want of memory, finds `at` below `count`, and leaves the going on to this. */
void errand_continue(struct connection *c) {
    while (c->errand != NULL && c->errand->at < c->errand->count) {
        send_step(c);
        bool all = c->errand->at >= c->errand->count;
        if (!all || queue_at(&c->queue, c->errand->slot)->pending > 1 || !advance(c)) {
            return;
        }
    }
}

static void note(struct errand *errand, const struct outcome *outcome) {
    if (outcome->error != 0) {
        errand->error = rim_strerror(outcome->error);
    } else if (outcome->kind == REPLY_INTEGER) {
        int64_t number;
        memcpy(&number, outcome->bytes, sizeof number);
        errand->found += number;
    } else if (outcome->kind == REPLY_ERROR || (outcome->kind == REPLY_TAKEN && outcome->holder == NULL)) {
        errand->error = "out of memory";
    } else if (outcome->kind == REPLY_TAKEN) {
        errand->taken = outcome->holder;
        errand->taken->users++;
        errand->bytes = outcome->bytes;
        errand->size = outcome->size;
    }
}

void errand_outcome(struct connection *c, struct slot *slot, const struct outcome *outcome) {
    note(c->errand, outcome);
    if (slot->pending == 1 && c->errand->at >= c->errand->count && advance(c)) {
        errand_continue(c);
    }
}
