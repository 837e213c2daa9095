/* SPDX-License-Identifier: MIT */
/*
 * sim_file.h - files of the simulated world: in memory, by path, and gone with the world. Called by sim_io.c (submit,
 * close), driver_sim.c (run, cancel_all) and sim_world.c.
 *
 * Folders are made with the files that are made in them. A file has the permissions of its mode's owner. /dev/full is a
 * file that has no space. What is done to a file takes effect some time after its submit, and its completion is found
 * by the next poll after that.
 *
 *     Order    operations that are in flight at the same time take effect in an order that the seed chooses
 *     Ledger   asserted: what a write names has the same bytes when it takes effect as at its submit
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_FILE_H
#define RINGMAIL_IO_SIM_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/op.h"

struct rim__sim_shard;

/* Descriptors of files begin here: far above those of sockets. */
#define RIM_SIM_FIRST_FILE 1000000
#define RIM_SIM_FILES_MAX  1024u /* open at once: one more is -EMFILE */

struct rim__sim_inode;
struct rim__sim_opening;
struct rim__sim_watch;
struct rim__sim_file_flight;

struct rim__sim_files {
    struct rim__sim_inode *root;                          /* NULL until something was looked up */
    struct rim__sim_opening *openings[RIM_SIM_FILES_MAX]; /* by descriptor */
    struct rim__sim_watch *watches;                       /* sim_watch.c */
    uint32_t watch_numbers, moves;
    uint64_t numbers; /* of inodes, so far */
};

/* What one shard does to files. */
struct rim__sim_file_flights {
    struct rim__sim_file_flight *pending; /* has not taken effect */
    struct rim__sim_file_flight *ready;   /* has, in this order */
};

void rim__sim_file_submit(struct rim__sim_shard *self, struct rim__op *op);
/* Completes what has taken effect. Whether anything had. */
bool rim__sim_file_run(struct rim__sim_shard *self);
/* Completes everything, as cancelled where it has not taken effect. */
void rim__sim_file_cancel_all(struct rim__sim_shard *self);
/* sim_disk.c */
void rim__sim_file_close(struct rim__sim_files *files, int fd);

#endif
