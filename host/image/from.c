/* SPDX-License-Identifier: Apache-2.0 */
/* `naos build --from`: the instance's image folder is replaced by what somebody else's image holds. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "build.h"
#include "import.h"
#include "base/remove.h"

#define MARKER         ".naos-from" /* the image folder is an earlier import: it may be replaced */
#define SKELETON_FILES 3            /* that `naos new` makes, in etc */

static int file_count;

static int count(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)path, (void)st, (void)at;
    file_count += type == FTW_F;
    return file_count > SKELETON_FILES;
}

/* Nothing of the user's may be lost. */
static int replaceable(const char *dir, const char *image, struct error *err)
{
    char marker[PATH_MAX];
    snprintf(marker, sizeof(marker), "%s/" MARKER, dir);
    file_count = 0;
    if (access(marker, F_OK) == 0 || access(image, F_OK) < 0 || nftw(image, count, 32, FTW_PHYS) == 0)
        return 0;
    return error_set(err, "%s holds files that did not come with --from, and would be replaced; move it away first", image);
}

static int image_swap(const char *fresh, const char *image, struct error *err)
{
    if (rename(fresh, image) == 0)
        return 0;
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, image, RENAME_EXCHANGE) < 0)
        return error_errno(err, "%s", image);
    tree_remove(fresh);
    return 0;
}

int build_from(const char *dir, const char *source, size_t *layers, struct error *err)
{
    char image[PATH_MAX - 64], fresh[PATH_MAX], scratch[PATH_MAX], marker[PATH_MAX];
    struct app app;
    struct import import;
    if (app_read(dir, &app, err) < 0)
        return -1;
    snprintf(image, sizeof(image), "%s%s%s", app.image_dir[0] == '/' ? "" : dir, app.image_dir[0] == '/' ? "" : "/", app.image_dir);
    snprintf(fresh, sizeof(fresh), "%s.fresh", image);
    snprintf(scratch, sizeof(scratch), "%s.scratch", image);
    snprintf(marker, sizeof(marker), "%s/" MARKER, dir);
    if (replaceable(dir, image, err) < 0)
        return -1;
    tree_remove(fresh);
    tree_remove(scratch);
    if (import_unpack(source, fresh, scratch, &import, err) < 0 || file_write(marker, source, strlen(source), 0644, err) < 0 ||
        image_swap(fresh, image, err) < 0)
        return -1;
    *layers = import.layer_count;
    return import.layer_count > 0 ? import_configure(dir, image, &import, err) : 0;
}
