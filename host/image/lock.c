/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>
#include "app.h"
#include "base/flock.h"

int instance_lock(const char *dir, struct error *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/" APP_FILE, dir);
    if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_set(err, "%s is missing: this is no naos instance; make one with `naos new`", path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the folder: its files are replaced */
    if (fd < 0)
        return error_errno(err, "%s", dir);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int holder = flock_holder(fd);
    close(fd);
    return error_set(err, "%s: another naos build, sign or add (process %d) is at work here; wait for it", dir, holder);
}
