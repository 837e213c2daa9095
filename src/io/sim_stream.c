/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sim_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/passing.h"
#include "io/sim_world.h"

#define SEGMENT_MAX 16384u

struct rim__sim_segment {
    struct rim__sim_segment *next;
    uint64_t due_ns;
    size_t offset, size; /* bytes[offset] to bytes[size - 1] are unread */
    bool is_end;         /* of the stream; has no bytes */
    uint32_t descriptor_count;
    int *descriptors; /* that come with the first byte: real ones, copies */
    char bytes[];
};

/* ---- life ---- */

struct rim__sim_conn *rim__sim_stream_create(struct rim__sim *sim, const rim_address *from, const rim_address *to) {
    struct rim__sim_conn *conn = rim__sim_event_alloc(sizeof *conn);
    conn->sim = sim;
    conn->end[0].local = *from;
    conn->end[1].local = *to;
    conn->end[1].closed = true; /* until it is answered */
    conn->next = sim->net.conns;
    conn->link = &sim->net.conns;
    if (conn->next != NULL) {
        conn->next->link = &conn->next;
    }
    sim->net.conns = conn;
    return conn;
}

static void free_segment(struct rim__sim_segment *segment) {
    rim__passing_close(segment->descriptors, segment->descriptor_count);
    free(segment->descriptors);
    free(segment);
}

static void drop_segments(struct rim__sim_end *end) {
    struct rim__sim_segment *segment;
    while ((segment = end->first) != NULL) {
        end->first = segment->next;
        free_segment(segment);
    }
    end->last = NULL;
    end->unread = 0;
}

void rim__sim_stream_destroy(struct rim__sim_conn *conn) {
    *conn->link = conn->next;
    if (conn->next != NULL) {
        conn->next->link = conn->link;
    }
    drop_segments(&conn->end[0]);
    drop_segments(&conn->end[1]);
    free(conn);
}

static bool destroy_if_over(struct rim__sim_conn *conn) {
    if (conn->events > 0 || !conn->end[0].closed || !conn->end[1].closed) {
        return false;
    }
    rim__sim_stream_destroy(conn);
    return true;
}

void rim__sim_stream_later(struct rim__sim_conn *conn, uint64_t due_ns, struct rim__sim_event event) {
    event.subject = conn;
    event.due_ns = due_ns;
    conn->events++;
    rim__sim_event_push(&conn->sim->events, event);
}

bool rim__sim_stream_land(struct rim__sim_conn *conn) {
    rim__assert(conn->events > 0);
    conn->events--;
    return !destroy_if_over(conn);
}

/* ---- what happens to an end ---- */

static void kick(struct rim__sim_end *end, enum rim__op_kind kind) {
    if (end->socket != NULL) {
        rim__sim_flight_kick(end->socket->flights[kind]);
    }
    if (end->socket != NULL && kind == RIM_OP_RECV) {
        rim__sim_flight_kick(end->socket->flights[RIM_OP_RECV_MSG]);
    }
}

static void fire_arrival(const struct rim__sim_event *event) {
    struct rim__sim_conn *conn = event->subject;
    if (rim__sim_stream_land(conn)) {
        kick(&conn->end[event->side], RIM_OP_RECV);
    }
}

static void fire_room(const struct rim__sim_event *event) {
    struct rim__sim_conn *conn = event->subject;
    if (rim__sim_stream_land(conn)) {
        kick(&conn->end[event->side], RIM_OP_SEND);
    }
}

static void become_broken(struct rim__sim_end *end) {
    if (!end->closed && !end->broken) {
        end->broken = true;
        end->error = ECONNRESET;
        kick(end, RIM_OP_RECV);
        kick(end, RIM_OP_SEND);
    }
}

static void fire_reset(const struct rim__sim_event *event) {
    struct rim__sim_conn *conn = event->subject;
    if (rim__sim_stream_land(conn)) {
        become_broken(&conn->end[event->side]);
    }
}

/* When something that is sent now arrives there, behind all that was sent before. */
static uint64_t next_due(struct rim__sim_conn *conn, int side) {
    struct rim__sim_end *end = &conn->end[side];
    uint64_t due_ns = rim__sim_arrival(conn->sim);
    if (due_ns > end->last_due_ns) {
        end->last_due_ns = due_ns;
    }
    return end->last_due_ns;
}

static void send_reset(struct rim__sim_conn *conn, int to) {
    rim__sim_stream_later(conn, next_due(conn, to), (struct rim__sim_event){.fire = fire_reset, .side = to});
}

static void append(struct rim__sim_conn *conn, int to, struct rim__sim_segment *segment) {
    struct rim__sim_end *end = &conn->end[to];
    segment->due_ns = next_due(conn, to);
    if (end->last != NULL) {
        end->last->next = segment;
    } else {
        end->first = segment;
    }
    end->last = segment;
    end->unread += segment->size;
    rim__sim_stream_later(conn, segment->due_ns, (struct rim__sim_event){.fire = fire_arrival, .side = to});
}

/* ---- receiving ---- */

size_t rim__sim_stream_arrived(const struct rim__sim_conn *conn, int side) {
    size_t size = 0;
    const struct rim__sim_segment *segment = conn->end[side].first;
    while (segment != NULL && segment->due_ns <= conn->sim->now_ns) {
        size += segment->size - segment->offset;
        segment = segment->next;
    }
    return size;
}

size_t rim__sim_stream_batch(const struct rim__sim_conn *conn, int side) {
    size_t size = 0;
    bool is_gift = false;
    const struct rim__sim_segment *segment = conn->end[side].first;
    while (segment != NULL && segment->due_ns <= conn->sim->now_ns && !is_gift) {
        size += segment->size - segment->offset;
        is_gift = segment->descriptor_count > 0;
        segment = segment->next;
    }
    return size;
}

uint32_t rim__sim_stream_unpack(struct rim__sim_conn *conn, int side, size_t size, int *descriptors) {
    struct rim__sim_segment *segment = conn->end[side].first;
    while (segment->descriptor_count == 0 && segment->size - segment->offset < size) {
        size -= segment->size - segment->offset;
        segment = segment->next;
    }
    uint32_t count = segment->descriptor_count;
    if (count > 0) {
        memcpy(descriptors, segment->descriptors, count * sizeof(int));
    }
    segment->descriptor_count = 0;
    return count;
}

void rim__sim_stream_take(struct rim__sim_conn *conn, int side, char *to, size_t size) {
    struct rim__sim_end *end = &conn->end[side];
    rim__assert(size <= end->unread);
    end->unread -= size;
    while (size > 0) {
        struct rim__sim_segment *segment = end->first;
        rim__assert(segment->due_ns <= conn->sim->now_ns);
        size_t part = segment->size - segment->offset;
        part = part < size ? part : size;
        memcpy(to, segment->bytes + segment->offset, part);
        segment->offset += part;
        to += part;
        size -= part;
        if (segment->offset == segment->size) {
            end->first = segment->next;
            end->last = end->first == NULL ? NULL : end->last;
            free_segment(segment);
        }
    }
    struct rim__sim_end *sender = &conn->end[!side];
    if (sender->socket != NULL && sender->socket->flights[RIM_OP_SEND] != NULL) {
        rim__sim_stream_later(conn, rim__sim_arrival(conn->sim),
                              (struct rim__sim_event){.fire = fire_room, .side = !side});
    }
}

bool rim__sim_stream_is_over(const struct rim__sim_conn *conn, int side) {
    const struct rim__sim_end *end = &conn->end[side];
    const struct rim__sim_segment *first = end->first;
    bool is_there = first != NULL && first->due_ns <= conn->sim->now_ns;
    return is_there ? first->is_end : end->deaf || end->broken;
}

int rim__sim_stream_error(struct rim__sim_end *end, int after) {
    int error = end->error != 0 ? -end->error : after;
    end->error = 0;
    return error;
}

/* ---- sending ---- */

size_t rim__sim_stream_room(const struct rim__sim_conn *conn, int side) {
    return RIM_SIM_WINDOW - conn->end[!side].unread;
}

static void fill(struct rim__sim_segment *segment, const struct rim__op *op, size_t skip) {
    size_t filled = 0;
    for (uint32_t i = 0; filled < segment->size; i++) {
        rim__assert(i < op->send.iov_count);
        size_t length = op->send.iov[i].iov_len;
        if (skip >= length) {
            skip -= length;
            continue;
        }
        size_t part = length - skip;
        part = part < segment->size - filled ? part : segment->size - filled;
        memcpy(segment->bytes + filled, (const char *)op->send.iov[i].iov_base + skip, part);
        filled += part;
        skip = 0;
    }
}

/* Copies, as the kernel makes them. */
static void enclose(struct rim__sim_segment *segment, const struct cmsghdr *rights) {
    uint32_t count = (uint32_t)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    const int *descriptors = (const int *)(const void *)CMSG_DATA(rights);
    segment->descriptors = rim__sim_event_alloc(count * sizeof(int));
    for (uint32_t i = 0; i < count; i++) {
        segment->descriptors[segment->descriptor_count++] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, 0);
    }
}

void rim__sim_stream_put(struct rim__sim_conn *conn, int side, const struct rim__op *op, size_t size) {
    if (conn->end[!side].closed) {
        send_reset(conn, side); /* the peer's answer to bytes for nobody */
        return;
    }
    if (conn->end[!side].broken) {
        return; /* the reset is on its way */
    }
    for (size_t done = 0; done < size;) {
        size_t part = size - done < SEGMENT_MAX ? size - done : SEGMENT_MAX;
        struct rim__sim_segment *segment = rim__sim_event_alloc(sizeof *segment + part);
        segment->size = part;
        fill(segment, op, done);
        if (done == 0 && op->send.control != NULL) {
            enclose(segment, op->send.control);
        }
        append(conn, !side, segment);
        done += part;
    }
}

/* ---- ending ---- */

void rim__sim_stream_end(struct rim__sim_conn *conn, int side) {
    struct rim__sim_end *end = &conn->end[side];
    if (end->finished || end->broken) {
        return;
    }
    end->finished = true;
    if (!conn->end[!side].closed && !conn->end[!side].broken) {
        struct rim__sim_segment *segment = rim__sim_event_alloc(sizeof *segment);
        segment->is_end = true;
        append(conn, !side, segment);
    }
    kick(end, RIM_OP_SEND);
}

void rim__sim_stream_break(struct rim__sim_conn *conn, int side) {
    drop_segments(&conn->end[side]);
    become_broken(&conn->end[side]);
    if (!conn->end[!side].closed) {
        send_reset(conn, !side);
    }
}

void rim__sim_stream_close(struct rim__sim_conn *conn, int side, bool reset) {
    struct rim__sim_end *end = &conn->end[side];
    rim__assert(!end->closed);
    if (!conn->end[!side].closed && !end->broken) {
        if (reset || rim__sim_stream_arrived(conn, side) > 0) {
            send_reset(conn, !side);
        } else {
            rim__sim_stream_end(conn, side);
            if (end->unread > 0) { /* it will find the door closed */
                uint64_t due_ns = next_due(conn, !side);
                conn->end[!side].last_due_ns = due_ns > end->last_due_ns ? due_ns : end->last_due_ns + 1;
                send_reset(conn, !side);
            }
        }
    }
    end->socket = NULL;
    end->closed = true;
    drop_segments(end);
    (void)destroy_if_over(conn);
}
