/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console: a terminal whose far side is the host's, which is in raw mode and so only carries bytes. The first program's
 * is /dev/console; each program that is started later on a terminal has its own. A task reads what is typed, so that ^C
 * works while nobody reads, and writes on when the host can take more. Writers empty the ring themselves; one at a
 * time, the others leave their bytes to it.
 *
 * The host's terminal is the user's window to the program: what it says and shows is not secret from the host (CAVEATS).
 * Lock: the terminal's guards all below. The watch's ready() takes it under the watch lock: no watch call under it.
 */
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include "base/string.h"
#include "heap/heap.h"
#include "hostcall/hostcall.h"
#include "proc/process.h"
#include "time/clock.h"
#include "tty/internal.h"
#include "vfs/dentry.h"
#include "vfs/device.h"

#define CHUNK_SIZE   1024
#define EVENT_WINCH  (1U << 31) /* no EPOLL bits of the host's: they are masked */
#define EVENT_CLOSE  (1U << 30)
#define FLUSH_TIME   NS_PER_S
#define TERMIOS_SIZE 36 /* c_iflag to c_cc, as the host's struct termios */

struct console {
    struct tty *t;        /* holds a reference of it until console_close */
    struct host_watch watch;
    struct task task;
    struct waitq waitq;   /* the task sleeps here */
    uint32_t events;      /* for the task */
    bool is_draining;     /* somebody empties the ring */
    bool is_writable;     /* told so since the last write that was refused */
    bool is_throttled;    /* input waits on the host until somebody reads */
    bool is_watched;
    bool is_over;         /* the task has left; nobody begins to write any more */
};

static struct tty *first; /* /dev/console */

static void console_tell(struct console *c, uint32_t events)
{
    spin_lock(&c->t->lock);
    c->events |= events;
    if (events & EPOLLOUT)
        c->is_writable = true;
    waitq_wake_all(&c->waitq, events);
    spin_unlock(&c->t->lock);
}

static void console_ready(struct host_watch *watch, uint32_t events)
{
    console_tell(container_of(watch, struct console, watch), events & (EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR));
}

/* ---- output ---------------------------------------------------------------------------------------------------------------- */

/* Under the lock, let go meanwhile: one write. False: the host takes no more now. */
static bool drain_some(struct tty *t)
{
    struct console *c = t->far;
    uint8_t chunk[CHUNK_SIZE];
    size_t size = tty_ring_peek(&t->out, chunk, sizeof(chunk));
    c->is_writable = false;
    spin_unlock(&t->lock);
    int64_t n = hostcall_write(c->watch.fd, chunk, size);
    spin_lock(&t->lock);
    if (n == -EAGAIN || n == 0)
        return c->is_writable;
    if (n != -EINTR)
        tty_ring_drop(&t->out, n < 0 ? size : (size_t)n); /* an error: nobody is there to see it */
    waitq_wake_all(&t->near_waitq, EPOLLOUT | EPOLLWRNORM);
    return true;
}

static void console_output(struct tty *t)
{
    struct console *c = t->far;
    spin_lock(&t->lock);
    if (!c->is_draining && !c->is_over) {
        c->is_draining = true;
        while (tty_ring_used(&t->out) > 0 && drain_some(t))
            continue;
        c->is_draining = false;
        if (c->is_over)
            waitq_wake_all(&c->waitq, 0);
    }
    spin_unlock(&t->lock);
}

void console_flush(struct tty *t)
{
    ns_t deadline = clock_monotonic() + FLUSH_TIME;
    int err = 0;
    console_output(t);
    spin_lock(&t->lock);
    while (err == 0 && tty_ring_used(&t->out) > 0)
        err = waitq_sleep_uninterruptible(&t->near_waitq, &t->lock, deadline);
    spin_unlock(&t->lock);
}

/* ---- input ------------------------------------------------------------------------------------------------------------------- */

static void console_has_room(struct tty *t)
{
    struct console *c = t->far;
    spin_lock(&t->lock);
    bool was_throttled = c->is_throttled;
    c->is_throttled = false;
    spin_unlock(&t->lock);
    if (was_throttled)
        console_tell(c, EPOLLIN);
}

static size_t input_room(struct tty *t)
{
    struct console *c = t->far;
    spin_lock(&t->lock);
    size_t room = tty_room(t);
    c->is_throttled = room == 0;
    spin_unlock(&t->lock);
    return room;
}

static void input_take(struct tty *t, const uint8_t *buf, size_t size)
{
    uint64_t signals = 0;
    spin_lock(&t->lock);
    tty_receive(t, buf, size, &signals);
    spin_unlock(&t->lock);
    tty_signal_set(t, signals);
    console_output(t); /* the echo */
}

static void console_unwatch(struct console *c)
{
    if (c->is_watched)
        host_watch_remove(&c->watch);
    c->is_watched = false;
}

/* All that is there. */
static void console_input(struct tty *t)
{
    struct console *c = t->far;
    uint8_t buf[CHUNK_SIZE];
    size_t room;
    while ((room = input_room(t)) > 0) {
        int64_t n = hostcall_read(c->watch.fd, buf, MIN(room, sizeof(buf)));
        if (n == -EAGAIN)
            break;
        if (n <= 0 && n != -EINTR) {
            console_unwatch(c);
            tty_hangup(t); /* the window was closed */
            break;
        }
        if (n > 0)
            input_take(t, buf, (size_t)n);
    }
}

/* The size as the host says it: only numbers, that a program may take or leave. */
static int winsize_read(int fd, struct winsize *size, uint32_t *iflag)
{
    uint8_t state[TERMIOS_SIZE + sizeof(*size)];
    int64_t n = hostcall_tty_get(fd, state, sizeof(state));
    if (n < 0)
        return (int)n;
    if (n < (int64_t)sizeof(state))
        return -EIO;
    memcpy(iflag, state, sizeof(*iflag));
    memcpy(size, state + TERMIOS_SIZE, sizeof(*size));
    return 0;
}

static void winsize_update(struct tty *t)
{
    struct console *c = t->far;
    struct winsize size;
    uint32_t iflag;
    if (winsize_read(c->watch.fd, &size, &iflag) == 0)
        tty_set_winsize(t, &size);
}

/* What happened since the last time; sleeps until something does. */
static uint32_t events_take(struct console *c, bool *is_hung_up)
{
    struct tty *t = c->t;
    spin_lock(&t->lock);
    while (!c->events) {
        int err = waitq_sleep_uninterruptible(&c->waitq, &t->lock, NS_NEVER);
        CHECK(err == 0);
    }
    uint32_t events = c->events;
    *is_hung_up = t->is_hung_up;
    c->events = 0;
    spin_unlock(&t->lock);
    return events;
}

static void console_task(void *arg)
{
    struct tty *t = arg;
    struct console *c = t->far;
    uint32_t events = 0;
    while (!(events & EVENT_CLOSE)) {
        bool is_hung_up;
        events = events_take(c, &is_hung_up);
        if (events & EPOLLOUT)
            console_output(t);
        if (events & EVENT_WINCH)
            winsize_update(t);
        if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !is_hung_up)
            console_input(t);
    }
    console_unwatch(c);
    spin_lock(&t->lock);
    c->is_over = true;
    waitq_wake_all(&c->waitq, 0);
    spin_unlock(&t->lock);
    task_exit();
}

void console_winch(struct tty *t)
{
    console_tell(t->far, EVENT_WINCH);
}

/* ---- opening --------------------------------------------------------------------------------------------------------------------- */

static void console_destroy(struct tty *t)
{
    if (t->rdev)
        pty_index_free(MINOR(t->rdev));
    heap_free(t->far);
}

static const struct tty_ops console_ops = {
    .output = console_output,
    .has_room = console_has_room,
    .destroy = console_destroy,
};

struct tty *console_tty(void)
{
    if (first)
        tty_get(first);
    return first;
}

/* Raw mode, events and the task, in this order: from here on it lives. */
static int console_start(struct console *c)
{
    int err = task_init(&c->task, NULL, console_task, c->t);
    if (err)
        return err;
    err = (int)hostcall_tty_set(c->watch.fd, 1);
    if (err == 0)
        err = host_watch_add(&c->watch, EPOLLIN | EPOLLOUT);
    if (err) {
        task_fini(&c->task);
        return err;
    }
    c->is_watched = true;
    tty_get(c->t);
    task_start(&c->task);
    return 0;
}

static int number_take(struct tty *t)
{
    unsigned idx;
    int err = pty_index_alloc(t, &idx);
    if (err)
        return err;
    t->rdev = MAKEDEV(PTY_MAJOR, idx);
    t->inode = devpts_inode(idx, 0, 0);
    return t->inode ? 0 : -ENOMEM;
}

static int console_create(int host_fd, struct tty **t)
{
    struct console *c = heap_zalloc(sizeof(*c));
    *t = c ? tty_create(&console_ops, 0) : NULL;
    if (!*t) {
        heap_free(c);
        return -ENOMEM;
    }
    waitq_init(&c->waitq);
    c->watch = (struct host_watch){.fd = host_fd, .ready = console_ready};
    c->t = *t;
    (*t)->far = c;
    return 0;
}

int console_open(int host_fd, struct tty **result)
{
    struct winsize size;
    struct tty *t;
    uint32_t iflag;
    int err = winsize_read(host_fd, &size, &iflag);
    if (err == 0)
        err = console_create(host_fd, &t);
    if (err)
        return err;
    t->winsize = size;
    t->termios.c_iflag |= iflag & IUTF8;
    err = number_take(t);
    if (err == 0)
        err = console_start(t->far);
    if (err) {
        tty_put(t);
        return err;
    }
    if (!first) {
        tty_get(t);
        first = t;
    }
    *result = t;
    return 0;
}

void console_close(struct tty *t)
{
    struct console *c = t->far;
    console_flush(t);
    tty_hangup(t);
    console_tell(c, EVENT_CLOSE);
    spin_lock(&t->lock);
    while (!c->is_over || c->is_draining) { /* the descriptor's number may soon be another's */
        int err = waitq_sleep_uninterruptible(&c->waitq, &t->lock, NS_NEVER);
        CHECK(err == 0);
    }
    spin_unlock(&t->lock);
    task_fini(&c->task);
    int64_t err = hostcall_close(c->watch.fd);
    (void)err; /* nothing that could be done about it */
    tty_put(t); /* the console's own */
    tty_put(t);
}

void console_set_owner(struct tty *t, uint32_t uid, uint32_t gid)
{
    t->inode->uid = uid;
    t->inode->gid = gid;
}

/* The name in devpts, if that is mounted anywhere: ttyname(3) wants one. */
static void path_find(struct tty *t, struct path *path)
{
    struct path root;
    char name[16];
    if (!mount_find(t->inode->sb, &root))
        return;
    int len = format(name, sizeof(name), "%u", MINOR(t->rdev));
    if (dentry_lookup(root.dentry, name, (size_t)len, &path->dentry) == 0) {
        path->mount = root.mount;
        path_get(&(struct path){.mount = root.mount});
    }
    path_put(&root);
}

int console_file(struct tty *t, unsigned flags, struct file **result)
{
    struct file *f;
    int err = file_create(&tty_file_ops, t, flags, &f);
    if (err)
        return err;
    err = tty_open_near(t, f);
    if (err) {
        heap_free(f);
        return err;
    }
    f->inode = t->inode;
    inode_get(f->inode);
    path_find(t, &f->path);
    *result = f;
    return 0;
}
