/* SPDX-License-Identifier: MIT */
/*
 * play.h - a process of its own in which something is refused, a system that is made there with its driver left open or
 * not, and what it said and did. For choice_test.c.
 *
 *     play_run: fork -> stage->before -> rim_system_create -> stage->between -> rim_system_start -> an echo over TCP
 * and a timer -> rim_system_stop -> the outcome, in memory that parent and child share
 */
#ifndef TESTS_CHOICE_PLAY_H
#define TESTS_CHOICE_PLAY_H

#include <ringmail.h>
#include <stdint.h>

struct stage {
    rim_config config;
    void (*before)(void);    /* in the child; NULL: nothing */
    void (*between)(void);   /* after create, before start; NULL: nothing */
    const char *environment; /* RINGMAIL_DRIVER; NULL: unset */
};

struct outcome {
    int created, started, stopped; /* results; 1: never came to that */
    char driver[32], wake[96];
    unsigned errors, warnings; /* lines in the log */
    char text[512];            /* the last of these */
    bool echoed;               /* bytes came back over TCP, and a timer fired no earlier than asked */
    bool leaks;
};

/* Fails the test if the child does not end by itself. */
struct outcome play_run(const struct stage *stage);

/* From now on this system call fails with `error` in this thread, and in those that it starts. */
void play_deny(long number, int error);

#endif
