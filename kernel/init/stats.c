/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the whole kernel: for --stats, printed once when the first program has ended, and for `naos stats`. */
#include "base/string.h"
#include "block/verity.h"
#include "heap/heap.h"
#include "hostcall/hostcall.h"
#include "init/init.h"
#include "mm/pagecache.h"
#include "sched/sched.h"
#include "syscall/stats.h"

void stats_each(stats_sink *sink, void *to)
{
    struct sched_stats s;
    struct memory_stats m;
    struct process_counts p;
    sched_stats(&s);
    memory_stats(&m);
    process_counts(&p);
    for (unsigned i = 0; i < HOSTCALL_COUNT; i++) {
        if (hostcall_counts[i])
            sink(to, hostcall_names[i], hostcall_counts[i]);
    }
    for (unsigned i = 0; i < HOSTCALL_COUNT; i++) {
        if (hostcall_bytes[i]) {
            char name[64];
            format(name, sizeof(name), "bytes by %s", hostcall_names[i]);
            sink(to, name, hostcall_bytes[i]);
        }
    }
    sink(to, "context switches", s.switches);
    sink(to, "tasks taken over by another vCPU", s.steals);
    sink(to, "image blocks verified", verity_verified_count());
    sink(to, "bytes of page cache", pagecache_size());
    sink(to, "bytes received from the network", hostcall_bytes[HOSTCALL_SOCK_RECV]);
    sink(to, "bytes sent to the network", hostcall_bytes[HOSTCALL_SOCK_SEND]);
    sink(to, "bytes written to stores", hostcall_bytes[HOSTCALL_STORE_WRITE]);
    sink(to, "processes", p.processes);
    sink(to, "threads", p.threads);
    sink(to, "bytes of memory", m.total);
    sink(to, "bytes of memory used", m.used);
    sink(to, "bytes of memory used at most", m.peak);
    sink(to, "bytes of memory used by the kernel", m.kernel_used);
}

static void line_print(void *to, const char *name, uint64_t value)
{
    char line[80];
    int len = format(line, sizeof(line), "%10llu  %s\n", (unsigned long long)value, name);
    int64_t err = hostcall_stats(line, (size_t)len);
    (void)to;
    (void)err; /* nobody is left to be told */
}

void stats_print(void)
{
    syscall_stats_print();
    stats_each(line_print, NULL);
}
