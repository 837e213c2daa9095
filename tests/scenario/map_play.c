/* SPDX-License-Identifier: MIT */
#include "map_play.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static struct map_play stage;

struct map_play *map_stage(void) {
    return &stage;
}

void map_close(rim_ctx *ctx, struct map_play *play) {
    CHECK(rim_map_close(ctx, play->map) == 0);
}

rim_map_ask map_ask(rim_outcome on_outcome, uint64_t cookie) {
    return (rim_map_ask){.map = stage.map, .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome, .cookie = cookie};
}

bool map_is_pattern(const void *bytes, size_t size, uint64_t at) {
    for (size_t i = 0; i < size; i++) {
        if (((const char *)bytes)[i] != file_pattern(at + i)) {
            return false;
        }
    }
    return true;
}

void map_shorten(rim_ctx *ctx, uint64_t size, rim_outcome on_outcome) {
    rim_file_options options = {.path = stage.own_path, .flags = O_RDWR};
    rim_file_ask ask = {.offset = size, .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome};
    CHECK(rim_file_open(ctx, &options, &ask.file) == 0);
    CHECK(rim_file_truncate(ctx, &ask, NULL) == 0);
    CHECK(rim_file_close(ctx, ask.file) == 0);
}

int map_count(const struct map_play *play) {
    char line[512];
    int count = 0;
    FILE *list = scenario_is_sim(scenario_current()) ? NULL : fopen("/proc/self/maps", "r");
    if (list == NULL) {
        return -1;
    }
    while (fgets(line, sizeof line, list) != NULL) {
        count += strstr(line, play->own_path) != NULL;
    }
    fclose(list);
    return count;
}

/* ---- the owner ---- */

static void open_map(rim_ctx *ctx) {
    stage.options.path = stage.own_path;
    if (stage.before != NULL) {
        stage.before(&stage);
    }
    CHECK(rim_map_open(ctx, &stage.options, &stage.map) == 0);
    if (stage.opened != NULL) {
        stage.opened(ctx, &stage);
    }
}

ROLE_OUTCOME(on_made) {
    CHECK(error == 0);
    open_map(ctx);
    return RIM_DONE;
}

ROLE_ON(on_go) {
    stage.owner = rim_self(ctx);
    if (stage.path != NULL || stage.is_absent) {
        file_path(scenario_current(), stage.path != NULL ? stage.path : "none", stage.own_path);
        open_map(ctx);
        return RIM_DONE;
    }
    file_path(scenario_current(), "mapped", stage.own_path);
    char *bytes = malloc(stage.size + 1);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < stage.size; i++) {
        bytes[i] = file_pattern(i);
    }
    rim_file_replacement replacement = {.path = stage.own_path, .timeout_ns = RIM_SECONDS(30), .on_outcome = on_made};
    CHECK(rim_file_replace(ctx, &replacement, bytes, stage.size, NULL) == 0);
    free(bytes);
    return RIM_DONE;
}

ROLE_ON(on_ready) {
    const rim_map_event *event = body;
    CHECK(event->map == stage.map && stage.event.map == RIM_NIL);
    stage.event = *event;
    if (stage.ready != NULL) {
        stage.ready(ctx, &stage);
    } else {
        map_close(ctx, &stage);
    }
    return RIM_DONE;
}

ROLE_ON(on_progress) {
    const rim_map_event *event = body;
    CHECK(event->map == stage.map && event->loaded < event->size && stage.event.map == RIM_NIL);
    if (stage.progress != NULL) {
        stage.progress(ctx, &stage, event);
    }
    return RIM_DONE;
}

ROLE_ON(on_word) {
    stage.word(ctx, &stage, role_number(body));
    return RIM_DONE;
}

ROLE_ON(on_closed) {
    const rim_map_closed_event *event = body;
    const char *at = strstr(event->text, stage.own_path);
    const char *says = stage.error == 0 ? " closed" : stage.says;
    CHECK(event->map == stage.map && event->error == stage.error && at != NULL);
    CHECK(says == NULL || (at != NULL && strcmp(at + strlen(stage.own_path), says) == 0));
    if (stage.closed != NULL) {
        stage.closed(ctx, &stage);
    } else {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler owner_on[] = {
    [GO] = on_go,
    [WORD] = on_word,
    [RIM_MAP_READY] = on_ready,
    [RIM_MAP_PROGRESS] = on_progress,
    [RIM_MAP_CLOSED] = on_closed,
};
ROLE(map_owner, owner_on);

void map_play(struct scenario *s, struct map_play play) {
    stage = play;
    scenario_open_lanes(s);
    (void)scenario_system(s);
    role_go(s, role_spawn(s, &map_owner, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    scenario_stop(s, RIM_SECONDS(10), NULL);
}
