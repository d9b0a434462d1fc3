/* SPDX-License-Identifier: Apache-2.0 */
#include "enclave.h"
#include "image_file.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path_of(const char *dir, const char *name, char buf[PATH_MAX])
{
    snprintf(buf, PATH_MAX, "%s/build/%s", dir, name);
    return buf;
}

static int part_read(const char *dir, const char *name, struct bytes *b, struct error *err)
{
    char path[PATH_MAX];
    if (access(path_of(dir, name, path), F_OK) < 0)
        return error_set(err, "%s is missing; run `naos build` first", path);
    return file_read(path, b, err);
}

int enclave_open(const char *dir, struct enclave_files *e, struct error *err)
{
    struct error unsigned_yet;
    *e = (struct enclave_files){0};
    if (part_read(dir, "kernel.elf", &e->kernel, err) < 0 || part_read(dir, "enclave.conf", &e->config, err) < 0)
        return -1;
    const struct config *c = (const struct config *)e->config.data;
    if (e->config.size < sizeof(*c) || c->magic != CONFIG_MAGIC || c->version != CONFIG_VERSION || c->size != e->config.size)
        return error_set(err, "%s/build/enclave.conf is not a configuration of this version of naos; run `naos build` again", dir);
    if (part_read(dir, "enclave.sig", &e->sig, &unsigned_yet) < 0)
        e->sig = (struct bytes){0};
    return sgx_layout_build(&e->layout, e->kernel.data, e->kernel.size, e->config.data, e->config.size, err->text, sizeof(err->text));
}

void enclave_close(struct enclave_files *e)
{
    sgx_layout_free(&e->layout);
    free(e->kernel.data);
    free(e->config.data);
    free(e->sig.data);
}

int enclave_sig_begin(const char *dir, const struct enclave_files *e, struct sgx_sigstruct *sig, struct error *err)
{
    struct app app;
    if (app_read(dir, &app, err) < 0)
        return -1;
    const struct sgx_signing signing = {NULL, app.product_id, app.svn, enclave_sig(e) ? enclave_sig(e)->date : 0};
    sgx_sig_begin(&e->layout, &signing, sig);
    return 0;
}

int enclave_sig_write(const char *dir, const struct sgx_sigstruct *sig, struct error *err)
{
    char path[PATH_MAX];
    return file_write(path_of(dir, "enclave.sig", path), sig, sizeof(*sig), 0644, err);
}

static int image_verify(const char *dir, unsigned idx, const struct config_image *image, struct error *err)
{
    char path[PATH_MAX], name[IMAGE_NAME_MAX];
    struct stat st;
    int fd = open(path_of(dir, image_file_name(idx, name), path), O_RDONLY | O_CLOEXEC);
    int result = fd < 0 || fstat(fd, &st) < 0 ? error_errno(err, "%s", path) : verity_check(fd, (uint64_t)st.st_size, image, err);
    if (fd >= 0)
        close(fd);
    return result;
}

static int images_verify(const char *dir, const struct enclave_files *e, struct error *err)
{
    struct image_ref images[BOOT_IMAGE_MAX];
    int count = config_images(&e->config, images), result = 0;
    if (count < 0)
        return error_set(err, "%s/build/enclave.conf is damaged", dir);
    for (int i = 0; i < count && result == 0; i++)
        result = image_verify(dir, (unsigned)i, images[i].image, err);
    return result;
}

int enclave_verify(const char *dir, const struct enclave_files *e, struct error *err)
{
    uint8_t measured[32];
    const struct sgx_sigstruct *sig = enclave_sig(e);
    if (!sig)
        return error_set(err, "%s/build/enclave.sig is missing or has a wrong size: the enclave is not signed; `naos sign` does it", dir);
    if (sgx_sig_verify(sig, err) < 0)
        return -1;
    sgx_measure(&e->layout, measured);
    if (memcmp(measured, sig->enclave_hash, 32) != 0)
        return error_set(err, "the kernel or the configuration is not what was signed: MRENCLAVE differs");
    if (((e->layout.attributes.flags ^ sig->attributes.flags) & sig->attributes_mask.flags) ||
        ((e->layout.attributes.xfrm ^ sig->attributes.xfrm) & sig->attributes_mask.xfrm))
        return error_set(err, "the enclave's attributes are not those that were signed");
    return images_verify(dir, e, err);
}
