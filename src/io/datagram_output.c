/* SPDX-License-Identifier: MIT */
#include "io/datagram_output.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/address.h"
#include "io/datagram.h"

#define BOX_BYTES 24576u
/* Of a train that the kernel cuts: 64 datagrams, and less than an IPv6 packet can have. */
#define TRAIN_SEGMENTS 64u
#define TRAIN_BYTES    65000u

struct rim__datagram_box {
    uint32_t count;
    uint32_t used; /* of bytes */
    rim_datagram_letter letters[RIM_OP_LETTERS_MAX];
    rim_address to[RIM_OP_LETTERS_MAX];
    rim_datagram_way ways[RIM_OP_LETTERS_MAX];
    rim_ref senders[RIM_OP_LETTERS_MAX];
    char bytes[BOX_BYTES];
};

static struct rim__io *io_of(const struct rim__datagram *datagram) {
    return datagram->service->io;
}

/* What the user is told. Where the socket has a queue of errors, it says more about an earlier one. */
static int explain(struct rim__datagram *datagram, int error) {
    if (error == -EAGAIN || error == -ENOBUFS) {
        return -RIM_EFULL;
    }
    if (datagram->tell_errors) {
        rim__datagram_input_drain_errors(datagram);
    }
    return error;
}

static void count_sent(struct rim__datagram *datagram, uint64_t datagrams, uint64_t bytes) {
    datagram->state.sent += datagrams;
    io_of(datagram)->bytes_out += bytes;
}

int rim__datagram_output_send(struct rim__datagram *datagram, const rim_address *to, const void *bytes, size_t size) {
    struct rim__io *io = io_of(datagram);
    int result = io->ops->send_to(io, datagram->fd, to, (struct iovec){(void *)(uintptr_t)bytes, size});
    if (result < 0) {
        return explain(datagram, result);
    }
    count_sent(datagram, 1, size);
    return 0;
}

/* ---- many ---- */

/* How far they are: `at` is the next letter, of which `offset` bytes are in parts that were sent. */
struct course {
    const rim_datagram_letter *letters;
    size_t count, at, offset;
    bool is_begun; /* a part of the letter was made: an empty one has one, too */
    bool is_tight; /* the way there takes no segments of this size: the kernel fragments a datagram, but not a train */
};

static size_t choose_part(const struct rim__datagram *datagram, const struct course *course, size_t left) {
    const rim_datagram_letter *letter = &course->letters[course->at];
    if (letter->segment == 0 || letter->segment >= left) {
        return left;
    }
    size_t segments = datagram->output.segments && !course->is_tight ? TRAIN_BYTES / letter->segment : 1;
    segments = segments > TRAIN_SEGMENTS ? TRAIN_SEGMENTS : segments < 1 ? 1 : segments;
    size_t size = segments * letter->segment;
    return size < left ? size : left;
}

/* The next part: a letter, or so much of a train as goes at once. False: there is none. */
static bool take_part(const struct rim__datagram *datagram, struct course *course, rim_datagram_letter *out) {
    if (course->at == course->count) {
        return false;
    }
    const rim_datagram_letter *letter = &course->letters[course->at];
    size_t size = choose_part(datagram, course, letter->size - course->offset);
    *out = *letter;
    out->bytes = (const char *)letter->bytes + course->offset;
    out->size = size;
    out->segment = letter->segment < size ? letter->segment : 0;
    course->offset += size;
    if (course->offset == letter->size) {
        course->at++;
        course->offset = 0;
    }
    return true;
}

static uint64_t datagrams_of(const rim_datagram_letter *part) {
    return part->segment == 0 ? 1 : (part->size + part->segment - 1) / part->segment;
}

/* One system call, of as many as it takes. 0, and `course` is where it got to; or negative, and it is at what failed.
 */
static int send_some(struct rim__datagram *datagram, struct course *course) {
    rim_datagram_letter parts[RIM_OP_LETTERS_MAX];
    struct course starts[RIM_OP_LETTERS_MAX]; /* where each begins */
    uint32_t count = 0;
    struct course ahead = *course;
    for (; count < RIM_OP_LETTERS_MAX; count++) {
        starts[count] = ahead;
        if (!take_part(datagram, &ahead, &parts[count])) {
            break;
        }
    }
    struct rim__io *io = io_of(datagram);
    int sent = io->ops->send_letters(io, datagram->fd, parts, count);
    if (sent == -EIO && parts[0].segment != 0) { /* a device without checksums of its own: it is cut here from now on */
        datagram->output.segments = false;
        return 0;
    }
    if ((sent == -EMSGSIZE || sent == -EINVAL) && parts[0].segment != 0) {
        course->is_tight = true;
        return 0;
    }
    for (int i = 0; i < sent; i++) {
        count_sent(datagram, datagrams_of(&parts[i]), parts[i].size);
    }
    *course = sent <= 0 ? *course : (uint32_t)sent < count ? starts[sent] : ahead;
    return sent < 0 ? sent : 0;
}

int rim__datagram_output_send_many(struct rim__datagram *datagram, const rim_datagram_letter *letters, size_t count,
                                   size_t *sent) {
    struct course course = {.letters = letters, .count = count};
    int result = 0;
    rim__datagram_output_flush(datagram);
    while (result == 0 && course.at < count) {
        result = send_some(datagram, &course);
    }
    *sent = course.at;
    return result < 0 ? explain(datagram, result) : 0;
}

/* ---- gathering ---- */

static void enlist(struct rim__datagram *datagram) {
    struct rim__service *service = datagram->service;
    struct rim__datagram_output *output = &datagram->output;
    if (output->link != NULL) {
        return;
    }
    output->next = service->flushes;
    output->link = &service->flushes;
    if (output->next != NULL) {
        output->next->output.link = &output->next;
    }
    service->flushes = datagram;
    rim__service_run_after(service);
}

static void unlist(struct rim__datagram *datagram) {
    struct rim__datagram_output *output = &datagram->output;
    if (output->link != NULL) {
        *output->link = output->next;
        if (output->next != NULL) {
            output->next->output.link = output->link;
        }
        output->link = NULL;
    }
}

void rim__datagram_output_tell(struct rim__datagram *datagram, rim_ref who, const rim_address *where, int error) {
    const struct rim__service *service = datagram->service;
    datagram->state.failed++;
    if (service->detached) {
        return;
    }
    rim_datagram_event event = {.socket = datagram->self, .error = error, .lost = datagram->state.lost};
    if (where != NULL) {
        event.from = *where;
    }
    (void)rim__send_event(service->ctx, datagram->self, who, RIM_DATAGRAM, &event, sizeof event);
}

void rim__datagram_output_flush(struct rim__datagram *datagram) {
    struct rim__datagram_box *box = datagram->output.box;
    unlist(datagram);
    if (box == NULL || box->count == 0) {
        return;
    }
    struct course course = {.letters = box->letters, .count = box->count};
    while (course.at < course.count) {
        int result = send_some(datagram, &course);
        if (result < 0) {
            const rim_address *to = box->letters[course.at].to;
            rim__datagram_output_tell(datagram, box->senders[course.at], to, explain(datagram, result));
            course.at++;
            course.offset = 0;
        }
    }
    box->count = 0;
    box->used = 0;
}

static void put(struct rim__datagram_box *box, rim_ref sender, const rim_datagram_letter *letter) {
    uint32_t index = box->count++;
    char *bytes = box->bytes + box->used;
    if (letter->size > 0) {
        memcpy(bytes, letter->bytes, letter->size);
    }
    box->used += (uint32_t)letter->size;
    box->senders[index] = sender;
    box->letters[index] = (rim_datagram_letter){.bytes = bytes, .size = letter->size, .segment = letter->segment};
    if (letter->to != NULL) {
        rim__address_copy(&box->to[index], letter->to);
        box->letters[index].to = &box->to[index];
    }
    if (letter->way != NULL) {
        box->ways[index] = *letter->way;
        box->letters[index].way = &box->ways[index];
    }
}

int rim__datagram_output_gather(struct rim__datagram *datagram, rim_ref sender, const rim_datagram_letter *letter) {
    struct rim__datagram_output *output = &datagram->output;
    if (output->box == NULL) {
        output->box = rim__memory_alloc(&datagram->service->shard->memory, sizeof *output->box);
        if (output->box == NULL) {
            return -ENOMEM;
        }
        output->box->count = 0;
        output->box->used = 0;
    }
    if (output->box->count == RIM_OP_LETTERS_MAX || letter->size > BOX_BYTES - output->box->used) {
        rim__datagram_output_flush(datagram);
    }
    if (letter->size > BOX_BYTES) {
        size_t ignored;
        return rim__datagram_output_send_many(datagram, letter, 1, &ignored);
    }
    put(output->box, sender, letter);
    enlist(datagram);
    return 0;
}

void rim__datagram_output_finish(struct rim__datagram *datagram) {
    struct rim__datagram_output *output = &datagram->output;
    rim__datagram_output_flush(datagram);
    if (output->box != NULL) {
        rim__memory_free(&datagram->service->shard->memory, output->box, sizeof *output->box);
        output->box = NULL;
    }
}

void rim__datagram_flush_all(struct rim__service *service) {
    while (service->flushes != NULL) {
        rim__datagram_output_flush(service->flushes);
    }
}
