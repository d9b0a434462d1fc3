/* SPDX-License-Identifier: Apache-2.0 */
/* kcmp(2): do two threads share what they are made of? */
#include <linux/kcmp.h>
#include "proc/internal.h"
#include "syscall_gen.h"

/* An order that means nothing, and tells nobody where things lie. */
static uint64_t blurred(const void *what, int type)
{
    uint64_t h = (uint64_t)(uintptr_t)what * 0x9e3779b97f4a7c15ULL + (uint64_t)type * 0xc2b2ae3d27d4eb4fULL;
    return (h ^ h >> 29) * 0xbf58476d1ce4e5b9ULL | 1;
}

/* What the thread has of this kind, to compare only. NULL: it is gone. */
static const void *part_of(struct thread *t, int type)
{
    switch (type) {
    case KCMP_VM:
        return t->process->vm;
    case KCMP_FILES:
        return t->files;
    case KCMP_FS:
        return t->fs;
    case KCMP_SIGHAND:
        return t->process->signals.actions;
    case KCMP_IO:
        return NULL; /* nobody has an I/O context: all have the same */
    default: /* KCMP_SYSVSEM: undo lists are of processes */
        return t->process;
    }
}

static int file_of(struct thread *t, uint64_t fd, const void **what)
{
    struct file *f;
    struct fdtable *files = thread_files(t);
    int err = !files || fd > INT32_MAX ? -EBADF : fd_get(files, (int)fd, &f);
    if (files)
        fdtable_put(files);
    if (err < 0)
        return err;
    *what = f;
    file_put(f);
    return 0;
}

static int64_t compare(struct thread *a, struct thread *b, int type, uint64_t idx1, uint64_t idx2)
{
    const void *one, *other;
    if (!process_may_inspect(a->process) || !process_may_inspect(b->process))
        return -EPERM;
    if (type == KCMP_FILE) {
        int err = file_of(a, idx1, &one);
        err = err ? err : file_of(b, idx2, &other);
        if (err < 0)
            return err;
    } else {
        one = part_of(a, type);
        other = part_of(b, type);
    }
    if (one == other)
        return 0;
    return blurred(one, type) < blurred(other, type) ? 1 : 2;
}

int64_t sys_kcmp(int32_t pid1, int32_t pid2, int type, uint64_t idx1, uint64_t idx2)
{
    if (type < KCMP_FILE || type > KCMP_EPOLL_TFD)
        return -EINVAL;
    if (type == KCMP_EPOLL_TFD)
        return -EOPNOTSUPP;
    struct thread *a = thread_find(pid1), *b = thread_find(pid2);
    int64_t result = a && b ? compare(a, b, type, idx1, idx2) : -ESRCH;
    if (a)
        thread_put(a);
    if (b)
        thread_put(b);
    return result;
}
