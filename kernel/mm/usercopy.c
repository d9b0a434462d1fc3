/* SPDX-License-Identifier: Apache-2.0 */
#include "mm/usercopy.h"
#include "arch/arch.h"
#include "base/string.h"
#include "mm/internal.h"
#include "sched/sched.h"

bool user_range_ok(uaddr_t addr, uint64_t size)
{
    uint64_t end;
    return size_add(addr, size, &end) && addr >= plat_info.user_start && end <= plat_info.user_end;
}

/* After fork the parent may still have to touch its memory while the child's lies there. */
static bool access_begin(uaddr_t addr, uint64_t size)
{
    if (unlikely(!user_range_ok(addr, size)))
        return false;
    struct vmspace *vm = task_current()->vm;
    if (unlikely(vm->set))
        vm_make_resident(vm);
    return likely(!vm->is_lost);
}

/* Bytes not copied. */
static size_t user_copy_some(void *dst, const void *src, size_t size, uaddr_t user)
{
    return access_begin(user, size) ? arch_user_copy(dst, src, size) : size;
}

int copy_from_user(void *dst, uaddr_t src, size_t size)
{
    return size && user_copy_some(dst, (const void *)src, size, src) ? -EFAULT : 0;
}

int copy_to_user(uaddr_t dst, const void *src, size_t size)
{
    return size && user_copy_some((void *)dst, src, size, dst) ? -EFAULT : 0;
}

int zero_user(uaddr_t dst, size_t size)
{
    if (size == 0)
        return 0;
    return !access_begin(dst, size) || arch_user_zero((void *)dst, size) ? -EFAULT : 0;
}

/* A page at a time: the string may end right before memory that is not there. */
int64_t copy_string_from_user(char *dst, uaddr_t src, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t n = MIN(size - done, PAGE_SIZE - ((src + done) & PAGE_MASK));
        n = MIN(n, 128UL);
        int err = copy_from_user(dst + done, src + done, n);
        if (err)
            return err;
        const char *end = memchr(dst + done, 0, n);
        if (end)
            return end - dst;
        done += n;
    }
    return -ENAMETOOLONG;
}

int load_user_u32(uaddr_t src, uint32_t *value)
{
    return access_begin(src, sizeof(*value)) ? arch_user_load32((const uint32_t *)src, value) : -EFAULT;
}

int cas_user_u32(uaddr_t at, uint32_t old, uint32_t new_value, uint32_t *seen)
{
    return access_begin(at, sizeof(old)) ? arch_user_cas32((uint32_t *)at, old, new_value, seen) : -EFAULT;
}

/* ---- iov_iter ------------------------------------------------------------------------------------------------ */

static void iter_single(struct iov_iter *it, uint64_t base, uint64_t size, bool is_kernel)
{
    *it = (struct iov_iter){.count = 1, .left = size, .is_kernel = is_kernel, .single = {base, size}};
    it->iov = &it->single;
}

void iov_iter_user(struct iov_iter *it, uaddr_t base, uint64_t size)
{
    iter_single(it, base, size, false);
}

void iov_iter_kernel(struct iov_iter *it, void *base, uint64_t size)
{
    iter_single(it, (uint64_t)base, size, true);
}

void iov_iter_vec(struct iov_iter *it, const struct iov *iov, size_t count)
{
    *it = (struct iov_iter){.iov = iov, .count = count};
    for (size_t i = 0; i < count; i++)
        it->left += iov[i].size;
}

/* The piece at hand: its address and at most `size` bytes of it; 0 at the end of the list. */
static size_t iter_piece(struct iov_iter *it, size_t size, uint64_t *base)
{
    while (it->count > 0 && it->skip == it->iov->size) {
        it->iov++;
        it->count--;
        it->skip = 0;
    }
    if (it->count == 0)
        return 0;
    *base = it->iov->base + it->skip;
    return MIN(size, it->iov->size - it->skip);
}

enum direction { TO_ITER, FROM_ITER, ZERO_ITER };

static size_t piece_move(const struct iov_iter *it, enum direction direction, uint64_t base, void *buf, size_t n)
{
    void *dst = direction == FROM_ITER ? buf : (void *)base;
    const void *src = direction == FROM_ITER ? (const void *)base : buf;
    if (!it->is_kernel) {
        if (direction != ZERO_ITER)
            return n - user_copy_some(dst, src, n, base);
        return access_begin(base, n) ? n - arch_user_zero(dst, n) : 0;
    }
    if (direction == ZERO_ITER)
        memset(dst, 0, n);
    else
        memcpy(dst, src, n);
    return n;
}

static int64_t iter_move(struct iov_iter *it, enum direction direction, char *buf, size_t size)
{
    size_t done = 0;
    while (done < size) {
        uint64_t base;
        size_t n = iter_piece(it, size - done, &base);
        if (n == 0)
            break;
        size_t moved = piece_move(it, direction, base, buf ? buf + done : NULL, n);
        it->skip += moved;
        it->left -= moved;
        done += moved;
        if (moved < n)
            return done ? (int64_t)done : -EFAULT;
    }
    return (int64_t)done;
}

int64_t iov_copy_to(struct iov_iter *it, const void *src, size_t size)
{
    return iter_move(it, TO_ITER, (char *)(uintptr_t)src, size);
}

int64_t iov_copy_from(struct iov_iter *it, void *dst, size_t size)
{
    return iter_move(it, FROM_ITER, dst, size);
}

int64_t iov_zero(struct iov_iter *it, size_t size)
{
    return iter_move(it, ZERO_ITER, NULL, size);
}
