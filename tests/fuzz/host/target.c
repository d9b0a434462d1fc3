/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/remove.h"

#define NOBODY 65534

static char folder[64];

_Noreturn void fuzz_wrong(const char *why)
{
    fprintf(stderr, "fuzz: %s (%s)\n", why, strerror(errno));
    abort();
}

static void folder_remove(void)
{
    tree_remove(folder);
}

static void folder_make(void)
{
    snprintf(folder, sizeof(folder), "%s/naos-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        fuzz_wrong("no folder");
    atexit(folder_remove);
    if (geteuid() != 0)
        return;
    if (chown(folder, NOBODY, NOBODY) || setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
        fuzz_wrong("cannot become nobody");
}

const char *fuzz_path(const char *name)
{
    static char paths[8][PATH_MAX];
    static unsigned next;
    if (!folder[0])
        folder_make();
    char *path = paths[next++ % 8];
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

void fuzz_file(const char *name, const void *data, size_t size)
{
    int fd = open(fuzz_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        fuzz_wrong("a file of the target's own cannot be written");
    close(fd);
}

static void dir_clear(DIR *d)
{
    struct dirent *e;
    while ((e = readdir(d))) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            tree_remove(fuzz_path(e->d_name));
    }
}

void fuzz_clear(void)
{
    DIR *d = opendir(fuzz_path(""));
    if (d)
        dir_clear(d);
    closedir(d);
    if (mkdir(fuzz_path("outside"), 0755))
        fuzz_wrong("outside cannot be made");
    fuzz_file("outside/kept", "kept", 4);
}

void fuzz_outside_check(void)
{
    struct dirent *e;
    bool has_kept = false;
    DIR *d = opendir(fuzz_path("outside"));
    while (d && (e = readdir(d))) {
        has_kept |= strcmp(e->d_name, "kept") == 0;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && strcmp(e->d_name, "kept") != 0)
            fuzz_wrong("something was made outside");
    }
    if (!has_kept)
        fuzz_wrong("something was removed outside");
    closedir(d);
}

int fuzz_open_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < 32; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

char *fuzz_part(struct fuzz_parts *p, size_t *size)
{
    if (p->left == 0)
        return NULL;
    const uint8_t *end = memchr(p->at, 0xff, p->left);
    *size = end ? (size_t)(end - p->at) : p->left;
    char *part = malloc(*size + 1);
    if (!part)
        abort();
    memcpy(part, p->at, *size);
    part[*size] = 0;
    size_t used = *size + (end != NULL);
    p->at += used;
    p->left -= used;
    return part;
}
