/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment is a page cache that is mapped shared; each mapping holds the segment as its vm_owner, so mappings are counted
 * as they come, are split, inherited and go. Where shared objects have one home address (mm/vmspace.h) a segment is at the
 * same address in all processes, and attaching it twice gives the same place: mm counts.
 */
#include "ipc/sysv/shm.h"
#include <linux/capability.h>
#include <linux/shm.h>
#include "base/string.h"
#include "heap/heap.h"
#include "ipc/sysv/table.h"
#include "proc/process.h"

#define READ  4U
#define WRITE 2U
#define EXEC  1U
#define PATH_PREFIX "/SYSV"

struct segment {
    struct sysv_object object;
    struct vm_owner owner;
    struct pagecache *pages;
    uint64_t size;
    /* Under object.lock: */
    uint64_t attached;
    int64_t attached_at, detached_at, changed_at;
    int32_t creator_pid, last_pid;
};

static void segment_destroy(struct sysv_object *o)
{
    struct segment *s = container_of(o, struct segment, object);
    pagecache_put(s->pages);
    heap_free(s);
}

static struct sysv_table segments = {.limit = SHM_SEGMENTS_MAX, .highest = -1, .last_slot = -1, .destroy = segment_destroy};

static struct segment *segment_of(struct vm_owner *owner)
{
    return container_of(owner, struct segment, owner);
}

/* 0 where no program asks: when the memory of one that is gone is given back. */
static int32_t caller_pid(void)
{
    return task_current()->fpu ? process_current()->pid : 0;
}

/* ---- as the owner of mappings -------------------------------------------------------------------------------------------- */

static void owner_get(struct vm_owner *owner)
{
    struct segment *s = segment_of(owner);
    ref_get(&s->object.ref);
    spin_lock(&s->object.lock);
    s->attached++;
    s->attached_at = sysv_now();
    s->last_pid = caller_pid();
    spin_unlock(&s->object.lock);
}

static void owner_put(struct vm_owner *owner)
{
    struct segment *s = segment_of(owner);
    struct ipc64_perm perm;
    sysv_read_perm(&segments, &s->object, &perm);
    spin_lock(&s->object.lock);
    bool is_last = --s->attached == 0;
    s->detached_at = sysv_now();
    s->last_pid = caller_pid();
    spin_unlock(&s->object.lock);
    if (is_last && (perm.mode & SHM_DEST))
        (void)sysv_remove(&segments, &s->object);
    sysv_put(&segments, &s->object);
}

static void owner_describe(struct vm_owner *owner, char *path, size_t size, uint64_t *dev, uint64_t *ino)
{
    struct segment *s = segment_of(owner);
    format(path, size, PATH_PREFIX "%08x (deleted)", (unsigned)s->object.perm.key);
    *dev = 1;
    *ino = (uint64_t)s->object.id;
}

static const struct vm_owner_ops owner_ops = {.get = owner_get, .put = owner_put, .describe = owner_describe};

/* ---- shmget ----------------------------------------------------------------------------------------------------------------- */

static struct sysv_object *segment_create(void *arg)
{
    const uint64_t size = *(const uint64_t *)arg;
    if (size == 0 || size > SHM_SIZE_MAX)
        return err_ptr(-EINVAL);
    struct segment *s = heap_zalloc(sizeof(*s));
    if (!s)
        return err_ptr(-ENOMEM);
    int err = pagecache_create(NULL, NULL, align_up(size, PAGE_SIZE), &s->pages);
    if (err) {
        heap_free(s);
        return err_ptr(err);
    }
    s->owner.ops = &owner_ops;
    s->size = size;
    s->changed_at = sysv_now();
    s->creator_pid = process_current()->pid;
    return &s->object;
}

static int segment_check(struct sysv_object *o, void *arg)
{
    return container_of(o, struct segment, object)->size < *(const uint64_t *)arg ? -EINVAL : 0;
}

int shm_get(int32_t key, uint64_t size, int flags)
{
    const struct sysv_maker maker = {segment_create, segment_check, &size};
    if (flags & SHM_HUGETLB)
        return -ENOMEM; /* there are no huge pages */
    return sysv_get(&segments, key, flags, &maker);
}

/* ---- shmat, shmdt -------------------------------------------------------------------------------------------------------------- */

static int place_check(uaddr_t *addr, int flags)
{
    if (*addr & PAGE_MASK) {
        if (!(flags & SHM_RND))
            return -EINVAL;
        *addr = align_down(*addr, PAGE_SIZE);
    }
    return *addr == 0 && (flags & SHM_REMAP) ? -EINVAL : 0;
}

struct overlap {
    uaddr_t start, end;
    bool is_found;
};

static bool overlap_visit(const struct vm_area_info *info, void *arg)
{
    struct overlap *o = arg;
    o->is_found = info->start < o->end && o->start < info->end;
    return !o->is_found;
}

static bool is_occupied(struct vmspace *vm, uaddr_t addr, uint64_t size)
{
    struct overlap o = {.start = addr, .end = addr + size};
    vm_for_each(vm, overlap_visit, &o);
    return o.is_found;
}

static int segment_map(struct segment *s, uaddr_t addr, int flags, uaddr_t *at)
{
    struct vmspace *vm = process_current()->vm;
    struct vm_map_request req = {
        .addr = addr, .size = align_up(s->size, PAGE_SIZE), .is_shared = true, .pages = s->pages,
        .is_fixed = addr != 0 && addr != s->pages->home, /* at home it is anyway, and SHM_REMAP there is one attachment more */
        .prot = VM_READ | (flags & SHM_RDONLY ? 0U : VM_WRITE) | (flags & SHM_EXEC ? VM_EXEC : 0U), .owner = &s->owner,
    };
    if (addr && !(flags & SHM_REMAP) && is_occupied(vm, addr, req.size))
        return -EINVAL;
    return vm_map(vm, &req, at);
}

int shm_attach(int id, uaddr_t addr, int flags, uaddr_t *at)
{
    struct sysv_object *o;
    int err = place_check(&addr, flags);
    if (err)
        return err;
    unsigned want = READ | (flags & SHM_RDONLY ? 0 : WRITE) | (flags & SHM_EXEC ? EXEC : 0);
    err = sysv_find(&segments, id, want, &o);
    if (err)
        return err;
    err = segment_map(container_of(o, struct segment, object), addr, flags, at);
    sysv_put(&segments, o);
    return err;
}

/* The next piece of what shmat mapped at `base`, from `from` on: munmap may have left several. */
struct piece {
    uaddr_t base, from, start, end;
    uint64_t ino;
    bool is_first, is_found;
};

static bool piece_visit(const struct vm_area_info *info, void *arg)
{
    struct piece *p = arg;
    bool is_segment = info->is_shared && str_has_prefix(info->path, PATH_PREFIX) && info->start - info->offset == p->base;
    if (!is_segment || info->start < p->from || (!p->is_first && info->ino != p->ino))
        return true;
    p->start = info->start;
    p->end = info->end;
    p->ino = info->ino;
    p->is_first = false;
    p->is_found = true;
    return false;
}

static bool piece_next(struct vmspace *vm, struct piece *p)
{
    p->is_found = false;
    p->from = p->end;
    vm_for_each(vm, piece_visit, p);
    return p->is_found;
}

int shm_detach(uaddr_t addr)
{
    struct vmspace *vm = process_current()->vm;
    struct piece p = {.base = addr, .is_first = true};
    int err = addr & PAGE_MASK || !piece_next(vm, &p) ? -EINVAL : 0;
    while (err == 0) {
        err = vm_unmap(vm, p.start, p.end - p.start);
        if (err == 0 && !piece_next(vm, &p))
            break;
    }
    return err;
}

/* ---- shmctl ---------------------------------------------------------------------------------------------------------------------- */

static void segment_stat(struct segment *s, struct shmid64_ds *ds)
{
    *ds = (struct shmid64_ds){0};
    sysv_read_perm(&segments, &s->object, &ds->shm_perm);
    spin_lock(&s->object.lock);
    ds->shm_segsz = s->size;
    ds->shm_atime = s->attached_at;
    ds->shm_dtime = s->detached_at;
    ds->shm_ctime = s->changed_at;
    ds->shm_cpid = s->creator_pid;
    ds->shm_lpid = s->last_pid;
    ds->shm_nattch = s->attached;
    spin_unlock(&s->object.lock);
}

int shm_stat(int id, bool by_index, bool any, struct shmid64_ds *ds)
{
    struct sysv_object *o;
    unsigned want = any ? 0 : READ;
    int err = by_index ? sysv_find_index(&segments, id, want, &o) : sysv_find(&segments, id, want, &o);
    if (err)
        return err;
    segment_stat(container_of(o, struct segment, object), ds);
    int result = by_index ? o->id : 0;
    sysv_put(&segments, o);
    return result;
}

static void segment_changed(struct segment *s)
{
    spin_lock(&s->object.lock);
    s->changed_at = sysv_now();
    spin_unlock(&s->object.lock);
}

int shm_set(int id, const struct ipc64_perm *perm)
{
    struct sysv_object *o;
    int err = sysv_find_owned(&segments, id, &o);
    if (err)
        return err;
    sysv_set_perm(&segments, o, perm);
    segment_changed(container_of(o, struct segment, object));
    sysv_put(&segments, o);
    return 0;
}

/* While it is attached its key is free already, and it can be found by its identifier still. */
int shm_remove(int id)
{
    struct sysv_object *o;
    int err = sysv_find_owned(&segments, id, &o);
    if (err)
        return err;
    struct segment *s = container_of(o, struct segment, object);
    spin_lock(&segments.lock);
    spin_lock(&o->lock);
    bool is_used = s->attached > 0;
    o->perm.mode |= SHM_DEST;
    o->perm.key = IPC_PRIVATE;
    spin_unlock(&o->lock);
    spin_unlock(&segments.lock);
    if (!is_used)
        (void)sysv_remove(&segments, o);
    sysv_put(&segments, o);
    return 0;
}

/* Memory of an enclave is never paged out by us: the mark is all there is to it. */
int shm_lock(int id, bool is_locked)
{
    struct sysv_object *o;
    int err = sysv_find_owned(&segments, id, &o);
    if (err)
        return err == -EPERM && capable(CAP_IPC_LOCK) ? 0 : err;
    spin_lock(&segments.lock);
    o->perm.mode = is_locked ? o->perm.mode | SHM_LOCKED : o->perm.mode & ~(unsigned)SHM_LOCKED;
    spin_unlock(&segments.lock);
    sysv_put(&segments, o);
    return 0;
}

int shm_info(struct shm_info *info)
{
    struct shmid64_ds ds;
    int id;
    *info = (struct shm_info){0};
    for (int i = 0; shm_next(&i, &ds, &id); i++) {
        info->used_ids++;
        info->shm_tot += (ds.shm_segsz + PAGE_SIZE - 1) >> PAGE_SHIFT;
    }
    for (int i = 0;; i++) {
        struct sysv_object *o = sysv_next(&segments, &i);
        if (!o)
            break;
        info->shm_rss += __atomic_load_n(&container_of(o, struct segment, object)->pages->present, __ATOMIC_RELAXED);
        sysv_put(&segments, o);
    }
    return sysv_highest(&segments);
}

bool shm_next(int *index, struct shmid64_ds *ds, int *id)
{
    struct sysv_object *o = sysv_next(&segments, index);
    if (!o)
        return false;
    segment_stat(container_of(o, struct segment, object), ds);
    *id = o->id;
    sysv_put(&segments, o);
    return true;
}
