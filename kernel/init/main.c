/* SPDX-License-Identifier: Apache-2.0 */
/* Bring-up, from the first instruction of C to the first program. Read from the bottom. */
#include "base/log.h"
#include "crypto/random.h"
#include "heap/heap.h"
#include "hostcall/hostcall.h"
#include "init/init.h"
#include "init/request.h"
#include "mm/pagecache.h"
#include "mm/vmspace.h"
#include "net/policy.h"
#include "platform/plat.h"
#include "syscall/sysinfo.h"
#include "time/clock.h"
#include "tty/tty.h"

_Noreturn void kernel_main(struct vcpu *vcpu);
_Noreturn void kernel_main_secondary(struct vcpu *vcpu, unsigned id);

static uint32_t is_ready;

static void yield_to_host(void)
{
    int64_t err = hostcall_yield();
    (void)err;
}

static void first_start(struct process_start *start)
{
    static const int fds[3] = {0, 1, 2};
    const bool is_tty[3] = {plat_host_info.is_tty[0], plat_host_info.is_tty[1], plat_host_info.is_tty[2]};
    struct process *init;
    struct tty *console;
    stdio_open(start, fds, is_tty, &console);
    if (console)
        tty_put(console); /* it stays: console_tty */
    int err = process_spawn(start, &init);
    if (err) {
        log_error("nothing can be started: error %d", -err);
        plat_exit(125);
    }
}

/* Runs as a task, since reading the image and starting a program may sleep. */
static void boot_task(void *arg)
{
    (void)arg;
    struct process_start *start = start_read();
    readahead_init();
    net_policy_read(config_get());
    tty_init();
    root_mount();
    root_get(&start->root);
    if (kernel_thread_start(&start->root, request_serve))
        plat_panic("memory.size is too small to start anything; raise it in naos.json");
    first_start(start);
}

_Noreturn void kernel_main_secondary(struct vcpu *vcpu, unsigned id)
{
    while (!__atomic_load_n(&is_ready, __ATOMIC_ACQUIRE))
        arch_relax();
    sched_init_vcpu(vcpu, id);
    sched_idle_loop();
}

_Noreturn void kernel_main(struct vcpu *vcpu)
{
    static struct task boot;
    vcpu_count = plat_host_info.vcpu_count;
    spinlock_yield = yield_to_host;
    sched_init_vcpu(vcpu, 0);
    hostcall_log_init();
    heap_init();
    clock_init();
    random_init();
    vm_init();
    if (config_string(config_get()->hostname_off))
        uts_set_hostname(config_string(config_get()->hostname_off));
    if (task_init(&boot, NULL, boot_task, NULL))
        plat_panic("memory.size is too small to start anything; raise it in naos.json");
    __atomic_store_n(&is_ready, 1, __ATOMIC_RELEASE);
    task_start(&boot);
    sched_idle_loop();
}
