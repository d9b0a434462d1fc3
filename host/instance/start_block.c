/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of an instance before an enclave runs, and the words in which a program is asked for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "instance.h"
#include "naos/config.h"
#include "naos/request.h"
#include "naos/start.h"

#define BLOCK_SIZE_MAX (START_SIZE_MAX - 4096) /* with room for a request around it */

int instance_file(const char *dir, const char *name, struct bytes *b, struct error *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (access(path, R_OK) < 0 && errno == ENOENT)
        return error_set(err, "%s is missing; run `naos build` first", path);
    return file_read(path, b, err);
}

int instance_config(const char *dir, struct bytes *b, struct error *err)
{
    if (instance_file(dir, INSTANCE_CONFIG, b, err) < 0)
        return -1;
    const struct config *c = (const struct config *)b->data;
    if (b->size >= sizeof(*c) && c->magic == CONFIG_MAGIC && c->version == CONFIG_VERSION && c->size == b->size)
        return 0;
    free(b->data);
    *b = (struct bytes){0};
    return error_set(err, "%s is not a configuration of this version of naos; run `naos build` again", INSTANCE_CONFIG);
}

static uint64_t strings_size(char *const *list, size_t count)
{
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += strlen(list[i]) + 1;
    return size;
}

static char *strings_put(char *at, char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, list[i]) + 1;
    return at;
}

int instance_start_block(const struct instance_start *start, const struct config *config, struct bytes *block, struct error *err)
{
    const char *workdir = start->workdir ? start->workdir : "";
    size_t argc = 0, envc;
    char **env = instance_env(config, start->env, start->env_count, &envc);
    while (start->argv[argc])
        argc++;
    uint64_t size = sizeof(struct start_block) + strings_size(start->argv, argc) + strings_size(env, envc) + strlen(workdir) + 1;
    if (size > BLOCK_SIZE_MAX || argc > START_COUNT_MAX || envc > START_COUNT_MAX)
        return error_set(err, "the arguments and the environment are too long: %llu bytes, %u are allowed", (unsigned long long)size,
                         BLOCK_SIZE_MAX);
    struct start_block *b = malloc(size);
    if (!b || !env)
        return error_errno(err, "start block");
    *b = (struct start_block){START_MAGIC, (uint32_t)size, (uint32_t)argc, (uint32_t)envc};
    strcpy(strings_put(strings_put(b->strings, start->argv, argc), env, envc), workdir);
    *block = (struct bytes){(uint8_t *)b, size};
    free(env);
    return 0;
}
