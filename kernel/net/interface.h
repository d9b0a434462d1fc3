/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network interfaces that programs see: lo, and eth0 if the configuration lets anything in or out. They are a
 * picture for programs that ask, with fixed addresses: the true ones are the host's and nobody in here relies on them.
 */
#pragma once
#include "base/base.h"

struct net_interface {
    const char *name;
    unsigned index, flags, mtu, type; /* IFF_*, ARPHRD_* */
    uint8_t mac[6];
    uint8_t addr[4], prefix;          /* IPv4 */
    bool has_ipv6_loopback;           /* ::1/128 */
};

#define ETH0_ADDRESS 0x0a00020fU /* 10.0.2.15/24 */
#define ETH0_GATEWAY 0x0a000202U

unsigned interface_count(void);
const struct net_interface *interface_at(unsigned idx);
const struct net_interface *interface_by_name(const char *name);
const struct net_interface *interface_by_index(unsigned index);
/* SIOCGIF* on any socket; -ENOTTY for what is not one of them. */
nodiscard int64_t interface_ioctl(unsigned cmd, uint64_t arg);
