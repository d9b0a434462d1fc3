/* SPDX-License-Identifier: Apache-2.0 */
/* A ramfs that is filled once and then read-only: nothing in it ever changes. */
#include "fs/sysfs.h"
#include <linux/stat.h>
#include "base/string.h"
#include "fs/ramfs.h"
#include "sched/sched.h"

#define CPU "devices/system/cpu"
#define NODE "devices/system/node"
#define THP "kernel/mm/transparent_hugepage"

/* Folders end in a slash. What is equal on every machine; the rest depends on the number of processors. */
static const struct {
    const char *path, *text;
} entries[] = {
    {"block/", NULL},
    {"bus/", NULL},
    {"class/", NULL},
    {"devices/", NULL},
    {"devices/system/", NULL},
    {CPU "/", NULL},
    {CPU "/isolated", "\n"},
    {CPU "/offline", "\n"},
    {CPU "/kernel_max", "63\n"},
    {NODE "/", NULL},
    {NODE "/has_cpu", "0\n"},
    {NODE "/has_memory", "0\n"},
    {NODE "/has_normal_memory", "0\n"},
    {NODE "/online", "0\n"},
    {NODE "/possible", "0\n"},
    {NODE "/node0/", NULL},
    {NODE "/node0/distance", "10\n"},
    {"fs/", NULL},
    {"fs/cgroup/", NULL},
    {"kernel/", NULL},
    {"kernel/mm/", NULL},
    {"kernel/mm/hugepages/", NULL},
    {THP "/", NULL},
    {THP "/enabled", "always madvise [never]\n"},
    {THP "/defrag", "always defer defer+madvise madvise [never]\n"},
    {THP "/hpage_pmd_size", "2097152\n"},
    {THP "/shmem_enabled", "always within_size advise [never] deny force\n"},
};

/* One entry in a folder, whose lock is held; an existing folder is found. */
static int entry_make(struct inode *dir, const char *name, size_t len, uint32_t mode, struct inode **result)
{
    if (S_ISDIR(mode) && dir->ops->lookup(dir, name, len, result) == 0)
        return 0;
    return dir->ops->create(dir, name, len, mode, 0, result);
}

static int entry_locked(struct inode *dir, const char *name, size_t len, uint32_t mode, struct inode **result)
{
    mutex_lock(&dir->lock);
    int err = entry_make(dir, name, len, mode, result);
    mutex_unlock(&dir->lock);
    return err;
}

/* Makes the folders on the way, then the file with its text (NULL: the path ends in a slash, there is none). */
static int path_make(struct inode *root, const char *path, const char *text)
{
    struct inode *at = root, *next;
    inode_get(root);
    while (*path) {
        const char *slash = strchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : strlen(path);
        int err = entry_locked(at, path, len, slash ? S_IFDIR | 0755 : S_IFREG | 0444, &next);
        inode_put(at);
        if (err)
            return err;
        at = next;
        path += len + (slash ? 1 : 0);
    }
    int64_t n = text ? pagecache_write(at->pages, 0, text, strlen(text)) : 0;
    inode_put(at);
    return n < 0 ? (int)n : 0;
}

static int cpu_file(struct inode *root, unsigned cpu, const char *name, const char *text)
{
    char path[96];
    format(path, sizeof(path), CPU "/cpu%u/%s", cpu, name);
    return path_make(root, path, text);
}

static void all_cpus_text(char range[24], char mask[24])
{
    if (vcpu_count > 1)
        format(range, 24, "0-%u\n", vcpu_count - 1);
    else
        format(range, 24, "0\n");
    format(mask, 24, "%llx\n", vcpu_count < 64 ? (1ULL << vcpu_count) - 1 : ~0ULL);
}

/* Each processor is a core of its own, in one package. */
static int cpu_make(struct inode *root, unsigned cpu)
{
    char id[16], mask[24], path[64], all[24], all_mask[24];
    const struct {
        const char *name, *text;
    } topology[] = {
        {"core_id", id}, {"physical_package_id", "0\n"}, {"die_id", "0\n"}, {"thread_siblings", mask},
        {"thread_siblings_list", id}, {"core_cpus", mask}, {"core_cpus_list", id}, {"core_siblings", all_mask},
        {"core_siblings_list", all}, {"package_cpus", all_mask}, {"package_cpus_list", all},
    };
    format(id, sizeof(id), "%u\n", cpu);
    format(mask, sizeof(mask), "%llx\n", 1ULL << cpu);
    all_cpus_text(all, all_mask);
    int err = cpu > 0 ? cpu_file(root, cpu, "online", "1\n") : 0;
    for (size_t i = 0; i < ARRAY_COUNT(topology) && err == 0; i++) {
        format(path, sizeof(path), "topology/%s", topology[i].name);
        err = cpu_file(root, cpu, path, topology[i].text);
    }
    format(path, sizeof(path), NODE "/node0/cpu%u/", cpu);
    return err ? err : path_make(root, path, NULL);
}

static int cpus_make(struct inode *root)
{
    static const char *const lists[] = {CPU "/online", CPU "/possible", CPU "/present", NODE "/node0/cpulist"};
    char range[24], mask[24];
    int err = 0;
    all_cpus_text(range, mask);
    for (size_t i = 0; i < ARRAY_COUNT(lists) && err == 0; i++)
        err = path_make(root, lists[i], range);
    if (err == 0)
        err = path_make(root, NODE "/node0/cpumap", mask);
    for (unsigned cpu = 0; cpu < vcpu_count && err == 0; cpu++)
        err = cpu_make(root, cpu);
    return err;
}

int sysfs_mount(struct superblock **sb)
{
    int err = ramfs_mount("sysfs", 0, sb);
    if (err)
        return err;
    struct inode *root = (*sb)->root;
    root->mode = S_IFDIR | 0555;
    for (size_t i = 0; i < ARRAY_COUNT(entries) && err == 0; i++)
        err = path_make(root, entries[i].path, entries[i].text);
    if (err == 0)
        err = cpus_make(root);
    if (err)
        superblock_put(*sb);
    else
        (*sb)->is_read_only = true;
    return err;
}
