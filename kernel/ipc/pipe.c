/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes and FIFOs as files. See pipe_internal.h for who may touch what. */
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/stat.h>
#include "heap/heap.h"
#include "ipc/pipe_internal.h"
#include "ipc/splice.h"
#include "proc/process.h"
#include "vfs/inode.h"

#define SLOTS_DEFAULT 16
#define SIZE_LIMIT    (1U << 31)
#define EVENTS_IN     (EPOLLIN | EPOLLRDNORM)
#define EVENTS_OUT    (EPOLLOUT | EPOLLWRNORM)

/* ---- owning, waking, sleeping ---------------------------------------------------------------------------------------- */

/* Under the spinlock. */
static void take(struct pipe *p)
{
    while (p->is_owned) {
        int err = waitq_sleep_uninterruptible(&p->next, &p->lock, NS_NEVER);
        CHECK(err == 0);
    }
    p->is_owned = true;
}

/* Under the spinlock. */
static void give(struct pipe *p, unsigned wake)
{
    p->is_owned = false;
    if (waitq_has_waiters(&p->next))
        waitq_wake_one(&p->next, 0);
    if (wake & PIPE_WAKE_READERS)
        waitq_wake_one(&p->readers, EVENTS_IN);
    if (wake & PIPE_WAKE_WRITERS)
        waitq_wake_one(&p->writers, EVENTS_OUT);
    if (wake && waitq_has_waiters(&p->watchers))
        waitq_wake_all(&p->watchers, (wake & PIPE_WAKE_READERS ? EVENTS_IN : 0) | (wake & PIPE_WAKE_WRITERS ? EVENTS_OUT : 0));
}

void pipe_own(struct pipe *p)
{
    spin_lock(&p->lock);
    take(p);
    spin_unlock(&p->lock);
}

void pipe_disown(struct pipe *p, unsigned wake)
{
    spin_lock(&p->lock);
    give(p, wake);
    spin_unlock(&p->lock);
}

/* The owner sleeps, lets others own the pipe meanwhile, and owns it again afterwards. */
static int owner_sleep(struct pipe *p, struct waitq *wq, unsigned wake)
{
    spin_lock(&p->lock);
    give(p, wake);
    int err = waitq_sleep(wq, &p->lock, NS_NEVER);
    take(p);
    spin_unlock(&p->lock);
    return err;
}

/* ---- pages ---------------------------------------------------------------------------------------------------------------- */

uint8_t *pipe_page_take(struct pipe *p)
{
    return p->spare_count ? p->spares[--p->spare_count] : page_alloc(0);
}

void pipe_page_give(struct pipe *p, uint8_t *page)
{
    if (p->spare_count < PIPE_SPARE_MAX)
        p->spares[p->spare_count++] = page;
    else
        page_free(page, 0);
}

static struct pipe *pipe_alloc(bool is_fifo)
{
    struct pipe *p = heap_zalloc(sizeof(*p));
    struct pipe_slot *slots = heap_alloc(SLOTS_DEFAULT * sizeof(*slots));
    if (!p || !slots) {
        heap_free(p);
        heap_free(slots);
        return NULL;
    }
    waitq_init(&p->next);
    waitq_init(&p->readers);
    waitq_init(&p->writers);
    waitq_init(&p->watchers);
    waitq_init(&p->openers);
    p->slots = slots;
    p->slot_count = SLOTS_DEFAULT;
    p->is_fifo = is_fifo;
    p->reader_opens = p->writer_opens = 1;
    return p;
}

static void pipe_free(struct pipe *p)
{
    for (; p->tail != p->head; p->tail++)
        page_free(pipe_slot(p, p->tail)->page, 0);
    while (p->spare_count)
        page_free(p->spares[--p->spare_count], 0);
    heap_free(p->slots);
    heap_free(p);
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */

int pipe_wait_readable(struct pipe *p, bool nonblock, bool *has_slept)
{
    int err = 0;
    while (err == 0 && pipe_is_empty(p) && p->writer_count) {
        *has_slept = true;
        err = nonblock ? -EAGAIN : owner_sleep(p, &p->readers, 0);
    }
    return err;
}

void pipe_drop(struct pipe *p)
{
    __atomic_store_n(&p->tail, p->tail + 1, __ATOMIC_RELEASE);
}

void pipe_consume(struct pipe *p, size_t size)
{
    struct pipe_slot *slot = pipe_slot(p, p->tail);
    slot->off += (uint32_t)size;
    slot->size -= (uint32_t)size;
    if (slot->size == 0) {
        pipe_page_give(p, slot->page);
        pipe_drop(p);
    }
}

/* From the first slot. True: that is all there is for this call. */
static bool slot_read(struct pipe *p, struct iov_iter *to, int64_t *done)
{
    struct pipe_slot *slot = pipe_slot(p, p->tail);
    size_t want = MIN(slot->size, to->left);
    int64_t n = iov_copy_to(to, slot->page + slot->off, want);
    if (n < (int64_t)want) {
        *done = *done ? *done : -EFAULT;
        return true;
    }
    *done += n;
    bool is_over = slot->is_packet || to->left == 0;
    pipe_consume(p, slot->is_packet ? slot->size : (size_t)n);
    return is_over;
}

static int64_t pipe_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct pipe *p = f->data;
    int64_t done = 0;
    bool has_slept = false;
    (void)off;
    if (to->left == 0)
        return 0;
    pipe_own(p);
    int err = pipe_wait_readable(p, nonblock, &has_slept);
    bool was_full = pipe_is_full(p), is_over = err != 0;
    while (!is_over && !pipe_is_empty(p))
        is_over = slot_read(p, to, &done);
    /* Who slept was the one reader that was woken: it passes on what it leaves. */
    pipe_disown(p, (was_full && !pipe_is_full(p) ? PIPE_WAKE_WRITERS : 0) |
                       (has_slept && !pipe_is_empty(p) ? PIPE_WAKE_READERS : 0));
    return err ? err : done;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------- */

int pipe_wait_room(struct pipe *p, bool nonblock, bool *has_slept)
{
    int err = 0;
    while (err == 0 && p->reader_count && pipe_is_full(p)) {
        *has_slept = true;
        err = nonblock ? -EAGAIN : owner_sleep(p, &p->writers, 0);
    }
    return err ? err : p->reader_count ? 0 : -EPIPE;
}

/* What does not fill a page goes behind what was written last, if it fits there as a whole. */
static int slot_extend(struct pipe *p, struct iov_iter *from, int64_t *done)
{
    size_t n = from->left & PAGE_MASK;
    if (n == 0 || pipe_is_empty(p))
        return 0;
    struct pipe_slot *slot = pipe_slot(p, p->head - 1);
    if (slot->is_packet || slot->off + slot->size + n > PAGE_SIZE)
        return 0;
    if (iov_copy_from(from, slot->page + slot->off + slot->size, n) < (int64_t)n)
        return -EFAULT;
    slot->size += (uint32_t)n;
    *done += (int64_t)n;
    return 0;
}

void pipe_push(struct pipe *p, const struct pipe_slot *slot)
{
    *pipe_slot(p, p->head) = *slot;
    __atomic_store_n(&p->head, p->head + 1, __ATOMIC_RELEASE);
}

int pipe_append(struct pipe *p, struct iov_iter *from, bool is_packet, int64_t *done)
{
    size_t n = MIN(from->left, PAGE_SIZE);
    uint8_t *page = pipe_page_take(p);
    if (!page)
        return -ENOMEM;
    if (iov_copy_from(from, page, n) < (int64_t)n) {
        pipe_page_give(p, page);
        return -EFAULT;
    }
    pipe_push(p, &(struct pipe_slot){.page = page, .size = (uint32_t)n, .is_packet = is_packet});
    *done += (int64_t)n;
    return 0;
}

void pipe_raise_sigpipe(void)
{
    struct thread *t = thread_current();
    siginfo_t info = {.si_signo = SIGPIPE, .si_code = SI_USER};
    info.si_pid = t->process->pid;
    info.si_uid = t->cred->uid;
    int err = signal_send_thread(t, SIGPIPE, &info);
    (void)err; /* only real-time signals may be refused */
}

static int64_t pipe_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    struct pipe *p = f->data;
    const bool is_packet = __atomic_load_n(&f->flags, __ATOMIC_RELAXED) & O_DIRECT;
    int64_t done = 0;
    bool has_slept = false;
    (void)off;
    if (from->left == 0)
        return 0;
    pipe_own(p);
    unsigned tell = pipe_is_empty(p) || p->was_polled ? PIPE_WAKE_READERS : 0;
    int err = p->reader_count && !is_packet ? slot_extend(p, from, &done) : 0;
    while (err == 0 && from->left > 0) {
        if (p->reader_count == 0) {
            err = -EPIPE;
        } else if (!pipe_is_full(p)) {
            err = pipe_append(p, from, is_packet, &done);
        } else if (nonblock) {
            err = -EAGAIN;
        } else {
            err = owner_sleep(p, &p->writers, done > 0 ? tell : 0);
            tell = pipe_is_empty(p) || p->was_polled ? PIPE_WAKE_READERS : 0;
            has_slept = true;
        }
    }
    pipe_disown(p, (done > 0 ? tell : 0) | (has_slept && !pipe_is_full(p) ? PIPE_WAKE_WRITERS : 0));
    if (err == -EPIPE)
        pipe_raise_sigpipe();
    return done ? done : err;
}

/* ---- poll ------------------------------------------------------------------------------------------------------------------- */

static struct waitq *watched_queue(struct pipe *p, const struct file *f)
{
    if (!(f->mode & FMODE_WRITE))
        return &p->readers;
    return f->mode & FMODE_READ ? &p->watchers : &p->writers;
}

/* f->pos of a FIFO's reader: writer_opens as it was when it opened without waiting, and no end of file until that moves on. */
static uint32_t pipe_poll(struct file *f, struct waiter *waiter)
{
    struct pipe *p = f->data;
    uint32_t events = 0;
    spin_lock(&p->lock);
    p->was_polled = true;
    if (waiter)
        waitq_add(watched_queue(p, f), waiter);
    if ((f->mode & FMODE_READ) && !pipe_is_empty(p))
        events |= EVENTS_IN;
    if ((f->mode & FMODE_READ) && !p->writer_count && f->pos != p->writer_opens)
        events |= EPOLLHUP;
    if ((f->mode & FMODE_WRITE) && !pipe_is_full(p))
        events |= EVENTS_OUT;
    if ((f->mode & FMODE_WRITE) && !p->reader_count)
        events |= EPOLLERR;
    spin_unlock(&p->lock);
    return events;
}

static void pipe_unpoll(struct file *f, struct waiter *waiter)
{
    struct pipe *p = f->data;
    spin_lock(&p->lock);
    waitq_remove(watched_queue(p, f), waiter);
    spin_unlock(&p->lock);
}

/* ---- ioctl, fcntl ------------------------------------------------------------------------------------------------------------- */

static int64_t pipe_ioctl(struct file *f, unsigned cmd, uint64_t arg)
{
    struct pipe *p = f->data;
    int bytes = 0;
    if (cmd != FIONREAD)
        return -ENOTTY;
    pipe_own(p);
    for (uint32_t i = p->tail; i != p->head; i++)
        bytes += (int)pipe_slot(p, i)->size;
    pipe_disown(p, 0);
    return put_user(arg, bytes);
}

/* The owner: moves what is in the ring to one of another size. */
static int64_t slots_replace(struct pipe *p, uint32_t count)
{
    uint32_t used = p->head - p->tail;
    if (count < used)
        return -EBUSY;
    struct pipe_slot *slots = heap_alloc(count * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < used; i++)
        slots[i] = *pipe_slot(p, p->tail + i);
    heap_free(p->slots);
    spin_lock(&p->lock);
    p->slots = slots;
    p->slot_count = count;
    p->tail = 0;
    p->head = used;
    spin_unlock(&p->lock);
    return (int64_t)count * (int64_t)PAGE_SIZE;
}

static int64_t size_set(struct pipe *p, uint64_t size)
{
    uint32_t count = 1;
    if (size > SIZE_LIMIT)
        return -EINVAL;
    while (count * PAGE_SIZE < size)
        count *= 2;
    pipe_own(p);
    bool was_full = pipe_is_full(p);
    bool is_allowed = count <= p->slot_count || count * PAGE_SIZE <= PIPE_SIZE_MAX || capable(CAP_SYS_RESOURCE);
    int64_t result = is_allowed ? slots_replace(p, count) : -EPERM;
    pipe_disown(p, was_full && !pipe_is_full(p) ? PIPE_WAKE_WRITERS : 0);
    return result;
}

static int64_t pipe_fcntl(struct file *f, unsigned cmd, uint64_t arg)
{
    struct pipe *p = f->data;
    switch (cmd) {
    case F_SETPIPE_SZ:
        return size_set(p, (unsigned)arg);
    case F_GETPIPE_SZ:
        return (int64_t)p->slot_count * (int64_t)PAGE_SIZE;
    default:
        return -EINVAL;
    }
}

/* ---- opening and closing --------------------------------------------------------------------------------------------------------- */

static struct spinlock fifos_lock; /* guards inode->special of FIFOs, and file_count */

static void pipe_put(struct pipe *p, struct inode *inode)
{
    spin_lock(&fifos_lock);
    bool is_last = --p->file_count == 0;
    if (is_last && p->is_fifo)
        inode->special = NULL;
    spin_unlock(&fifos_lock);
    if (is_last)
        pipe_free(p);
}

/* The owner: f is no end of p any more. */
static void end_detach(struct pipe *p, struct file *f)
{
    p->reader_count -= f->mode & FMODE_READ ? 1 : 0;
    p->writer_count -= f->mode & FMODE_WRITE ? 1 : 0;
    if (p->reader_count && p->writer_count)
        return;
    spin_lock(&p->lock);
    waitq_wake_all(&p->readers, EVENTS_IN | EPOLLHUP);
    waitq_wake_all(&p->writers, EVENTS_OUT | EPOLLERR);
    waitq_wake_all(&p->watchers, EVENTS_IN | EVENTS_OUT | EPOLLERR | EPOLLHUP);
    spin_unlock(&p->lock);
}

static void pipe_release(struct file *f)
{
    struct pipe *p = f->data;
    pipe_own(p);
    end_detach(p, f);
    pipe_disown(p, 0);
    pipe_put(p, f->inode);
}

static int pipe_reopen(struct file *f, struct file *again);

static const struct file_ops pipe_ops = {
    .name = "pipe",
    .stat_mode = S_IFIFO | 0600,
    .read = pipe_read,
    .write = pipe_write,
    .poll = pipe_poll,
    .unpoll = pipe_unpoll,
    .ioctl = pipe_ioctl,
    .fcntl = pipe_fcntl,
    .reopen = pipe_reopen,
    .release = pipe_release,
};

/* The owner counts f as an end of p, which is counted in file_count already. */
static void end_attach(struct pipe *p, struct file *f)
{
    f->ops = &pipe_ops;
    f->data = p;
    if (f->mode & FMODE_READ) {
        p->reader_opens++;
        p->reader_count++;
    }
    if (f->mode & FMODE_WRITE) {
        p->writer_opens++;
        p->writer_count++;
    }
    spin_lock(&p->lock);
    waitq_wake_all(&p->openers, 0);
    spin_unlock(&p->lock);
}

/* open(2) of a pipe that is there already, through /proc/self/fd. The other end may be gone: as on Linux that is no error. */
static int pipe_reopen(struct file *f, struct file *again)
{
    struct pipe *p = f->data;
    spin_lock(&fifos_lock);
    p->file_count++;
    spin_unlock(&fifos_lock);
    pipe_own(p);
    end_attach(p, again);
    pipe_disown(p, 0);
    return 0;
}

bool file_is_pipe(const struct file *f)
{
    return f->ops == &pipe_ops;
}

int pipe_create(unsigned flags, struct file *ends[static 2])
{
    struct pipe *p = pipe_alloc(false);
    if (!p)
        return -ENOMEM;
    int err = file_create(&pipe_ops, p, O_RDONLY | (flags & O_NONBLOCK), &ends[0]);
    if (err) {
        pipe_free(p);
        return err;
    }
    p->file_count = 1;
    end_attach(p, ends[0]);
    err = file_create(&pipe_ops, p, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), &ends[1]);
    if (err) {
        file_put(ends[0]);
        return err;
    }
    p->file_count = 2;
    end_attach(p, ends[1]);
    return 0;
}

static struct pipe *fifo_get(struct inode *inode)
{
    spin_lock(&fifos_lock);
    if (!inode->special)
        inode->special = pipe_alloc(true);
    struct pipe *p = inode->special;
    if (p)
        p->file_count++;
    spin_unlock(&fifos_lock);
    return p;
}

/* The owner: until the other end was opened, though it may be closed again by now. */
static int partner_wait(struct pipe *p, const uint32_t *opens)
{
    const uint32_t seen = *opens;
    int err = 0;
    while (err == 0 && *opens == seen)
        err = owner_sleep(p, &p->openers, 0);
    return *opens == seen ? err : 0;
}

/* The owner opens an end that is the only one f is. */
static int half_open(struct pipe *p, struct file *f)
{
    const bool nonblock = file_is_nonblock(f), is_reader = f->mode & FMODE_READ;
    const bool is_alone = is_reader ? !p->writer_count : !p->reader_count;
    if (!is_reader && nonblock && is_alone)
        return -ENXIO;
    end_attach(p, f);
    if (!is_alone)
        return 0;
    if (nonblock)
        f->pos = p->writer_opens; /* see pipe_poll */
    int err = nonblock ? 0 : partner_wait(p, is_reader ? &p->writer_opens : &p->reader_opens);
    if (err)
        end_detach(p, f);
    return err;
}

int fifo_open(struct inode *inode, struct file *f)
{
    int err = 0;
    if (f->flags & O_DIRECT)
        return -EINVAL;
    struct pipe *p = fifo_get(inode);
    if (!p)
        return -ENOMEM;
    pipe_own(p);
    if ((f->mode & FMODE_READ) && (f->mode & FMODE_WRITE))
        end_attach(p, f);
    else
        err = half_open(p, f);
    pipe_disown(p, 0);
    if (err)
        pipe_put(p, inode);
    return err;
}
