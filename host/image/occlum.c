/* SPDX-License-Identifier: Apache-2.0 */
#include "occlum.h"
#include <glob.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app.h"
#include "bom.h"
#include "layer.h"

struct migration {
    const char *from, *dir;
    void (*told)(const char *line);
    struct error *err;
    json_object *in, *out;
};

static void tell(struct migration *m, const char *what, const char *why)
{
    char line[512];
    snprintf(line, sizeof(line), "%s: %s", what, why);
    m->told(line);
}

static json_object *get(json_object *o, const char *name)
{
    json_object *value = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, name, &value) ? value : NULL;
}

static json_object *make(json_object *o, const char *name)
{
    json_object *value = get(o, name);
    if (!value)
        json_object_object_add(o, name, value = json_object_new_object());
    return value;
}

static const char *text_of(json_object *o)
{
    return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

static size_t length(json_object *list)
{
    return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------- */

/* "300MB", in MiB. */
static unsigned long mebibytes(json_object *o)
{
    char *unit;
    unsigned long n = strtoul(text_of(o), &unit, 10);
    return *unit == 'G' ? n << 10 : *unit == 'K' ? (n + 1023) >> 10 : n;
}

static unsigned long larger(json_object *o, const char *one, const char *other)
{
    unsigned long a = mebibytes(get(o, one)), b = mebibytes(get(o, other));
    return a > b ? a : b;
}

static void memory_take(struct migration *m)
{
    char text[32];
    json_object *limits = get(m->in, "resource_limits");
    unsigned long size =
        larger(limits, "user_space_size", "user_space_max_size") + larger(limits, "kernel_space_heap_size", "kernel_space_heap_max_size");
    if (size >= 32) {
        snprintf(text, sizeof(text), "%luM", size);
        json_object_object_add(make(m->out, "memory"), "size", json_object_new_string(text));
    }
    unsigned long stack = mebibytes(get(get(m->in, "process"), "default_stack_size"));
    if (stack > 0) {
        snprintf(text, sizeof(text), "%luM", stack);
        json_object_object_add(make(m->out, "memory"), "stack", json_object_new_string(text));
    }
    if (get(get(m->in, "process"), "default_heap_size") || get(get(m->in, "process"), "default_mmap_size"))
        tell(m, "process.default_heap_size, default_mmap_size", "not needed: memory is given out as programs ask for it");
}

/* ---- entry points, environment, metadata --------------------------------------------------------------------------------------- */

static void entry_points_take(struct migration *m)
{
    char path[PATH_MAX];
    json_object *list = get(m->in, "entry_points"), *out = json_object_new_array();
    for (size_t i = 0; i < length(list); i++) { /* Occlum's are folders, or programs */
        const char *entry = text_of(json_object_array_get_idx(list, i));
        size_t len = strlen(entry);
        json_object_array_add(out, json_object_new_string(entry));
        snprintf(path, sizeof(path), "%s/", entry);
        if (len > 0 && entry[len - 1] != '/')
            json_object_array_add(out, json_object_new_string(path));
    }
    if (length(out) > 0)
        json_object_object_add(m->out, "entry_points", out);
    else
        json_object_put(out);
}

static void env_take(struct migration *m)
{
    json_object *defaults = get(get(m->in, "env"), "default"), *untrusted = get(get(m->in, "env"), "untrusted");
    json_object *set = make(make(m->out, "env"), "set"), *host = json_object_new_array();
    for (size_t i = 0; i < length(defaults); i++) {
        char name[256];
        const char *text = text_of(json_object_array_get_idx(defaults, i)), *equals = strchr(text, '=');
        if (!equals)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(equals - text), text);
        json_object_object_add(set, name, json_object_new_string(equals + 1));
    }
    for (size_t i = 0; i < length(untrusted); i++)
        json_object_array_add(host, json_object_get(json_object_array_get_idx(untrusted, i)));
    json_object_object_add(make(m->out, "env"), "host", host);
}

static void metadata_take(struct migration *m)
{
    json_object *meta = get(m->in, "metadata"), *enclave = make(m->out, "enclave");
    static const char *const names[][2] = {{"product_id", "product_id"}, {"version_number", "svn"}, {"debuggable", "debug"}};
    for (size_t i = 0; i < 3; i++) {
        if (get(meta, names[i][0]))
            json_object_object_add(enclave, names[i][1], json_object_get(get(meta, names[i][0])));
    }
    if (json_object_get_boolean(get(meta, "enable_kss")))
        tell(m, "metadata.enable_kss", "naos has no key separation and sharing");
}

/* ---- mounts ----------------------------------------------------------------------------------------------------------------------- */

static json_object *mount_make(const char *target, const char *type)
{
    json_object *one = json_object_new_object();
    json_object_object_add(one, "target", json_object_new_string(target));
    json_object_object_add(one, "type", json_object_new_string(type));
    return one;
}

/* The place to mount at: naos mounts onto directories of the image. Below memory that is mounted there is no such place. */
static bool target_make(const struct migration *m, const char *target)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/image%s", m->dir, target);
    for (char *p = path + strlen(m->dir) + 1; (p = strchr(p + 1, '/')) != NULL; *p = '/') {
        *p = 0;
        mkdir(path, 0755);
    }
    struct stat st;
    mkdir(path, 0755);
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Occlum's relative sources start at its instance. */
static bool hostfs_take(struct migration *m, const char *target, const char *source, json_object *out)
{
    char path[PATH_MAX], real[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "%s%s%s", source[0] == '/' ? "" : m->from, source[0] == '/' ? "" : "/", source);
    if (!realpath(path, real) || stat(real, &st) < 0 || !S_ISDIR(st.st_mode))
        return false;
    json_object *one = mount_make(target, "host");
    json_object_object_add(one, "source", json_object_new_string(real));
    json_object_array_add(out, one);
    return true;
}

static void mount_take(struct migration *m, json_object *mount, json_object *out)
{
    const char *type = text_of(get(mount, "type")), *target = text_of(get(mount, "target")), *source = text_of(get(mount, "source"));
    char what[300];
    snprintf(what, sizeof(what), "mount %s (%s)", target, type);
    if (strcmp(target, "/") == 0 || strcmp(type, "procfs") == 0 || strcmp(type, "devfs") == 0)
        return; /* always there */
    if (target[0] != '/' || strstr(target, "/..") || !target_make(m, target))
        tell(m, what, "its target is no directory that can be made in the image");
    else if (strcmp(type, "ramfs") == 0)
        json_object_array_add(out, mount_make(target, "memory"));
    else if (strcmp(type, "hostfs") != 0)
        tell(m, what, "what it holds is encrypted with Occlum's key: start with an empty store (see \"mounts\" in naos.json(5)), or copy the files inside");
    else if (!hostfs_take(m, target, source, out))
        tell(m, what, "its source is no directory here; name it in \"mounts\" of naos.json when it is there");
}

static void mounts_take(struct migration *m)
{
    json_object *list = get(m->in, "mount"), *out = json_object_new_array();
    for (size_t i = 0; i < length(list); i++)
        mount_take(m, json_object_array_get_idx(list, i), out);
    json_object_object_add(m->out, "mounts", out);
}

static void rest_tell(struct migration *m)
{
    static const char *const known[] = {"resource_limits", "process", "entry_points", "env", "metadata", "mount"};
    json_object_object_foreach(m->in, name, value)
    {
        bool is_known = false;
        (void)value;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            is_known |= strcmp(name, known[i]) == 0;
        if (!is_known)
            tell(m, name, "has no counterpart in naos");
    }
}

/* ---- files ------------------------------------------------------------------------------------------------------------------------- */

static int boms_take(struct migration *m)
{
    char pattern[PATH_MAX], image[PATH_MAX];
    glob_t found;
    int result = 0;
    snprintf(pattern, sizeof(pattern), "%s/*.yaml", m->from);
    snprintf(image, sizeof(image), "%s/image", m->dir);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc && result == 0; i++)
        result = bom_take(found.gl_pathv[i], image, m->told, m->err);
    globfree(&found);
    return result;
}

static int image_take(struct migration *m)
{
    char from[PATH_MAX], to[PATH_MAX];
    snprintf(from, sizeof(from), "%s/image/.", m->from);
    snprintf(to, sizeof(to), "%s/image", m->dir);
    return access(from, F_OK) == 0 ? tree_copy(from, to, m->err) : 0;
}

/* ---- all ----------------------------------------------------------------------------------------------------------------------------- */

static json_object *file_parse(const char *dir, const char *name, struct error *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    json_object *o = access(path, R_OK) == 0 ? json_object_from_file(path) : NULL;
    if (json_object_is_type(o, json_type_object))
        return o;
    error_set(err, "%s is not there, or no JSON object", path);
    return NULL;
}

int occlum_take(const char *from, const char *dir, void (*told)(const char *line), struct error *err)
{
    struct migration m = {.from = from, .dir = dir, .told = told, .err = err};
    char path[PATH_MAX];
    m.in = file_parse(from, "Occlum.json", err);
    m.out = m.in ? file_parse(dir, APP_FILE, err) : NULL;
    if (!m.out)
        return -1;
    memory_take(&m);
    entry_points_take(&m);
    env_take(&m);
    metadata_take(&m);
    mounts_take(&m);
    rest_tell(&m);
    snprintf(path, sizeof(path), "%s/" APP_FILE, dir);
    const char *text = json_object_to_json_string_ext(m.out, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    int result = file_write(path, text, strlen(text), 0644, err);
    if (result == 0)
        result = image_take(&m);
    if (result == 0)
        result = boms_take(&m);
    json_object_put(m.in);
    json_object_put(m.out);
    return result;
}
