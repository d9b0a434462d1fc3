/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine calls itself. */
#pragma once
#include <linux/utsname.h>

void uts_get(struct new_utsname *name);
void uts_set_hostname(const char *name);
