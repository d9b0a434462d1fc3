/* SPDX-License-Identifier: Apache-2.0 */
/* /proc itself: processes by number, and the system. */
#include <linux/limits.h>
#include "crypto/random.h"
#include "heap/heap.h"
#include "procfs/internal.h"
#include "time/clock.h"
#include "vfs/mount.h"

#define NS_PER_TICK (NS_PER_S / USER_HZ)
#define KIB(bytes)  ((unsigned long long)(bytes) >> 10)

/* ---- text files ---------------------------------------------------------------------------------------------------------- */

static int show_cpuinfo(const struct proc_node *n, struct text *t)
{
    (void)n;
    for (unsigned cpu = 0; cpu < vcpu_count; cpu++) {
        text_add(t, "processor\t: %u\nvendor_id\t: naos\nmodel name\t: naos vCPU\n", cpu);
        text_add(t, "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n", vcpu_count, cpu, vcpu_count);
        text_add(t, "fpu\t\t: yes\nflags\t\t: %s\n\n", ARCH_CPU_FLAGS);
    }
    return 0;
}

static int show_meminfo(const struct proc_node *n, struct text *t)
{
    struct memory_stats m;
    (void)n;
    memory_stats(&m);
    uint64_t left = m.total - m.used, used = m.used - m.kernel_used;
    text_add(t, "MemTotal:       %8llu kB\nMemFree:        %8llu kB\nMemAvailable:   %8llu kB\n", KIB(m.total), KIB(left), KIB(left));
    text_add(t, "Buffers:               0 kB\nCached:                0 kB\nSwapCached:            0 kB\n");
    text_add(t, "Active:         %8llu kB\nInactive:              0 kB\n", KIB(used));
    text_add(t, "SwapTotal:             0 kB\nSwapFree:              0 kB\nDirty:                 0 kB\n");
    text_add(t, "Writeback:             0 kB\nAnonPages:      %8llu kB\nMapped:                0 kB\n", KIB(used));
    text_add(t, "Shmem:                 0 kB\nSlab:           %8llu kB\n", KIB(m.kernel_used));
    text_add(t, "CommitLimit:    %8llu kB\nCommitted_AS:   %8llu kB\n", KIB(m.total), KIB(m.used));
    text_add(t, "AnonHugePages:         0 kB\nHugePages_Total:       0\nHugePages_Free:        0\n");
    text_add(t, "HugePages_Rsvd:        0\nHugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n");
    return 0;
}

static ns_t idle_ns(unsigned cpu)
{
    return vcpus[cpu] ? (ns_t)task_cpu_ns(&vcpus[cpu]->idle) : 0;
}

static void stat_line(struct text *t, const char *name, ns_t busy, ns_t idle)
{
    text_add(t, "%s %lld 0 0 %lld 0 0 0 0 0 0\n", name, (long long)(busy / NS_PER_TICK), (long long)(idle / NS_PER_TICK));
}

static int show_stat(const struct proc_node *n, struct text *t)
{
    struct process_counts counts;
    struct sched_stats sched;
    ns_t now = clock_monotonic(), idle = 0;
    char name[16];
    (void)n;
    for (unsigned cpu = 0; cpu < vcpu_count; cpu++)
        idle += MIN(idle_ns(cpu), now);
    stat_line(t, "cpu ", now * vcpu_count - idle, idle);
    for (unsigned cpu = 0; cpu < vcpu_count; cpu++) {
        ns_t one = MIN(idle_ns(cpu), now);
        format(name, sizeof(name), "cpu%u", cpu);
        stat_line(t, name, now - one, one);
    }
    process_counts(&counts);
    sched_stats(&sched);
    text_add(t, "intr 0\nctxt %llu\nbtime %lld\nprocesses %llu\nprocs_running %llu\nprocs_blocked 0\nsoftirq 0\n",
             (unsigned long long)sched.switches, (long long)((clock_realtime() - now) / NS_PER_S),
             (unsigned long long)counts.forks + 1, (unsigned long long)counts.running);
    return 0;
}

static int show_uptime(const struct proc_node *n, struct text *t)
{
    ns_t now = clock_monotonic(), idle = 0;
    (void)n;
    for (unsigned cpu = 0; cpu < vcpu_count; cpu++)
        idle += idle_ns(cpu);
    now /= NS_PER_S / 100;
    idle /= NS_PER_S / 100;
    text_add(t, "%lld.%02lld %lld.%02lld\n", (long long)now / 100, (long long)now % 100, (long long)idle / 100,
             (long long)idle % 100);
    return 0;
}

static int32_t newest_pid(void)
{
    struct process *p;
    int32_t pid = 0;
    while ((p = process_next(pid))) {
        pid = p->pid;
        process_put(p);
    }
    return pid;
}

/* No averages are kept: the number of runnable tasks stands for all three, as in sysinfo(2). */
static int show_loadavg(const struct proc_node *n, struct text *t)
{
    struct process_counts c;
    (void)n;
    process_counts(&c);
    unsigned long long running = c.running;
    text_add(t, "%llu.00 %llu.00 %llu.00 %llu/%llu %d\n", running, running, running, running, (unsigned long long)c.threads,
             newest_pid());
    return 0;
}

/* Nothing is paged in or out, ever. */
static int show_vmstat(const struct proc_node *n, struct text *t)
{
    struct memory_stats m;
    (void)n;
    memory_stats(&m);
    text_add(t, "nr_free_pages %llu\nnr_dirty 0\nnr_writeback 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n",
             (unsigned long long)((m.total - m.used) >> PAGE_SHIFT));
    return 0;
}

static int show_version(const struct proc_node *n, struct text *t)
{
    struct new_utsname uts;
    (void)n;
    procfs_ops.uts_get(&uts);
    text_add(t, "%s version %s (naos) %s\n", uts.sysname, uts.release, uts.version);
    return 0;
}

static int show_filesystems(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, "%s", procfs_ops.filesystems);
    return 0;
}

/* ---- links ------------------------------------------------------------------------------------------------------------------ */

static int64_t self_readlink(const struct proc_node *n, char *buf, size_t size)
{
    char text[16];
    (void)n;
    int len = format(text, sizeof(text), "%d", process_current()->pid);
    memcpy(buf, text, MIN(size, (size_t)len));
    return (int64_t)MIN(size, (size_t)len);
}

static int64_t thread_self_readlink(const struct proc_node *n, char *buf, size_t size)
{
    char text[48];
    (void)n;
    int len = format(text, sizeof(text), "%d/task/%d", process_current()->pid, thread_current()->tid);
    memcpy(buf, text, MIN(size, (size_t)len));
    return (int64_t)MIN(size, (size_t)len);
}

/* "mounts" and "net": the calling process's own. */
static int64_t own_readlink(const struct proc_node *n, char *buf, size_t size)
{
    char text[16];
    int len = format(text, sizeof(text), "self/%s", n->entry->name);
    memcpy(buf, text, MIN(size, (size_t)len));
    return (int64_t)MIN(size, (size_t)len);
}

/* ---- processes ---------------------------------------------------------------------------------------------------------------- */

/* Also by the number of a thread that is not the first, which readdir does not show. */
static int pid_lookup(const struct proc_node *dir, const char *name, size_t len, struct proc_node *child)
{
    int pid;
    (void)dir;
    if (!proc_number_parse(name, len, &pid))
        return -ENOENT;
    *child = (struct proc_node){.entry = &proc_pid_entry, .process = process_find(pid)};
    if (child->process)
        return 0;
    child->thread = thread_find(pid);
    if (!child->thread)
        return -ENOENT;
    child->process = child->thread->process;
    process_get(child->process);
    return 0;
}

static bool pid_next(const struct proc_node *dir, uint64_t *key, char name[PROC_NAME_SIZE], unsigned *type)
{
    struct process *p = process_next((int32_t)MIN(*key, (uint64_t)INT32_MAX - 1) - 1);
    (void)dir;
    if (!p)
        return false;
    *key = (uint64_t)p->pid;
    *type = S_IFDIR;
    format(name, PROC_NAME_SIZE, "%d", p->pid);
    process_put(p);
    return true;
}

static const struct proc_dynamic pids = {pid_lookup, pid_next};

static const struct proc_entry entries[] = {
    PROC_TEXT("cmdline", "naos\n"),
    PROC_FILE("cpuinfo", show_cpuinfo),
    PROC_TEXT("devices", "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n"),
    PROC_TEXT("diskstats", ""),
    PROC_FILE("filesystems", show_filesystems),
    PROC_FILE("loadavg", show_loadavg),
    PROC_FILE("meminfo", show_meminfo),
    PROC_TEXT("modules", ""),
    {.name = "mounts", .mode = S_IFLNK | 0777, .readlink = own_readlink},
    {.name = "net", .mode = S_IFLNK | 0777, .readlink = own_readlink},
    PROC_TEXT("partitions", "major minor  #blocks  name\n\n"),
    {.name = "self", .mode = S_IFLNK | 0777, .readlink = self_readlink},
    PROC_FILE("stat", show_stat),
    PROC_TEXT("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
    {.name = "sys", .mode = S_IFDIR | 0555, .children = proc_sys_entries, .child_count = PROC_SYS_ENTRY_COUNT},
    {.name = "sysvipc", .mode = S_IFDIR | 0555, .children = proc_sysvipc_entries, .child_count = PROC_SYSVIPC_ENTRY_COUNT},
    {.name = "thread-self", .mode = S_IFLNK | 0777, .readlink = thread_self_readlink},
    PROC_FILE("uptime", show_uptime),
    PROC_FILE("version", show_version),
    PROC_FILE("vmstat", show_vmstat),
};

const struct proc_entry proc_root_entry = {
    .name = "/", .mode = S_IFDIR | 0555, .children = entries, .child_count = ARRAY_COUNT(entries), .dynamic = &pids,
};
