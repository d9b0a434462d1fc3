/* SPDX-License-Identifier: Apache-2.0 */
/* Classic BPF, as far as seccomp(2) has it: 32-bit words, no loops, so every program ends. */
#pragma once
#include <linux/filter.h>
#include "base/base.h"

/* False: it may leave the program or the data, divide by zero, or is no such program. */
bool bpf_check(const struct sock_filter *code, unsigned count, size_t data_size);
/* Of a checked program; data_size as it was checked with. */
uint32_t bpf_run(const struct sock_filter *code, const uint32_t *data, size_t data_size);
