/* SPDX-License-Identifier: Apache-2.0 */
#include "target.h"
#include <stdlib.h>
#include <string.h>
#include "arch/fake/fiber.h"
#include "platform/fake/setup.h"
#include "platform/plat.h"

static struct fiber *outside, *inside;
static const uint8_t *input;
static size_t input_size;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
_Noreturn void unit_failed(const char *cond, const char *file, int line);
_Noreturn void unit_failed_eq(const char *a, const char *b, long long x, long long y, const char *file, int line);

/* What boot.c says when its own expectations are not met. */
_Noreturn void unit_failed(const char *cond, const char *file, int line)
{
    fake_die("%s:%d: expected %s", file, line, cond);
}

_Noreturn void unit_failed_eq(const char *a, const char *b, long long x, long long y, const char *file, int line)
{
    fake_die("%s:%d: %s is %lld, %s is %lld", file, line, a, x, b, y);
}

uint64_t fuzz_take(struct fuzz_bytes *b, unsigned size)
{
    uint64_t value = 0;
    fuzz_take_bytes(b, &value, size);
    return value;
}

size_t fuzz_take_bytes(struct fuzz_bytes *b, void *to, size_t size)
{
    size_t n = MIN(size, b->left);
    if (n)
        memcpy(to, b->at, n);
    b->at += n;
    b->left -= n;
    return n;
}

/* Back to libFuzzer, until the next input. */
static void next_wait(void)
{
    inside = fiber_current();
    fiber_switch(outside);
}

static void body(void *arg)
{
    (void)arg;
    for (;; next_wait())
        fuzz_target.one(input, input_size);
}

static void user(struct arch_regs *regs)
{
    if (SYS(regs, getpid) != 1) {
        if (fuzz_target.program)
            fuzz_target.program(regs);
        user_exit(regs, 0);
    }
    if (fuzz_target.ready)
        fuzz_target.ready(regs);
    for (;; next_wait())
        fuzz_target.user(regs, input, input_size);
}

static void boot(void)
{
    struct fake_params params = {.seed = 1, .vcpu_count = 1, .memory_size = 256u << 20};
    unit_boot_config(&params);
    if (fuzz_target.config)
        fuzz_target.config(&params);
    fake_init(&params);
    fake_vcpu_setup(&params);
    if (fuzz_target.user)
        unit_boot_host();
    plat_host_info.log_level = 0;
    fake_user = user;
    outside = fiber_current();
    fake_run(fuzz_target.user ? NULL : body, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    input_size = size;
    if (inside)
        fiber_switch(inside);
    else
        boot();
    if (fake_exit_status >= 0)
        fake_die("the kernel ended with status %d", fake_exit_status);
    return 0;
}
