/* SPDX-License-Identifier: MIT */
#include "io/sim_datagram.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/address.h"
#include "io/sim_world.h"

#define SIZE_MAX_UDP 65507u
#define PORT_FIRST   40000u
#define PORT_LAST    49999u

struct rim__sim_packet {
    struct rim__sim_packet *next, **link; /* under way; next alone: arrived */
    struct rim__sim_net *net;
    rim_address from, to;
    size_t size;
    uint8_t traffic_class;
    bool no_loop;
    uint32_t descriptor_count;
    int *descriptors; /* real ones: copies */
    char bytes[];
};

/* ---- addresses ---- */

static bool is_same(const rim_address *a, const rim_address *b) {
    if (a->family == RIM_FAMILY_UNIX || a->family != b->family) {
        return a->family == b->family && strcmp(a->path, b->path) == 0;
    }
    return memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0;
}

static bool is_group(const rim_address *address) {
    return (address->family == 4 && address->bytes[0] >> 4 == 0xe) ||
           (address->family == 6 && address->bytes[0] == 0xff);
}

static bool is_broadcast(const rim_address *address) {
    static const uint8_t all[4] = {255, 255, 255, 255};
    static const uint8_t of_this_machine[4] = {127, 255, 255, 255};
    return address->family == 4 &&
           (memcmp(address->bytes, all, 4) == 0 || memcmp(address->bytes, of_this_machine, 4) == 0);
}

static bool is_foreign(const rim_address *address, uint8_t a, uint8_t b, uint8_t c) {
    return address->family == 4 && address->bytes[0] == a && address->bytes[1] == b && address->bytes[2] == c;
}

static bool hears(const struct rim__sim_datagram *datagram, const rim_address *group, const rim_address *from) {
    for (uint32_t i = 0; i < datagram->group_count; i++) {
        const struct rim__sim_group *at = &datagram->groups[i];
        if (is_same(&at->group, group) && (at->source.family == 0 || is_same(&at->source, from))) {
            return true;
        }
    }
    return false;
}

static bool takes_family(const struct rim__sim_datagram *there, uint8_t family) {
    bool is_dual = there->local.family == 6 && !there->ipv6_only && rim__address_is_any(&there->local);
    return there->local.family == family || (family == 4 && is_dual);
}

static bool is_for(const struct rim__sim_datagram *there, const struct rim__sim_packet *packet) {
    const rim_address *to = &packet->to;
    if (to->family == RIM_FAMILY_UNIX) {
        return is_same(&there->local, to);
    }
    bool is_heard =
        there->peer.family == 0 || (is_same(&there->peer, &packet->from) && there->peer.port == packet->from.port);
    if (there->local.port != to->port || !takes_family(there, to->family) || !is_heard) {
        return false;
    }
    if (is_group(to)) {
        return !packet->no_loop && hears(there, to, &packet->from);
    }
    return is_broadcast(to) || rim__address_is_any(&there->local) || is_same(&there->local, to);
}

/* ---- life ---- */

static void free_packet(struct rim__sim_packet *packet) {
    rim__passing_close(packet->descriptors, packet->descriptor_count);
    free(packet->descriptors);
    free(packet);
}

static bool shares(const struct rim__sim_datagram *datagram) {
    return datagram->share || datagram->spread;
}

/* Those that may have this address are in one list: by port, and Unix sockets in the first. */
static struct rim__sim_datagram **list_of(struct rim__sim_net *net, const rim_address *address) {
    return &net->datagrams[address->family == RIM_FAMILY_UNIX ? 0 : address->port % RIM_SIM_DATAGRAM_LISTS];
}

static bool is_taken(struct rim__sim_net *net, const rim_address *address, bool share) {
    for (const struct rim__sim_datagram *at = *list_of(net, address); at != NULL; at = at->next) {
        if (address->family == RIM_FAMILY_UNIX ? is_same(&at->local, address) && address->path[0] != '\0'
                                               : at->local.port == address->port && !(share && shares(at))) {
            return true;
        }
    }
    return false;
}

static uint16_t choose_port(struct rim__sim_net *net, const rim_address *address) {
    rim_address wanted = *address;
    for (uint32_t port = PORT_FIRST; port <= PORT_LAST; port++) {
        wanted.port = (uint16_t)port;
        if (!is_taken(net, &wanted, false)) {
            return wanted.port;
        }
    }
    return 0;
}

int rim__sim_datagram_open(struct rim__sim_net *net, const struct rim__datagram_plan *plan, rim_address *bound) {
    rim_address local = plan->address;
    if (is_foreign(&local, 192, 0, 2) || is_foreign(&local, 198, 51, 100) || is_foreign(&local, 203, 0, 113)) {
        return -EADDRNOTAVAIL;
    }
    if (local.family != RIM_FAMILY_UNIX && local.port == 0) {
        local.port = choose_port(net, &local);
    }
    if (is_taken(net, &local, plan->options->share || plan->options->spread)) {
        return -EADDRINUSE;
    }
    struct rim__sim_socket *socket = rim__sim_net_open(net, RIM_SIM_DATAGRAM);
    if (socket == NULL) {
        return -EMFILE;
    }
    struct rim__sim_datagram *datagram = rim__sim_event_alloc(sizeof *datagram);
    *datagram = (struct rim__sim_datagram){
        .next = *list_of(net, &local),
        .socket = socket,
        .local = local,
        .peer = plan->peer,
        .share = plan->options->share,
        .spread = plan->options->spread,
        .descriptors = plan->options->descriptors,
        .tell_way = plan->options->tell_way,
        .tell_errors = plan->options->tell_errors,
        .traffic_class = plan->options->traffic_class,
        .broadcast = plan->options->broadcast,
        .ipv6_only = plan->options->ipv6_only,
        .no_loop = plan->options->no_loop,
    };
    *list_of(net, &local) = datagram;
    socket->datagram = datagram;
    socket->local = local;
    *bound = local;
    return socket->fd;
}

void rim__sim_datagram_close(struct rim__sim_net *net, struct rim__sim_datagram *datagram) {
    struct rim__sim_datagram **link = list_of(net, &datagram->local);
    while (*link != datagram) {
        link = &(*link)->next;
    }
    *link = datagram->next;
    while (datagram->first != NULL) {
        struct rim__sim_packet *packet = datagram->first;
        datagram->first = packet->next;
        free_packet(packet);
    }
    free(datagram);
}

static void leave_way(struct rim__sim_packet *packet) {
    *packet->link = packet->next;
    if (packet->next != NULL) {
        packet->next->link = packet->link;
    }
}

void rim__sim_datagram_finish(struct rim__sim_net *net) {
    for (uint32_t i = 0; i < RIM_SIM_DATAGRAM_LISTS; i++) {
        while (net->datagrams[i] != NULL) {
            rim__sim_datagram_close(net, net->datagrams[i]);
        }
    }
    while (net->packets != NULL) {
        struct rim__sim_packet *packet = net->packets;
        leave_way(packet);
        free_packet(packet);
    }
}

/* ---- the way ---- */

static void kick(struct rim__sim_datagram *datagram) {
    rim__sim_flight_kick(datagram->socket->flights[RIM_OP_READY]);
    rim__sim_flight_kick(datagram->socket->flights[RIM_OP_RECV_MSG]);
}

/* Descriptors go to the first who gets it: there is no other. */
static void put(struct rim__sim_datagram *there, struct rim__sim_packet *packet) {
    there->coming -= there->coming > 0; /* of a Unix socket; one that was closed meanwhile had a namesake */
    if (there->waiting == RIM_SIM_DATAGRAMS) {
        there->lost++;
        return;
    }
    struct rim__sim_packet *copy = rim__sim_event_alloc(sizeof *copy + packet->size);
    memcpy(copy, packet, sizeof *copy + packet->size);
    copy->next = NULL;
    packet->descriptors = NULL;
    packet->descriptor_count = 0;
    *(there->first == NULL ? &there->first : &there->last->next) = copy;
    there->last = copy;
    there->waiting++;
    kick(there);
}

static void complain(struct rim__sim_datagram *to, const struct rim__sim_packet *packet) {
    if (to->tell_errors && to->complaint_count < RIM_SIM_COMPLAINTS) {
        to->complaints[to->complaint_count++] = (struct rim__receipt){.result = -ECONNREFUSED, .from = packet->to};
    }
    to->error = -ECONNREFUSED;
    kick(to);
}

static void refuse(struct rim__sim_net *net, const struct rim__sim_packet *packet) {
    for (struct rim__sim_datagram *at = *list_of(net, &packet->from); at != NULL; at = at->next) {
        bool is_to_peer = at->peer.family != 0 && is_same(&at->peer, &packet->to) && at->peer.port == packet->to.port;
        if (at->local.port == packet->from.port && (is_to_peer || (at->tell_errors && at->peer.family == 0))) {
            complain(at, packet);
        }
    }
}

/* Among those that share a port to spread what comes, the one that this sender's datagrams go to. */
static bool is_chosen(struct rim__sim_net *net, const struct rim__sim_datagram *there,
                      const struct rim__sim_packet *packet) {
    uint32_t count = 0;
    uint32_t place = 0;
    for (const struct rim__sim_datagram *at = *list_of(net, &packet->to); at != NULL && there->spread; at = at->next) {
        place = at == there ? count : place;
        count += at->spread && is_for(at, packet);
    }
    return count == 0 || packet->from.port % count == place;
}

static void fire_arrival(const struct rim__sim_event *event) {
    struct rim__sim_packet *packet = event->subject;
    struct rim__sim_net *net = packet->net;
    bool has_come = false, is_for_all = is_group(&packet->to) || is_broadcast(&packet->to);
    leave_way(packet);
    for (struct rim__sim_datagram *at = *list_of(net, &packet->to); at != NULL && (is_for_all || !has_come);
         at = at->next) {
        if (is_for(at, packet) && (is_for_all || is_chosen(net, at, packet))) {
            put(at, packet);
            has_come = true;
        }
    }
    if (!has_come && !is_for_all && !is_foreign(&packet->to, 192, 0, 2)) {
        refuse(net, packet);
    }
    free_packet(packet);
}

/* Any address means this machine. */
static void set_ends(struct rim__sim_packet *packet, const rim_address *from, const rim_address *to) {
    packet->to = *to;
    if (rim__address_is_any(to)) {
        packet->to.bytes[0] = to->family == 4 ? 127 : 0;
        packet->to.bytes[to->family == 4 ? 3 : 15] = 1;
    }
    packet->from = *from;
    if (rim__address_is_any(from)) {
        packet->from = (rim_address){.family = to->family, .port = from->port};
        packet->from.bytes[0] = to->family == 4 ? 127 : 0;
        packet->from.bytes[to->family == 4 ? 3 : 15] = 1;
    }
}

static void copy_descriptors(struct rim__sim_packet *packet, const rim_datagram_letter *letter) {
    if (letter->descriptor_count > 0) {
        packet->descriptors = rim__sim_event_alloc(letter->descriptor_count * sizeof(int));
    }
    for (uint32_t i = 0; i < letter->descriptor_count; i++) {
        packet->descriptors[packet->descriptor_count++] = fcntl(letter->descriptors[i], F_DUPFD_CLOEXEC, 0);
    }
}

/* The way of an answer is the sender's address. */
static void set_way(struct rim__sim_packet *packet, const rim_datagram_way *way) {
    if (way != NULL && way->family == packet->from.family && way->family != 0) {
        memcpy(packet->from.bytes, way->bytes, sizeof packet->from.bytes);
    }
}

/* When it arrives. Unix sockets keep the order. */
static uint64_t choose_due(struct rim__sim_net *net, const rim_address *to) {
    uint64_t due_ns = rim__sim_arrival(net->sim);
    for (struct rim__sim_datagram *at = *list_of(net, to); at != NULL && to->family == RIM_FAMILY_UNIX; at = at->next) {
        if (is_same(&at->local, to)) {
            at->last_due_ns = due_ns > at->last_due_ns ? due_ns : at->last_due_ns;
            return at->last_due_ns;
        }
    }
    return due_ns;
}

static void send_one(struct rim__sim_net *net, const struct rim__sim_datagram *from, const rim_address *to,
                     const rim_datagram_letter *letter) {
    struct rim__sim_packet *packet = rim__sim_event_alloc(sizeof *packet + letter->size);
    packet->net = net;
    packet->size = letter->size;
    packet->no_loop = from->no_loop;
    packet->traffic_class = from->traffic_class;
    set_ends(packet, &from->local, to);
    set_way(packet, letter->way);
    if (letter->size > 0) {
        memcpy(packet->bytes, letter->bytes, letter->size);
    }
    copy_descriptors(packet, letter);
    packet->next = net->packets;
    packet->link = &net->packets;
    if (packet->next != NULL) {
        packet->next->link = &packet->next;
    }
    net->packets = packet;
    rim__sim_event_push(&net->sim->events, (struct rim__sim_event){.due_ns = choose_due(net, to),
                                                                   .fire = fire_arrival,
                                                                   .subject = packet});
}

/* A Unix socket's peer is looked for at once, as the kernel does it. */
static int check_peer(struct rim__sim_net *net, const struct rim__sim_datagram *from, const rim_address *to) {
    if (to->family != RIM_FAMILY_UNIX) {
        bool may_go = to->family == from->local.family || (to->family == 4 && takes_family(from, 4));
        return !may_go || is_foreign(to, 198, 51, 100) ? -ENETUNREACH : 0;
    }
    for (struct rim__sim_datagram *at = *list_of(net, to); at != NULL; at = at->next) {
        if (is_same(&at->local, to) && at->waiting + at->coming >= RIM_SIM_DATAGRAMS) {
            return -EAGAIN;
        }
        if (is_same(&at->local, to)) {
            at->coming++;
            return 0;
        }
    }
    return rim__address_is_file(to) ? -ENOENT : -ECONNREFUSED;
}

/* As the kernel finds them before anything is sent. */
static int check_descriptors(const rim_address *to, const rim_datagram_letter *letter) {
    for (uint32_t i = 0; i < letter->descriptor_count && to->family == RIM_FAMILY_UNIX; i++) {
        if (fcntl(letter->descriptors[i], F_GETFD) < 0) {
            return -EBADF;
        }
    }
    return letter->descriptor_count > 0 && to->family != RIM_FAMILY_UNIX ? -EINVAL : 0;
}

int rim__sim_datagram_send(struct rim__sim_net *net, struct rim__sim_datagram *from,
                           const rim_datagram_letter *letter) {
    const rim_address *target = letter->to != NULL ? letter->to : &from->peer;
    if (from->error != 0) {
        int error = from->error;
        from->error = 0;
        return error;
    }
    if (target->family == 0) {
        return -EDESTADDRREQ;
    }
    if (letter->size > SIZE_MAX_UDP) {
        return -EMSGSIZE;
    }
    if (is_broadcast(target) && !from->broadcast) {
        return -EACCES;
    }
    int error = check_descriptors(target, letter);
    error = error == 0 ? check_peer(net, from, target) : error;
    if (error != 0) {
        return error;
    }
    bool is_unix = target->family == RIM_FAMILY_UNIX; /* nothing is lost there, and nothing comes twice */
    if (is_unix || !rim__sim_strikes(net->sim, RIM_FAULT_lose_datagram)) {
        send_one(net, from, target, letter);
    }
    if (!is_unix && rim__sim_strikes(net->sim, RIM_FAULT_repeat_datagram)) {
        send_one(net, from, target, letter);
    }
    return 0;
}

/* ---- receiving ---- */

bool rim__sim_datagram_is_ready(const struct rim__sim_datagram *datagram) {
    return datagram->first != NULL || datagram->error != 0;
}

int rim__sim_datagram_error(struct rim__sim_datagram *datagram) {
    int error = datagram->error;
    datagram->error = 0;
    return error;
}

size_t rim__sim_datagram_first_size(const struct rim__sim_datagram *datagram) {
    return datagram->first->size;
}

bool rim__sim_datagram_next_error(struct rim__sim_datagram *datagram, struct rim__receipt *receipt) {
    if (datagram->complaint_count == 0) {
        return false;
    }
    *receipt = datagram->complaints[0];
    datagram->complaint_count--;
    memmove(&datagram->complaints[0], &datagram->complaints[1],
            datagram->complaint_count * sizeof datagram->complaints[0]);
    return true;
}

/* The only interface there is, is number 1. */
static void tell_way(const struct rim__sim_packet *packet, struct rim__receipt *receipt) {
    bool is_for_all = is_group(&packet->to) || is_broadcast(&packet->to);
    receipt->way = (rim_datagram_way){.family = packet->to.family, .interface = 1};
    memcpy(receipt->way.bytes, packet->to.bytes, packet->to.family == 4 ? 4 : 16);
    if (is_for_all && packet->to.family == 4) {
        memcpy(receipt->way.bytes, (uint8_t[]){127, 0, 0, 1}, 4);
    }
    receipt->hops = is_for_all ? 1 : 64;
    receipt->traffic_class = packet->traffic_class;
}

/* What there is no room for is closed, with the packet. */
static void hand_out(struct rim__sim_datagram *datagram, struct rim__sim_packet *packet, struct rim__receipt *receipt) {
    uint32_t count =
        packet->descriptor_count < datagram->descriptors ? packet->descriptor_count : datagram->descriptors;
    receipt->is_cut = count < packet->descriptor_count;
    if (count == 0) {
        return;
    }
    struct cmsghdr *rights = (struct cmsghdr *)(void *)datagram->control;
    rim__passing_head(rights, count);
    memcpy(CMSG_DATA(rights), packet->descriptors, count * sizeof(int));
    for (uint32_t i = 0; i < count; i++) {
        packet->descriptors[i] = -1;
    }
    receipt->rights = rights;
}

void rim__sim_datagram_receive(struct rim__sim_datagram *datagram, struct rim__receipt *receipt) {
    struct rim__sim_packet *packet = datagram->first;
    int error = rim__sim_datagram_error(datagram);
    if (error != 0 || packet == NULL) {
        receipt->result = error != 0 ? error : -EAGAIN;
        return;
    }
    if (datagram->tell_way && packet->to.family != RIM_FAMILY_UNIX) {
        tell_way(packet, receipt);
    }
    size_t size = packet->size < receipt->size ? packet->size : receipt->size;
    memcpy(receipt->bytes, packet->bytes, size);
    receipt->result = (int32_t)size;
    receipt->is_truncated = size < packet->size;
    receipt->from = packet->from;
    receipt->lost = datagram->lost;
    hand_out(datagram, packet, receipt);
    datagram->first = packet->next;
    datagram->waiting--;
    free_packet(packet);
}

/* NULL: it is none of them. */
static struct rim__sim_group *find_group(struct rim__sim_datagram *datagram, const struct rim__sim_group *group) {
    for (uint32_t i = 0; i < datagram->group_count; i++) {
        struct rim__sim_group *at = &datagram->groups[i];
        bool is_alike = at->source.family == group->source.family;
        if (is_alike && is_same(&at->group, &group->group) &&
            (group->source.family == 0 || is_same(&at->source, &group->source))) {
            return at;
        }
    }
    return NULL;
}

int rim__sim_datagram_member(struct rim__sim_datagram *datagram, const struct rim__membership *membership) {
    struct rim__sim_group group = {.group = *membership->group};
    if (!is_group(&group.group) || (membership->interface != NULL && strcmp(membership->interface, "lo") != 0)) {
        return -EINVAL;
    }
    if (membership->source != NULL) {
        group.source = *membership->source;
    }
    struct rim__sim_group *there = find_group(datagram, &group);
    if (membership->join == (there != NULL)) {
        return there == NULL || membership->source != NULL ? -EADDRNOTAVAIL : -EADDRINUSE;
    }
    if (there != NULL) {
        *there = datagram->groups[--datagram->group_count];
        return 0;
    }
    if (datagram->group_count == RIM_SIM_GROUPS) {
        return -ENOBUFS;
    }
    datagram->groups[datagram->group_count++] = group;
    return 0;
}
