/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of system calls that are younger than the kernel headers that we may be built with. They are the same on all
   architectures. */
#pragma once
#include <asm/unistd.h>

#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
