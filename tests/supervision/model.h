/* SPDX-License-Identifier: MIT */
/*
 * model.h - OTP's supervisor as a plain C model, without actors: one call does one thing to the end, as OTP's own code
 * does. The property test gives the same things to the model and to the library, and compares what happened.
 *
 * What happened is a trace of words: "+7" the init of worker 7 succeeded, "!7" failed, "?7" was not needed, "-7:257" it
 * ended with this code.
 */
#ifndef SUPERVISION_MODEL_H
#define SUPERVISION_MODEL_H

#include "ringmail.h"

enum { MODEL_NODES = 48, MODEL_TRACE = 1 << 16, MODEL_PLAN = 24 };

struct model_node {
    uint32_t number, parent; /* the root is number 0 */
    bool is_supervisor;
    enum rim_strategy strategy;
    enum rim_auto_shutdown auto_shutdown;
    uint32_t intensity; /* the period is longer than a run */
    enum rim_restart restart;
    bool significant, brutal;
    char plan[MODEL_PLAN]; /* of a worker's init: +, - or i; the last letter for ever */
    /* as it goes */
    bool up;           /* running */
    bool present;      /* its supervisor has its spec */
    uint32_t position; /* among its siblings */
    uint32_t starts, restarts;
};

struct model {
    struct model_node nodes[MODEL_NODES];
    uint32_t count;
    char trace[MODEL_TRACE];
    size_t length;
    uint32_t added;    /* children that were added later: they come last */
    bool is_unordered; /* a supervisor was killed: those below it end in no order */
    bool is_over;      /* the root has ended */
    uint32_t end_code;
};

/* The first start. False: the root did not start. */
bool model_start(struct model *model);
/* A worker ends by itself, with this code. */
void model_crash(struct model *model, uint32_t number, uint32_t code);
/* A supervisor is killed. */
void model_kill(struct model *model, uint32_t number);
/* The root is told to shut down. */
void model_stop(struct model *model);
/* Requests to the node's supervisor: what their outcome is. */
int model_terminate(struct model *model, uint32_t number);
int model_restart(struct model *model, uint32_t number);
int model_delete(struct model *model, uint32_t number);
int model_add(struct model *model, uint32_t number);

/* The tree as rim_supervisor_tree lists it: "n1+ n2- ", those below with a dot before. */
void model_list(struct model *model, char *text);
/* Letter of a plan for the start with this number. */
char model_plan(const char *plan, uint32_t start);
/* Whether the supervisor of this node runs, so that there is somebody to ask. */
bool model_has_parent(const struct model *model, uint32_t number);

#endif
