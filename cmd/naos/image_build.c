/* SPDX-License-Identifier: Apache-2.0 */
/* naos image build: an image's file by itself, for mounts of several instances. */
#include <limits.h>
#include <stdio.h>
#include "base/file.h"
#include "image/image.h"
#include "options.h"
#include "store/keyfile.h"

int cmd_image_build(const char *dir, const char *to, const char *key_file)
{
    uint8_t key[32];
    char temporary[PATH_MAX], root[65];
    struct image_options options = {.with_cache = true, .key = key_file ? key : NULL};
    struct config_image facts;
    struct callsite_totals sites;
    struct error err;
    snprintf(temporary, sizeof(temporary), "%s.new", to);
    if ((key_file && store_key_read(key_file, key, &err) < 0) || image_write(dir, temporary, &options, &facts, &sites, &err) < 0) {
        remove(temporary);
        return cmd_fail("image", err.text);
    }
    if (rename(temporary, to) < 0) {
        error_errno(&err, "%s", to);
        remove(temporary);
        return cmd_fail("image", err.text);
    }
    hex_print(facts.root_hash, 32, root);
    printf("image      %s, %.1f MiB, %zu programs%s\nroot hash  %s\n", to, (double)facts.size / 1048576, sites.files,
           key_file ? ", encrypted" : "", root);
    return STATUS_OK;
}
