/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may pass between the enclave's network and the host's: measured configuration (naos/config.h), handed over by
 * init. Without it nothing passes. The arrays stay where they are.
 */
#pragma once
#include "abi/linux/socket.h"
#include "base/base.h"
#include "naos/config.h"

struct net_policy {
    const struct config_publish *publish;
    size_t publish_count;
    const struct config_outbound *outbound;
    size_t outbound_count;
};

void net_policy_set(const struct net_policy *policy); /* at boot */
/* From the compiled configuration: what init calls. */
void net_policy_read(const struct config *config);
bool net_policy_has_outside(void); /* may anything pass at all? */
/* Where the host listens for `port` (as seen inside); NULL: it does not. */
const struct config_publish *net_policy_published(unsigned protocol, uint16_t port);
/* May programs reach this address (v4-mapped or IPv6, port in host order)? */
bool net_policy_may_reach(const struct in6_addr *addr, uint16_t port, unsigned protocol);
