/* SPDX-License-Identifier: Apache-2.0 */
/* From near writers and echo to the far side: OPOST, the ring, ^S. */
#include <linux/eventpoll.h>
#include "base/string.h"
#include "proc/process.h"
#include "tty/internal.h"

#define CHUNK_SIZE 1024
#define TAB_WIDTH  8

/* ---- the ring ------------------------------------------------------------------------------------------------------ */

static size_t ring_free(const struct tty_ring *r)
{
    return TTY_OUTPUT_SIZE - tty_ring_used(r);
}

static void ring_put(struct tty_ring *r, uint8_t c)
{
    r->buf[r->head++ % TTY_OUTPUT_SIZE] = c;
}

size_t tty_ring_peek(const struct tty_ring *r, uint8_t *buf, size_t size)
{
    size_t n = MIN(size, tty_ring_used(r)), off = r->tail % TTY_OUTPUT_SIZE;
    size_t first = MIN(n, TTY_OUTPUT_SIZE - off);
    memcpy(buf, r->buf + off, first);
    memcpy(buf + first, r->buf, n - first);
    return n;
}

void tty_ring_drop(struct tty_ring *r, size_t size)
{
    r->tail += (uint32_t)MIN(size, tty_ring_used(r));
}

/* ---- OPOST ---------------------------------------------------------------------------------------------------------- */

static bool is_continuation(const struct tty *t, uint8_t c)
{
    return (t->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80;
}

static unsigned tab_width(const struct tty *t)
{
    return TAB_WIDTH - (t->line.column & (TAB_WIDTH - 1));
}

/* What c becomes, into out (at most TAB_WIDTH bytes): how many. `column` follows. */
static size_t char_process(struct tty *t, uint8_t c, uint8_t out[TAB_WIDTH])
{
    unsigned flags = t->termios.c_oflag, spaces;
    struct tty_line *l = &t->line;
    out[0] = c;
    switch (c) {
    case '\n':
        if (flags & (ONLRET | ONLCR))
            l->column = 0;
        if (!(flags & ONLCR))
            return 1;
        out[0] = '\r';
        out[1] = '\n';
        return 2;
    case '\r':
        if ((flags & ONOCR) && l->column == 0)
            return 0;
        if ((flags & OCRNL) && !(flags & ONLRET)) {
            out[0] = '\n';
            return 1;
        }
        out[0] = flags & OCRNL ? '\n' : '\r';
        l->column = 0;
        return 1;
    case '\t':
        spaces = tab_width(t);
        l->column += spaces;
        if ((flags & TABDLY) != XTABS)
            return 1;
        memset(out, ' ', spaces);
        return spaces;
    case '\b':
        l->column -= l->column > 0;
        return 1;
    default:
        if (c < 0x20 || c == 0x7f)
            return 1;
        if ((flags & OLCUC) && c >= 'a' && c <= 'z')
            out[0] = (uint8_t)(c - 'a' + 'A');
        l->column += !is_continuation(t, c);
        return 1;
    }
}

/* False: fewer than `reserve` bytes would be left; nothing changed. */
static bool char_put(struct tty *t, uint8_t c, size_t reserve)
{
    uint8_t out[TAB_WIDTH];
    size_t n = 1;
    if (ring_free(&t->out) < reserve + TAB_WIDTH)
        return false;
    out[0] = c;
    if (t->termios.c_oflag & OPOST)
        n = char_process(t, c, out);
    for (size_t i = 0; i < n; i++)
        ring_put(&t->out, out[i]);
    return true;
}

void tty_echo_char(struct tty *t, uint8_t c)
{
    bool fits = char_put(t, c, 0);
    (void)fits; /* nobody reads the far side: what is typed is not lost, only its echo */
}

bool tty_has_write_room(const struct tty *t)
{
    return !t->is_stopped && ring_free(&t->out) >= TTY_ECHO_ROOM + TAB_WIDTH;
}

size_t tty_write_some(struct tty *t, const uint8_t *buf, size_t size)
{
    size_t done = 0;
    while (done < size && !t->is_stopped && char_put(t, buf[done], TTY_ECHO_ROOM))
        done++;
    return done;
}

/* What the near side of a pseudoterminal wrote has arrived at the master: as on Linux only the master drops it. */
void tty_output_flush(struct tty *t, bool is_far)
{
    if (is_far || t->ops->output)
        t->out.tail = t->out.head;
    t->packet_status |= TIOCPKT_FLUSHWRITE;
    waitq_wake_all(&t->near_waitq, EPOLLOUT);
    waitq_wake_all(&t->far_waitq, EPOLLPRI);
}

void tty_output_stop(struct tty *t, bool is_stopped)
{
    if (t->is_stopped == is_stopped)
        return;
    t->is_stopped = is_stopped;
    t->packet_status &= (uint8_t)~(TIOCPKT_STOP | TIOCPKT_START);
    t->packet_status |= is_stopped ? TIOCPKT_STOP : TIOCPKT_START;
    waitq_wake_all(&t->near_waitq, EPOLLOUT);
    waitq_wake_all(&t->far_waitq, EPOLLPRI);
}

/* ---- write(2) --------------------------------------------------------------------------------------------------------- */

/* Waits for room and fills it: bytes of buf that went, > 0, or -errno. */
static int64_t write_wait(struct tty *t, const uint8_t *buf, size_t size, bool nonblock)
{
    int err = 0;
    size_t n = 0;
    spin_lock(&t->lock);
    while (err == 0) {
        if (t->is_hung_up)
            err = -EIO;
        else
            n = tty_write_some(t, buf, size);
        if (err || n > 0)
            break;
        err = nonblock ? -EAGAIN : waitq_sleep(&t->near_waitq, &t->lock, NS_NEVER);
    }
    if (n > 0)
        waitq_wake_all(&t->far_waitq, EPOLLIN | EPOLLRDNORM);
    spin_unlock(&t->lock);
    if (n > 0 && t->ops->output)
        t->ops->output(t);
    return n > 0 ? (int64_t)n : err;
}

static int64_t chunk_write(struct tty *t, const uint8_t *buf, size_t size, bool nonblock)
{
    size_t done = 0;
    while (done < size) {
        int64_t n = write_wait(t, buf + done, size - done, nonblock);
        if (n < 0)
            return done ? (int64_t)done : n;
        done += (size_t)n;
    }
    return (int64_t)done;
}

static int write_check(struct tty *t)
{
    int err = t->termios.c_lflag & TOSTOP ? tty_job_check(t, SIGTTOU) : 0;
    return __atomic_load_n(&t->is_hung_up, __ATOMIC_RELAXED) ? -EIO : err;
}

int64_t tty_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    struct tty *t = f->data;
    uint8_t chunk[CHUNK_SIZE];
    int64_t total = 0, n = write_check(t);
    (void)off;
    while (n >= 0 && from->left > 0) {
        int64_t size = iov_copy_from(from, chunk, MIN(from->left, sizeof(chunk)));
        n = size > 0 ? chunk_write(t, chunk, (size_t)size, nonblock) : size;
        total += MAX(n, 0);
        if (size <= 0 || n < size)
            break;
    }
    return total > 0 ? total : n;
}

int tty_drain(struct tty *t)
{
    int err = 0;
    if (!t->ops->output)
        return 0; /* a pty's master may never read: as in Linux, what it has been given is sent */
    spin_lock(&t->lock);
    while (err == 0 && tty_ring_used(&t->out) > 0 && !t->is_hung_up)
        err = waitq_sleep(&t->near_waitq, &t->lock, NS_NEVER);
    spin_unlock(&t->lock);
    return err;
}
