/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over an image, two files at a time, and the table of it all. */
#include "callsites.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sites_cache.h"

#define THREADS 2

struct program {
    char *path; /* from the image's root, with the slash */
    struct site_list list;
};

struct collection {
    const char *dir;
    bool with_cache;
    struct program *programs;
    size_t count, room;
    atomic_size_t next;
    atomic_bool has_failed;
};

/* ---- which files ----------------------------------------------------------------------------- */

static bool is_elf(int dir, const char *name)
{
    char magic[4];
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    bool is = fd >= 0 && read(fd, magic, 4) == 4 && memcmp(magic, "\177ELF", 4) == 0;
    if (fd >= 0)
        close(fd);
    return is;
}

static int program_add(struct collection *c, const char *path)
{
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 256;
        struct program *grown = realloc(c->programs, room * sizeof(*grown));
        if (!grown)
            return -1;
        c->programs = grown;
        c->room = room;
    }
    c->programs[c->count] = (struct program){.path = strdup(path)};
    return c->programs[c->count++].path ? 0 : -1;
}

/* Directory entries as they come; sorted at the end. Depth is bounded by PATH_MAX. */
static int dir_walk(struct collection *c, const char *path, struct error *err)
{
    char full[PATH_MAX], below[PATH_MAX];
    struct dirent *e;
    int result = 0;
    snprintf(full, sizeof(full), "%s%s", c->dir, path);
    DIR *d = opendir(full);
    if (!d)
        return error_errno(err, "%s", full);
    while (result == 0 && (e = readdir(d))) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (snprintf(below, sizeof(below), "%s/%s", path, e->d_name) >= (int)sizeof(below))
            result = error_set(err, "%s/%s: the path is too long", path, e->d_name);
        else if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            result = error_errno(err, "%s%s", c->dir, below);
        else if (S_ISDIR(st.st_mode))
            result = dir_walk(c, below, err);
        else if (S_ISREG(st.st_mode) && st.st_size > 64 && is_elf(dirfd(d), e->d_name) &&
                 program_add(c, below) < 0)
            result = error_set(err, "out of memory");
    }
    closedir(d);
    return result;
}

/* ---- the sites of each ----------------------------------------------------------------------- */

static int sites_find(const struct collection *c, const uint8_t *elf, size_t size, struct site_list *list)
{
    uint8_t digest[32];
    if (c->with_cache && sites_cache_get(elf, size, digest, list))
        return 0;
    int result = elf_sites_find(elf, size, list);
    if (result == 0 && c->with_cache)
        sites_cache_put(digest, list);
    return result;
}

static int program_scan(const struct collection *c, struct program *p)
{
    char full[PATH_MAX];
    struct stat st;
    snprintf(full, sizeof(full), "%s%s", c->dir, p->path);
    int fd = open(full, O_RDONLY | O_CLOEXEC), result = -1;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        uint8_t *elf = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (elf != MAP_FAILED) {
            result = sites_find(c, elf, (size_t)st.st_size, &p->list);
            munmap(elf, (size_t)st.st_size);
        }
    }
    if (fd >= 0)
        close(fd);
    return result;
}

static void *scan_main(void *arg)
{
    struct collection *c = arg;
    for (size_t i = atomic_fetch_add(&c->next, 1); i < c->count;
         i = atomic_fetch_add(&c->next, 1)) {
        if (program_scan(c, &c->programs[i]) < 0)
            atomic_store(&c->has_failed, true);
    }
    return NULL;
}

static void scan_all(struct collection *c)
{
    pthread_t threads[THREADS];
    unsigned started = 0;
    while (started < THREADS - 1 && pthread_create(&threads[started], NULL, scan_main, c) == 0)
        started++;
    scan_main(c);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}

/* ---- the table ------------------------------------------------------------------------------- */

static size_t table_size(const struct program *p)
{
    return sizeof(struct callsite_table) + p->list.count * sizeof(struct callsite);
}

static size_t aligned8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static int table_write(const struct collection *c, struct bytes *out)
{
    size_t strings = 0, tables = 0;
    for (size_t i = 0; i < c->count; i++) {
        strings += strlen(c->programs[i].path) + 1;
        tables += aligned8(table_size(&c->programs[i]));
    }
    size_t at_tables =
        aligned8(sizeof(struct callsite_file) + c->count * sizeof(struct callsite_entry));
    size_t at_strings = at_tables + tables,
           size = at_strings + strings + 1; /* the last byte is 0 */
    struct callsite_file *f = calloc(1, size);
    if (!f || size > UINT32_MAX)
        return -1;
    *f = (struct callsite_file){CALLSITE_MAGIC, CALLSITE_VERSION, (uint32_t)c->count,
                                (uint32_t)size};
    for (size_t i = 0; i < c->count; i++) {
        const struct program *p = &c->programs[i];
        struct callsite_table *t = (struct callsite_table *)((char *)f + at_tables);
        f->entries[i] = (struct callsite_entry){0, (uint32_t)at_strings, (uint32_t)at_tables};
        t->count = p->list.count;
        t->unpatchable = p->list.unpatchable;
        if (p->list.count > 0)
            memcpy(t->sites, p->list.sites, p->list.count * sizeof(struct callsite));
        strcpy((char *)f + at_strings, p->path);
        at_tables += aligned8(table_size(p));
        at_strings += strlen(p->path) + 1;
    }
    *out = (struct bytes){(uint8_t *)f, size};
    return 0;
}

static int compare_programs(const void *a, const void *b)
{
    return strcmp(((const struct program *)a)->path, ((const struct program *)b)->path);
}

static void collection_free(struct collection *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->programs[i].path);
        free(c->programs[i].list.sites);
    }
    free(c->programs);
}

int callsites_collect(const char *dir, bool with_cache, struct bytes *out, struct callsite_totals *totals,
                      struct error *err)
{
    struct collection c = {.dir = dir, .with_cache = with_cache};
    int result = dir_walk(&c, "", err);
    *totals = (struct callsite_totals){0};
    if (result == 0) {
        if (c.count > 0)
            qsort(c.programs, c.count, sizeof(*c.programs), compare_programs);
        scan_all(&c);
        if (atomic_load(&c.has_failed))
            result = error_set(
                err, "%s: a program could not be read, or there is too little memory", dir);
        else if (table_write(&c, out) < 0)
            result = error_set(err, "out of memory for the table of system calls");
    }
    for (size_t i = 0; i < c.count; i++) {
        totals->sites += c.programs[i].list.count;
        totals->unpatchable += c.programs[i].list.unpatchable;
    }
    totals->files = c.count;
    collection_free(&c);
    return result;
}
