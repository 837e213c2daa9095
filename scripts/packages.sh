# SPDX-License-Identifier: MIT
# Sourced by ./dev. Sees to it that commands and headers are there, and installs their Debian packages where they are
# not. A WHAT is a command (cmake), or a header (liburing.h).
#     need WHAT...   what nothing can be done without: where one cannot be had, that is said, and the status is 1
#     want WHAT...   what something can be done without: where one cannot be had, that is said, and nothing more

PATH=$PATH:/usr/sbin # where nginx is, for who is not root

left_out= # what was mentioned as missing

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

# Whether packages can be installed here at all; `root` is what makes the administrator of who is none.
can_install() {
    root=()
    if [ "${DEV_INSTALL:-yes}" = no ] || ! command -v apt-get > /dev/null; then
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo > /dev/null || return 1
        root=(sudo)
        [ -t 0 ] || root+=(-n) # nobody is there to be asked for a password
    fi
}

apt() { # words of apt-get's...
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 \
        -o Acquire::http::Timeout=20 "$@" < /dev/null
}

# All at once. Else one by one, so that none which cannot be had keeps the others away; after a minute of such failures
# there is no mirror.
install_packages() {
    local package lost=0 since
    can_install || return 0
    echo "== install: $*"
    # The lists of a fresh machine are empty or old: then fetch them, once, and try again.
    apt install --no-install-recommends "$@" || { apt update && apt install --no-install-recommends "$@"; } && return
    [ $# -gt 1 ] || return 0
    for package in "$@"; do
        since=$SECONDS
        apt install --no-install-recommends "$package" || lost=$((lost + SECONDS - since))
        [ $lost -lt 60 ] || return 0
    done
}

# The packages of what is not here, into `missing`.
look_for() {
    local what
    missing=()
    for what in "$@"; do
        is_here "$what" || missing+=("$(package_of "$what")")
    done
}

get() {
    look_for "$@"
    if [ ${#missing[@]} -gt 0 ]; then
        install_packages "${missing[@]}"
    fi
}

refuse_without() {
    look_for "$@"
    if [ ${#missing[@]} -gt 0 ]; then
        echo "Missing, by the names of their Debian packages: ${missing[*]}" >&2
        echo "It does not go without them. Please install them and try again." >&2
        return 1
    fi
}

mention_without() {
    look_for "$@"
    if [ ${#missing[@]} -gt 0 ]; then
        left_out="Missing, by the names of their Debian packages: ${missing[*]}: what needs them is left out"
        echo "$left_out" >&2
    fi
}

need() {
    get "$@"
    refuse_without "$@"
}

want() {
    get "$@"
    mention_without "$@"
}

# need_to_build [WHAT... [-- WANTED...]]: what nothing can be built without, and this; and wants what there is less
# without. All of it at once: apt takes its time.
need_to_build() {
    local basic=(cc stdio.h cmake liburing.h ck_ring.h jemalloc/jemalloc.h)
    local more=(pkg-config openssl/ssl.h sodium.h uv.h event2/event.h)
    command -v ninja > /dev/null || basic+=(make)
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        basic+=("$1")
        shift
    done
    more+=("${@:2}")
    get "${basic[@]}" "${more[@]}"
    refuse_without "${basic[@]}" || return
    mention_without "${more[@]}"
}
