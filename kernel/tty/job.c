/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job control: who has a terminal, and which group is in the foreground. tty->session, session->tty (which holds a
 * reference of the terminal) and session->foreground_pgid change under process_tree_lock. Signals are sent without it.
 */
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include "proc/process.h"
#include "tty/internal.h"

int tty_job_check(struct tty *t, int signo)
{
    struct process_ids ids;
    process_ids(process_current(), &ids);
    if (ids.tty != t || ids.tty_pgid <= 0 || ids.tty_pgid == ids.pgid)
        return 0;
    if (signal_is_blocked_or_ignored(signo))
        return signo == SIGTTIN ? -EIO : 0;
    if (process_group_is_orphaned(ids.pgid))
        return -EIO;
    signal_raise_group(ids.pgid, signo);
    return -EINTR;
}

void tty_signal_foreground(struct tty *t, int signo)
{
    spin_lock(&process_tree_lock);
    int32_t pgid = t->session ? t->session->foreground_pgid : 0;
    spin_unlock(&process_tree_lock);
    if (pgid > 0)
        signal_raise_group(pgid, signo);
}

/* ---- taking and losing a terminal: under process_tree_lock --------------------------------------------------------------- */

static void attach(struct tty *t, struct session *session, int32_t pgid)
{
    tty_get(t);
    session_get(session);
    t->session = session;
    session->tty = t;
    session->foreground_pgid = pgid;
}

/* The caller holds a reference of t besides the session's. */
static void detach(struct tty *t)
{
    struct session *session = t->session;
    if (!session)
        return;
    t->session = NULL;
    session->tty = NULL;
    session->foreground_pgid = 0;
    session_put(session);
    tty_put(t);
}

void tty_session_ended(struct session *session, struct tty *tty)
{
    if (tty->session != session)
        return;
    tty_get(tty);
    detach(tty);
    tty_put(tty);
}

static int controlling_take(struct tty *t, bool may_steal)
{
    struct process *p = process_current();
    struct session *session = p->group->session;
    bool is_leader = session->sid == p->pid;
    if (is_leader && t->session == session)
        return 0;
    if (!is_leader || session->tty)
        return -EPERM;
    if (t->session && !may_steal)
        return -EPERM;
    detach(t);
    attach(t, session, p->group->pgid);
    return 0;
}

void tty_become_controlling(struct tty *t, const struct file *f)
{
    if ((f->flags & O_NOCTTY) || !(f->mode & FMODE_READ))
        return;
    spin_lock(&process_tree_lock);
    int err = controlling_take(t, false);
    spin_unlock(&process_tree_lock);
    (void)err; /* it has one, or is no leader: then it is just an open file */
}

struct tty *tty_of_caller(void)
{
    spin_lock(&process_tree_lock);
    struct tty *t = process_current()->group->session->tty;
    if (t)
        tty_get(t);
    spin_unlock(&process_tree_lock);
    return t;
}

void tty_hangup_caller(void)
{
    struct tty *t = tty_of_caller();
    if (!t)
        return;
    tty_hangup(t);
    tty_put(t);
}

uint64_t tty_process_rdev(struct process *p)
{
    spin_lock(&process_tree_lock);
    struct tty *t = p->group ? p->group->session->tty : NULL;
    uint64_t rdev = t ? t->rdev : 0;
    spin_unlock(&process_tree_lock);
    return rdev;
}

static void process_hangup(int32_t pid)
{
    static const int signals[] = {SIGHUP, SIGCONT};
    struct process *p = process_find(pid);
    if (!p)
        return;
    for (unsigned i = 0; i < ARRAY_COUNT(signals); i++) {
        const siginfo_t info = {.si_signo = signals[i], .si_code = SI_KERNEL};
        int err = signal_send_process(p, signals[i], &info);
        (void)err; /* it is gone already */
    }
    process_put(p);
}

void tty_signal_session(struct tty *t)
{
    spin_lock(&process_tree_lock);
    int32_t leader = t->session ? t->session->sid : 0;
    if (t->session)
        t->session->hung_up_pgid = t->session->foreground_pgid;
    detach(t);
    spin_unlock(&process_tree_lock);
    if (leader)
        process_hangup(leader);
}

/* ---- ioctls ------------------------------------------------------------------------------------------------------------------- */

static bool is_mine(const struct tty *t)
{
    struct process_ids ids;
    process_ids(process_current(), &ids);
    return ids.tty == t;
}

static int64_t control(struct tty *t, const struct file *f, uint64_t arg)
{
    bool is_admin = capable(CAP_SYS_ADMIN);
    if (!(f->mode & FMODE_READ) && !is_admin)
        return -EPERM;
    spin_lock(&process_tree_lock);
    int err = controlling_take(t, arg == 1 && is_admin);
    spin_unlock(&process_tree_lock);
    return err;
}

/* A terminal belongs to a whole session here: a process that does not lead it cannot give it up for itself. */
static int64_t give_up(struct tty *t)
{
    struct process_ids ids;
    process_ids(process_current(), &ids);
    if (ids.tty != t)
        return -ENOTTY;
    if (ids.sid != ids.pid)
        return -EPERM;
    if (ids.tty_pgid > 0) {
        signal_raise_group(ids.tty_pgid, SIGHUP);
        signal_raise_group(ids.tty_pgid, SIGCONT);
    }
    spin_lock(&process_tree_lock);
    detach(t);
    spin_unlock(&process_tree_lock);
    return 0;
}

static int64_t foreground_get(struct tty *t, bool is_far, uaddr_t arg)
{
    if (!is_far && !is_mine(t))
        return -ENOTTY;
    spin_lock(&process_tree_lock);
    int32_t pgid = t->session ? t->session->foreground_pgid : 0;
    spin_unlock(&process_tree_lock);
    return put_user(arg, pgid);
}

static int64_t foreground_set(struct tty *t, uaddr_t arg)
{
    int32_t pgid;
    struct process_ids ids;
    int err = tty_job_check(t, SIGTTOU);
    if (err)
        return err == -EIO ? -ENOTTY : err;
    process_ids(process_current(), &ids);
    if (ids.tty != t)
        return -ENOTTY;
    if (copy_from_user(&pgid, arg, sizeof(pgid)))
        return -EFAULT;
    if (pgid < 0)
        return -EINVAL;
    int32_t sid = process_group_sid(pgid);
    if (sid != ids.sid)
        return sid ? -EPERM : -ESRCH;
    spin_lock(&process_tree_lock);
    err = t->session && t->session->sid == sid ? 0 : -ENOTTY; /* lost meanwhile */
    if (err == 0)
        t->session->foreground_pgid = pgid;
    spin_unlock(&process_tree_lock);
    return err;
}

static int64_t session_id_get(struct tty *t, bool is_far, uaddr_t arg)
{
    if (!is_far && !is_mine(t))
        return -ENOTTY;
    spin_lock(&process_tree_lock);
    int32_t sid = t->session ? t->session->sid : 0;
    spin_unlock(&process_tree_lock);
    return sid ? put_user(arg, sid) : -ENOTTY;
}

int64_t tty_job_ioctl(struct tty *t, struct file *f, bool is_far, unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case TIOCSCTTY:
        return control(t, f, arg);
    case TIOCNOTTY:
        return give_up(t);
    case TIOCGPGRP:
        return foreground_get(t, is_far, arg);
    case TIOCSPGRP:
        return foreground_set(t, arg);
    case TIOCGSID:
        return session_id_get(t, is_far, arg);
    default:
        return -ENOTTY;
    }
}
