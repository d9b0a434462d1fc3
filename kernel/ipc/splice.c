/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See splice.h. A file is read straight into a page of the pipe and written straight from it; from pipe to pipe the page
 * itself goes over. As on Linux the pipe is owned while the file is waited for.
 */
#include "ipc/splice.h"
#include <linux/stat.h>
#include "base/string.h"
#include "ipc/pipe_internal.h"
#include "vfs/mount.h"

/* What changed of a pipe's state, for those that wait for it. */
struct change {
    bool was_empty, was_full, has_slept;
};

static void change_begin(struct change *c, const struct pipe *p)
{
    c->was_empty = pipe_is_empty(p) || p->was_polled;
    c->was_full = pipe_is_full(p);
}

static void filled_disown(struct pipe *p, const struct change *c, bool is_any)
{
    pipe_disown(p, (is_any && c->was_empty ? PIPE_WAKE_READERS : 0) | (c->has_slept && !pipe_is_full(p) ? PIPE_WAKE_WRITERS : 0));
}

static void emptied_disown(struct pipe *p, const struct change *c)
{
    pipe_disown(p, (c->was_full && !pipe_is_full(p) ? PIPE_WAKE_WRITERS : 0) |
                       (c->has_slept && !pipe_is_empty(p) ? PIPE_WAKE_READERS : 0));
}

/* ---- file to pipe ------------------------------------------------------------------------------------------------------ */

static int64_t page_from_file(struct pipe *p, struct file *from, uint64_t *pos, size_t size, bool nonblock)
{
    struct iov_iter to;
    uint8_t *page = pipe_page_take(p);
    if (!page)
        return -ENOMEM;
    iov_iter_kernel(&to, page, size);
    int64_t n = from->ops->read(from, &to, *pos, nonblock);
    if (n <= 0) {
        pipe_page_give(p, page);
        return n;
    }
    *pos += (uint64_t)n;
    pipe_push(p, &(struct pipe_slot){.page = page, .size = (uint32_t)n});
    return n;
}

int64_t splice_to_pipe(struct file *from, uint64_t *pos, struct file *pipe, uint64_t size, bool nonblock)
{
    struct pipe *p = pipe->data;
    struct change c = {0};
    int64_t done = 0, n = 1;
    if (!from->ops->read || file_type(from) == S_IFDIR)
        return -EINVAL;
    pipe_own(p);
    int err = pipe_wait_room(p, nonblock, &c.has_slept);
    change_begin(&c, p);
    while (err == 0 && n > 0 && (uint64_t)done < size && !pipe_is_full(p)) {
        n = page_from_file(p, from, pos, MIN(size - (uint64_t)done, PAGE_SIZE), done > 0 || file_is_nonblock(from));
        done += MAX(n, 0);
        err = n < 0 ? (int)n : 0;
    }
    filled_disown(p, &c, done > 0);
    if (err == -EPIPE)
        pipe_raise_sigpipe();
    return done ? done : err;
}

int64_t splice_user_to_pipe(struct iov_iter *from, struct file *pipe, bool nonblock)
{
    struct pipe *p = pipe->data;
    struct change c = {0};
    int64_t done = 0;
    if (from->left == 0)
        return 0;
    pipe_own(p);
    int err = pipe_wait_room(p, nonblock, &c.has_slept);
    change_begin(&c, p);
    while (err == 0 && from->left > 0 && !pipe_is_full(p))
        err = pipe_append(p, from, false, &done);
    filled_disown(p, &c, done > 0);
    if (err == -EPIPE)
        pipe_raise_sigpipe();
    return done ? done : err;
}

/* ---- pipe to file ---------------------------------------------------------------------------------------------------------- */

int64_t splice_from_pipe(struct file *pipe, struct file *to, uint64_t *pos, uint64_t size, bool nonblock)
{
    struct pipe *p = pipe->data;
    struct change c = {0};
    int64_t done = 0;
    bool is_over = false;
    if (!to->ops->write)
        return -EINVAL;
    pipe_own(p);
    int err = pipe_wait_readable(p, nonblock, &c.has_slept);
    change_begin(&c, p);
    while (err == 0 && !is_over && (uint64_t)done < size && !pipe_is_empty(p)) {
        struct pipe_slot *slot = pipe_slot(p, p->tail);
        struct iov_iter from;
        size_t want = MIN(slot->size, size - (uint64_t)done);
        iov_iter_kernel(&from, slot->page + slot->off, want);
        int64_t n = vfs_write(to, &from, pos);
        if (n > 0)
            pipe_consume(p, (size_t)n);
        done += MAX(n, 0);
        err = n < 0 ? (int)n : 0;
        is_over = n < (int64_t)want;
    }
    emptied_disown(p, &c);
    return done ? done : err;
}

/* ---- pipe to pipe ------------------------------------------------------------------------------------------------------------ */

/* Always in the same order, whichever way the data goes. */
static void both_own(struct pipe *a, struct pipe *b)
{
    pipe_own(a < b ? a : b);
    pipe_own(a < b ? b : a);
}

/* The first `size` bytes of a slot, in a page of their own. */
static int slot_copy(struct pipe *to, const struct pipe_slot *slot, size_t size)
{
    uint8_t *page = pipe_page_take(to);
    if (!page)
        return -ENOMEM;
    memcpy(page, slot->page + slot->off, size);
    pipe_push(to, &(struct pipe_slot){.page = page, .size = (uint32_t)size, .is_packet = slot->is_packet});
    return 0;
}

static int64_t slots_move(struct pipe *from, struct pipe *to, uint64_t size)
{
    int64_t done = 0;
    while ((uint64_t)done < size && !pipe_is_empty(from) && !pipe_is_full(to)) {
        struct pipe_slot *slot = pipe_slot(from, from->tail);
        size_t n = MIN(slot->size, size - (uint64_t)done);
        if (n == slot->size) {
            pipe_push(to, slot);
            pipe_drop(from);
        } else {
            int err = slot_copy(to, slot, n);
            if (err)
                return done ? done : err;
            pipe_consume(from, n);
        }
        done += (int64_t)n;
    }
    return done;
}

static int64_t slots_tee(struct pipe *from, struct pipe *to, uint64_t size)
{
    int64_t done = 0;
    for (uint32_t i = from->tail; i != from->head && (uint64_t)done < size && !pipe_is_full(to); i++) {
        const struct pipe_slot *slot = pipe_slot(from, i);
        size_t n = MIN(slot->size, size - (uint64_t)done);
        int err = slot_copy(to, slot, n);
        if (err)
            return done ? done : err;
        done += (int64_t)n;
    }
    return done;
}

/* Both pipes are looked at one after the other, so that none is owned while the other is waited for. */
static int both_wait(struct pipe *from, struct pipe *to, bool nonblock, bool *has_slept, bool *is_end)
{
    pipe_own(from);
    int err = pipe_wait_readable(from, nonblock, has_slept);
    *is_end = err == 0 && pipe_is_empty(from);
    pipe_disown(from, 0);
    if (err || *is_end)
        return err;
    pipe_own(to);
    err = pipe_wait_room(to, nonblock, has_slept);
    pipe_disown(to, 0);
    return err;
}

int64_t splice_pipes(struct file *from_file, struct file *to_file, uint64_t size, bool nonblock, bool is_tee)
{
    struct pipe *from = from_file->data, *to = to_file->data;
    struct change taken = {0}, given = {0};
    int64_t n = 0;
    bool is_end = false;
    while (n == 0) {
        bool has_slept = false;
        int err = both_wait(from, to, nonblock, &has_slept, &is_end);
        if (err == -EPIPE)
            pipe_raise_sigpipe();
        if (err || is_end)
            return err;
        both_own(from, to);
        change_begin(&taken, from);
        change_begin(&given, to);
        taken.has_slept = given.has_slept = has_slept;
        n = is_tee ? slots_tee(from, to, size) : slots_move(from, to, size);
        filled_disown(to, &given, n > 0);
        emptied_disown(from, &taken);
    }
    return n;
}
