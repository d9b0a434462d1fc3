/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for children: one loop under process_tree_lock for wait4, waitid and P_PIDFD. */
#include <linux/wait.h>
#include "base/string.h"
#include "proc/internal.h"

static bool child_matches(const struct process *child, const struct wait_request *req)
{
    bool is_clone = child->exit_signal != SIGCHLD;
    if (!(req->options & __WALL) && is_clone != !!(req->options & __WCLONE))
        return false;
    switch (req->id_type) {
    case P_PID:
        return child->pid == req->id;
    case P_PGID:
        return child->group && child->group->pgid == req->id;
    default:
        return true;
    }
}

static void result_exited(const struct process *child, struct wait_result *r)
{
    int status = child->exit_status;
    r->wait_status = status;
    if ((status & 0x7f) == 0) {
        r->code = CLD_EXITED;
        r->status = (status >> 8) & 0xff;
    } else {
        r->code = (status & 0x80) ? CLD_DUMPED : CLD_KILLED;
        r->status = status & 0x7f;
    }
}

static bool child_stopped(struct process *child, const struct wait_request *req,
                          struct wait_result *r)
{
    bool is_reported = false;
    spin_lock(&child->signals.lock);
    if ((req->options & WSTOPPED) && child->stop_report) {
        r->code = CLD_STOPPED;
        r->status = child->stop_report;
        r->wait_status = (child->stop_report << 8) | 0x7f;
        if (!(req->options & WNOWAIT)) {
            child->stop_report = 0;
            child->parked_count = 0; /* reported: the check does not find it complete again */
        }
        is_reported = true;
    } else if ((req->options & WCONTINUED) && child->was_continued) {
        r->code = CLD_CONTINUED;
        r->status = SIGCONT;
        r->wait_status = 0xffff;
        if (!(req->options & WNOWAIT))
            child->was_continued = false;
        is_reported = true;
    }
    spin_unlock(&child->signals.lock);
    return is_reported;
}

/* The child's times and faults become its parent's "children". */
static void account_child(struct process *p, struct process *child)
{
    p->children_user_ns += child->user_ns + child->children_user_ns;
    p->children_system_ns += child->system_ns + child->children_system_ns;
    p->children_faults += child->min_faults + child->children_faults;
    p->children_maj_faults += child->maj_faults + child->children_maj_faults;
    p->children_max_rss = MAX(p->children_max_rss, MAX(child->max_rss, child->children_max_rss));
}

static bool child_has_news(struct process *child, const struct wait_request *req,
                           struct wait_result *r)
{
    if (child->is_zombie) {
        if (!(req->options & WEXITED))
            return false;
        result_exited(child, r);
        return true;
    }
    return child_stopped(child, req, r);
}

/* Looks through the children once. -ECHILD: none could ever match. *found: referenced. */
static int children_look(struct process *p, const struct wait_request *req, struct wait_result *r,
                         struct process **found)
{
    struct process *child;
    bool is_any = false;
    *found = NULL;
    list_for_each (child, &p->children, sibling_node) {
        if (!child_matches(child, req))
            continue;
        is_any = true;
        if (!child_has_news(child, req, r))
            continue;
        r->pid = child->pid;
        *found = child;
        ref_get(&child->ref);
        return 0;
    }
    return is_any ? 0 : -ECHILD;
}

/* Pre: process_tree_lock. True: the tree's reference is the caller's now. */
static bool child_reap(struct process *p, struct process *child, const struct wait_request *req)
{
    if (!child->is_zombie || (req->options & WNOWAIT))
        return false;
    account_child(p, child);
    process_unlink(child);
    return true;
}

static void result_finish(struct process *child, struct wait_result *r, bool is_reaped)
{
    process_rusage(child, &r->usage);
    r->uid = process_uid(child);
    if (is_reaped)
        process_put(child);
    process_put(child);
}

int process_wait(const struct wait_request *req, struct wait_result *result)
{
    struct process *p = process_current(), *child;
    memset(result, 0, sizeof(*result));
    thread_reap();
    spin_lock(&process_tree_lock);
    int err = children_look(p, req, result, &child);
    while (!err && !child && !(req->options & WNOHANG)) {
        err = waitq_sleep(&p->child_waitq, &process_tree_lock, NS_NEVER) < 0 ? -ERESTARTSYS : 0;
        if (!err)
            err = children_look(p, req, result, &child);
    }
    bool is_reaped = child && child_reap(p, child, req);
    spin_unlock(&process_tree_lock);
    if (child)
        result_finish(child, result, is_reaped);
    return err;
}
