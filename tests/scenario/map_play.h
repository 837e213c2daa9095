/* SPDX-License-Identifier: MIT */
/*
 * map_play.h - scenarios of one mapped file: an owner on shard 0 makes a file of so many bytes of a pattern, maps it,
 * and hands what happens to the scenario's functions. It is over when the map has closed as it was to close.
 *
 *     static void look(rim_ctx *ctx, struct map_play *play) { ... map_close(ctx, play); }
 *     void map_...(struct scenario *s) { map_play(s, (struct map_play){.size = 100, .ready = look}); }
 *
 *     Threads  all of a play is the owner's
 */
#ifndef MAP_PLAY_H
#define MAP_PLAY_H

#include "file_play.h"

struct map_play {
    size_t size;                                         /* of the file */
    bool is_absent;                                      /* it is not made */
    const char *path;                                    /* of another file; else one of the scenario's own */
    rim_map_options options;                             /* but for the path */
    int error;                                           /* that it closes with */
    const char *says;                                    /* and how the text goes on after the path */
    void (*before)(struct map_play *play);               /* right before it */
    void (*opened)(rim_ctx *ctx, struct map_play *play); /* right after rim_map_open */
    void (*ready)(rim_ctx *ctx, struct map_play *play);  /* NULL: it is closed */
    void (*progress)(rim_ctx *ctx, struct map_play *play, const rim_map_event *event);
    void (*word)(rim_ctx *ctx, struct map_play *play, uint64_t number);
    void (*closed)(rim_ctx *ctx, struct map_play *play); /* NULL: the scenario is over */
    rim_map_event event;                                 /* the rest is the play's: RIM_MAP_READY's */
    rim_ref map, owner;
    uint64_t count, value; /* the scenario's */
    rim_msg *view;         /* the scenario's, too */
    char own_path[128];
};

void map_play(struct scenario *s, struct map_play play);
struct map_play *map_stage(void);
void map_close(rim_ctx *ctx, struct map_play *play);
rim_map_ask map_ask(rim_outcome on_outcome, uint64_t cookie);
/* Whether these bytes are the pattern from this place in the file on. */
bool map_is_pattern(const void *bytes, size_t size, uint64_t at);
/* Makes the file so long; on_outcome as of rim_file_truncate. */
void map_shorten(rim_ctx *ctx, uint64_t size, rim_outcome on_outcome);
/* How many regions of the process are of the file. -1: in simulation. */
int map_count(const struct map_play *play);

#endif
