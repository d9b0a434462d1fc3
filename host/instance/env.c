/* SPDX-License-Identifier: Apache-2.0 */
/* What of this process's environment is offered to the enclave. It decides by itself; this only saves the asking. */
#include <stdlib.h>
#include <string.h>
#include "instance.h"
#include "naos/config.h"

extern char **environ;

/* NAME, or NAME* for a prefix. */
static bool is_listed(const struct config *c, const char *variable)
{
    const char *name = (const char *)c + c->env_host.off;
    size_t len = strcspn(variable, "=");
    for (uint32_t i = 0; i < c->env_host.count; i++, name += strlen(name) + 1) {
        size_t name_len = strlen(name);
        bool is_prefix = name_len > 0 && name[name_len - 1] == '*';
        if (is_prefix ? len >= name_len - 1 && strncmp(variable, name, name_len - 1) == 0
                      : len == name_len && strncmp(variable, name, len) == 0)
            return true;
    }
    return false;
}

char **instance_env(const struct config *config, const char *const *extra, size_t extra_count, size_t *count)
{
    size_t room = extra_count;
    for (char **e = environ; *e; e++)
        room++;
    char **list = calloc(room + 1, sizeof(*list));
    *count = 0;
    for (char **e = environ; list && *e; e++) {
        if (is_listed(config, *e))
            list[(*count)++] = *e;
    }
    for (size_t i = 0; list && i < extra_count; i++)
        list[(*count)++] = (char *)extra[i];
    return list;
}
