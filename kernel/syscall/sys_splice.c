/* SPDX-License-Identifier: Apache-2.0 */
/* splice(2), tee(2), vmsplice(2). */
#include <linux/uio.h>
#include "heap/heap.h"
#include "ipc/splice.h"
#include "syscall/fds.h"
#include "syscall_gen.h"

#define SIZE_MAX_ONCE 0x7ffff000UL /* MAX_RW_COUNT */

enum { SPLICE_MOVE = 1, SPLICE_NONBLOCK = 2, SPLICE_MORE = 4, SPLICE_GIFT = 8, SPLICE_KNOWN = 15 }; /* SPLICE_F_* */

struct splice {
    struct file *in, *out;
    uaddr_t in_off, out_off; /* where the caller has the file's position; 0: in the file itself */
    uint64_t size;
    bool nonblock;
};

static int64_t restartable(int64_t n)
{
    return n == -EINTR ? -ERESTARTSYS : n;
}

static int position_begin(const struct file *f, uaddr_t user, uint64_t *pos)
{
    int64_t off = (int64_t)f->pos;
    if (user && !(f->mode & FMODE_SEEK))
        return -EINVAL;
    if (user && copy_from_user(&off, user, sizeof(off)))
        return -EFAULT;
    *pos = (uint64_t)off;
    return off < 0 ? -EINVAL : 0;
}

static int64_t position_end(struct file *f, uaddr_t user, uint64_t pos, int64_t result)
{
    if (user)
        return result > 0 && put_user(user, pos) ? -EFAULT : result;
    if (f->mode & FMODE_SEEK)
        f->pos = pos;
    return result;
}

static int64_t file_and_pipe(const struct splice *s)
{
    const bool is_out = file_is_pipe(s->out);
    struct file *pipe = is_out ? s->out : s->in, *f = is_out ? s->in : s->out;
    const uaddr_t user = is_out ? s->in_off : s->out_off;
    const bool nonblock = s->nonblock || file_is_nonblock(pipe);
    uint64_t pos;
    if (file_type(f) == 0 || (!is_out && (f->flags & O_APPEND))) /* eventfds and their like */
        return -EINVAL;
    int64_t n = position_begin(f, user, &pos);
    if (n)
        return n;
    n = is_out ? splice_to_pipe(f, &pos, pipe, s->size, nonblock) : splice_from_pipe(pipe, f, &pos, s->size, nonblock);
    return position_end(f, user, pos, n);
}

static int64_t splice_files(const struct splice *s)
{
    const bool from_pipe = file_is_pipe(s->in), to_pipe = file_is_pipe(s->out);
    if (!(s->in->mode & FMODE_READ) || !(s->out->mode & FMODE_WRITE))
        return -EBADF;
    if ((from_pipe && s->in_off) || (to_pipe && s->out_off))
        return -ESPIPE;
    if (!from_pipe && !to_pipe)
        return -EINVAL;
    if (!from_pipe || !to_pipe)
        return file_and_pipe(s);
    if (s->in->data == s->out->data)
        return -EINVAL;
    return splice_pipes(s->in, s->out, s->size, s->nonblock || file_is_nonblock(s->in) || file_is_nonblock(s->out), false);
}

/* Both files, referenced. */
static int files_get(int in_fd, int out_fd, struct file **in, struct file **out)
{
    int err = fd_get_io(in_fd, in);
    if (err)
        return err;
    err = fd_get_io(out_fd, out);
    if (err)
        file_put(*in);
    return err;
}

int64_t sys_splice(int in, uaddr_t in_off, int out, uaddr_t out_off, uint64_t size, unsigned flags)
{
    struct splice s = {.in_off = in_off, .out_off = out_off, .size = MIN(size, SIZE_MAX_ONCE), .nonblock = flags & SPLICE_NONBLOCK};
    if (size == 0)
        return 0;
    if (flags & ~(unsigned)SPLICE_KNOWN)
        return -EINVAL;
    int64_t n = files_get(in, out, &s.in, &s.out);
    if (n)
        return n;
    n = splice_files(&s);
    file_put(s.in);
    file_put(s.out);
    return restartable(n);
}

static int64_t tee_files(struct file *in, struct file *out, uint64_t size, bool nonblock)
{
    if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
        return -EBADF;
    if (!file_is_pipe(in) || !file_is_pipe(out) || in->data == out->data)
        return -EINVAL;
    return splice_pipes(in, out, size, nonblock || file_is_nonblock(in) || file_is_nonblock(out), true);
}

int64_t sys_tee(int in_fd, int out_fd, uint64_t size, unsigned flags)
{
    struct file *in, *out;
    if (flags & ~(unsigned)SPLICE_KNOWN)
        return -EINVAL;
    if (size == 0)
        return 0;
    int64_t n = files_get(in_fd, out_fd, &in, &out);
    if (n)
        return n;
    n = tee_files(in, out, MIN(size, SIZE_MAX_ONCE), flags & SPLICE_NONBLOCK);
    file_put(in);
    file_put(out);
    return restartable(n);
}

static int64_t vmsplice_file(struct file *f, uaddr_t user, uint64_t count, bool nonblock)
{
    struct iov_iter it;
    struct iov *iov;
    if (!file_is_pipe(f))
        return -EBADF;
    int64_t n = iov_from_user(user, count, &iov);
    if (n)
        return n;
    iov_iter_vec(&it, iov, count);
    nonblock = nonblock || file_is_nonblock(f);
    n = f->mode & FMODE_WRITE ? splice_user_to_pipe(&it, f, nonblock) : f->ops->read(f, &it, 0, nonblock);
    heap_free(iov);
    return n;
}

int64_t sys_vmsplice(int fd, uaddr_t iov, uint64_t count, unsigned flags)
{
    struct file *f;
    if (flags & ~(unsigned)SPLICE_KNOWN)
        return -EINVAL;
    int64_t n = fd_get_io(fd, &f);
    if (n)
        return n;
    n = vmsplice_file(f, iov, count, flags & SPLICE_NONBLOCK);
    file_put(f);
    return restartable(n);
}
