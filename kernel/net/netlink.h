/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink sockets, inside kernel/net: netlink.c, netlink_route.c. */
#pragma once
#include <linux/netlink.h>
#include "net/packet.h"

void netlink_addr_write(const struct sockaddr_nl *nl, struct sock_addr *addr);
/* One request, its body behind hdr; the answer goes to q. -ENOBUFS. What is wrong with the request is in the answer. */
nodiscard int netlink_route_serve(struct packet_queue *q, uint32_t port, const struct nlmsghdr *hdr, const uint8_t *body);
