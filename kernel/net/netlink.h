/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink sockets: netlink.c, netlink_route.c. */
#pragma once
#include <linux/netlink.h>
#include "net/packet.h"

/* A datagram of the kernel's own. -ENOMEM, -ENOBUFS: the queue is full. */
nodiscard int netlink_push(struct packet_queue *q, const void *data, uint32_t size);
/* The same for a socket's file. -EINVAL: it is none of these. */
nodiscard int netlink_post(struct file *f, const void *data, uint32_t size);
bool file_is_netlink(struct file *f);

void netlink_addr_write(const struct sockaddr_nl *nl, struct sock_addr *addr);
/* One request, its body behind hdr; the answer goes to q. -ENOBUFS. What is wrong with the request is in the answer. */
nodiscard int netlink_route_serve(struct packet_queue *q, uint32_t port, const struct nlmsghdr *hdr, const uint8_t *body);
