/* SPDX-License-Identifier: Apache-2.0 */
/* read(2) of the near side: a line, or raw bytes by VMIN and VTIME. */
#include <linux/eventpoll.h>
#include "proc/process.h"
#include "time/clock.h"
#include "tty/internal.h"

#define CHUNK_SIZE 1024
#define VTIME_UNIT (100 * NS_PER_MS)

struct reading {
    struct tty *t;
    struct iov_iter *to;
    bool nonblock;
    size_t least;   /* raw: bytes that end the call */
    ns_t interval;  /* raw, with least > 0: between two bytes; 0: none */
    ns_t deadline;  /* 0: do not wait at all */
    int64_t done;
    bool is_over;
};

static void reading_begin(struct reading *r)
{
    const struct ktermios *k = &r->t->termios;
    ns_t time = k->c_cc[VTIME] * VTIME_UNIT;
    r->deadline = NS_NEVER;
    if (k->c_lflag & ICANON)
        return;
    r->least = k->c_cc[VMIN];
    if (r->least > 0)
        r->interval = time;
    else
        r->deadline = time ? clock_monotonic() + time : 0;
}

/* Under the lock: waits until there is something; 0 then, or when the call is over. */
static int reading_wait(struct reading *r)
{
    struct tty *t = r->t;
    bool has_slept = false;
    int err = 0;
    while (err == 0 && !tty_is_readable(t, false)) {
        if (t->is_hung_up && has_slept)
            return -EIO; /* as Linux has it for who waited; those who come later read an end of file */
        if (t->is_hung_up || r->deadline == 0 || (r->done > 0 && (t->termios.c_lflag & ICANON))) {
            r->is_over = true;
            return 0;
        }
        err = r->nonblock ? -EAGAIN : waitq_sleep(&t->near_waitq, &t->lock, r->deadline);
        has_slept = true;
    }
    if (err == -ETIMEDOUT) {
        r->is_over = true;
        err = 0;
    }
    return err;
}

/* What comes next: one chunk. */
static int64_t reading_step(struct reading *r)
{
    struct tty *t = r->t;
    uint8_t chunk[CHUNK_SIZE];
    size_t n = 0;
    bool is_end = false, is_more = false, is_line = false;
    spin_lock(&t->lock);
    int err = reading_wait(r);
    if (err == 0 && !r->is_over) {
        n = tty_take(t, chunk, MIN(r->to->left, sizeof(chunk)), &is_end);
        is_line = t->termios.c_lflag & ICANON;
        is_more = tty_is_readable(t, false);
        waitq_wake_all(&t->far_waitq, EPOLLOUT | EPOLLWRNORM);
    }
    spin_unlock(&t->lock);
    if (err || r->is_over)
        return err;
    if (t->ops->has_room)
        t->ops->has_room(t);
    int64_t copied = iov_copy_to(r->to, chunk, n);
    r->done += MAX(copied, 0);
    r->is_over = r->to->left == 0 || copied < (int64_t)n || (is_line ? is_end : (size_t)r->done >= r->least && !is_more);
    if (r->interval)
        r->deadline = clock_monotonic() + r->interval;
    return copied < 0 ? copied : 0;
}

int64_t tty_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    struct reading r = {.t = f->data, .to = to, .nonblock = nonblock};
    (void)off;
    int64_t err = tty_job_check(r.t, SIGTTIN);
    if (err || to->left == 0)
        return err;
    reading_begin(&r);
    while (err == 0 && !r.is_over)
        err = reading_step(&r);
    return r.done > 0 ? r.done : err;
}
