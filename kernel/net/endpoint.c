/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: between what programs write and the one form that kernel/net uses. */
#include <asm/byteorder.h>
#include "base/string.h"
#include "net/inet.h"
#include "net/interface.h"
#include "net/policy.h"

#define SIN6_SIZE_MIN 24U /* without sin6_scope_id */

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t v6_loopback[16] = {[15] = 1};
static const uint8_t v6_any[16];

bool ip_is_v4(const uint8_t ip[16])
{
    return memcmp(ip, v4_prefix, sizeof(v4_prefix)) == 0;
}

static uint32_t ip_v4(const uint8_t ip[16])
{
    return (uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 | (uint32_t)ip[14] << 8 | ip[15];
}

static void ip_set_v4(uint8_t ip[16], uint32_t addr)
{
    memcpy(ip, v4_prefix, sizeof(v4_prefix));
    for (unsigned i = 0; i < 4; i++)
        ip[12 + i] = (uint8_t)(addr >> (24 - 8 * i));
}

void ip_set_gateway(uint8_t ip[16])
{
    ip_set_v4(ip, ETH0_GATEWAY);
}

bool ip_is_equal(const uint8_t a[16], const uint8_t b[16])
{
    return memcmp(a, b, 16) == 0;
}

bool ip_is_any(const uint8_t ip[16])
{
    return ip_is_v4(ip) ? ip_v4(ip) == 0 : ip_is_equal(ip, v6_any);
}

bool ip_is_loopback(const uint8_t ip[16])
{
    return ip_is_v4(ip) ? ip[12] == 127 : ip_is_equal(ip, v6_loopback);
}

bool ip_is_broadcast(const uint8_t ip[16])
{
    return ip_is_v4(ip) && ip_v4(ip) == UINT32_MAX;
}

bool ip_is_multicast(const uint8_t ip[16])
{
    return ip_is_v4(ip) ? ip[12] >> 4 == 14 || ip_is_broadcast(ip) : ip[0] == 0xff;
}

bool ip_is_own(const uint8_t ip[16])
{
    if (ip_is_loopback(ip) || ip_is_any(ip))
        return true;
    return ip_is_v4(ip) && ip_v4(ip) == ETH0_ADDRESS && net_policy_has_outside();
}

void endpoint_resolve_any(struct endpoint *ep)
{
    if (!ip_is_any(ep->ip))
        return;
    if (ip_is_v4(ep->ip))
        ip_set_v4(ep->ip, 0x7f000001);
    else
        memcpy(ep->ip, v6_loopback, 16);
}

void endpoint_source(const struct endpoint *to, uint8_t ip[16])
{
    if (!ip_is_v4(to->ip))
        memcpy(ip, v6_loopback, 16);
    else
        ip_set_v4(ip, ip_v4(to->ip) >> 24 == 127 ? 0x7f000001 : ETH0_ADDRESS);
}

static int read_v4(const struct sock_addr *addr, struct endpoint *ep)
{
    if (addr->size < sizeof(struct sockaddr_in))
        return -EINVAL;
    ip_set_v4(ep->ip, __be32_to_cpu(addr->in.sin_addr.s_addr));
    ep->port = __be16_to_cpu(addr->in.sin_port);
    return 0;
}

static int read_v6(const struct inet_socket *i, const struct sock_addr *addr, struct endpoint *ep)
{
    if (addr->size < SIN6_SIZE_MIN)
        return -EINVAL;
    memcpy(ep->ip, &addr->in6.sin6_addr, 16);
    ep->port = __be16_to_cpu(addr->in6.sin6_port);
    ep->scope = addr->size >= sizeof(addr->in6) ? addr->in6.sin6_scope_id : 0;
    return ip_is_v4(ep->ip) && i->options[OPT_V6ONLY] ? -ENETUNREACH : 0;
}

int endpoint_read(const struct inet_socket *i, const struct sock_addr *addr, struct endpoint *ep)
{
    *ep = (struct endpoint){0};
    if (addr->size < sizeof(addr->family))
        return -EINVAL;
    if (addr->family == i->s.family)
        return i->s.family == AF_INET ? read_v4(addr, ep) : read_v6(i, addr, ep);
    if (addr->family == AF_INET && i->s.type == SOCK_DGRAM && !i->options[OPT_V6ONLY]) /* UDP takes either */
        return read_v4(addr, ep);
    if (addr->family == AF_UNSPEC && i->s.family == AF_INET) { /* as bind(2) on Linux has it: for any only */
        int err = read_v4(addr, ep);
        return err ? err : ip_is_any(ep->ip) ? 0 : -EAFNOSUPPORT;
    }
    return -EAFNOSUPPORT;
}

void endpoint_write(const struct inet_socket *i, const struct endpoint *ep, struct sock_addr *addr)
{
    memset(addr->bytes, 0, sizeof(struct sockaddr_in6));
    addr->family = i->s.family;
    if (i->s.family == AF_INET) {
        addr->size = sizeof(addr->in);
        addr->in.sin_port = __cpu_to_be16(ep->port);
        memcpy(&addr->in.sin_addr, ep->ip + 12, 4);
    } else {
        addr->size = sizeof(addr->in6);
        addr->in6.sin6_port = __cpu_to_be16(ep->port);
        addr->in6.sin6_scope_id = ep->scope;
        memcpy(&addr->in6.sin6_addr, ep->ip, 16);
    }
}
