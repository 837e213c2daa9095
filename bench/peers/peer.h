/* SPDX-License-Identifier: MIT */
/*
 * peer.h - what the bare echo servers share: a listening socket on 127.0.0.1, or one for datagrams. Each of them is a
 * program of one thread that takes the port as its only argument and runs until it is killed.
 */
#ifndef RIMBENCH_PEER_H
#define RIMBENCH_PEER_H

#include <stdint.h>

/* Bytes that a connection receives at once. */
enum { PEER_BUFFER = 65536 };
/* And a datagram has at most. */
enum { PEER_DATAGRAM = 16384 };

/* The port of the command line; ends the program if there is none. */
uint16_t peer_port(int argc, char **argv);
/* A listening socket; ends the program with a message if there is none to be had. */
int peer_listen(uint16_t port);
/* A UDP socket on 127.0.0.1, or the same. */
int peer_bind(uint16_t port);
/* For what cannot go on: says what failed, and with which error, and ends the program. */
void peer_fail(const char *what, int error) __attribute__((noreturn));
/* No Nagle, as the others have it. */
void peer_tune(int fd);

#endif
