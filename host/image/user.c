/* SPDX-License-Identifier: Apache-2.0 */
/* Users by the image's own files. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "user.h"

/* Field `field` of the line of image/etc/<file> whose first is name; -1: none. */
static long number_find(const char *image, const char *file, const char *name, int field)
{
    char path[PATH_MAX], line[1024];
    long found = -1;
    snprintf(path, sizeof(path), "%s/etc/%s", image, file);
    FILE *f = fopen(path, "re");
    while (f && found < 0 && fgets(line, sizeof(line), f)) {
        char *at = line, *word = strsep(&at, ":");
        if (strcmp(word, name) != 0)
            continue;
        for (int i = 0; i < field && word; i++)
            word = strsep(&at, ":");
        found = word ? strtol(word, NULL, 10) : -1;
    }
    if (f)
        fclose(f);
    return found;
}

static int number_of(const char *image, const char *file, const char *text, uint32_t *number, struct error *err)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*text && !*end && n < UINT32_MAX) {
        *number = (uint32_t)n;
        return 0;
    }
    long found = number_find(image, file, text, 2);
    if (found < 0)
        return error_set(err, "'%s' is no number, and not in the image's /etc/%s", text, file);
    *number = (uint32_t)found;
    return 0;
}

int image_user(const char *image, const char *text, uint32_t *uid, uint32_t *gid, struct error *err)
{
    char user[64];
    const char *colon = strchr(text, ':');
    snprintf(user, sizeof(user), "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
    if (number_of(image, "passwd", user, uid, err) < 0)
        return -1;
    if (colon)
        return number_of(image, "group", colon + 1, gid, err);
    long group = number_find(image, "passwd", user, 3);
    *gid = group < 0 ? 0 : (uint32_t)group;
    return 0;
}
