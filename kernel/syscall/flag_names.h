/* SPDX-License-Identifier: Apache-2.0 */
/* Names of flags and numbers in system calls, for --strace. A table's argument `NAME:KIND:SET` means flag_set_SET. */
#pragma once
#include "base/base.h"

struct flag_name {
    const char *name;
    uint64_t value, mask; /* named if (argument & mask) == value; what is named is taken away */
};

struct flag_set {
    const struct flag_name *names;
    size_t count;
};

#define FLAG_SETS(SET) \
    SET(access) SET(at) SET(clock) SET(clone) SET(epoll_op) SET(family) SET(fcntl) SET(flock) SET(futex) SET(madvise) SET(mmap) \
    SET(mremap) SET(msg) SET(open) SET(prot) SET(sigmask) SET(socket) SET(wait) SET(whence)

#define FLAG_SET_DECLARE(name) extern const struct flag_set flag_set_##name;
FLAG_SETS(FLAG_SET_DECLARE)
#undef FLAG_SET_DECLARE
