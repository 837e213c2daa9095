/* SPDX-License-Identifier: MIT */
/*
 * plugin.h - what the program and its plug-ins agree upon: the tags, the reply, and the one symbol that a plug-in has.
 */
#ifndef UPGRADE_PLUGIN_H
#define UPGRADE_PLUGIN_H

#include <ringmail.h>

enum { ADD = RIM_USER, TOTAL, ANSWER };

struct answer {
    uint64_t total, version;
};

/* The symbol is `plugin`. Its memory goes with dlclose. */
struct plugin {
    const rim_behaviour *behaviour;
    rim_migrate migrate; /* from the version before; NULL in the first */
};

#endif
