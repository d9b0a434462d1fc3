/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll. A set keeps its members in a tree by (file, descriptor), and those that something was told of in the list `ready`:
 * no work grows with the number of members that are quiet. A member has a waiter on its file's queue for as long as it is
 * one; who is told links it to `ready` and wakes one sleeper. What is really ready is asked when events are collected;
 * a level-triggered member goes back to the end of the list then, and drops out when it is found not ready any more.
 *
 * A member holds no reference of its file. The last file_put of a file waits in epoll_file_gone for the sets that have it,
 * so a file found in a set whose mutex is held is there, though its count may be 0.
 *
 * Locks, outermost first: nests_lock (links between sets); the sets' mutexes, outer set before inner; then the objects'
 * own (in poll and unpoll); set->lock, outer set after inner. file->lock is taken alone or under the mutex.
 */
#include "ipc/epoll.h"
#include <linux/fcntl.h>
#include "base/string.h"
#include "base/tree.h"
#include "heap/heap.h"
#include "vfs/inode.h"

#define NEST_MAX     4 /* links in a chain of sets, as Linux has it */
#define ALWAYS       (EPOLLERR | EPOLLHUP)
#define PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EXCLUSIVE_OK (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define EVENTS_IN    (EPOLLIN | EPOLLRDNORM)

struct epoll {
    struct refcount ref; /* the file's, and those of epoll_file_gone */
    struct mutex mutex;  /* guards the members */
    struct tree members;
    struct spinlock lock; /* guards the rest: */
    struct list ready;    /* members that something was told of */
    struct waitq sleepers; /* in epoll_wait */
    struct waitq watchers; /* of the set's own file */
    struct list nested;   /* under nests_lock: members that are sets */
    struct list parents;  /* under nests_lock: memberships of this set in others */
};

struct member {
    struct tree_node node;
    struct epoll *set;
    struct file *f;
    int fd;
    struct waiter waiter;
    struct epoll_event event; /* events under set->lock */
    struct list ready_node;   /* in set->ready, or in what is being collected: under set->lock */
    bool is_ready;
    struct list file_node;    /* in f->watchers, under f->lock */
    struct list nested_node, parents_node; /* if f is a set, under nests_lock */
};

static struct mutex nests_lock;
static const struct file_ops epoll_ops;

static bool is_set(const struct file *f)
{
    return f->ops == &epoll_ops;
}

/* ---- being told --------------------------------------------------------------------------------------------------------- */

/* Under set->lock. True: somebody was woken. */
static bool ready_add(struct epoll *set, struct member *m)
{
    if (!m->is_ready) {
        m->is_ready = true;
        list_push_back(&set->ready, &m->ready_node);
    }
    bool has_sleeper = waitq_has_waiters(&set->sleepers);
    if (has_sleeper)
        waitq_wake_one(&set->sleepers, 0);
    bool has_watcher = waitq_has_waiters(&set->watchers);
    if (has_watcher)
        waitq_wake_all(&set->watchers, EVENTS_IN);
    return has_sleeper || has_watcher;
}

/* Under the lock of the file's object. An exclusive member that nobody waits for lets the next one be told too. */
static bool member_told(struct waiter *waiter, uint32_t events)
{
    struct member *m = container_of(waiter, struct member, waiter);
    struct epoll *set = m->set;
    bool is_seen = false;
    spin_lock(&set->lock);
    uint32_t wanted = m->event.events & ~PRIVATE_BITS;
    if (wanted && (!events || (events & wanted)))
        is_seen = ready_add(set, m);
    spin_unlock(&set->lock);
    return is_seen;
}

/* ---- members -------------------------------------------------------------------------------------------------------------- */

static int member_compare(const struct member *m, const struct file *f, int fd)
{
    if (m->f != f)
        return m->f < f ? -1 : 1;
    return (m->fd > fd) - (m->fd < fd);
}

static struct member *member_find(struct epoll *set, const struct file *f, int fd)
{
    struct tree_node *node = set->members.root;
    while (node) {
        struct member *m = tree_entry(node, struct member, node);
        int order = member_compare(m, f, fd);
        if (order == 0)
            return m;
        node = order > 0 ? node->left : node->right;
    }
    return NULL;
}

static void member_insert(struct epoll *set, struct member *m)
{
    struct tree_node **link = &set->members.root, *parent = NULL;
    while (*link) {
        parent = *link;
        bool is_before = member_compare(tree_entry(parent, struct member, node), m->f, m->fd) > 0;
        link = is_before ? &parent->left : &parent->right;
    }
    tree_insert(&set->members, &m->node, parent, link);
}

/* Asks the file, and links the member if it is ready. With a waiter: from now on it is told. */
static void member_check(struct member *m, struct waiter *waiter)
{
    uint32_t events = m->f->ops->poll(m->f, waiter);
    spin_lock(&m->set->lock);
    if (events & m->event.events & ~PRIVATE_BITS)
        ready_add(m->set, m);
    spin_unlock(&m->set->lock);
}

static int member_add(struct epoll *set, int fd, struct file *f, const struct epoll_event *event)
{
    struct member *m = heap_zalloc(sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->set = set;
    m->f = f;
    m->fd = fd;
    m->event = *event;
    m->waiter = (struct waiter){.notify = member_told, .is_exclusive = event->events & EPOLLEXCLUSIVE};
    member_insert(set, m);
    spin_lock(&f->lock);
    f->was_watched = true;
    list_push_back(&f->watchers, &m->file_node);
    spin_unlock(&f->lock);
    if (is_set(f)) {
        list_push_back(&set->nested, &m->nested_node);
        list_push_back(&((struct epoll *)f->data)->parents, &m->parents_node);
    }
    member_check(m, &m->waiter);
    return 0;
}

/* After it the file may go. */
static void member_remove(struct member *m)
{
    struct epoll *set = m->set;
    struct file *f = m->f;
    f->ops->unpoll(f, &m->waiter);
    spin_lock(&set->lock);
    if (m->is_ready)
        list_remove(&m->ready_node);
    spin_unlock(&set->lock);
    tree_remove(&set->members, &m->node);
    if (is_set(f)) {
        list_remove(&m->nested_node);
        list_remove(&m->parents_node);
    }
    spin_lock(&f->lock);
    list_remove(&m->file_node);
    spin_unlock(&f->lock);
    heap_free(m);
}

static int member_modify(struct epoll *set, struct member *m, const struct epoll_event *event)
{
    if (m->event.events & EPOLLEXCLUSIVE)
        return -EINVAL;
    spin_lock(&set->lock);
    m->event = *event;
    spin_unlock(&set->lock);
    member_check(m, NULL);
    return 0;
}

/* ---- sets in sets --------------------------------------------------------------------------------------------------------------- */

/* Along the links of one direction. */
struct nest_step {
    struct epoll *set;
    struct list *next;
};

static struct list *nest_links(struct epoll *set, bool is_up)
{
    return is_up ? &set->parents : &set->nested;
}

static struct epoll *nest_target(struct list *link, bool is_up)
{
    if (is_up)
        return list_entry(link, struct member, parents_node)->set;
    return list_entry(link, struct member, nested_node)->f->data;
}

/* Links in the longest chain from `top`; -ELOOP if it meets `forbidden` or is too long. Under nests_lock. */
static int nest_depth(struct epoll *top, const struct epoll *forbidden, bool is_up)
{
    struct nest_step path[NEST_MAX + 1] = {{top, nest_links(top, is_up)->next}};
    int at = 0, deepest = 0;
    while (at >= 0) {
        struct nest_step *step = &path[at];
        if (step->next == nest_links(step->set, is_up)) {
            at--;
            continue;
        }
        struct epoll *target = nest_target(step->next, is_up);
        step->next = step->next->next;
        if (target == forbidden || at == NEST_MAX)
            return -ELOOP;
        path[++at] = (struct nest_step){target, nest_links(target, is_up)->next};
        deepest = MAX(deepest, at);
    }
    return deepest;
}

static int nest_check(struct epoll *outer, struct epoll *inner)
{
    int below = nest_depth(inner, outer, false);
    if (below < 0)
        return below;
    int above = nest_depth(outer, inner, true);
    return above < 0 || below + 1 + above > NEST_MAX ? -ELOOP : 0;
}

/* ---- epoll_ctl -------------------------------------------------------------------------------------------------------------------- */

static int ctl_check(struct file *set, int op, struct file *f, const struct epoll_event *event)
{
    if (!f->ops->poll)
        return -EPERM;
    if (!is_set(set) || set == f)
        return -EINVAL;
    if (op == EPOLL_CTL_DEL || !(event->events & EPOLLEXCLUSIVE))
        return 0;
    bool is_ok = op != EPOLL_CTL_MOD && !is_set(f) && !(event->events & ~EXCLUSIVE_OK);
    return is_ok ? 0 : -EINVAL;
}

/* The set's mutex is held, nests_lock too if f is a set. */
static int ctl_do(struct epoll *set, int op, int fd, struct file *f, const struct epoll_event *event)
{
    struct member *m = member_find(set, f, fd);
    switch (op) {
    case EPOLL_CTL_ADD:
        return m ? -EEXIST : member_add(set, fd, f, event);
    case EPOLL_CTL_MOD:
        return m ? member_modify(set, m, event) : -ENOENT;
    case EPOLL_CTL_DEL:
        if (m)
            member_remove(m);
        return m ? 0 : -ENOENT;
    default:
        return -EINVAL;
    }
}

int epoll_ctl(struct file *set_file, int op, int fd, struct file *f, const struct epoll_event *event)
{
    struct epoll_event e = {0};
    int err = ctl_check(set_file, op, f, event);
    if (err)
        return err;
    struct epoll *set = set_file->data;
    if (op != EPOLL_CTL_DEL)
        e = *event;
    e.events |= ALWAYS;
    const bool is_nested = is_set(f);
    if (is_nested)
        mutex_lock(&nests_lock);
    if (is_nested && op == EPOLL_CTL_ADD)
        err = nest_check(set, f->data);
    if (err == 0) {
        mutex_lock(&set->mutex);
        err = ctl_do(set, op, fd, f, &e);
        mutex_unlock(&set->mutex);
    }
    if (is_nested)
        mutex_unlock(&nests_lock);
    return err;
}

/* ---- collecting --------------------------------------------------------------------------------------------------------------------- */

/* The ready members, one after the other, each once; others that are told meanwhile wait for the next collection. */
struct collection {
    struct epoll *set;
    struct list members;
};

static void collection_begin(struct collection *c, struct epoll *set)
{
    c->set = set;
    list_init(&c->members);
    spin_lock(&set->lock);
    list_splice(&c->members, &set->ready);
    spin_unlock(&set->lock);
}

static struct member *collection_next(struct collection *c)
{
    spin_lock(&c->set->lock);
    struct member *m = list_first(&c->members, struct member, ready_node);
    if (m) {
        list_remove(&m->ready_node);
        m->is_ready = false; /* what is told from here on links it again */
    }
    spin_unlock(&c->set->lock);
    return m;
}

/* What was not reached stays first. Who woke up in vain has others to look after it if something is left. */
static void collection_end(struct collection *c)
{
    struct epoll *set = c->set;
    spin_lock(&set->lock);
    list_splice(&c->members, &set->ready);
    list_splice(&set->ready, &c->members);
    if (!list_is_empty(&set->ready) && waitq_has_waiters(&set->sleepers))
        waitq_wake_one(&set->sleepers, 0);
    spin_unlock(&set->lock);
}

/* Back to the list: at its end, to be asked again next time. */
static void member_keep(struct member *m)
{
    spin_lock(&m->set->lock);
    if (!m->is_ready) {
        m->is_ready = true;
        list_push_back(&m->set->ready, &m->ready_node);
    }
    spin_unlock(&m->set->lock);
}

static uint32_t member_ready(struct member *m)
{
    uint32_t wanted = m->event.events & ~PRIVATE_BITS;
    return wanted ? m->f->ops->poll(m->f, NULL) & wanted : 0;
}

static int member_report(struct member *m, uint32_t events, uaddr_t user)
{
    const struct epoll_event e = {.events = events, .data = m->event.data};
    int err = copy_to_user(user, &e, sizeof(e));
    if (err || !(m->event.events & (EPOLLONESHOT | EPOLLET)))
        member_keep(m);
    if (err == 0 && (m->event.events & EPOLLONESHOT)) {
        spin_lock(&m->set->lock);
        m->event.events &= PRIVATE_BITS;
        spin_unlock(&m->set->lock);
    }
    return err;
}

static int64_t collect(struct epoll *set, uaddr_t user, size_t max)
{
    struct collection c;
    struct member *m;
    int64_t done = 0;
    int err = 0;
    mutex_lock(&set->mutex);
    collection_begin(&c, set);
    while (err == 0 && (size_t)done < max && (m = collection_next(&c)) != NULL) {
        uint32_t events = member_ready(m);
        if (events) {
            err = member_report(m, events, user + (uint64_t)done * sizeof(struct epoll_event));
            done += err ? 0 : 1;
        }
    }
    collection_end(&c);
    mutex_unlock(&set->mutex);
    return done ? done : err;
}

static int wait_until_told(struct epoll *set, ns_t deadline)
{
    int err = 0;
    spin_lock(&set->lock);
    while (err == 0 && list_is_empty(&set->ready))
        err = waitq_sleep(&set->sleepers, &set->lock, deadline);
    spin_unlock(&set->lock);
    return err;
}

int64_t epoll_wait(struct file *f, uaddr_t events, size_t max, ns_t deadline)
{
    if (!is_set(f))
        return -EINVAL;
    struct epoll *set = f->data;
    int64_t n = collect(set, events, max);
    while (n == 0 && deadline > 0) {
        int err = wait_until_told(set, deadline);
        n = collect(set, events, max);
        if (err && n == 0)
            return err == -ETIMEDOUT ? 0 : err;
    }
    return n;
}

/* ---- the set as a file ----------------------------------------------------------------------------------------------------- */

/* Keeps what is ready, drops what is not. Asking an inner set comes here again, NEST_MAX deep at most. */
static bool has_ready(struct epoll *set)
{
    struct collection c;
    struct member *m;
    bool is_found = false;
    mutex_lock(&set->mutex);
    collection_begin(&c, set);
    while (!is_found && (m = collection_next(&c)) != NULL) {
        is_found = member_ready(m) != 0;
        if (is_found)
            member_keep(m);
    }
    collection_end(&c);
    mutex_unlock(&set->mutex);
    return is_found;
}

static uint32_t epoll_poll(struct file *f, struct waiter *waiter)
{
    struct epoll *set = f->data;
    spin_lock(&set->lock);
    if (waiter)
        waitq_add(&set->watchers, waiter);
    bool is_quiet = list_is_empty(&set->ready);
    spin_unlock(&set->lock);
    return !is_quiet && has_ready(set) ? EVENTS_IN : 0;
}

static void epoll_unpoll(struct file *f, struct waiter *waiter)
{
    struct epoll *set = f->data;
    spin_lock(&set->lock);
    waitq_remove(&set->watchers, waiter);
    spin_unlock(&set->lock);
}

static void epoll_put(struct epoll *set)
{
    if (ref_put(&set->ref))
        heap_free(set);
}

static void epoll_release(struct file *f)
{
    struct epoll *set = f->data;
    struct tree_node *node;
    mutex_lock(&nests_lock);
    mutex_lock(&set->mutex);
    while ((node = tree_first(&set->members)) != NULL)
        member_remove(tree_entry(node, struct member, node));
    mutex_unlock(&set->mutex);
    mutex_unlock(&nests_lock);
    epoll_put(set);
}

/* A set that has f, with a reference; NULL: none any more. */
static struct epoll *set_of_file(struct file *f)
{
    spin_lock(&f->lock);
    struct member *m = list_first(&f->watchers, struct member, file_node);
    struct epoll *set = m ? m->set : NULL;
    if (set)
        ref_get(&set->ref);
    spin_unlock(&f->lock);
    return set;
}

/* With the set's mutex held: its members of f. */
static void members_of_file_remove(struct epoll *set, struct file *f)
{
    for (;;) {
        struct member *m, *found = NULL;
        spin_lock(&f->lock);
        list_for_each (m, &f->watchers, file_node) {
            if (m->set == set)
                found = m;
        }
        spin_unlock(&f->lock);
        if (!found)
            return;
        member_remove(found);
    }
}

void epoll_file_gone(struct file *f)
{
    struct epoll *set;
    const bool is_nested = is_set(f);
    if (is_nested)
        mutex_lock(&nests_lock);
    while ((set = set_of_file(f)) != NULL) {
        mutex_lock(&set->mutex);
        members_of_file_remove(set, f);
        mutex_unlock(&set->mutex);
        epoll_put(set);
    }
    if (is_nested)
        mutex_unlock(&nests_lock);
}

static void epoll_show_fdinfo(struct file *f, char *buf, size_t size)
{
    struct epoll *set = f->data;
    size_t used = 0;
    mutex_lock(&set->mutex);
    for (struct tree_node *node = tree_first(&set->members); node && used < size; node = tree_next(node)) {
        const struct member *m = tree_entry(node, struct member, node);
        const struct inode *inode = m->f->inode;
        used += (size_t)format(buf + used, size - used, "tfd: %8d events: %8x data: %16llx  pos:%lld ino:%llx sdev:%llx\n", m->fd,
                               m->event.events, (unsigned long long)m->event.data, (long long)m->f->pos,
                               (unsigned long long)(inode ? inode->ino : 0), (unsigned long long)(inode ? inode->sb->dev : 0));
    }
    mutex_unlock(&set->mutex);
}

static const struct file_ops epoll_ops = {
    .name = "[eventpoll]",
    .poll = epoll_poll,
    .unpoll = epoll_unpoll,
    .release = epoll_release,
    .show_fdinfo = epoll_show_fdinfo,
};

int epoll_create(struct file **f)
{
    struct epoll *set = heap_zalloc(sizeof(*set));
    if (!set)
        return -ENOMEM;
    ref_init(&set->ref, 1);
    mutex_init(&set->mutex);
    list_init(&set->ready);
    list_init(&set->nested);
    list_init(&set->parents);
    waitq_init(&set->sleepers);
    waitq_init(&set->watchers);
    int err = file_create(&epoll_ops, set, O_RDWR, f);
    if (err)
        heap_free(set);
    return err;
}
