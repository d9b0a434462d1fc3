/* SPDX-License-Identifier: Apache-2.0 */
/* What every file of the kernel needs: types, checks, checked sizes. Includes no other kernel header. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <asm/errno.h>

/* An address in the user range, as a program says it: not to be dereferenced but by mm/usercopy. */
typedef uint64_t uaddr_t;
/* Nanoseconds: a point on CLOCK_MONOTONIC, or a span. */
typedef int64_t ns_t;
#define NS_NEVER  INT64_MAX
#define NS_PER_S  1000000000LL
#define NS_PER_MS 1000000LL
#define NS_PER_US 1000LL

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)

#define nodiscard __attribute__((warn_unused_result))
#define packed_struct __attribute__((packed))
#define aligned_to(n) __attribute__((aligned(n)))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) \
    ((type *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Stops the machine: for our own bugs only. What host or guest can cause is an error return. */
#define CHECK(cond) \
    do { \
        if (unlikely(!(cond))) \
            check_failed(#cond, __FILE__, __LINE__); \
    } while (0)
_Noreturn void check_failed(const char *cond, const char *file, int line);

/* Pointers that carry -errno: what a lookup or create returns. */
static inline void *err_ptr(int err)
{
    return (void *)(intptr_t)err;
}

static inline bool is_err(const void *ptr)
{
    return (uintptr_t)ptr >= (uintptr_t)-4095;
}

static inline int ptr_err(const void *ptr)
{
    return (int)(intptr_t)ptr;
}

/* Sizes from outside: false on overflow, and *sum is then unspecified. */
static inline nodiscard bool size_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

static inline nodiscard bool size_mul(uint64_t a, uint64_t b, uint64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

static inline uint64_t align_down(uint64_t x, uint64_t align)
{
    return x & ~(align - 1);
}

/* x + align - 1 must not wrap: check the size first. */
static inline uint64_t align_up(uint64_t x, uint64_t align)
{
    return (x + align - 1) & ~(align - 1);
}

static inline bool is_aligned(uint64_t x, uint64_t align)
{
    return (x & (align - 1)) == 0;
}
