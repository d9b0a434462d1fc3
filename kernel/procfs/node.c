/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes and files over the tables. A file's text is made when it is read from its begin, and kept for the rest. Inodes
 * are made at each lookup (names_change): what they stand for may be gone by the next.
 */
#include <linux/fcntl.h>
#include <linux/magic.h>
#include "heap/heap.h"
#include "procfs/internal.h"

#define FIRST_POS  3    /* behind "." and ".." */
#define CHILD_MAX  256  /* positions of a folder's static entries; dynamic ones follow by key */
#define WRITE_MAX  4096
#define NUMBER_MAX (1 << 30)

static const struct inode_ops proc_inode_ops, proc_magic_ops;
static const struct file_ops proc_dir_ops, proc_text_ops;

const struct proc_node *proc_node_of(const struct inode *inode)
{
    return inode->data;
}

bool proc_number_parse(const char *name, size_t len, int *value)
{
    *value = 0;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9' || *value >= NUMBER_MAX / 10)
            return false;
        *value = *value * 10 + (name[i] - '0');
    }
    return len == 1 || (len > 0 && name[0] != '0');
}

static bool is_gone(struct process *p)
{
    struct process *now = process_find(p->pid);
    if (now)
        process_put(now);
    return now != p;
}

int proc_target_check(const struct proc_node *n)
{
    if (!n->process)
        return 0;
    if (is_gone(n->process))
        return -ESRCH;
    return n->entry->is_private && !process_may_inspect(n->process) ? -EACCES : 0;
}

struct thread *proc_thread(const struct proc_node *n)
{
    if (!n->thread)
        return process_next_thread(n->process, 0);
    thread_get(n->thread);
    return n->thread;
}

/* ---- inodes ---------------------------------------------------------------------------------------------------------- */

/* The same name has the same number each time, in readdir too. */
static uint64_t ino_of(uint64_t parent, const char *name, size_t len)
{
    uint64_t h = parent ^ 0xcbf29ce484222325ULL;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)name[i]) * 0x100000001b3ULL; /* FNV-1a */
    return (h >> 16 ^ h) & 0xffffffffffffULL;
}

static void node_put(struct proc_node *n)
{
    if (n->thread)
        thread_put(n->thread);
    if (n->process)
        process_put(n->process);
}

static void proc_evict(struct inode *inode)
{
    node_put(inode->data);
    heap_free(inode->data);
}

/* A process's files are its effective user's, if others with that identity may see them at all. */
static void proc_refresh(struct inode *inode)
{
    const struct proc_node *n = proc_node_of(inode);
    struct cred *cred = n->process ? process_cred(n->process) : NULL;
    bool is_open = cred && n->process->dumpable;
    inode->uid = is_open ? cred->euid : 0;
    inode->gid = is_open ? cred->egid : 0;
    if (cred)
        cred_put(cred);
}

/* Takes over the node's references, in any case. */
static struct inode *node_inode(struct superblock *sb, uint64_t ino, const struct proc_node *n)
{
    struct proc_node *data = heap_alloc(sizeof(*data));
    struct inode *inode = data ? inode_create(sb, ino, n->entry->mode) : NULL;
    if (!inode) {
        struct proc_node copy = *n;
        heap_free(data);
        node_put(&copy);
        return NULL;
    }
    *data = *n;
    inode->data = data;
    inode->ops = n->entry->follow ? &proc_magic_ops : &proc_inode_ops;
    inode->file_ops = S_ISDIR(inode->mode) ? &proc_dir_ops : &proc_text_ops;
    inode->nlink = S_ISDIR(inode->mode) ? 2 : 1;
    proc_refresh(inode);
    return inode;
}

static const struct proc_entry *child_find(const struct proc_entry *dir, const char *name, size_t len)
{
    for (size_t i = 0; i < dir->child_count; i++) {
        if (strlen(dir->children[i].name) == len && memcmp(dir->children[i].name, name, len) == 0)
            return &dir->children[i];
    }
    return NULL;
}

static int proc_lookup(struct inode *dir, const char *name, size_t len, struct inode **result)
{
    const struct proc_node *n = proc_node_of(dir);
    struct proc_node child = {.entry = child_find(n->entry, name, len), .process = n->process, .thread = n->thread};
    int err = proc_target_check(n);
    if (err)
        return err == -ESRCH ? -ENOENT : err;
    if (child.entry) {
        if (child.process)
            process_get(child.process);
        if (child.thread)
            thread_get(child.thread);
    } else {
        err = n->entry->dynamic ? n->entry->dynamic->lookup(n, name, len, &child) : -ENOENT;
        if (err)
            return err;
    }
    *result = node_inode(dir->sb, ino_of(dir->ino, name, len), &child);
    return *result ? 0 : -ENOMEM;
}

static int64_t proc_readlink(struct inode *inode, char *buf, size_t size)
{
    const struct proc_node *n = proc_node_of(inode);
    int err = proc_target_check(n);
    if (err)
        return err == -ESRCH ? -ENOENT : err;
    return n->entry->readlink ? n->entry->readlink(n, buf, size) : -EINVAL;
}

static int proc_magic_link(struct inode *inode, struct path *result)
{
    const struct proc_node *n = proc_node_of(inode);
    int err = proc_target_check(n);
    if (err)
        return err == -ESRCH ? -ENOENT : err;
    return n->entry->follow(n, result);
}

/* O_TRUNC before a write is fine; who owns what and how is not for sale. */
static int proc_setattr(struct inode *inode, const struct iattr *attr)
{
    (void)inode;
    return attr->valid & (IATTR_MODE | IATTR_UID | IATTR_GID) ? -EPERM : 0;
}

/* ---- folders --------------------------------------------------------------------------------------------------------------- */

/* False: the buffer is full. */
static bool emit(struct inode *dir, struct dir_sink *sink, const char *name, uint32_t mode, uint64_t next, uint64_t *pos)
{
    size_t len = strlen(name);
    if (!sink->emit(sink, name, len, ino_of(dir->ino, name, len), (mode & S_IFMT) >> 12, next))
        return false;
    *pos = next;
    return true;
}

static int proc_readdir(struct inode *dir, uint64_t *pos, struct dir_sink *sink)
{
    const struct proc_node *n = proc_node_of(dir);
    const struct proc_entry *e = n->entry;
    char name[PROC_NAME_SIZE];
    unsigned type;
    int err = proc_target_check(n);
    if (err)
        return err == -ESRCH ? -ENOENT : err;
    for (*pos = MAX(*pos, (uint64_t)FIRST_POS); *pos - FIRST_POS < e->child_count;) {
        const struct proc_entry *child = &e->children[*pos - FIRST_POS];
        if (!emit(dir, sink, child->name, child->mode, *pos + 1, pos))
            return 0;
    }
    uint64_t key = *pos > CHILD_MAX ? *pos - CHILD_MAX : 0;
    while (e->dynamic && e->dynamic->next(n, &key, name, &type)) {
        if (!emit(dir, sink, name, type, CHILD_MAX + key + 1, pos))
            return 0;
        key++;
    }
    return 0;
}

static int dir_readdir(struct file *f, struct dir_sink *sink)
{
    return proc_readdir(f->inode, &f->pos, sink);
}

/* pidfd_send_signal(2) takes /proc/<pid> for a descriptor of the process. */
static int dir_process(struct file *f, struct process **p)
{
    const struct proc_node *n = proc_node_of(f->inode);
    if (n->entry != &proc_pid_entry)
        return -EBADF;
    process_get(n->process);
    *p = n->process;
    return 0;
}

static const struct file_ops proc_dir_ops = {.readdir = dir_readdir, .folder_process = dir_process};

/* ---- files ------------------------------------------------------------------------------------------------------------------- */

struct text_file {
    struct mutex lock; /* guards the text: pread(2)s may come together */
    struct text text;
    bool is_made;
};

static int text_make(const struct proc_node *n, struct text_file *tf)
{
    int err = proc_target_check(n);
    tf->text.size = 0;
    tf->is_made = false;
    if (err)
        return err;
    if (n->entry->text)
        text_add(&tf->text, "%s", n->entry->text);
    else if (n->entry->show)
        err = n->entry->show(n, &tf->text);
    if (err == 0 && tf->text.is_failed) {
        text_free(&tf->text);
        err = -ENOMEM;
    }
    tf->is_made = err == 0;
    return err;
}

static int64_t text_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct text_file *tf = f->data;
    int64_t n = 0;
    (void)nonblock;
    mutex_lock(&tf->lock);
    if (off == 0 || !tf->is_made)
        n = text_make(proc_node_of(f->inode), tf);
    if (n == 0 && off < tf->text.size)
        n = iov_copy_to(to, tf->text.buf + off, MIN(to->left, tf->text.size - off));
    mutex_unlock(&tf->lock);
    return n;
}

static int64_t text_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    const struct proc_node *n = proc_node_of(f->inode);
    size_t size = from->left;
    (void)off, (void)nonblock;
    if (size >= WRITE_MAX)
        return -EINVAL;
    char *text = heap_alloc(size + 1);
    if (!text)
        return -ENOMEM;
    int64_t err = proc_target_check(n);
    if (err == 0 && iov_copy_from(from, text, size) != (int64_t)size)
        err = -EFAULT;
    size_t len = size > 0 && text[size - 1] == '\n' ? size - 1 : size;
    text[len] = 0;
    if (err == 0)
        err = n->entry->write(n, text, len);
    heap_free(text);
    return err ? err : (int64_t)size;
}

static void text_release(struct file *f)
{
    struct text_file *tf = f->data;
    if (!tf) /* O_PATH */
        return;
    text_free(&tf->text);
    heap_free(tf);
}

static const struct file_ops proc_text_ops = {.read = text_read, .write = text_write, .release = text_release};

static int text_open(const struct proc_node *n, struct file *f)
{
    if ((f->mode & FMODE_WRITE) && !n->entry->write)
        return -EROFS;
    struct text_file *tf = heap_zalloc(sizeof(*tf));
    if (!tf)
        return -ENOMEM;
    mutex_init(&tf->lock);
    f->data = tf;
    return 0;
}

static int proc_open(struct inode *inode, struct file *f)
{
    const struct proc_node *n = proc_node_of(inode);
    int err = proc_target_check(n);
    if (err)
        return err;
    if (n->entry->file_ops)
        f->ops = n->entry->file_ops;
    else if (S_ISREG(inode->mode))
        err = text_open(n, f);
    return err;
}

/* As Linux has it: a name that is not there cannot be made. */
static int proc_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev, struct inode **result)
{
    (void)dir, (void)name, (void)len, (void)mode, (void)rdev, (void)result;
    return -ENOENT;
}

static const struct inode_ops proc_inode_ops = {
    .lookup = proc_lookup, .create = proc_create, .readdir = proc_readdir, .readlink = proc_readlink, .setattr = proc_setattr,
    .refresh = proc_refresh, .open = proc_open, .evict = proc_evict, .names_change = true,
};
static const struct inode_ops proc_magic_ops = {
    .readlink = proc_readlink, .magic_link = proc_magic_link, .setattr = proc_setattr, .refresh = proc_refresh,
    .evict = proc_evict, .names_change = true,
};

/* ---- the superblock -------------------------------------------------------------------------------------------------------------- */

static int proc_statfs(struct superblock *sb, struct statfs_info *info)
{
    (void)sb;
    *info = (struct statfs_info){.type = PROC_SUPER_MAGIC, .block_size = PAGE_SIZE, .name_max = 255};
    return 0;
}

static const struct super_ops proc_super_ops = {.statfs = proc_statfs};

int procfs_mount(struct superblock **result)
{
    const struct proc_node root = {.entry = &proc_root_entry};
    int err = opened_init();
    if (err)
        return err;
    struct superblock *sb = superblock_create(&proc_super_ops, "proc", NULL);
    if (!sb)
        return -ENOMEM;
    sb->root = node_inode(sb, 1, &root);
    if (!sb->root) {
        superblock_put(sb);
        return -ENOMEM;
    }
    *result = sb;
    return 0;
}
