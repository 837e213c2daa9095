/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <string.h>

const char job_not_integer[] = "value is not an integer or out of range";
const char job_syntax[] = "syntax error";
const char job_bad_time[] = "invalid expire time in '%s' command";

void job_run(struct job *job) {
    if (job->command->first_key > 0) {
        job->key.name = job_next(job);
    }
    job->start = job->out->text.size;
    job->store->counts.operations++;
    job->command->serve(job);
}

void job_value(struct job *job, struct entry *entry, struct text part) {
    if (part.size <= JOB_COPY_MAX) {
        reply_bulk(job->out, part);
        return;
    }
    entry->refs++;
    job->shared = entry;
    job->shared_bytes = part;
}

bool job_has(struct job *job, const struct entry *entry) {
    if (entry == NULL) {
        job->out->text.size = job->start;
        if (job->shared != NULL) {
            entry_release(job->shared);
            job->shared = NULL;
        }
        reply_error(job->out, "out of memory");
    }
    return entry != NULL;
}

bool job_put(struct job *job, struct entry *old, struct text value, int64_t expire_ms, enum entry_encoding encoding) {
    struct shape shape = {.size = value.size, .expire_ms = expire_ms};
    struct entry *entry = store_make(job->store, &job->key, old, shape);
    if (!job_has(job, entry)) {
        return false;
    }
    memcpy(entry_value(entry), value.at, value.size);
    entry->encoding = encoding;
    return true;
}

bool job_time(const struct job *job, int64_t when, enum time_unit unit, int64_t *out) {
    bool seconds = unit == TIME_EX || unit == TIME_EXAT;
    bool from_now = unit == TIME_EX || unit == TIME_PX;
    return !__builtin_mul_overflow(when, seconds ? 1000 : 1, out) &&
           !__builtin_add_overflow(*out, from_now ? job->store->now_ms : 0, out);
}
