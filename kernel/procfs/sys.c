/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sys: what programs look up. But the host name and the time to give a lease back nothing can be set: opening for writing says EROFS, as in Docker. */
#include <linux/capability.h>
#include "crypto/random.h"
#include "ipc/aio.h"
#include "procfs/internal.h"
#include "vfs/async.h"

/* ---- kernel --------------------------------------------------------------------------------------------------------------- */

static int show_hostname(const struct proc_node *n, struct text *t)
{
    struct new_utsname uts;
    (void)n;
    procfs_ops.uts_get(&uts);
    text_add(t, "%s\n", uts.nodename);
    return 0;
}

static int write_hostname(const struct proc_node *n, char *text, size_t len)
{
    (void)n;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (len > __NEW_UTS_LEN)
        return -EINVAL;
    procfs_ops.uts_set_hostname(text);
    return 0;
}

static int show_domainname(const struct proc_node *n, struct text *t)
{
    struct new_utsname uts;
    (void)n;
    procfs_ops.uts_get(&uts);
    text_add(t, "%s\n", uts.domainname);
    return 0;
}

static int show_osrelease(const struct proc_node *n, struct text *t)
{
    struct new_utsname uts;
    (void)n;
    procfs_ops.uts_get(&uts);
    text_add(t, "%s\n", uts.release);
    return 0;
}

static int show_version(const struct proc_node *n, struct text *t)
{
    struct new_utsname uts;
    (void)n;
    procfs_ops.uts_get(&uts);
    text_add(t, "%s\n", uts.version);
    return 0;
}

static int show_pid_max(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, "%d\n", PID_MAX);
    return 0;
}

/* A random UUID, version 4 of RFC 4122. */
static void uuid_show(struct text *t, const uint8_t random[16])
{
    uint8_t u[16];
    memcpy(u, random, sizeof(u));
    u[6] = (u[6] & 0x0f) | 0x40;
    u[8] = (u[8] & 0x3f) | 0x80;
    for (unsigned i = 0; i < sizeof(u); i++)
        text_add(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
    text_add(t, "\n");
}

static int show_uuid(const struct proc_node *n, struct text *t)
{
    uint8_t random[16];
    (void)n;
    random_bytes(random, sizeof(random));
    uuid_show(t, random);
    return 0;
}

static int show_boot_id(const struct proc_node *n, struct text *t)
{
    static struct spinlock lock;
    static uint8_t random[16];
    static bool is_made;
    (void)n;
    spin_lock(&lock);
    if (!is_made)
        random_bytes(random, sizeof(random));
    is_made = true;
    spin_unlock(&lock);
    uuid_show(t, random);
    return 0;
}

static const struct proc_entry random_entries[] = {
    PROC_FILE("boot_id", show_boot_id),
    PROC_TEXT("entropy_avail", "256\n"),
    PROC_TEXT("poolsize", "256\n"),
    PROC_FILE("uuid", show_uuid),
};

static const struct proc_entry kernel_entries[] = {
    PROC_TEXT("cap_last_cap", "40\n"),
    PROC_TEXT("core_pattern", "core\n"),
    PROC_FILE("domainname", show_domainname),
    {.name = "hostname", .mode = S_IFREG | 0644, .show = show_hostname, .write = write_hostname},
    PROC_TEXT("msgmax", "8192\n"),
    PROC_TEXT("msgmnb", "16384\n"),
    PROC_TEXT("msgmni", "32000\n"),
    PROC_TEXT("ngroups_max", "65536\n"),
    PROC_FILE("osrelease", show_osrelease),
    PROC_TEXT("ostype", "Linux\n"),
    PROC_TEXT("overflowgid", "65534\n"),
    PROC_TEXT("overflowuid", "65534\n"),
    PROC_FILE("pid_max", show_pid_max),
    PROC_TEXT("printk", "4\t4\t1\t7\n"),
    PROC_TEXT("sched_rr_timeslice_ms", "100\n"), /* what sched_rr_get_interval(2) says */
    PROC_FOLDER("random", random_entries),
    PROC_TEXT("randomize_va_space", "2\n"),
    PROC_TEXT("sem", "32000\t1024000000\t500\t32000\n"),
    PROC_TEXT("shmall", "18446744073692774399\n"),
    PROC_TEXT("shmmax", "18446744073692774399\n"),
    PROC_TEXT("shmmni", "4096\n"),
    PROC_TEXT("tainted", "0\n"),
    PROC_FILE("threads-max", show_pid_max),
    PROC_FILE("version", show_version),
};

/* ---- vm, fs, net -------------------------------------------------------------------------------------------------------------- */

static const struct proc_entry vm_entries[] = {
    PROC_TEXT("max_map_count", "1048576\n"),
    PROC_TEXT("mmap_min_addr", "131072\n"),
    PROC_TEXT("nr_hugepages", "0\n"),
    PROC_TEXT("overcommit_memory", "1\n"), /* memory is taken when it is touched, mappings are never refused */
    PROC_TEXT("overcommit_ratio", "50\n"),
    PROC_TEXT("swappiness", "0\n"),
};

static const struct proc_entry inotify_entries[] = {
    PROC_TEXT("max_queued_events", "16384\n"),
    PROC_TEXT("max_user_instances", "128\n"),
    PROC_TEXT("max_user_watches", "65536\n"),
};

static const struct proc_entry mqueue_entries[] = { /* ipc/mqueue.h */
    PROC_TEXT("msg_default", "10\n"),
    PROC_TEXT("msg_max", "10\n"),
    PROC_TEXT("msgsize_default", "8192\n"),
    PROC_TEXT("msgsize_max", "8192\n"),
    PROC_TEXT("queues_max", "256\n"),
};

static int show_lease_break_time(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, "%u\n", lease_break_seconds);
    return 0;
}

static int write_lease_break_time(const struct proc_node *n, char *text, size_t len)
{
    int value;
    (void)n;
    if (!proc_number_parse(text, len, &value))
        return -EINVAL;
    lease_break_seconds = (uint32_t)value;
    return 0;
}

static const struct proc_entry epoll_entries[] = {
    PROC_TEXT("max_user_watches", "1048576\n"), /* as many as memory has room for */
};
static int show_aio_nr(const struct proc_node *n, struct text *t)
{
    (void)n;
    text_add(t, "%u\n", aio_count());
    return 0;
}

static const struct proc_entry fs_entries[] = {
    PROC_TEXT("aio-max-nr", "65536\n"), /* AIO_MAX */
    PROC_FILE("aio-nr", show_aio_nr),
    PROC_TEXT("dir-notify-enable", "1\n"),
    PROC_FOLDER("epoll", epoll_entries),
    PROC_TEXT("file-max", "9223372036854775807\n"),
    PROC_FOLDER("inotify", inotify_entries),
    {.name = "lease-break-time", .mode = S_IFREG | 0644, .show = show_lease_break_time, .write = write_lease_break_time},
    PROC_TEXT("leases-enable", "1\n"),
    PROC_FOLDER("mqueue", mqueue_entries),
    PROC_TEXT("nr_open", "1048576\n"),
    PROC_TEXT("overflowgid", "65534\n"),
    PROC_TEXT("overflowuid", "65534\n"),
    PROC_TEXT("pipe-max-size", "1048576\n"),
    PROC_TEXT("pipe-user-pages-hard", "0\n"), /* pipes count against no user's quota */
    PROC_TEXT("pipe-user-pages-soft", "0\n"),
    PROC_TEXT("protected_fifos", "0\n"), /* none of these four is enforced */
    PROC_TEXT("protected_hardlinks", "0\n"),
    PROC_TEXT("protected_regular", "0\n"),
    PROC_TEXT("protected_symlinks", "0\n"),
    PROC_TEXT("suid_dumpable", "0\n"),
};

static const struct proc_entry net_core_entries[] = {
    PROC_TEXT("rmem_default", "212992\n"), /* net/socket.h; what is asked for is doubled */
    PROC_TEXT("rmem_max", "2097152\n"),
    PROC_TEXT("somaxconn", "4096\n"),
    PROC_TEXT("wmem_default", "212992\n"),
    PROC_TEXT("wmem_max", "2097152\n"),
};

static const struct proc_entry net_ipv4_entries[] = {
    PROC_TEXT("ip_local_port_range", "32768\t60999\n"), /* net/port.c */
};

static const struct proc_entry net_entries[] = {
    PROC_FOLDER("core", net_core_entries),
    PROC_FOLDER("ipv4", net_ipv4_entries),
};

const struct proc_entry proc_sys_entries[PROC_SYS_ENTRY_COUNT] = {
    PROC_FOLDER("fs", fs_entries),
    PROC_FOLDER("kernel", kernel_entries),
    PROC_FOLDER("net", net_entries),
    PROC_FOLDER("vm", vm_entries),
};
