/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/drivers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "ringmail/error.h"

#define ENVIRONMENT          "RINGMAIL_DRIVER"
#define BUFFERS_DEFAULT      256u
#define BUFFERS_MAX          32768u
#define BUFFER_BYTES_DEFAULT 32768u
#define BUFFER_ALIGNMENT     64u

int rim__drivers_buffers(const rim_config *config, uint32_t *count, uint32_t *bytes) {
    uint32_t size = config->buffer_bytes != 0 ? config->buffer_bytes : BUFFER_BYTES_DEFAULT;
    *count = config->buffers != 0 ? config->buffers : BUFFERS_DEFAULT;
    if (*count > BUFFERS_MAX || (*count & (*count - 1)) != 0 || size > INT32_MAX - BUFFER_ALIGNMENT) {
        return -EINVAL;
    }
    *bytes = (size + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
    return 0;
}

/* ---- choosing ---- */

/* The configuration wins; the environment is for those who cannot change it. 0 or -EINVAL. */
static int read_environment(const struct rim__log *log, enum rim_driver_kind *kind) {
    const char *word = secure_getenv(ENVIRONMENT);
    if (word == NULL || word[0] == '\0') {
        return 0;
    }
    if (strcmp(word, "io_uring") == 0 || strcmp(word, "uring") == 0) {
        *kind = RIM_DRIVER_URING;
    } else if (strcmp(word, "epoll") == 0) {
        *kind = RIM_DRIVER_EPOLL;
    } else {
        rim__log_write(log, RIM_LOG_ERROR, "%s is '%.40s', and can be io_uring or epoll", ENVIRONMENT, word);
        return -EINVAL;
    }
    return 0;
}

/* Not those that epoll would meet as well. */
static bool concerns_rings(int error) {
    switch (error) {
    case -EPERM:
    case -EACCES:
    case -ENOSYS:
    case -ENOMEM:
    case -EINVAL:
    case -EOPNOTSUPP:
    case -EIO: /* what was submitted did not complete */
        return true;
    default:
        return false;
    }
}

bool rim__drivers_retreat(struct rim__driver_choice *choice, const struct rim__log *log, int error) {
    char text[RIM_URING_TEXT_MAX];
    if (!choice->is_free || choice->kind != RIM_DRIVER_URING || !concerns_rings(error)) {
        return false;
    }
    choice->kind = RIM_DRIVER_EPOLL;
    rim__uring_explain(error, text);
    rim__log_write(log, RIM_LOG_WARNING, "the epoll driver is used: %s", text);
    return true;
}

static int try_uring(const rim_config *config, const struct rim__log *log, struct rim__driver_choice *choice) {
    char text[RIM_URING_TEXT_MAX];
    int error = rim__uring_probe(config, &choice->traits);
    if (error == 0 || rim__drivers_retreat(choice, log, error)) {
        return 0;
    }
    rim__uring_explain(error, text);
    rim__log_write(log, RIM_LOG_ERROR, "%s", text);
    return error;
}

int rim__drivers_choose(const rim_config *config, const struct rim__log *log, struct rim__driver_choice *out) {
    *out = (struct rim__driver_choice){.kind = config->driver};
    int error = config->driver == RIM_DRIVER_AUTO ? read_environment(log, &out->kind) : 0;
    if (error != 0) {
        return error;
    }
    if (config->driver == RIM_DRIVER_EPOLL && config->wake == RIM_WAKE_MSG_RING) {
        rim__log_write(log, RIM_LOG_ERROR, "configuration: the epoll driver has no MSG_RING, it wakes by eventfd");
        return -EINVAL;
    }
    if (out->kind == RIM_DRIVER_EPOLL) {
        return 0;
    }
    out->is_free = out->kind == RIM_DRIVER_AUTO;
    out->kind = RIM_DRIVER_URING;
    return try_uring(config, log, out);
}

/* ---- whichever it is ---- */

int rim__drivers_open(const struct rim__driver_choice *choice, struct rim__driver_options *options,
                      struct rim__driver **driver, struct rim__io **io) {
    if (choice->kind == RIM_DRIVER_EPOLL) {
        return rim__epoll_open(options, driver, io);
    }
    options->traits = &choice->traits;
    return rim__uring_open(options, driver, io);
}

uint32_t rim__drivers_buffers_out(const struct rim__driver_choice *choice, const struct rim__driver *driver) {
    bool is_epoll = choice->kind == RIM_DRIVER_EPOLL;
    return is_epoll ? rim__epoll_buffers_out(driver) : rim__uring_buffers_out(driver);
}

const char *rim__drivers_name(const struct rim__driver_choice *choice) {
    return choice->kind == RIM_DRIVER_EPOLL ? "epoll" : "io_uring";
}

const char *rim__drivers_wake(const struct rim__driver_choice *choice) {
    return choice->kind == RIM_DRIVER_EPOLL ? "eventfd (epoll driver)" : choice->traits.wake_reason;
}

void rim__drivers_explain(const struct rim__driver_choice *choice, const struct rim__log *log, int error) {
    char text[RIM_URING_TEXT_MAX];
    if (choice->kind == RIM_DRIVER_URING) {
        rim__uring_explain(error, text);
        rim__log_write(log, RIM_LOG_ERROR, "%s", text);
        return;
    }
    bool is_limit = error == -EMFILE || error == -ENFILE;
    rim__log_write(log, RIM_LOG_ERROR, "epoll: a shard's driver cannot be opened: %s%s", rim_strerror(error),
                   is_limit ? ": raise the limit of open files (ulimit -n)" : "");
}
