/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>

#include "server.h"

#define FLAGS 10

/* A flag takes an address, a number of at most so much, or one of some words, whose index is then its value. */
struct flag {
    const char *name, *takes, *help, *words[6];
    int64_t value, most;
};

/* False, and a message: it is not what the flag takes. */
static bool read_value(struct flag *flag, const char *text) {
    rim_address address;
    bool fine;
    if (flag->words[0] != NULL) {
        flag->value = text_choice(text_of(text), flag->words);
        fine = flag->value >= 0;
    } else if (flag->most > 0) {
        fine = text_number(text_of(text), &flag->value) && flag->value >= 0 && flag->value <= flag->most;
    } else {
        fine = rim_address_parse(text, 0, &address) == 0;
    }
    if (!fine) {
        fprintf(stderr, "kv: --%s does not take '%s': %s\n", flag->name, text, flag->help);
    }
    return fine;
}

static int print_help(const struct flag *flags) {
    printf("usage: kv [flags]\n\nA key-value server that speaks the protocol of Redis, on all cores.\n\n");
    for (int i = 0; i < FLAGS; i++) {
        printf("  --%-11s %-7s  %s\n", flags[i].name, flags[i].takes, flags[i].help);
    }
    return 1;
}

int options_read(struct server_options *options, rim_config *config, int argc, char **argv) {
    enum { BIND, PORT, SHARDS, DRIVER, WAKE, DISTRIBUTE, MAX_CLIENTS, MAX_VALUE, LOG_LEVEL, HELP };
    struct flag flags[FLAGS] = {
        {"bind", "ADDRESS", "address to listen on (127.0.0.1); * for all, IPv4 and IPv6", {NULL}, 0, 0},
        {"port", "PORT", "port to listen on (6379); 0: one that is free", {NULL}, 6379, 65535},
        {"shards", "N", "shards, a thread each (0: one for each usable CPU)", {NULL}, 0, SERVER_SHARDS_MAX},
        {"driver", "NAME", "auto (default), uring or epoll", {"auto", "uring", "epoll"}, 0, 0},
        {"wake", "NAME", "how sleepers are woken: auto, msg_ring, eventfd", {"auto", "msg_ring", "eventfd"}, 0, 0},
        {"distribute",
         "NAME",
         "who gets a connection: fd-hash (default), round-robin, least, reuseport",
         {"fd-hash", "round-robin", "least", "reuseport"},
         0,
         0},
        {"max-clients", "N", "connections at once (10000)", {NULL}, 10000, 1 << 24},
        {"max-value", "BYTES", "longest key or value (536870912)", {NULL}, 512 << 20, 512 << 20},
        {"log-level", "NAME", "error, warning (default), notice, debug", {"error", "warning", "notice", "debug"}, 1, 0},
        {"help", "", "this text", {NULL}, 0, 0},
    };
    struct option list[FLAGS + 1] = {{0}};
    const char *bind = "127.0.0.1";
    int at;
    for (int i = 0; i < FLAGS; i++) {
        list[i] = (struct option){flags[i].name, i == HELP ? no_argument : required_argument, NULL, i};
    }
    while ((at = getopt_long(argc, argv, "", list, NULL)) != -1) {
        if (at == HELP) {
            return print_help(flags);
        }
        if (at == '?' || !read_value(&flags[at], optarg)) {
            return 3;
        }
        bind = at == BIND ? optarg : bind;
    }
    if (optind < argc) {
        fprintf(stderr, "kv: '%s' is not a flag; try kv --help\n", argv[optind]);
        return 3;
    }
    options->bind = bind;
    options->port = (uint16_t)flags[PORT].value;
    options->distribute = (enum rim_distribute)flags[DISTRIBUTE].value;
    options->max_clients = (uint32_t)flags[MAX_CLIENTS].value;
    options->max_value = (size_t)flags[MAX_VALUE].value;
    config->shards = (uint32_t)flags[SHARDS].value;
    config->driver = (enum rim_driver_kind)flags[DRIVER].value;
    config->wake = (enum rim_wake_kind)flags[WAKE].value;
    config->log_level = (int)flags[LOG_LEVEL].value;
    return 0;
}
