/* SPDX-License-Identifier: Apache-2.0 */
#include "net/policy.h"

static struct net_policy policy;

void net_policy_set(const struct net_policy *p)
{
    policy = *p;
}

void net_policy_read(const struct config *config)
{
    const uint8_t *base = (const uint8_t *)config;
    uint64_t publish_end = (uint64_t)config->publish_off + (uint64_t)config->publish_count * sizeof(struct config_publish);
    uint64_t outbound_end = (uint64_t)config->outbound_off + (uint64_t)config->outbound_count * sizeof(struct config_outbound);
    CHECK(publish_end <= config->size && outbound_end <= config->size);
    CHECK(config->publish_off % _Alignof(struct config_publish) == 0);
    CHECK(config->outbound_off % _Alignof(struct config_outbound) == 0);
    policy = (struct net_policy){
        .publish = (const void *)(base + config->publish_off),
        .publish_count = config->publish_count,
        .outbound = (const void *)(base + config->outbound_off),
        .outbound_count = config->outbound_count,
    };
}

bool net_policy_has_outside(void)
{
    return policy.publish_count > 0 || policy.outbound_count > 0;
}

const struct config_publish *net_policy_published(unsigned protocol, uint16_t port)
{
    for (size_t i = 0; i < policy.publish_count; i++) {
        if (policy.publish[i].port == port && policy.publish[i].protocol == protocol)
            return &policy.publish[i];
    }
    return NULL;
}

static bool has_prefix(const uint8_t *addr, const uint8_t *prefix, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++) {
        uint8_t mask = (uint8_t)(0x80 >> (i % 8));
        if ((addr[i / 8] ^ prefix[i / 8]) & mask)
            return false;
    }
    return true;
}

bool net_policy_may_reach(const struct in6_addr *addr, uint16_t port, unsigned protocol)
{
    for (size_t i = 0; i < policy.outbound_count; i++) {
        const struct config_outbound *o = &policy.outbound[i];
        if ((o->protocol == 0 || o->protocol == protocol) && port >= o->port_first && port <= o->port_last &&
            has_prefix(addr->s6_addr, o->addr, MIN(o->prefix, 128U)))
            return true;
    }
    return false;
}
