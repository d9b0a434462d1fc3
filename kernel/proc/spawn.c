/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes made from nothing: pid 1 at boot, and what the host asks for later. Their threads load the program
 * themselves, since only threads can walk paths.
 */
#include <linux/fcntl.h>
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "proc/internal.h"

#define STATUS_NOT_FOUND   127 /* as Docker and shells have it */
#define STATUS_NOT_RUNNING 126

#define TIOCSCTTY 0x540e

void process_start_free(struct process_start *start)
{
    for (int fd = 0; fd < 3; fd++) {
        if (start->stdio[fd])
            file_put(start->stdio[fd]);
    }
    if (start->tty)
        file_put(start->tty);
    if (start->root.dentry)
        path_put(&start->root);
    for (unsigned i = 0; i < ARRAY_COUNT(start->memory); i++)
        heap_free(start->memory[i]);
    heap_free(start);
}

/* ---- in the new thread --------------------------------------------------------------------------------------- */

static void start_end(struct process *p, int err)
{
    struct process_start *start = p->start;
    proc_ops.program_loaded(start->id, p->pid, err);
    p->start = NULL;
    process_start_free(start);
}

static int cwd_set(struct thread *t, const char *path)
{
    struct path cwd;
    if (!path || !*path)
        return 0;
    int err = path_walk(NULL, path, WALK_FOLLOW | WALK_DIRECTORY, &cwd);
    if (err < 0) {
        log_error("no working directory %s: error %d", path, -err);
        return -EACCES;
    }
    fs_context_set_cwd(t->fs, &cwd);
    path_put(&cwd);
    return 0;
}

/* The terminal as the program would ask for it itself. */
static void tty_take(struct file *tty)
{
    if (tty && tty->ops->ioctl && tty->ops->ioctl(tty, TIOCSCTTY, 0) < 0)
        log_warn("the terminal cannot be the controlling one: no job control");
}

static int program_load(struct thread *t, const struct process_start *start)
{
    struct exec_args args;
    struct file *f;
    int err = cwd_set(t, start->cwd);
    if (!err)
        err = exec_args_from_kernel(&args, start->argv, start->envp);
    if (err < 0)
        return err;
    err = exec_open(NULL, start->path, WALK_FOLLOW, &f);
    if (!err)
        err = exec_file(f, start->path, &args);
    exec_args_fini(&args);
    return err;
}

static void spawn_begin(void *arg)
{
    struct thread *t = arg;
    struct process_start *start = t->process->start;
    bool is_reaper = !start->path;
    tty_take(start->tty);
    int err = is_reaper ? 0 : program_load(t, start);
    start_end(t->process, err);
    if (is_reaper)
        reaper_run(t);
    if (err < 0)
        process_exit_group((err == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUNNING) << 8);
    struct arch_regs *regs = task_regs(&t->task);
    proc_user_return(regs);
    arch_user_enter(regs);
}

/* ---- making it ------------------------------------------------------------------------------------------------- */

static int stdio_install(struct thread *t, struct file *stdio[3])
{
    for (int fd = 0; fd < 3; fd++) {
        if (!stdio[fd])
            continue;
        int err = fd_replace(t->files, fd, stdio[fd], false, 3);
        if (err < 0)
            return err;
        stdio[fd] = NULL; /* the table's now */
    }
    return 0;
}

static int thread_equip(struct thread *t, struct process_start *start)
{
    t->cred = cred_create_root(start->uid, start->gid);
    if (!t->cred)
        return -ENOMEM;
    int err = fdtable_create(&t->files);
    if (!err)
        err = fs_context_create(&start->root, &t->fs);
    if (!err)
        err = stdio_install(t, start->stdio);
    return err;
}

/* Gives the two their number, and a session of their own. */
static int publish(struct process *p, struct thread *t)
{
    spin_lock(&process_tree_lock);
    int32_t pid = pid_alloc();
    if (pid > 0) {
        struct pid_slot *slot = pid_slot(pid);
        p->pid = t->tid = pid;
        slot->is_reserved = false;
        int err = group_create(p, true);
        if (err) {
            pid = err;
        } else {
            slot->process = p;
            slot->thread = t;
            process_count++;
            thread_count++;
            ref_get(&p->ref); /* of the tree */
        }
    }
    spin_unlock(&process_tree_lock);
    return pid > 0 ? 0 : (int)pid;
}

static int equip(struct process *p, struct thread *t, struct process_start *start)
{
    p->signals.actions = signal_actions_create(NULL);
    if (!p->signals.actions)
        return -ENOMEM;
    if (start->stack_size)
        p->limits[RLIMIT_STACK].rlim_cur = start->stack_size;
    p->outside_id = start->id;
    int err = thread_equip(t, start);
    return err ? err : publish(p, t);
}

/* What never ran; either may be NULL. */
static int abandon(struct process *p, struct thread *t, int err)
{
    if (t)
        thread_destroy(t);
    if (p)
        process_put(p);
    return err;
}

int process_spawn(struct process_start *start, struct process **result)
{
    struct process *p = process_create(NULL);
    struct thread *t = p ? thread_create(NULL, spawn_begin) : NULL;
    int err = t ? equip(p, t, start) : -ENOMEM;
    if (err)
        return abandon(p, t, err);
    process_add_thread(p, t);
    if (p->pid == 1)
        process_init_one = p;
    p->start = start;
    *result = p;
    task_start(&t->task);
    return 0;
}

int kernel_thread_start(const struct path *root, void (*entry)(void *arg))
{
    struct process *p = process_create(NULL);
    struct thread *t = p ? thread_create(NULL, entry) : NULL;
    if (t)
        t->cred = cred_create_root(0, 0);
    int err = t && t->cred ? fs_context_create(root, &t->fs) : -ENOMEM;
    if (err)
        return abandon(p, t, err);
    process_add_thread(p, t);
    task_start(&t->task);
    return 0;
}
