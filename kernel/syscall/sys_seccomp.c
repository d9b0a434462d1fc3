/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp(2). Nobody can listen for a filter's questions: SECCOMP_FILTER_FLAG_NEW_LISTENER is -EINVAL. */
#include <linux/seccomp.h>
#include "mm/usercopy.h"
#include "proc/seccomp.h"
#include "syscall_gen.h"

#define FLAGS_KNOWN \
    (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH)

static int64_t set_filter(unsigned flags, uaddr_t fprog)
{
    struct seccomp_filter *filter;
    if (flags & ~FLAGS_KNOWN)
        return -EINVAL;
    int err = seccomp_filter_read(fprog, flags & SECCOMP_FILTER_FLAG_LOG, &filter);
    if (err)
        return err;
    int32_t result = seccomp_filter_add(filter, flags & SECCOMP_FILTER_FLAG_TSYNC);
    if (result != 0)
        seccomp_filter_put(filter);
    return result > 0 && (flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH) ? -ESRCH : result;
}

static int64_t action_available(unsigned flags, uaddr_t addr)
{
    uint32_t action;
    if (flags)
        return -EINVAL;
    int err = copy_from_user(&action, addr, sizeof(action));
    if (err)
        return err;
    switch (action) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ALLOW:
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

int64_t sys_seccomp(unsigned op, unsigned flags, uaddr_t args)
{
    switch (op) {
    case SECCOMP_SET_MODE_STRICT:
        return flags || args ? -EINVAL : seccomp_set_strict();
    case SECCOMP_SET_MODE_FILTER:
        return set_filter(flags, args);
    case SECCOMP_GET_ACTION_AVAIL:
        return action_available(flags, args);
    default:
        return -EINVAL;
    }
}
