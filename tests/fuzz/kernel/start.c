/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start block, and requests of the host to a running enclave: what start_create makes of any bytes under a configuration that
 * has entry points and lists of variables of each kind.
 */
#include <string.h>
#include "heap/heap.h"
#include "init/init.h"
#include "naos/config.h"
#include "platform/plat.h"
#include "target.h"

#define STRINGS_OFF 1024

static union {
    struct config config;
    char bytes[4096];
} block;

static void config(struct fake_params *params)
{
    /* "", then entry points, variables that are set, and those that may come from the host */
    static const char strings[] = "\0/bin/\0/usr/bin/one\0/\0A=1\0PATH=/bin\0LANG\0LC_*\0*\0/work";
    memcpy(&block, params->config, sizeof(block));
    memcpy(block.bytes + STRINGS_OFF, strings, sizeof(strings));
    block.config.entry_points = (struct config_strings){STRINGS_OFF + 1, 2};
    block.config.env = (struct config_strings){STRINGS_OFF + 23, 2};
    block.config.env_host = (struct config_strings){STRINGS_OFF + 37, 2};
    block.config.workdir_off = STRINGS_OFF + 49;
    params->config = &block;
}

/* Each string that the start names is read to its end, so that one outside of the block is seen. */
static size_t strings_read(char *const *list)
{
    size_t sum = 0;
    while (list && *list)
        sum += strlen(*list++);
    return sum;
}

static void one(const uint8_t *data, size_t size)
{
    struct start_block *b = heap_alloc(MAX(size, sizeof(*b)));
    memset(b, 0, sizeof(*b));
    memcpy(b, data, size);
    struct process_start *start = start_create(b, size, 7);
    volatile size_t sum = 0;
    if (!start)
        return;
    sum += strings_read((char *const *)start->argv) + strings_read((char *const *)start->envp) + strlen(start->cwd);
    if (!start->path || start->path[0] != '/' || (strncmp(start->path, "/bin/", 5) != 0 && strcmp(start->path, "/usr/bin/one") != 0))
        fake_die("a program that is no entry point");
    process_start_free(start);
}

const struct fuzz_target fuzz_target = {.one = one, .config = config};
