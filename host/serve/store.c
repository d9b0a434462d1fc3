/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of stores: STORES/NAME.store under the instance, mapped shared with room for all that the store may become. Growing
 * takes the room from the disk at once, so that writing to the mapping cannot fail for want of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/error.h"
#include "base/flock.h"
#include "serve_internal.h"

#define STORE_MAX   16
#define WRITE_EARLY (64u << 10)

static struct host_store {
    int fd;         /* 0: not open */
    int counter_fd; /* -1: none */
    uint64_t size, max_size, counter;
    struct syncer {
        pthread_mutex_t lock;
        pthread_cond_t wanted_more;
        uint64_t wanted, done; /* tickets */
        int result;            /* -errno of the first that failed: what did not reach the disk then is not tried again */
        int done_fd;           /* the enclave watches it; -1: there is no thread */
        struct serve *serve;
    } syncer;
} stores[STORE_MAX];

static struct host_store *store_of(uint32_t id)
{
    return id < STORE_MAX && stores[id].fd > 0 ? &stores[id] : NULL;
}

static bool is_name(const char *name, size_t size)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return size > 1 && size <= 64 && name[size - 1] == 0 && strlen(name) == size - 1 && name[0] != '.' &&
           strspn(name, allowed) == size - 1;
}

static int file_open(const struct serve_vcpu *vcpu, const char *name, const char *suffix)
{
    char path[4096];
    const char *dir = vcpu->serve->options.store_dir;
    if (!dir || (mkdir(dir, 0700) < 0 && errno != EEXIST))
        return -1;
    snprintf(path, sizeof(path), "%s/%s%s", dir, name, suffix);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* NAME.counter: eight bytes. */
static void counter_open(const struct serve_vcpu *vcpu, const char *name, struct host_store *s)
{
    s->counter = 0;
    s->counter_fd = file_open(vcpu, name, ".counter");
    if (s->counter_fd >= 0 && pread(s->counter_fd, &s->counter, sizeof(s->counter), 0) != sizeof(s->counter))
        s->counter = 0;
}

static int64_t store_map(const struct serve_vcpu *vcpu, const char *name, uint64_t max_size, struct host_store *s, void **at)
{
    struct stat st;
    int fd = file_open(vcpu, name, ".store");
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0) {
        int err = errno == EWOULDBLOCK ? EBUSY : errno;
        if (err == EBUSY)
            error_report("store %s: process %d has it open; stop that enclave first (`naos ps` lists those with names)", name, flock_holder(fd));
        close(fd);
        return -err;
    }
    if ((uint64_t)st.st_size > max_size)
        max_size = (uint64_t)st.st_size;
    *at = mmap(NULL, max_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (*at == MAP_FAILED) {
        close(fd);
        return -ENOMEM;
    }
    s->fd = fd;
    s->size = (uint64_t)st.st_size;
    s->max_size = max_size;
    s->counter_fd = -1;
    return 0;
}

/* ---- a thread that waits for the disk, so that the vCPU need not ----------------------------------------------------- */

static void *syncer_main(void *arg)
{
    struct host_store *s = arg;
    struct syncer *y = &s->syncer;
    const uint64_t one = 1;
    pthread_mutex_lock(&y->lock);
    for (;;) {
        while (y->wanted == y->done)
            pthread_cond_wait(&y->wanted_more, &y->lock);
        uint64_t target = y->wanted;
        pthread_mutex_unlock(&y->lock);
        int result = fdatasync(s->fd) < 0 ? -errno : 0;
        pthread_mutex_lock(&y->lock);
        y->done = target;
        y->result = y->result ? y->result : result;
        if (write(y->done_fd, &one, sizeof(one)) < 0)
            continue; /* its counter is full, so it is readable */
        ticker_event(y->serve);
    }
    return NULL;
}

static void syncer_start(const struct serve_vcpu *vcpu, struct host_store *s)
{
    struct syncer *y = &s->syncer;
    pthread_t thread;
    pthread_mutex_init(&y->lock, NULL);
    pthread_cond_init(&y->wanted_more, NULL);
    y->serve = vcpu->serve;
    y->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (y->done_fd < 0)
        return;
    if (y->done_fd >= SERVE_FD_MAX || pthread_create(&thread, NULL, syncer_main, s)) {
        close(y->done_fd);
        y->done_fd = -1;
        return;
    }
    pthread_detach(thread);
    vcpu->serve->fds[y->done_fd] = y->done_fd;
}

static int64_t sync_begin(struct syncer *y)
{
    if (y->done_fd < 0)
        return -EINVAL;
    pthread_mutex_lock(&y->lock);
    uint64_t ticket = ++y->wanted;
    pthread_cond_signal(&y->wanted_more);
    pthread_mutex_unlock(&y->lock);
    return (int64_t)ticket;
}

static int64_t sync_result(struct syncer *y, uint64_t ticket)
{
    pthread_mutex_lock(&y->lock);
    int64_t result = y->done >= ticket ? y->result : -EAGAIN;
    pthread_mutex_unlock(&y->lock);
    return result;
}

/* ---- the calls ---------------------------------------------------------------------------------------------------------- */

int64_t serve_store_open(struct serve_vcpu *vcpu, uint64_t max_size, uint32_t is_counted, const void *name, size_t name_size,
                         void *reply, size_t reply_size)
{
    struct hostcall_store r = {0};
    struct host_store *s = stores;
    char copy[64];
    void *at = NULL;
    if (name_size > sizeof(copy) || reply_size < sizeof(r) || max_size == 0)
        return -EINVAL;
    memcpy(copy, name, name_size);
    if (!is_name(copy, name_size))
        return -EINVAL;
    while (s < stores + STORE_MAX && s->fd > 0)
        s++;
    int64_t err = s < stores + STORE_MAX ? store_map(vcpu, copy, max_size, s, &at) : -ENOMEM;
    if (err < 0)
        return err;
    if (is_counted)
        counter_open(vcpu, copy, s);
    syncer_start(vcpu, s);
    r.done_fd = s->syncer.done_fd < 0 ? UINT32_MAX : (uint32_t)s->syncer.done_fd;
    r.addr = (uint64_t)at;
    r.size = s->size;
    r.id = (uint32_t)(s - stores);
    r.has_counter = s->counter_fd >= 0;
    r.counter = s->counter;
    r.has_key = vcpu->serve->options.store_key != NULL;
    if (r.has_key)
        memcpy(r.key, vcpu->serve->options.store_key, sizeof(r.key));
    memcpy(reply, &r, sizeof(r));
    return sizeof(r);
}

int64_t serve_store_write(struct serve_vcpu *vcpu, uint32_t id, uint64_t off, const void *data, size_t data_size)
{
    struct host_store *s = store_of(id);
    (void)vcpu;
    if (!s || off > s->size || data_size > s->size - off)
        return -EINVAL;
    for (size_t done = 0; done < data_size;) {
        ssize_t n = pwrite(s->fd, (const char *)data + done, data_size - done, (off_t)(off + done));
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    if (data_size >= WRITE_EARLY) /* so that a sync later finds less to do */
        sync_file_range(s->fd, (off_t)off, (off_t)data_size, SYNC_FILE_RANGE_WRITE);
    return 0;
}

int64_t serve_store_resize(struct serve_vcpu *vcpu, uint32_t id, uint64_t size)
{
    struct host_store *s = store_of(id);
    (void)vcpu;
    if (!s || size > s->max_size)
        return -EINVAL;
    int err = size > s->size ? posix_fallocate(s->fd, (off_t)s->size, (off_t)(size - s->size)) : 0;
    if (size < s->size && ftruncate(s->fd, (off_t)size) < 0)
        err = errno;
    if (err)
        return -ENOSPC;
    s->size = size;
    return 0;
}

int64_t serve_store_room(struct serve_vcpu *vcpu, uint32_t id, uint64_t off, uint64_t size, uint32_t is_wanted)
{
    struct host_store *s = store_of(id);
    (void)vcpu;
    if (!s || off > s->size || size > s->size - off)
        return -EINVAL;
    if (is_wanted)
        return posix_fallocate(s->fd, (off_t)off, (off_t)size) ? -ENOSPC : 0;
    return fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)size) < 0 ? -EOPNOTSUPP : 0;
}

int64_t serve_store_sync(struct serve_vcpu *vcpu, uint32_t id, uint32_t what, uint64_t ticket)
{
    struct host_store *s = store_of(id);
    (void)vcpu;
    if (!s)
        return -EINVAL;
    switch (what) {
    case HOSTCALL_SYNC_NOW: return fdatasync(s->fd) < 0 ? -errno : 0;
    case HOSTCALL_SYNC_BEGIN: return sync_begin(&s->syncer);
    case HOSTCALL_SYNC_RESULT: return sync_result(&s->syncer, ticket);
    default: return -EINVAL;
    }
}

int64_t serve_store_count(struct serve_vcpu *vcpu, uint32_t id, uint64_t value)
{
    struct host_store *s = store_of(id);
    (void)vcpu;
    if (!s || s->counter_fd < 0)
        return -EINVAL;
    if (value < s->counter)
        return -ESTALE;
    s->counter = value;
    if (pwrite(s->counter_fd, &value, sizeof(value), 0) != sizeof(value) || fdatasync(s->counter_fd) < 0)
        return -EIO;
    return 0;
}
