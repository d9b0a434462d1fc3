/* SPDX-License-Identifier: Apache-2.0 */
/* The root: the verified image with a file system in memory above, then what the configuration mounts. */
#include <linux/stat.h>
#include "base/log.h"
#include "base/string.h"
#include "block/verity.h"
#include "fs/devfs.h"
#include "fs/erofs/erofs.h"
#include "fs/hostfs/hostfs.h"
#include "fs/overlay/overlay.h"
#include "fs/ramfs.h"
#include "fs/store/format.h"
#include "fs/store/mount.h"
#include "fs/sysfs.h"
#include "init/init.h"
#include "platform/plat.h"
#include "procfs/procfs.h"
#include "tty/tty.h"
#include "vfs/dentry.h"

static _Noreturn void stop(const char *what, int err)
{
    log_error("%s (error %d)", what, -err);
    plat_exit(125);
}

/* ---- images ---------------------------------------------------------------------------------------------------------- */

static int verity_make(const struct config_image *image, const struct boot_image *file, const char *target, struct verity **verity)
{
    struct verity_params params = {
        .name = target, .host_addr = file->addr, .host_size = file->size, .size = image->size, .data_size = image->data_size,
        .hash_off = image->hash_off, .salt_size = image->salt_size, .key = image->flags & CONFIG_IMAGE_ENCRYPTED ? file->key : NULL,
    };
    memcpy(params.root_hash, image->root_hash, sizeof(params.root_hash));
    memcpy(params.salt, image->salt, sizeof(params.salt));
    memcpy(params.key_salt, image->key_salt, sizeof(params.key_salt));
    return params.key && !file->has_key ? -ENOKEY : verity_open(&params, verity);
}

static const char *image_why(int err)
{
    switch (err) {
    case -ENOKEY: return "the image is encrypted and the host gave no key (naos run --image-key)";
    case -EACCES: return "the image is encrypted under another key than the one that was given";
    case -ENOMEM: return "memory.size is too small for the image";
    default: return "the image is not the one that this enclave was built with; run naos build";
    }
}

/* File number idx of those that the host mapped. Stops the enclave if it cannot be used. */
static struct superblock *image_open(const struct config_image *image, unsigned idx, const char *target)
{
    static const struct boot_image none;
    struct verity *verity;
    struct superblock *sb;
    int err = verity_make(image, idx < plat_host_info.image_count ? &plat_host_info.images[idx] : &none, target, &verity);
    if (err == 0)
        err = erofs_mount(verity, &sb);
    if (err) {
        log_error("%s: %s (error %d)", target, image_why(err), -err);
        plat_exit(125);
    }
    return sb;
}

/* Images have been opened: the host's keys are needed no more. */
static void image_keys_wipe(void)
{
    for (unsigned i = 0; i < BOOT_IMAGE_MAX; i++)
        mem_wipe(plat_host_info.images[i].key, sizeof(plat_host_info.images[i].key));
}

static struct superblock *image_make(const struct config_mount *m)
{
    const struct config *c = config_get();
    const struct config_mount *all = (const struct config_mount *)((const char *)c + c->mounts_off);
    unsigned idx = 1; /* 0 is the root's */
    for (const struct config_mount *other = all; other < m; other++)
        idx += other->kind == CONFIG_MOUNT_IMAGE;
    return image_open((const struct config_image *)((const char *)c + m->image_off), idx, config_string(m->target_off));
}

/* ---- mount points ---------------------------------------------------------------------------------------------------- */

/* A directory under `at`, made if it is not there: mount points need not be in the image. */
static struct dentry *dir_make(struct dentry *at, const char *name, size_t len)
{
    struct dentry *d;
    struct inode *inode;
    int err = dentry_lookup(at, name, len, &d);
    if (err == 0)
        return d;
    mutex_lock(&at->inode->lock);
    err = at->inode->ops->create ? at->inode->ops->create(at->inode, name, len, S_IFDIR | 0755, 0, &inode) : -EROFS;
    if (err == 0) {
        err = dentry_add(at, name, len, inode, &d);
        inode_put(inode);
    }
    mutex_unlock(&at->inode->lock);
    return err ? err_ptr(err) : d;
}

/* Plain names only: the configuration's own, no links on the way. */
static int mount_point(const struct path *root, const char *target, struct path *at)
{
    *at = *root;
    path_get(at);
    while (*target) {
        while (*target == '/')
            target++;
        size_t len = 0;
        while (target[len] && target[len] != '/')
            len++;
        if (len == 0)
            break;
        struct dentry *d = dir_make(at->dentry, target, len);
        if (is_err(d)) {
            path_put(at);
            return ptr_err(d);
        }
        struct path next = {at->mount, d};
        ref_get(&next.mount->ref);
        path_descend_mounts(&next);
        path_put(at);
        *at = next;
        target += len;
    }
    return 0;
}

static void mount_at(const struct path *root, const char *target, struct superblock *sb, const char *source, unsigned flags)
{
    struct path at;
    int err = mount_point(root, target, &at);
    if (err == 0) {
        err = mount_add(&at, sb, source, flags);
        path_put(&at);
    }
    if (err)
        stop(target, err);
}

/* Empty, for all to write in. */
static int shm_mount(struct superblock **sb)
{
    int err = ramfs_mount("tmpfs", 0, sb);
    if (err == 0)
        (*sb)->root->mode = S_IFDIR | 01777;
    return err;
}

/* What every Linux system has. The configuration may mount over it. */
static const struct {
    const char *target, *source;
    int (*mount)(struct superblock **sb);
    unsigned flags;
} standard_mounts[] = {
    {"/dev", "devtmpfs", devfs_mount, MOUNT_NOSUID},
    {"/dev/pts", "devpts", devpts_mount, MOUNT_NOSUID | MOUNT_NOEXEC},
    {"/dev/shm", "tmpfs", shm_mount, MOUNT_NOSUID | MOUNT_NODEV},
    {"/proc", "proc", procfs_mount, MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC},
    {"/sys", "sysfs", sysfs_mount, MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC | MOUNT_READ_ONLY},
};

static void standard_mount_all(const struct path *root)
{
    for (size_t i = 0; i < ARRAY_COUNT(standard_mounts); i++) {
        struct superblock *sb;
        int err = standard_mounts[i].mount(&sb);
        if (err)
            stop(standard_mounts[i].target, err);
        mount_at(root, standard_mounts[i].target, sb, standard_mounts[i].source, standard_mounts[i].flags);
    }
}

static int store_make(const struct config_mount *m, struct superblock **sb)
{
    const struct store_mount options = {
        .name = config_string(m->source_off), .size = m->size, .uid = config_get()->uid, .gid = config_get()->gid,
        .key_kind = m->flags & CONFIG_MOUNT_KEY_FILE ? STORE_KEY_FILE : m->flags & CONFIG_MOUNT_KEY_SIGNER ? STORE_KEY_SIGNER : STORE_KEY_ENCLAVE,
        .is_counted = m->flags & CONFIG_MOUNT_COUNTED, .is_read_only = m->flags & CONFIG_MOUNT_READ_ONLY,
    };
    return store_mount(&options, sb);
}

static struct hostfs_listed listed_at(const void *list, size_t idx)
{
    const struct config_file *f = (const struct config_file *)list + idx;
    return (struct hostfs_listed){config_string(f->path_off), f->sha256};
}

static int host_make(const struct config_mount *m, struct superblock **sb)
{
    const char *source = config_string(m->source_off);
    if (m->file_count == 0)
        return hostfs_mount(source, m->flags & CONFIG_MOUNT_READ_ONLY, sb);
    int err = ramfs_mount("host", 0, sb);
    if (err)
        return err;
    (*sb)->root->mode = S_IFDIR | 0555;
    err = hostfs_listed_fill(*sb, source, m->file_count, listed_at, (const char *)config_get() + m->files_off);
    if (err)
        superblock_put(*sb);
    return err;
}

static int superblock_make(const struct config_mount *m, struct superblock **sb)
{
    switch (m->kind) {
    case CONFIG_MOUNT_MEMORY: return ramfs_mount("tmpfs", m->size, sb);
    case CONFIG_MOUNT_STORE: return store_make(m, sb);
    case CONFIG_MOUNT_HOST: return host_make(m, sb);
    case CONFIG_MOUNT_IMAGE: *sb = image_make(m); return 0;
    default: return -EINVAL;
    }
}

static void config_mount_one(const struct path *root, const struct config_mount *m)
{
    struct superblock *sb;
    unsigned flags = (m->flags & CONFIG_MOUNT_READ_ONLY ? MOUNT_READ_ONLY : 0) | (m->flags & CONFIG_MOUNT_NOEXEC ? MOUNT_NOEXEC : 0);
    const char *target = config_string(m->target_off);
    if (m->kind == CONFIG_MOUNT_OVERLAY)
        return; /* the root, which is there */
    int err = superblock_make(m, &sb);
    if (err)
        stop(target, err);
    if (m->kind == CONFIG_MOUNT_HOST || m->kind == CONFIG_MOUNT_IMAGE)
        flags |= MOUNT_NOSUID | MOUNT_NODEV;
    mount_at(root, target, sb, m->kind == CONFIG_MOUNT_MEMORY ? "tmpfs" : config_string(m->source_off), flags);
}

static const struct config_mount *config_mount_at(uint32_t idx)
{
    const struct config *c = config_get();
    return (const struct config_mount *)((const char *)c + c->mounts_off) + idx;
}

/* What the root keeps its changes in: memory, unless the configuration names a store. */
static int upper_make(struct superblock **sb)
{
    for (uint32_t i = 0; i < config_get()->mount_count; i++) {
        const struct config_mount *m = config_mount_at(i);
        if (m->kind == CONFIG_MOUNT_OVERLAY)
            return m->source_off ? store_make(m, sb) : ramfs_mount("tmpfs", m->size, sb);
    }
    return ramfs_mount("tmpfs", 0, sb);
}

/* In memory, unless the configuration says otherwise, also if the root's changes are kept in a store. */
static void tmp_mount(const struct path *root)
{
    struct superblock *sb;
    bool is_kept = false;
    for (uint32_t i = 0; i < config_get()->mount_count; i++) {
        const struct config_mount *m = config_mount_at(i);
        if (strcmp(config_string(m->target_off), "/tmp") == 0)
            return;
        is_kept |= m->kind == CONFIG_MOUNT_OVERLAY && m->source_off;
    }
    if (!is_kept)
        return;
    int err = shm_mount(&sb);
    if (err)
        stop("/tmp", err);
    mount_at(root, "/tmp", sb, "tmpfs", MOUNT_NOSUID | MOUNT_NODEV);
}

static struct path root;

void root_get(struct path *result)
{
    *result = root;
    path_get(result);
}

void root_mount(void)
{
    const struct config *c = config_get();
    struct superblock *image = image_open(&c->image, 0, "/"), *upper, *sb, *unnamed;
    int err = upper_make(&upper);
    if (err == 0)
        err = overlay_mount(upper->root, image->root, &sb);
    if (err == 0)
        err = mount_root(sb, "overlay", 0, &root);
    if (err)
        stop("the root file system cannot be made", err);
    standard_mount_all(&root);
    tmp_mount(&root);
    for (uint32_t i = 0; i < c->mount_count; i++)
        config_mount_one(&root, config_mount_at(i));
    image_keys_wipe();
    err = ramfs_mount("tmpfs", RAMFS_UNLIMITED, &unnamed);
    if (err)
        stop("memory for files without a name", err);
    vfs_set_unnamed(unnamed, &root, ramfs_create_file);
}
