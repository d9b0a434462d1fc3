/* SPDX-License-Identifier: Apache-2.0 */
/* The table of /proc/<pid> and /proc/<pid>/task/<tid>, and its small files and links. */
#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/oom.h>
#include "heap/heap.h"
#include "procfs/internal.h"
#include "vfs/mount.h"

/* ---- small files ------------------------------------------------------------------------------------------------------------ */

static int show_comm(const struct proc_node *n, struct text *t)
{
    struct thread *thread = proc_thread(n);
    if (!thread)
        return -ESRCH;
    text_add(t, "%.15s\n", thread->name);
    thread_put(thread);
    return 0;
}

/* Only by threads of the same process. */
static int write_comm(const struct proc_node *n, char *text, size_t len)
{
    struct thread *thread = n->process == process_current() ? proc_thread(n) : NULL;
    (void)len;
    if (!thread)
        return -EINVAL;
    str_copy(thread->name, text, sizeof(thread->name));
    thread_put(thread);
    return 0;
}

static int mounts_show(struct text *t, bool as_mountinfo)
{
    size_t room = 4096, size;
    for (;;) {
        char *at = text_reserve(t, room);
        if (!at)
            return -ENOMEM;
        size = mount_list(at, room, as_mountinfo);
        if (size < room)
            break;
        room = size + 512; /* mounts may have come meanwhile */
    }
    t->size += size;
    return 0;
}

static int show_mounts(const struct proc_node *n, struct text *t)
{
    (void)n;
    return mounts_show(t, false);
}

static int show_mountinfo(const struct proc_node *n, struct text *t)
{
    (void)n;
    return mounts_show(t, true);
}

/* There is no OOM killer: a process that asks for too much gets ENOMEM or SIGBUS. The number is only kept. */
static int show_oom_score_adj(const struct proc_node *n, struct text *t)
{
    text_add(t, "%d\n", __atomic_load_n(&n->process->oom_score_adj, __ATOMIC_RELAXED));
    return 0;
}

static int number_parse(const char *s, int *value)
{
    int sign = *s == '-' ? -1 : 1;
    s += *s == '-' || *s == '+';
    if (!proc_number_parse(s, strlen(s), value))
        return -EINVAL;
    *value *= sign;
    return 0;
}

static int write_oom_score_adj(const struct proc_node *n, char *text, size_t len)
{
    int value, err = number_parse(text, &value);
    (void)len;
    if (err || value < OOM_SCORE_ADJ_MIN || value > OOM_SCORE_ADJ_MAX)
        return -EINVAL;
    if (value < n->process->oom_score_adj && !capable(CAP_SYS_RESOURCE))
        return -EACCES;
    __atomic_store_n(&n->process->oom_score_adj, (int16_t)value, __ATOMIC_RELAXED);
    return 0;
}

static int show_personality(const struct proc_node *n, struct text *t)
{
    text_add(t, "%08x\n", n->process->personality);
    return 0;
}

/* Transfers are not counted. */
static int show_io(const struct proc_node *n, struct text *t)
{
    static const char *const names[] = {"rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes",
                                        "cancelled_write_bytes"};
    (void)n;
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++)
        text_add(t, "%s: 0\n", names[i]);
    return 0;
}

/* ---- links to what the process uses ------------------------------------------------------------------------------------------- */

static int exe_follow(const struct proc_node *n, struct path *result)
{
    struct process *p = n->process;
    spin_lock(&p->lock);
    *result = p->exe;
    if (result->dentry)
        path_get(result);
    spin_unlock(&p->lock);
    return result->dentry ? 0 : -ENOENT;
}

static int fs_follow(const struct proc_node *n, struct path *result, void (*take)(struct fs_context *, struct path *))
{
    struct thread *t = proc_thread(n);
    struct fs_context *fs = t ? thread_fs(t) : NULL;
    if (fs) {
        take(fs, result);
        fs_context_put(fs);
    }
    if (t)
        thread_put(t);
    return fs ? 0 : -ENOENT;
}

static int cwd_follow(const struct proc_node *n, struct path *result)
{
    return fs_follow(n, result, fs_context_cwd);
}

static int root_follow(const struct proc_node *n, struct path *result)
{
    return fs_follow(n, result, fs_context_root);
}

/* The name of what the link leads to. */
static int64_t followed_readlink(const struct proc_node *n, char *buf, size_t size)
{
    struct path path;
    char *name = heap_alloc(PATH_MAX);
    if (!name)
        return -ENOMEM;
    int64_t len = n->entry->follow(n, &path);
    if (len == 0) {
        len = path_name(&path, name, PATH_MAX);
        path_put(&path);
    }
    if (len > 0) {
        len = MIN(len, (int64_t)size);
        memcpy(buf, name, (size_t)len);
    }
    heap_free(name);
    return len;
}

/* There is one namespace of each kind; the numbers are those of Linux's first ones. */
static int64_t ns_readlink(const struct proc_node *n, char *buf, size_t size)
{
    char text[40];
    int len = format(text, sizeof(text), "%s", n->entry->text);
    memcpy(buf, text, MIN(size, (size_t)len));
    return (int64_t)MIN(size, (size_t)len);
}

#define NS_LINK(kind, target) \
    {.name = (kind), .mode = S_IFLNK | 0777, .is_private = true, .text = (target), .readlink = ns_readlink}

static const struct proc_entry ns_entries[] = {
    NS_LINK("cgroup", "cgroup:[4026531835]"),
    NS_LINK("ipc", "ipc:[4026531839]"),
    NS_LINK("mnt", "mnt:[4026531841]"),
    NS_LINK("net", "net:[4026531840]"),
    NS_LINK("pid", "pid:[4026531836]"),
    NS_LINK("pid_for_children", "pid:[4026531836]"),
    NS_LINK("time", "time:[4026531834]"),
    NS_LINK("user", "user:[4026531837]"),
    NS_LINK("uts", "uts:[4026531838]"),
};

/* ---- threads ---------------------------------------------------------------------------------------------------------------------- */

static int task_lookup(const struct proc_node *dir, const char *name, size_t len, struct proc_node *child)
{
    int tid;
    struct thread *t = proc_number_parse(name, len, &tid) ? thread_find(tid) : NULL;
    if (!t)
        return -ENOENT;
    if (t->process != dir->process) {
        thread_put(t);
        return -ENOENT;
    }
    process_get(dir->process);
    *child = (struct proc_node){.entry = &proc_tid_entry, .process = dir->process, .thread = t};
    return 0;
}

static bool task_next(const struct proc_node *dir, uint64_t *key, char name[PROC_NAME_SIZE], unsigned *type)
{
    struct thread *t = process_next_thread(dir->process, (int32_t)MIN(*key, (uint64_t)INT32_MAX - 1) - 1);
    if (!t)
        return false;
    *key = (uint64_t)t->tid;
    *type = S_IFDIR;
    format(name, PROC_NAME_SIZE, "%d", t->tid);
    thread_put(t);
    return true;
}

static const struct proc_dynamic tasks = {task_lookup, task_next};

static int show_timerslack(const struct proc_node *n, struct text *t)
{
    struct thread *thread = proc_thread(n);
    if (!thread)
        return -ESRCH;
    text_add(t, "%lld\n", (long long)thread->timer_slack);
    thread_put(thread);
    return 0;
}

/* ---- the table --------------------------------------------------------------------------------------------------------------------- */

#define PRIVATE_FILE(entry_name, perm, function) \
    {.name = (entry_name), .mode = S_IFREG | (perm), .is_private = true, .show = (function)}
#define MAGIC_LINK(entry_name, function) \
    {.name = (entry_name), .mode = S_IFLNK | 0777, .is_private = true, .readlink = followed_readlink, .follow = (function)}

/* A thread's has all but the last. */
static const struct proc_entry entries[] = {
    PRIVATE_FILE("auxv", 0400, proc_show_auxv),
    PROC_TEXT("cgroup", "0::/\n"),
    PROC_FILE("cmdline", proc_show_cmdline),
    {.name = "comm", .mode = S_IFREG | 0644, .show = show_comm, .write = write_comm},
    MAGIC_LINK("cwd", cwd_follow),
    PRIVATE_FILE("environ", 0400, proc_show_environ),
    MAGIC_LINK("exe", exe_follow),
    {.name = "fd", .mode = S_IFDIR | 0500, .is_private = true, .dynamic = &proc_fd_dynamic},
    {.name = "fdinfo", .mode = S_IFDIR | 0555, .is_private = true, .dynamic = &proc_fdinfo_dynamic},
    PROC_TEXT("gid_map", "         0          0 4294967295\n"),
    PRIVATE_FILE("io", 0400, show_io),
    PROC_FILE("limits", proc_show_limits),
    PROC_TEXT("loginuid", "4294967295"),
    PRIVATE_FILE("maps", 0444, proc_show_maps),
    {.name = "mem", .mode = S_IFREG | 0600, .is_private = true, .file_ops = &proc_mem_file_ops},
    PROC_FILE("mountinfo", show_mountinfo),
    PROC_FILE("mounts", show_mounts),
    {.name = "net", .mode = S_IFDIR | 0555, .children = proc_net_entries, .child_count = PROC_NET_ENTRY_COUNT},
    PROC_FOLDER("ns", ns_entries),
    PROC_TEXT("oom_score", "0\n"),
    {.name = "oom_score_adj", .mode = S_IFREG | 0644, .show = show_oom_score_adj, .write = write_oom_score_adj},
    PRIVATE_FILE("personality", 0400, show_personality),
    MAGIC_LINK("root", root_follow),
    PROC_TEXT("sessionid", "4294967295"),
    PROC_TEXT("setgroups", "allow\n"),
    PRIVATE_FILE("smaps", 0444, proc_show_smaps),
    PRIVATE_FILE("smaps_rollup", 0444, proc_show_smaps_rollup),
    PROC_FILE("stat", proc_show_stat),
    PROC_FILE("statm", proc_show_statm),
    PROC_FILE("status", proc_show_status),
    PRIVATE_FILE("timerslack_ns", 0444, show_timerslack),
    PROC_TEXT("uid_map", "         0          0 4294967295\n"),
    PROC_TEXT("wchan", "0"),
    {.name = "task", .mode = S_IFDIR | 0555, .dynamic = &tasks},
};

const struct proc_entry proc_pid_entry = PROC_FOLDER("pid", entries);
const struct proc_entry proc_tid_entry = {
    .name = "tid", .mode = S_IFDIR | 0555, .children = entries, .child_count = ARRAY_COUNT(entries) - 1,
};
