/* SPDX-License-Identifier: MIT */
/*
 * report.h - what kv_load says: progress on standard error, the result on standard output.
 */
#ifndef KV_LOAD_REPORT_H
#define KV_LOAD_REPORT_H

#include "connection.h"
#include "options.h"

/* `second` requests were answered in the last second, `total` so far. */
void report_progress(double elapsed, uint64_t second, uint64_t total, uint64_t errors);
/* The end of the progress lines. */
void report_progress_end(void);
/* The result, as a table or as JSON; `sum` is what all workers did in `seconds`. */
void report_result(const struct options *options, const struct load *sum, double seconds);

#endif
