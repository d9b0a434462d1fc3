/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that lower layers call up through, each in one place. */
#include "arch/arch.h"
#include "hostcall/hostcall.h"
#include "base/log.h"
#include "init/init.h"
#include "init/request.h"
#include "ipc/aio.h"
#include "ipc/epoll.h"
#include "ipc/pipe.h"
#include "ipc/sysv/sem.h"
#include "mm/vmspace.h"
#include "platform/plat.h"
#include "proc/process.h"
#include "sched/idle.h"
#include "syscall/dispatch.h"
#include "tty/tty.h"
#include "vfs/device.h"
#include "vfs/mount.h"

const struct arch_upcalls arch_upcalls = {
    .syscall = syscall_dispatch,
    .fault = proc_fault,
    .kernel_fault = proc_kernel_fault,
    .is_given = vm_is_given,
    .user_return = proc_user_return,
};

const struct sched_idle_ops sched_idle_ops = {
    .wait = hostcall_idle,
    .collect = hostcall_collect,
};

/* As `naos run` returns it: the exit code, or 128 and the signal. */
static void init_exited(int wait_status)
{
    int signo = wait_status & 0x7f;
    struct tty *console = console_tty();
    if (console)
        console_flush(console);
    vfs_sync_all();
    if (plat_host_info.print_stats)
        stats_print();
    plat_exit(signo ? 128 + signo : (wait_status >> 8) & 0xff);
}

/* `fg` of the host's shell ends the call. */
static void init_stopped(int signo)
{
    int64_t err = hostcall_stop_self((uint32_t)signo);
    (void)err; /* the host need not stop */
}

static bool console_told(void)
{
    struct tty *console = console_tty();
    if (!console)
        return false;
    console_winch(console); /* it tells its foreground group */
    tty_put(console);
    return true;
}

/*
 * Signals that the host process gets are for the first program; those of the host's terminal (^C where it is not the
 * enclave's console) for its group, as natively. So is SIGCONT: what stopped with it must go on with it.
 */
static void host_signal(int signo, bool is_for_group)
{
    const siginfo_t info = {.si_signo = signo, .si_code = SI_KERNEL};
    struct process_ids ids;
    struct process *init = process_find(1);
    if (!init)
        return;
    process_ids(init, &ids);
    if (signo == SIGWINCH && console_told())
        log_debug("the terminal has another size");
    else if (signo == SIGCONT || is_for_group)
        signal_raise_group(ids.pgid, signo);
    else if (signal_send_process(init, signo, &info))
        log_debug("signal %d could not be sent", signo);
    process_put(init);
}

const struct host_event_ops host_event_ops = {
    .signal = host_signal,
    .request = request_announce,
};

static void crashed(struct thread *t, int signo)
{
    crash_report(t, signo);
    if (plat_host_info.dump_core)
        core_dump(t, signo);
}

static void process_exited(struct process *p)
{
    sem_process_exited(p);
    aio_process_exited(p);
}

const struct proc_ops proc_ops = {
    .init_exited = init_exited,
    .process_exited = process_exited,
    .init_stopped = init_stopped,
    .program_loaded = request_program_loaded,
    .crashed = crashed,
    .program_exited = request_program_exited,
    .session_ended = tty_session_ended,
};

const struct vfs_special_ops vfs_special_ops = {
    .fifo_open = fifo_open,
    .watchers_release = epoll_file_gone,
};
