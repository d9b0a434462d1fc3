/* SPDX-License-Identifier: Apache-2.0 */
/* System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). */
#pragma once
#include <linux/shm.h>
#include "mm/vmspace.h"

#define SHM_SEGMENTS_MAX 4096
#define SHM_SIZE_MAX     (1ULL << 46)
enum { SHM_DEST = 01000, SHM_LOCKED = 02000 }; /* in the mode that IPC_STAT shows */

nodiscard int shm_get(int32_t key, uint64_t size, int flags);
nodiscard int shm_attach(int id, uaddr_t addr, int flags, uaddr_t *at);
nodiscard int shm_detach(uaddr_t addr);
/* by_index: id is a slot (SHM_STAT), and the result its identifier. any: whatever its mode says. */
nodiscard int shm_stat(int id, bool by_index, bool any, struct shmid64_ds *ds);
nodiscard int shm_set(int id, const struct ipc64_perm *perm);
nodiscard int shm_remove(int id);
nodiscard int shm_lock(int id, bool is_locked);
/* The highest slot in use. */
int shm_info(struct shm_info *info);
/* The segment in slot *index or the next one behind it; false at the end. For /proc/sysvipc/shm. */
bool shm_next(int *index, struct shmid64_ds *ds, int *id);
