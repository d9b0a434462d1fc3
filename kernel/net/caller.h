/* SPDX-License-Identifier: Apache-2.0 */
/* What net asks about the calling process: the one place of kernel/net that knows proc. */
#pragma once
#include "abi/linux/socket.h"
#include "vfs/file.h"

struct linux_ucred caller_ucred(void); /* pid, effective ids */
/* May the caller say that it is this one (SCM_CREDENTIALS)? */
bool caller_may_claim(const struct linux_ucred *cred);
bool caller_is_capable(unsigned cap);
uint64_t caller_file_limit(void); /* RLIMIT_NOFILE */
nodiscard int caller_file(int fd, struct file **f); /* referenced */
nodiscard int caller_install(struct file *f, bool cloexec); /* takes the reference if >= 0 */
void caller_sigpipe(void);
/* Supplementary groups: their number, and the first `max` of them. */
uint32_t caller_groups(uint32_t *groups, uint32_t max);
