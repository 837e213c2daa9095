/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { BIND, PORT, SHARDS, DRIVER, WAKE, DISTRIBUTE, MAX_CLIENTS, MAX_VALUE, LOG_LEVEL, HELP, FLAGS };

/* A flag takes a text, one of some words, whose index is its value, or a number of at most so much. */
static const struct flag {
    const char *name, *takes, *help;
    const char *words[6];
    int64_t most;
} flags[FLAGS] = {
    [BIND] = {"bind", "ADDRESS", "address to listen on (127.0.0.1); * for all, IPv4 and IPv6", {NULL}, 0},
    [PORT] = {"port", "PORT", "port to listen on (6379); 0: one that is free", {NULL}, 65535},
    [SHARDS] = {"shards", "N", "shards, a thread each (0: one for each usable CPU)", {NULL}, SERVER_SHARDS_MAX},
    [DRIVER] = {"driver", "NAME", "auto (default), uring or epoll", {"auto", "uring", "epoll", NULL}, 0},
    [WAKE] = {"wake",
              "NAME",
              "how sleeping shards are woken: auto, msg_ring, eventfd (auto)",
              {"auto", "msg_ring", "eventfd", NULL},
              0},
    [DISTRIBUTE] = {"distribute",
                    "NAME",
                    "who gets a connection: fd-hash, round-robin, least, reuseport (fd-hash)",
                    {"fd-hash", "round-robin", "least", "reuseport", NULL},
                    0},
    [MAX_CLIENTS] = {"max-clients", "N", "connections at once (10000)", {NULL}, 1 << 24},
    [MAX_VALUE] = {"max-value", "BYTES", "longest key or value (536870912)", {NULL}, 1 << 29},
    [LOG_LEVEL] = {"log-level",
                   "NAME",
                   "error, warning, notice, debug (warning)",
                   {"error", "warning", "notice", "debug", NULL},
                   0},
    [HELP] = {"help", "", "this text", {NULL}, 0},
};

static void print_help(void) {
    printf("usage: kv [flags]\n\nA key-value server that speaks the protocol of Redis, on all cores.\n\n");
    for (int i = 0; i < FLAGS; i++) {
        printf("  --%-11s %-7s  %s\n", flags[i].name, flags[i].takes, flags[i].help);
    }
}

/* False, and a message: it is not what the flag takes. */
static bool read_value(const struct flag *flag, const char *text, int64_t *value) {
    if (flag->words[0] != NULL) {
        *value = text_choice(text_of(text), flag->words);
        if (*value < 0) {
            fprintf(stderr, "kv: --%s: '%s' is none of these: %s\n", flag->name, text, flag->help);
        }
        return *value >= 0;
    }
    rim_address address;
    if (flag->most == 0 && rim_address_parse(text, 0, &address) != 0) {
        fprintf(stderr, "kv: --%s: '%s' is not a numeric address\n", flag->name, text);
        return false;
    }
    if (flag->most > 0 && !(text_number(text_of(text), value) && *value >= 0 && *value <= flag->most)) {
        fprintf(stderr, "kv: --%s: '%s' is not a number from 0 to %lld\n", flag->name, text, (long long)flag->most);
        return false;
    }
    return true;
}

static int refuse(const char *text) {
    fprintf(stderr, "kv: %s; try kv --help\n", text);
    return 3;
}

int options_read(struct options *options, int argc, char **argv) {
    int64_t values[FLAGS] = {[PORT] = 6379, [MAX_CLIENTS] = 10000, [MAX_VALUE] = 512 << 20};
    const char *bind = "127.0.0.1";
    struct option list[FLAGS + 1] = {{0}};
    int flag;
    values[LOG_LEVEL] = RIM_LOG_WARNING;
    for (int i = 0; i < FLAGS; i++) {
        list[i] = (struct option){flags[i].name, i == HELP ? no_argument : required_argument, NULL, i};
    }
    while ((flag = getopt_long(argc, argv, "", list, NULL)) != -1) {
        if (flag == HELP) {
            print_help();
            return 1;
        }
        if (flag == '?' || !read_value(&flags[flag], optarg, &values[flag])) {
            return refuse("that flag is wrong");
        }
        bind = flag == BIND ? optarg : bind;
    }
    if (optind < argc) {
        fprintf(stderr, "kv: '%s' is not a flag\n", argv[optind]);
        return refuse("too many words");
    }
    *options = (struct options){
        .server = {.bind = bind, .port = (uint16_t)values[PORT], .max_clients = (uint32_t)values[MAX_CLIENTS]},
        .config = {.shards = (uint32_t)values[SHARDS], .log_level = (int)values[LOG_LEVEL]},
    };
    options->server.max_value = (size_t)values[MAX_VALUE];
    options->server.distribute = (enum rim_distribute)values[DISTRIBUTE];
    options->config.driver = (enum rim_driver_kind)values[DRIVER];
    options->config.wake = (enum rim_wake_kind)values[WAKE];
    return 0;
}
