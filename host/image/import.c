/* SPDX-License-Identifier: Apache-2.0 */
#include "import.h"
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "layer.h"
#include "base/remove.h"

#define DIGEST_HEX 64

struct importer {
    const char *to, *scratch;
    char layout[PATH_MAX]; /* the folder that manifests and layers lie in */
    struct import *import;
    struct error *err;
};

/* ---- JSON and blobs ------------------------------------------------------------------------------------------------ */

/* A file of the layout. A name must stay inside. */
static int member_path(const struct importer *im, const char *name, char *path)
{
    if (!name || name[0] == '/' || strstr(name, "..") || strlen(name) > 512)
        return error_set(im->err, "the archive names a file outside of itself: '%s'", name ? name : "");
    snprintf(path, PATH_MAX, "%.3000s/%s", im->layout, name);
    return 0;
}

static json_object *json_read(const struct importer *im, const char *name)
{
    struct bytes text;
    char path[PATH_MAX];
    if (member_path(im, name, path) < 0 || file_read(path, &text, im->err) < 0)
        return NULL;
    json_tokener *tok = json_tokener_new();
    json_object *o = json_tokener_parse_ex(tok, (const char *)text.data, (int)text.size);
    json_tokener_free(tok);
    free(text.data);
    if (!o)
        error_set(im->err, "%s is no JSON", name);
    return o;
}

static json_object *field(json_object *o, const char *name)
{
    json_object *value = NULL;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, name, &value) ? value : NULL;
}

static const char *text_of(json_object *o)
{
    return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

static char *text_dup(json_object *o)
{
    const char *text = text_of(o);
    return text && *text ? strdup(text) : NULL;
}

static void strings_of(json_object *list, struct strings *strings)
{
    size_t count = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    strings->items = calloc(count + 1, sizeof(*strings->items));
    for (size_t i = 0; i < count && strings->items; i++) {
        const char *text = text_of(json_object_array_get_idx(list, i));
        if (text)
            strings->items[strings->count++] = strdup(text);
    }
}

static int digest_check(const struct importer *im, const char *path, const char *hex)
{
    uint8_t digest[32];
    char text[DIGEST_HEX + 1], chunk[65536];
    FILE *f = fopen(path, "re");
    if (!f)
        return error_errno(im->err, "%s", path);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
        EVP_DigestUpdate(ctx, chunk, n);
    EVP_DigestFinal_ex(ctx, digest, NULL);
    EVP_MD_CTX_free(ctx);
    fclose(f);
    for (int i = 0; i < 32; i++)
        sprintf(text + 2 * i, "%02x", digest[i]);
    return strcmp(text, hex) == 0 ? 0 : error_set(im->err, "%s is damaged: its SHA-256 is %s", path, text);
}

/* The name of the blob that a descriptor ({"digest": "sha256:..."}) means, checked. */
static int blob_name(const struct importer *im, json_object *descriptor, char *name, size_t size)
{
    char path[PATH_MAX];
    const char *digest = text_of(field(descriptor, "digest"));
    if (!digest || strncmp(digest, "sha256:", 7) != 0 || strlen(digest) != 7 + DIGEST_HEX ||
        strspn(digest + 7, "0123456789abcdef") != DIGEST_HEX)
        return error_set(im->err, "a digest is no sha256: '%s'", digest ? digest : "");
    snprintf(name, size, "blobs/sha256/%s", digest + 7);
    return member_path(im, name, path) < 0 ? -1 : digest_check(im, path, digest + 7);
}

/* ---- the image's configuration --------------------------------------------------------------------------------------- */

static int config_take(struct importer *im, const char *name)
{
    json_object *o = json_read(im, name), *c = field(o, "config");
    if (!o)
        return -1;
    strings_of(field(c, "Entrypoint"), &im->import->entrypoint);
    strings_of(field(c, "Cmd"), &im->import->command);
    strings_of(field(c, "Env"), &im->import->env);
    im->import->workdir = text_dup(field(c, "WorkingDir"));
    im->import->user = text_dup(field(c, "User"));
    const char *arch = text_of(field(o, "architecture"));
    int result = !arch || strcmp(arch, "amd64") == 0 ? 0 : error_set(im->err, "the image is for %s; naos runs programs for amd64", arch);
    json_object_put(o);
    return result;
}

static int layer_take(struct importer *im, const char *name)
{
    char path[PATH_MAX], dir[PATH_MAX];
    if (member_path(im, name, path) < 0)
        return -1;
    snprintf(dir, sizeof(dir), "%.4000s/layer", im->scratch);
    int result = layer_unpack(path, dir, im->err);
    if (result == 0)
        result = layer_merge(dir, im->to, im->err);
    tree_remove(dir);
    im->import->layer_count++;
    return result;
}

/* ---- docker-archive -------------------------------------------------------------------------------------------------- */

static int docker_take(struct importer *im)
{
    json_object *list = json_read(im, "manifest.json");
    if (!list)
        return -1;
    json_object *image = json_object_is_type(list, json_type_array) ? json_object_array_get_idx(list, 0) : NULL;
    json_object *layers = field(image, "Layers");
    int result = -1;
    if (!json_object_is_type(layers, json_type_array))
        error_set(im->err, "manifest.json names no layers: this is no docker-archive");
    else if (json_object_array_length(list) > 1)
        error_set(im->err, "the archive holds %zu images; save one at a time", json_object_array_length(list));
    else
        result = config_take(im, text_of(field(image, "Config")));
    for (size_t i = 0; result == 0 && i < json_object_array_length(layers); i++)
        result = layer_take(im, text_of(json_object_array_get_idx(layers, i)));
    json_object_put(list);
    return result;
}

/* ---- OCI layout ------------------------------------------------------------------------------------------------------- */

static bool is_for_us(json_object *descriptor)
{
    json_object *platform = field(descriptor, "platform");
    const char *arch = text_of(field(platform, "architecture")), *os = text_of(field(platform, "os"));
    return (!arch || strcmp(arch, "amd64") == 0) && (!os || strcmp(os, "linux") == 0);
}

static int manifest_take(struct importer *im, json_object *manifest)
{
    char name[128];
    json_object *layers = field(manifest, "layers");
    int result = blob_name(im, field(manifest, "config"), name, sizeof(name));
    if (result == 0)
        result = config_take(im, name);
    for (size_t i = 0; result == 0 && json_object_is_type(layers, json_type_array) && i < json_object_array_length(layers); i++) {
        result = blob_name(im, json_object_array_get_idx(layers, i), name, sizeof(name));
        if (result == 0)
            result = layer_take(im, name);
    }
    return result;
}

/* The first manifest for this platform; an index may point to another index (depth bounded). */
static int index_take(struct importer *im, const char *name)
{
    char next[128];
    snprintf(next, sizeof(next), "%s", name);
    for (int depth = 0; depth < 4; depth++) {
        json_object *o = json_read(im, next), *found = NULL;
        if (!o)
            return -1;
        json_object *list = field(o, "manifests");
        if (!list) {
            int result = manifest_take(im, o);
            json_object_put(o);
            return result;
        }
        for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list) && !found; i++)
            found = is_for_us(json_object_array_get_idx(list, i)) ? json_object_array_get_idx(list, i) : NULL;
        int result = found ? blob_name(im, found, next, sizeof(next)) : error_set(im->err, "%s has no image for linux/amd64", next);
        json_object_put(o);
        if (result < 0)
            return -1;
    }
    return error_set(im->err, "the layout's indexes point to one another");
}

/* ---- what it is --------------------------------------------------------------------------------------------------------- */

static bool has_member(const struct importer *im, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%.4000s/%s", im->layout, name);
    return access(path, F_OK) == 0;
}

static int layout_take(struct importer *im)
{
    if (mkdir(im->to, 0755) < 0)
        return error_errno(im->err, "%s", im->to);
    if (has_member(im, "oci-layout") && has_member(im, "index.json"))
        return index_take(im, "index.json");
    if (has_member(im, "manifest.json"))
        return docker_take(im);
    return error_set(im->err, "neither an OCI layout nor a docker-archive: there is no index.json and no manifest.json in it");
}

static int archive_take(struct importer *im, const char *source)
{
    snprintf(im->layout, sizeof(im->layout), "%.4000s/archive", im->scratch);
    return layer_unpack(source, im->layout, im->err) < 0 ? -1 : layout_take(im);
}

int import_unpack(const char *source, const char *to, const char *scratch, struct import *import, struct error *err)
{
    struct importer im = {.to = to, .scratch = scratch, .import = import, .err = err};
    struct stat st;
    int result;
    *import = (struct import){0};
    if (stat(source, &st) < 0)
        return error_errno(err, "%s", source);
    if (mkdir(scratch, 0700) < 0)
        return error_errno(err, "%s", scratch);
    snprintf(im.layout, sizeof(im.layout), "%s", source);
    if (!S_ISDIR(st.st_mode))
        result = archive_take(&im, source);
    else if (has_member(&im, "oci-layout"))
        result = layout_take(&im);
    else if (has_member(&im, "version") && has_member(&im, "manifest.json"))
        result = error_set(err, "%s is an image in skopeo's own form (dir:); copy it once more, with `skopeo copy dir:%s oci:OTHER`", source, source);
    else
        result = tree_copy(source, to, err);
    tree_remove(scratch);
    if (result < 0)
        tree_remove(to);
    return result;
}
