/* SPDX-License-Identifier: MIT */
/*
 * sim_watch.h - watches of folders and files in the simulated world, and what they are told. Called by whatever changes
 * its disk, and by sim_paths.c for those who watch.
 *
 *     Loss     a queue has room for some hundred events; then one says that more were lost
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_WATCH_H
#define RINGMAIL_IO_SIM_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rim__sim;
struct rim__sim_files;
struct rim__sim_inode;
struct rim__sim_place;

#define RIM_SIM_FIRST_WATCH 2000000 /* handles: descriptors as of a caller's (sim_outside.h) */

/* The calls of disk.h. */
int rim__sim_watch_open(struct rim__sim *sim);
int rim__sim_watch_add(struct rim__sim *sim, int handle, struct rim__sim_inode *inode, uint32_t mask);
int rim__sim_watch_remove(struct rim__sim *sim, int handle, int id);
int64_t rim__sim_watch_read(struct rim__sim *sim, int handle, void *bytes, size_t size);
void rim__sim_watch_close(struct rim__sim *sim, int handle);
void rim__sim_watch_finish(struct rim__sim_files *files);

/* What happens, with the masks of inotify(7): to a name of a folder; */
void rim__sim_watch_tell_name(struct rim__sim_files *files, const struct rim__sim_place *place, uint32_t mask,
                              uint32_t cookie);
/* to an inode, and so to its names in folders that are watched; */
void rim__sim_watch_tell(struct rim__sim_files *files, const struct rim__sim_inode *inode, uint32_t mask);
/* to an inode as what is watched: with IN_DELETE_SELF it is about to be freed. */
void rim__sim_watch_tell_self(struct rim__sim_files *files, const struct rim__sim_inode *inode, uint32_t mask);
/* Its two names, and itself. */
void rim__sim_watch_tell_move(struct rim__sim_files *files, const struct rim__sim_place *from,
                              const struct rim__sim_place *to);

#endif
