/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: everything that can fail is done before the old program is touched; what fails after that
 * point kills the process. Scripts are followed to their interpreter first, so that there is one
 * way for all.
 */
#include <linux/limits.h>
#include <linux/signal.h>
#include <linux/stat.h>
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "proc/internal.h"
#include "vfs/inode.h"
#include "vfs/mount.h"
#include "vfs/names.h"

#define SCRIPT_DEPTH_MAX 5
#define BRK_ROOM         (32UL << 20) /* left free behind a program that we place */
#define SCRIPT_LINE_SIZE 256          /* BINPRM_BUF_SIZE */

struct exec {
    struct exec_args *args;
    struct elf *program, *interp;
    struct vmspace *vm;
    struct cred *cred;
    bool is_secure;
    char name[16];
    char execfn[PATH_MAX];
    char path[PATH_MAX]; /* scratch: of interpreters */
    char line[SCRIPT_LINE_SIZE + 1];
};

/* ---- finding the file --------------------------------------------------------------------------------------- */

static int exec_check(const struct path *path, struct inode *inode)
{
    if (!inode || !S_ISREG(inode->mode))
        return -EACCES;
    if (path->mount && (mount_flags(path->mount) & MOUNT_NOEXEC))
        return -EACCES;
    if (!(inode->mode & 0111)) /* also root needs one bit */
        return -EACCES;
    int err = vfs_access(inode, 1 /* MAY_EXEC */);
    if (err == 0)
        err = inode_write_deny(inode);
    if (err == 0)
        inode_write_allow(inode); /* process_set_exe denies for good */
    return err;
}

int exec_open(const struct path *start, const char *path, unsigned walk_flags, struct file **f)
{
    struct path found;
    int err = path_walk(start, path, walk_flags, &found);
    if (err < 0)
        return err;
    const struct inode *inode = path_inode(&found);
    err = S_ISLNK(inode->mode) ? -ELOOP : exec_check(&found, path_inode(&found)); /* AT_SYMLINK_NOFOLLOW */
    if (!err)
        err = vfs_open_program(&found, f);
    path_put(&found);
    return err;
}

int exec_open_again(struct file *opened, struct file **f)
{
    int err = exec_check(&opened->path, opened->inode);
    if (err < 0)
        return err;
    if (!(opened->mode & FMODE_READ) || (opened->mode & FMODE_PATH))
        return opened->path.dentry ? vfs_open_program(&opened->path, f) : -EACCES;
    file_get(opened);
    *f = opened;
    return 0;
}

/* ---- scripts ------------------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Splits the line behind "#!" in place: the interpreter and the rest as one argument (NULL: none). */
static int script_parse(char *line, int64_t size, char **interp, char **arg)
{
    char *end = memchr(line, '\n', (size_t)size);
    bool is_cut = !end && size == SCRIPT_LINE_SIZE;
    if (!end)
        end = line + size;
    while (end > line && (is_blank(end[-1]) || end[-1] == '\r') && !is_cut)
        end--;
    *end = 0;
    char *at = line + 2;
    while (is_blank(*at))
        at++;
    *interp = at;
    while (*at && !is_blank(*at))
        at++;
    if (*interp == at || (is_cut && !*at))
        return -ENOEXEC;
    *arg = NULL;
    if (*at) {
        *at++ = 0;
        while (is_blank(*at))
            at++;
        *arg = *at ? at : NULL;
    }
    return 0;
}

/* 1: f is a script, and is replaced by its interpreter. 0: it is not. */
static int script_follow(struct exec *x, struct file **f, const char *path)
{
    char *interp, *arg;
    int64_t n = vfs_read_kernel(*f, 0, x->line, SCRIPT_LINE_SIZE);
    if (n < 0)
        return (int)n;
    if (n < 2 || x->line[0] != '#' || x->line[1] != '!')
        return 0;
    int err = script_parse(x->line, n, &interp, &arg);
    if (!err)
        err = exec_args_for_script(x->args, interp, arg, path);
    if (err < 0)
        return err;
    str_copy(x->path, interp, sizeof(x->path));
    struct file *next;
    err = exec_open(NULL, x->path, WALK_FOLLOW, &next);
    if (err < 0)
        return err;
    file_put(*f);
    *f = next;
    return 1;
}

static int scripts_follow(struct exec *x, struct file **f)
{
    int is_script = script_follow(x, f, x->execfn);
    for (int depth = 1; is_script > 0; depth++) {
        if (depth > SCRIPT_DEPTH_MAX)
            return -ELOOP;
        is_script = script_follow(x, f, x->path);
    }
    return is_script;
}

/* ---- making ready: all of it can be undone ------------------------------------------------------------------ */

static int interp_open(struct exec *x)
{
    struct file *f;
    int err = elf_interp(x->program, x->path);
    if (err == -ENOENT)
        return 0;
    if (!err)
        err = exec_open(NULL, x->path, WALK_FOLLOW, &f);
    if (err < 0)
        return err;
    err = elf_open(f, &x->interp);
    return err == -ENOEXEC ? -ELIBBAD : err;
}

static int space_create(struct exec *x)
{
    struct file *f = elf_file(x->program);
    struct vm_map_request req = {.prot = VM_READ};
    int err = f->ops->mmap ? f->ops->mmap(f, &req) : -ENOEXEC;
    return err ? err : vmspace_create_for(req.pages, &x->vm);
}

static int exec_prepare(struct exec *x, struct file *f)
{
    int err = scripts_follow(x, &f);
    if (err < 0) {
        file_put(f);
        return err;
    }
    err = elf_open(f, &x->program);
    if (!err)
        err = interp_open(x);
    if (!err)
        err = cred_for_exec(elf_file(x->program), &x->cred, &x->is_secure);
    if (!err)
        err = space_create(x);
    if (!err)
        err = process_kill_other_threads();
    return err;
}

static void exec_fini(struct exec *x)
{
    if (x->program)
        elf_close(x->program);
    if (x->interp)
        elf_close(x->interp);
    if (x->cred)
        cred_put(x->cred);
    if (x->vm)
        vmspace_put(x->vm);
    heap_free(x);
}

/* ---- the old program goes ----------------------------------------------------------------------------------- */

/* The one thread that is left is the leader from now on, with the process's number. */
static void become_leader(struct thread *t)
{
    struct process *p = t->process;
    if (t->tid == p->pid)
        return;
    spin_lock(&process_tree_lock);
    pid_slot(t->tid)->thread = NULL;
    t->tid = p->pid;
    pid_slot(t->tid)->thread = t;
    spin_unlock(&process_tree_lock);
}

static void memory_replace(struct exec *x, struct thread *t)
{
    struct process *p = t->process;
    uint32_t zero = 0;
    futex_release_robust(t);
    if (t->clear_child_tid && put_user(t->clear_child_tid, zero) == 0)
        futex_wake(t->clear_child_tid, false, 1, ~0U);
    t->clear_child_tid = 0;
    struct vmspace *old = p->vm;
    spin_lock(&p->lock);
    p->vm = x->vm;
    spin_unlock(&p->lock);
    x->vm = NULL;
    if (old)
        vmspace_put(old); /* while this vCPU still holds it: see thread_leave_live in exit.c */
    thread_switch_memory(p->vm);
    vm_layout(p->vm)->limit_as = process_limit(p, RLIMIT_AS);
    vm_layout(p->vm)->limit_data = process_limit(p, RLIMIT_DATA);
    if (t->vfork_done)
        completion_signal(t->vfork_done);
    t->vfork_done = NULL;
}

/* Handlers are gone with the program; what was ignored stays ignored. */
static int signals_reset(struct thread *t)
{
    struct process *p = t->process;
    struct signal_actions *old = p->signals.actions, *fresh = signal_actions_create(old);
    if (!fresh)
        return -ENOMEM;
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        bool is_ignored = fresh->action[i].handler == (uint64_t)(uintptr_t)SIG_IGN;
        fresh->action[i] =
            (struct signal_action){.handler = is_ignored ? (uint64_t)(uintptr_t)SIG_IGN : 0};
    }
    spin_lock(&process_tree_lock); /* children look at their parent's actions under it */
    spin_lock(&p->signals.lock);
    p->signals.actions = fresh;
    t->signals.altstack_sp = t->signals.altstack_size = 0;
    t->signals.altstack_flags = SS_DISABLE;
    spin_unlock(&p->signals.lock);
    spin_unlock(&process_tree_lock);
    signal_actions_put(old);
    return 0;
}

static int files_reset(struct thread *t)
{
    int err = t->shares_files ? process_unshare(0x400 /* CLONE_FILES */) : 0;
    if (!err)
        fdtable_close_on_exec(t->files);
    return err;
}

static void identity_replace(struct exec *x, struct thread *t)
{
    struct process *p = t->process;
    bool is_same_user = x->cred->euid == t->cred->euid && x->cred->egid == t->cred->egid;
    bool is_readable = vfs_access(elf_file(x->program)->inode, 4) == 0; /* else its memory is not for looking at either */
    process_set_exe(p, &elf_file(x->program)->path);
    spin_lock(&p->lock);
    memcpy(t->name, x->name, sizeof(t->name));
    spin_unlock(&p->lock);
    cred_commit(x->cred);
    x->cred = NULL;
    p->has_execed = true;
    p->barriers_asked = 0;
    p->dumpable = is_same_user && is_readable && !x->is_secure;
    t->keep_caps = false;
    t->robust_list = 0;
}

/* ---- the new one comes -------------------------------------------------------------------------------------- */

static void layout_set(struct vmspace *vm, const struct elf_place *program)
{
    struct vm_layout *layout = vm_layout(vm);
    layout->code_start = program->code_start;
    layout->code_end = program->code_end;
    layout->data_start = program->data_start;
    layout->data_end = program->data_end;
    layout->brk_start = align_up(program->end, PAGE_SIZE);
    vm_set_brk(vm, layout->brk_start);
}

static int program_load(struct exec *x, struct thread *t)
{
    struct vmspace *vm = t->process->vm;
    struct exec_stack stack = {
        .path = x->execfn,
        .has_interp = x->interp != NULL,
        .is_secure = x->is_secure,
        .is_executable = elf_wants_exec_stack(x->program),
    };
    uaddr_t sp;
    int err = elf_map(x->program, vm, BRK_ROOM, &stack.program);
    if (!err)
        layout_set(vm, &stack.program);
    if (!err && x->interp)
        err = elf_map(x->interp, vm, 0, &stack.interp);
    if (!err)
        err = vdso_map(vm, &stack.vdso);
    if (!err)
        err = exec_stack_make(vm, x->args, &stack, &sp);
    if (err < 0)
        return err;
    struct arch_regs *regs = task_regs(&t->task);
    arch_regs_init(regs, x->interp ? stack.interp.entry : stack.program.entry, sp);
    arch_regs_set_tls(regs, 0);
    arch_fpu_init(t->task.fpu);
    arch_fpu_restore(t->task.fpu);
    t->syscall_nr = SYSCALL_NONE;
    return 0;
}

static int exec_commit(struct exec *x, struct thread *t)
{
    become_leader(t);
    posix_timers_fini(t->process);
    memory_replace(x, t);
    int err = signals_reset(t);
    if (!err)
        err = files_reset(t);
    if (err < 0)
        return err;
    identity_replace(x, t);
    return program_load(x, t);
}

static void name_set(struct exec *x, const char *path)
{
    const char *slash = strrchr(path, '/');
    str_copy(x->execfn, path, sizeof(x->execfn));
    str_copy(x->name, slash ? slash + 1 : path, sizeof(x->name));
}

int exec_file(struct file *f, const char *path, struct exec_args *args)
{
    struct thread *t = thread_current();
    struct exec *x = heap_zalloc(sizeof(*x));
    if (!x) {
        file_put(f);
        return -ENOMEM;
    }
    x->args = args;
    name_set(x, path);
    int err = exec_prepare(x, f);
    if (err < 0) {
        exec_fini(x);
        return err;
    }
    err = exec_commit(x, t);
    if (err < 0)
        log_warn("exec failed after the point of no return (%d): process %d is killed", err,
                 t->process->pid);
    exec_fini(x);
    if (err < 0) {
        exec_args_fini(args);
        process_exit_group(SIGKILL);
    }
    return 0;
}

int process_exec_file(struct file *f, const char *execfn, uaddr_t argv, uaddr_t envp)
{
    struct exec_args args;
    int err = exec_args_from_user(&args, argv, envp);
    if (err < 0) {
        file_put(f);
        return err;
    }
    err = exec_file(f, execfn, &args);
    exec_args_fini(&args);
    return err;
}

int process_exec(const struct path *start, const char *path, unsigned walk_flags, uaddr_t argv, uaddr_t envp)
{
    struct file *f;
    int err = exec_open(start, path, walk_flags, &f);
    return err ? err : process_exec_file(f, path, argv, envp);
}
