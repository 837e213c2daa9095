/* SPDX-License-Identifier: MIT */
/*
 * options.h - the flags of the program.
 */
#ifndef KV_OPTIONS_H
#define KV_OPTIONS_H

#include "server.h"

struct options {
    struct server_options server;
    rim_config config;
};

/* 0: go on; else the exit status of the program, which has said why, plus one. */
int options_read(struct options *options, int argc, char **argv);

#endif
