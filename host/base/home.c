/* SPDX-License-Identifier: Apache-2.0 */
#include "home.h"
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* From the file itself: naos is linked statically, and so cannot load what else would know users. */
static bool home_find(char *buf, size_t size)
{
    const char *home = getenv("HOME");
    if (home && *home)
        return (size_t)snprintf(buf, size, "%s", home) < size;
    bool is_found = false;
    FILE *f = fopen("/etc/passwd", "re");
    for (struct passwd *p; f && !is_found && (p = fgetpwent(f)) != NULL;) {
        if (p->pw_uid == geteuid())
            is_found = p->pw_dir[0] == '/' && (size_t)snprintf(buf, size, "%s", p->pw_dir) < size;
    }
    if (f)
        fclose(f);
    return is_found;
}

static void folders_make(char *path)
{
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        mkdir(path, 0700);
        *p = '/';
    }
    mkdir(path, 0700);
}

bool home_folder(const char *xdg, const char *below, const char *rest, char *buf, size_t size)
{
    char home[1024];
    const char *base = getenv(xdg);
    int len;
    if (base && *base)
        len = snprintf(buf, size, "%s/%s", base, rest);
    else if (home_find(home, sizeof(home)))
        len = snprintf(buf, size, "%s/%s/%s", home, below, rest);
    else
        return false;
    if (len < 0 || (size_t)len >= size)
        return false;
    folders_make(buf);
    return true;
}
