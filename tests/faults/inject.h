/* SPDX-License-Identifier: MIT */
/*
 * inject.h - faults at the ring layer's table of functions, and results of the kernel's own making: an operation is
 * submitted as a NOP that ends as it is told (Linux 6.11), and so with any error through a real completion queue.
 *
 *     OPERATION:ERROR:FROM[+STEP]    read:EIO:1, accept:EMFILE:1+1: the FROM-th, and each STEP-th after it
 *     enter:ERROR:FROM[+STEP]        the kernel is not entered, and this is what is said about it
 *
 *     Threads  set before a system is made; counted by all shards
 */
#ifndef FAULTS_INJECT_H
#define FAULTS_INJECT_H

/* 0; -EINVAL: no such thing; -EOPNOTSUPP: this kernel's NOP does as it likes. */
int inject_set(const char *what);
/* How often it struck. */
unsigned inject_count(void);

#endif
