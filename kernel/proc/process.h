/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes and threads. A thread is a task with a Linux identity; a process is what its threads share. Lock
 * order: process_tree_lock (parents, groups, sessions, pids) before process->lock before process->signals.lock.
 * A process owns its pid, also when the thread that had it as tid is gone; other threads own their tids.
 */
#pragma once
#include <linux/resource.h>
#include "base/list.h"
#include "mm/vmspace.h"
#include "proc/signal.h"
#include "sched/sched.h"
#include "time/timer.h"
#include "vfs/file.h"

struct cred { /* immutable once shared; changing means a new one */
    struct refcount ref;
    uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
    uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
    uint32_t securebits;      /* SECBIT_* without KEEP_CAPS, which is the thread's */
    uint32_t group_count;
    uint32_t *groups;
};

/* How much of a thread's run time was the kernel's: see cputime.c. ns is its own to write, anybody's to read. */
struct system_time {
    uint32_t untimed;   /* system calls that go by before the next is timed */
    uint32_t short_run; /* timed ones in a row that were short */
    uint64_t ns;
    ns_t user_shown;    /* user time never goes back; under process->lock */
};

/* MPOL_* with its flags, and its nodes: set_mempolicy(2). */
struct memory_policy {
    unsigned mode;
    uint64_t nodes;
};

struct thread {
    struct task task; /* first */
    int32_t tid;
    struct process *process;
    struct list process_node; /* in process->threads */
    struct refcount ref;
    struct cred *cred;        /* replaced by the thread itself only, under process->lock */
    struct fdtable *files;    /* this and fs: under process->lock for other threads, see thread_files */
    struct fs_context *fs;
    struct thread_signals signals;
    uaddr_t clear_child_tid, robust_list;
    uint64_t robust_list_size;
    struct completion *vfork_done; /* the parent that waits for our exec or exit */
    char name[16];
    uint64_t syscall_nr;      /* the one in progress, for strace, restart and /proc; UINT64_MAX: none */
    int (*restart)(struct thread *t); /* restart_syscall(2): goes on with what is in restart_data */
    uint64_t restart_data[4];
    ns_t started_at;
    uint64_t min_faults, maj_faults;
    struct system_time system_time;
    ns_t timer_slack;
    struct thread *tracer;    /* ptrace(2) */
    uaddr_t set_child_tid;    /* CLONE_CHILD_SETTID: written by the thread as its first act; 0 */
    void *sigframe;           /* buffer for signal frames, made at the first one */
    bool shares_files;        /* with another process: exec copies the table first */
    bool keep_caps;           /* PR_SET_KEEPCAPS */
    struct memory_policy memory_policy;
    uint8_t seccomp_mode;     /* SECCOMP_MODE_*; this and the next: seccomp.c */
    struct seccomp_filter *seccomp; /* the newest filter; NULL: none */
    int sched_policy, sched_priority, ioprio;
    struct { uint64_t runtime, deadline, period; } sched_deadline; /* of SCHED_DEADLINE */
    bool sched_reset_on_fork;
    bool is_gone;             /* off its process's list; under process->signals.lock */
};

struct process {
    int32_t pid;
    struct refcount ref;
    struct spinlock lock;       /* guards threads, exit state, limits */
    struct vmspace *vm;
    struct list threads;
    unsigned thread_count, live_count;
    struct process *parent;     /* under process_tree_lock, as are these: */
    struct list children, sibling_node, group_node;
    struct process_group *group;
    struct process_signals signals;
    struct waitq child_waitq;   /* with process_tree_lock: wait4 sleeps here */
    struct waitq pidfd_waitq;
    struct waitq exit_waitq;    /* with lock: exec waits for its other threads to go */
    struct thread *exec_thread; /* under lock: all threads but this one must exit */
    bool is_exiting, is_zombie, has_execed, is_subreaper, dumpable, no_new_privs;
    unsigned barriers_asked;    /* commands of membarrier(2) that it registered for */
    bool no_huge_pages;         /* PR_SET_THP_DISABLE: kept for who asks, there are none */
    /* Job control, under signals.lock. is_stopped: each thread parks on its way to the user. */
    bool is_stopped, was_continued, notify_continued;
    unsigned parked_count, stop_generation, continue_count;
    int stop_signal;
    int stop_report;            /* the stop that wait4 has not yet reported; 0: none */
    struct waitq park_waitq;
    int exit_status;            /* as wait4 reports it */
    int exit_signal, parent_death_signal;
    struct rlimit64 limits[RLIM_NLIMITS];
    struct path exe;            /* /proc/self/exe */
    bool denies_exe_writes;     /* nobody may write to exe while it runs */
    struct itimers *itimers;    /* made at first use */
    struct posix_timers *timers; /* made at first use */
    ns_t started_at;
    /* Of threads that are gone; children: of those that were waited for. */
    uint64_t user_ns, system_ns, min_faults, maj_faults, switches_voluntary, switches_forced, max_rss;
    uint64_t children_user_ns, children_system_ns, children_faults, children_maj_faults, children_max_rss;
    ns_t user_shown;            /* under lock, as in system_time */
    unsigned personality;
    int16_t oom_score_adj;      /* kept for /proc only; atomic */
    uint32_t last_uid;          /* of the last thread that left */
    uint32_t outside_id;        /* of one that the host asked for: its number; 0: none */
    struct process_start *start; /* until its program is loaded */
};

struct process_group {
    int32_t pgid;
    struct refcount ref;
    struct session *session;
    struct list processes;
};

/* Alive as long as it has a group, or somebody holds a reference. tty and foreground_pgid are the terminal's
 * to set, under its lock or process_tree_lock; proc only reads them, and clears tty when the leader exits. */
struct session {
    int32_t sid;
    struct refcount ref;
    struct tty *tty; /* the controlling terminal: fs/devfs owns its shape */
    int32_t foreground_pgid;
    int32_t hung_up_pgid; /* was in the foreground when the terminal hung up: gets SIGHUP once the leader exits */
    unsigned group_count;
};
extern struct spinlock process_tree_lock;
void session_get(struct session *session);
void session_put(struct session *session);
/* May a process of this group read from its terminal, or is it orphaned (EIO instead of SIGTTIN)? */
bool process_group_is_orphaned(int32_t pgid);
/* The session that a group belongs to: 0 if there is no such group. */
int32_t process_group_sid(int32_t pgid);

/* What proc calls up; filled by kernel/init. */
struct proc_ops {
    /* Pid 1 is gone, and all others with it (or they did not go in time): the enclave stops. Does not return. */
    void (*init_exited)(int wait_status);
    /* Pid 1 has stopped by job control, and goes on with SIGCONT. May sleep. */
    void (*init_stopped)(int signo);
    /* What process_spawn began has its program (err 0), or will not have it. From its thread. */
    void (*program_loaded)(uint32_t id, int32_t pid, int err);
    /* What process_spawn began, and not as pid 1, has ended. Nobody waits for it inside. From its last thread. */
    void (*program_exited)(uint32_t id, int wait_status);
    /* A signal like SIGSEGV ends the caller's process. */
    void (*crashed)(struct thread *t, int signo);
    /* A session leader with a controlling terminal exits: the terminal forgets its session. May be NULL.
     * Called with process_tree_lock held: does not sleep. */
    void (*session_ended)(struct session *session, struct tty *tty);
    /* The last thread of p leaves: what was done on its behalf is undone (SEM_UNDO). May sleep. */
    void (*process_exited)(struct process *p);
};
extern const struct proc_ops proc_ops;

static inline struct thread *thread_current(void)
{
    return container_of(task_current(), struct thread, task);
}

static inline struct process *process_current(void)
{
    return thread_current()->process;
}

static inline uint64_t process_limit(const struct process *p, unsigned resource)
{
    return __atomic_load_n(&p->limits[resource].rlim_cur, __ATOMIC_RELAXED);
}

bool capable(unsigned cap); /* of the calling thread: CAP_* */

/*
 * A program that is started from outside: pid 1 at boot, others when the host asks. On the heap, as is `memory`, where its
 * strings lie; it holds references of root, stdio and tty.
 */
struct process_start {
    uint32_t id;      /* the host's number for it, 0 for pid 1 */
    const char *path; /* NULL: pid 1 has no program, and only reaps orphans until it is told to end */
    const char *const *argv, *const *envp;
    const char *cwd;  /* NULL or "": the root */
    struct path root;
    struct file *stdio[3];
    struct file *tty; /* becomes the controlling terminal; may be NULL */
    uint32_t uid, gid;
    uint64_t stack_size; /* soft RLIMIT_STACK; 0 for the default */
    void *memory[4];
};
/*
 * Makes the process, in a session of its own and with no parent inside. *start is the new process's if it could be made, else
 * still the caller's. If the program cannot be run, the process exits with 127 (not found) or 126 as Docker has it, and
 * proc_ops.program_loaded says why. The first one is pid 1. Any task may call it.
 */
nodiscard int process_spawn(struct process_start *start, struct process **p);
void process_start_free(struct process_start *start);
/* A thread of the kernel's own that can ask for paths and credentials as programs' threads can; in no process that anybody sees. */
nodiscard int kernel_thread_start(const struct path *root, void (*entry)(void *arg));

/* Iterating, by pid order: the next process with pid > `after`, referenced, or NULL. For procfs. */
struct process *process_next(int32_t after);
struct process *process_find(int32_t pid);  /* referenced */
struct thread *thread_find(int32_t tid);    /* referenced */
void process_get(struct process *p);
void process_put(struct process *p);
void thread_get(struct thread *t);
void thread_put(struct thread *t);
/* The next thread of p with tid > `after`, referenced, or NULL. */
struct thread *process_next_thread(struct process *p, int32_t after);

/* What another process may have lost by now: referenced, or NULL. Also for one's own. */
struct vmspace *process_vm(struct process *p);
struct fdtable *thread_files(struct thread *t);
struct fs_context *thread_fs(struct thread *t);
struct cred *thread_cred(struct thread *t);
struct cred *process_cred(struct process *p); /* of its first thread */
uint32_t process_uid(struct process *p);      /* also of a zombie */
/* Ids of p and its relatives, read together. ppid is 0 for pid 1; all 0 once it was reaped. */
struct process_ids {
    int32_t pid, ppid, pgid, sid;
    int32_t tty_pgid; /* -1: no terminal */
    struct tty *tty;  /* to compare only */
};
void process_ids(struct process *p, struct process_ids *ids);
/* 'R' 'S' 'T' 'Z' as /proc/<pid>/stat shows it. */
char process_state(struct process *p);
char thread_state(struct thread *t);
/* Processor time so far, of all its threads, dead ones too. */
ns_t thread_cpu_ns(struct thread *t);
ns_t process_cpu_ns(struct process *p);
void process_times(struct process *p, ns_t *user, ns_t *system);
void process_children_times(struct process *p, ns_t *user, ns_t *system);
/* Is the system call that begins one whose time is measured? Then thread_call_ended follows, with the run time that it took. */
static inline bool thread_call_is_timed(struct thread *t)
{
    if (likely(t->system_time.untimed > 0)) {
        t->system_time.untimed--;
        return false;
    }
    return true;
}
void thread_call_ended(struct thread *t, ns_t ran);
void thread_system_add(struct thread *t, ns_t ran); /* by the thread itself */
/* prlimit(2) on any process; new_limit may be NULL, old too. */
nodiscard int process_set_limit(struct process *p, unsigned resource, const struct rlimit64 *new_limit,
                                struct rlimit64 *old);
void cred_get(struct cred *cred);
void cred_put(struct cred *cred);
/* Is gid the caller's filesystem group, or one of its others? */
bool cred_has_group(const struct cred *cred, uint32_t gid);
/* A private copy of the caller's, with one reference; cred_commit makes it the caller's. NULL: no memory. */
struct cred *cred_prepare(void);
void cred_commit(struct cred *cred);
/* May the caller look into p, as ptrace(PTRACE_MODE_READ) asks? For /proc and process_vm_readv. */
bool process_may_inspect(struct process *p);

/* -errno, or does not return to the old program: the caller's registers are those of the new one.
 * An empty path with WALK_EMPTY: the file that `start` is. */
nodiscard int process_exec(const struct path *start, const char *path, unsigned walk_flags,
                           uaddr_t argv, uaddr_t envp);
/* The same with the file open, which it takes. execfn: what AT_EXECFN will say. */
nodiscard int process_exec_file(struct file *f, const char *execfn, uaddr_t argv, uaddr_t envp);
_Noreturn void thread_exit(int wait_status); /* the process's too, if it was the last */
_Noreturn void process_exit_group(int wait_status);

struct process_counts {
    uint64_t processes, threads, running, forks; /* forks: since boot */
};
void process_counts(struct process_counts *counts);

/* Entries of /proc/<pid>/status that are signal sets. */
struct process_signal_sets {
    uint64_t thread_pending, process_pending, blocked, ignored, caught;
    unsigned queued;
};
void thread_signal_sets(struct thread *t, struct process_signal_sets *sets);
