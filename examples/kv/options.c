/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "number.h"

static const char help[] =
    "usage: kv [flags]\n"
    "\n"
    "A key-value server that speaks the protocol of Redis, on all cores.\n"
    "\n"
    "  --bind ADDRESS       address to listen on (127.0.0.1); * for all, IPv4 and IPv6\n"
    "  --port PORT          port to listen on (6379); 0: one that is free\n"
    "  --shards N           shards, a thread each (0: one for each usable CPU)\n"
    "  --driver NAME        auto (default), uring or epoll\n"
    "  --wake NAME          how sleeping shards are woken: auto, msg_ring, eventfd (auto)\n"
    "  --distribute NAME    who gets a connection: fd-hash, round-robin, least, reuseport (fd-hash)\n"
    "  --max-clients N      connections at once (10000)\n"
    "  --max-value BYTES    longest key or value (536870912)\n"
    "  --log-level NAME     error, warning, notice, debug (warning)\n"
    "  --help               this text\n";

enum flag { BIND = 1, PORT, SHARDS, DRIVER, WAKE, DISTRIBUTE, MAX_CLIENTS, MAX_VALUE, LOG_LEVEL, HELP };

static const struct option flags[] = {
    {"bind", required_argument, NULL, BIND},
    {"port", required_argument, NULL, PORT},
    {"shards", required_argument, NULL, SHARDS},
    {"driver", required_argument, NULL, DRIVER},
    {"wake", required_argument, NULL, WAKE},
    {"distribute", required_argument, NULL, DISTRIBUTE},
    {"max-clients", required_argument, NULL, MAX_CLIENTS},
    {"max-value", required_argument, NULL, MAX_VALUE},
    {"log-level", required_argument, NULL, LOG_LEVEL},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static const char *flag_name(int flag) {
    return flags[flag - 1].name;
}

/* The index of a word in a list that ends with NULL; -1, and a message, if it is not there. */
static int word(int flag, const char *text, const char *const *words) {
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
    }
    fprintf(stderr, "kv: --%s: '%s' is none of:", flag_name(flag), text);
    for (int i = 0; words[i] != NULL; i++) {
        fprintf(stderr, " %s", words[i]);
    }
    fprintf(stderr, "\n");
    return -1;
}

static bool number(int flag, const char *text, int64_t most, int64_t *out) {
    if (number_parse(text, strlen(text), out) && *out >= 0 && *out <= most) {
        return true;
    }
    fprintf(stderr, "kv: --%s: '%s' is not a number from 0 to %lld\n", flag_name(flag), text, (long long)most);
    return false;
}

static bool choose_driver(struct options *options, const char *text) {
    static const char *const words[] = {"auto", "uring", "epoll", "sim", NULL};
    int choice = word(DRIVER, text, words);
    if (choice == 3) {
        fprintf(stderr, "kv: --driver: sim is for tests, it has no network\n");
    }
    options->config.driver = (enum rim_driver_kind)choice;
    return choice >= 0 && choice < 3;
}

static bool read_word(struct options *options, int flag, const char *text) {
    static const char *const ways[] = {"fd-hash", "round-robin", "least", "reuseport", NULL};
    static const char *const wakes[] = {"auto", "msg_ring", "eventfd", NULL};
    static const char *const levels[] = {"error", "warning", "notice", "debug", NULL};
    int choice = word(flag, text, flag == DISTRIBUTE ? ways : flag == WAKE ? wakes : levels);
    if (choice < 0) {
        return false;
    }
    if (flag == DISTRIBUTE) {
        options->server.distribute = (enum rim_distribute)choice;
    } else if (flag == WAKE) {
        options->config.wake = (enum rim_wake_kind)choice;
    } else {
        options->config.log_level = choice;
    }
    return true;
}

static bool read_flag(struct options *options, int flag, const char *text) {
    int64_t value = 0;
    switch (flag) {
    case BIND: {
        rim_address address;
        options->server.bind = text;
        if (rim_address_parse(text, 0, &address) != 0) {
            fprintf(stderr, "kv: --bind: '%s' is not a numeric address\n", text);
            return false;
        }
        return true;
    }
    case PORT:
        value = options->server.port;
        if (!number(flag, text, 65535, &value)) {
            return false;
        }
        options->server.port = (uint16_t)value;
        return true;
    case SHARDS:
        return number(flag, text, SERVER_SHARDS_MAX, &value) && ((options->config.shards = (uint32_t)value), true);
    case MAX_CLIENTS:
        return number(flag, text, 1 << 24, &value) && ((options->server.max_clients = (uint32_t)value), true);
    case MAX_VALUE:
        return number(flag, text, 1 << 29, &value) && ((options->server.max_value = (size_t)value), true);
    case DRIVER:
        return choose_driver(options, text);
    case WAKE:
    case DISTRIBUTE:
    case LOG_LEVEL:
        return read_word(options, flag, text);
    default:
        return false; /* getopt has said what is wrong */
    }
}

int options_read(struct options *options, int argc, char **argv) {
    *options = (struct options){
        .server = {.bind = "127.0.0.1", .port = 6379, .max_clients = 10000, .max_value = 512u << 20},
        .config = {.log_level = RIM_LOG_WARNING},
    };
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        if (flag == HELP) {
            fputs(help, stdout);
            return 1;
        }
        if (!read_flag(options, flag, optarg)) {
            fprintf(stderr, "kv: try kv --help\n");
            return 3;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "kv: '%s' is not a flag; try kv --help\n", argv[optind]);
        return 3;
    }
    return 0;
}
