/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/<pid>/fd and fdinfo. */
#include <linux/fcntl.h>
#include <linux/limits.h>
#include "heap/heap.h"
#include "procfs/internal.h"
#include "vfs/dentry.h"

#define OTHERS_SIZE 1024 /* what a kind of file adds to its fdinfo */

static struct fdtable *table_of(const struct proc_node *n)
{
    struct thread *t = proc_thread(n);
    struct fdtable *files = t ? thread_files(t) : NULL;
    if (t)
        thread_put(t);
    return files;
}

static int file_of(const struct proc_node *n, struct file **f)
{
    struct fdtable *files = table_of(n);
    int err = files ? fd_get(files, n->fd, f) : -ENOENT;
    if (files)
        fdtable_put(files);
    return err ? -ENOENT : 0;
}

/* ---- entries ----------------------------------------------------------------------------------------------------------- */

static int64_t fd_readlink(const struct proc_node *n, char *buf, size_t size)
{
    struct file *f;
    char *name = heap_alloc(PATH_MAX);
    if (!name)
        return -ENOMEM;
    int64_t len = file_of(n, &f);
    if (len == 0) {
        len = opened_describe(f, name, PATH_MAX);
        file_put(f);
    }
    if (len > 0) {
        len = MIN(len, (int64_t)size);
        memcpy(buf, name, (size_t)len);
    }
    heap_free(name);
    return len;
}

static int fd_follow(const struct proc_node *n, struct path *result)
{
    struct file *f;
    int err = file_of(n, &f);
    if (err)
        return err;
    err = opened_path(f, result);
    file_put(f);
    return err;
}

static void others_show(struct file *f, struct text *t)
{
    char *buf = f->ops->show_fdinfo ? heap_zalloc(OTHERS_SIZE) : NULL;
    if (!buf)
        return;
    f->ops->show_fdinfo(f, buf, OTHERS_SIZE);
    text_add(t, "%s", buf);
    heap_free(buf);
}

static int fdinfo_show(const struct proc_node *n, struct text *t)
{
    struct file *f;
    struct fdtable *files = table_of(n);
    int err = file_of(n, &f);
    if (err == 0) {
        bool cloexec = files && fd_get_cloexec(files, n->fd) > 0;
        text_add(t, "pos:\t%llu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n", (unsigned long long)f->pos,
                 f->flags | (cloexec ? O_CLOEXEC : 0), f->path.mount ? f->path.mount->id : 0,
                 (unsigned long long)(f->inode ? f->inode->ino : (uintptr_t)f->data >> 4));
        others_show(f, t);
        file_put(f);
    }
    if (files)
        fdtable_put(files);
    return err;
}

static const struct proc_entry fd_entry = {
    .name = "fd", .mode = S_IFLNK | 0700, .is_private = true, .readlink = fd_readlink, .follow = fd_follow,
};
static const struct proc_entry fdinfo_entry = {
    .name = "fdinfo", .mode = S_IFREG | 0444, .is_private = true, .show = fdinfo_show,
};

/* ---- folders -------------------------------------------------------------------------------------------------------------- */

static int lookup(const struct proc_node *dir, const char *name, size_t len, const struct proc_entry *entry,
                  struct proc_node *child)
{
    struct proc_node n = {.entry = entry, .process = dir->process, .thread = dir->thread};
    struct file *f;
    if (!proc_number_parse(name, len, &n.fd) || file_of(&n, &f))
        return -ENOENT;
    file_put(f);
    process_get(n.process);
    if (n.thread)
        thread_get(n.thread);
    *child = n;
    return 0;
}

static int fd_lookup(const struct proc_node *dir, const char *name, size_t len, struct proc_node *child)
{
    return lookup(dir, name, len, &fd_entry, child);
}

static int fdinfo_lookup(const struct proc_node *dir, const char *name, size_t len, struct proc_node *child)
{
    return lookup(dir, name, len, &fdinfo_entry, child);
}

static bool next(const struct proc_node *dir, uint64_t *key, char name[PROC_NAME_SIZE])
{
    struct fdtable *files = table_of(dir);
    struct file *f;
    int fd = (int)MIN(*key, (uint64_t)INT32_MAX);
    bool is_found = files && fd_next(files, &fd, &f);
    if (is_found) {
        file_put(f);
        *key = (uint64_t)fd;
        format(name, PROC_NAME_SIZE, "%d", fd);
    }
    if (files)
        fdtable_put(files);
    return is_found;
}

static bool fd_next_name(const struct proc_node *dir, uint64_t *key, char name[PROC_NAME_SIZE], unsigned *type)
{
    *type = S_IFLNK;
    return next(dir, key, name);
}

static bool fdinfo_next_name(const struct proc_node *dir, uint64_t *key, char name[PROC_NAME_SIZE], unsigned *type)
{
    *type = S_IFREG;
    return next(dir, key, name);
}

const struct proc_dynamic proc_fd_dynamic = {fd_lookup, fd_next_name};
const struct proc_dynamic proc_fdinfo_dynamic = {fdinfo_lookup, fdinfo_next_name};
