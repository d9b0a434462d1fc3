/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on processes: making, running, ending, waiting, and their identities. */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <linux/wait.h>
#include "abi/linux/arch_prctl.h"
#include "base/string.h"
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "platform/plat.h"
#include "proc/internal.h"
#include "syscall_gen.h"

/* ---- clone -------------------------------------------------------------------------------------------------- */

int64_t sys_fork(void)
{
    struct clone_request req = {.exit_signal = SIGCHLD};
    return process_clone(&req);
}

int64_t sys_vfork(void)
{
    struct clone_request req = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};
    return process_clone(&req);
}

int64_t sys_clone(uint64_t flags, uaddr_t stack, uaddr_t parent_tid, uaddr_t arg3, uaddr_t arg4)
{
    struct clone_request req = {
        .flags = (flags & 0xffffffffUL) & ~(uint64_t)CSIGNAL,
        .exit_signal = (int)(flags & CSIGNAL),
        .stack_top = stack,
        .parent_tid = parent_tid,
        .pidfd = parent_tid,
        .child_tid = ARCH_CLONE_TLS_IDX == 4 ? arg3 : arg4,
        .tls = ARCH_CLONE_TLS_IDX == 4 ? arg4 : arg3,
    };
    if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
        return -EINVAL;
    return process_clone(&req);
}

static int clone_args_read(uaddr_t addr, uint64_t size, struct clone_args *args)
{
    uint8_t tail[64];
    memset(args, 0, sizeof(*args));
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (size < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    int err = copy_from_user(args, addr, MIN(size, sizeof(*args)));
    /* Fields of a newer ABI have to be zero. */
    for (uint64_t off = sizeof(*args); off < size && !err; off += sizeof(tail)) {
        size_t n = MIN(size - off, sizeof(tail));
        err = copy_from_user(tail, addr + off, n);
        for (size_t i = 0; i < n && !err; i++)
            err = tail[i] ? -E2BIG : 0;
    }
    return err;
}

/* There is one level of process namespaces, so one number at most. */
static int clone_tid_read(const struct clone_args *args, int32_t *tid)
{
    if (!args->set_tid != !args->set_tid_size || args->set_tid_size > 1)
        return -EINVAL;
    if (!args->set_tid)
        return 0;
    int err = copy_from_user(tid, args->set_tid, sizeof(*tid));
    return err ? err : *tid < 1 ? -EINVAL : 0;
}

int64_t sys_clone3(uaddr_t addr, uint64_t size)
{
    struct clone_args args;
    int err = clone_args_read(addr, size, &args);
    if (err < 0)
        return err;
    if ((args.flags & (CLONE_DETACHED | (CSIGNAL & ~(uint64_t)CLONE_NEWTIME))) ||
        args.exit_signal > SIGNAL_COUNT)
        return -EINVAL;
    if ((args.flags & (CLONE_THREAD | CLONE_PARENT)) && args.exit_signal)
        return -EINVAL;
    if (!args.stack != !args.stack_size)
        return -EINVAL;
    int32_t tid = 0;
    err = clone_tid_read(&args, &tid);
    if (err < 0)
        return err;
    struct clone_request req = {
        .tid = tid,
        .flags = args.flags,
        .exit_signal = (int)args.exit_signal,
        .stack_top = args.stack ? args.stack + args.stack_size : 0,
        .parent_tid = args.parent_tid,
        .child_tid = args.child_tid,
        .pidfd = args.pidfd,
        .tls = args.tls,
    };
    return process_clone(&req);
}

int64_t sys_unshare(uint64_t flags)
{
    return process_unshare(flags);
}

/* All processes share one namespace of each kind, and no file names it. */
int64_t sys_setns(int fd, uint64_t flags)
{
    struct file *f;
    (void)flags;
    int err = fd_get(thread_current()->files, fd, &f);
    if (err)
        return err;
    file_put(f);
    return -EINVAL;
}

/* ---- exec --------------------------------------------------------------------------------------------------- */

/* A path from the program, in a buffer of its own. */
static char *path_from_user(uaddr_t path)
{
    char *buf = heap_alloc(PATH_MAX);
    if (!buf)
        return err_ptr(-ENOMEM);
    int64_t len = copy_string_from_user(buf, path, PATH_MAX);
    if (len < 0) {
        heap_free(buf);
        return err_ptr((int)len);
    }
    return buf;
}

int64_t sys_execve(uaddr_t user_path, uaddr_t argv, uaddr_t envp)
{
    char *path = path_from_user(user_path);
    if (is_err(path))
        return ptr_err(path);
    int err = process_exec(NULL, path, WALK_FOLLOW, argv, envp);
    heap_free(path);
    return err;
}

/* What the program will know itself by. */
static char *execfn_make(int dirfd, const char *path)
{
    size_t size = strlen(path) + 24;
    char *name = heap_alloc(size);
    if (!name)
        return NULL;
    if (dirfd == AT_FDCWD || path[0] == '/')
        format(name, size, "%s", path);
    else if (!*path)
        format(name, size, "/dev/fd/%d", dirfd);
    else
        format(name, size, "/dev/fd/%d/%s", dirfd, path);
    return name;
}

static int execveat_open(int dirfd, const char *path, unsigned flags, struct file **f)
{
    unsigned walk = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : WALK_FOLLOW;
    struct file *dir;
    if (dirfd == AT_FDCWD || path[0] == '/')
        return *path ? exec_open(NULL, path, walk, f) : -ENOENT;
    int err = fd_get(thread_current()->files, dirfd, &dir);
    if (err < 0)
        return err;
    if (*path)
        err = dir->path.dentry ? exec_open(&dir->path, path, walk, f) : -ENOTDIR;
    else
        err = (flags & AT_EMPTY_PATH) ? exec_open_again(dir, f) : -ENOENT;
    file_put(dir);
    return err;
}

static int execveat(int dirfd, const char *path, const char *execfn, uaddr_t argv, uaddr_t envp, unsigned flags)
{
    struct file *f;
    int err = execveat_open(dirfd, path, flags, &f);
    return err ? err : process_exec_file(f, execfn, argv, envp);
}

int64_t sys_execveat(int dirfd, uaddr_t user_path, uaddr_t argv, uaddr_t envp, unsigned flags)
{
    if (flags & ~(unsigned)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    char *path = path_from_user(user_path);
    if (is_err(path))
        return ptr_err(path);
    char *execfn = execfn_make(dirfd, path);
    int err = execfn ? execveat(dirfd, path, execfn, argv, envp, flags) : -ENOMEM;
    heap_free(execfn);
    heap_free(path);
    return err;
}

int64_t sys_exit(int code)
{
    thread_exit((code & 0xff) << 8);
}

int64_t sys_exit_group(int code)
{
    process_exit_group((code & 0xff) << 8);
}

/* ---- wait --------------------------------------------------------------------------------------------------- */

static int32_t own_pgid(void)
{
    struct process_ids ids;
    process_ids(process_current(), &ids);
    return ids.pgid;
}

int64_t sys_wait4(int32_t pid, uaddr_t status, unsigned options, uaddr_t usage)
{
    struct wait_result result;
    struct wait_request req = {.id_type = P_ALL, .options = options | WEXITED};
    if (options & ~(unsigned)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    if (pid > 0) {
        req.id_type = P_PID;
        req.id = pid;
    } else if (pid != -1) {
        req.id_type = P_PGID;
        req.id = pid ? -pid : own_pgid();
    }
    int err = process_wait(&req, &result);
    if (err < 0 || result.pid == 0)
        return err;
    if (status)
        err = put_user(status, result.wait_status);
    if (!err && usage)
        err = copy_to_user(usage, &result.usage, sizeof(result.usage));
    return err ? err : result.pid;
}

static int waitid_request(int type, int32_t id, unsigned options, struct wait_request *req,
                          bool *is_nonblock)
{
    const unsigned known =
        WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    *req = (struct wait_request){.id_type = type, .id = id, .options = options};
    if ((options & ~known) || !(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    switch (type) {
    case P_ALL:
        return 0;
    case P_PID:
        return id > 0 ? 0 : -EINVAL;
    case P_PGID:
        if (id == 0)
            req->id = own_pgid();
        return id >= 0 ? 0 : -EINVAL;
    case P_PIDFD: {
        struct process *p;
        if (id < 0)
            return -EINVAL;
        int err = pidfd_process(id, &p, is_nonblock);
        if (err < 0)
            return err;
        struct process_ids ids;
        process_ids(p, &ids);
        req->id_type = P_PID;
        req->id = p->pid;
        process_put(p);
        return ids.pgid ? 0 : -ECHILD; /* 0: it was reaped, its number may be another's */
    }
    default:
        return -EINVAL;
    }
}

static void waitid_info(const struct wait_result *result, siginfo_t *info)
{
    memset(info, 0, sizeof(*info));
    if (result->pid == 0)
        return;
    info->si_signo = SIGCHLD;
    info->si_code = result->code;
    info->si_pid = result->pid;
    info->si_uid = result->uid;
    info->si_status = result->status;
}

int64_t sys_waitid(int type, int32_t id, uaddr_t info_addr, unsigned options, uaddr_t usage)
{
    struct wait_request req;
    struct wait_result result;
    siginfo_t info;
    bool is_nonblock = false;
    int err = waitid_request(type, id, options, &req, &is_nonblock);
    if (err < 0)
        return err;
    if (is_nonblock)
        req.options |= WNOHANG;
    err = process_wait(&req, &result);
    if (err < 0)
        return err;
    if (result.pid == 0 && is_nonblock && !(options & WNOHANG))
        return -EAGAIN;
    waitid_info(&result, &info);
    if (info_addr)
        err = copy_to_user(info_addr, &info, sizeof(info));
    if (!err && usage && result.pid)
        err = copy_to_user(usage, &result.usage, sizeof(result.usage));
    return err;
}

/* ---- identities --------------------------------------------------------------------------------------------- */

int64_t sys_getpid(void)
{
    return process_current()->pid;
}

int64_t sys_gettid(void)
{
    return thread_current()->tid;
}

int64_t sys_getppid(void)
{
    struct process_ids ids;
    process_ids(process_current(), &ids);
    return ids.ppid;
}

int64_t sys_getpgrp(void)
{
    return own_pgid();
}

static int ids_of(int32_t pid, struct process_ids *ids)
{
    struct process *p = pid ? process_find(pid) : process_current();
    if (!p)
        return -ESRCH;
    process_ids(p, ids);
    if (pid)
        process_put(p);
    return 0;
}

int64_t sys_getpgid(int32_t pid)
{
    struct process_ids ids;
    int err = ids_of(pid, &ids);
    return err ? err : ids.pgid;
}

int64_t sys_getsid(int32_t pid)
{
    struct process_ids ids;
    int err = ids_of(pid, &ids);
    return err ? err : ids.sid;
}

/* Under process_tree_lock. The rules of setpgid(2). */
static int setpgid_locked(int32_t pid, int32_t pgid)
{
    struct process *self = process_current();
    struct pid_slot *slot = pid_slot(pid);
    struct process *p = slot ? slot->process : NULL;
    if (!p || (p != self && p->parent != self))
        return -ESRCH;
    if (p != self && p->has_execed)
        return -EACCES;
    if (p->group->session != self->group->session || p->group->session->sid == p->pid)
        return -EPERM;
    if (p->group->pgid == pgid)
        return 0;
    if (pgid == p->pid && !slot->group)
        return group_create(p, false);
    struct pid_slot *target = pid_slot(pgid);
    if (!target || !target->group || target->group->session != self->group->session)
        return -EPERM;
    group_join(p, target->group);
    return 0;
}

int64_t sys_setpgid(int32_t pid, int32_t pgid)
{
    if (pgid < 0 || pid < 0)
        return -EINVAL;
    if (pid == 0)
        pid = process_current()->pid;
    if (pgid == 0)
        pgid = pid;
    spin_lock(&process_tree_lock);
    int err = setpgid_locked(pid, pgid);
    spin_unlock(&process_tree_lock);
    return err;
}

int64_t sys_setsid(void)
{
    struct process *p = process_current();
    spin_lock(&process_tree_lock);
    int64_t result = pid_slot(p->pid)->group ? -EPERM : group_create(p, true);
    if (result == 0)
        result = p->pid;
    spin_unlock(&process_tree_lock);
    return result;
}

int64_t sys_set_tid_address(uaddr_t addr)
{
    struct thread *t = thread_current();
    t->clear_child_tid = addr;
    return t->tid;
}

int64_t sys_set_robust_list(uaddr_t head, uint64_t size)
{
    struct thread *t = thread_current();
    if (size != 24) /* sizeof(struct robust_list_head) */
        return -EINVAL;
    t->robust_list = head;
    t->robust_list_size = size;
    return 0;
}

int64_t sys_get_robust_list(int32_t pid, uaddr_t head, uaddr_t size)
{
    struct thread *t = pid ? thread_find(pid) : thread_current();
    if (!t)
        return -ESRCH;
    int err = process_may_inspect(t->process) ? 0 : -EPERM;
    uint64_t list = t->robust_list, list_size = 24;
    if (pid)
        thread_put(t);
    if (!err)
        err = put_user(size, list_size);
    return err ? err : put_user(head, list);
}

/* ---- prctl and its like ------------------------------------------------------------------------------------- */

static int64_t prctl_name(int option, uaddr_t addr)
{
    struct thread *t = thread_current();
    char name[sizeof(t->name)] = {0};
    if (option == PR_GET_NAME)
        return copy_to_user(addr, t->name, sizeof(t->name));
    int64_t len = copy_string_from_user(name, addr, sizeof(name));
    if (len == -ENAMETOOLONG)
        len = copy_from_user(name, addr, sizeof(name) - 1);
    if (len < 0)
        return len;
    name[sizeof(name) - 1] = 0;
    spin_lock(&t->process->lock);
    memcpy(t->name, name, sizeof(name));
    spin_unlock(&t->process->lock);
    return 0;
}

static int64_t prctl_capbset(int option, uint64_t cap)
{
    if (cap > CAP_LAST_CAP)
        return -EINVAL;
    if (option == PR_CAPBSET_READ)
        return (int64_t)(thread_current()->cred->cap_bounding >> cap) & 1;
    if (!capable(CAP_SETPCAP))
        return -EPERM;
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    c->cap_bounding &= ~(1ULL << cap);
    cred_commit(c);
    return 0;
}

static int64_t prctl_ambient(uint64_t what, uint64_t cap, uint64_t arg4, uint64_t arg5)
{
    const struct cred *old = thread_current()->cred;
    if (arg4 || arg5 || (what != PR_CAP_AMBIENT_CLEAR_ALL && cap > CAP_LAST_CAP))
        return -EINVAL;
    if (what == PR_CAP_AMBIENT_IS_SET)
        return (int64_t)(old->cap_ambient >> cap) & 1;
    uint64_t bit = 1ULL << (cap & 63);
    if (what == PR_CAP_AMBIENT_RAISE && (old->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
        return -EPERM;
    if (what == PR_CAP_AMBIENT_RAISE && !(old->cap_permitted & old->cap_inheritable & bit))
        return -EPERM;
    if (what != PR_CAP_AMBIENT_RAISE && what != PR_CAP_AMBIENT_LOWER &&
        what != PR_CAP_AMBIENT_CLEAR_ALL)
        return -EINVAL;
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    if (what == PR_CAP_AMBIENT_RAISE)
        c->cap_ambient |= bit;
    else
        c->cap_ambient &= what == PR_CAP_AMBIENT_LOWER ? ~bit : 0;
    cred_commit(c);
    return 0;
}

/* securebits(7): each bit has one beside it that locks it. */
static int64_t prctl_securebits(uint64_t bits)
{
    struct thread *t = thread_current();
    uint32_t old = t->cred->securebits | (t->keep_caps ? SECBIT_KEEP_CAPS : 0), locked = (old & SECURE_ALL_LOCKS) >> 1;
    if (bits & ~(uint64_t)(SECURE_ALL_BITS | SECURE_ALL_LOCKS) || (locked & (old ^ bits)) || (old & SECURE_ALL_LOCKS & ~bits) ||
        !capable(CAP_SETPCAP))
        return -EPERM;
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    c->securebits = (uint32_t)bits & ~SECBIT_KEEP_CAPS;
    cred_commit(c);
    t->keep_caps = bits & SECBIT_KEEP_CAPS;
    return 0;
}

static int64_t prctl_huge_pages(int option, uint64_t arg2, uint64_t arg3, uint64_t arg4, uint64_t arg5)
{
    struct process *p = process_current();
    if (arg3 || arg4 || arg5 || (option == PR_GET_THP_DISABLE && arg2))
        return -EINVAL;
    if (option == PR_GET_THP_DISABLE)
        return p->no_huge_pages;
    p->no_huge_pages = arg2 != 0;
    return 0;
}

static int64_t prctl_set(int option, uint64_t value)
{
    struct thread *t = thread_current();
    struct process *p = t->process;
    switch (option) {
    case PR_SET_PDEATHSIG:
        if (value > SIGNAL_COUNT)
            return -EINVAL;
        p->parent_death_signal = (int)value;
        return 0;
    case PR_SET_DUMPABLE:
        if (value > 1)
            return -EINVAL;
        p->dumpable = value;
        return 0;
    case PR_SET_KEEPCAPS:
        if (value > 1)
            return -EINVAL;
        if (t->cred->securebits & SECBIT_KEEP_CAPS_LOCKED)
            return -EPERM;
        t->keep_caps = value;
        return 0;
    case PR_SET_CHILD_SUBREAPER:
        p->is_subreaper = value != 0;
        return 0;
    case PR_SET_TIMERSLACK:
        t->timer_slack = (int64_t)value > 0 ? (ns_t)value : 50 * NS_PER_US;
        return 0;
    case PR_SET_TIMING:
        return value == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_SET_TSC:
        return value == PR_TSC_ENABLE ? 0 : -EINVAL; /* it cannot be taken away */
    case PR_SET_MM:
        return capable(CAP_SYS_RESOURCE) ? -EINVAL : -EPERM;
    default:
        return -EINVAL;
    }
}

/* The older way to seccomp(2). */
static int64_t prctl_seccomp(uint64_t mode, uaddr_t fprog)
{
    switch (mode) {
    case SECCOMP_MODE_STRICT:
        return sys_seccomp(SECCOMP_SET_MODE_STRICT, 0, 0);
    case SECCOMP_MODE_FILTER:
        return sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, fprog);
    default:
        return -EINVAL;
    }
}

/* Answers that go to an address. */
static int64_t prctl_get_at(int option, uaddr_t addr)
{
    const struct process *p = process_current();
    switch (option) {
    case PR_GET_PDEATHSIG:
        return put_user(addr, p->parent_death_signal);
    case PR_GET_CHILD_SUBREAPER:
        return put_user(addr, (int)p->is_subreaper);
    case PR_GET_TSC:
        return put_user(addr, (int)PR_TSC_ENABLE);
    case PR_GET_TID_ADDRESS:
        return put_user(addr, thread_current()->clear_child_tid);
    default:
        return -EINVAL;
    }
}

int64_t sys_prctl(int option, uint64_t arg2, uint64_t arg3, uint64_t arg4, uint64_t arg5)
{
    struct process *p = process_current();
    switch (option) {
    case PR_SET_NAME:
    case PR_GET_NAME:
        return prctl_name(option, arg2);
    case PR_GET_DUMPABLE:
        return p->dumpable;
    case PR_GET_KEEPCAPS:
        return thread_current()->keep_caps;
    case PR_GET_TIMERSLACK:
        return thread_current()->timer_slack;
    case PR_SET_NO_NEW_PRIVS:
        if (arg2 != 1 || arg3 || arg4 || arg5)
            return -EINVAL;
        p->no_new_privs = true;
        return 0;
    case PR_GET_NO_NEW_PRIVS:
        return arg2 || arg3 || arg4 || arg5 ? -EINVAL : p->no_new_privs;
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
        return prctl_capbset(option, arg2);
    case PR_CAP_AMBIENT:
        return prctl_ambient(arg2, arg3, arg4, arg5);
    case PR_GET_SECUREBITS:
        return thread_current()->cred->securebits | (thread_current()->keep_caps ? SECBIT_KEEP_CAPS : 0);
    case PR_SET_SECUREBITS:
        return prctl_securebits(arg2);
    case PR_SET_THP_DISABLE:
    case PR_GET_THP_DISABLE:
        return prctl_huge_pages(option, arg2, arg3, arg4, arg5);
    case PR_GET_SECCOMP:
        return thread_current()->seccomp_mode;
    case PR_SET_SECCOMP:
        return prctl_seccomp(arg2, arg3);
    case PR_GET_TIMING: /* statistical */
    case PR_TASK_PERF_EVENTS_DISABLE: /* there are none */
    case PR_TASK_PERF_EVENTS_ENABLE:
        return 0;
    case PR_MCE_KILL_GET:
        return arg2 || arg3 || arg4 || arg5 ? -EINVAL : PR_MCE_KILL_DEFAULT;
    case PR_GET_TSC:
    case PR_GET_PDEATHSIG:
    case PR_GET_CHILD_SUBREAPER:
    case PR_GET_TID_ADDRESS:
        return prctl_get_at(option, arg2);
    default: /* the rest, also PR_SET_VMA: as a kernel built without them */
        return prctl_set(option, arg2);
    }
}

/* GS is the kernel's own in this kind of TEE (CAVEATS.md). */
int64_t sys_arch_prctl(int code, uaddr_t addr)
{
    struct arch_regs *regs = task_regs(task_current());
    switch (code) {
    case ARCH_SET_FS:
        if (addr >= plat_info.user_end)
            return -EPERM;
        arch_regs_set_tls(regs, addr);
        return 0;
    case ARCH_GET_FS:
        return put_user(addr, arch_regs_tls(regs));
    case ARCH_GET_CPUID:
        return 1;
    default:
        return -EINVAL;
    }
}

int64_t sys_personality(unsigned persona)
{
    struct process *p = process_current();
    unsigned old = p->personality;
    if (persona != 0xffffffff)
        p->personality = persona;
    return old;
}

/* ---- limits ------------------------------------------------------------------------------------------------- */

static int prlimit_allowed(struct process *p)
{
    const struct cred *self = thread_current()->cred;
    if (p == process_current() || capable(CAP_SYS_RESOURCE))
        return 0;
    struct cred *other = process_cred(p);
    if (!other)
        return -ESRCH;
    bool is_same = self->uid == other->euid && self->uid == other->suid &&
                   self->uid == other->uid && self->gid == other->egid &&
                   self->gid == other->sgid && self->gid == other->gid;
    cred_put(other);
    return is_same ? 0 : -EPERM;
}

int64_t sys_prlimit64(int32_t pid, unsigned resource, uaddr_t new_limit, uaddr_t old_limit)
{
    struct rlimit64 fresh, old;
    int err = new_limit ? copy_from_user(&fresh, new_limit, sizeof(fresh)) : 0;
    if (err < 0)
        return err;
    struct process *p = pid ? process_find(pid) : process_current();
    if (!p)
        return -ESRCH;
    err = prlimit_allowed(p);
    if (!err)
        err = process_set_limit(p, resource, new_limit ? &fresh : NULL, &old);
    if (pid)
        process_put(p);
    return err || !old_limit ? err : copy_to_user(old_limit, &old, sizeof(old));
}

int64_t sys_getrlimit(unsigned resource, uaddr_t limit)
{
    return limit ? sys_prlimit64(0, resource, 0, limit) : -EFAULT;
}

int64_t sys_setrlimit(unsigned resource, uaddr_t limit)
{
    return limit ? sys_prlimit64(0, resource, limit, 0) : -EFAULT;
}

/* ---- pidfd -------------------------------------------------------------------------------------------------- */

int64_t sys_pidfd_open(int32_t pid, unsigned flags)
{
    struct file *f;
    if ((flags & ~(unsigned)O_NONBLOCK) || pid <= 0)
        return -EINVAL;
    struct process *p = process_find(pid);
    if (!p)
        return -ESRCH;
    int err = pidfd_create(p, flags, &f);
    process_put(p);
    if (err < 0)
        return err;
    int fd = fd_install(thread_current()->files, f, 0, true,
                        process_limit(process_current(), RLIMIT_NOFILE));
    if (fd < 0)
        file_put(f);
    return fd;
}

static struct fdtable *process_files(struct process *p)
{
    struct thread *t = process_next_thread(p, 0);
    struct fdtable *files = t ? thread_files(t) : NULL;
    if (t)
        thread_put(t);
    return files;
}

int64_t sys_pidfd_getfd(int pidfd, int fd, unsigned flags)
{
    struct process *p;
    struct file *f = NULL;
    if (flags)
        return -EINVAL;
    int err = pidfd_process(pidfd, &p, NULL);
    if (err < 0)
        return err;
    struct fdtable *files = process_files(p);
    err = files ? 0 : -ESRCH;
    if (!err && !process_may_inspect(p))
        err = -EPERM;
    if (!err)
        err = fd_get(files, fd, &f);
    if (files)
        fdtable_put(files);
    process_put(p);
    if (err < 0)
        return err;
    int got = fd_install(thread_current()->files, f, 0, true,
                         process_limit(process_current(), RLIMIT_NOFILE));
    if (got < 0)
        file_put(f);
    return got;
}
