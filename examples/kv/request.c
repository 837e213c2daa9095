/* SPDX-License-Identifier: MIT */
#include "server.h"

static void look_up(const struct server *server, struct shard *shard, struct request *request) {
    const struct text *args = shard->parser.args + request->first;
    const struct command *command = request->count > 0 ? command_find(args, request->count) : NULL;
    request->command = command;
    if (command != NULL && command->first_key > 0 && command->first_key < request->count) {
        request->hash = store_hash(server->hash_key, args[command->first_key]);
        if (server->shards[rim_shard_for(request->hash, server->count)] == shard) {
            store_prefetch(&shard->store, request->hash);
        }
    }
}

uint32_t requests_read(const struct server *server, struct shard *shard, struct text bytes, size_t gap,
                       enum resp_result *result) {
    struct resp_parser *parser = &shard->parser;
    uint32_t count = 0;
    bool is_inline = false;
    parser->used = 0;
    *result = RESP_REQUEST;
    while (count < REQUESTS_AHEAD && bytes.size > gap && !is_inline) {
        const char *start = text_shift(&bytes, gap) + gap;
        is_inline = *start != '*';
        if (is_inline && count > 0) {
            break; /* the words of the next would stand where those of the last do */
        }
        *result = resp_parse(parser, bytes);
        if (*result != RESP_REQUEST) {
            break;
        }
        (void)text_shift(&bytes, parser->size);
        shard->requests[count] =
            (struct request){{start, parser->size}, parser->used - parser->count, parser->count, NULL, 0};
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        look_up(server, shard, &shard->requests[i]);
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
