/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: shared and immutable; who changes them makes new ones. */
#include <linux/capability.h>
#include <linux/securebits.h>
#include <linux/stat.h>
#include "base/string.h"
#include "heap/heap.h"
#include "proc/internal.h"
#include "vfs/inode.h"
#include "vfs/mount.h"

#define CAP_ALL ((2ULL << CAP_LAST_CAP) - 1)

void cred_get(struct cred *cred)
{
    ref_get(&cred->ref);
}

void cred_put(struct cred *cred)
{
    if (!ref_put(&cred->ref))
        return;
    heap_free(cred->groups);
    heap_free(cred);
}

struct cred *cred_create_root(uint32_t uid, uint32_t gid)
{
    struct cred *c = heap_zalloc(sizeof(*c));
    if (!c)
        return NULL;
    ref_init(&c->ref, 1);
    c->uid = c->euid = c->suid = c->fsuid = uid;
    c->gid = c->egid = c->sgid = c->fsgid = gid;
    c->cap_bounding = CAP_ALL;
    c->cap_effective = c->cap_permitted = uid == 0 ? CAP_ALL : 0;
    return c;
}

struct cred *cred_prepare(void)
{
    const struct cred *old = thread_current()->cred;
    struct cred *c = heap_alloc(sizeof(*c));
    if (!c)
        return NULL;
    *c = *old;
    ref_init(&c->ref, 1);
    if (old->group_count == 0)
        return c;
    c->groups = heap_alloc(old->group_count * sizeof(uint32_t));
    if (!c->groups) {
        heap_free(c);
        return NULL;
    }
    memcpy(c->groups, old->groups, old->group_count * sizeof(uint32_t));
    return c;
}

void cred_commit(struct cred *cred)
{
    struct thread *t = thread_current();
    struct cred *old = t->cred;
    bool is_other_user =
        old->euid != cred->euid || old->egid != cred->egid || old->fsuid != cred->fsuid;
    spin_lock(&t->process->lock);
    t->cred = cred;
    spin_unlock(&t->process->lock);
    if (is_other_user) {
        t->process->dumpable = false;
        t->process->parent_death_signal = 0;
    }
    cred_put(old);
}

struct cred *thread_cred(struct thread *t)
{
    spin_lock(&t->process->lock);
    struct cred *cred = t->cred;
    ref_get(&cred->ref);
    spin_unlock(&t->process->lock);
    return cred;
}

struct cred *process_cred(struct process *p)
{
    spin_lock(&p->lock);
    struct thread *t = list_first(&p->threads, struct thread, process_node);
    struct cred *cred = t ? t->cred : NULL;
    if (cred)
        ref_get(&cred->ref);
    spin_unlock(&p->lock);
    return cred;
}

uint32_t process_uid(struct process *p)
{
    struct cred *cred = process_cred(p);
    if (!cred)
        return p->last_uid;
    uint32_t uid = cred->uid;
    cred_put(cred);
    return uid;
}

bool capable(unsigned cap)
{
    return (thread_current()->cred->cap_effective >> cap) & 1;
}

bool cred_has_group(const struct cred *cred, uint32_t gid)
{
    if (cred->fsgid == gid)
        return true;
    for (uint32_t i = 0; i < cred->group_count; i++)
        if (cred->groups[i] == gid)
            return true;
    return false;
}

bool process_may_inspect(struct process *p)
{
    const struct cred *self = thread_current()->cred;
    if (p == process_current() || capable(CAP_SYS_PTRACE))
        return true;
    struct cred *other = process_cred(p);
    if (!other)
        return self->uid == p->last_uid;
    bool is_same = self->fsuid == other->euid && self->fsuid == other->suid &&
                   self->fsuid == other->uid && self->fsgid == other->egid &&
                   self->fsgid == other->sgid && self->fsgid == other->gid;
    cred_put(other);
    return is_same && p->dumpable;
}

/* ---- exec --------------------------------------------------------------------------------------------------- */

static void take_file_ids(struct cred *c, const struct inode *inode)
{
    if (inode->mode & S_ISUID)
        c->euid = inode->uid;
    if ((inode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        c->egid = inode->gid;
}

/* capabilities(7), "Transformation of capabilities during execve()", for files without capabilities. */
static void caps_for_exec(struct cred *c, bool is_privileged)
{
    uint64_t file_permitted = 0;
    if (is_privileged)
        c->cap_ambient = 0;
    bool is_root = !(c->securebits & SECBIT_NOROOT);
    if (is_root && (c->euid == 0 || c->uid == 0))
        file_permitted = CAP_ALL;
    c->cap_permitted = (file_permitted & (c->cap_bounding | c->cap_inheritable)) | c->cap_ambient;
    c->cap_effective = is_root && c->euid == 0 ? c->cap_permitted : c->cap_ambient;
}

int cred_for_exec(struct file *f, struct cred **cred, bool *is_secure)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    bool may_change = !process_current()->no_new_privs && f->inode && f->path.mount &&
                      !(mount_flags(f->path.mount) & MOUNT_NOSUID);
    uint32_t euid = c->euid, egid = c->egid;
    if (may_change)
        take_file_ids(c, f->inode);
    bool is_changed = c->euid != euid || c->egid != egid;
    caps_for_exec(c, is_changed);
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    *is_secure = is_changed || c->uid != c->euid || c->gid != c->egid;
    *cred = c;
    return 0;
}
