/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define STACK_SIZE (512u << 10)

#if defined(__has_feature) /* clang's way to say it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, size) ((void)0)
#define __sanitizer_finish_switch_fiber(save, bottom, size) ((void)0)
#define __asan_unpoison_memory_region(addr, size) ((void)0)
#endif

struct fiber {
    ucontext_t context;
    void *stack;
    size_t size;
    void *fake_stack; /* AddressSanitizer's, while switched out */
    void (*entry)(void *arg);
    void *arg;
};

static struct fiber first, *current = &first;

void fiber_init(void)
{
    __sanitizer_start_switch_fiber(&first.fake_stack, NULL, 0);
    __sanitizer_finish_switch_fiber(first.fake_stack, (const void **)&first.stack, &first.size);
}

struct fiber *fiber_current(void)
{
    return current;
}

static void fiber_main(void)
{
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
    current->entry(current->arg);
    abort();
}

void fiber_reset(struct fiber *f, void (*entry)(void *arg), void *arg)
{
    f->entry = entry;
    f->arg = arg;
    f->fake_stack = NULL;
    __asan_unpoison_memory_region(f->stack, f->size); /* what the frames left by the one before */
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = f->size;
    makecontext(&f->context, fiber_main, 0);
}

struct fiber *fiber_create(void (*entry)(void *arg), void *arg)
{
    struct fiber *f = calloc(1, sizeof(*f));
    if (!f || !(f->stack = malloc(STACK_SIZE)))
        abort();
    f->size = STACK_SIZE;
    fiber_reset(f, entry, arg);
    return f;
}

void fiber_switch(struct fiber *to)
{
    struct fiber *from = current;
    if (to == from)
        return;
    __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->size);
    current = to;
    swapcontext(&from->context, &to->context);
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
}
