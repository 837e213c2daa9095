/* SPDX-License-Identifier: MIT */
#include "ringmail/sim.h"

#include <errno.h>

#include "io/pipe.h"
#include "io/sim_world.h"
#include "ringmail/pipe.h"

bool rim_sim_step(rim_system *system) {
    struct rim__sim *sim = rim__system_sim(system);
    return sim != NULL && rim__sim_step(sim);
}

uint64_t rim_sim_run(rim_system *system, uint64_t duration_ns) {
    struct rim__sim *sim = rim__system_sim(system);
    if (sim == NULL) {
        return 0;
    }
    uint64_t start_ns = sim->now_ns;
    uint64_t end_ns = duration_ns < RIM_SIM_NEVER - start_ns ? start_ns + duration_ns : RIM_SIM_NEVER;
    while (sim->now_ns < end_ns && rim__sim_step_until(sim, end_ns)) {
    }
    return sim->now_ns - start_ns;
}

uint64_t rim_sim_now(const rim_system *system) {
    const struct rim__sim *sim = rim__system_sim(system);
    return sim != NULL ? sim->now_ns - RIM_SIM_START_NS : 0;
}

bool rim_sim_busy(rim_ctx *ctx, uint64_t duration_ns) {
    struct rim__sim *sim = rim__system_sim(rim_system_of(ctx));
    if (sim == NULL) {
        return false;
    }
    sim->now_ns += duration_ns;
    rim__sim_note(sim, RIM_NOTE_BUSY, rim_shard_index(ctx), duration_ns);
    if (sim->busy != NULL) {
        sim->busy(sim->busy_arg, rim_shard_index(ctx), duration_ns);
    }
    return true;
}

int rim_sim_standard(rim_ctx *ctx, int fd, rim_ref *out) {
    struct rim__sim *sim = rim__system_sim(rim_system_of(ctx));
    struct rim__service *service = rim__ctx_io(ctx);
    if (sim == NULL || service == NULL || fd < 0 || fd > 2) {
        return -EINVAL;
    }
    struct rim__pipe_plan plan = {.fd = fd, .ways = fd == 0 ? RIM_PIPE_READ : RIM_PIPE_WRITE, .is_standard = true};
    struct rim__pipe pipe = {.ways = fd == 0 ? RIM_PIPE_WRITE : RIM_PIPE_READ, .label = "far end", .flags = -1};
    pipe.fd = rim__sim_outside_open_pipe(&sim->net, &plan, true);
    if (pipe.fd < 0) {
        return pipe.fd;
    }
    service->io->descriptors++;
    return rim__pipe_wrap(ctx, &pipe, out);
}

uint64_t rim_sim_trace(const rim_system *system) {
    const struct rim__sim *sim = rim__system_sim(system);
    return sim != NULL ? sim->trace : 0;
}

void rim_sim_set_faults(rim_system *system, const rim_sim_options *faults) {
    struct rim__sim *sim = rim__system_sim(system);
    if (sim != NULL) {
        rim__sim_set_faults(sim, faults);
    }
}

uint64_t rim_sim_fault_count(const rim_system *system, uint32_t index) {
    const struct rim__sim *sim = rim__system_sim(system);
    return sim != NULL && index < RIM_FAULT_COUNT ? sim->strikes[index] : 0;
}

const char *rim_sim_fault_name(uint32_t index) {
#define NAME(name, text) #name,
    static const char *const names[] = {RIM_SIM_FAULTS(NAME)};
#undef NAME
    return index < RIM_FAULT_COUNT ? names[index] : NULL;
}
