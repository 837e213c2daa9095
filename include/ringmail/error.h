/* SPDX-License-Identifier: MIT */
/*
 * error.h - the one table of error codes.
 *
 * Every function of ringmail that can fail returns 0 (or a count) or a negative code: a negative errno where the
 * kernel has the word (-ENOMEM, -EADDRINUSE, -ETIMEDOUT, ...), else one of the codes below, negated. The global errno
 * is never part of the interface. The same codes are the reasons in dead letters, refusals and request outcomes.
 */
#ifndef RINGMAIL_ERROR_H
#define RINGMAIL_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* The library exports these and nothing else. */
#define RIM_API __attribute__((visibility("default")))
/* Ignoring the result of such a function is a compile-time warning. */
#define RIM_MUST_CHECK __attribute__((warn_unused_result))

/* The codes start above every errno of the kernel (which end at 4095), so that one int holds both. */
#define RIM_ERRORS(X)                                                                                                  \
    X(RIM_EFULL, 4097, "the receiver's mailbox or the way to it is full: slow down, or ask for room (rim_want_room)")  \
    X(RIM_EDOWN, 4098, "no such actor: it has stopped, or the reference is stale")                                     \
    X(RIM_EBADREF, 4099, "not a reference of the kind that this call takes")                                           \
    X(RIM_EREFUSED, 4100, "the receiver refused the request")                                                          \
    X(RIM_ENOREPLY, 4101, "the receiver handled the request without a reply: reply, refuse or defer it")               \
    X(RIM_EEXPIRED, 4102, "the request's deadline passed before it was handled")                                       \
    X(RIM_ELATE, 4103, "the reply came after the request had had its outcome")                                         \
    X(RIM_ENOHANDLER, 4104, "the receiver's behaviour table has no row for this tag")                                  \
    X(RIM_ESTOPPING, 4105, "the system is stopping and takes no new work")                                             \
    X(RIM_ELIMIT, 4106, "a configured limit is reached: see the limits in rim_config and rim_spawn_options")           \
    X(RIM_ETOOBIG, 4107, "the message body is larger than RIM_BODY_MAX")                                               \
    X(RIM_ECONTEXT, 4108, "the call is not allowed here: it needs a handler's context, or another state")              \
    X(RIM_EDROPPED, 4109, "the receiver's mailbox was full, and it drops messages then")                               \
    X(RIM_ESTARTED, 4110, "a child with this id runs already, or is being started")                                    \
    X(RIM_EPRESENT, 4111, "a child with this id is there and does not run: restart it, or delete it first")            \
    X(RIM_ENOCHILD, 4112, "the supervisor has no such child")                                                          \
    X(RIM_ERUNNING, 4113, "the child runs: terminate it first")                                                        \
    X(RIM_ERESTARTING, 4114, "the child has failed and waits for its restart: terminate it first")                     \
    X(RIM_ESTART, 4115, "the child did not start: its init failed, and the log says why")                              \
    X(RIM_ETAKEN, 4116, "the name is taken: an actor has it")                                                          \
    X(RIM_ENOBODY, 4117, "nobody has this name, or the group or pool has no members")                                  \
    X(RIM_ECLOSED, 4118, "the receiver is being drained: it works off what it has and takes nothing new")              \
    X(RIM_EKIT, 4119, "a test of the kit failed: rim_kit_failure says what")                                           \
    X(RIM_ETLS, 4120, "no TLS with this peer")                                                                         \
    X(RIM_ECERTIFICATE, 4121, "a certificate was not accepted")                                                        \
    X(RIM_ETRUNCATED, 4122, "the peer ended without TLS's close_notify: what it sent may be cut off")

#define RIM_ERROR_ENUM_(name, value, text) name = (value),
enum rim_error { RIM_ERRORS(RIM_ERROR_ENUM_) RIM_ERROR_LAST };
#undef RIM_ERROR_ENUM_

/*
 * A text for a code, negative or positive, of ringmail or of the kernel. Never NULL; static storage; any thread.
 * "unknown error" for a number that is neither.
 */
RIM_API const char *rim_strerror(int code);

/* The code's name ("RIM_EFULL", "EADDRINUSE"), or "?" where it has none. Static storage; any thread. */
RIM_API const char *rim_error_name(int code);

#ifdef __cplusplus
}
#endif
#endif
