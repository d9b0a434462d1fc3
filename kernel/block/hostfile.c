/* SPDX-License-Identifier: Apache-2.0 */
#include "block/hostfile.h"
#include "base/string.h"
#include "hostcall/hostcall.h"
#include "platform/plat.h"
#include <linux/eventpoll.h>

static void sync_done(struct host_watch *watch, uint32_t events)
{
    struct hostfile *f = container_of(watch, struct hostfile, done);
    (void)events;
    spin_lock(&f->done_lock);
    f->done_count++;
    waitq_wake_all(&f->done_wait, 0);
    spin_unlock(&f->done_lock);
}

static void sync_watch(struct hostfile *f, uint32_t fd)
{
    waitq_init(&f->done_wait);
    f->done = (struct host_watch){.fd = fd <= 65535 ? (int)fd : -1, .ready = sync_done};
    if (f->done.fd >= 0 && host_watch_add(&f->done, EPOLLIN))
        f->done.fd = -1;
}

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
    sync_watch(f, reply.done_fd);
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

int hostfile_room(struct hostfile *f, uint64_t block, uint64_t count, bool is_wanted)
{
    return (int)hostcall_store_room(f->id, block << PAGE_SHIFT, count << PAGE_SHIFT, is_wanted);
}

static int sync_await(struct hostfile *f, uint64_t ticket)
{
    for (;;) {
        uint64_t seen = __atomic_load_n(&f->done_count, __ATOMIC_ACQUIRE);
        int64_t result = hostcall_store_sync(f->id, HOSTCALL_SYNC_RESULT, ticket);
        if (result != -EAGAIN)
            return (int)MIN(result, 0);
        spin_lock(&f->done_lock);
        while (f->done_count == seen) {
            int err = waitq_sleep_uninterruptible(&f->done_wait, &f->done_lock, NS_NEVER);
            CHECK(err == 0);
        }
        spin_unlock(&f->done_lock);
    }
}

/* Handing it to another thread of the host takes longer than it has to, if there is nothing else to do here. */
int hostfile_sync(struct hostfile *f)
{
    if (f->done.fd < 0 || __atomic_load_n(&arch_vcpu()->queue_count, __ATOMIC_RELAXED) == 0)
        return (int)MIN(hostcall_store_sync(f->id, HOSTCALL_SYNC_NOW, 0), 0);
    int64_t ticket = hostcall_store_sync(f->id, HOSTCALL_SYNC_BEGIN, 0);
    return ticket < 0 ? (int)ticket : sync_await(f, (uint64_t)ticket);
}

int hostfile_count(struct hostfile *f, uint64_t value)
{
    return (int)hostcall_store_count(f->id, value);
}
