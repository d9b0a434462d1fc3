/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about the system itself: uname, sysinfo, host name, random bytes. */
#include <linux/capability.h>
#include <linux/random.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>
#include "base/spinlock.h"
#include "base/string.h"
#include "crypto/random.h"
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "proc/internal.h"
#include "syscall/sysinfo.h"
#include "syscall_gen.h"
#include "time/clock.h"

static struct spinlock uts_lock;
static struct new_utsname uts = {
    .sysname = "Linux",
    .nodename = "naos",
    .release = "6.1.0-naos",
    .version = "#1 SMP naos",
    .machine = ARCH_MACHINE,
    .domainname = "(none)",
};

void uts_get(struct new_utsname *name)
{
    spin_lock(&uts_lock);
    *name = uts;
    spin_unlock(&uts_lock);
}

static void uts_set(char field[static __NEW_UTS_LEN + 1], const char *name, size_t len)
{
    spin_lock(&uts_lock);
    memset(field, 0, __NEW_UTS_LEN + 1);
    memcpy(field, name, len);
    spin_unlock(&uts_lock);
}

void uts_set_hostname(const char *name)
{
    uts_set(uts.nodename, name, strnlen(name, __NEW_UTS_LEN));
}

int64_t sys_uname(uaddr_t buf)
{
    struct new_utsname name;
    uts_get(&name);
    return copy_to_user(buf, &name, sizeof(name));
}

static int64_t uts_set_from_user(char *field, uaddr_t name, int64_t size)
{
    char buf[__NEW_UTS_LEN];
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (size < 0 || size > __NEW_UTS_LEN)
        return -EINVAL;
    int err = copy_from_user(buf, name, (size_t)size);
    if (err == 0)
        uts_set(field, buf, (size_t)size);
    return err;
}

int64_t sys_sethostname(uaddr_t name, int64_t size)
{
    return uts_set_from_user(uts.nodename, name, size);
}

int64_t sys_setdomainname(uaddr_t name, int64_t size)
{
    return uts_set_from_user(uts.domainname, name, size);
}

int64_t sys_sysinfo(uaddr_t info)
{
    struct memory_stats memory;
    struct process_counts counts;
    memory_stats(&memory);
    process_counts(&counts);
    struct sysinfo si = {
        .uptime = clock_monotonic() / NS_PER_S,
        .loads = {counts.running << SI_LOAD_SHIFT, counts.running << SI_LOAD_SHIFT,
                  counts.running << SI_LOAD_SHIFT},
        .totalram = memory.total,
        .freeram = memory.total - memory.used,
        .procs = (uint16_t)counts.threads,
        .mem_unit = 1,
    };
    return copy_to_user(info, &si, sizeof(si));
}

int64_t sys_getrandom(uaddr_t buf, uint64_t size, unsigned flags)
{
    uint8_t chunk[256];
    if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    size = MIN(size, 0x7fffffffUL - PAGE_MASK);
    uint64_t done = 0;
    while (done < size) {
        size_t n = MIN(size - done, sizeof(chunk));
        random_bytes(chunk, n);
        if (copy_to_user(buf + done, chunk, n) < 0)
            break;
        done += n;
    }
    mem_wipe(chunk, sizeof(chunk));
    return done || size == 0 ? (int64_t)done : -EFAULT;
}

/* syslog(2): SYSLOG_ACTION_* */
enum { LOG_CLOSE, LOG_OPEN, LOG_READ, LOG_READ_ALL, LOG_READ_CLEAR, LOG_CLEAR, LOG_CONSOLE_OFF, LOG_CONSOLE_ON, LOG_CONSOLE_LEVEL,
       LOG_SIZE_UNREAD, LOG_SIZE_BUFFER };

/* The log goes to the host: for programs it is empty, of size 0, and who waits for a line waits for a signal. */
int64_t sys_syslog(int type, uaddr_t buf, int size)
{
    if (type != LOG_READ_ALL && type != LOG_SIZE_BUFFER && !capable(CAP_SYSLOG))
        return -EPERM;
    switch (type) {
    case LOG_READ:
        return !buf || size < 0 ? -EINVAL : size == 0 ? 0 : signal_pause();
    case LOG_READ_ALL:
    case LOG_READ_CLEAR:
        return !buf || size < 0 ? -EINVAL : 0;
    case LOG_CONSOLE_LEVEL:
        return size < 1 || size > 8 ? -EINVAL : 0;
    case LOG_CLOSE:
    case LOG_OPEN:
    case LOG_CLEAR:
    case LOG_CONSOLE_OFF:
    case LOG_CONSOLE_ON:
    case LOG_SIZE_UNREAD:
    case LOG_SIZE_BUFFER:
        return 0;
    default:
        return -EINVAL;
    }
}
