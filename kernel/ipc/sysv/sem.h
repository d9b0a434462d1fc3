/* SPDX-License-Identifier: Apache-2.0 */
/* System V semaphores: semget(2), semop(2), semctl(2). */
#pragma once
#include <linux/sem.h>
#include "base/base.h"

#define SEM_SETS_MAX   32000      /* SEMMNI */
#define SEM_COUNT_MAX  32000      /* SEMMSL */
#define SEM_OPS_MAX    500        /* SEMOPM */
#define SEM_TOTAL_MAX  1024000000 /* SEMMNS */

struct process;

nodiscard int sem_get(int32_t key, int count, int flags);
/* -EAGAIN at the deadline too. */
nodiscard int sem_operate(int id, const struct sembuf *ops, unsigned count, ns_t deadline);
nodiscard int sem_stat(int id, bool by_index, bool any, struct semid64_ds *ds);
nodiscard int sem_set(int id, const struct ipc64_perm *perm);
nodiscard int sem_remove(int id);
/* GETVAL, GETPID, GETNCNT, GETZCNT */
nodiscard int sem_query(int id, int num, int cmd);
nodiscard int sem_set_value(int id, int num, int value);
/* How many semaphores the set has, if the caller may read it (or change it). */
nodiscard int sem_count(int id, bool for_write);
nodiscard int sem_get_all(int id, uint16_t *values, unsigned count);
nodiscard int sem_set_all(int id, const uint16_t *values, unsigned count);
/* SEM_INFO's counts; the highest slot in use. */
int sem_info(int *sets, int *semaphores);
bool sem_next(int *index, struct semid64_ds *ds, int *id);
/* SEM_UNDO: what p still owes is given back. For proc_ops. */
void sem_process_exited(struct process *p);
