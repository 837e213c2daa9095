/* SPDX-License-Identifier: MIT */
#include "asleep.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

bool asleep_others(void) {
    bool asleep = true;
    DIR *folder = opendir("/proc/self/task");
    if (folder == NULL) {
        return true;
    }
    for (const struct dirent *entry; asleep && (entry = readdir(folder)) != NULL;) {
        int thread = atoi(entry->d_name);
        if (thread != 0 && thread != rim__thread_id()) {
            struct rim__thread_look look;
            rim__thread_look(thread, &look);
            asleep = !look.is_known || strchr("RDTt", look.state) == NULL;
        }
    }
    closedir(folder);
    return asleep;
}
