/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naos.json: read, checked field by field, and compiled into the measured configuration
 * (naos/config.h). The schema beside it (naos.schema.json) says the same for editors.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/file.h"
#include "naos/config.h"

#define APP_FILE   "naos.json"
#define APP_SCHEMA "naos.schema.json"

struct strings {
    char **items;
    size_t count;
};

struct app_file {
    char *path;
    uint8_t sha256[32];
};

struct app_mount {
    char *target, *source;
    uint32_t kind, flags;
    uint64_t size;
    struct app_file *files;
    size_t file_count;
    uint8_t root_hash[32]; /* of an image, that it must have */
    bool has_root_hash;
    struct config_image image; /* filled in by build_run */
};

struct app {
    uint64_t memory_size, address_space, stack_size;
    unsigned vcpu_max;
    struct strings entry_points, env, env_host; /* env: NAME=value */
    struct strings command; /* what `naos run` runs if it is told no program; not measured */
    char *hostname, *workdir, *image_dir;
    uint32_t uid, gid;
    struct app_mount *mounts;
    size_t mount_count;
    struct strings extra_hosts, dns, dns_search, dns_opt; /* extra_hosts: NAME:ADDRESS, without brackets */
    struct config_publish *publish;
    struct config_outbound *outbound;
    size_t publish_count, outbound_count;
    bool is_debug;
    bool is_image_encrypted; /* the root's */
    uint16_t product_id, svn;
    char *core_key;        /* the file of a public key; NULL: none */
    uint8_t *core_modulus; /* CORE_KEY_SIZE bytes, big-endian; filled in by build_run */
};

/* Reads DIR/naos.json. err: "naos.json: memory.size: ...". */
int app_read(const char *dir, struct app *app, struct error *err);
/* The caller frees out->data. */
int app_compile(const struct app *app, const struct config_image *image, struct bytes *out,
                struct error *err);
