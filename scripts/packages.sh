# SPDX-License-Identifier: MIT
# Sourced by ./dev. need WHAT...: sees to it that commands and headers are there, and installs their Debian packages
# where they are not. A WHAT is a command (cmake), or a header (liburing.h).

PATH=$PATH:/usr/sbin # where nginx is, for who is not root

package_of() {
    case $1 in
    cc) echo gcc ;;
    c++) echo g++ ;;
    redis-cli) echo redis-tools ;;
    taskset) echo util-linux ;;
    ip) echo iproute2 ;;
    dnsmasq) echo dnsmasq-base ;;
    stdio.h) echo libc6-dev ;;
    liburing.h) echo liburing-dev ;;
    ck_ring.h) echo libck-dev ;;
    jemalloc/jemalloc.h) echo libjemalloc-dev ;;
    sodium.h) echo libsodium-dev ;;
    openssl/ssl.h) echo libssl-dev ;;
    uv.h) echo libuv1-dev ;;
    event2/event.h) echo libevent-dev ;;
    hwloc.h) echo libhwloc-dev ;;
    CUnit/CUnit.h) echo libcunit1-dev ;;
    *) echo "$1" ;;
    esac
}

is_here() {
    case $1 in
    *.h) echo "#include <$1>" | cc -E -x c - > /dev/null 2>&1 ;;
    *) command -v "$1" > /dev/null ;;
    esac
}

install_packages() {
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        root=(sudo)
    fi
    if [ "${DEV_INSTALL:-yes}" = no ] || ! command -v apt-get > /dev/null ||
        { [ ${#root[@]} -gt 0 ] && ! command -v sudo > /dev/null; }; then
        echo "Missing, by the names of their Debian packages: $*" >&2
        echo "Please install them and try again." >&2
        return 1
    fi
    echo "== install: $*"
    local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
    # The lists of a fresh machine are empty or old: then fetch them, once, and try again.
    "${apt[@]}" install --no-install-recommends "$@" ||
        { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"; }
}

need() {
    local what missing=()
    for what in "$@"; do
        is_here "$what" || missing+=("$(package_of "$what")")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        install_packages "${missing[@]}"
    fi
}

need_to_build() {
    need cc stdio.h cmake pkg-config make liburing.h ck_ring.h jemalloc/jemalloc.h openssl/ssl.h sodium.h uv.h event2/event.h "$@"
}
