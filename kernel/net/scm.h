/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What travels beside the data on Unix sockets: open files (SCM_RIGHTS) and credentials (SCM_CREDENTIALS). Files in
 * flight are counted, and limited to RLIMIT_NOFILE of who sends. Sockets that are in flight to each other in a ring, and
 * held by nobody else, are not found: they stay until the enclave ends, and count towards the limit (CAVEATS).
 */
#pragma once
#include "abi/linux/socket.h"
#include "base/list.h"
#include "vfs/file.h"

struct scm_files {
    struct list node; /* scm.c's own */
    unsigned count;
    struct file *files[];
};

struct scm {
    struct scm_files *rights; /* NULL: none */
    struct linux_ucred cred;
    bool has_cred;
};

/* Descriptors of the caller, behind those that are there. -EBADF, -EINVAL (too many), -ETOOMANYREFS, -ENOMEM. */
nodiscard int scm_files_add(struct scm_files **rights, const int *fds, unsigned count);
/* The same files once more (MSG_PEEK). */
nodiscard int scm_files_copy(const struct scm_files *from, struct scm_files **result);
/*
 * Lets go of files that nobody received (those who were are NULL). Their sockets may hold more files in flight: those are put one after
 * the other by whoever is at it already, not by going deeper. May sleep.
 */
void scm_files_drop(struct scm_files *rights);
void scm_drop(struct scm *scm);

static inline bool scm_same_cred(const struct scm *a, const struct scm *b)
{
    return a->has_cred == b->has_cred && (!a->has_cred || (a->cred.pid == b->cred.pid && a->cred.uid == b->cred.uid && a->cred.gid == b->cred.gid));
}
