/* SPDX-License-Identifier: MIT */
/*
 * answerer.h - an actor that answers as the tag of the request says. Spawn it with a role_cast.
 */
#ifndef ANSWERER_H
#define ANSWERER_H

#include "role.h"

enum {
    ECHO = TAGS, /* replies with the body, as ADD */
    REFUSE,      /* with -EDOM */
    NEVER,       /* keeps it */
    FALL,        /* stops instead */
    WHEN,        /* replies with its deadline, a uint64_t */
    PASS,        /* forwards it as it is to cast.who */
};

extern const rim_behaviour answerer;
rim_ref answerer_spawn(struct scenario *s, uint32_t shard);

#endif
