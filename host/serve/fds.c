/* SPDX-License-Identifier: Apache-2.0 */
/* The enclave's descriptors: their numbers are ours, and what it was not given does not exist for it. */
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>
#include "serve_internal.h"

int fd_of(const struct serve_vcpu *vcpu, int fd)
{
    return fd >= 0 && fd < SERVE_FD_MAX ? vcpu->serve->fds[fd] : -1;
}

int64_t fd_give(struct serve_vcpu *vcpu, int fd)
{
    if (fd < 0)
        return -errno;
    if (fd >= SERVE_FD_MAX) {
        close(fd);
        return -EMFILE;
    }
    vcpu->serve->fds[fd] = fd;
    vcpu->serve->fd_may_block[fd] = false;
    return fd;
}

/* Servers have many connections: take all that the hard limit gives. */
void fd_limit_raise(void)
{
    static atomic_bool is_done;
    struct rlimit limit;
    if (atomic_exchange(&is_done, true) || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max < SERVE_FD_MAX ? limit.rlim_max : SERVE_FD_MAX;
    setrlimit(RLIMIT_NOFILE, &limit); /* if not, the old limit holds: EMFILE tells of it */
}
