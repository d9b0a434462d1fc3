/* SPDX-License-Identifier: Apache-2.0 */
#include "app_json.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int app_wrong(struct reader *r, const char *at, const char *want)
{
    return error_set(r->err, APP_FILE ": %s: %s", at, want);
}

int size_take(struct reader *r, const char *at, json_object *value, uint64_t min, uint64_t max,
              uint64_t *size)
{
    static const char units[] = "KMGT";
    bool is_text =
        json_object_is_type(value, json_type_string) || json_object_is_type(value, json_type_int);
    const char *text = is_text ? json_object_get_string(value) : "";
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    bool is_form =
        isdigit((unsigned char)text[0]) &&
        (!*end || (unit && (!end[1] || !strcmp(end + 1, "B") || !strcmp(end + 1, "iB"))));
    if (!is_form || errno || n > UINT64_MAX >> shift)
        return app_wrong(r, at, "a size is a number of bytes, or a string like \"512M\" or \"4G\"");
    *size = (uint64_t)n << shift;
    if (*size >= min && *size <= max)
        return 0;
    return error_set(r->err, APP_FILE ": %s: %s is out of range; it must be from %lluM to %lluG",
                     at, text, (unsigned long long)(min >> 20), (unsigned long long)(max >> 30));
}

int number_take(struct reader *r, const char *at, json_object *value, int64_t min, int64_t max,
                int64_t *n)
{
    if (!json_object_is_type(value, json_type_int))
        return app_wrong(r, at, "must be a whole number");
    *n = json_object_get_int64(value);
    if (*n >= min && *n <= max)
        return 0;
    return error_set(r->err, APP_FILE ": %s: %lld is out of range; it must be from %lld to %lld",
                     at, (long long)*n, (long long)min, (long long)max);
}

int string_take(struct reader *r, const char *at, json_object *value, char **s)
{
    if (!json_object_is_type(value, json_type_string) || json_object_get_string_len(value) == 0)
        return app_wrong(r, at, "must be a string that is not empty");
    if (strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
        return app_wrong(r, at, "must not contain a zero character");
    free(*s);
    *s = strdup(json_object_get_string(value));
    return *s ? 0 : app_wrong(r, at, "out of memory");
}

int path_take(struct reader *r, const char *at, json_object *value, char **s)
{
    if (string_take(r, at, value, s) < 0)
        return -1;
    return **s == '/' ? 0 : app_wrong(r, at, "must be an absolute path inside the image");
}

/* The room is always the count's next power of two. */
int strings_add(struct reader *r, const char *at, struct strings *list, char *item)
{
    bool is_full = (list->count & (list->count - 1)) == 0;
    char **grown = is_full
                       ? realloc(list->items, (list->count ? 2 * list->count : 1) * sizeof(*grown))
                       : list->items;
    if (!grown || !item)
        return app_wrong(r, at, "out of memory");
    list->items = grown;
    list->items[list->count++] = item;
    return 0;
}

int strings_take(struct reader *r, const char *at, json_object *value, struct strings *list)
{
    if (!json_object_is_type(value, json_type_array))
        return app_wrong(r, at, "must be a list of strings");
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        char *s = NULL;
        if (string_take(r, at, json_object_array_get_idx(value, i), &s) < 0 ||
            strings_add(r, at, list, s) < 0)
            return -1;
    }
    return 0;
}

int object_take(struct reader *r, const char *at, json_object *value, const struct field *fields)
{
    char path[256];
    if (!json_object_is_type(value, json_type_object))
        return app_wrong(r, at, "must be an object: { ... }");
    json_object_object_foreach(value, name, member)
    {
        const struct field *f = fields;
        snprintf(path, sizeof(path), "%s%s%.64s", at, *at ? "." : "", name);
        while (f->name && strcmp(f->name, name) != 0)
            f++;
        if (!f->name)
            return app_wrong(r, path,
                             "there is no such field; see " APP_SCHEMA " for those that there are");
        if (f->take(r, path, member) < 0)
            return -1;
    }
    return 0;
}
