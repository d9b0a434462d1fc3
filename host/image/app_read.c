/* SPDX-License-Identifier: Apache-2.0 */
/* naos.json, strictly: a field that is unknown, of another type or out of range is an error that says where. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app_json.h"
#include "naos/boot.h"

static int memory_size_take(struct reader *r, const char *at, json_object *value)
{
    return size_take(r, at, value, 32ULL << 20, 1ULL << 40, &r->app->memory_size);
}

static int address_space_take(struct reader *r, const char *at, json_object *value)
{
    uint64_t *size = &r->app->address_space;
    if (size_take(r, at, value, 4ULL << 30, 16ULL << 40, size) < 0)
        return -1;
    return *size & (*size - 1) ? app_wrong(r, at, "must be a power of two") : 0;
}

static int stack_take(struct reader *r, const char *at, json_object *value)
{
    return size_take(r, at, value, 1ULL << 16, 1ULL << 30, &r->app->stack_size);
}

static int memory_take(struct reader *r, const char *at, json_object *value)
{
    static const struct field fields[] = {{"size", memory_size_take},
                                          {"address_space", address_space_take},
                                          {"stack", stack_take},
                                          {NULL, NULL}};
    return object_take(r, at, value, fields);
}

static int vcpus_max_take(struct reader *r, const char *at, json_object *value)
{
    int64_t n;
    if (number_take(r, at, value, 1, 64, &n) < 0)
        return -1;
    r->app->vcpu_max = (unsigned)n;
    return 0;
}

static int vcpus_take(struct reader *r, const char *at, json_object *value)
{
    static const struct field fields[] = {{"max", vcpus_max_take}, {NULL, NULL}};
    return object_take(r, at, value, fields);
}

static int entry_points_take(struct reader *r, const char *at, json_object *value)
{
    struct strings *list = &r->app->entry_points;
    if (strings_take(r, at, value, list) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i][0] != '/')
            return error_set(
                r->err,
                APP_FILE ": %s: \"%s\" must be an absolute path, or a directory that ends in \"/\"",
                at, list->items[i]);
    }
    return 0;
}

/* "NAME=value" */
static int env_add(struct reader *r, const char *at, const char *name, json_object *value)
{
    char *item;
    if (!*name || strchr(name, '='))
        return app_wrong(r, at, "a variable's name must not be empty, nor hold \"=\"");
    if (!json_object_is_type(value, json_type_string) ||
        strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
        return error_set(r->err, APP_FILE ": %s.%s: must be a string without zero characters", at,
                         name);
    if (asprintf(&item, "%s=%s", name, json_object_get_string(value)) < 0)
        return app_wrong(r, at, "out of memory");
    return strings_add(r, at, &r->app->env, item);
}

static int env_set_take(struct reader *r, const char *at, json_object *value)
{
    if (!json_object_is_type(value, json_type_object))
        return app_wrong(r, at, "must be an object: { \"NAME\": \"value\" }");
    json_object_object_foreach(value, name, member)
    {
        if (env_add(r, at, name, member) < 0)
            return -1;
    }
    return 0;
}

static int env_host_take(struct reader *r, const char *at, json_object *value)
{
    return strings_take(r, at, value, &r->app->env_host);
}

static int env_take(struct reader *r, const char *at, json_object *value)
{
    static const struct field fields[] = {
        {"set", env_set_take}, {"host", env_host_take}, {NULL, NULL}};
    return object_take(r, at, value, fields);
}

static int hostname_take(struct reader *r, const char *at, json_object *value)
{
    if (string_take(r, at, value, &r->app->hostname) < 0)
        return -1;
    if (strlen(r->app->hostname) > 64)
        return app_wrong(r, at, "must have at most 64 characters");
    return strpbrk(r->app->hostname, " \t\r\n#") ? app_wrong(r, at, "must not hold spaces, line ends or \"#\"") : 0;
}

static int workdir_take(struct reader *r, const char *at, json_object *value)
{
    return path_take(r, at, value, &r->app->workdir);
}

static int id_take(struct reader *r, const char *at, json_object *value, uint32_t *id)
{
    int64_t n;
    if (number_take(r, at, value, 0, UINT32_MAX - 1LL, &n) < 0)
        return -1;
    *id = (uint32_t)n;
    return 0;
}

static int uid_take(struct reader *r, const char *at, json_object *value)
{
    return id_take(r, at, value, &r->app->uid);
}

static int gid_take(struct reader *r, const char *at, json_object *value)
{
    return id_take(r, at, value, &r->app->gid);
}

static int user_take(struct reader *r, const char *at, json_object *value)
{
    static const struct field fields[] = {{"uid", uid_take}, {"gid", gid_take}, {NULL, NULL}};
    return object_take(r, at, value, fields);
}

static int image_dir_take(struct reader *r, const char *at, json_object *value)
{
    return string_take(r, at, value, &r->app->image_dir);
}

/* A key that is given by a file is all that an image can have. */
static int image_key_take(struct reader *r, const char *at, json_object *value)
{
    if (!json_object_is_type(value, json_type_string) || strcmp(json_object_get_string(value), "file") != 0)
        return app_wrong(r, at, "must be \"file\": the image is encrypted under the key that --image-key names");
    r->app->is_image_encrypted = true;
    return 0;
}

static int image_take(struct reader *r, const char *at, json_object *value)
{
    static const struct field fields[] = {{"dir", image_dir_take}, {"key", image_key_take}, {NULL, NULL}};
    return object_take(r, at, value, fields);
}

static int debug_take(struct reader *r, const char *at, json_object *value)
{
    if (!json_object_is_type(value, json_type_boolean))
        return app_wrong(r, at, "must be true or false");
    r->app->is_debug = json_object_get_boolean(value);
    return 0;
}

static int u16_take(struct reader *r, const char *at, json_object *value, uint16_t *to)
{
    int64_t n;
    if (number_take(r, at, value, 0, UINT16_MAX, &n) < 0)
        return -1;
    *to = (uint16_t)n;
    return 0;
}

static int product_take(struct reader *r, const char *at, json_object *value)
{
    return u16_take(r, at, value, &r->app->product_id);
}

static int svn_take(struct reader *r, const char *at, json_object *value)
{
    return u16_take(r, at, value, &r->app->svn);
}

static int command_take(struct reader *r, const char *at, json_object *value)
{
    return strings_take(r, at, value, &r->app->command);
}

static int core_key_take(struct reader *r, const char *at, json_object *value)
{
    return string_take(r, at, value, &r->app->core_key);
}

static int enclave_take(struct reader *r, const char *at, json_object *value)
{
    static const struct field fields[] = {
        {"debug", debug_take}, {"product_id", product_take}, {"svn", svn_take}, {"core_key", core_key_take}, {NULL, NULL}};
    return object_take(r, at, value, fields);
}

/* ---- mounts: each an object of the last struct app_mount ------------------------------------- */

static struct app_mount *last_mount(struct reader *r)
{
    return &r->app->mounts[r->app->mount_count - 1];
}

static int mount_target_take(struct reader *r, const char *at, json_object *value)
{
    return path_take(r, at, value, &last_mount(r)->target);
}

static int mount_source_take(struct reader *r, const char *at, json_object *value)
{
    return string_take(r, at, value, &last_mount(r)->source);
}

static int mount_type_take(struct reader *r, const char *at, json_object *value)
{
    static const struct {
        const char *name;
        uint32_t kind;
    } kinds[] = {{"memory", CONFIG_MOUNT_MEMORY}, {"store", CONFIG_MOUNT_STORE}, {"image", CONFIG_MOUNT_IMAGE},
                 {"host", CONFIG_MOUNT_HOST}, {"overlay", CONFIG_MOUNT_OVERLAY}};
    const char *name =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            last_mount(r)->kind = kinds[i].kind;
            return 0;
        }
    }
    return app_wrong(r, at, "must be \"memory\", \"store\", \"image\", \"host\" or \"overlay\"");
}

static int mount_key_take(struct reader *r, const char *at, json_object *value)
{
    const char *kind =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
    if (strcmp(kind, "signer") == 0)
        last_mount(r)->flags |= CONFIG_MOUNT_KEY_SIGNER;
    else if (strcmp(kind, "file") == 0)
        last_mount(r)->flags |= CONFIG_MOUNT_KEY_FILE;
    else if (strcmp(kind, "enclave") != 0)
        return app_wrong(r, at,
                         "must be \"enclave\" (this very enclave's), \"signer\" (any of the same "
                         "signer) or \"file\" (naos run --store-key)");
    return 0;
}

static int mount_rollback_take(struct reader *r, const char *at, json_object *value)
{
    const char *kind =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
    if (strcmp(kind, "file") == 0)
        last_mount(r)->flags |= CONFIG_MOUNT_COUNTED;
    else if (strcmp(kind, "none") != 0)
        return app_wrong(
            r, at, "must be \"none\" or \"file\" (a counter beside the store, for tests)");
    return 0;
}

static bool hash_read(const char *hex, uint8_t hash[32])
{
    if (strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64)
        return false;
    for (size_t i = 0; i < 32; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        hash[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

/* Plain components between single slashes. */
static bool is_plain_path(const char *path)
{
    while (*path) {
        size_t len = strcspn(path, "/");
        bool is_dots = path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.'));
        if (len == 0 || len > 255 || is_dots)
            return false;
        path += len;
        if (*path && !*++path)
            return false;
    }
    return true;
}

static int mount_files_take(struct reader *r, const char *at, json_object *value)
{
    static const char what[] = "must be an object of files and their SHA-256: { \"model.bin\": \"9f86d0...\" }";
    struct app_mount *m = last_mount(r);
    if (!json_object_is_type(value, json_type_object) || json_object_object_length(value) == 0)
        return app_wrong(r, at, what);
    m->files = calloc((size_t)json_object_object_length(value), sizeof(*m->files));
    json_object_object_foreach(value, path, hash) {
        struct app_file *f = &m->files[m->file_count++];
        if (!*path || !is_plain_path(path))
            return app_wrong(r, at, "names files under the mount, without \"..\" and without a slash at the beginning");
        if (!json_object_is_type(hash, json_type_string) || !hash_read(json_object_get_string(hash), f->sha256))
            return app_wrong(r, at, what);
        f->path = strdup(path);
    }
    return 0;
}

static int mount_root_hash_take(struct reader *r, const char *at, json_object *value)
{
    if (!json_object_is_type(value, json_type_string) || !hash_read(json_object_get_string(value), last_mount(r)->root_hash))
        return app_wrong(r, at, "must be the image's root hash: 64 digits 0-9 a-f, as `naos image build` prints it");
    last_mount(r)->has_root_hash = true;
    return 0;
}

static int mount_size_take(struct reader *r, const char *at, json_object *value)
{
    return size_take(r, at, value, 1ULL << 20, 1ULL << 40, &last_mount(r)->size);
}

static int mount_options_take(struct reader *r, const char *at, json_object *value)
{
    struct strings options = {0};
    if (strings_take(r, at, value, &options) < 0)
        return -1;
    for (size_t i = 0; i < options.count; i++) {
        if (strcmp(options.items[i], "ro") == 0)
            last_mount(r)->flags |= CONFIG_MOUNT_READ_ONLY;
        else if (strcmp(options.items[i], "noexec") == 0)
            last_mount(r)->flags |= CONFIG_MOUNT_NOEXEC;
        else
            return app_wrong(r, at, "may hold \"ro\" and \"noexec\"");
    }
    return 0;
}

static int image_mount_check(struct reader *r, const char *at, const struct app_mount *m)
{
    if (!m->source)
        return app_wrong(r, at, "is an image: \"source\" must be the folder that it is made of, or a file that `naos image build` made");
    if (m->flags & (CONFIG_MOUNT_KEY_SIGNER | CONFIG_MOUNT_COUNTED) || m->size || m->files)
        return app_wrong(r, at, "is an image: it has no \"size\", \"rollback\" or \"files\", and its \"key\" can be \"file\" only");
    size_t images = 1; /* the root's */
    for (size_t i = 0; i < r->app->mount_count; i++)
        images += r->app->mounts[i].kind == CONFIG_MOUNT_IMAGE;
    return images <= BOOT_IMAGE_MAX ? 0 : app_wrong(r, at, "is one image too many; 15 can be mounted");
}

/* What each kind needs, and others must not have. */
static int mount_check(struct reader *r, const char *at, const struct app_mount *m)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const uint32_t store_flags =
        CONFIG_MOUNT_KEY_SIGNER | CONFIG_MOUNT_KEY_FILE | CONFIG_MOUNT_COUNTED;
    if (m->kind == CONFIG_MOUNT_HOST && (!m->source || m->source[0] != '/'))
        return app_wrong(r, at, "is a directory of the host: \"source\" must be its absolute path there");
    if (m->files && m->kind != CONFIG_MOUNT_HOST)
        return app_wrong(r, at, "has \"files\", which only host directories have");
    if ((m->kind == CONFIG_MOUNT_OVERLAY) != (strcmp(m->target, "/") == 0))
        return app_wrong(r, at, "\"overlay\" is the type of the root, and \"/\" its target");
    if (m->kind == CONFIG_MOUNT_IMAGE)
        return image_mount_check(r, at, m);
    if (m->has_root_hash)
        return app_wrong(r, at, "has \"root_hash\", which only images have");
    bool is_store = m->kind == CONFIG_MOUNT_STORE || (m->kind == CONFIG_MOUNT_OVERLAY && m->source);
    if (!is_store)
        return m->flags & store_flags
                   ? app_wrong(r, at, "has \"key\" or \"rollback\", which only stores have")
                   : 0;
    if (!m->source || m->source[0] == '.' || strlen(m->source) > 63 || !*m->source ||
        strspn(m->source, allowed) != strlen(m->source))
        return app_wrong(r, at,
                         "is a store: \"source\" must be its name, of at most 63 characters "
                         "a-z A-Z 0-9 . _ - and not beginning with a dot");
    if (m->size && m->size < 4 << 20)
        return app_wrong(r, at, "is a store: \"size\" must be at least 4 MiB");
    return 0;
}

static int mounts_take(struct reader *r, const char *at, json_object *value)
{
    static const struct field fields[] = {
        {"target", mount_target_take}, {"source", mount_source_take},   {"type", mount_type_take},
        {"size", mount_size_take},     {"options", mount_options_take}, {"key", mount_key_take},
        {"rollback", mount_rollback_take}, {"files", mount_files_take},
        {"root_hash", mount_root_hash_take}, {NULL, NULL}};
    if (!json_object_is_type(value, json_type_array))
        return app_wrong(
            r, at, "must be a list of mounts: [ { \"target\": \"/tmp\", \"type\": \"memory\" } ]");
    size_t count = json_object_array_length(value);
    r->app->mounts = calloc(count + 1, sizeof(*r->app->mounts));
    r->app->mount_count = 0;
    for (size_t i = 0; i < count; i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s[%zu]", at, i);
        r->app->mount_count++;
        if (object_take(r, path, json_object_array_get_idx(value, i), fields) < 0)
            return -1;
        if (!last_mount(r)->target || !last_mount(r)->kind)
            return app_wrong(r, path, "needs \"target\" and \"type\"");
        if (mount_check(r, path, last_mount(r)) < 0)
            return -1;
    }
    return 0;
}

static int schema_take(struct reader *r, const char *at, json_object *value)
{
    (void)r, (void)at, (void)value; /* for editors */
    return 0;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void defaults_set(struct app *app)
{
    *app = (struct app){
        .memory_size = 1ULL << 30,
        .address_space = 64ULL << 30,
        .stack_size = 8ULL << 20,
        .vcpu_max = 8,
        .hostname = strdup("naos"),
        .workdir = strdup("/"),
        .image_dir = strdup("image"),
        .is_debug = true,
    };
}

static int text_parse(const struct bytes *text, json_object **root, struct error *err)
{
    json_tokener *tok = json_tokener_new();
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
    *root = json_tokener_parse_ex(tok, (const char *)text->data, (int)text->size);
    enum json_tokener_error e = json_tokener_get_error(tok);
    size_t line = 1, end = json_tokener_get_parse_end(tok);
    json_tokener_free(tok);
    for (size_t i = 0; i < end && i < text->size; i++)
        line += text->data[i] == '\n';
    if (e == json_tokener_success)
        return 0;
    return error_set(err, APP_FILE ": line %zu: %s", line,
                     e == json_tokener_continue ? "the file ends too early"
                                                : json_tokener_error_desc(e));
}

int app_read(const char *dir, struct app *app, struct error *err)
{
    static const struct field fields[] = {
        {"$schema", schema_take},
        {"memory", memory_take},
        {"vcpus", vcpus_take},
        {"entry_points", entry_points_take},
        {"env", env_take},
        {"command", command_take},
        {"hostname", hostname_take},
        {"workdir", workdir_take},
        {"user", user_take},
        {"mounts", mounts_take},
        {"net", net_take},
        {"image", image_take},
        {"enclave", enclave_take},
        {NULL, NULL},
    };
    struct reader r = {err, app};
    struct bytes text;
    json_object *root = NULL;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/" APP_FILE, dir);
    if (file_read(path, &text, err) < 0)
        return -1;
    defaults_set(app);
    int result = text_parse(&text, &root, err);
    free(text.data);
    if (result == 0)
        result = object_take(&r, "", root, fields);
    json_object_put(root);
    if (result == 0 && app->entry_points.count == 0)
        result = app_wrong(
            &r, "entry_points",
            "is empty: no program could be started; list paths, or directories like \"/usr/bin/\"");
    if (result == 0 && app->memory_size > app->address_space / 4)
        result = app_wrong(&r, "memory.size", "must be at most a quarter of memory.address_space");
    return result;
}
