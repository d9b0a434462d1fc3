/* SPDX-License-Identifier: Apache-2.0 */
/* Between fake_init and fake_run. */
#pragma once
#include "fake.h"

void fake_vcpu_setup(const struct fake_params *params);
