/* SPDX-License-Identifier: Apache-2.0 */
#include "package.h"
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/program.h"
#include "base/remove.h"

/* apt works out what a machine without any package would need, and fetches it. */
static int fetch(char *const *names, const char *scratch, struct error *err)
{
    char archives[PATH_MAX + 64], status[PATH_MAX + 64], extended[PATH_MAX + 64];
    size_t count = 0, n = 0;
    while (names[count])
        count++;
    char **argv = calloc(count + 20, sizeof(*argv));
    if (!argv)
        return error_set(err, "out of memory");
    snprintf(archives, sizeof(archives), "Dir::Cache::archives=%s/archives", scratch);
    snprintf(status, sizeof(status), "Dir::State::status=%s/status", scratch);
    snprintf(extended, sizeof(extended), "Dir::State::extended_states=%s/extended", scratch);
    const char *const fixed[] = {"apt-get",
                                 "-qq",
                                 "-o",
                                 archives,
                                 "-o",
                                 status,
                                 "-o",
                                 extended,
                                 "-o",
                                 "Debug::NoLocking=1",
                                 "-o",
                                 "APT::Install-Recommends=false",
                                 "-o",
                                 "APT::Sandbox::User=",
                                 "--download-only",
                                 "--yes",
                                 "install"};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        argv[n++] = (char *)fixed[i];
    for (size_t i = 0; i < count; i++)
        argv[n++] = names[i];
    int result = program_run(argv, "apt-get could not fetch the packages; is the name right, and `apt-get update` done?", err);
    free(argv);
    return result;
}

/* The image's /bin, /lib and /sbin may be links, and stay so. */
static int unpack(const char *deb, const char *image, struct error *err)
{
    static char script[] = "set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" | "
                           "tar --extract --directory \"$2\" --keep-directory-symlink --no-same-owner --preserve-permissions";
    char *argv[] = {"bash", "-c", script, "bash", (char *)deb, (char *)image, NULL};
    return program_run(argv, "a package could not be unpacked", err);
}

static int unpack_all(const char *scratch, const char *image, size_t *count, struct error *err)
{
    char pattern[PATH_MAX + 32];
    glob_t debs;
    int result = 0;
    snprintf(pattern, sizeof(pattern), "%s/archives/*.deb", scratch);
    if (glob(pattern, 0, NULL, &debs) != 0)
        return error_set(err, "apt-get fetched nothing");
    for (size_t i = 0; i < debs.gl_pathc && result == 0; i++)
        result = unpack(debs.gl_pathv[i], image, err);
    *count = debs.gl_pathc;
    globfree(&debs);
    return result;
}

int packages_add(char *const *names, const char *image, const char *scratch, size_t *count, struct error *err)
{
    char path[PATH_MAX + 32];
    static const char *const folders[] = {"", "/archives", "/archives/partial"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", scratch, folders[i]);
        if (mkdir(path, 0755) < 0)
            return error_errno(err, "%s", path);
    }
    snprintf(path, sizeof(path), "%s/status", scratch);
    char full[PATH_MAX]; /* apt takes others for parts of its own folders */
    int result = realpath(scratch, full) ? file_write(path, "", 0, 0644, err) : error_errno(err, "%s", scratch);
    if (result == 0)
        result = fetch(names, full, err);
    if (result == 0)
        result = unpack_all(scratch, image, count, err);
    tree_remove(scratch);
    return result;
}
