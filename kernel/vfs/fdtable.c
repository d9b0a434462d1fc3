/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptor tables. The lock is held for a few instructions; what is closed is put after it. */
#include "base/bitmap.h"
#include "base/string.h"
#include "heap/heap.h"
#include "vfs/file.h"
#include "vfs/locks.h"

#define FD_MAX (1U << 20)
#define FD_FEW 256

struct fdtable {
    struct refcount ref;
    struct spinlock lock; /* guards the rest */
    unsigned room;        /* a multiple of 64 */
    struct file **files;
    uint64_t *open, *cloexec;
};

static int reserve(struct fdtable *t, unsigned room)
{
    struct file **files = heap_zalloc(room * sizeof(*files));
    uint64_t *open = heap_zalloc(room / 8), *cloexec = heap_zalloc(room / 8);
    if (!files || !open || !cloexec) {
        heap_free(files);
        heap_free(open);
        heap_free(cloexec);
        return -ENOMEM;
    }
    if (t->room) {
        memcpy(files, t->files, t->room * sizeof(*files));
        memcpy(open, t->open, t->room / 8);
        memcpy(cloexec, t->cloexec, t->room / 8);
    }
    heap_free(t->files);
    heap_free(t->open);
    heap_free(t->cloexec);
    t->files = files;
    t->open = open;
    t->cloexec = cloexec;
    t->room = room;
    return 0;
}

/* Under the lock: room for fd. */
static int grow_for(struct fdtable *t, unsigned fd)
{
    unsigned room = MAX(t->room, 64U);
    while (room <= fd)
        room *= 2;
    return room > t->room ? reserve(t, room) : 0;
}

int fdtable_create(struct fdtable **result)
{
    struct fdtable *t = heap_zalloc(sizeof(*t));
    if (!t)
        return -ENOMEM;
    ref_init(&t->ref, 1);
    if (reserve(t, 64)) {
        heap_free(t);
        return -ENOMEM;
    }
    *result = t;
    return 0;
}

int fdtable_copy(struct fdtable *from, struct fdtable **result)
{
    struct fdtable *t;
    int err = fdtable_create(&t);
    if (err)
        return err;
    spin_lock(&from->lock);
    err = grow_for(t, from->room - 1);
    if (err == 0) {
        memcpy(t->files, from->files, from->room * sizeof(*t->files));
        memcpy(t->open, from->open, from->room / 8);
        memcpy(t->cloexec, from->cloexec, from->room / 8);
        for (unsigned fd = 0; fd < from->room; fd++) {
            if (t->files[fd])
                file_get(t->files[fd]);
        }
    }
    spin_unlock(&from->lock);
    if (err)
        fdtable_put(t);
    else
        *result = t;
    return err;
}

void fdtable_get(struct fdtable *t)
{
    ref_get(&t->ref);
}

static void file_close(struct fdtable *t, struct file *f)
{
    locks_release_posix(f, t);
    if (f->ops->flush)
        f->ops->flush(f);
    file_put(f);
}

void fdtable_put(struct fdtable *t)
{
    if (!ref_put(&t->ref))
        return;
    for (unsigned fd = 0; fd < t->room; fd++) {
        if (t->files[fd])
            file_close(t, t->files[fd]);
    }
    heap_free(t->files);
    heap_free(t->open);
    heap_free(t->cloexec);
    heap_free(t);
}

int fd_get(struct fdtable *t, int fd, struct file **f)
{
    *f = NULL;
    spin_lock(&t->lock);
    if (fd >= 0 && (unsigned)fd < t->room)
        *f = t->files[fd];
    if (*f)
        file_get(*f);
    spin_unlock(&t->lock);
    return *f ? 0 : -EBADF;
}

/* Under the lock. */
static struct file *slot_set(struct fdtable *t, unsigned fd, struct file *f, bool cloexec)
{
    struct file *old = t->files[fd];
    t->files[fd] = f;
    if (f)
        bitmap_set(t->open, fd);
    else
        bitmap_clear(t->open, fd);
    if (f && cloexec)
        bitmap_set(t->cloexec, fd);
    else
        bitmap_clear(t->cloexec, fd);
    return old;
}

/* Who has many already gets no more when memory is short: others have to open files to go on at all. */
static bool is_too_many(size_t fd)
{
    return fd >= FD_FEW && memory_is_short();
}

int fd_install(struct fdtable *t, struct file *f, int min, bool cloexec, uint64_t limit)
{
    spin_lock(&t->lock);
    size_t fd = bitmap_find_clear(t->open, t->room, (size_t)min);
    fd = MAX(fd, (size_t)min);
    int err = fd >= limit || fd >= FD_MAX ? -EMFILE : is_too_many(fd) ? -ENFILE : grow_for(t, (unsigned)fd);
    if (err == 0)
        slot_set(t, (unsigned)fd, f, cloexec);
    spin_unlock(&t->lock);
    return err ? err : (int)fd;
}

int fd_replace(struct fdtable *t, int fd, struct file *f, bool cloexec, uint64_t limit)
{
    struct file *old = NULL;
    if (fd < 0 || (uint64_t)fd >= limit || (unsigned)fd >= FD_MAX)
        return -EBADF;
    spin_lock(&t->lock);
    int err = grow_for(t, (unsigned)fd);
    if (err == 0)
        old = slot_set(t, (unsigned)fd, f, cloexec);
    spin_unlock(&t->lock);
    if (old)
        file_close(t, old);
    return err ? err : fd;
}

int fd_close(struct fdtable *t, int fd)
{
    struct file *old = NULL;
    spin_lock(&t->lock);
    if (fd >= 0 && (unsigned)fd < t->room)
        old = slot_set(t, (unsigned)fd, NULL, false);
    spin_unlock(&t->lock);
    if (!old)
        return -EBADF;
    file_close(t, old);
    return 0;
}

int fd_get_cloexec(struct fdtable *t, int fd)
{
    int result = -EBADF;
    spin_lock(&t->lock);
    if (fd >= 0 && (unsigned)fd < t->room && t->files[fd])
        result = bitmap_test(t->cloexec, (size_t)fd);
    spin_unlock(&t->lock);
    return result;
}

int fd_set_cloexec(struct fdtable *t, int fd, bool cloexec)
{
    int err = -EBADF;
    spin_lock(&t->lock);
    if (fd >= 0 && (unsigned)fd < t->room && t->files[fd]) {
        slot_set(t, (unsigned)fd, t->files[fd], cloexec);
        err = 0;
    }
    spin_unlock(&t->lock);
    return err;
}

void fdtable_close_on_exec(struct fdtable *t)
{
    for (size_t fd = bitmap_find_set(t->cloexec, t->room, 0); fd < t->room; fd = bitmap_find_set(t->cloexec, t->room, fd + 1)) {
        int err = fd_close(t, (int)fd);
        (void)err; /* another thread may have closed it: there is none in exec */
    }
}

int fdtable_close_range(struct fdtable *t, unsigned first, unsigned last, bool only_mark)
{
    for (int fd = (int)first; fd >= 0 && (unsigned)fd <= last; fd++) {
        struct file *f;
        if (!fd_next(t, &fd, &f))
            break;
        file_put(f);
        if ((unsigned)fd > last)
            break;
        int err = only_mark ? fd_set_cloexec(t, fd, true) : fd_close(t, fd);
        (void)err; /* gone already: as asked */
    }
    return 0;
}

bool fd_next(struct fdtable *t, int *fd, struct file **f)
{
    spin_lock(&t->lock);
    size_t found = bitmap_find_set(t->open, t->room, (size_t)*fd);
    *f = found < t->room ? t->files[found] : NULL;
    if (*f)
        file_get(*f);
    spin_unlock(&t->lock);
    *fd = (int)found;
    return *f != NULL;
}

unsigned fdtable_room(struct fdtable *t)
{
    return __atomic_load_n(&t->room, __ATOMIC_RELAXED);
}
