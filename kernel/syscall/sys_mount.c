/* SPDX-License-Identifier: Apache-2.0 */
/* mount(2) and umount2(2), of file systems that need no device; and what procfs asks of the system calls' layer. */
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include "base/string.h"
#include "fs/devfs.h"
#include "fs/overlay/overlay.h"
#include "fs/ramfs.h"
#include "fs/sysfs.h"
#include "procfs/procfs.h"
#include "syscall/paths.h"
#include "syscall/sysinfo.h"
#include "syscall_gen.h"
#include "tty/tty.h"
#include "vfs/mount.h"

#define TYPE_SIZE   32
#define SOURCE_SIZE 64

/* /proc/filesystems and sysfs(2): "nodev" before those that need no device. */
static const char fs_list[] = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tramfs\nnodev\toverlay\n\terofs\n";

const struct procfs_ops procfs_ops = {
    .uts_get = uts_get,
    .uts_set_hostname = uts_set_hostname,
    .filesystems = fs_list,
};

/* ---- sysfs(2) ------------------------------------------------------------------------------------------------------------ */

enum { SYSFS_INDEX = 1, SYSFS_NAME, SYSFS_COUNT };

/* The name in the index'th line of the list; NULL: there are fewer. */
static const char *fs_name(unsigned index, size_t *len)
{
    const char *s = fs_list;
    for (; *s && index > 0; s++)
        index -= *s == '\n';
    while (*s && *s != '\t')
        s++;
    if (!*s)
        return NULL;
    s++;
    for (*len = 0; s[*len] != '\n';)
        ++*len;
    return s;
}

static unsigned fs_count(void)
{
    unsigned count = 0;
    for (size_t len; fs_name(count, &len);)
        count++;
    return count;
}

static int64_t fs_index(uaddr_t user)
{
    char name[TYPE_SIZE];
    const char *s;
    size_t len;
    int64_t n = copy_string_from_user(name, user, sizeof(name));
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : n;
    for (unsigned i = 0; (s = fs_name(i, &len)); i++) {
        if (len == (size_t)n && memcmp(s, name, len) == 0)
            return i;
    }
    return -EINVAL;
}

static int64_t fs_name_out(uint64_t index, uaddr_t buf)
{
    size_t len;
    const char *s = index < fs_count() ? fs_name((unsigned)index, &len) : NULL;
    if (!s)
        return -EINVAL;
    return copy_to_user(buf, s, len) || put_user(buf + len, (char)0) ? -EFAULT : 0;
}

int64_t sys_sysfs(int option, uint64_t arg, uaddr_t buf)
{
    switch (option) {
    case SYSFS_INDEX:
        return fs_index(arg);
    case SYSFS_NAME:
        return fs_name_out(arg, buf);
    case SYSFS_COUNT:
        return fs_count();
    default:
        return -EINVAL;
    }
}

int64_t sys_vhangup(void)
{
    if (!capable(CAP_SYS_TTY_CONFIG))
        return -EPERM;
    tty_hangup_caller();
    return 0;
}

/* ---- options ------------------------------------------------------------------------------------------------------------- */

struct tmpfs_options {
    uint64_t limit;
    uint32_t mode, uid, gid;
};

static bool number_read(const char **s, unsigned base, uint64_t *value)
{
    const char *begin = *s;
    for (*value = 0; **s >= '0' && **s < (char)('0' + base) && *value < 1UL << 50; (*s)++)
        *value = *value * base + (uint64_t)(**s - '0');
    return *s > begin;
}

/* A size with k, m, g or % of all memory behind. */
static bool size_read(const char **s, uint64_t *value)
{
    struct memory_stats m;
    unsigned shift = 0;
    if (!number_read(s, 10, value))
        return false;
    switch (**s) {
    case 'k':
    case 'K':
        shift = 10;
        break;
    case 'm':
    case 'M':
        shift = 20;
        break;
    case 'g':
    case 'G':
        shift = 30;
        break;
    case '%':
        memory_stats(&m);
        *value = m.total / 100 * *value;
        break;
    default:
        return true;
    }
    (*s)++;
    if (*value > UINT64_MAX >> shift)
        return false;
    *value <<= shift;
    return true;
}

/* One option; what it does not know it refuses, but for inode counts, which are not limited here. */
static bool option_read(const char **s, struct tmpfs_options *o)
{
    uint64_t value;
    if (str_has_prefix(*s, "size=")) {
        *s += 5;
        return size_read(s, &o->limit);
    }
    if (str_has_prefix(*s, "nr_inodes=")) {
        *s += 10;
        return size_read(s, &value);
    }
    bool is_mode = str_has_prefix(*s, "mode="), is_uid = str_has_prefix(*s, "uid="), is_gid = str_has_prefix(*s, "gid=");
    if (!is_mode && !is_uid && !is_gid)
        return false;
    *s += is_mode ? 5 : 4;
    if (!number_read(s, is_mode ? 8 : 10, &value) || value > UINT32_MAX)
        return false;
    *(is_mode ? &o->mode : is_uid ? &o->uid : &o->gid) = (uint32_t)value;
    return true;
}

static int options_parse(const char *s, struct tmpfs_options *o)
{
    while (*s) {
        if (!option_read(&s, o) || (*s && *s != ','))
            return -EINVAL;
        s += *s == ',';
    }
    return 0;
}

/* ---- file systems by name -------------------------------------------------------------------------------------------------- */

static int tmpfs_mount(const char *type, const char *data, struct superblock **sb)
{
    struct tmpfs_options o = {.mode = 01777, .uid = thread_current()->cred->fsuid, .gid = thread_current()->cred->fsgid};
    int err = options_parse(data, &o);
    if (err == 0)
        err = ramfs_mount(type, o.limit, sb);
    if (err)
        return err;
    (*sb)->root->mode = S_IFDIR | (o.mode & 07777);
    (*sb)->root->uid = o.uid;
    (*sb)->root->gid = o.gid;
    return 0;
}

/* The value of `key` among the options, in memory of its own; NULL: not there. */
static char *option_value(const char *data, const char *key)
{
    size_t key_len = strlen(key), len = 0;
    while (*data && !(str_has_prefix(data, key) && data[key_len] == '=')) {
        while (*data && *data != ',')
            data++;
        data += *data == ',';
    }
    if (!*data)
        return NULL;
    data += key_len + 1;
    while (data[len] && data[len] != ',')
        len++;
    char *value = heap_alloc(len + 1);
    if (value) {
        memcpy(value, data, len);
        value[len] = 0;
    }
    return value;
}

static int option_walk(const char *data, const char *key, struct path *dir)
{
    char *name = option_value(data, key);
    int err = name ? path_walk(NULL, name, WALK_FOLLOW | WALK_DIRECTORY, dir) : -EINVAL;
    heap_free(name);
    return err;
}

/* One directory below and one above; workdir is not needed, other options are not known. */
static int overlay_type_mount(const char *data, struct superblock **sb)
{
    struct path upper, lower;
    int err = option_walk(data, "upperdir", &upper);
    if (err)
        return err;
    err = option_walk(data, "lowerdir", &lower);
    if (err == 0) {
        err = overlay_mount(path_inode(&upper), path_inode(&lower), sb);
        path_put(&lower);
    }
    path_put(&upper);
    return err;
}

/* type is one of a few: the superblock keeps the pointer. */
static int type_mount(const char *type, const char *data, struct superblock **sb)
{
    static const struct {
        const char *type;
        int (*mount)(struct superblock **sb);
    } kinds[] = {{"proc", procfs_mount}, {"sysfs", sysfs_mount}, {"devpts", devpts_mount}, {"devtmpfs", devfs_mount}};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (strcmp(type, kinds[i].type) == 0)
            return kinds[i].mount(sb);
    }
    if (strcmp(type, "overlay") == 0)
        return overlay_type_mount(data, sb);
    if (strcmp(type, "tmpfs") == 0)
        return tmpfs_mount("tmpfs", data, sb);
    return strcmp(type, "ramfs") == 0 ? tmpfs_mount("ramfs", data, sb) : -ENODEV;
}

/* ---- mount ---------------------------------------------------------------------------------------------------------------------- */

static unsigned mount_bits(uint64_t flags)
{
    return (flags & MS_RDONLY ? MOUNT_READ_ONLY : 0) | (flags & MS_NOEXEC ? MOUNT_NOEXEC : 0) |
           (flags & MS_NOSUID ? MOUNT_NOSUID : 0) | (flags & MS_NODEV ? MOUNT_NODEV : 0) |
           (flags & MS_NOATIME ? MOUNT_NOATIME : 0) | (flags & MS_NODIRATIME ? MOUNT_NODIRATIME : 0) |
           (flags & MS_STRICTATIME ? MOUNT_STRICTATIME : 0) | (flags & MS_NOSYMFOLLOW ? MOUNT_NOSYMFOLLOW : 0);
}

/* MS_BIND or MS_MOVE. */
static int from_elsewhere(const struct path *at, uaddr_t source, uint64_t flags)
{
    struct path from;
    int err = at_walk(AT_FDCWD, source, WALK_FOLLOW, &from);
    if (err)
        return err;
    err = flags & MS_BIND ? mount_bind(at, &from, mount_bits(flags)) : mount_move(at, &from);
    path_put(&from);
    return err;
}

/* A string of the caller; absent: empty. */
static int string_read(char *buf, size_t size, uaddr_t from)
{
    buf[0] = 0;
    int64_t len = from ? copy_string_from_user(buf, from, size) : 0;
    return len < 0 ? (int)len : 0;
}

static int mount_new(const struct path *at, uaddr_t source, uaddr_t type, uint64_t flags, uaddr_t data)
{
    char name[TYPE_SIZE], from[SOURCE_SIZE];
    struct superblock *sb;
    if (!type)
        return -EINVAL;
    char *options = heap_alloc(PAGE_SIZE);
    if (!options)
        return -ENOMEM;
    int err = string_read(name, sizeof(name), type);
    if (err == 0)
        err = string_read(from, sizeof(from), source);
    if (err == 0)
        err = string_read(options, PAGE_SIZE, data);
    if (err == 0)
        err = type_mount(name, options, &sb);
    heap_free(options);
    if (err)
        return err == -ENAMETOOLONG ? -EINVAL : err;
    return mount_add(at, sb, from[0] ? from : "none", mount_bits(flags));
}

/* One tree of mounts for all: making it private or a slave changes nothing, sharing it with others cannot be had. */
static int propagation_set(const struct path *at, uint64_t flags)
{
    const uint64_t kind = flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE);
    if ((kind & (kind - 1)) || flags & ~(kind | MS_REC | MS_SILENT) || !mount_is_root(at))
        return -EINVAL;
    return flags & MS_SHARED ? -EINVAL : 0;
}

static int mount_on(const struct path *at, uaddr_t source, uaddr_t type, uint64_t flags, uaddr_t data)
{
    if (flags & MS_REMOUNT)
        return mount_set_flags(at, mount_bits(flags));
    if (flags & MS_BIND)
        return from_elsewhere(at, source, flags);
    if (flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
        return propagation_set(at, flags);
    if (flags & MS_MOVE)
        return from_elsewhere(at, source, flags);
    return mount_new(at, source, type, flags, data);
}

int64_t sys_mount(uaddr_t source, uaddr_t target, uaddr_t type, uint64_t flags, uaddr_t data)
{
    struct path at;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if ((flags & 0xffff0000) == 0xc0ed0000) /* MS_MGC_VAL, of old programs */
        flags &= 0xffff;
    int err = at_walk(AT_FDCWD, target, WALK_FOLLOW, &at);
    if (err)
        return err;
    err = mount_on(&at, source, type, flags, data);
    path_put(&at);
    return err;
}

int64_t sys_umount2(uaddr_t target, int flags)
{
    struct path at;
    if (flags & ~(MOUNT_FORCE | MOUNT_DETACH | MOUNT_EXPIRE | MOUNT_NOFOLLOW))
        return -EINVAL;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if ((flags & MOUNT_EXPIRE) && flags & (MOUNT_FORCE | MOUNT_DETACH))
        return -EINVAL;
    int err = at_walk(AT_FDCWD, target, flags & MOUNT_NOFOLLOW ? 0 : WALK_FOLLOW, &at);
    if (err)
        return err;
    err = mount_remove(&at, (unsigned)flags);
    path_put(&at);
    return err;
}
