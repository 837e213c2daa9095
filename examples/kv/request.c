/* SPDX-License-Identifier: MIT */
#include "server.h"

static void look_up(const struct server *server, const struct text *args, struct request *request) {
    const struct command *command = request->command = request->count > 0 ? command_find(args, request->count) : NULL;
    if (command != NULL && command->first_key > 0 && command->first_key < request->count) {
        request->hash = store_hash(server->hash_key, args[command->first_key]);
    }
}

uint32_t requests_read(const struct server *server, struct shard *shard, struct text bytes, bool asked,
                       enum resp_result *result) {
    struct resp_parser *parser = &shard->parser;
    uint32_t count = 0;
    bool is_inline = false;
    parser->used = 0;
    *result = RESP_REQUEST;
    while (count < REQUESTS_AHEAD && bytes.size > 0 && !is_inline) {
        struct asked head = {0};
        memcpy(&head, asked ? text_shift(&bytes, sizeof head) : (const char *)&head, sizeof head);
        is_inline = bytes.at[0] != '*';
        if (is_inline && count > 0) {
            break; /* the words of the next would stand where those of the last do */
        }
        *result = resp_parse(parser, bytes);
        if (*result != RESP_REQUEST) {
            break;
        }
        struct request *request = &shard->requests[count++];
        *request = (struct request){.sent = {text_shift(&bytes, parser->size), parser->size}};
        request->first = parser->used - parser->count;
        request->count = parser->count;
        request->target = head.target;
        request->command = head.command;
        request->hash = head.hash;
        if (!asked) {
            look_up(server, parser->args + request->first, request);
        }
    }
    for (uint32_t i = 0; i < count && count > 1; i++) {
        uint64_t hash = shard->requests[i].hash;
        if (hash != 0 && server->shards[rim_shard_for(hash, server->count)] == shard) {
            store_prefetch(&shard->store, hash);
        }
    }
    return count;
}

void request_begin(const struct request *request, struct call *call) {
    call->command = request->command;
    call->args = call->shard->parser.args + request->first;
    call->count = request->count;
    call->sent = request->sent;
    if (request->command != NULL && request->command->first_key < request->count) {
        call->key = (struct key){request->hash, call->args[request->command->first_key]};
    }
}
