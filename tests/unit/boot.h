/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests that need a whole kernel: it boots on the image of make-image, and a function of the test plays /bin/init. That function
 * runs on its task's kernel stack; it reaches the kernel by system calls, and user memory by user_put and user_get.
 */
#pragma once
#include <asm/unistd.h>
#include "arch/arch.h"
#include "platform/fake/fake.h"

/* Fills params and what the host says at boot. */
void unit_boot_config(struct fake_params *params);
void unit_boot_host(void);

/* A system call of the user; missing arguments are 0. */
#define SYS(regs, name, ...) fake_syscall((regs), __NR_##name, (const uint64_t[6]){__VA_ARGS__})

/* Memory that the program maps for its own use, private and anonymous. */
uaddr_t user_map(struct arch_regs *regs, uint64_t size);
void user_put(uaddr_t at, const void *data, size_t size); /* the test fails on a fault */
void user_get(void *data, uaddr_t at, size_t size);
uaddr_t user_string(struct arch_regs *regs, const char *s); /* in memory that is never given back */
_Noreturn void user_exit(struct arch_regs *regs, int code);
/* A child that runs `main`: its pid. */
int64_t user_fork(struct arch_regs *regs, void (*child)(struct arch_regs *regs));
int user_wait(struct arch_regs *regs, int64_t pid); /* the wait status */
