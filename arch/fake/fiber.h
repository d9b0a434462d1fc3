/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks to run on, known to AddressSanitizer. A fiber's stack is its own, large enough for instrumented code. */
#pragma once
#include <stddef.h>

struct fiber;

/* Makes the caller's stack the first fiber. */
void fiber_init(void);
struct fiber *fiber_current(void);
/* One that calls entry(arg) when it is first switched to; entry does not return. */
struct fiber *fiber_create(void (*entry)(void *arg), void *arg);
void fiber_reset(struct fiber *f, void (*entry)(void *arg), void *arg); /* of one that is not running */
void fiber_switch(struct fiber *to);
