/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vDSO in programs' memory: one object at one address, shared by all. Its first page has the clocks, as the kernel
 * publishes them; the image of arch follows, read and execute only.
 */
#include "base/log.h"
#include "mm/pagecache.h"
#include "proc/internal.h"
#include "sync/mutex.h"
#include "time/clock.h"

static struct pagecache *object;
static uint64_t image_size; /* whole pages */
static struct mutex making;

static int clocks_publish(struct pagecache *pc)
{
    void *page;
    int err = pagecache_pin(pc, 0, true, &page); /* for good: the kernel writes there */
    if (err == 0)
        clock_publish(page);
    return err;
}

static int object_make(void)
{
    size_t size;
    const void *image = arch_vdso(&size);
    uint64_t pages = align_up(size, PAGE_SIZE) / PAGE_SIZE;
    struct pagecache *pc;
    if (size == 0)
        return 0;
    int err = pagecache_create(NULL, NULL, (pages + 1) * PAGE_SIZE, &pc);
    if (err)
        return err;
    err = pagecache_make_home(pc, pages + 1);
    if (err == 0)
        err = clocks_publish(pc);
    if (err == 0 && pagecache_write(pc, PAGE_SIZE, image, size) != (int64_t)size)
        err = -ENOMEM;
    if (err) {
        pagecache_put(pc);
        return err;
    }
    pc->is_sealed = true;
    image_size = pages * PAGE_SIZE;
    __atomic_store_n(&object, pc, __ATOMIC_RELEASE);
    return 0;
}

static int object_get(void)
{
    int err = 0;
    if (__atomic_load_n(&object, __ATOMIC_ACQUIRE))
        return 0;
    mutex_lock(&making);
    if (!object)
        err = object_make();
    mutex_unlock(&making);
    return err;
}

static int part_map(struct vmspace *vm, uint64_t off, uint64_t size, unsigned prot, const char *name, uaddr_t *at)
{
    const struct vm_map_request req = {
        .size = size, .prot = prot, .is_shared = true, .populate = true, .pages = object, .offset = off, .name = name};
    return vm_map(vm, &req, at);
}

int vdso_map(struct vmspace *vm, uaddr_t *at)
{
    uaddr_t clocks;
    int err = object_get();
    *at = 0;
    if (err || !object)
        return err;
    err = part_map(vm, 0, PAGE_SIZE, VM_READ, "[vvar]", &clocks);
    if (err == 0)
        err = part_map(vm, PAGE_SIZE, image_size, VM_READ | VM_EXEC, "[vdso]", at);
    if (err == 0)
        vm_layout(vm)->vdso = *at;
    return err;
}
