/* SPDX-License-Identifier: Apache-2.0 */
#include "net/scm.h"
#include <linux/capability.h>
#include "base/spinlock.h"
#include "base/string.h"
#include "heap/heap.h"
#include "net/caller.h"

static uint64_t in_flight; /* files; atomic */

static struct scm_files *files_alloc(unsigned count)
{
    struct scm_files *s = heap_alloc(sizeof(*s) + count * sizeof(s->files[0]));
    if (s) {
        list_init(&s->node);
        s->count = 0;
    }
    return s;
}

static bool is_over_limit(unsigned count)
{
    return __atomic_load_n(&in_flight, __ATOMIC_RELAXED) + count > caller_file_limit() &&
           !caller_is_capable(CAP_SYS_RESOURCE) && !caller_is_capable(CAP_SYS_ADMIN);
}

static void files_add(struct scm_files *s, struct file *f)
{
    s->files[s->count++] = f;
    __atomic_fetch_add(&in_flight, 1, __ATOMIC_RELAXED);
}

/* Room for `count` more: all that were there have moved over. */
static int files_extend(struct scm_files **rights, unsigned count)
{
    struct scm_files *old = *rights, *s = files_alloc(count + (old ? old->count : 0));
    if (!s)
        return -ENOMEM;
    if (old) {
        s->count = old->count;
        memcpy(s->files, old->files, old->count * sizeof(old->files[0]));
        heap_free(old);
    }
    *rights = s;
    return 0;
}

int scm_files_add(struct scm_files **rights, const int *fds, unsigned count)
{
    if (count + (*rights ? (*rights)->count : 0) > SCM_FD_MAX)
        return -EINVAL;
    if (is_over_limit(count))
        return -ETOOMANYREFS;
    int err = files_extend(rights, count);
    for (unsigned i = 0; i < count && err == 0; i++) {
        struct file *f;
        err = caller_file(fds[i], &f);
        if (err == 0)
            files_add(*rights, f);
    }
    return err; /* who holds the message drops those that were added */
}

int scm_files_copy(const struct scm_files *from, struct scm_files **result)
{
    struct scm_files *s = files_alloc(from->count);
    if (!s)
        return -ENOMEM;
    for (unsigned i = 0; i < from->count; i++) {
        file_get(from->files[i]);
        files_add(s, from->files[i]);
    }
    *result = s;
    return 0;
}

static void scm_files_free(struct scm_files *s)
{
    __atomic_fetch_sub(&in_flight, s->count, __ATOMIC_RELAXED);
    heap_free(s);
}

static struct spinlock drop_lock; /* guards these two */
static struct list dropped = LIST_INIT(dropped);
static bool is_dropping;

/* The next to put; the caller is then the one who drops. NULL: nothing left, nobody is dropping any more. */
static struct scm_files *drop_next(void)
{
    spin_lock(&drop_lock);
    struct scm_files *s = list_first(&dropped, struct scm_files, node);
    if (s)
        list_remove(&s->node);
    is_dropping = s != NULL;
    spin_unlock(&drop_lock);
    return s;
}

void scm_files_drop(struct scm_files *rights)
{
    spin_lock(&drop_lock);
    list_push_back(&dropped, &rights->node);
    bool is_ours = !is_dropping;
    is_dropping = true;
    spin_unlock(&drop_lock);
    if (!is_ours)
        return;
    for (struct scm_files *s = drop_next(); s; s = drop_next()) {
        for (unsigned i = 0; i < s->count; i++) {
            if (s->files[i])
                file_put(s->files[i]);
        }
        scm_files_free(s);
    }
}

void scm_drop(struct scm *scm)
{
    if (scm->rights)
        scm_files_drop(scm->rights);
    *scm = (struct scm){0};
}
