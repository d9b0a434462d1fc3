/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naos.json: an input is one. What is accepted is compiled, and the block is read as the kernel reads it, which believes it: so
 * each offset must lie inside, and each string must end there.
 */
#include "target.h"
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "image/app.h"

static struct bytes block;

static const char *string_at(uint32_t off)
{
    if (off >= block.size || !memchr(block.data + off, 0, block.size - off))
        fuzz_wrong("a string outside of the configuration");
    return (const char *)block.data + off;
}

static void list_check(const struct config_strings *list, bool is_path)
{
    uint32_t off = list->off;
    for (uint32_t i = 0; i < list->count; i++) {
        const char *s = string_at(off);
        if (is_path && s[0] != '/')
            fuzz_wrong("an entry point that is no absolute path");
        off += (uint32_t)strlen(s) + 1;
    }
}

static const void *array_at(uint32_t off, uint32_t count, size_t size)
{
    if (off % 4 || off > block.size || count > (block.size - off) / size)
        fuzz_wrong("an array outside of the configuration");
    return block.data + off;
}

static void mount_check(const struct config_mount *m)
{
    if (string_at(m->target_off)[0] != '/')
        fuzz_wrong("a mount at no absolute path");
    if (m->source_off)
        string_at(m->source_off);
    const struct config_file *files = m->file_count ? array_at(m->files_off, m->file_count, sizeof(*files)) : NULL;
    for (uint32_t i = 0; i < m->file_count; i++)
        string_at(files[i].path_off);
}

static void block_check(void)
{
    const struct config *c = (const struct config *)block.data;
    if (c->size != block.size || c->size > CONFIG_SIZE_MAX || c->vcpu_max < 1 || c->vcpu_max > 64 || c->memory_size % 4096)
        fuzz_wrong("a number that the kernel does not expect");
    list_check(&c->entry_points, true);
    list_check(&c->env, false);
    list_check(&c->env_host, false);
    string_at(c->hostname_off);
    string_at(c->workdir_off);
    const struct config_mount *mounts = array_at(c->mounts_off, c->mount_count, sizeof(*mounts));
    for (uint32_t i = 0; i < c->mount_count; i++)
        mount_check(&mounts[i]);
    array_at(c->publish_off, c->publish_count, sizeof(struct config_publish));
    const struct config_outbound *out = array_at(c->outbound_off, c->outbound_count, sizeof(*out));
    for (uint32_t i = 0; i < c->outbound_count; i++) {
        if (out[i].prefix > 128 || out[i].port_first > out[i].port_last)
            fuzz_wrong("an outbound rule that the kernel does not expect");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_image facts = {.size = 4096, .hash_off = 4096};
    struct app app;
    struct error err = {""};
    fuzz_file(APP_FILE, data, size);
    if (app_read(fuzz_path(""), &app, &err) < 0) {
        if (!err.text[0])
            fuzz_wrong("refused, but not said why");
        return 0;
    }
    if (app_compile(&app, &facts, &block, &err) == 0) {
        block_check();
        free(block.data);
    }
    return 0;
}
