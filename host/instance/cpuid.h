/* SPDX-License-Identifier: Apache-2.0 */
/* What CPUID gives on this machine, for the enclave, which cannot ask. */
#pragma once
#include "naos/cpuid.h"

/* How many of claims were filled. */
unsigned instance_cpuid(struct cpuid_claim claims[CPUID_CLAIM_MAX]);
