/* SPDX-License-Identifier: Apache-2.0 */
/* What an imported image says of itself, written into naos.json. */
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "closure.h"
#include "import.h"
#include "user.h"

static json_object *object_at(json_object *o, const char *name)
{
    json_object *value = NULL;
    if (!json_object_object_get_ex(o, name, &value) || !json_object_is_type(value, json_type_object)) {
        value = json_object_new_object();
        json_object_object_add(o, name, value);
    }
    return value;
}

static const char *variable(const struct import *im, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < im->env.count; i++) {
        if (strncmp(im->env.items[i], name, len) == 0 && im->env.items[i][len] == '=')
            return im->env.items[i] + len + 1;
    }
    return NULL;
}

static void env_put(json_object *root, const struct import *im)
{
    json_object *set = json_object_new_object();
    for (size_t i = 0; i < im->env.count; i++) {
        char *equals = strchr(im->env.items[i], '=');
        char name[256];
        if (!equals || equals - im->env.items[i] >= (int)sizeof(name))
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(equals - im->env.items[i]), im->env.items[i]);
        json_object_object_add(set, name, json_object_new_string(equals + 1));
    }
    if (!variable(im, "PATH"))
        json_object_object_add(set, "PATH", json_object_new_string("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    json_object_object_add(object_at(root, "env"), "set", set);
}

/* ---- the program ---------------------------------------------------------------------------------------------------------- */

static bool is_in(const struct root *root, const char *path)
{
    struct bytes file;
    if (!root_map(root, path, &file))
        return false;
    file_unmap(&file);
    return true;
}

/* As execvp(3) would find it in the image. */
static bool program_find(const struct import *im, const char *image, const char *name, char *path, size_t size)
{
    struct root root;
    struct error ignored;
    char list[2048];
    bool found = false;
    const char *search = variable(im, "PATH");
    snprintf(list, sizeof(list), "%s", search ? search : "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    snprintf(path, size, "%s", name);
    if (name[0] == '/')
        return true;
    if (strchr(name, '/')) {
        snprintf(path, size, "%s/%s", im->workdir ? im->workdir : "", name);
        return true;
    }
    if (root_open(image, &root, &ignored) < 0)
        return false;
    char *rest = list;
    for (char *dir; !found && (dir = strsep(&rest, ":")) != NULL;) {
        snprintf(path, size, "%s/%s", dir, name);
        found = is_in(&root, path);
    }
    root_close(&root);
    return found;
}

static int command_put(json_object *root, const char *image, const struct import *im, struct error *err)
{
    const struct strings *parts[2] = {&im->entrypoint, &im->command};
    json_object *command = json_object_new_array(), *entries = json_object_new_array();
    char path[PATH_MAX];
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i < parts[p]->count; i++) {
            const char *word = parts[p]->items[i];
            bool is_program = json_object_array_length(command) == 0;
            if (is_program && !program_find(im, image, word, path, sizeof(path)))
                return error_set(err, "the image's program '%s' is not in it", word);
            json_object_array_add(command, json_object_new_string(is_program ? path : word));
        }
    }
    if (json_object_array_length(command) == 0) {
        json_object_put(command);
        json_object_put(entries);
        return 0; /* the configuration's stay */
    }
    json_object_array_add(entries, json_object_get(json_object_array_get_idx(command, 0)));
    json_object_object_add(root, "entry_points", entries);
    json_object_object_add(root, "command", command);
    return 0;
}

/* ---- the user ------------------------------------------------------------------------------------------------------------- */

static int user_put(json_object *root, const char *image, const struct import *im, struct error *err)
{
    uint32_t uid = 0, gid = 0;
    json_object *user = object_at(root, "user");
    if (im->user && image_user(image, im->user, &uid, &gid, err) < 0)
        return -1;
    json_object_object_add(user, "uid", json_object_new_int64(uid));
    json_object_object_add(user, "gid", json_object_new_int64(gid));
    return 0;
}

/* ---- all --------------------------------------------------------------------------------------------------------------------- */

int import_configure(const char *dir, const char *image, const struct import *im, struct error *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/" APP_FILE, dir);
    json_object *root = json_object_from_file(path);
    if (!json_object_is_type(root, json_type_object))
        return error_set(err, "%s is no JSON object", path);
    env_put(root, im);
    json_object_object_add(root, "workdir", json_object_new_string(im->workdir ? im->workdir : "/"));
    int result = command_put(root, image, im, err);
    if (result == 0)
        result = user_put(root, image, im, err);
    const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (result == 0)
        result = file_write(path, text, strlen(text), 0644, err);
    json_object_put(root);
    return result;
}
