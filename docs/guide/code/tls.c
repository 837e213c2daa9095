/* SPDX-License-Identifier: MIT */
/*
 * tls.c - a server with a certificate, a client that trusts it, and one that wants somebody else.
 */
#define _POSIX_C_SOURCE 200809L
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

/* A key that everybody knows keeps no secret: make your own. */
static const char certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIIBAzCBtqADAgECAgEBMAUGAytlcDAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwIhgP\n"
                                  "MjAyMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFDESMBAGA1UEAwwJbG9j\n"
                                  "YWxob3N0MCowBQYDK2VwAyEAok3PnLy0gdboddYgVEfQ6C0Mhd5aZ0XuqFoqq9OP\n"
                                  "zmqjKTAnMA8GA1UdEwEB/wQFMAMBAf8wFAYDVR0RBA0wC4IJbG9jYWxob3N0MAUG\n"
                                  "AytlcANBAG6omU0inb8TB+iSMDWWz55MJ+JGdYVyEDpqDIrkyW4I3ylxFWnXdbCl\n"
                                  "2DOEIfudqj84151xTZanj6NVIUE2GAQ=\n"
                                  "-----END CERTIFICATE-----\n";
static const char key[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEIIrouTZJ622Auo7bAdJNNv5vI6sYDBUtuQqevoB1NQGt\n"
                          "-----END PRIVATE KEY-----\n";

static sem_t over;
static rim_tls *server_tls, *client_tls;

/* ---- the server: a connection's owner is spawned when the handshake is over ---- */

static rim_verdict greeter_init(rim_ctx *ctx, void *state UNUSED, const void *arg, size_t size UNUSED) {
    const rim_connection *connection = arg;
    rim_tls_state tls;
    if (rim_socket_tls(ctx, connection->socket, &tls) == 0) {
        char text[256];
        int length = snprintf(text, sizeof text, "you asked for %.64s, and speak %.16s", tls.name, tls.protocol);
        rim_socket_write(ctx, connection->socket, text, (size_t)length);
    }
    return RIM_STOP; /* what was written is sent, and then close_notify */
}

static const rim_behaviour greeter = {.name = "greeter", .init = greeter_init};

/* ---- the client ---- */

struct client {
    uint16_t port;
    bool has_failed;
};

static rim_verdict call(rim_ctx *ctx, struct client *self, const char *name) {
    rim_connect_options options = {
        .host = "127.0.0.1", .port = self->port, .timeout_ns = RIM_SECONDS(5), .tls = client_tls, .tls_name = name};
    return rim_connect(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict client_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_listen_options options = {.host = "127.0.0.1", .owner = &greeter, .tls = server_tls};
    return rim_listen(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    const rim_listening_event *event = body;
    struct client *self = state;
    self->port = event->address.port;
    return call(ctx, self, "bank.example");
}

static rim_verdict on_data(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg) {
    printf("%.*s\n", (int)rim_size(msg), (const char *)body);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    const rim_closed_event *event = body;
    struct client *self = state;
    printf("%s\n", event->error == 0 ? "closed" : rim_error_name(event->error));
    if (!self->has_failed) {
        self->has_failed = true;
        return call(ctx, self, "localhost");
    }
    sem_post(&over);
    return RIM_DONE;
}

static const rim_handler client_on[] = {
    [RIM_LISTENING] = on_listening,
    [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour client = {
    .name = "client",
    .state_size = sizeof(struct client),
    .on = client_on,
    .on_count = RIM_COUNT(client_on),
    .init = client_init,
};

/* ---- set-ups: once, before the start ---- */

static void save(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        exit(1);
    }
}

static int set_up(void) {
    char folder[] = "/tmp/tls-guide-XXXXXX", pem[64], pem_key[64], text[RIM_TLS_TEXT_MAX];
    static const char *const protocols[] = {"greeting/1"};
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(pem, sizeof pem, "%s/server.pem", folder);
    snprintf(pem_key, sizeof pem_key, "%s/server.key", folder);
    save(pem, certificate);
    save(pem_key, key);
    rim_tls_certificate own = {.certificate = pem, .key = pem_key};
    rim_tls_options serve = {
        .server = true, .certificates = &own, .certificate_count = 1, .alpn = protocols, .alpn_count = 1};
    rim_tls_options connect = {.ca_file = pem, .alpn = protocols, .alpn_count = 1};
    int error = rim_tls_create(&serve, &server_tls, text);
    if (error == 0) {
        error = rim_tls_create(&connect, &client_tls, text);
    }
    if (error != 0) {
        printf("%s\n", text);
    }
    unlink(pem); /* a reload would want them; this program does not reload */
    unlink(pem_key);
    rmdir(folder);
    return error;
}

int main(void) {
    rim_system *system;
    rim_ref someone;
    if (set_up() != 0) {
        return 1;
    }
    sem_init(&over, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &client, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    rim_tls_destroy(server_tls);
    rim_tls_destroy(client_tls);
    return error == 0 ? 0 : 1;
}

/* output:
RIM_ECERTIFICATE
you asked for localhost, and speak greeting/1
closed
*/
