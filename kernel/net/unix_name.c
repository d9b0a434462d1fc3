/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of Unix sockets: paths (an inode of type S_IFSOCK that points to its socket), and abstract ones, in a table.
 * names_lock guards both directions; a socket found there may be on its way out: then it is not referenced.
 */
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "base/string.h"
#include "heap/heap.h"
#include "net/caller.h"
#include "net/unix.h"
#include "vfs/inode.h"
#include "vfs/mount.h"

#define NAME_BUCKETS 256
#define PATH_OFF     offsetof(struct linux_sockaddr_un, path)
#define AUTOBIND_MAX 0xfffffU

static struct spinlock names_lock;
static struct list names[NAME_BUCKETS];

void unix_name_get(struct unix_name *name)
{
    if (name)
        ref_get(&name->ref);
}

void unix_name_put(struct unix_name *name)
{
    if (name && ref_put(&name->ref))
        heap_free(name);
}

static struct unix_name *name_create(const struct sock_addr *addr)
{
    struct unix_name *name = heap_alloc(sizeof(*name));
    if (name) {
        ref_init(&name->ref, 1);
        name->addr = *addr;
    }
    return name;
}

/* Path names get their zero, and its place in the size; 0, or -EINVAL. */
static int addr_check(struct sock_addr *addr)
{
    if (addr->size <= PATH_OFF || addr->size > sizeof(struct linux_sockaddr_un) || addr->family != AF_UNIX)
        return -EINVAL;
    if (addr->un.path[0])
        addr->size = (uint32_t)(PATH_OFF + strnlen(addr->un.path, addr->size - PATH_OFF) + 1);
    return 0;
}

static bool is_abstract(const struct sock_addr *addr)
{
    return !addr->un.path[0];
}

/* bytes[] has room for the longest path and its zero: sock_addr_from_user cleared it. */
static const char *path_of(const struct sock_addr *addr)
{
    return (const char *)addr->bytes + PATH_OFF;
}

/* ---- abstract names ---------------------------------------------------------------------------------------------- */

static struct list *bucket_of(const struct sock_addr *addr)
{
    uint32_t hash = 2166136261U;
    for (uint32_t i = PATH_OFF; i < addr->size; i++)
        hash = (hash ^ addr->bytes[i]) * 16777619U;
    struct list *bucket = &names[hash % NAME_BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

/* Each type of socket has its own names. */
static struct unix_socket *abstract_find(const struct sock_addr *addr, unsigned type)
{
    struct unix_socket *u;
    list_for_each (u, bucket_of(addr), name_node) {
        const struct sock_addr *own = &u->name->addr;
        if (u->s.type == type && own->size == addr->size && memcmp(own->bytes, addr->bytes, addr->size) == 0)
            return u;
    }
    return NULL;
}

static int abstract_bind(struct unix_socket *u, const struct sock_addr *addr)
{
    struct unix_name *name = name_create(addr);
    if (!name)
        return -ENOMEM;
    spin_lock(&names_lock);
    int err = u->name ? -EINVAL : abstract_find(addr, u->s.type) ? -EADDRINUSE : 0;
    if (err == 0) {
        u->name = name;
        list_push_back(bucket_of(addr), &u->name_node);
    }
    spin_unlock(&names_lock);
    if (err)
        unix_name_put(name);
    return err;
}

/* A name of five hexadecimal digits, as unix(7) has it. */
static int autobind(struct unix_socket *u)
{
    static uint32_t last;
    int err = -EADDRINUSE;
    for (uint32_t i = 0; i <= AUTOBIND_MAX && err == -EADDRINUSE; i++) {
        struct sock_addr addr = {.size = PATH_OFF + 6, .un = {.family = AF_UNIX}};
        char digits[8];
        uint32_t number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED) & AUTOBIND_MAX;
        format(digits, sizeof(digits), "%05x", number);
        memcpy(addr.un.path + 1, digits, 5);
        err = abstract_bind(u, &addr);
    }
    return err;
}

/* ---- paths ---------------------------------------------------------------------------------------------------------- */

/* A second bind(2): what is wrong with the path is said first. */
static int bound_again(const char *path)
{
    struct path there;
    int err = path_walk(NULL, path, 0, &there);
    if (err == 0)
        path_put(&there);
    return err == 0 ? -EADDRINUSE : err == -ENOENT ? -EINVAL : err;
}

static int path_bind(struct unix_socket *u, const struct sock_addr *addr)
{
    struct inode *inode;
    struct unix_name *name = name_create(addr);
    if (!name)
        return -ENOMEM;
    int err = u->name ? bound_again(path_of(addr)) : vfs_mknod(NULL, path_of(addr), S_IFSOCK | 0777, 0, &inode);
    if (err) {
        unix_name_put(name);
        return err == -EEXIST ? -EADDRINUSE : err;
    }
    spin_lock(&names_lock);
    bool was_bound = u->name; /* by another thread meanwhile: its name stays, ours is a dead one */
    if (!was_bound) {
        u->name = name;
        u->inode = inode;
        inode->special = u;
    }
    spin_unlock(&names_lock);
    if (was_bound) {
        inode_put(inode);
        unix_name_put(name);
    }
    return was_bound ? -EINVAL : 0;
}

static int path_find(const struct sock_addr *addr, struct unix_socket **result)
{
    struct path path;
    int err = path_walk(NULL, path_of(addr), WALK_FOLLOW, &path);
    if (err)
        return err;
    struct inode *inode = path_inode(&path);
    err = S_ISSOCK(inode->mode) ? vfs_access(inode, 2) : -ECONNREFUSED;
    if (err == 0) {
        spin_lock(&names_lock);
        struct unix_socket *u = inode->special;
        err = u && ref_get_unless_zero(&u->s.ref) ? 0 : -ECONNREFUSED;
        spin_unlock(&names_lock);
        *result = u;
    }
    path_put(&path);
    return err;
}

/* ---- both ------------------------------------------------------------------------------------------------------------- */

int unix_bind(struct socket *s, const struct sock_addr *given)
{
    struct unix_socket *u = unix_of(s);
    struct sock_addr addr = *given;
    if (addr.size >= sizeof(addr.family) && addr.family != AF_UNIX)
        return -EINVAL;
    if (addr.size == PATH_OFF)
        return u->name ? 0 : autobind(u);
    int err = addr_check(&addr);
    if (err)
        return err;
    return is_abstract(&addr) ? abstract_bind(u, &addr) : path_bind(u, &addr);
}

void unix_unbind(struct unix_socket *u)
{
    spin_lock(&names_lock);
    list_remove(&u->name_node);
    struct inode *inode = u->inode;
    u->inode = NULL;
    if (inode)
        inode->special = NULL;
    spin_unlock(&names_lock);
    inode_put(inode);
}

static int find_any(const struct sock_addr *addr, unsigned type, struct unix_socket **result)
{
    if (!is_abstract(addr))
        return path_find(addr, result);
    spin_lock(&names_lock);
    struct unix_socket *u = abstract_find(addr, type);
    int err = u && ref_get_unless_zero(&u->s.ref) ? 0 : -ECONNREFUSED;
    spin_unlock(&names_lock);
    *result = u;
    return err;
}

int unix_find(const struct sock_addr *given, unsigned type, struct unix_socket **result)
{
    struct sock_addr addr = *given;
    int err = addr_check(&addr);
    if (err == 0)
        err = find_any(&addr, type, result);
    if (err == 0 && (*result)->s.type != type) {
        socket_put(&(*result)->s);
        err = -EPROTOTYPE;
    }
    return err;
}

int unix_socket_name(struct socket *s, bool is_peer, struct sock_addr *addr)
{
    struct unix_socket *u = unix_of(s);
    struct unix_socket *of = u;
    spin_lock(&s->lock);
    if (is_peer)
        of = u->state == UNIX_CONNECTED || s->type == SOCK_DGRAM ? u->peer : NULL;
    if (of && of->name)
        *addr = of->name->addr;
    else
        *addr = (struct sock_addr){.size = PATH_OFF, .un = {.family = AF_UNIX}};
    spin_unlock(&s->lock);
    return of ? 0 : -ENOTCONN;
}
