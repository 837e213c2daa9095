/* SPDX-License-Identifier: MIT */
/* The streams with TLS: its handshake, what it seals and opens, its close_notify; and with the kernel's sealing. */
#include <stdlib.h>

#include "closing.h"
#include "scenario/tls_papers.h"

rim_tls *closing_tls_of(bool server) {
    static rim_tls *made[2][2];
    bool kernel = (closing.of->variant & CLOSING_KERNEL_TLS) != 0;
    rim_tls **tls = &made[kernel][server];
    if (*tls != NULL) {
        return *tls;
    }
    (void)tls_papers(NULL);
    rim_tls_certificate certificate = tls_certificate("server");
    rim_tls_options options = {.server = server,
                               .certificates = server ? &certificate : NULL,
                               .certificate_count = server,
                               .ca_file = server ? NULL : tls_paper("ca", "pem"),
                               .no_resumption = true, /* else a run would not be repeated by its seed alone */
                               .kernel = kernel};
    if (rim_tls_create(&options, tls, NULL) != 0) {
        abort();
    }
    return *tls;
}

#define STREAM(called, which, is_apart, options)                                                                       \
    {                                                                                                                  \
        .name = (called), .actors = 2, .subject = (which), .apart = (is_apart), .variant = CLOSING_TLS | (options),    \
        .begin = closing_stream_begin, .event = closing_stream_event                                                   \
    }

const struct closing_case closing_tls[] = {
    STREAM("tls-listener", 0, true, 0),
    STREAM("tls-connect-and-send", 1, false, 0),
    STREAM("tls-connect-abort", 1, true, CLOSING_ABORTS),
    STREAM("tls-accepted", 2, true, 0),
    STREAM("tls-accepted-abort", 2, false, CLOSING_ABORTS),
    STREAM("tls-drained", 0, false, CLOSING_DRAINS),
    STREAM("tls-kernel", 1, true, CLOSING_KERNEL_TLS),
};
const uint32_t closing_tls_count = RIM_COUNT(closing_tls);
