/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory policies, on a machine with one node: all memory comes from it, whatever a policy says. A thread's is kept for who asks; that
 * of a mapping (mbind) is checked and forgotten.
 */
#include <linux/mempolicy.h>
#include "mm/usercopy.h"
#include "proc/process.h"
#include "syscall_gen.h"

#define NODES        1UL /* node 0 */
#define NODES_MAX    (PAGE_SIZE * 8)
#define PLACE_FLAGS  (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)
#define ASK_FLAGS    (MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED)
#define BIND_FLAGS   (MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)

/* Of the nodes named, the one that is there; *is_empty: none was named. max counts one bit more than there are (get_nodes of Linux). */
static int nodes_read(uaddr_t addr, uint64_t max, uint64_t *nodes, bool *is_empty)
{
    uint64_t word = 0;
    *nodes = 0;
    *is_empty = true;
    if (!addr || max <= 1)
        return 0;
    if (max - 1 > NODES_MAX)
        return -EINVAL;
    for (uint64_t left = max - 1, i = 0; left > 0; left -= MIN(left, 64UL), i++) {
        int err = copy_from_user(&word, addr + i * sizeof(word), sizeof(word));
        if (err)
            return err;
        word &= left < 64 ? (1UL << left) - 1 : ~0UL;
        *nodes |= i == 0 ? word & NODES : 0;
        *is_empty = *is_empty && !word;
    }
    return 0;
}

static int policy_read(uint64_t mode, uaddr_t addr, uint64_t max, struct memory_policy *policy)
{
    uint64_t kind = mode & ~(uint64_t)MPOL_MODE_FLAGS, nodes;
    bool is_empty;
    if (kind >= MPOL_MAX || (mode & PLACE_FLAGS) == PLACE_FLAGS)
        return -EINVAL;
    int err = nodes_read(addr, max, &nodes, &is_empty);
    if (err)
        return err;
    bool takes_none = kind == MPOL_DEFAULT || kind == MPOL_LOCAL || (kind == MPOL_PREFERRED && is_empty);
    if (takes_none ? !is_empty || mode & PLACE_FLAGS : !nodes)
        return -EINVAL;
    *policy = (struct memory_policy){.mode = takes_none && kind != MPOL_DEFAULT ? MPOL_LOCAL : (unsigned)mode, .nodes = nodes};
    return 0;
}

int64_t sys_set_mempolicy(int mode, uaddr_t nodes, uint64_t max)
{
    return policy_read((unsigned)mode, nodes, max, &thread_current()->memory_policy);
}

int64_t sys_mbind(uaddr_t addr, uint64_t size, uint64_t mode, uaddr_t nodes, uint64_t max, unsigned flags)
{
    struct memory_policy policy;
    (void)size;
    if (addr & PAGE_MASK || flags & ~(unsigned)BIND_FLAGS)
        return -EINVAL;
    return policy_read(mode, nodes, max, &policy);
}

/* What is asked for: the nodes there are, the policy of an address, or the thread's. */
static int policy_ask(uaddr_t addr, uint64_t flags, struct memory_policy *policy)
{
    const struct memory_policy *own = &thread_current()->memory_policy;
    uint8_t byte;
    *policy = (struct memory_policy){.nodes = flags & MPOL_F_MEMS_ALLOWED ? NODES : 0};
    if (flags & MPOL_F_MEMS_ALLOWED)
        return flags & (MPOL_F_NODE | MPOL_F_ADDR) ? -EINVAL : 0;
    if (flags & MPOL_F_ADDR) /* the default, which is 0 as node 0 is */
        return copy_from_user(&byte, addr, 1);
    if (addr || (flags & MPOL_F_NODE && (own->mode & ~(unsigned)MPOL_MODE_FLAGS) != MPOL_INTERLEAVE))
        return -EINVAL;
    *policy = *own;
    if (flags & MPOL_F_NODE)
        policy->mode = 0; /* the node that is next */
    return 0;
}

int64_t sys_get_mempolicy(uaddr_t mode, uaddr_t nodes, uint64_t max, uaddr_t addr, uint64_t flags)
{
    struct memory_policy policy;
    if (flags & ~(uint64_t)ASK_FLAGS || (nodes && max < 1))
        return -EINVAL;
    int err = policy_ask(addr, flags, &policy);
    if (!err && mode)
        err = put_user(mode, policy.mode);
    return !err && nodes ? copy_to_user(nodes, &policy.nodes, MIN(8, align_up(max, 8) / 8)) : err;
}
