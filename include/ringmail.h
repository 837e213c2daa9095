/* SPDX-License-Identifier: MIT */
/*
 * ringmail.h - all of ringmail. A program that wants less includes the headers one by one:
 *
 *     ringmail/actor.h    actors, messages, requests, timers
 *     ringmail/mailbox.h  pressure, urgent messages, the stash
 *     ringmail/link.h     links, monitors, exit signals
 *     ringmail/request.h  forwarding, deadlines, asking many at once
 *     ringmail/sequence.h requests one after the other
 *     ringmail/runtime.h  systems of shards
 *     ringmail/port.h     a thread that is no shard takes part
 *     ringmail/ffi.h      structs and constants by name, for other languages
 *     ringmail/embed.h    shards stepped by the caller's own loop
 *     ringmail/socket.h   TCP listeners and connections
 *     ringmail/tls.h      TLS on connections
 *     ringmail/datagram.h UDP and Unix datagram sockets
 *     ringmail/passing.h  descriptors that travel over Unix sockets
 *     ringmail/file.h     files
 *     ringmail/path.h     folders and paths
 *     ringmail/pipe.h     pipes, standard input and output
 *     ringmail/poll.h     somebody else's descriptors
 *     ringmail/process.h  child processes
 *     ringmail/signal.h   signals as messages
 *     ringmail/map.h      mapped files
 *     ringmail/stage.h    many files into memory
 *     ringmail/folder.h   what is in a folder or a tree
 *     ringmail/watch.h    what happens to them
 *     ringmail/offload.h  blocking work on helper threads
 *     ringmail/name.h     names of actors
 *     ringmail/group.h    groups, publishing, pools
 *     ringmail/buffer.h   bytes that grow
 *     ringmail/bundle.h   many small requests that travel together
 *     ringmail/stream.h   reading lines and blocks from a socket
 *     ringmail/pipeline.h replies in order
 *     ringmail/stats.h    counters
 *     ringmail/supervisor.h  actors that start, restart and stop others
 *     ringmail/error.h    error codes
 *     ringmail/typed.h    typed messages, checked by the compiler
 *     ringmail/upgrade.h  new code for actors that live
 *     ringmail/sim.h      the simulated world
 *     ringmail/kit.h      a test kit: probes, expectations, faults
 *     ringmail/record.h   the inbox of a live actor, written down
 */
#ifndef RINGMAIL_H
#define RINGMAIL_H

#include "ringmail/actor.h"
#include "ringmail/buffer.h"
#include "ringmail/bundle.h"
#include "ringmail/datagram.h"
#include "ringmail/embed.h"
#include "ringmail/error.h"
#include "ringmail/ffi.h"
#include "ringmail/file.h"
#include "ringmail/folder.h"
#include "ringmail/group.h"
#include "ringmail/kit.h"
#include "ringmail/link.h"
#include "ringmail/mailbox.h"
#include "ringmail/map.h"
#include "ringmail/name.h"
#include "ringmail/offload.h"
#include "ringmail/passing.h"
#include "ringmail/path.h"
#include "ringmail/pipe.h"
#include "ringmail/pipeline.h"
#include "ringmail/poll.h"
#include "ringmail/port.h"
#include "ringmail/process.h"
#include "ringmail/record.h"
#include "ringmail/request.h"
#include "ringmail/runtime.h"
#include "ringmail/sequence.h"
#include "ringmail/signal.h"
#include "ringmail/sim.h"
#include "ringmail/socket.h"
#include "ringmail/stage.h"
#include "ringmail/stats.h"
#include "ringmail/stream.h"
#include "ringmail/supervisor.h"
#include "ringmail/tls.h"
#include "ringmail/typed.h"
#include "ringmail/upgrade.h"
#include "ringmail/watch.h"

#endif
