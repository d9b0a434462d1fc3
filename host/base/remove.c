/* SPDX-License-Identifier: Apache-2.0 */
#include "remove.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void entry_remove(int dir, const char *name)
{
    struct dirent *d;
    if (unlinkat(dir, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
        return;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && fchmodat(dir, name, 0700, 0) == 0)
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list)
        return;
    fchmod(fd, 0700);
    while ((d = readdir(list))) {
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            entry_remove(fd, d->d_name);
    }
    closedir(list);
    unlinkat(dir, name, AT_REMOVEDIR);
}

void tree_remove(const char *path)
{
    entry_remove(AT_FDCWD, path);
}
