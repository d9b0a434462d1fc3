/* SPDX-License-Identifier: Apache-2.0 */
#include "bom.h"
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "layer.h"

enum section { SECTION_NONE, SECTION_FILES, SECTION_DIRS, SECTION_MKDIRS, SECTION_LINKS, SECTION_INCLUDES, SECTION_OTHER };

struct bom {
    const char *image;
    char *image_real;      /* without links */
    char folder[PATH_MAX]; /* of the bom: what its paths are relative to */
    char target[PATH_MAX]; /* in the image */
    char from[PATH_MAX];   /* the host folder that the next files are in */
    char link_source[PATH_MAX];
    enum section section;
    void (*told)(const char *line);
    struct error *err;
};

static void tell(struct bom *b, const char *what, const char *why)
{
    char line[PATH_MAX + 100];
    snprintf(line, sizeof(line), "%.3000s: %s", what, why);
    b->told(line);
}

static int folders_make(const char *path)
{
    char part[PATH_MAX];
    snprintf(part, sizeof(part), "%s", path);
    for (char *p = strchr(part + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -1;
        *p = '/';
    }
    return mkdir(part, 0755) < 0 && errno != EEXIST ? -1 : 0;
}

/* A bom names places in the image: no ".." in them, and no link in the image may lead out of it. The error is set if not. */
static bool place_check(const struct bom *b, const char *path)
{
    char part[PATH_MAX];
    size_t len = strlen(b->image_real);
    bool is_inside = true;
    snprintf(part, sizeof(part), "%s/", path);
    for (char *p = part + strlen(b->image); (p = strchr(p + 1, '/')) && is_inside;) {
        *p = 0;
        char *real = realpath(part, NULL);
        struct stat st;
        is_inside = real ? strncmp(real, b->image_real, len) == 0 && (real[len] == '/' || !real[len]) : lstat(part, &st) < 0;
        is_inside = is_inside && strcmp(strrchr(part, '/'), "/..") != 0;
        free(real);
        *p = '/';
    }
    if (!is_inside)
        error_set(b->err, "%.400s: a bom file may not lead out of the image", path);
    return is_inside;
}

static void source_path(const struct bom *b, const char *name, char path[PATH_MAX])
{
    const char *from = name[0] == '/' ? "" : b->from[0] ? b->from : b->folder;
    bool is_under_folder = from[0] && from[0] != '/' && from != b->folder;
    snprintf(path, PATH_MAX, "%s%s%.1000s%s%.1000s", is_under_folder ? b->folder : "", is_under_folder ? "/" : "", from, *from ? "/" : "",
             name);
}

static int target_make(struct bom *b, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.1500s%s%.1500s", b->image, b->target[0] == '/' ? "" : "/", b->target);
    if (!place_check(b, path))
        return -1;
    return folders_make(path) < 0 ? error_errno(b->err, "%s", path) : 0;
}

static int copy(struct bom *b, const char *name)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct error why;
    source_path(b, name, from);
    if (strstr(from, "occlum") && access(from, F_OK) < 0) {
        tell(b, from, "a part of Occlum; `naos add` brings this machine's libraries");
        return 0;
    }
    if (access(from, F_OK) < 0) {
        tell(b, from, "is not there");
        return 0;
    }
    if (target_make(b, to) < 0)
        return -1;
    if (tree_copy(from, to, &why) < 0)
        tell(b, from, why.text);
    return 0;
}

static int item_take(struct bom *b, const char *item)
{
    char path[PATH_MAX], dir[PATH_MAX];
    switch (b->section) {
    case SECTION_FILES:
    case SECTION_DIRS: return copy(b, item);
    case SECTION_MKDIRS:
        if (target_make(b, dir) < 0)
            return -1;
        snprintf(path, sizeof(path), "%.3000s/%.900s", dir, item);
        if (!place_check(b, path))
            return -1;
        return folders_make(path) < 0 ? error_errno(b->err, "%s", path) : 0;
    case SECTION_INCLUDES: tell(b, item, "an included file of Occlum's own; `naos add` brings what programs need"); return 0;
    default: return 0;
    }
}

static int link_make(struct bom *b, const char *name)
{
    char dir[PATH_MAX], path[PATH_MAX];
    if (target_make(b, dir) < 0)
        return -1;
    snprintf(path, sizeof(path), "%.3000s/%.900s", dir, name);
    char *slash = strrchr(path, '/'); /* the link itself may lead anywhere: programs follow it inside */
    *slash = 0;
    bool is_inside = place_check(b, path);
    *slash = '/';
    if (!is_inside)
        return -1;
    if (symlink(b->link_source, path) < 0 && errno != EEXIST)
        return error_errno(b->err, "%s", path);
    return 0;
}

static int key_take(struct bom *b, const char *key, const char *value)
{
    static const struct {
        const char *name;
        enum section section;
    } sections[] = {{"files", SECTION_FILES},       {"dirs", SECTION_DIRS},      {"mkdirs", SECTION_MKDIRS}, {"createlinks", SECTION_LINKS},
                    {"includes", SECTION_INCLUDES}, {"excludes", SECTION_OTHER}, {"copy", SECTION_NONE},     {"targets", SECTION_NONE}};
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (strcmp(key, sections[i].name) == 0) {
            b->section = sections[i].section;
            if (strcmp(key, "copy") == 0)
                b->from[0] = 0;
            return 0;
        }
    }
    if (strcmp(key, "target") == 0)
        snprintf(b->target, sizeof(b->target), "%s", value);
    else if (strcmp(key, "from") == 0)
        snprintf(b->from, sizeof(b->from), "%s", value);
    else if (strcmp(key, "name") == 0)
        return item_take(b, value);
    else if (strcmp(key, "src") == 0)
        snprintf(b->link_source, sizeof(b->link_source), "%s", value);
    else if (strcmp(key, "linkname") == 0)
        return link_make(b, value);
    return 0; /* hash, autodep and their like */
}

static char *trim(char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    char *end = s + strlen(s);
    while (end > s && strchr(" \t\r\n", end[-1]))
        *--end = 0;
    size_t len = strlen(s);
    if (len >= 2 && (s[0] == '"' || s[0] == '\'') && s[len - 1] == s[0]) {
        s[len - 1] = 0;
        s++;
    }
    return s;
}

static int line_take(struct bom *b, char *line)
{
    char *comment = strstr(line, " #");
    if (comment)
        *comment = 0;
    char *text = trim(line);
    bool is_item = strncmp(text, "- ", 2) == 0;
    if (is_item)
        text = trim(text + 2);
    if (!*text || *text == '#')
        return 0;
    char *colon = strchr(text, ':');
    if (colon && (colon[1] == ' ' || colon[1] == 0)) {
        *colon = 0;
        return key_take(b, trim(text), trim(colon + 1));
    }
    return is_item ? item_take(b, text) : 0;
}

int bom_take(const char *path, const char *image, void (*told)(const char *line), struct error *err)
{
    struct bom b = {.image = image, .told = told, .err = err};
    char line[PATH_MAX];
    int result = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return error_errno(err, "%s", path);
    b.image_real = realpath(image, NULL);
    if (!b.image_real)
        result = error_errno(err, "%s", image);
    snprintf(b.folder, sizeof(b.folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    while (result == 0 && fgets(line, sizeof(line), f))
        result = line_take(&b, line);
    fclose(f);
    free(b.image_real);
    return result;
}
