/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2). The locks of FUTEX_LOCK_PI are handed over in order; FUTEX_WAIT_REQUEUE_PI, that no C library uses any more, is -ENOSYS. */
#include <linux/futex.h>
#include "heap/heap.h"
#include "mm/usercopy.h"
#include "proc/internal.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"

/* ---- waiting ------------------------------------------------------------------------------------------------ */

static int wait_restart(struct thread *t)
{
    struct futex_wait wait = {
        .addr = t->restart_data[0],
        .expected = (uint32_t)t->restart_data[1],
        .is_private = t->restart_data[1] >> 32,
        .bitset = (uint32_t)t->restart_data[2],
        .deadline = (ns_t)t->restart_data[3],
    };
    int err = futex_wait(&wait);
    return err == -EINTR ? -ERESTART_RESTARTBLOCK : err;
}

static int futex_op_wait(const struct futex_wait *wait)
{
    struct thread *t = thread_current();
    int err = futex_wait(wait);
    if (err != -EINTR)
        return err;
    if (wait->deadline == NS_NEVER)
        return -ERESTARTSYS;
    t->restart = wait_restart;
    t->restart_data[0] = wait->addr;
    t->restart_data[1] = wait->expected | (uint64_t)wait->is_private << 32;
    t->restart_data[2] = wait->bitset;
    t->restart_data[3] = (uint64_t)wait->deadline;
    return -ERESTART_RESTARTBLOCK;
}

/* FUTEX_WAIT counts from now, FUTEX_WAIT_BITSET names a point of one of two clocks. */
static int wait_deadline(int op, uaddr_t timeout, ns_t *deadline)
{
    *deadline = NS_NEVER;
    if (!timeout)
        return 0;
    if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT)
        return timeout_read(timeout, deadline);
    int err = timespec_read(timeout, deadline);
    if (!err && (op & FUTEX_CLOCK_REALTIME))
        *deadline = deadline_of_realtime(*deadline);
    return err;
}

/* FUTEX_LOCK_PI names a point of real time, FUTEX_LOCK_PI2 of the clock that its flag says. */
static int64_t futex_op_lock(uaddr_t addr, int op, uaddr_t timeout)
{
    ns_t deadline = NS_NEVER;
    bool is_real = (op & FUTEX_CMD_MASK) == FUTEX_LOCK_PI || (op & FUTEX_CLOCK_REALTIME);
    int err = timeout ? timespec_read(timeout, &deadline) : 0;
    if (err)
        return err;
    if (timeout && is_real)
        deadline = deadline_of_realtime(deadline);
    err = futex_lock(addr, op & FUTEX_PRIVATE_FLAG, true, deadline);
    return err == -EINTR ? -ERESTARTNOINTR : err;
}

/* ---- FUTEX_WAKE_OP ------------------------------------------------------------------------------------------ */

static int wake_op_new(unsigned op, uint32_t old, uint32_t arg, uint32_t *result)
{
    switch (op) {
    case FUTEX_OP_SET:
        *result = arg;
        return 0;
    case FUTEX_OP_ADD:
        *result = old + arg;
        return 0;
    case FUTEX_OP_OR:
        *result = old | arg;
        return 0;
    case FUTEX_OP_ANDN:
        *result = old & ~arg;
        return 0;
    case FUTEX_OP_XOR:
        *result = old ^ arg;
        return 0;
    default:
        return -ENOSYS;
    }
}

static int wake_op_compare(unsigned cmp, int32_t old, int32_t arg)
{
    switch (cmp) {
    case FUTEX_OP_CMP_EQ:
        return old == arg;
    case FUTEX_OP_CMP_NE:
        return old != arg;
    case FUTEX_OP_CMP_LT:
        return old < arg;
    case FUTEX_OP_CMP_GE:
        return old >= arg;
    case FUTEX_OP_CMP_LE:
        return old <= arg;
    case FUTEX_OP_CMP_GT:
        return old > arg;
    default:
        return -ENOSYS;
    }
}

static int32_t sign_extend12(uint32_t x)
{
    return (int32_t)(x << 20) >> 20;
}

/* Changes the word as the code says: 1 or 0, how its old value compared. */
static int wake_op_apply(uaddr_t addr, uint32_t code)
{
    unsigned op = (code >> 28) & 7;
    uint32_t arg = (uint32_t)sign_extend12((code >> 12) & 0xfff), old, seen, fresh;
    if (code & (8U << 28)) /* FUTEX_OP_OPARG_SHIFT */
        arg = 1U << (arg & 31);
    int err = load_user_u32(addr, &old);
    for (; !err; old = seen) {
        err = wake_op_new(op, old, arg, &fresh);
        if (!err)
            err = cas_user_u32(addr, old, fresh, &seen);
        if (!err && seen == old)
            return wake_op_compare((code >> 24) & 15, (int32_t)old, sign_extend12(code & 0xfff));
    }
    return err;
}

static int64_t futex_wake_op(uaddr_t addr, uaddr_t addr2, bool is_private, int count, int count2,
                             uint32_t code)
{
    int holds = wake_op_apply(addr2, code);
    if (holds < 0)
        return holds;
    int woken = futex_wake(addr, is_private, count, ~0U);
    if (holds)
        woken += futex_wake(addr2, is_private, count2, ~0U);
    return woken;
}

/* ---- the call ----------------------------------------------------------------------------------------------- */

static int64_t futex_cmp_requeue(uaddr_t addr, uaddr_t addr2, bool is_private, int wake, int move,
                                 const uint32_t *expected)
{
    uint32_t value;
    if (wake < 0 || move < 0)
        return -EINVAL;
    int err = expected ? load_user_u32(addr, &value) : 0;
    if (err < 0)
        return err;
    if (expected && value != *expected)
        return -EAGAIN;
    return futex_requeue(addr, addr2, is_private, wake, move);
}

int64_t sys_futex(uaddr_t addr, int op, unsigned value, uaddr_t timeout, uaddr_t addr2,
                  unsigned value3)
{
    bool is_private = op & FUTEX_PRIVATE_FLAG;
    int command = op & FUTEX_CMD_MASK;
    struct futex_wait wait = {
        .addr = addr, .expected = value, .bitset = ~0U, .is_private = is_private};
    if ((op & FUTEX_CLOCK_REALTIME) && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI2)
        return -ENOSYS;
    if (!is_aligned(addr, 4) || !user_range_ok(addr, 4))
        return is_aligned(addr, 4) ? -EFAULT : -EINVAL;
    switch (command) {
    case FUTEX_WAIT_BITSET:
        wait.bitset = value3;
        if (!value3)
            return -EINVAL;
        __attribute__((fallthrough));
    case FUTEX_WAIT: {
        int err = wait_deadline(op, timeout, &wait.deadline);
        return err ? err : futex_op_wait(&wait);
    }
    case FUTEX_WAKE:
        return futex_wake(addr, is_private, (int)value, ~0U);
    case FUTEX_WAKE_BITSET:
        return value3 ? futex_wake(addr, is_private, (int)value, value3) : -EINVAL;
    case FUTEX_REQUEUE:
        return futex_cmp_requeue(addr, addr2, is_private, (int)value, (int)timeout, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_cmp_requeue(addr, addr2, is_private, (int)value, (int)timeout, &value3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return futex_op_lock(addr, op, timeout);
    case FUTEX_TRYLOCK_PI:
        return futex_lock(addr, is_private, false, NS_NEVER);
    case FUTEX_UNLOCK_PI:
        return futex_unlock(addr, is_private);
    case FUTEX_WAKE_OP:
        return futex_wake_op(addr, addr2, is_private, (int)value, (int)timeout, value3);
    default:
        return -ENOSYS;
    }
}

/* ---- futex_waitv(2) ----------------------------------------------------------------------------------------- */

static int futex_waitv_read(uaddr_t addr, struct futex_wait *wait)
{
    struct futex_waitv w;
    int err = copy_from_user(&w, addr, sizeof(w));
    if (err)
        return err;
    if (!(w.flags & FUTEX_32) || w.flags & ~(unsigned)(FUTEX_32 | FUTEX_PRIVATE_FLAG) || w.__reserved || w.val > UINT32_MAX || !is_aligned(w.uaddr, 4))
        return -EINVAL;
    *wait = (struct futex_wait){.addr = w.uaddr, .expected = (uint32_t)w.val, .bitset = ~0U, .is_private = w.flags & FUTEX_PRIVATE_FLAG};
    return user_range_ok(w.uaddr, 4) ? 0 : -EFAULT;
}

static int futex_waitv_deadline(uaddr_t timeout, int clock, ns_t *deadline)
{
    *deadline = NS_NEVER;
    if (!timeout)
        return 0;
    if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
        return -EINVAL;
    int err = timespec_read(timeout, deadline);
    if (!err && clock == CLOCK_REALTIME)
        *deadline = deadline_of_realtime(*deadline);
    return err;
}

int64_t sys_futex_waitv(uaddr_t addr, unsigned count, unsigned flags, uaddr_t timeout, int clock)
{
    ns_t deadline;
    if (flags || count == 0 || count > FUTEX_WAITV_MAX || !addr)
        return -EINVAL;
    int err = futex_waitv_deadline(timeout, clock, &deadline);
    if (err)
        return err;
    struct futex_wait *waits = heap_alloc(count * sizeof(*waits));
    if (!waits)
        return -ENOMEM;
    for (unsigned i = 0; i < count && !err; i++)
        err = futex_waitv_read(addr + i * sizeof(struct futex_waitv), &waits[i]);
    if (!err)
        err = futex_wait_any(waits, count, deadline);
    heap_free(waits);
    return err == -EINTR ? -ERESTARTSYS : err;
}
