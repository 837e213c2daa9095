/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <string.h>

const struct command_group *const command_groups[COMMAND_GROUPS] = {&string_commands, &key_commands,
                                                                    &connection_commands, &server_commands};

static uint8_t slot_of(struct text name) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ ((unsigned char)name.at[i] | 0x20u)) * 16777619u;
    }
    return (uint8_t)(hash ^ hash >> 8 ^ hash >> 16);
}

void command_index_fill(struct command_index *index) {
    memset(index, 0, sizeof *index);
    for (uint32_t group = 0; group < COMMAND_GROUPS; group++) {
        for (uint32_t i = 0; i < command_groups[group]->count; i++) {
            const struct command *command = &command_groups[group]->commands[i];
            uint8_t slot = slot_of(text_of(command->name));
            while (index->slots[slot] != NULL) {
                slot++;
            }
            index->slots[slot] = command;
            index->count++;
        }
    }
}

const struct command *command_find(const struct command_index *index, struct text name) {
    uint8_t slot = name.size <= 32 ? slot_of(name) : 0;
    while (name.size <= 32 && index->slots[slot] != NULL) {
        if (text_is(name, index->slots[slot]->name)) {
            return index->slots[slot];
        }
        slot++;
    }
    return NULL;
}

const char *command_group_of(const struct command *command) {
    for (uint32_t group = 0; group < COMMAND_GROUPS; group++) {
        for (uint32_t i = 0; i < command_groups[group]->count; i++) {
            if (command == &command_groups[group]->commands[i]) {
                return command_groups[group]->name;
            }
        }
    }
    return "";
}

bool command_fits(int arity, uint32_t count) {
    return arity > 0 ? count == (uint32_t)arity : count >= (uint32_t)-arity;
}
