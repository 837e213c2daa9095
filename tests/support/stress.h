/* SPDX-License-Identifier: MIT */
/*
 * stress.h - what the programs of tests/stress share: a seed, a watchdog, cases that pass or fail.
 *
 *     int main(int argc, char **argv) {
 *         stress_begin(argc, argv);
 *         stress_case("two_shards", fn, &arg) ...
 *         return stress_end();
 *     }
 *
 * The seed is the program's first argument, or taken from the clock; it is printed, and does not repeat a run: threads
 * have a will of their own. A program that hangs is ended by SIGALRM, after a line that says where it was.
 *
 *     Threads  stress_check: any; the rest: the program's first thread
 */
#ifndef TESTS_STRESS_H
#define TESTS_STRESS_H

#include <stdbool.h>
#include <stdint.h>

void stress_begin(int argc, char **argv);
uint64_t stress_seed(void);
/* Runs one case, and counts it as failed if a check in it failed. */
void stress_case(const char *name, void (*fn)(void *arg), void *arg);
void stress_check_at(bool ok, const char *what, const char *file, int line);
#define stress_check(expression) stress_check_at((expression), #expression, __FILE__, __LINE__)
/* Prints "N passed, N failed". The exit status. */
int stress_end(void);

/* A name to build: "flood_4". Valid until the next call. */
const char *stress_name(const char *what, uint32_t number);

#endif
