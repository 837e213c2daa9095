/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/passing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "shard/shard.h"

static int *descriptors_of(struct rim__passing *passing) {
    return (int *)(void *)CMSG_DATA((struct cmsghdr *)(void *)passing->control);
}

void rim__passing_close(const int *descriptors, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (descriptors[i] >= 0) {
            (void)close(descriptors[i]);
        }
    }
}

static void release(struct rim__shard *home, struct rim__body *body) {
    struct rim__passing *passing = rim__container_of(body, struct rim__passing, body);
    rim__passing_close(descriptors_of(passing), passing->count);
    if (passing->inner != NULL) {
        rim__body_release(home, passing->inner);
    }
    rim__memory_free(&home->memory, passing, passing->total);
}

void rim__passing_head(void *control, uint32_t count) {
    struct cmsghdr *head = control;
    memset(control, 0, rim__passing_room(count));
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
}

static struct rim__passing *create(struct rim__shard *shard, uint32_t count, size_t size) {
    size_t total = sizeof(struct rim__passing) + rim__passing_room(count) + size;
    struct rim__passing *passing = rim__memory_alloc(&shard->memory, total);
    if (passing == NULL) {
        return NULL;
    }
    *passing = (struct rim__passing){
        .body = {.home = shard->index, .release = release},
        .total = total,
        .count = count,
    };
    rim__passing_head(passing->control, count);
    return passing;
}

struct rim__body *rim__passing_wrap(struct rim__shard *shard, struct rim__body *inner, const struct cmsghdr *came,
                                    uint32_t max, bool is_cut) {
    uint32_t there = came != NULL ? (uint32_t)((came->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
    const int *descriptors = came != NULL ? (const int *)(const void *)CMSG_DATA(came) : NULL;
    uint32_t count = there < max ? there : max;
    struct rim__passing *passing = create(shard, count, 0);
    if (passing == NULL) {
        rim__passing_close(descriptors, there);
        return NULL;
    }
    if (there > 0) {
        memcpy(descriptors_of(passing), descriptors, count * sizeof(int));
        rim__passing_close(descriptors + count, there - count);
    }
    passing->is_cut = is_cut || there > count;
    passing->inner = inner;
    passing->body.data = inner->data;
    passing->body.size = inner->size;
    return &passing->body;
}

void rim__passing_unwrap(struct rim__shard *shard, struct rim__body *wrapped) {
    rim__container_of(wrapped, struct rim__passing, body)->inner = NULL;
    release(shard, wrapped);
}

int rim__passing_make(struct rim__shard *shard, struct rim__body **out, const int *descriptors, uint32_t count,
                      const void *bytes, size_t size) {
    struct rim__passing *passing = create(shard, count, size);
    if (passing == NULL) {
        return -ENOMEM;
    }
    int *copies = descriptors_of(passing);
    for (passing->count = 0; passing->count < count; passing->count++) {
        int copy = fcntl(descriptors[passing->count], F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            int error = -errno;
            release(shard, &passing->body);
            return error;
        }
        copies[passing->count] = copy;
    }
    passing->body.data = passing->control + rim__passing_room(count);
    passing->body.size = (uint32_t)size;
    memcpy(passing->body.data, bytes, size);
    *out = &passing->body;
    return 0;
}

static struct rim__passing *find(const struct rim_msg *msg) {
    bool is_one = (msg->flags & RIM_MSG_OUT) != 0 && rim__msg_out(msg)->release == release;
    return is_one ? rim__container_of(rim__msg_out(msg), struct rim__passing, body) : NULL;
}

struct rim__passing *rim__passing_to_send(const struct rim_msg *msg) {
    struct rim__passing *passing = find(msg);
    return passing != NULL && passing->inner == NULL ? passing : NULL;
}

/* ---- the public calls ---- */

uint32_t rim_passed_count(const rim_msg *msg) {
    const struct rim__passing *passing = find(msg);
    return passing != NULL ? passing->count : 0;
}

int rim_passed_take(rim_msg *msg, uint32_t index) {
    struct rim__passing *passing = find(msg);
    if (passing == NULL || index >= passing->count || descriptors_of(passing)[index] < 0) {
        return -EBADF;
    }
    int taken = descriptors_of(passing)[index];
    descriptors_of(passing)[index] = -1;
    return taken;
}

bool rim_passed_is_cut(const rim_msg *msg) {
    const struct rim__passing *passing = find(msg);
    return passing != NULL && passing->is_cut;
}
