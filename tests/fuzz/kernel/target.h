/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers of the kernel under libFuzzer, on the fake platform. A target is one file that defines `fuzz_target`; target.c boots a
 * kernel at the first input and gives it each input from then on, on a task of the kernel's. What an input leaves behind (files,
 * processes) the target takes away, so that each finds what the first one found.
 */
#pragma once
#include "tests/unit/boot.h"

struct fuzz_target {
    void (*one)(const uint8_t *data, size_t size); /* on a task, in a kernel with scheduler, clock and mm only */
    void (*user)(struct arch_regs *regs, const uint8_t *data, size_t size); /* or: as the first program of a booted kernel */
    void (*config)(struct fake_params *params); /* may change the configuration; NULL */
    void (*ready)(struct arch_regs *regs);      /* once, before the first input of `user`; NULL */
    void (*program)(struct arch_regs *regs);    /* plays what exec loaded; NULL: it exits */
};
extern const struct fuzz_target fuzz_target;

/* Takes from the front of an input; zeros when it is used up. */
struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
};
uint64_t fuzz_take(struct fuzz_bytes *b, unsigned size);
size_t fuzz_take_bytes(struct fuzz_bytes *b, void *to, size_t size); /* how many there were */
