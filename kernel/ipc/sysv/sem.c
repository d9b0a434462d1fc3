/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Semaphore sets. Operations are tried as a whole, in the set's lock; who cannot go on waits at the semaphore that stopped
 * it, and is woken when that one changes. What SEM_UNDO promises is kept per process and set, and given back at exit.
 */
#include "ipc/sysv/sem.h"
#include "base/list.h"
#include "heap/heap.h"
#include "ipc/sysv/table.h"
#include "proc/process.h"
#include "sync/waitq.h"

#define READ      4U
#define WRITE     2U
#define VALUE_MAX 32767 /* SEMVMX */
#define UNDO_MAX  32767 /* SEMAEM */

struct sem {
    int value, probe;            /* probe: what the value would be, while operations are tried */
    int32_t last_pid;
    unsigned waiting_more, waiting_zero;
    struct waitq waitq;
};

struct sem_set {
    struct sysv_object object;
    /* Under object.lock: */
    struct list undos;
    int64_t operated_at, changed_at;
    unsigned count;
    struct sem sems[];
};

struct undo {
    struct list set_node;     /* in set->undos, under its lock */
    struct list all_node;     /* in all_undos, under undos_lock */
    struct sem_set *set;
    const struct process *process;
    int16_t adjust[];
};

static struct spinlock undos_lock; /* guards all_undos; taken after sets' locks */
static struct list all_undos = LIST_INIT(all_undos);

static void set_destroy(struct sysv_object *o)
{
    heap_free(container_of(o, struct sem_set, object));
}

static struct sysv_table sets = {.limit = SEM_SETS_MAX, .highest = -1, .last_slot = -1, .destroy = set_destroy};

static struct sem_set *set_of(struct sysv_object *o)
{
    return container_of(o, struct sem_set, object);
}

static void set_put(struct sem_set *set)
{
    sysv_put(&sets, &set->object);
}

static nodiscard int set_find(int id, unsigned want, struct sem_set **set)
{
    struct sysv_object *o;
    int err = sysv_find(&sets, id, want, &o);
    if (err == 0)
        *set = set_of(o);
    return err;
}

/* ---- semget ---------------------------------------------------------------------------------------------------------------- */

static struct sysv_object *set_create(void *arg)
{
    const int count = *(const int *)arg;
    if (count == 0)
        return err_ptr(-EINVAL);
    struct sem_set *set = heap_zalloc(sizeof(*set) + (size_t)count * sizeof(struct sem));
    if (!set)
        return err_ptr(-ENOMEM);
    list_init(&set->undos);
    set->count = (unsigned)count;
    set->changed_at = sysv_now();
    for (int i = 0; i < count; i++)
        waitq_init(&set->sems[i].waitq);
    return &set->object;
}

static int set_check(struct sysv_object *o, void *arg)
{
    return (unsigned)*(const int *)arg > set_of(o)->count ? -EINVAL : 0;
}

int sem_get(int32_t key, int count, int flags)
{
    const struct sysv_maker maker = {set_create, set_check, &count};
    if (count < 0 || count > SEM_COUNT_MAX)
        return -EINVAL;
    return sysv_get(&sets, key, flags, &maker);
}

/* ---- undo --------------------------------------------------------------------------------------------------------------------- */

/* Under the set's lock. */
static struct undo *undo_find(struct sem_set *set, const struct process *p)
{
    struct undo *u;
    list_for_each (u, &set->undos, set_node) {
        if (u->process == p)
            return u;
    }
    return NULL;
}

/* Under the set's lock: the caller's, made at first. NULL: no memory. */
static struct undo *undo_get(struct sem_set *set)
{
    struct undo *u = undo_find(set, process_current());
    if (u)
        return u;
    u = heap_zalloc(sizeof(*u) + set->count * sizeof(u->adjust[0]));
    if (!u)
        return NULL;
    u->process = process_current();
    u->set = set;
    list_push_back(&set->undos, &u->set_node);
    spin_lock(&undos_lock);
    list_push_back(&all_undos, &u->all_node);
    spin_unlock(&undos_lock);
    return u;
}

/* Under the set's lock. */
static void undo_free(struct undo *u)
{
    list_remove(&u->set_node);
    spin_lock(&undos_lock);
    list_remove(&u->all_node);
    spin_unlock(&undos_lock);
    heap_free(u);
}

/* SETVAL and SETALL forget what was owed. Under the set's lock. */
static void undo_forget(struct sem_set *set, unsigned num)
{
    struct undo *u;
    list_for_each (u, &set->undos, set_node)
        u->adjust[num] = 0;
}

static void value_set(struct sem *s, int value, int32_t pid)
{
    s->last_pid = pid;
    if (s->value == value)
        return;
    s->value = value;
    waitq_wake_all(&s->waitq, 0);
}

/* Under the set's lock. */
static void undo_apply(struct sem_set *set, const struct undo *u)
{
    for (unsigned i = 0; i < set->count; i++) {
        struct sem *s = &set->sems[i];
        if (u->adjust[i])
            value_set(s, MIN(MAX(s->value + u->adjust[i], 0), VALUE_MAX), u->process->pid);
    }
    set->operated_at = sysv_now();
}

/* One that p owes, and its set, referenced. A set that is being removed drops its own undos. */
static struct sem_set *undo_next_set(const struct process *p)
{
    struct sem_set *set = NULL;
    struct undo *u;
    spin_lock(&undos_lock);
    list_for_each (u, &all_undos, all_node) {
        if (u->process == p && ref_get_unless_zero(&u->set->object.ref)) {
            set = u->set;
            break;
        }
    }
    spin_unlock(&undos_lock);
    return set;
}

void sem_process_exited(struct process *p)
{
    struct sem_set *set;
    while ((set = undo_next_set(p)) != NULL) {
        spin_lock(&set->object.lock);
        struct undo *u = undo_find(set, p);
        if (u) {
            undo_apply(set, u);
            undo_free(u);
        }
        spin_unlock(&set->object.lock);
        set_put(set);
    }
}

/* ---- semop ---------------------------------------------------------------------------------------------------------------------- */

/* Under the set's lock: 0, all was done; 1: *blocking must change first; -EAGAIN (IPC_NOWAIT), -ERANGE, -ENOMEM. */
static int try_one(struct sem_set *set, const struct sembuf *op, const struct undo *u)
{
    struct sem *s = &set->sems[op->sem_num];
    int value = s->probe + op->sem_op;
    if (op->sem_op == 0 ? s->probe != 0 : value < 0)
        return op->sem_flg & IPC_NOWAIT ? -EAGAIN : 1;
    if (value > VALUE_MAX)
        return -ERANGE;
    if (op->sem_flg & SEM_UNDO) {
        int owed = u->adjust[op->sem_num] - op->sem_op;
        if (owed < -UNDO_MAX - 1 || owed > UNDO_MAX)
            return -ERANGE;
    }
    s->probe = value;
    return 0;
}

static int try_all(struct sem_set *set, const struct sembuf *ops, unsigned count, const struct undo *u, const struct sembuf **blocking)
{
    int result = 0;
    for (unsigned i = 0; i < count; i++)
        set->sems[ops[i].sem_num].probe = set->sems[ops[i].sem_num].value;
    for (unsigned i = 0; i < count && result == 0; i++) {
        *blocking = &ops[i];
        result = try_one(set, &ops[i], u);
    }
    return result;
}

static void do_all(struct sem_set *set, const struct sembuf *ops, unsigned count, struct undo *u)
{
    const int32_t pid = process_current()->pid;
    for (unsigned i = 0; i < count; i++) {
        if (ops[i].sem_flg & SEM_UNDO)
            u->adjust[ops[i].sem_num] = (int16_t)(u->adjust[ops[i].sem_num] - ops[i].sem_op);
    }
    for (unsigned i = 0; i < count; i++)
        value_set(&set->sems[ops[i].sem_num], set->sems[ops[i].sem_num].probe, pid);
    set->operated_at = sysv_now();
}

/* Under the set's lock. */
static int blocked_wait(struct sem_set *set, const struct sembuf *op, ns_t deadline)
{
    struct sem *s = &set->sems[op->sem_num];
    unsigned *waiting = op->sem_op ? &s->waiting_more : &s->waiting_zero;
    ++*waiting;
    int err = waitq_sleep(&s->waitq, &set->object.lock, deadline);
    --*waiting;
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

static bool wants_undo(const struct sembuf *ops, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (ops[i].sem_flg & SEM_UNDO)
            return true;
    }
    return false;
}

static int set_operate(struct sem_set *set, const struct sembuf *ops, unsigned count, ns_t deadline)
{
    const struct sembuf *blocking = NULL;
    struct undo *u = NULL;
    int result = 0;
    spin_lock(&set->object.lock);
    for (;;) {
        if (set->object.is_removed)
            result = -EIDRM;
        else if (result == 0 && wants_undo(ops, count) && !(u = undo_get(set)))
            result = -ENOMEM;
        if (result)
            break;
        result = try_all(set, ops, count, u, &blocking);
        if (result <= 0)
            break;
        result = blocked_wait(set, blocking, deadline);
    }
    if (result == 0)
        do_all(set, ops, count, u);
    spin_unlock(&set->object.lock);
    return result;
}

int sem_operate(int id, const struct sembuf *ops, unsigned count, ns_t deadline)
{
    struct sem_set *set;
    unsigned want = READ;
    for (unsigned i = 0; i < count; i++)
        want = ops[i].sem_op ? WRITE : want;
    int err = set_find(id, 0, &set);
    if (err)
        return err;
    for (unsigned i = 0; i < count && err == 0; i++)
        err = ops[i].sem_num >= set->count ? -EFBIG : 0;
    set_put(set);
    if (err == 0)
        err = set_find(id, want, &set);
    if (err)
        return err;
    err = set_operate(set, ops, count, deadline);
    set_put(set);
    return err;
}

/* ---- semctl ------------------------------------------------------------------------------------------------------------------------ */

static void set_stat(struct sem_set *set, struct semid64_ds *ds)
{
    *ds = (struct semid64_ds){0};
    sysv_read_perm(&sets, &set->object, &ds->sem_perm);
    spin_lock(&set->object.lock);
    ds->sem_otime = set->operated_at;
    ds->sem_ctime = set->changed_at;
    ds->sem_nsems = set->count;
    spin_unlock(&set->object.lock);
}

int sem_stat(int id, bool by_index, bool any, struct semid64_ds *ds)
{
    struct sysv_object *o;
    unsigned want = any ? 0 : READ;
    int err = by_index ? sysv_find_index(&sets, id, want, &o) : sysv_find(&sets, id, want, &o);
    if (err)
        return err;
    set_stat(set_of(o), ds);
    int result = by_index ? o->id : 0;
    sysv_put(&sets, o);
    return result;
}

int sem_set(int id, const struct ipc64_perm *perm)
{
    struct sysv_object *o;
    int err = sysv_find_owned(&sets, id, &o);
    if (err)
        return err;
    sysv_set_perm(&sets, o, perm);
    spin_lock(&o->lock);
    set_of(o)->changed_at = sysv_now();
    spin_unlock(&o->lock);
    sysv_put(&sets, o);
    return 0;
}

int sem_remove(int id)
{
    struct sysv_object *o;
    int err = sysv_find_owned(&sets, id, &o);
    if (err)
        return err;
    struct sem_set *set = set_of(o);
    if (sysv_remove(&sets, o)) {
        spin_lock(&o->lock);
        for (unsigned i = 0; i < set->count; i++)
            waitq_wake_all(&set->sems[i].waitq, 0);
        while (!list_is_empty(&set->undos))
            undo_free(list_first(&set->undos, struct undo, set_node));
        spin_unlock(&o->lock);
    }
    sysv_put(&sets, o);
    return 0;
}

static int sem_property(const struct sem *s, int cmd)
{
    switch (cmd) {
    case GETVAL:
        return s->value;
    case GETPID:
        return s->last_pid;
    case GETNCNT:
        return (int)s->waiting_more;
    default: /* GETZCNT */
        return (int)s->waiting_zero;
    }
}

int sem_query(int id, int num, int cmd)
{
    struct sem_set *set;
    int result = set_find(id, READ, &set);
    if (result)
        return result;
    spin_lock(&set->object.lock);
    result = num < 0 || (unsigned)num >= set->count ? -EINVAL : sem_property(&set->sems[num], cmd);
    spin_unlock(&set->object.lock);
    set_put(set);
    return result;
}

int sem_set_value(int id, int num, int value)
{
    struct sem_set *set;
    if (value < 0 || value > VALUE_MAX)
        return -ERANGE;
    int err = set_find(id, WRITE, &set);
    if (err)
        return err;
    spin_lock(&set->object.lock);
    if (num < 0 || (unsigned)num >= set->count) {
        err = -EINVAL;
    } else if (set->object.is_removed) {
        err = -EIDRM;
    } else {
        undo_forget(set, (unsigned)num);
        value_set(&set->sems[num], value, process_current()->pid);
        set->changed_at = sysv_now();
    }
    spin_unlock(&set->object.lock);
    set_put(set);
    return err;
}

int sem_count(int id, bool for_write)
{
    struct sem_set *set;
    int err = set_find(id, for_write ? WRITE : READ, &set);
    if (err)
        return err;
    int count = (int)set->count;
    set_put(set);
    return count;
}

int sem_get_all(int id, uint16_t *values, unsigned count)
{
    struct sem_set *set;
    int err = set_find(id, READ, &set);
    if (err)
        return err;
    spin_lock(&set->object.lock);
    for (unsigned i = 0; i < MIN(count, set->count); i++)
        values[i] = (uint16_t)set->sems[i].value;
    spin_unlock(&set->object.lock);
    set_put(set);
    return 0;
}

int sem_set_all(int id, const uint16_t *values, unsigned count)
{
    struct sem_set *set;
    for (unsigned i = 0; i < count; i++) {
        if (values[i] > VALUE_MAX)
            return -ERANGE;
    }
    int err = set_find(id, WRITE, &set);
    if (err)
        return err;
    spin_lock(&set->object.lock);
    for (unsigned i = 0; i < MIN(count, set->count); i++) {
        undo_forget(set, i);
        value_set(&set->sems[i], values[i], process_current()->pid);
    }
    set->changed_at = sysv_now();
    spin_unlock(&set->object.lock);
    set_put(set);
    return 0;
}

int sem_info(int *set_count, int *semaphores)
{
    struct semid64_ds ds;
    int id;
    *set_count = *semaphores = 0;
    for (int i = 0; sem_next(&i, &ds, &id); i++) {
        ++*set_count;
        *semaphores += (int)ds.sem_nsems;
    }
    return sysv_highest(&sets);
}

bool sem_next(int *index, struct semid64_ds *ds, int *id)
{
    struct sysv_object *o = sysv_next(&sets, index);
    if (!o)
        return false;
    set_stat(set_of(o), ds);
    *id = o->id;
    sysv_put(&sets, o);
    return true;
}
