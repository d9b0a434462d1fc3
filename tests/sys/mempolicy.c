/* SPDX-License-Identifier: Apache-2.0 */
/* set_mempolicy(2), get_mempolicy(2), mbind(2) on node 0. */
#define _GNU_SOURCE
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static unsigned long none = 0, first = 1;
static void *page;

static long set(int mode, void *nodes)
{
    return syscall(SYS_set_mempolicy, mode, nodes, 64 + 1);
}

static long get(int *mode, unsigned long *nodes, void *addr, unsigned long flags)
{
    return syscall(SYS_get_mempolicy, mode, nodes, 1024UL, addr, flags);
}

static long bind_page(void *addr, int mode, void *nodes, unsigned flags)
{
    return syscall(SYS_mbind, addr, 4096UL, mode, nodes, 64 + 1, flags);
}

static int is_kept(int mode, void *nodes, int shown, unsigned long shown_nodes)
{
    int now = -1;
    unsigned long got[16] = {0};
    return set(mode, nodes) == 0 && get(&now, got, NULL, 0) == 0 && now == shown && got[0] == shown_nodes;
}

static void keeps(void)
{
    int mode, status;
    CHECK(is_kept(MPOL_BIND, &first, MPOL_BIND, 1) && is_kept(MPOL_INTERLEAVE, &first, MPOL_INTERLEAVE, 1));
    CHECK(get(&mode, NULL, NULL, MPOL_F_NODE) == 0 && mode == 0);
    CHECK(is_kept(MPOL_PREFERRED, &first, MPOL_PREFERRED, 1) && is_kept(MPOL_PREFERRED, NULL, MPOL_LOCAL, 0));
    CHECK(is_kept(MPOL_LOCAL, NULL, MPOL_LOCAL, 0));
    CHECK(is_kept(MPOL_BIND | MPOL_F_STATIC_NODES, &first, MPOL_BIND | MPOL_F_STATIC_NODES, 1));
    pid_t pid = fork();
    if (pid == 0)
        _exit(get(&mode, NULL, NULL, 0) == 0 && mode == (MPOL_BIND | MPOL_F_STATIC_NODES) ? 0 : 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(is_kept(MPOL_DEFAULT, NULL, MPOL_DEFAULT, 0));
}

static void refuses_to_set(void)
{
    unsigned long third = 4;
    CHECK_ERRNO(set(MPOL_DEFAULT, &first), EINVAL);
    CHECK_ERRNO(set(MPOL_BIND, NULL), EINVAL);
    CHECK_ERRNO(set(MPOL_BIND, &none), EINVAL);
    CHECK_ERRNO(set(MPOL_BIND, nowhere), EFAULT);
    CHECK_ERRNO(set(MPOL_LOCAL, &first), EINVAL);
    CHECK_ERRNO(set(99, NULL), EINVAL);
    CHECK_ERRNO(set(-1, NULL), EINVAL);
    CHECK_ERRNO(set(MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, &first), EINVAL);
    CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_BIND, &first, 1UL << 20), EINVAL);
    if (access("/sys/devices/system/node/node2", F_OK) != 0)
        CHECK_ERRNO(set(MPOL_BIND, &third), EINVAL);
    CHECK_ERRNO(bind_page((char *)page + 1, MPOL_BIND, &first, 0), EINVAL);
    CHECK_ERRNO(bind_page(page, 99, &first, 0), EINVAL);
    CHECK_ERRNO(bind_page(page, MPOL_BIND, &first, 0x100), EINVAL);
    CHECK_ERRNO(bind_page(page, MPOL_BIND, nowhere, 0), EFAULT);
    CHECK_ERRNO(bind_page(page, MPOL_DEFAULT, &first, 0), EINVAL);
    CHECK(bind_page(page, MPOL_BIND, &first, MPOL_MF_STRICT) == 0);
}

static void refuses_to_tell(void)
{
    int mode = -1;
    unsigned long nodes[16] = {0};
    CHECK(get(&mode, nodes, NULL, MPOL_F_MEMS_ALLOWED) == 0 && nodes[0] & 1);
    CHECK(get(&mode, nodes, page, MPOL_F_ADDR | MPOL_F_NODE) == 0 && mode >= 0);
    CHECK_ERRNO(get(&mode, nodes, NULL, MPOL_F_ADDR), EFAULT);
    CHECK_ERRNO(get(&mode, nodes, page, MPOL_F_MEMS_ALLOWED | MPOL_F_ADDR), EINVAL);
    CHECK_ERRNO(get(&mode, nodes, page, 0), EINVAL);
    CHECK_ERRNO(get(&mode, NULL, NULL, MPOL_F_NODE), EINVAL);
    CHECK_ERRNO(get(&mode, nodes, NULL, 99), EINVAL);
    CHECK_ERRNO(get(nowhere, nodes, NULL, 0), EFAULT);
    CHECK_ERRNO(get(&mode, nowhere, NULL, 0), EFAULT);
}

int main(void)
{
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    *(volatile char *)page = 1;
    keeps();
    refuses_to_set();
    refuses_to_tell();
    return 0;
}
