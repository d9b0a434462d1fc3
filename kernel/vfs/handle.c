/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/handle.h"
#include "base/string.h"
#include "heap/heap.h"
#include "sync/mutex.h"
#include "vfs/dentry.h"

#define ENTRIES 1024 /* the oldest makes room */

struct entry {
    struct file_id id;
    char *name; /* from the root of who asked */
};

static struct mutex lock; /* guards the table */
static struct entry entries[ENTRIES];
static uint64_t last_entry;

static bool is_same(const struct file_id *a, const struct inode *inode)
{
    return a->dev == inode->sb->dev && a->ino == inode->ino;
}

/* Under the lock: the entry of this file by this name, if the table has it. */
static struct entry *entry_known(const struct inode *inode, const char *name)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        if (entries[i].name && is_same(&entries[i].id, inode) && strcmp(entries[i].name, name) == 0)
            return &entries[i];
    }
    return NULL;
}

/* Takes over the name. */
static void entry_remember(const struct inode *inode, char *name, struct file_id *id)
{
    mutex_lock(&lock);
    struct entry *e = entry_known(inode, name);
    if (!e) {
        char *unused = name;
        last_entry++;
        e = &entries[last_entry % ENTRIES];
        name = e->name;
        *e = (struct entry){{inode->sb->dev, inode->ino, last_entry}, unused};
    }
    *id = e->id;
    mutex_unlock(&lock);
    heap_free(name);
}

static char *name_copy(const char *text, size_t len)
{
    char *name = heap_alloc(len + 1);
    if (name)
        memcpy(name, text, len + 1);
    return name;
}

int file_id_make(const struct path *p, struct file_id *id)
{
    char *text = heap_alloc(PATH_MAX);
    if (!text)
        return -ENOMEM;
    int64_t len = p->dentry->is_unlinked ? -ESTALE : path_name(p, text, PATH_MAX);
    char *name = len < 0 ? NULL : name_copy(text, (size_t)len);
    heap_free(text);
    if (!name)
        return len < 0 ? (int)len : -ENOMEM;
    entry_remember(path_inode(p), name, id);
    return 0;
}

int file_id_find(const struct file_id *id, const struct path *on, struct path *result)
{
    const struct entry *e = &entries[id->entry % ENTRIES];
    int err = -ESTALE;
    mutex_lock(&lock);
    if (e->name && memcmp(&e->id, id, sizeof(*id)) == 0)
        err = path_walk(NULL, e->name, 0, result);
    mutex_unlock(&lock);
    if (err)
        return err == -ENOMEM ? err : -ESTALE;
    if (is_same(id, path_inode(result)) && mount_superblock(on->mount) == path_inode(result)->sb)
        return 0;
    path_put(result);
    return -ESTALE;
}
