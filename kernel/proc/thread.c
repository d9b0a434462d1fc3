/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads: making, burying, and what a thread does to its own task. A thread cannot free the stack
 * it runs on: it leaves itself in the graveyard, and the next one that makes or ends a thread frees
 * it.
 */
#include "base/string.h"
#include "heap/heap.h"
#include "proc/internal.h"
#include "proc/seccomp.h"
#include "time/clock.h"

static struct {
    struct spinlock lock;
    struct list threads; /* by process_node */
} graveyard = {.threads = LIST_INIT(graveyard.threads)};

struct thread *thread_create(struct vmspace *vm, void (*entry)(void *arg))
{
    thread_reap();
    struct thread *t = heap_zalloc(sizeof(*t));
    if (!t)
        return NULL;
    if (task_init(&t->task, vm, entry, t) < 0) {
        heap_free(t);
        return NULL;
    }
    ref_init(&t->ref, 1);
    list_init(&t->process_node);
    list_init(&t->signals.pending.queue);
    waitq_init(&t->signals.waitq);
    t->syscall_nr = SYSCALL_NONE;
    t->signals.altstack_flags = 2; /* SS_DISABLE */
    t->timer_slack = 50 * NS_PER_US;
    t->started_at = clock_monotonic();
    return t;
}

static void thread_free(struct thread *t)
{
    signal_pending_fini(&t->signals.pending);
    if (t->files)
        fdtable_put(t->files);
    if (t->fs)
        fs_context_put(t->fs);
    if (t->cred)
        cred_put(t->cred);
    if (t->process)
        process_put(t->process);
    seccomp_filter_put(t->seccomp);
    heap_free(t->sigframe);
    heap_free(t);
}

void thread_get(struct thread *t)
{
    ref_get(&t->ref);
}

void thread_put(struct thread *t)
{
    if (ref_put(&t->ref))
        thread_free(t);
}

void thread_destroy(struct thread *t)
{
    task_fini(&t->task);
    thread_put(t);
}

void thread_bury(struct thread *t)
{
    spin_lock(&graveyard.lock);
    list_push_back(&graveyard.threads, &t->process_node);
    spin_unlock(&graveyard.lock);
    task_exit();
}

void thread_reap(void)
{
    if (list_is_empty(&graveyard.threads)) /* a hint; a missed one is freed next time */
        return;
    struct list dead = LIST_INIT(dead);
    spin_lock(&graveyard.lock);
    list_splice(&dead, &graveyard.threads);
    spin_unlock(&graveyard.lock);
    while (!list_is_empty(&dead)) {
        struct thread *t = list_first(&dead, struct thread, process_node);
        list_remove(&t->process_node);
        task_fini(&t->task);
        thread_put(t);
    }
}

void thread_switch_memory(struct vmspace *vm)
{
    task_set_memory(vm);
}

struct fdtable *thread_files(struct thread *t)
{
    spin_lock(&t->process->lock);
    struct fdtable *files = t->files;
    if (files)
        fdtable_get(files);
    spin_unlock(&t->process->lock);
    return files;
}

struct fs_context *thread_fs(struct thread *t)
{
    spin_lock(&t->process->lock);
    struct fs_context *fs = t->fs;
    if (fs)
        fs_context_get(fs);
    spin_unlock(&t->process->lock);
    return fs;
}

char thread_state(struct thread *t)
{
    enum task_state state = __atomic_load_n(&t->task.state, __ATOMIC_RELAXED);
    if (state == TASK_DEAD)
        return 'Z';
    if (state != TASK_SLEEPING)
        return 'R';
    if (__atomic_load_n(&t->process->is_stopped, __ATOMIC_RELAXED))
        return 'T';
    return t->task.is_interruptible ? 'S' : 'D';
}

struct completion *completion_create(void)
{
    struct completion *c = heap_zalloc(sizeof(*c));
    if (!c)
        return NULL;
    ref_init(&c->ref, 2);
    waitq_init(&c->waitq);
    return c;
}

static void completion_put(struct completion *c)
{
    if (ref_put(&c->ref))
        heap_free(c);
}

void completion_signal(struct completion *c)
{
    spin_lock(&c->lock);
    c->is_done = true;
    waitq_wake_all(&c->waitq, 0);
    spin_unlock(&c->lock);
    completion_put(c);
}

static bool is_dying(const struct thread *t)
{
    uint64_t pending = __atomic_load_n(&t->signals.pending.set, __ATOMIC_RELAXED) |
                       __atomic_load_n(&t->process->signals.pending.set, __ATOMIC_RELAXED);
    return thread_must_exit(t) || (pending & signal_bit(SIGKILL));
}

void completion_wait(struct completion *c)
{
    struct thread *t = thread_current();
    bool was_interrupted = false;
    spin_lock(&c->lock);
    while (!c->is_done && !is_dying(t)) {
        int err = waitq_sleep(&c->waitq, &c->lock, NS_NEVER);
        if (err == -EINTR && !is_dying(t)) { /* an ordinary signal: it has to wait */
            was_interrupted = true;
            __atomic_store_n(&t->task.is_interrupted, false, __ATOMIC_SEQ_CST);
        }
    }
    spin_unlock(&c->lock);
    if (was_interrupted)
        __atomic_store_n(&t->task.is_interrupted, true, __ATOMIC_SEQ_CST);
    completion_put(c);
}
