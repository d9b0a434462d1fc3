/* SPDX-License-Identifier: Apache-2.0 */
#include "sites_cache.h"
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/home.h"

#define CACHE_MAGIC 0x33435343u /* "CSC3": changes with elf_sites.c and elf_code.c */

struct cache_head {
    uint32_t magic, count, unpatchable, reserved;
};

static bool path_of(const uint8_t *digest, char *path)
{
    char dir[PATH_MAX - 70];
    if (!home_folder("XDG_CACHE_HOME", ".cache", "naos/callsites", dir, sizeof(dir)))
        return false;
    char *at = path + snprintf(path, PATH_MAX, "%s/", dir);
    for (int i = 0; i < 32; i++)
        at += sprintf(at, "%02x", digest[i]);
    return true;
}

bool sites_cache_get(const uint8_t *elf, size_t size, uint8_t *digest, struct site_list *list)
{
    struct error ignored;
    struct bytes file;
    struct cache_head head;
    char path[PATH_MAX];
    if (!EVP_Digest(elf, size, digest, NULL, EVP_sha256(), NULL) || !path_of(digest, path) || access(path, R_OK) < 0 ||
        file_read(path, &file, &ignored) < 0)
        return false;
    bool is_sound = file.size >= sizeof(head);
    if (is_sound)
        memcpy(&head, file.data, sizeof(head));
    is_sound = is_sound && head.magic == CACHE_MAGIC && file.size == sizeof(head) + head.count * sizeof(struct callsite);
    struct callsite *sites = is_sound ? malloc(head.count * sizeof(*sites) + 1) : NULL;
    if (sites) {
        memcpy(sites, file.data + sizeof(head), head.count * sizeof(*sites));
        *list = (struct site_list){sites, head.count, head.count, head.unpatchable};
    }
    free(file.data);
    return sites != NULL;
}

void sites_cache_put(const uint8_t *digest, const struct site_list *list)
{
    const struct cache_head head = {CACHE_MAGIC, list->count, list->unpatchable, 0};
    char path[PATH_MAX], temp[PATH_MAX + 32];
    if (!path_of(digest, path))
        return;
    snprintf(temp, sizeof(temp), "%s.%d", path, (int)gettid());
    FILE *f = fopen(temp, "we");
    bool is_ok = f && fwrite(&head, sizeof(head), 1, f) == 1 && fwrite(list->sites, sizeof(*list->sites), list->count, f) == list->count;
    is_ok = f && fclose(f) == 0 && is_ok && rename(temp, path) == 0;
    if (!is_ok)
        unlink(temp);
}
