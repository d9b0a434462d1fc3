/* SPDX-License-Identifier: Apache-2.0 */
#include "net/caller.h"
#include <linux/capability.h>
#include "base/string.h"
#include "proc/process.h"

struct linux_ucred caller_ucred(void)
{
    const struct cred *cred = thread_current()->cred;
    return (struct linux_ucred){process_current()->pid, cred->euid, cred->egid};
}

bool caller_may_claim(const struct linux_ucred *claim)
{
    const struct cred *cred = thread_current()->cred;
    bool is_pid = claim->pid == process_current()->pid || capable(CAP_SYS_ADMIN);
    bool is_uid = claim->uid == cred->uid || claim->uid == cred->euid || claim->uid == cred->suid ||
                  capable(CAP_SETUID);
    bool is_gid = claim->gid == cred->gid || claim->gid == cred->egid || claim->gid == cred->sgid ||
                  capable(CAP_SETGID);
    return is_pid && is_uid && is_gid;
}

bool caller_is_capable(unsigned cap)
{
    return capable(cap);
}

uint64_t caller_file_limit(void)
{
    return process_limit(process_current(), RLIMIT_NOFILE);
}

int caller_file(int fd, struct file **f)
{
    return fd_get(thread_current()->files, fd, f);
}

int caller_install(struct file *f, bool cloexec)
{
    return fd_install(thread_current()->files, f, 0, cloexec, caller_file_limit());
}

void caller_sigpipe(void)
{
    int err = signal_send_thread(thread_current(), SIGPIPE, NULL);
    (void)err; /* at worst the queue is full: then one is pending already */
}

uint32_t caller_groups(uint32_t *groups, uint32_t max)
{
    const struct cred *cred = thread_current()->cred;
    memcpy(groups, cred->groups, MIN(max, cred->group_count) * sizeof(*groups));
    return cred->group_count;
}
