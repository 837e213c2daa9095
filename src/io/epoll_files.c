/* SPDX-License-Identifier: MIT */
#include "io/epoll_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/assert.h"

static int reach(struct rim__epoll *epoll, uint32_t chunk) {
    uint32_t count = epoll->chunk_count;
    if (chunk < count) {
        return 0;
    }
    count = count * 2 > chunk ? count * 2 : chunk + 1;
    struct rim__epoll_file **chunks = realloc(epoll->chunks, count * sizeof *chunks);
    if (chunks == NULL) {
        return -ENOMEM;
    }
    memset(chunks + epoll->chunk_count, 0, (count - epoll->chunk_count) * sizeof *chunks);
    epoll->chunks = chunks;
    epoll->chunk_count = count;
    return 0;
}

int rim__epoll_files_ensure(struct rim__epoll *epoll, int fd) {
    rim__assert(fd >= 0);
    uint32_t chunk = (uint32_t)fd / RIM_EPOLL_CHUNK;
    int error = reach(epoll, chunk);
    if (error == 0 && epoll->chunks[chunk] == NULL) {
        epoll->chunks[chunk] = calloc(RIM_EPOLL_CHUNK, sizeof **epoll->chunks);
        error = epoll->chunks[chunk] != NULL ? 0 : -ENOMEM;
    }
    return error;
}

static uint64_t name_of(const struct rim__epoll_file *file, int fd) {
    return (uint64_t)file->generation << 32 | (uint32_t)fd;
}

struct rim__epoll_file *rim__epoll_files_named(const struct rim__epoll *epoll, uint64_t name) {
    int fd = (int)(uint32_t)name;
    struct rim__epoll_file *file = rim__epoll_files_find(epoll, fd);
    return file != NULL && file->watched != 0 && name_of(file, fd) == name ? file : NULL;
}

static int control(struct rim__epoll *epoll, int fd, struct epoll_event *event, bool is_known) {
    epoll->driver.enters++;
    if (epoll_ctl(epoll->epoll_fd, is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, event) == 0) {
        return 0;
    }
    return -errno;
}

int rim__epoll_files_watch(struct rim__epoll *epoll, int fd, uint32_t events) {
    struct rim__epoll_file *file = rim__epoll_files_find(epoll, fd);
    bool is_known = file->watched != 0;
    events |= file->watched;
    if (events == file->watched) {
        return 0;
    }
    struct epoll_event event = {.events = events | EPOLLET, .data.u64 = name_of(file, fd)};
    int error = control(epoll, fd, &event, is_known);
    if (error == 0) {
        file->watched = events;
        epoll->watches += !is_known;
    }
    return error;
}

/*
 * Closing a descriptor takes it out of epoll, so there is no call to save. Only if a child holds a copy does epoll go
 * on telling; nobody is found then by the old name.
 */
void rim__epoll_files_forget(struct rim__epoll *epoll, int fd) {
    struct rim__epoll_file *file = rim__epoll_files_find(epoll, fd);
    if (file == NULL) {
        return;
    }
    rim__assert(file->in.op == NULL && file->out.op == NULL);
    epoll->watches -= file->watched != 0;
    *file = (struct rim__epoll_file){.generation = file->generation + 1};
}

void rim__epoll_files_each(struct rim__epoll *epoll, void (*fn)(struct rim__epoll *, struct rim__epoll_side *)) {
    for (uint32_t i = 0; i < epoll->chunk_count * RIM_EPOLL_CHUNK; i++) {
        struct rim__epoll_file *file = rim__epoll_files_find(epoll, (int)i);
        if (file != NULL && file->in.op != NULL) {
            fn(epoll, &file->in);
        }
        if (file != NULL && file->out.op != NULL) {
            fn(epoll, &file->out);
        }
    }
}

void rim__epoll_files_free(struct rim__epoll *epoll) {
    for (uint32_t i = 0; i < epoll->chunk_count; i++) {
        free(epoll->chunks[i]);
    }
    free(epoll->chunks);
    epoll->chunks = NULL;
    epoll->chunk_count = 0;
}
