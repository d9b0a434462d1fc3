/* SPDX-License-Identifier: Apache-2.0 */
/* Asynchronous input and output: done at once when it is submitted, and told of as if it were not. */
#include <linux/aio_abi.h>
#include "heap/heap.h"
#include "ipc/aio.h"
#include "ipc/eventfd.h"
#include "mm/usercopy.h"
#include "syscall/fds.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"

#define KEY        0 /* what the kernel writes to iocb.aio_key */
#define TAKE_MAX   64
#define COUNT_MAX  (0x10000000U / sizeof(struct io_event))

int64_t sys_io_setup(unsigned count, uaddr_t user)
{
    uint64_t id;
    int err = copy_from_user(&id, user, sizeof(id));
    if (err)
        return err;
    if (id != 0 || count == 0 || count > COUNT_MAX)
        return -EINVAL;
    err = aio_create(count, &id);
    if (err)
        return err;
    err = put_user(user, id);
    return err && aio_destroy(id) ? -EINVAL : err;
}

int64_t sys_io_destroy(uint64_t ctx)
{
    return aio_destroy(ctx);
}

/* ---- submitting ------------------------------------------------------------------------------------------------------------- */

static bool is_read(const struct iocb *cb)
{
    return cb->aio_lio_opcode == IOCB_CMD_PREAD || cb->aio_lio_opcode == IOCB_CMD_PREADV;
}

static bool is_sync(const struct iocb *cb)
{
    return cb->aio_lio_opcode == IOCB_CMD_FSYNC || cb->aio_lio_opcode == IOCB_CMD_FDSYNC;
}

static bool is_vector(const struct iocb *cb)
{
    return cb->aio_lio_opcode == IOCB_CMD_PREADV || cb->aio_lio_opcode == IOCB_CMD_PWRITEV;
}

static int iocb_check(const struct iocb *cb)
{
    bool is_write = cb->aio_lio_opcode == IOCB_CMD_PWRITE || cb->aio_lio_opcode == IOCB_CMD_PWRITEV;
    if (cb->aio_reserved2 || (int64_t)cb->aio_nbytes < 0)
        return -EINVAL;
    return is_read(cb) || is_write || is_sync(cb) ? 0 : -EINVAL;
}

/* What the file says before anything is done, as an error of io_submit; what comes later is the event's. */
static int file_check(const struct iocb *cb, const struct file *f)
{
    if (is_sync(cb))
        return f->ops->sync ? 0 : -EINVAL;
    if (!(f->mode & (is_read(cb) ? FMODE_READ : FMODE_WRITE)))
        return -EBADF;
    if (f->mode & FMODE_SEEK && cb->aio_offset < 0)
        return -EINVAL;
    return (is_read(cb) ? f->ops->read != NULL : f->ops->write != NULL) ? 0 : -EINVAL;
}

static int64_t transfer(const struct iocb *cb, bool is_seekable)
{
    int fd = (int)cb->aio_fildes;
    int64_t at = is_seekable ? cb->aio_offset : -1; /* -1: where the file is, for what has no places */
    if (is_vector(cb))
        return is_read(cb) ? sys_preadv2(fd, cb->aio_buf, cb->aio_nbytes, at, 0, (unsigned)cb->aio_rw_flags)
                           : sys_pwritev2(fd, cb->aio_buf, cb->aio_nbytes, at, 0, (unsigned)cb->aio_rw_flags);
    if (!is_seekable)
        return is_read(cb) ? sys_read(fd, cb->aio_buf, cb->aio_nbytes) : sys_write(fd, cb->aio_buf, cb->aio_nbytes);
    return is_read(cb) ? sys_pread64(fd, cb->aio_buf, cb->aio_nbytes, at) : sys_pwrite64(fd, cb->aio_buf, cb->aio_nbytes, at);
}

static int64_t perform(const struct iocb *cb, bool is_seekable)
{
    if (is_sync(cb))
        return cb->aio_lio_opcode == IOCB_CMD_FSYNC ? sys_fsync((int)cb->aio_fildes) : sys_fdatasync((int)cb->aio_fildes);
    int64_t result = transfer(cb, is_seekable);
    return result == -ERESTARTSYS ? -EINTR : result;
}

static int eventfd_get(const struct iocb *cb, struct file **f)
{
    *f = NULL;
    if (!(cb->aio_flags & IOCB_FLAG_RESFD))
        return 0;
    int err = fd_get_io((int)cb->aio_resfd, f);
    if (err == 0 && !file_is_eventfd(*f)) {
        file_put(*f);
        *f = NULL;
        err = -EINVAL;
    }
    return err;
}

/* A counter that is full stays so: nobody is told less. */
static void eventfd_tell(struct file *f)
{
    uint64_t one = 1;
    struct iov_iter it;
    iov_iter_kernel(&it, &one, sizeof(one));
    int64_t told = f->ops->write(f, &it, 0, true);
    (void)told;
}

static int iocb_run(struct aio_context *ctx, uaddr_t user, const struct iocb *cb, struct file *f)
{
    struct file *notice;
    int err = file_check(cb, f);
    err = err ? err : eventfd_get(cb, &notice);
    if (err)
        return err;
    struct io_event event = {.data = cb->aio_data, .obj = user};
    event.res = perform(cb, f->mode & FMODE_SEEK);
    err = aio_complete(ctx, &event);
    if (notice) {
        eventfd_tell(notice);
        file_put(notice);
    }
    return err;
}

static int iocb_submit(struct aio_context *ctx, uaddr_t user)
{
    struct iocb cb;
    struct file *f;
    uint32_t key = KEY;
    int err = copy_from_user(&cb, user, sizeof(cb));
    err = err ? err : iocb_check(&cb);
    if (err == 0 && !aio_has_room(ctx))
        err = -EAGAIN;
    err = err ? err : fd_get_io((int)cb.aio_fildes, &f);
    if (err)
        return err;
    err = put_user(user + offsetof(struct iocb, aio_key), key);
    err = err ? err : iocb_run(ctx, user, &cb, f);
    file_put(f);
    return err;
}

/* How many were taken; the first one's error if there was none. */
int64_t sys_io_submit(uint64_t id, int64_t count, uaddr_t iocbs)
{
    struct aio_context *ctx;
    int64_t done = 0;
    if (count < 0)
        return -EINVAL;
    int err = aio_get(id, &ctx);
    if (err)
        return err;
    for (; done < count && err == 0; done += err == 0) {
        uaddr_t one;
        err = copy_from_user(&one, iocbs + (uint64_t)done * sizeof(one), sizeof(one));
        err = err ? err : iocb_submit(ctx, one);
    }
    aio_put(ctx);
    return done ? done : err;
}

/* What was submitted is complete: nothing is left to cancel. */
int64_t sys_io_cancel(uint64_t id, uaddr_t iocb, uaddr_t result)
{
    struct aio_context *ctx;
    uint32_t key;
    (void)result;
    int err = copy_from_user(&key, iocb + offsetof(struct iocb, aio_key), sizeof(key));
    if (err)
        return err;
    if (aio_get(id, &ctx) == 0)
        aio_put(ctx);
    return -EINVAL;
}

/* ---- taking events ------------------------------------------------------------------------------------------------------------ */

static int64_t take(struct aio_context *ctx, int64_t least, int64_t most, uaddr_t user, ns_t deadline)
{
    struct io_event events[TAKE_MAX];
    int64_t done = 0;
    while (done < most) {
        unsigned want = least > done ? (unsigned)MIN(least - done, TAKE_MAX) : 0;
        int n = aio_take(ctx, want, (unsigned)MIN(most - done, TAKE_MAX), deadline, events);
        if (n <= 0)
            return done ? done : n;
        if (copy_to_user(user + (uint64_t)done * sizeof(events[0]), events, (size_t)n * sizeof(events[0])))
            return -EFAULT;
        done += n;
        if ((unsigned)n < want)
            break;
    }
    return done;
}

int64_t sys_io_getevents(uint64_t id, int64_t least, int64_t most, uaddr_t events, uaddr_t timeout)
{
    struct aio_context *ctx;
    ns_t deadline = NS_NEVER;
    int err = timeout ? timeout_read(timeout, &deadline) : 0;
    err = err ? err : aio_get(id, &ctx);
    if (err)
        return err;
    int64_t n = least < 0 || most < 0 || least > most ? -EINVAL : take(ctx, least, most, events, deadline);
    aio_put(ctx);
    return n;
}

int64_t sys_io_pgetevents(uint64_t id, int64_t least, int64_t most, uaddr_t events, uaddr_t timeout, uaddr_t mask_arg)
{
    uint64_t mask[2] = {0, 0};
    int err = mask_arg ? copy_from_user(mask, mask_arg, sizeof(mask)) : 0;
    err = err ? err : signal_set_temporary_mask(mask[0], mask[1]);
    return err ? err : sys_io_getevents(id, least, most, events, timeout);
}
