/* SPDX-License-Identifier: Apache-2.0 */
/* poll(2), select(2) and their forms with a signal mask. */
#include <linux/eventpoll.h>
#include <linux/poll.h>
#include <linux/resource.h>
#include "base/bitmap.h"
#include "base/string.h"
#include "heap/heap.h"
#include "ipc/poll.h"
#include "proc/process.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"
#include "time/clock.h"

#define ITEMS_ON_STACK 8

static void items_put(const struct poll_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].f)
            file_put(items[i].f);
    }
}

/* ---- what is left of the timeout --------------------------------------------------------------------------------------- */

struct timeout {
    ns_t deadline;
    bool is_zero;
};

static void timeout_set(struct timeout *timeout, ns_t span)
{
    timeout->is_zero = span == 0;
    timeout->deadline = deadline_after(span);
}

/* Linux writes it back, but not for a call that did not wait. A call that cannot be told how long is left cannot be made again. */
static int64_t timeout_finish(const struct timeout *timeout, uaddr_t user, bool is_timeval, int64_t result)
{
    if (result == -EINTR)
        result = -ERESTARTNOHAND;
    if (!user || timeout->is_zero)
        return result;
    ns_t left = timeout->deadline == NS_NEVER ? NS_NEVER : MAX(timeout->deadline - clock_monotonic(), 0);
    int err = is_timeval ? timeval_write(user, left) : timespec_write(user, left);
    return err && result == -ERESTARTNOHAND ? -EINTR : result;
}

/* ---- poll -------------------------------------------------------------------------------------------------------------- */

static void item_of_pollfd(struct poll_item *item, const struct pollfd *fd)
{
    *item = (struct poll_item){.want = (uint16_t)fd->events | POLLERR | POLLHUP};
    if (fd->fd >= 0 && (fd_get(thread_current()->files, fd->fd, &item->f) || (item->f->mode & FMODE_PATH)))
        item->ready = POLLNVAL;
    if (item->f && (item->f->mode & FMODE_PATH)) {
        file_put(item->f);
        item->f = NULL;
    }
}

static int64_t pollfds_wait(struct pollfd *fds, struct poll_item *items, uaddr_t user, size_t count, ns_t deadline)
{
    if (copy_from_user(fds, user, count * sizeof(*fds)))
        return -EFAULT;
    for (size_t i = 0; i < count; i++)
        item_of_pollfd(&items[i], &fds[i]);
    int64_t result = poll_items(items, count, deadline);
    items_put(items, count);
    for (size_t i = 0; i < count; i++) {
        if (put_user(user + i * sizeof(*fds) + offsetof(struct pollfd, revents), (int16_t)items[i].ready))
            return -EFAULT;
    }
    return result;
}

static int64_t poll_until(uaddr_t user, unsigned count, ns_t deadline)
{
    struct pollfd few_fds[ITEMS_ON_STACK];
    struct poll_item few_items[ITEMS_ON_STACK];
    if (count > process_limit(process_current(), RLIMIT_NOFILE))
        return -EINVAL;
    if (count <= ITEMS_ON_STACK)
        return pollfds_wait(few_fds, few_items, user, count, deadline);
    struct pollfd *fds = heap_alloc(count * sizeof(*fds));
    struct poll_item *items = heap_alloc(count * sizeof(*items));
    int64_t result = fds && items ? pollfds_wait(fds, items, user, count, deadline) : -ENOMEM;
    heap_free(items);
    heap_free(fds);
    return result;
}

static int64_t poll_restartable(uaddr_t user, unsigned count, ns_t deadline);

static int poll_restart(struct thread *t)
{
    return (int)poll_restartable(t->restart_data[0], (unsigned)t->restart_data[1], (ns_t)t->restart_data[2]);
}

static int64_t poll_restartable(uaddr_t user, unsigned count, ns_t deadline)
{
    struct thread *t = thread_current();
    int64_t result = poll_until(user, count, deadline);
    if (result != -EINTR)
        return result;
    t->restart = poll_restart;
    t->restart_data[0] = user;
    t->restart_data[1] = count;
    t->restart_data[2] = (uint64_t)deadline;
    return -ERESTART_RESTARTBLOCK;
}

int64_t sys_poll(uaddr_t fds, unsigned count, int timeout)
{
    ns_t deadline = timeout < 0 ? NS_NEVER : timeout == 0 ? 0 : deadline_after(timeout * NS_PER_MS);
    return poll_restartable(fds, count, deadline);
}

int64_t sys_ppoll(uaddr_t fds, unsigned count, uaddr_t timeout, uaddr_t mask, uint64_t mask_size)
{
    struct timeout t = {.deadline = NS_NEVER};
    ns_t span;
    int err = timeout ? timespec_read(timeout, &span) : 0;
    if (err == 0 && timeout)
        timeout_set(&t, span);
    if (err == 0)
        err = signal_set_temporary_mask(mask, mask_size);
    return err ? err : timeout_finish(&t, timeout, false, poll_until(fds, count, t.is_zero ? 0 : t.deadline));
}

/* ---- select --------------------------------------------------------------------------------------------------------------- */

enum { SELECT_IN, SELECT_OUT, SELECT_EXCEPT, SELECT_SETS };

static const uint32_t select_events[SELECT_SETS] = {
    [SELECT_IN] = EPOLLIN | EPOLLRDNORM | EPOLLRDBAND | EPOLLHUP | EPOLLERR,
    [SELECT_OUT] = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLERR,
    [SELECT_EXCEPT] = EPOLLPRI,
};

struct selection {
    uaddr_t user[SELECT_SETS]; /* 0: empty, and not told */
    uint64_t *set[SELECT_SETS];
    size_t words;              /* of each set */
    size_t count;              /* descriptors in any of them */
};

static uint64_t selected_word(const struct selection *s, size_t word)
{
    return s->set[SELECT_IN][word] | s->set[SELECT_OUT][word] | s->set[SELECT_EXCEPT][word];
}

/* `memory` has room for the three sets. Bits from `limit` on are of no descriptor. */
static int selection_read(struct selection *s, uint64_t *memory, size_t limit)
{
    memset(memory, 0, SELECT_SETS * s->words * sizeof(*memory));
    for (int i = 0; i < SELECT_SETS; i++) {
        s->set[i] = memory + (size_t)i * s->words;
        if (s->user[i] && copy_from_user(s->set[i], s->user[i], s->words * sizeof(*memory)))
            return -EFAULT;
        if (limit % 64 && s->words)
            s->set[i][s->words - 1] &= (1ULL << (limit % 64)) - 1;
    }
    for (size_t word = 0; word < s->words; word++) {
        for (uint64_t bits = selected_word(s, word); bits; bits &= bits - 1)
            s->count++;
    }
    return 0;
}

static int items_of_selection(const struct selection *s, struct poll_item *items)
{
    size_t n = 0;
    for (size_t word = 0; word < s->words; word++) {
        for (uint64_t bits = selected_word(s, word); bits; bits &= bits - 1) {
            size_t fd = word * 64 + (size_t)__builtin_ctzll(bits);
            items[n] = (struct poll_item){0};
            for (int i = 0; i < SELECT_SETS; i++)
                items[n].want |= bitmap_test(s->set[i], fd) ? select_events[i] : 0;
            if (fd_get(thread_current()->files, (int)fd, &items[n].f)) {
                items_put(items, n);
                return -EBADF;
            }
            n++;
        }
    }
    return 0;
}

/* Leaves in the sets what is ready: how many bits. */
static int64_t selection_keep_ready(const struct selection *s, const struct poll_item *items)
{
    int64_t kept = 0;
    size_t n = 0;
    for (size_t word = 0; word < s->words; word++) {
        for (uint64_t bits = selected_word(s, word); bits; bits &= bits - 1, n++) {
            size_t fd = word * 64 + (size_t)__builtin_ctzll(bits);
            for (int i = 0; i < SELECT_SETS; i++) {
                if (!bitmap_test(s->set[i], fd))
                    continue;
                if (items[n].ready & select_events[i])
                    kept++;
                else
                    bitmap_clear(s->set[i], fd);
            }
        }
    }
    return kept;
}

static int64_t selection_wait(const struct selection *s, struct poll_item *items, ns_t deadline)
{
    int err = items_of_selection(s, items);
    if (err)
        return err;
    int64_t result = poll_items(items, s->count, deadline);
    items_put(items, s->count);
    if (result < 0)
        return result;
    result = selection_keep_ready(s, items);
    for (int i = 0; i < SELECT_SETS; i++) {
        if (s->user[i] && copy_to_user(s->user[i], s->set[i], s->words * sizeof(uint64_t)))
            return -EFAULT;
    }
    return result;
}

static int64_t select_until(int count, const uaddr_t user[static SELECT_SETS], ns_t deadline)
{
    struct poll_item few[ITEMS_ON_STACK], *items = few;
    if (count < 0)
        return -EINVAL;
    size_t limit = MIN((size_t)count, fdtable_room(thread_current()->files));
    struct selection s = {.user = {user[0], user[1], user[2]}, .words = BITMAP_WORDS(limit)};
    uint64_t *memory = heap_alloc(SELECT_SETS * MAX(s.words, 1UL) * sizeof(*memory));
    if (!memory)
        return -ENOMEM;
    int64_t result = selection_read(&s, memory, limit);
    if (result == 0 && s.count > ITEMS_ON_STACK)
        items = heap_alloc(s.count * sizeof(*items));
    if (result == 0)
        result = items ? selection_wait(&s, items, deadline) : -ENOMEM;
    if (items != few)
        heap_free(items);
    heap_free(memory);
    return result;
}

/* More than a second's worth of microseconds is taken, other than in setitimer(2). */
static int select_timeout_read(uaddr_t user, struct timeout *timeout)
{
    int64_t tv[2];
    ns_t span;
    if (copy_from_user(tv, user, sizeof(tv)))
        return -EFAULT;
    struct __kernel_timespec ts = {.tv_nsec = tv[1] % 1000000 * NS_PER_US};
    if (__builtin_add_overflow(tv[0], tv[1] / 1000000, &ts.tv_sec))
        return -EINVAL;
    int err = timespec_to_ns(&ts, &span);
    if (err == 0)
        timeout_set(timeout, span);
    return err;
}

int64_t sys_select(int count, uaddr_t in, uaddr_t out, uaddr_t except, uaddr_t timeout)
{
    struct timeout t = {.deadline = NS_NEVER};
    const uaddr_t user[SELECT_SETS] = {in, out, except};
    int err = timeout ? select_timeout_read(timeout, &t) : 0;
    return err ? err : timeout_finish(&t, timeout, true, select_until(count, user, t.is_zero ? 0 : t.deadline));
}

int64_t sys_pselect6(int count, uaddr_t in, uaddr_t out, uaddr_t except, uaddr_t timeout, uaddr_t mask)
{
    struct timeout t = {.deadline = NS_NEVER};
    const uaddr_t user[SELECT_SETS] = {in, out, except};
    uint64_t mask_arg[2] = {0}; /* its address, its size */
    ns_t span;
    int err = mask ? copy_from_user(mask_arg, mask, sizeof(mask_arg)) : 0;
    if (err == 0 && timeout)
        err = timespec_read(timeout, &span);
    if (err == 0 && timeout)
        timeout_set(&t, span);
    if (err == 0)
        err = signal_set_temporary_mask(mask_arg[0], mask_arg[1]);
    return err ? err : timeout_finish(&t, timeout, false, select_until(count, user, t.is_zero ? 0 : t.deadline));
}
