# SPDX-License-Identifier: MIT
# Sourced by tests that are scripts. $drivers: those that this machine allows. CMake names the program that finds out
# about io_uring; without it (by hand) both are taken to be allowed.
drivers="uring epoll"
if [ -n "${HAS_URING:-}" ] && ! why_not=$("$HAS_URING"); then
    echo "skipped: io_uring: $why_not"
    drivers=epoll
fi
