/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only way to user memory: checked to lie in the user range, of the process that runs on this vCPU, surviving
 * faults. May sleep: hold no spinlock. All return 0 or -EFAULT unless they say otherwise.
 */
#pragma once
#include "base/base.h"

nodiscard bool user_range_ok(uaddr_t addr, uint64_t size);
nodiscard int copy_from_user(void *dst, uaddr_t src, size_t size);
nodiscard int copy_to_user(uaddr_t dst, const void *src, size_t size);
nodiscard int zero_user(uaddr_t dst, size_t size);
/* A string with its zero: its length without, -ENAMETOOLONG if it does not fit, -EFAULT. */
nodiscard int64_t copy_string_from_user(char *dst, uaddr_t src, size_t size);
nodiscard int load_user_u32(uaddr_t src, uint32_t *value);
/* -EFAULT, or 0 with what was seen there before (equal to `old`: it was exchanged). */
nodiscard int cas_user_u32(uaddr_t at, uint32_t old, uint32_t new_value, uint32_t *seen);
#define put_user(addr, value) \
    ({ __typeof__(value) put_user_tmp = (value); copy_to_user((addr), &put_user_tmp, sizeof(put_user_tmp)); })

/* A gather or scatter list over user memory or kernel memory; reads and writes move it forward. */
struct iov {
    uint64_t base; /* uaddr_t, or a kernel pointer */
    uint64_t size;
};
struct iov_iter {
    const struct iov *iov;
    size_t count;    /* entries left */
    size_t skip;     /* bytes of the first that are done */
    uint64_t left;   /* bytes in all */
    bool is_kernel;
    struct iov single;
};
void iov_iter_user(struct iov_iter *it, uaddr_t base, uint64_t size);
void iov_iter_kernel(struct iov_iter *it, void *base, uint64_t size);
void iov_iter_vec(struct iov_iter *it, const struct iov *iov, size_t count); /* user memory */
/* Bytes moved: fewer than size only at the end of the list or at a fault (then 0 moved means -EFAULT). */
nodiscard int64_t iov_copy_to(struct iov_iter *it, const void *src, size_t size);
nodiscard int64_t iov_copy_from(struct iov_iter *it, void *dst, size_t size);
nodiscard int64_t iov_zero(struct iov_iter *it, size_t size);
