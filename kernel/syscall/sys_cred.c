/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on users, groups and capabilities: credentials(7), capabilities(7). */
#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/securebits.h>
#include "base/string.h"
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "proc/internal.h"
#include "syscall_gen.h"

#define ID_KEEP 0xffffffffU

int64_t sys_getuid(void)
{
    return thread_current()->cred->uid;
}

int64_t sys_geteuid(void)
{
    return thread_current()->cred->euid;
}

int64_t sys_getgid(void)
{
    return thread_current()->cred->gid;
}

int64_t sys_getegid(void)
{
    return thread_current()->cred->egid;
}

/* ---- setting ids: each kind has a real, an effective and a saved one, and one for files --------------------- */

struct ids {
    uint32_t real, effective, saved;
};

static bool is_one_of(uint32_t id, const struct ids *ids)
{
    return id == ID_KEEP || id == ids->real || id == ids->effective || id == ids->saved;
}

/* "Effect of user ID changes on capabilities". */
static void caps_after_setuid(struct cred *c, const struct ids *old)
{
    if (c->securebits & SECBIT_NO_SETUID_FIXUP)
        return;
    bool had_root = old->real == 0 || old->effective == 0 || old->saved == 0;
    bool has_root = c->uid == 0 || c->euid == 0 || c->suid == 0;
    if (had_root && !has_root) {
        if (!thread_current()->keep_caps)
            c->cap_permitted = c->cap_effective = 0;
        c->cap_ambient = 0;
    }
    if (old->effective == 0 && c->euid != 0)
        c->cap_effective = 0;
    if (old->effective != 0 && c->euid == 0)
        c->cap_effective = c->cap_permitted;
}

static int64_t uids_commit(struct ids fresh)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    struct ids old = {c->uid, c->euid, c->suid};
    c->uid = fresh.real;
    c->euid = c->fsuid = fresh.effective;
    c->suid = fresh.saved;
    caps_after_setuid(c, &old);
    cred_commit(c);
    return 0;
}

static int64_t gids_commit(struct ids fresh)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    c->gid = fresh.real;
    c->egid = c->fsgid = fresh.effective;
    c->sgid = fresh.saved;
    cred_commit(c);
    return 0;
}

static struct ids uids_now(void)
{
    const struct cred *c = thread_current()->cred;
    return (struct ids){c->uid, c->euid, c->suid};
}

static struct ids gids_now(void)
{
    const struct cred *c = thread_current()->cred;
    return (struct ids){c->gid, c->egid, c->sgid};
}

static int ids_set(struct ids *ids, uint32_t id, bool is_privileged)
{
    if (id == ID_KEEP)
        return -EINVAL;
    if (is_privileged)
        *ids = (struct ids){id, id, id};
    else if (id == ids->real || id == ids->saved)
        ids->effective = id;
    else
        return -EPERM;
    return 0;
}

static int ids_set_two(struct ids *ids, uint32_t real, uint32_t effective, bool is_privileged)
{
    const struct ids old = *ids;
    if (!is_privileged && real != ID_KEEP && real != old.real && real != old.effective)
        return -EPERM;
    if (!is_privileged && !is_one_of(effective, &old))
        return -EPERM;
    if (real != ID_KEEP)
        ids->real = real;
    if (effective != ID_KEEP)
        ids->effective = effective;
    if (real != ID_KEEP || (effective != ID_KEEP && effective != old.real))
        ids->saved = ids->effective;
    return 0;
}

static int ids_set_three(struct ids *ids, struct ids fresh, bool is_privileged)
{
    if (!is_privileged && !(is_one_of(fresh.real, ids) && is_one_of(fresh.effective, ids) &&
                            is_one_of(fresh.saved, ids)))
        return -EPERM;
    if (fresh.real != ID_KEEP)
        ids->real = fresh.real;
    if (fresh.effective != ID_KEEP)
        ids->effective = fresh.effective;
    if (fresh.saved != ID_KEEP)
        ids->saved = fresh.saved;
    return 0;
}

int64_t sys_setuid(unsigned uid)
{
    struct ids ids = uids_now();
    int err = ids_set(&ids, uid, capable(CAP_SETUID));
    return err ? err : uids_commit(ids);
}

int64_t sys_setgid(unsigned gid)
{
    struct ids ids = gids_now();
    int err = ids_set(&ids, gid, capable(CAP_SETGID));
    return err ? err : gids_commit(ids);
}

int64_t sys_setreuid(unsigned ruid, unsigned euid)
{
    struct ids ids = uids_now();
    int err = ids_set_two(&ids, ruid, euid, capable(CAP_SETUID));
    return err ? err : uids_commit(ids);
}

int64_t sys_setregid(unsigned rgid, unsigned egid)
{
    struct ids ids = gids_now();
    int err = ids_set_two(&ids, rgid, egid, capable(CAP_SETGID));
    return err ? err : gids_commit(ids);
}

int64_t sys_setresuid(unsigned ruid, unsigned euid, unsigned suid)
{
    struct ids ids = uids_now();
    int err = ids_set_three(&ids, (struct ids){ruid, euid, suid}, capable(CAP_SETUID));
    return err ? err : uids_commit(ids);
}

int64_t sys_setresgid(unsigned rgid, unsigned egid, unsigned sgid)
{
    struct ids ids = gids_now();
    int err = ids_set_three(&ids, (struct ids){rgid, egid, sgid}, capable(CAP_SETGID));
    return err ? err : gids_commit(ids);
}

static int64_t ids_put(const struct ids *ids, uaddr_t real, uaddr_t effective, uaddr_t saved)
{
    int err = put_user(real, ids->real);
    if (!err)
        err = put_user(effective, ids->effective);
    return err ? err : put_user(saved, ids->saved);
}

int64_t sys_getresuid(uaddr_t ruid, uaddr_t euid, uaddr_t suid)
{
    struct ids ids = uids_now();
    return ids_put(&ids, ruid, euid, suid);
}

int64_t sys_getresgid(uaddr_t rgid, uaddr_t egid, uaddr_t sgid)
{
    struct ids ids = gids_now();
    return ids_put(&ids, rgid, egid, sgid);
}

/* What root may do to files it may do as long as its file system id says so. */
#define CAP_OF_FILES \
    (1ULL << CAP_CHOWN | 1ULL << CAP_MKNOD | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_FOWNER | \
     1ULL << CAP_FSETID | 1ULL << CAP_MAC_OVERRIDE)

static void caps_after_setfsuid(struct cred *c, uint32_t was)
{
    if (c->securebits & SECBIT_NO_SETUID_FIXUP)
        return;
    if (was == 0 && c->fsuid != 0)
        c->cap_effective &= ~CAP_OF_FILES;
    if (was != 0 && c->fsuid == 0)
        c->cap_effective |= c->cap_permitted & CAP_OF_FILES;
}

/* These two return the old id, whatever happens. */
int64_t sys_setfsuid(unsigned uid)
{
    const struct cred *old = thread_current()->cred;
    uint32_t was = old->fsuid;
    struct ids ids = uids_now();
    bool is_allowed = uid != ID_KEEP && (is_one_of(uid, &ids) || uid == was || capable(CAP_SETUID));
    struct cred *c = is_allowed ? cred_prepare() : NULL;
    if (c) {
        c->fsuid = uid;
        caps_after_setfsuid(c, was);
        cred_commit(c);
    }
    return was;
}

int64_t sys_setfsgid(unsigned gid)
{
    const struct cred *old = thread_current()->cred;
    uint32_t was = old->fsgid;
    struct ids ids = gids_now();
    bool is_allowed = gid != ID_KEEP && (is_one_of(gid, &ids) || gid == was || capable(CAP_SETGID));
    struct cred *c = is_allowed ? cred_prepare() : NULL;
    if (c) {
        c->fsgid = gid;
        cred_commit(c);
    }
    return was;
}

/* ---- groups ------------------------------------------------------------------------------------------------- */

int64_t sys_getgroups(int count, uaddr_t groups)
{
    const struct cred *c = thread_current()->cred;
    if (count < 0 || (count && (uint32_t)count < c->group_count))
        return -EINVAL;
    int err = count ? copy_to_user(groups, c->groups, c->group_count * sizeof(uint32_t)) : 0;
    return err ? err : (int64_t)c->group_count;
}

int64_t sys_setgroups(int count, uaddr_t groups)
{
    if (!capable(CAP_SETGID))
        return -EPERM;
    if (count < 0 || count > NGROUPS_MAX)
        return -EINVAL;
    size_t size = (size_t)count * sizeof(uint32_t);
    uint32_t *list = count ? heap_alloc(size) : NULL;
    struct cred *c = cred_prepare();
    int err = (count && !list) || !c ? -ENOMEM : 0;
    if (!err && count)
        err = copy_from_user(list, groups, size);
    if (err < 0) {
        heap_free(list);
        if (c)
            cred_put(c);
        return err;
    }
    heap_free(c->groups);
    c->groups = list;
    c->group_count = (uint32_t)count;
    cred_commit(c);
    return 0;
}

/* ---- capabilities ------------------------------------------------------------------------------------------- */

/* How many words of 32 bits per set the caller's version has; -EINVAL after telling it ours. */
static int cap_words(uaddr_t header_addr, struct __user_cap_header_struct *header)
{
    int err = copy_from_user(header, header_addr, sizeof(*header));
    if (err < 0)
        return err;
    switch (header->version) {
    case _LINUX_CAPABILITY_VERSION_1:
        return _LINUX_CAPABILITY_U32S_1;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        return _LINUX_CAPABILITY_U32S_3;
    default:
        header->version = _LINUX_CAPABILITY_VERSION_3;
        err = copy_to_user(header_addr, header, sizeof(header->version));
        return err ? err : -EINVAL;
    }
}

int64_t sys_capget(uaddr_t header_addr, uaddr_t data_addr)
{
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[2];
    int words = cap_words(header_addr, &header);
    if (words < 0)
        return words == -EINVAL && !data_addr ? 0 : words;
    if (header.pid < 0)
        return -EINVAL;
    struct thread *t = header.pid ? thread_find(header.pid) : thread_current();
    if (!t)
        return -ESRCH;
    struct cred *c = thread_cred(t);
    if (header.pid)
        thread_put(t);
    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(c->cap_effective >> (32 * i));
        data[i].permitted = (uint32_t)(c->cap_permitted >> (32 * i));
        data[i].inheritable = (uint32_t)(c->cap_inheritable >> (32 * i));
    }
    cred_put(c);
    return data_addr ? copy_to_user(data_addr, data, (size_t)words * sizeof(data[0])) : 0;
}

static uint64_t caps_join(uint32_t low, uint32_t high)
{
    const uint64_t known = (2ULL << CAP_LAST_CAP) - 1;
    return (low | (uint64_t)high << 32) & known;
}

int64_t sys_capset(uaddr_t header_addr, uaddr_t data_addr)
{
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    int words = cap_words(header_addr, &header);
    if (words < 0)
        return words;
    if (header.pid && header.pid != thread_current()->tid)
        return -EPERM;
    int err = copy_from_user(data, data_addr, (size_t)words * sizeof(data[0]));
    if (err < 0)
        return err;
    uint64_t effective = caps_join(data[0].effective, data[1].effective);
    uint64_t permitted = caps_join(data[0].permitted, data[1].permitted);
    uint64_t inheritable = caps_join(data[0].inheritable, data[1].inheritable);
    const struct cred *old = thread_current()->cred;
    uint64_t may_inherit =
        old->cap_inheritable | (capable(CAP_SETPCAP) ? old->cap_bounding : old->cap_permitted);
    if ((permitted & ~old->cap_permitted) || (effective & ~permitted) ||
        (inheritable & ~may_inherit))
        return -EPERM;
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    c->cap_effective = effective;
    c->cap_permitted = permitted;
    c->cap_inheritable = inheritable;
    c->cap_ambient &= permitted & inheritable;
    cred_commit(c);
    return 0;
}
