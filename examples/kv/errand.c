/* SPDX-License-Identifier: MIT */
#include "errand.h"

#include <stdlib.h>

#include "connection.h"
#include "keeper.h"

enum step {
    STEP_TAKE = 0,  /* RENAME: the value leaves its shard */
    STEP_GIVE,      /* ... and comes to the other one */
    STEP_GIVE_BACK, /* ... or returns, if it was not wanted there */
    STEP_LOOK,      /* MSETNX: is there one of the keys already? */
    STEP_SET,       /* ... no: set them all */
    STEP_DONE,
};

struct errand {
    enum errand_kind kind;
    enum step step;
    uint64_t slot;
    uint32_t at;   /* next argument of this step to send */
    int64_t found; /* MSETNX: keys that are there */
    const char *error;
    rim_msg *taken; /* RENAME: expiry and value */
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
        rim_msg_free(c->ctx, c->errand->taken);
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

static bool send_give(struct connection *c, const struct resp_arg *key, bool only_new) {
    struct errand *errand = c->errand;
    const char *bytes = rim_body(errand->taken);
    struct ask ask = {.op = OP_GIVE, .flags = only_new ? FLAG_NX : 0, .key = key};
    memcpy(&ask.number, bytes, sizeof ask.number);
    ask.value = (struct resp_arg){bytes + sizeof ask.number, rim_size(errand->taken) - sizeof ask.number};
    return connection_ask(c, errand->slot, &ask);
}

/* Sends what the step has to send, from where it stopped. False: later. */
static bool send_step(struct connection *c) {
    struct errand *errand = c->errand;
    if (errand->step == STEP_TAKE) {
        return connection_ask(c, errand->slot, &(struct ask){.op = OP_TAKE, .key = &errand->args[1]});
    }
    if (errand->step == STEP_GIVE) {
        return send_give(c, &errand->args[2], errand->kind == ERRAND_RENAMENX);
    }
    if (errand->step == STEP_GIVE_BACK) {
        return send_give(c, &errand->args[1], true);
    }
    for (; errand->at + 1 < errand->count; errand->at += 2) {
        struct ask ask = {.op = OP_EXISTS, .key = &errand->args[errand->at]};
        if (errand->step == STEP_SET) {
            ask.op = OP_SET;
            ask.value = errand->args[errand->at + 1];
        }
        if (!connection_ask(c, errand->slot, &ask)) {
            return false;
        }
    }
    return true;
}

/* Chooses the next step when all outcomes of one are there. STEP_DONE: the errand is over, and gone. */
static enum step next_step(struct connection *c) {
    struct errand *errand = c->errand;
    switch (errand->step) {
    case STEP_TAKE:
        if (errand->taken != NULL) {
            return STEP_GIVE;
        }
        errand->error = errand->error != NULL ? errand->error : "no such key";
        finish(c, REPLY_NIL, 0);
        return STEP_DONE;
    case STEP_GIVE:
        if (errand->error != NULL || errand->found == 0) {
            return STEP_GIVE_BACK;
        }
        finish(c, errand->kind == ERRAND_RENAME ? REPLY_OK : REPLY_INTEGER, 1);
        return STEP_DONE;
    case STEP_LOOK:
        if (errand->error == NULL && errand->found == 0) {
            errand->at = 1;
            return STEP_SET;
        }
        finish(c, REPLY_INTEGER, 0);
        return STEP_DONE;
    default:
        finish(c, REPLY_INTEGER, errand->step == STEP_SET);
        return STEP_DONE;
    }
}

/* A failure to send is noted in the slot by connection_ask, and counts like a failed outcome. */
void errand_continue(struct connection *c) {
    while (c->errand != NULL) {
        struct errand *errand = c->errand;
        if (!send_step(c)) {
            return;
        }
        errand->at = errand->count;
        struct slot *slot = queue_at(&c->queue, errand->slot);
        if (slot->error != NULL && errand->error == NULL) {
            errand->error = slot->error;
        }
        if (slot->pending > 1) {
            return;
        }
        enum step step = next_step(c);
        if (step == STEP_DONE) {
            return;
        }
        errand->step = step;
    }
}

static void note(struct connection *c, struct errand *errand, int error, rim_msg *msg) {
    uint32_t kind = error == 0 ? rim_tag(msg) - KEEPER_REPLY : (uint32_t)REPLY_ERROR;
    if (kind == REPLY_INTEGER) {
        int64_t number;
        memcpy(&number, rim_body(msg), sizeof number);
        errand->found += number;
    } else if (kind == REPLY_TAKEN) {
        errand->taken = rim_take(c->ctx, msg);
        errand->error = errand->taken == NULL ? "out of memory" : NULL;
    } else if (kind == REPLY_ERROR) {
        errand->error = error != 0 ? rim_strerror(error) : "out of memory";
    }
}

void errand_outcome(struct connection *c, struct slot *slot, int error, rim_msg *msg) {
    struct errand *errand = c->errand;
    note(c, errand, error, msg);
    if (slot->pending > 1 || errand->at < errand->count) {
        return; /* more outcomes are to come, or more is to be sent when there is room */
    }
    enum step step = next_step(c);
    if (step != STEP_DONE) {
        errand->step = step;
        errand_continue(c);
    }
}
