/* SPDX-License-Identifier: Apache-2.0 */
#include "layer.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/program.h"
#include "base/remove.h"

#define WHITEOUT        ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

/* ---- other programs ----------------------------------------------------------------------------------------------------- */

int layer_unpack(const char *archive, const char *dir, struct error *err)
{
    char *const argv[] = {"tar",
                          "--extract",
                          "--file",
                          (char *)archive,
                          "--directory",
                          (char *)dir,
                          "--no-same-owner",
                          "--preserve-permissions",
                          "--delay-directory-restore",
                          "--exclude=dev/*",
                          "--exclude=./dev/*",
                          NULL};
    if (mkdir(dir, 0700) < 0)
        return error_errno(err, "%s", dir);
    return program_run(argv, "the layer could not be unpacked", err);
}

int tree_copy(const char *from, const char *to, struct error *err)
{
    char *const argv[] = {
        "cp",       "--recursive", "--no-dereference", "--preserve=mode,timestamps,links", "--reflink=auto", "--", (char *)from,
        (char *)to, NULL};
    return program_run(argv, "the folder could not be copied", err);
}

/* ---- merging ------------------------------------------------------------------------------------------------------------- */

static int dirs_merge(int from, int to, struct error *err);

static int dir_open(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_whiteout(const char *name)
{
    return strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0;
}

static void name_remove(int at, const char *name)
{
    char path[64 + NAME_MAX];
    snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", at, name);
    tree_remove(path);
}

/* All that lay in a folder before this layer. */
static int dir_clear(int at, struct error *err)
{
    struct dirent *e;
    DIR *d = fdopendir(dir_open(at, "."));
    if (!d)
        return error_errno(err, "a folder of the image");
    while ((e = readdir(d))) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            name_remove(at, e->d_name);
    }
    closedir(d);
    return 0;
}

/* A directory onto a directory: its mode counts, and both contents. */
static int dir_merge(int from, int to, const char *name, const struct stat *st, struct error *err)
{
    int below_from = dir_open(from, name), below_to = dir_open(to, name), result = -1;
    if (below_from < 0 || below_to < 0)
        error_errno(err, "%s", name);
    else
        result = dirs_merge(below_from, below_to, err);
    if (result == 0 && fchmod(below_to, st->st_mode & 07777) < 0)
        result = error_errno(err, "%s", name);
    if (below_from >= 0)
        close(below_from);
    if (below_to >= 0)
        close(below_to);
    return result;
}

static int entry_merge(int from, int to, const char *name, struct error *err)
{
    struct stat st, there;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(err, "%s", name);
    bool is_there = fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && S_ISDIR(st.st_mode) && S_ISDIR(there.st_mode))
        return dir_merge(from, to, name, &st, err);
    if (is_there)
        name_remove(to, name);
    if (!S_ISDIR(st.st_mode))
        return renameat(from, name, to, name) < 0 ? error_errno(err, "%s", name) : 0;
    /* a fresh folder, since there may be whiteouts of no effect in it */
    return mkdirat(to, name, 0700) < 0 ? error_errno(err, "%s", name) : dir_merge(from, to, name, &st, err);
}

/* Whiteouts are about lower layers, whatever their place in the archive: they come first. */
static int whiteouts_apply(DIR *d, int from, int to, struct error *err)
{
    struct dirent *e;
    int result = faccessat(from, WHITEOUT_OPAQUE, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? dir_clear(to, err) : 0;
    while (result == 0 && (e = readdir(d))) {
        const char *gone = is_whiteout(e->d_name) ? e->d_name + strlen(WHITEOUT) : "";
        if (strcmp(gone, ".") == 0 || strcmp(gone, "..") == 0)
            result = error_set(err, "%s: a layer may not take away the folder itself, or the one above", e->d_name);
        else if (*gone && strcmp(e->d_name, WHITEOUT_OPAQUE) != 0)
            name_remove(to, gone);
    }
    rewinddir(d);
    return result;
}

static int dirs_merge(int from, int to, struct error *err)
{
    struct dirent *e;
    DIR *d = fdopendir(dir_open(from, "."));
    if (!d)
        return error_errno(err, "a layer's folder");
    int result = whiteouts_apply(d, from, to, err);
    while (result == 0 && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && !is_whiteout(e->d_name))
            result = entry_merge(from, to, e->d_name, err);
    }
    closedir(d);
    return result;
}

int layer_merge(const char *dir, const char *to, struct error *err)
{
    int from_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = from_fd < 0 || to_fd < 0 ? error_errno(err, "%s", to) : dirs_merge(from_fd, to_fd, err);
    if (from_fd >= 0)
        close(from_fd);
    if (to_fd >= 0)
        close(to_fd);
    return result;
}
