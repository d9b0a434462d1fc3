/* SPDX-License-Identifier: Apache-2.0 */
/* Open file descriptions, and what every kind of file can do. */
#pragma once
#include "base/refcount.h"
#include "mm/usercopy.h"
#include "mm/vmspace.h"
#include "sync/mutex.h"
#include "sync/waitq.h"
#include "vfs/path.h"

struct file;
struct file_async;
struct inode;
struct process;

/* Told of each directory entry; false: the buffer is full, this entry comes again next time. */
struct dir_sink {
    bool (*emit)(struct dir_sink *sink, const char *name, size_t len, uint64_t ino, unsigned type,
                 uint64_t next_pos);
};

/*
 * Any may be NULL; what then happens stands behind each. Sizes and results as in the system calls: bytes, or
 * -errno. `nonblock` comes from O_NONBLOCK, RWF_NOWAIT or MSG_DONTWAIT. Restartable waits return -EINTR.
 */
struct file_ops {
    const char *name; /* of the kind, as /proc/self/fd shows it: "pipe", "[eventfd]"; NULL for a path */
    unsigned stat_mode; /* S_IF* and permissions that fstat shows for files without an inode */
    int64_t (*read)(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock);    /* -EINVAL */
    int64_t (*write)(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock); /* -EINVAL */
    int64_t (*seek)(struct file *f, int64_t off, int whence);                             /* -ESPIPE */
    int (*readdir)(struct file *f, struct dir_sink *sink);                                /* -ENOTDIR */
    int64_t (*ioctl)(struct file *f, unsigned cmd, uint64_t arg);                         /* -ENOTTY */
    /* The events that are ready now; if waiter is given it is put on the queues that tell of others. */
    uint32_t (*poll)(struct file *f, struct waiter *waiter);                              /* always ready */
    void (*unpoll)(struct file *f, struct waiter *waiter); /* takes it off again; with poll */
    int (*mmap)(struct file *f, struct vm_map_request *req); /* fills pages; -ENODEV */
    int (*sync)(struct file *f, bool data_only);             /* -EINVAL */
    int (*truncate)(struct file *f, uint64_t size);
    int (*fallocate)(struct file *f, int mode, uint64_t off, uint64_t size); /* -EOPNOTSUPP */
    int (*set_flags)(struct file *f, unsigned flags); /* F_SETFL: told before they change */
    int64_t (*fcntl)(struct file *f, unsigned cmd, uint64_t arg); /* -EINVAL: what the kind adds, F_SETPIPE_SZ ... */
    /* open(2) of /proc/<pid>/fd/N where f has no path: makes `again`, whose flags and mode are set, another open file of
     * the same thing (a pipe). NULL: -ENXIO, but pipes and character devices are passed through to f. */
    int (*reopen)(struct file *f, struct file *again);
    void (*flush)(struct file *f);   /* at each close(2) of a descriptor */
    void (*release)(struct file *f); /* the last reference went */
    void (*show_fdinfo)(struct file *f, char *buf, size_t size);
    /* Of a folder that stands for a process: that process, referenced. -EBADF */
    int (*folder_process)(struct file *f, struct process **p);
};

struct file {
    const struct file_ops *ops;
    struct refcount ref;
    struct path path;      /* inode and mount; empty for pipes and their like */
    struct inode *inode;   /* holds a reference; may be NULL */
    void *data;            /* the kind's own */
    unsigned flags;        /* O_* without O_CREAT and its like; atomic reads */
    unsigned mode;         /* FMODE_* */
    struct file_async *async; /* vfs/async.h; NULL: nobody asked. Atomic */
    uint64_t pos;
    struct mutex pos_lock; /* read(2), write(2), lseek(2), getdents64(2) */
    struct file_locks *locks; /* vfs/locks.c, of a file without an inode */
    struct spinlock lock;  /* guards what follows */
    struct list watchers;  /* epoll items, see ipc/epoll */
    bool was_watched;      /* ever; written by who holds a reference */
    struct vm_owner vm_owner; /* mappings hold the file through it */
};
enum { FMODE_READ = 1, FMODE_WRITE = 2, FMODE_SEEK = 4, FMODE_PATH = 8, FMODE_STREAM = 16,
       FMODE_WRITER = 32 /* counted in inode->writers and mount->writers */, FMODE_READER = 64 /* counted in inode->readers */ };

/* A file of a kind without a path: ops, data and O_* flags. The caller's reference. */
nodiscard int file_create(const struct file_ops *ops, void *data, unsigned flags, struct file **f);
/* The inode number that fstat(2) and /proc show of a file that has no inode, by its data; positive as an int, as tools read it. */
static inline uint64_t file_own_ino(const void *data)
{
    return (uintptr_t)data >> 4 & INT32_MAX;
}
void file_get(struct file *f);
void file_put(struct file *f);
unsigned file_type(const struct file *f); /* S_IF*; 0: what has none, as an eventfd */
uint32_t file_poll(struct file *f, struct waiter *waiter); /* with the defaults above */
static inline bool file_is_nonblock(const struct file *f)
{
    return __atomic_load_n(&f->flags, __ATOMIC_RELAXED) & 04000; /* O_NONBLOCK */
}

/* ---- descriptor tables (CLONE_FILES shares one) ----------------------------------------------- */

struct fdtable;
nodiscard int fdtable_create(struct fdtable **t);
nodiscard int fdtable_copy(struct fdtable *from, struct fdtable **t);
void fdtable_get(struct fdtable *t);
void fdtable_put(struct fdtable *t);
void fdtable_close_on_exec(struct fdtable *t);
nodiscard int fdtable_close_range(struct fdtable *t, unsigned first, unsigned last, bool only_mark);
/* The file behind a descriptor, with a reference for the caller; -EBADF. */
nodiscard int fd_get(struct fdtable *t, int fd, struct file **f);
/* The lowest free descriptor >= min gets f (and the caller's reference); -EMFILE at `limit` (RLIMIT_NOFILE). */
nodiscard int fd_install(struct fdtable *t, struct file *f, int min, bool cloexec, uint64_t limit);
nodiscard int fd_replace(struct fdtable *t, int fd, struct file *f, bool cloexec, uint64_t limit); /* dup2 */
nodiscard int fd_close(struct fdtable *t, int fd);
nodiscard int fd_get_cloexec(struct fdtable *t, int fd);
nodiscard int fd_set_cloexec(struct fdtable *t, int fd, bool cloexec);
/* The first open descriptor >= fd and its file, referenced; false at the end. For /proc/self/fd. */
bool fd_next(struct fdtable *t, int *fd, struct file **f);
unsigned fdtable_room(struct fdtable *t); /* no descriptor is as high; as in Linux at least 64 */
