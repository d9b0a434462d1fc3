/* SPDX-License-Identifier: Apache-2.0 */
/* Mounting: the host's file, the key, the core, and the superblock over them. */
#include "fs/store/mount.h"
#include "base/log.h"
#include "base/string.h"
#include "crypto/random.h"
#include "fs/store/vfs.h"
#include "heap/heap.h"
#include "platform/plat.h"
#include "time/clock.h"

#define DEFAULT_SIZE (1ULL << 30)
#define STATFS_TYPE  0x53414f4e /* "NOAS" */

/* ---- the medium ---------------------------------------------------------------------------------------------------------- */

static struct hostfile *file_of(struct store_dev *dev)
{
    return &container_of(dev, struct store_fs, dev)->file;
}

static int dev_read(struct store_dev *dev, uint64_t block, void *buf, size_t count)
{
    return hostfile_read(file_of(dev), block, buf, count);
}

static const void *dev_at(struct store_dev *dev, uint64_t block)
{
    return hostfile_at(file_of(dev), block);
}

static int dev_write(struct store_dev *dev, uint64_t block, const void *buf, size_t count)
{
    return hostfile_write(file_of(dev), block, buf, count);
}

static int dev_sync(struct store_dev *dev)
{
    return hostfile_sync(file_of(dev));
}

static int dev_resize(struct store_dev *dev, uint64_t blocks)
{
    int err = hostfile_resize(file_of(dev), blocks);
    dev->blocks = file_of(dev)->blocks;
    return err;
}

static int dev_room(struct store_dev *dev, uint64_t block, uint64_t count, bool is_wanted)
{
    return hostfile_room(file_of(dev), block, count, is_wanted);
}

static int dev_count(struct store_dev *dev, uint64_t epoch)
{
    return hostfile_count(file_of(dev), epoch);
}

static const struct store_dev_ops dev_ops = {
    .read = dev_read, .at = dev_at, .write = dev_write, .sync = dev_sync, .resize = dev_resize, .room = dev_room};
static const struct store_dev_ops dev_ops_counting = {
    .read = dev_read, .at = dev_at, .write = dev_write, .sync = dev_sync, .resize = dev_resize, .room = dev_room, .count = dev_count};

/* ---- the key --------------------------------------------------------------------------------------------------------------- */

static int sealing_key(const struct store_superblock *super, uint8_t key[STORE_KEY_SIZE])
{
    enum plat_seal_policy policy = super->key_kind == STORE_KEY_ENCLAVE ? PLAT_SEAL_ENCLAVE : PLAT_SEAL_SIGNER;
    uint8_t key_id[32] = {0};
    memcpy(key_id, super->uuid, sizeof(super->uuid));
    int err = plat_seal_key(policy, super->svn, key_id, key);
    key_id[31] = 1;
    return err ? err : plat_seal_key(policy, super->svn, key_id, key + 16);
}

static int key_make(const struct store_fs *fs, const struct store_superblock *super, uint8_t key[STORE_KEY_SIZE])
{
    if (super->key_kind != STORE_KEY_FILE)
        return sealing_key(super, key);
    memcpy(key, fs->file.key, STORE_KEY_SIZE);
    return fs->file.has_key ? 0 : -ENOKEY;
}

/* The highest security version that the processor gives this enclave keys for: its own. */
static uint16_t own_svn(void)
{
    static const uint8_t key_id[32];
    uint8_t key[16];
    uint32_t low = 0, high = UINT16_MAX;
    while (low < high) {
        uint32_t mid = (low + high + 1) / 2;
        if (plat_seal_key(PLAT_SEAL_SIGNER, (uint16_t)mid, key_id, key) == 0)
            low = mid;
        else
            high = mid - 1;
    }
    mem_wipe(key, sizeof(key));
    return (uint16_t)low;
}

/* ---- opening ----------------------------------------------------------------------------------------------------------------- */

static int fresh_make(struct store_fs *fs, const struct store_mount *o)
{
    uint64_t blocks = fs->dev.max_blocks;
    uint8_t key[STORE_KEY_SIZE];
    struct store_superblock super = {
        .magic = STORE_MAGIC, .version = STORE_VERSION, .key_kind = o->key_kind,
        .log_blocks = (uint32_t)MIN(MAX(blocks / 64, 16UL), 2048UL),
    };
    if (fs->dev.counter > 0)
        return -ESTALE; /* there was one */
    super.svn = o->key_kind == STORE_KEY_SIGNER ? own_svn() : 0;
    random_bytes(super.uuid, sizeof(super.uuid));
    int err = key_make(fs, &super, key);
    if (err == 0)
        err = store_format(&fs->dev, key, &super, clock_realtime());
    mem_wipe(key, sizeof(key));
    return err;
}

static int root_give(struct store_fs *fs, const struct store_mount *o)
{
    struct store_inode root;
    int err = store_inode_get(fs->st, STORE_ROOT_INO, &root);
    root.uid = o->uid;
    root.gid = o->gid;
    return err ? err : store_inode_put(fs->st, STORE_ROOT_INO, &root);
}

static int core_open(struct store_fs *fs, const struct store_mount *o)
{
    uint8_t key[STORE_KEY_SIZE];
    struct store_superblock super;
    bool is_new = fs->dev.blocks == 0;
    int err = is_new ? fresh_make(fs, o) : 0;
    if (err == 0)
        err = store_probe(&fs->dev, &super);
    if (err == 0 && super.key_kind != o->key_kind)
        err = -EACCES; /* it is not the host that chooses how a store is keyed */
    if (err == 0)
        err = key_make(fs, &super, key);
    if (err == 0)
        err = store_open(&fs->dev, key, o->is_read_only ? STORE_READ_ONLY : 0, &fs->st);
    mem_wipe(key, sizeof(key));
    return err == 0 && is_new ? root_give(fs, o) : err;
}

static const char *reason_of(int err)
{
    switch (err) {
    case -ENOKEY: return "it is opened with a key file: naos run --store-key FILE";
    case -EACCES: return "the key does not fit (another enclave or signer made it), or it was tampered with";
    case -ESTALE: return "it is older than its counter says: the host put an old one in its place";
    case -EBUSY: return "another instance has it open";
    case -EINVAL: return "it is not a store of this version";
    case -ENOSPC: return "the host's disk is full, or its size in naos.json is too small";
    case -ENOMEM: return "memory.size is too small for it";
    default: return "it is damaged, or the host cannot read it";
    }
}

/* ---- the superblock ------------------------------------------------------------------------------------------------------------ */

static int fs_statfs(struct superblock *sb, struct statfs_info *info)
{
    struct store_fs *fs = store_fs_of(sb);
    struct store_info i;
    mutex_lock(&fs->lock);
    store_info(fs->st, &i);
    i.free += __atomic_load_n(&fs->pool, __ATOMIC_RELAXED);
    mutex_unlock(&fs->lock);
    *info = (struct statfs_info){
        .type = STATFS_TYPE, .block_size = STORE_BLOCK, .blocks = i.blocks, .free = i.free, .available = i.free,
        .files = i.inodes + i.free, .files_free = i.free, .name_max = 255,
    };
    return 0;
}

static int fs_sync(struct superblock *sb)
{
    return sb->is_read_only ? 0 : store_fs_sync(store_fs_of(sb));
}

/* Its place stays taken until the enclave ends: the background task may be at work. */
static void fs_unmount(struct superblock *sb)
{
    int err = fs_sync(sb);
    if (err)
        log_error("store: not everything could be written (error %d)", -err);
}

static const struct super_ops super_ops = {.statfs = fs_statfs, .sync = fs_sync, .unmount = fs_unmount};

static struct store_fs *fs_create(void)
{
    struct store_fs *fs = heap_zalloc(sizeof(*fs));
    if (!fs)
        return NULL;
    mutex_init(&fs->lock);
    mutex_init(&fs->sync_lock);
    waitq_init(&fs->flush_wait);
    list_init(&fs->dirty);
    for (size_t i = 0; i < TABLE_BUCKETS; i++)
        list_init(&fs->buckets[i]);
    return fs;
}

static int fs_open(struct store_fs *fs, const struct store_mount *o)
{
    int err = hostfile_open(o->name, o->size ? o->size : DEFAULT_SIZE, o->is_counted, &fs->file);
    if (err)
        return err;
    if (o->is_counted && !fs->file.has_counter)
        return -ESTALE;
    fs->dev = (struct store_dev){
        .ops = fs->file.has_counter ? &dev_ops_counting : &dev_ops, .blocks = fs->file.blocks,
        .max_blocks = fs->file.max_blocks, .counter = fs->file.counter,
    };
    err = core_open(fs, o);
    mem_wipe(fs->file.key, sizeof(fs->file.key));
    return err;
}

int store_mount(const struct store_mount *o, struct superblock **result)
{
    struct store_fs *fs = fs_create();
    struct superblock *sb = fs ? superblock_create(&super_ops, "naos", fs) : NULL;
    int err = sb ? fs_open(fs, o) : -ENOMEM;
    if (err == 0) {
        fs->sb = sb;
        sb->is_read_only = o->is_read_only;
        err = store_inode_obtain(sb, STORE_ROOT_INO, &sb->root);
    }
    if (err == 0 && !o->is_read_only) {
        err = task_init(&fs->flusher, NULL, store_flusher_main, fs);
        if (err == 0)
            task_start(&fs->flusher);
    }
    if (err) {
        log_error("store %s: %s", o->name, reason_of(err));
        heap_free(sb); /* what else was made stays: the enclave ends here */
        return err;
    }
    *result = sb;
    return 0;
}
