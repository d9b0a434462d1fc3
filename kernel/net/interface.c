/* SPDX-License-Identifier: Apache-2.0 */
#include "net/interface.h"
#include <asm/byteorder.h>
#include <linux/sockios.h>
#include "abi/linux/socket.h"
#include "base/string.h"
#include "mm/usercopy.h"
#include "net/policy.h"

#define QUEUE_LENGTH 1000

static const struct net_interface interfaces[] = {
    {.name = "lo", .index = 1, .flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_LOWER_UP, .mtu = 65536, .type = ARPHRD_LOOPBACK,
     .addr = {127, 0, 0, 1}, .prefix = 8, .has_ipv6_loopback = true},
    {.name = "eth0", .index = 2, .flags = IFF_UP | IFF_BROADCAST | IFF_RUNNING | IFF_MULTICAST | IFF_LOWER_UP, .mtu = 1500,
     .type = ARPHRD_ETHER, .mac = {0x02, 0, 0x0a, 0, 2, 15}, .addr = {10, 0, 2, 15}, .prefix = 24},
};

unsigned interface_count(void)
{
    return net_policy_has_outside() ? ARRAY_COUNT(interfaces) : 1;
}

const struct net_interface *interface_at(unsigned idx)
{
    return idx < interface_count() ? &interfaces[idx] : NULL;
}

const struct net_interface *interface_by_name(const char *name)
{
    for (unsigned i = 0; i < interface_count(); i++) {
        if (strcmp(interfaces[i].name, name) == 0)
            return &interfaces[i];
    }
    return NULL;
}

const struct net_interface *interface_by_index(unsigned index)
{
    return index > 0 ? interface_at(index - 1) : NULL;
}

/* ---- ioctl -------------------------------------------------------------------------------------------------- */

/* The mask of a prefix, or the address with its host bits set, in network order. */
static uint32_t mask_of(const struct net_interface *n)
{
    return __cpu_to_be32(~(uint32_t)(UINT32_MAX >> n->prefix));
}

static uint32_t address_of(const struct net_interface *n)
{
    uint32_t addr;
    memcpy(&addr, n->addr, sizeof(addr));
    return addr;
}

static void put_address(struct linux_ifreq *r, uint32_t addr)
{
    r->addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {addr}};
}

static int request_answer(unsigned cmd, const struct net_interface *n, struct linux_ifreq *r)
{
    memset(r->bytes, 0, sizeof(r->bytes));
    switch (cmd) {
    case SIOCGIFFLAGS:
        r->flags = (uint16_t)n->flags;
        return 0;
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
        put_address(r, address_of(n));
        return 0;
    case SIOCGIFNETMASK:
        put_address(r, mask_of(n));
        return 0;
    case SIOCGIFBRDADDR:
        put_address(r, n->flags & IFF_BROADCAST ? address_of(n) | ~mask_of(n) : 0);
        return 0;
    case SIOCGIFHWADDR:
        r->hwaddr.family = (uint16_t)n->type;
        memcpy(r->hwaddr.data, n->mac, sizeof(n->mac));
        return 0;
    case SIOCGIFMTU:
        r->value = (int)n->mtu;
        return 0;
    case SIOCGIFINDEX:
        r->value = (int)n->index;
        return 0;
    case SIOCGIFTXQLEN:
        r->value = QUEUE_LENGTH;
        return 0;
    default: /* SIOCGIFMETRIC, SIOCGIFMAP: nothing set */
        return 0;
    }
}

static int64_t request_serve(unsigned cmd, uaddr_t arg)
{
    struct linux_ifreq r;
    int err = copy_from_user(&r, arg, sizeof(r));
    if (err)
        return err;
    r.name[sizeof(r.name) - 1] = 0;
    const struct net_interface *n = interface_by_name(r.name);
    if (!n)
        return -ENODEV;
    err = request_answer(cmd, n, &r);
    return err ? err : copy_to_user(arg, &r, sizeof(r));
}

static int64_t name_of_index(uaddr_t arg)
{
    struct linux_ifreq r;
    int err = copy_from_user(&r, arg, sizeof(r));
    if (err)
        return err;
    const struct net_interface *n = interface_by_index((unsigned)r.value);
    if (!n)
        return -ENODEV;
    str_copy(r.name, n->name, sizeof(r.name));
    return copy_to_user(arg, &r, sizeof(r));
}

/* All addresses, as many as fit; without a buffer, the room that they take. */
static int64_t list_all(uaddr_t arg)
{
    struct linux_ifconf conf;
    int32_t used = 0;
    int err = copy_from_user(&conf, arg, sizeof(conf));
    for (unsigned i = 0; err == 0 && i < interface_count(); i++) {
        struct linux_ifreq r = {0};
        if (conf.buf && conf.size - used < (int32_t)sizeof(r))
            break;
        str_copy(r.name, interfaces[i].name, sizeof(r.name));
        put_address(&r, address_of(&interfaces[i]));
        if (conf.buf)
            err = copy_to_user(conf.buf + (uint32_t)used, &r, sizeof(r));
        used += (int32_t)sizeof(r);
    }
    return err ? err : put_user(arg, used);
}

int64_t interface_ioctl(unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case SIOCGIFCONF:
        return list_all(arg);
    case SIOCGIFNAME:
        return name_of_index(arg);
    case SIOCGIFFLAGS:
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFBRDADDR:
    case SIOCGIFHWADDR:
    case SIOCGIFMTU:
    case SIOCGIFINDEX:
    case SIOCGIFTXQLEN:
    case SIOCGIFMETRIC:
    case SIOCGIFMAP:
        return request_serve(cmd, arg);
    case SIOCETHTOOL:
        return -EOPNOTSUPP;
    case SIOCSIFNAME:
    case SIOCSIFFLAGS:
    case SIOCSIFADDR:
    case SIOCSIFDSTADDR:
    case SIOCSIFNETMASK:
    case SIOCSIFBRDADDR:
    case SIOCSIFHWADDR:
    case SIOCSIFMTU:
    case SIOCSIFTXQLEN:
    case SIOCSIFMETRIC:
    case SIOCADDRT:
    case SIOCDELRT:
        return -EPERM; /* they are a picture: nobody changes it */
    default:
        return -ENOTTY;
    }
}
