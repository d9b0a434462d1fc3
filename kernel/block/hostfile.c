/* SPDX-License-Identifier: Apache-2.0 */
#include "block/hostfile.h"
#include "base/string.h"
#include "hostcall/hostcall.h"
#include "platform/plat.h"

int hostfile_open(const char *name, uint64_t max_size, bool is_counted, struct hostfile *f)
{
    struct hostcall_store reply;
    int64_t n = hostcall_store_open(max_size, is_counted, name, strlen(name) + 1, &reply, sizeof(reply));
    if (n < 0)
        return (int)n;
    uint64_t mapped = MAX(max_size, reply.size);
    if (!is_aligned(reply.addr, PAGE_SIZE) || mapped < reply.size || !plat_is_host_range(reply.addr, mapped))
        return -EIO;
    *f = (struct hostfile){
        .addr = reply.addr, .blocks = reply.size >> PAGE_SHIFT, .max_blocks = max_size >> PAGE_SHIFT, .id = reply.id,
        .has_counter = reply.has_counter, .counter = reply.counter, .has_key = reply.has_key,
    };
    f->max_blocks = MAX(f->max_blocks, f->blocks);
    memcpy(f->key, reply.key, sizeof(f->key));
    mem_wipe(&reply, sizeof(reply));
    return 0;
}

static bool is_inside(const struct hostfile *f, uint64_t block, size_t count)
{
    return block < f->blocks && count <= f->blocks - block;
}

int hostfile_read(const struct hostfile *f, uint64_t block, void *buf, size_t count)
{
    if (!is_inside(f, block, count))
        return -EIO;
    host_copy_in(buf, f->addr + (block << PAGE_SHIFT), count << PAGE_SHIFT);
    return 0;
}

const void *hostfile_at(const struct hostfile *f, uint64_t block)
{
    return block < __atomic_load_n(&f->blocks, __ATOMIC_ACQUIRE) ? (const void *)(uintptr_t)(f->addr + (block << PAGE_SHIFT)) : NULL;
}

int hostfile_write(struct hostfile *f, uint64_t block, const void *buf, size_t count)
{
    if (!is_inside(f, block, count))
        return -EIO;
    return hostcall_store_write(f->id, block << PAGE_SHIFT, buf, count << PAGE_SHIFT) ? -EIO : 0;
}

int hostfile_resize(struct hostfile *f, uint64_t blocks)
{
    if (blocks > f->max_blocks)
        return -ENOSPC;
    int64_t err = hostcall_store_resize(f->id, blocks << PAGE_SHIFT);
    if (err == 0)
        __atomic_store_n(&f->blocks, blocks, __ATOMIC_RELEASE);
    return err ? -ENOSPC : 0;
}

int hostfile_sync(struct hostfile *f)
{
    return (int)hostcall_store_sync(f->id);
}

int hostfile_count(struct hostfile *f, uint64_t value)
{
    return (int)hostcall_store_count(f->id, value);
}
