/* SPDX-License-Identifier: Apache-2.0 */
/* struct app to struct config: the block grows as strings are put behind the fixed part. */
#include <stdlib.h>
#include <string.h>
#include "app.h"
#include "naos/core.h"

struct block {
    uint8_t *data; /* CONFIG_SIZE_MAX bytes, zero */
    size_t size;
    bool is_full;
};

static uint32_t put(struct block *b, const void *data, size_t size)
{
    size_t at = b->size;
    if (size > CONFIG_SIZE_MAX - at) {
        b->is_full = true;
        return 0;
    }
    if (size > 0) /* data may be NULL then */
        memcpy(b->data + at, data, size);
    b->size += size;
    return (uint32_t)at;
}

static uint32_t put_string(struct block *b, const char *s)
{
    return s ? put(b, s, strlen(s) + 1) : 0;
}

static struct config_strings put_strings(struct block *b, const struct strings *list)
{
    struct config_strings s = {(uint32_t)b->size, (uint32_t)list->count};
    for (size_t i = 0; i < list->count; i++)
        put_string(b, list->items[i]);
    return s;
}

/* A structure's or an array's place: aligned for any of them. */
static uint32_t put_aligned(struct block *b, const void *data, size_t size)
{
    static const uint8_t zero[8];
    put(b, zero, -b->size % 8);
    return put(b, data, size);
}

static uint32_t put_files(struct block *b, const struct app_mount *m)
{
    struct config_file *files = calloc(m->file_count + 1, sizeof(*files));
    for (size_t i = 0; files && i < m->file_count; i++) {
        files[i].path_off = put_string(b, m->files[i].path);
        memcpy(files[i].sha256, m->files[i].sha256, sizeof(files[i].sha256));
    }
    uint32_t at = put_aligned(b, files, m->file_count * sizeof(*files));
    free(files);
    return at;
}

static uint32_t put_mounts(struct block *b, const struct app *app)
{
    struct config_mount *mounts = calloc(app->mount_count + 1, sizeof(*mounts));
    for (size_t i = 0; mounts && i < app->mount_count; i++) {
        const struct app_mount *m = &app->mounts[i];
        mounts[i] = (struct config_mount){m->kind, m->flags, put_string(b, m->target),
                                          put_string(b, m->source), m->size,
                                          put_files(b, m), (uint32_t)m->file_count,
                                          m->kind == CONFIG_MOUNT_IMAGE ? put_aligned(b, &m->image, sizeof(m->image)) : 0, 0};
    }
    uint32_t at = put_aligned(b, mounts, app->mount_count * sizeof(*mounts));
    free(mounts);
    return at;
}

int app_compile(const struct app *app, const struct config_image *image, struct bytes *out,
                struct error *err)
{
    struct block b = {calloc(1, CONFIG_SIZE_MAX), sizeof(struct config), false};
    struct config *c = (struct config *)b.data;
    if (!c)
        return error_errno(err, "configuration");
    *c = (struct config){
        .magic = CONFIG_MAGIC,
        .version = CONFIG_VERSION,
        .flags = app->is_debug ? CONFIG_DEBUG : 0,
        .vcpu_max = app->vcpu_max,
        .memory_size = app->memory_size & ~4095ULL,
        .address_space = app->address_space,
        .stack_size = app->stack_size & ~4095ULL,
        .image = *image,
        .uid = app->uid,
        .gid = app->gid,
        .mount_count = (uint32_t)app->mount_count,
    };
    c->hostname_off = put_string(&b, app->hostname);
    c->workdir_off = put_string(&b, app->workdir);
    c->entry_points = put_strings(&b, &app->entry_points);
    c->env = put_strings(&b, &app->env);
    c->env_host = put_strings(&b, &app->env_host);
    c->mounts_off = put_mounts(&b, app);
    c->publish_off = put_aligned(&b, app->publish, app->publish_count * sizeof(*app->publish));
    c->outbound_off = put_aligned(&b, app->outbound, app->outbound_count * sizeof(*app->outbound));
    c->publish_count = (uint32_t)app->publish_count;
    c->outbound_count = (uint32_t)app->outbound_count;
    c->core_key_off = app->core_modulus ? put(&b, app->core_modulus, CORE_KEY_SIZE) : 0;
    c->size = (uint32_t)b.size;
    *out = (struct bytes){b.data, b.size};
    if (!b.is_full)
        return 0;
    free(b.data);
    return error_set(err, APP_FILE ": the configuration takes more than %u KiB; shorten its lists",
                     CONFIG_SIZE_MAX >> 10);
}
