/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2): a counter to wait for. */
#pragma once
#include "vfs/file.h"

#define EFD_SEMAPHORE 1 /* linux/eventfd.h is not in every distribution */

/* flags: O_NONBLOCK counts. */
bool file_is_eventfd(const struct file *f);
nodiscard int eventfd_create(uint64_t count, bool is_semaphore, unsigned flags, struct file **f);
