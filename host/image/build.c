/* SPDX-License-Identifier: Apache-2.0 */
/* All outputs are written to a folder of their own, which takes the place of the last one only when it is whole. */
#include "build.h"
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "closure.h"
#include "image_file.h"
#include "sgx_sign.h"
#include "naos/core.h"
#include "base/home.h"
#include "base/remove.h"

struct build {
    const struct build_options *options;
    struct build_result *result;
    struct error *err;
    char temp[PATH_MAX]; /* where the files go first */
};

static void step(const struct build *b, const char *text)
{
    if (b->options->progress)
        b->options->progress(text);
}

static const char *out_path(const struct build *b, const char *name, char buf[PATH_MAX])
{
    snprintf(buf, PATH_MAX, "%s/%s", b->temp, name);
    return buf;
}

/* ---- the key --------------------------------------------------------------------------------- */

/* The user's own: $XDG_DATA_HOME/naos/signing-key.pem. */
static int default_key(char path[PATH_MAX], struct error *err)
{
    char dir[PATH_MAX - 32];
    if (!home_folder("XDG_DATA_HOME", ".local/share", "naos", dir, sizeof(dir)))
        return error_set(err, "you have no home folder to keep a signing key in; set HOME or XDG_DATA_HOME, or name a key with --sign-key");
    snprintf(path, PATH_MAX, "%s/signing-key.pem", dir);
    if (access(path, F_OK) == 0)
        return 0;
    if (sgx_key_create(path, err) < 0)
        return -1;
    fprintf(stderr, "naos build: made a signing key for you: %s\n", path);
    return 0;
}

static uint32_t date_bcd(void)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    time_t t = epoch ? (time_t)strtoll(epoch, NULL, 10) : 0;
    struct tm tm;
    char digits[16];
    if (!epoch || !gmtime_r(&t, &tm))
        return 0; /* so that the same inputs give the same file */
    snprintf(digits, sizeof(digits), "%04d%02d%02d", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
             tm.tm_mday);
    return (uint32_t)strtoul(digits, NULL, 16);
}

/* ---- the enclave ----------------------------------------------------------------------------- */

static int enclave_sign(struct build *b, const struct bytes *kernel, const struct bytes *config)
{
    struct sgx_layout layout;
    struct sgx_sigstruct sig;
    struct app *app = &b->result->app;
    char key[PATH_MAX], path[PATH_MAX];
    struct sgx_signing signing = {b->options->key_path, app->product_id, app->svn, date_bcd()};
    if (!signing.key_path) {
        if (default_key(key, b->err) < 0)
            return -1;
        signing.key_path = key;
    }
    if (sgx_layout_build(&layout, kernel->data, kernel->size, config->data, config->size,
                         b->err->text, sizeof(b->err->text)) < 0)
        return -1;
    int result = sgx_sign(&layout, &signing, &sig, b->result->mrsigner, b->err);
    sgx_layout_free(&layout);
    memcpy(b->result->mrenclave, sig.enclave_hash, 32);
    return result < 0
               ? -1
               : file_write(out_path(b, "enclave.sig", path), &sig, sizeof(sig), 0644, b->err);
}

/* The key that core files are for becomes part of the configuration. */
static int core_key_read(struct build *b)
{
    struct app *app = &b->result->app;
    char path[PATH_MAX];
    if (!app->core_key)
        return 0;
    snprintf(path, sizeof(path), "%s%s%s", app->core_key[0] == '/' ? "" : b->options->dir, app->core_key[0] == '/' ? "" : "/", app->core_key);
    app->core_modulus = malloc(CORE_KEY_SIZE);
    return app->core_modulus ? rsa3_public_read(path, app->core_modulus, b->err) : error_set(b->err, "no memory for the key of core files");
}

static int enclave_build(struct build *b)
{
    struct bytes kernel, config;
    char path[PATH_MAX];
    if (kernel_find(path, sizeof(path), b->err) < 0 || file_read(path, &kernel, b->err) < 0)
        return -1;
    if (core_key_read(b) < 0 || app_compile(&b->result->app, &b->result->image, &config, b->err) < 0)
        return -1;
    int result = enclave_sign(b, &kernel, &config);
    if (result == 0)
        result =
            file_write(out_path(b, "enclave.conf", path), config.data, config.size, 0644, b->err);
    if (result == 0)
        result =
            file_write(out_path(b, "kernel.elf", path), kernel.data, kernel.size, 0644, b->err);
    free(kernel.data);
    free(config.data);
    return result;
}

/* ---- build.json ------------------------------------------------------------------------------ */

static json_object *hex_object(const uint8_t *bytes, size_t size)
{
    char text[65];
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return json_object_new_string(text);
}

static int summary_write(struct build *b)
{
    const struct build_result *r = b->result;
    char path[PATH_MAX];
    json_object *o = json_object_new_object();
    json_object_object_add(o, "mrenclave", hex_object(r->mrenclave, 32));
    json_object_object_add(o, "mrsigner", hex_object(r->mrsigner, 32));
    json_object_object_add(o, "image_root_hash", hex_object(r->image.root_hash, 32));
    json_object_object_add(o, "image_data_bytes", json_object_new_uint64(r->image.data_size));
    json_object_object_add(o, "programs", json_object_new_uint64(r->sites.files));
    json_object_object_add(o, "syscall_sites", json_object_new_uint64(r->sites.sites));
    json_object_object_add(o, "syscall_sites_left_to_traps",
                           json_object_new_uint64(r->sites.unpatchable));
    const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY);
    int result = file_write(out_path(b, "build.json", path), text, strlen(text), 0644, b->err);
    json_object_put(o);
    return result;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* A path of naos.json: relative ones start at the instance. */
static const char *in_instance(const struct build *b, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s%s%s", name[0] == '/' ? "" : b->options->dir, name[0] == '/' ? "" : "/", name);
    return path;
}

/* The key that the image at target is to be encrypted with; *key NULL if it is not. */
static int image_key(const struct build *b, const char *target, bool is_encrypted, const uint8_t **key)
{
    *key = is_encrypted && b->options->image_keys ? image_keys_find(b->options->image_keys, target) : NULL;
    if (is_encrypted && !*key)
        return error_set(b->err, "the image of %s is to be encrypted: give the key with --image-key FILE (32 bytes, or 64 hexadecimal digits)",
                         target);
    return 0;
}

/* A file that was made before: all of it is checked here, since its root hash becomes part of the enclave. */
static int image_take(struct build *b, struct app_mount *m, const char *from, const char *to)
{
    bool is_encrypted = m->flags & CONFIG_MOUNT_KEY_FILE;
    struct stat st;
    if (image_trailer_read(from, &m->image, b->err) < 0)
        return -1;
    if (is_encrypted != !!(m->image.flags & CONFIG_IMAGE_ENCRYPTED))
        return error_set(b->err, is_encrypted ? "%s is not encrypted, but the mount of %s has \"key\": \"file\""
                                              : "%s is encrypted: the mount of %s must have \"key\": \"file\"",
                         from, m->target);
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 || fstat(fd, &st) < 0 ? error_errno(b->err, "%s", from) : verity_check(fd, (uint64_t)st.st_size, &m->image, b->err);
    if (fd >= 0)
        close(fd);
    return result < 0 ? -1 : image_link(from, to, b->err);
}

static int image_make(struct build *b, struct app_mount *m, const char *from, const char *to)
{
    struct image_options options = {.with_cache = !b->options->is_fresh, .progress = b->options->progress_bytes};
    struct callsite_totals sites;
    if (image_key(b, m->target, m->flags & CONFIG_MOUNT_KEY_FILE, &options.key) < 0 ||
        image_write(from, to, &options, &m->image, &sites, b->err) < 0)
        return -1;
    b->result->sites.files += sites.files;
    b->result->sites.sites += sites.sites;
    b->result->sites.unpatchable += sites.unpatchable;
    return 0;
}

static int mount_image(struct build *b, struct app_mount *m, unsigned idx)
{
    char from[PATH_MAX], to[PATH_MAX], name[IMAGE_NAME_MAX];
    struct stat st;
    out_path(b, image_file_name(idx, name), to);
    if (stat(in_instance(b, m->source, from), &st) < 0)
        return error_errno(b->err, APP_FILE ": mounts: the image of %s: %s", m->target, from);
    int result = S_ISDIR(st.st_mode) ? image_make(b, m, from, to) : image_take(b, m, from, to);
    if (result == 0 && m->has_root_hash && memcmp(m->root_hash, m->image.root_hash, sizeof(m->root_hash)) != 0)
        return error_set(b->err, APP_FILE ": mounts: the image of %s, %s, has another root hash than \"root_hash\" says", m->target, from);
    return result;
}

static int mount_images(struct build *b)
{
    unsigned idx = 1;
    for (size_t i = 0; i < b->result->app.mount_count; i++) {
        struct app_mount *m = &b->result->app.mounts[i];
        if (m->kind != CONFIG_MOUNT_IMAGE)
            continue;
        step(b, "making the images of mounts");
        if (mount_image(b, m, idx) < 0)
            return -1;
        free(m->source); /* what the enclave is does not depend on where the image came from */
        if (asprintf(&m->source, "image-%u", idx++) < 0)
            return error_set(b->err, "out of memory");
    }
    return 0;
}

static int outputs_write(struct build *b)
{
    char dir[PATH_MAX], path[PATH_MAX];
    struct build_result *r = b->result;
    struct stat st;
    in_instance(b, r->app.image_dir, dir);
    step(b, "checking programs and libraries");
    if (closure_check(dir, b->err) < 0)
        return -1;
    struct image_options image = {.with_cache = !b->options->is_fresh, .progress = b->options->progress_bytes, .app = &r->app};
    if (image_key(b, "/", r->app.is_image_encrypted, &image.key) < 0)
        return -1;
    step(b, "looking for system calls");
    if (image_write(dir, out_path(b, "image.naos", path), &image, &r->image, &r->sites, b->err) < 0)
        return -1;
    r->image_bytes = stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
    if (mount_images(b) < 0)
        return -1;
    step(b, "measuring and signing the enclave");
    return enclave_build(b) < 0 ? -1 : summary_write(b);
}

static int dir_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return result;
}

/* The fresh folder becomes `final`, in one step; the one before it goes. */
static int folder_swap(struct build *b, const char *final)
{
    if (dir_sync(b->temp) < 0)
        return error_errno(b->err, "%s", b->temp);
    if (rename(b->temp, final) < 0 &&
        renameat2(AT_FDCWD, b->temp, AT_FDCWD, final, RENAME_EXCHANGE) < 0)
        return error_errno(b->err, "%s", final);
    tree_remove(b->temp);
    return 0;
}

int build_run(const struct build_options *options, struct build_result *result, struct error *err)
{
    struct build b = {.options = options, .result = result, .err = err};
    char final[PATH_MAX - 16];
    *result = (struct build_result){0};
    snprintf(final, sizeof(final), "%s%s", options->out ? options->out : options->dir,
             options->out ? "" : "/build");
    snprintf(b.temp, sizeof(b.temp), "%s.new", final);
    tree_remove(b.temp);
    int status = app_read(options->dir, &result->app, err);
    if (status == 0)
        status = dir_make(b.temp, err);
    if (status == 0)
        status = outputs_write(&b);
    if (status == 0)
        status = folder_swap(&b, final);
    if (status < 0)
        tree_remove(b.temp);
    return status;
}
