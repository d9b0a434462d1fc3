/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of kernel/proc share among themselves. Lock order: process_tree_lock, process->lock,
 * process->signals.lock, signal_actions->lock. The list process->threads changes under process->lock and
 * process->signals.lock together, so that either is enough to read it.
 */
#pragma once
#include "proc/process.h"

#define SYSCALL_NONE UINT64_MAX
#define ERESTARTNOINTR 513 /* again, whatever ran */
#define USER_HZ 100
#define PID_MAX 32768
#define NOFILE_MAX (1UL << 20) /* fs.nr_open */

/* ---- pid.c; all under process_tree_lock ------------------------------------------------------- */

struct pid_slot {
    struct thread *thread;
    struct process *process;
    struct process_group *group;
    struct session *session;
    bool is_reserved; /* given out, its owner is being made */
};

/* What has this number; NULL: nothing ever had. */
struct pid_slot *pid_slot(int32_t pid);
/* A free number, reserved: > 0, -EAGAIN or -ENOMEM. */
nodiscard int32_t pid_alloc(void);
nodiscard int pid_take(int32_t pid); /* this number: -EEXIST, somebody has it */
extern uint64_t process_count, thread_count, fork_count;

/* ---- process.c ---------------------------------------------------------------------------------- */

/* A process without threads and relatives, one reference; limits and the like are the parent's (NULL: defaults). */
struct process *process_create(struct process *parent);
/* A thread (made by thread_create) becomes one of p's. Takes a reference of p. */
void process_add_thread(struct process *p, struct thread *t);
extern struct process *process_init_one; /* pid 1 */
/* exe.c: takes references of its own; an empty path: none any more. */
void process_set_exe(struct process *p, const struct path *exe);

nodiscard int group_create(struct process *p, bool with_session); /* p leads it; under process_tree_lock */
void group_join(struct process *p, struct process_group *group);  /* under process_tree_lock */
void group_leave(struct process *p);                              /* under process_tree_lock */
/* Would the group be orphaned without p's help? Under process_tree_lock. */
bool group_is_orphaned(struct process_group *group, const struct process *without);

/* ---- thread.c ----------------------------------------------------------------------------------- */

/* A thread that is in no process yet, one reference (its own). vm as of task_init. */
struct thread *thread_create(struct vmspace *vm, void (*entry)(void *arg));
void thread_destroy(struct thread *t);        /* one that never started */
_Noreturn void thread_bury(struct thread *t); /* the caller's last act */
void thread_reap(void);                       /* frees the stacks of those who are through */
/* Must this thread exit on its way to the user? */
static inline bool thread_must_exit(const struct thread *t)
{
    const struct process *p = t->process;
    if (__atomic_load_n(&p->is_exiting, __ATOMIC_ACQUIRE))
        return true;
    const struct thread *exec = __atomic_load_n(&p->exec_thread, __ATOMIC_ACQUIRE);
    return exec && exec != t;
}
/* The running task gives up its user memory, and takes that of a fresh space (NULL: none). */
void thread_switch_memory(struct vmspace *vm);

/* Something that happens once, and one who waits for it; each holds a reference. */
struct completion {
    struct refcount ref;
    struct spinlock lock;
    bool is_done;
    struct waitq waitq;
};
struct completion *completion_create(void); /* two references */
void completion_signal(struct completion *c);  /* and puts one */
void completion_wait(struct completion *c);    /* and puts one; ends early only if the thread is killed */

/* ---- clone.c ------------------------------------------------------------------------------------ */

struct clone_request {
    uint64_t flags;
    int exit_signal;
    uaddr_t stack_top; /* 0: the parent's */
    uaddr_t parent_tid, child_tid, pidfd;
    uaddr_t tls;
    int32_t tid; /* the number that is asked for; 0: any */
};
nodiscard int64_t process_clone(const struct clone_request *req);
nodiscard int process_unshare(uint64_t flags);

/* ---- vdso.c ------------------------------------------------------------------------------------- */

/* Into a new program's space. *at: AT_SYSINFO_EHDR; 0: there is none. */
nodiscard int vdso_map(struct vmspace *vm, uaddr_t *at);

/* ---- elf.c -------------------------------------------------------------------------------------- */

struct elf; /* one file, its headers read and checked */
nodiscard int elf_open(struct file *f, struct elf **elf); /* takes the file in any case. -ENOEXEC */
void elf_close(struct elf *elf);
/* The path of PT_INTERP into path (PATH_MAX bytes); -ENOENT: there is none. */
nodiscard int elf_interp(struct elf *elf, char *path);
struct elf_place {
    uaddr_t bias, entry, headers; /* headers: where the program headers lie, 0: not in memory */
    unsigned header_count;
    uaddr_t code_start, code_end, data_start, data_end, end;
};
/* Maps the segments into vm, which is the caller's own and resident; with room free behind if we choose the place. */
nodiscard int elf_map(struct elf *elf, struct vmspace *vm, uint64_t room, struct elf_place *place);
bool elf_wants_exec_stack(const struct elf *elf);
struct file *elf_file(struct elf *elf); /* borrowed */

/* ---- exec_args.c: strings, and the first stack ------------------------------------------------------ */

struct exec_args {
    char *buf; /* argv's strings, then envp's, each with its zero */
    size_t size, capacity, env_off;
    unsigned argc, envc;
};
nodiscard int exec_args_from_user(struct exec_args *args, uaddr_t argv, uaddr_t envp);
nodiscard int exec_args_from_kernel(struct exec_args *args, const char *const *argv, const char *const *envp);
/* A script: argv[0] makes place for the interpreter, its argument (may be NULL) and the script's path. */
nodiscard int exec_args_for_script(struct exec_args *args, const char *interp, const char *arg, const char *path);
void exec_args_fini(struct exec_args *args);

struct exec_stack {
    const char *path; /* AT_EXECFN */
    struct elf_place program, interp;
    bool has_interp, is_secure, is_executable;
    uaddr_t vdso; /* 0: none */
};
/* Maps the stack and lays it out; *sp: where the program starts. vm is the caller's own and resident. */
nodiscard int exec_stack_make(struct vmspace *vm, const struct exec_args *args, const struct exec_stack *what,
                              uaddr_t *sp);

/* ---- exec.c ------------------------------------------------------------------------------------- */

/* As process_exec, with the file open and the arguments read; takes the file. `path`: what AT_EXECFN will say. */
nodiscard int exec_file(struct file *f, const char *path, struct exec_args *args);
nodiscard int exec_open(const struct path *start, const char *path, unsigned walk_flags, struct file **f);
nodiscard int exec_open_again(struct file *opened, struct file **f); /* of a descriptor: fexecve(3) */

/* ---- exit.c ------------------------------------------------------------------------------------- */

/* Tells the parent of a stop, a continuation; code: CLD_*. Takes process_tree_lock. */
void process_notify_parent(struct process *p, int code, int status);
/* Off the tree: after the parent has waited, or nobody will. Under process_tree_lock; then process_put. */
void process_unlink(struct process *p);
/* Sends a signal to all processes but self; and: is any of them left? */
void process_signal_all_others(struct process *self, int signo);
bool process_others_are_alive(struct process *self);
/* Kills the processes whose memory is lost (vmspace.h). */
void process_kill_lost(void);
/* Kills the other threads of the caller's process, and waits until they are gone. -EAGAIN: it is killed itself. */
nodiscard int process_kill_other_threads(void);

/* ---- reaper.c: pid 1 where there is no program for it ------------------------------------------------ */

/* Reaps orphans until SIGTERM, SIGINT or SIGKILL; then ends all others, and itself. */
_Noreturn void reaper_run(struct thread *t);

/* ---- wait.c ------------------------------------------------------------------------------------- */

struct wait_request {
    int id_type; /* P_ALL, P_PID, P_PGID; P_PIDFD is made P_PID */
    int32_t id;
    unsigned options; /* WEXITED, WSTOPPED, WCONTINUED, WNOHANG, WNOWAIT, __WALL, __WCLONE */
};
struct wait_result {
    int32_t pid; /* 0: none (WNOHANG) */
    uint32_t uid;
    int code, status; /* CLD_*; as in siginfo */
    int wait_status;  /* as wait4 has it */
    struct rusage usage;
};
nodiscard int process_wait(const struct wait_request *req, struct wait_result *result);

/* ---- signal.c ----------------------------------------------------------------------------------- */

struct signal_entry {
    struct list node;
    siginfo_t info;
    struct process *owner; /* whose count it is in; NULL: part of a timer, not to be freed */
    bool is_queued;
    int overrun, last_overrun; /* of a timer: expirations while queued */
};

bool signal_is_default_ignored(int signo);
bool signal_is_default_stop(int signo);
bool signal_dumps_core(int signo);
struct signal_actions *signal_actions_create(const struct signal_actions *copy_of); /* NULL: all default */
void signal_actions_put(struct signal_actions *actions);
void signal_pending_fini(struct signal_pending *pending);
/* May the caller send it? 0, -EPERM. */
nodiscard int signal_check_permission(struct process *p, int signo);
/* Without any check of permission. t: the thread, or NULL for the process. -EAGAIN, -ESRCH. */
nodiscard int signal_post(struct process *p, struct thread *t, int signo, const siginfo_t *info);
/* With an entry that is the caller's for good; queued already: its overrun goes up. */
void signal_post_entry(struct process *p, struct thread *t, struct signal_entry *entry);
void signal_unpost_entry(struct process *p, struct thread *t, struct signal_entry *entry);
/* siginfo of a signal that the calling process sends. */
void signal_info_user(siginfo_t *info, int signo, int code);
/* Changes the caller's mask; what is newly blocked goes to other threads. */
void signal_set_mask(struct thread *t, uint64_t mask);
/* Under signals.lock: other threads take what this one does not any more. */
void signal_retarget(struct process *p, const struct thread *from, uint64_t set);
void signal_interrupt_others(struct process *p, const struct thread *but); /* under p->lock or signals.lock */
/* Under signals.lock: takes one of `set`, lowest first but faults before all. */
int signal_take(struct thread *t, uint64_t set, siginfo_t *info);
/* Under signals.lock: drops pending signals of the set in all queues of p. */
void signal_flush(struct process *p, uint64_t set);

/* ---- signal_deliver.c --------------------------------------------------------------------------- */

/* sigtimedwait(2): the signal, -EAGAIN at the deadline, -EINTR. */
nodiscard int signal_wait(uint64_t set, ns_t deadline, siginfo_t *info);
/* Sleeps until a signal comes: -ERESTARTNOHAND. */
nodiscard int signal_pause(void);
/* rt_sigreturn(2): false if the frame is damaged. */
nodiscard bool signal_return(struct thread *t, struct arch_regs *regs);
bool signal_on_altstack(const struct thread *t, uaddr_t sp);
/* Under signals.lock, dropped in between: has the stop become complete by a thread that left? */
void signal_stop_check(struct process *p);

/* ---- futex.c ------------------------------------------------------------------------------------ */

struct futex_wait {
    uaddr_t addr;
    uint32_t expected, bitset;
    bool is_private;
    ns_t deadline; /* NS_NEVER: none */
};
/* 0, -EAGAIN (the word differs), -ETIMEDOUT, -EINTR, -EFAULT. */
nodiscard int futex_wait(const struct futex_wait *wait);
/* As futex_wait, for the first of several words (FUTEX_WAITV_MAX at most): its index. Their own deadlines do not count. */
nodiscard int futex_wait_any(const struct futex_wait *waits, unsigned count, ns_t deadline);
/* Wakes up to count waiters of a word. is_private: of the caller's memory only. The number woken. */
int futex_wake(uaddr_t addr, bool is_private, int count, uint32_t bitset);
/* Wakes `wake` waiters of addr, moves up to `move` others to wait at `to`. The number of both. */
int futex_requeue(uaddr_t addr, uaddr_t to, bool is_private, int wake, int move);

/* ---- futex_lock.c ------------------------------------------------------------------------------- */

/*
 * A lock whose word holds the owner's tid, and that unlock hands over: FUTEX_LOCK_PI. -EDEADLK: it is the caller's; -EAGAIN: taken;
 * -ESRCH: the owner is gone; -EPERM: not the caller's.
 */
nodiscard int futex_lock(uaddr_t addr, bool is_private, bool may_wait, ns_t deadline);
nodiscard int futex_unlock(uaddr_t addr, bool is_private);
void futex_release_robust(struct thread *t); /* the exiting thread's robust list */

/* ---- cputime.c, itimer.c, posix_timer.c ----------------------------------------------------------- */

void thread_times(struct thread *t, ns_t *user, ns_t *system);
void thread_times_keep(struct thread *t); /* it leaves: under process->lock */
void process_rusage(struct process *p, struct rusage *usage);
void process_children_rusage(struct process *p, struct rusage *usage);
void thread_rusage(struct thread *t, struct rusage *usage);
/* Now of a clock, also one of a process or thread. -EINVAL. */
nodiscard int clock_read(int clock, ns_t *now);
void itimers_fini(struct process *p);        /* at exit */
void posix_timers_fini(struct process *p);   /* at exit and exec */
void posix_timers_free(struct process *p);   /* the empty table */
/* Something of p watches its processor time: samples from now on. */
void cpu_watch_start(struct process *p);

/* ---- cred.c ------------------------------------------------------------------------------------- */

struct cred *cred_create_root(uint32_t uid, uint32_t gid);
/* What exec of f makes of the caller's; *is_secure: AT_SECURE. */
nodiscard int cred_for_exec(struct file *f, struct cred **cred, bool *is_secure);

/* ---- pidfd.c ------------------------------------------------------------------------------------ */

nodiscard int pidfd_create(struct process *p, unsigned flags, struct file **f);
/* The process behind a descriptor, referenced. -EBADF. */
nodiscard int pidfd_process(int fd, struct process **p, bool *is_nonblock);
nodiscard int pidfd_or_folder_process(int fd, struct process **p); /* or of /proc/<pid>, opened */
