/* SPDX-License-Identifier: MIT */
#include "ringmail/poll.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/lookout.h"

#define ASKED (RIM_POLL_READ | RIM_POLL_WRITE | RIM_POLL_PRIORITY)

enum {
    POLL_PROTOCOL = 0x7f21,
    POLL_AGAIN = (POLL_PROTOCOL << 16) + RIM_USER, /* uint32_t events */
};

struct news;

struct poll {
    struct rim__lookout lookout;
    struct news *out; /* with the owner; NULL: none */
    int fd;           /* the caller's */
    bool once;
};

/* A RIM_POLL. Its release says that the owner has dealt with it. */
struct news {
    struct rim__body body;
    struct poll *of; /* NULL: it has ended */
    rim_poll_event event;
};

static void release_news(struct rim__shard *home, struct rim__body *body) {
    struct news *news = rim__container_of(body, struct news, body);
    struct poll *poll = news->of;
    rim__memory_free(&home->memory, news, sizeof *news);
    if (poll != NULL) {
        poll->out = NULL;
        if (!poll->once) {
            poll->lookout.resting = false;
            rim__lookout_arm(&poll->lookout);
        }
    }
}

static void ready(struct rim__lookout *lookout, int32_t events) {
    struct poll *poll = rim__container_of(lookout, struct poll, lookout);
    struct rim__shard *shard = lookout->service->shard;
    if (events == 0) {
        return; /* it is asked again */
    }
    struct news *news = rim__memory_alloc(&shard->memory, sizeof *news);
    if (news == NULL) {
        rim__lookout_wait(lookout);
        return;
    }
    *news = (struct news){
        .body = {.data = &news->event, .size = sizeof news->event, .home = shard->index, .release = release_news},
        .of = poll,
        .event = {.poll = lookout->self, .fd = poll->fd},
    };
    news->event.events = events >= 0 ? (uint32_t)events : 0;
    news->event.error = events < 0 ? events : 0;
    poll->out = news;
    poll->once = poll->once || events < 0;
    lookout->resting = true;
    (void)rim__lookout_tell(lookout, RIM_POLL, &news->body);
}

static void finish(struct rim__lookout *lookout) {
    struct poll *poll = rim__container_of(lookout, struct poll, lookout);
    if (poll->out != NULL) {
        poll->out->of = NULL;
    }
}

static rim_verdict on_again(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    struct rim__lookout *lookout = rim__lookout_of(self);
    struct poll *poll = rim__container_of(lookout, struct poll, lookout);
    uint32_t events;
    rim__assert(rim_size(msg) == sizeof events);
    memcpy(&events, body, sizeof events);
    lookout->events = events != 0 ? events : lookout->events;
    lookout->resting = poll->out != NULL && !poll->once;
    rim__lookout_arm(lookout);
    return RIM_DONE;
}

static const rim_handler rows[] = {[POLL_AGAIN & 0xffff] = on_again};
static const rim_behaviour behaviour = {
    .name = "rim poll",
    .state_size = sizeof(struct rim__lookout *),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = POLL_PROTOCOL,
    .init = rim__lookout_init,
};

static const struct rim__lookout_kind kind = {
    .behaviour = &behaviour,
    .size = sizeof(struct poll),
    .ready = ready,
    .finish = finish,
};

int rim_poll_open(rim_ctx *ctx, const rim_poll_options *options, rim_ref *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    if (options == NULL || options->events == 0 || (options->events & ~(uint32_t)ASKED) != 0) {
        return rim__ctx_error(ctx, -EINVAL, "poll: no events to wait for");
    }
    int fd = service != NULL ? service->io->ops->share(service->io, options->fd) : -RIM_ESTOPPING;
    if (fd < 0) {
        return rim__ctx_error(ctx, fd, "poll of descriptor %d: %s", options->fd, rim_strerror(fd));
    }
    struct rim__lookout *lookout;
    int result = rim__lookout_open(ctx, &kind, fd, &lookout);
    if (result != 0) {
        return rim__ctx_error(ctx, result, "poll of descriptor %d: %s", options->fd, rim_strerror(result));
    }
    struct poll *poll = rim__container_of(lookout, struct poll, lookout);
    poll->fd = options->fd;
    poll->once = options->once;
    lookout->events = options->events;
    rim__lookout_arm(lookout);
    if (out != NULL) {
        *out = lookout->self;
    }
    return 0;
}

int rim_poll_again(rim_ctx *ctx, rim_ref poll, uint32_t events) {
    if ((events & ~(uint32_t)ASKED) != 0) {
        return -EINVAL;
    }
    return rim__send_event(ctx, rim_self(ctx), poll, POLL_AGAIN, &events, sizeof events);
}
