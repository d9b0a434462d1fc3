/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linked into a kernel of its own (build/canary/kernel.elf, ld --wrap). What the heap gives is full of canaries, and so is the stack below
 * whoever asked it, came back from the host, or copied from or to a program: what the next function leaves alone holds them, padding
 * too (the compiler's -ftrivial-auto-var-init=pattern would not do: it clears padding). A program that writes "PLANT n" makes a leak on purpose: leak.c must find it.
 */
#include "base/string.h"
#include "heap/heap.h"
#include "hostcall/checked.h"
#include "hostcall_gen.h"

#define CANARY       0xc7
#define STACK_CANARY 0xfe
#define STACK_FILL   2048

void *__real_heap_alloc(size_t size);
void *__wrap_heap_alloc(size_t size);
void *__real_page_alloc(unsigned order);
void *__wrap_page_alloc(unsigned order);
int64_t __real_checked_call(const struct checked_call *call);
int64_t __wrap_checked_call(const struct checked_call *call);
int __real_copy_from_user(void *dst, uaddr_t src, size_t size);
int __wrap_copy_from_user(void *dst, uaddr_t src, size_t size);
int __real_copy_to_user(uaddr_t dst, const void *src, size_t size);
int __wrap_copy_to_user(uaddr_t dst, const void *src, size_t size);

static __attribute__((noinline)) void stack_fill(void)
{
    uint8_t below[STACK_FILL];
    memset(below, STACK_CANARY, sizeof(below));
    __asm__ volatile("" : : "r"(below) : "memory");
}

void *__wrap_heap_alloc(size_t size)
{
    void *ptr = __real_heap_alloc(size);
    stack_fill();
    return ptr ? memset(ptr, CANARY, size) : NULL;
}

void *__wrap_page_alloc(unsigned order)
{
    void *ptr = __real_page_alloc(order);
    return ptr ? memset(ptr, CANARY, PAGE_SIZE << order) : NULL;
}

struct padded {
    uint8_t first; /* three bytes of padding behind it */
    uint32_t second;
};

int __wrap_copy_from_user(void *dst, uaddr_t src, size_t size)
{
    int err = __real_copy_from_user(dst, src, size);
    stack_fill();
    return err;
}

int __wrap_copy_to_user(uaddr_t dst, const void *src, size_t size)
{
    int err = __real_copy_to_user(dst, src, size);
    stack_fill();
    return err;
}

static __attribute__((noinline)) void plant(const struct checked_call *call, char which)
{
    struct padded padded;
    char *heap = __real_heap_alloc(64);
    memset(&padded, STACK_CANARY, sizeof(padded)); /* where some function before this one has left it */
    __asm__ volatile("" : : "r"(&padded) : "memory");
    padded.first = 1;
    padded.second = 2;
    memset(heap, which == '2' ? CANARY : 0, 64);
    struct checked_call leak = *call;
    leak.in = which == '1' ? (const void *)&padded : heap;
    leak.in_size = which == '1' ? sizeof(padded) : 8;
    int64_t err = __real_checked_call(&leak);
    (void)err;
    heap_free(heap);
}

int64_t __wrap_checked_call(const struct checked_call *call)
{
    if (call->nr == HOSTCALL_WRITE && call->in_size == 8 && memcmp(call->in, "PLANT ", 6) == 0)
        plant(call, ((const char *)call->in)[6]);
    int64_t result = __real_checked_call(call);
    stack_fill();
    return result;
}
