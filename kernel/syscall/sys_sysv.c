/* SPDX-License-Identifier: Apache-2.0 */
/* System V shared memory, semaphores and message queues. */
#include "heap/heap.h"
#include "ipc/sysv/msg.h"
#include "ipc/sysv/sem.h"
#include "ipc/sysv/shm.h"
#include "proc/signal.h"
#include "syscall/timespec.h"
#include "syscall_gen.h"

#define COMMAND(cmd) ((cmd) & ~IPC_64) /* all callers have the 64-bit shapes */

/* What a stat call that fills *ds said, once *ds is with the user. */
#define stat_out(result, user, ds) \
    ({ \
        int stat_result = (result); \
        stat_result >= 0 && copy_to_user((user), &(ds), sizeof(ds)) ? -EFAULT : stat_result; \
    })

/* ---- shared memory ------------------------------------------------------------------------------------------------------ */

int64_t sys_shmget(int key, uint64_t size, int flags)
{
    return shm_get(key, size, flags);
}

int64_t sys_shmat(int id, uaddr_t addr, int flags)
{
    uaddr_t at;
    int err = shm_attach(id, addr, flags, &at);
    return err ? err : (int64_t)at;
}

int64_t sys_shmdt(uaddr_t addr)
{
    return shm_detach(addr);
}

static int64_t shm_limits(uaddr_t user)
{
    const struct shminfo64 limits = {
        .shmmax = SHM_SIZE_MAX, .shmmin = 1, .shmmni = SHM_SEGMENTS_MAX, .shmseg = SHM_SEGMENTS_MAX, .shmall = SHM_SIZE_MAX >> PAGE_SHIFT,
    };
    struct shm_info info;
    int highest = shm_info(&info);
    return copy_to_user(user, &limits, sizeof(limits)) ? -EFAULT : highest;
}

static int64_t shm_usage(uaddr_t user)
{
    struct shm_info info;
    int highest = shm_info(&info);
    return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : highest;
}

static int64_t shm_set_user(int id, uaddr_t user)
{
    struct shmid64_ds ds;
    return copy_from_user(&ds, user, sizeof(ds)) ? -EFAULT : shm_set(id, &ds.shm_perm);
}

int64_t sys_shmctl(int id, int cmd, uaddr_t user)
{
    struct shmid64_ds ds;
    if (id < 0 || cmd < 0)
        return -EINVAL;
    switch (COMMAND(cmd)) {
    case IPC_INFO:
        return shm_limits(user);
    case SHM_INFO:
        return shm_usage(user);
    case IPC_STAT:
        return stat_out(shm_stat(id, false, false, &ds), user, ds);
    case SHM_STAT:
    case SHM_STAT_ANY:
        return stat_out(shm_stat(id, true, COMMAND(cmd) == SHM_STAT_ANY, &ds), user, ds);
    case IPC_SET:
        return shm_set_user(id, user);
    case IPC_RMID:
        return shm_remove(id);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return shm_lock(id, COMMAND(cmd) == SHM_LOCK);
    default:
        return -EINVAL;
    }
}

/* ---- semaphores ------------------------------------------------------------------------------------------------------------ */

int64_t sys_semget(int key, int count, int flags)
{
    return sem_get(key, count, flags);
}

static int64_t operate(int id, uaddr_t user, unsigned count, ns_t deadline)
{
    struct sembuf few[4], *ops = few;
    if (count < 1 || id < 0)
        return -EINVAL;
    if (count > SEM_OPS_MAX)
        return -E2BIG;
    if (count > ARRAY_COUNT(few))
        ops = heap_alloc(count * sizeof(*ops));
    if (!ops)
        return -ENOMEM;
    int err = copy_from_user(ops, user, count * sizeof(*ops));
    if (err == 0)
        err = sem_operate(id, ops, count, deadline);
    if (ops != few)
        heap_free(ops);
    return err;
}

int64_t sys_semop(int id, uaddr_t ops, unsigned count)
{
    return operate(id, ops, count, NS_NEVER);
}

int64_t sys_semtimedop(int id, uaddr_t ops, unsigned count, uaddr_t timeout)
{
    ns_t deadline = NS_NEVER;
    int err = timeout ? timeout_read(timeout, &deadline) : 0;
    return err ? err : operate(id, ops, count, deadline);
}

static int64_t sem_limits(uaddr_t user, bool is_usage)
{
    struct seminfo info = {
        .semmap = SEM_TOTAL_MAX, .semmni = SEM_SETS_MAX, .semmns = SEM_TOTAL_MAX, .semmnu = SEM_TOTAL_MAX, .semmsl = SEM_COUNT_MAX,
        .semopm = SEM_OPS_MAX, .semume = SEM_OPS_MAX, .semusz = 20, .semvmx = 32767, .semaem = 32767,
    };
    int sets, semaphores, highest = sem_info(&sets, &semaphores);
    if (is_usage) {
        info.semusz = sets;
        info.semaem = semaphores;
    }
    return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : highest;
}

static int64_t sem_all(int id, uaddr_t user, bool is_set)
{
    int count = sem_count(id, is_set);
    if (count < 0)
        return count;
    uint16_t *values = heap_zalloc((size_t)count * sizeof(*values));
    if (!values)
        return -ENOMEM;
    int err = is_set ? copy_from_user(values, user, (size_t)count * sizeof(*values)) : 0;
    if (err == 0)
        err = is_set ? sem_set_all(id, values, (unsigned)count) : sem_get_all(id, values, (unsigned)count);
    if (err == 0 && !is_set)
        err = copy_to_user(user, values, (size_t)count * sizeof(*values));
    heap_free(values);
    return err;
}

static int64_t sem_set_user(int id, uaddr_t user)
{
    struct semid64_ds ds;
    return copy_from_user(&ds, user, sizeof(ds)) ? -EFAULT : sem_set(id, &ds.sem_perm);
}

int64_t sys_semctl(int id, int num, int cmd, uint64_t arg)
{
    struct semid64_ds ds;
    if (id < 0)
        return -EINVAL;
    switch (COMMAND(cmd)) {
    case IPC_INFO:
    case SEM_INFO:
        return sem_limits(arg, COMMAND(cmd) == SEM_INFO);
    case IPC_STAT:
        return stat_out(sem_stat(id, false, false, &ds), arg, ds);
    case SEM_STAT:
    case SEM_STAT_ANY:
        return stat_out(sem_stat(id, true, COMMAND(cmd) == SEM_STAT_ANY, &ds), arg, ds);
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
        return sem_query(id, num, COMMAND(cmd));
    case GETALL:
    case SETALL:
        return sem_all(id, arg, COMMAND(cmd) == SETALL);
    case SETVAL:
        return sem_set_value(id, num, (int)arg);
    case IPC_SET:
        return sem_set_user(id, arg);
    case IPC_RMID:
        return sem_remove(id);
    default:
        return -EINVAL;
    }
}

/* ---- message queues ----------------------------------------------------------------------------------------------------------- */

static int64_t restartable(int err)
{
    return err == -EINTR ? -ERESTARTNOHAND : err;
}

int64_t sys_msgget(int key, int flags)
{
    return msg_get(key, flags);
}

int64_t sys_msgsnd(int id, uaddr_t user, uint64_t size, int flags)
{
    int64_t type;
    if (size > MSG_SIZE_MAX || id < 0)
        return -EINVAL;
    if (copy_from_user(&type, user, sizeof(type)))
        return -EFAULT;
    if (type < 1)
        return -EINVAL;
    struct msg_text *text = heap_alloc(sizeof(*text) + size);
    if (!text)
        return -ENOMEM;
    text->type = type;
    text->size = size;
    int err = copy_from_user(text->data, user + sizeof(type), size);
    if (err == 0)
        err = msg_send(id, text, flags);
    if (err)
        heap_free(text);
    return restartable(err);
}

int64_t sys_msgrcv(int id, uaddr_t user, uint64_t size, int64_t type, int flags)
{
    struct msg_text *text;
    if (id < 0 || (int64_t)size < 0)
        return -EINVAL;
    if ((flags & MSG_COPY) && ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT)))
        return -EINVAL;
    int err = msg_receive(id, size, type, flags, &text);
    if (err)
        return restartable(err);
    size = MIN(size, text->size);
    err = put_user(user, text->type);
    if (err == 0)
        err = copy_to_user(user + sizeof(text->type), text->data, size);
    heap_free(text);
    return err ? err : (int64_t)size;
}

static int64_t msg_limits(uaddr_t user, bool is_usage)
{
    struct msginfo info = {.msgmni = MSG_QUEUES_MAX, .msgmax = MSG_SIZE_MAX, .msgmnb = MSG_BYTES_MAX, .msgssz = 16, .msgseg = 0xffff,
                           .msgmap = MSG_BYTES_MAX, .msgpool = MSG_QUEUES_MAX * (MSG_BYTES_MAX / 1024), .msgtql = MSG_BYTES_MAX};
    int queues, messages, bytes, highest = msg_info(&queues, &messages, &bytes);
    if (is_usage) {
        info.msgpool = queues;
        info.msgmap = messages;
        info.msgtql = bytes;
    }
    return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : highest;
}

static int64_t msg_set_user(int id, uaddr_t user)
{
    struct msqid64_ds ds;
    return copy_from_user(&ds, user, sizeof(ds)) ? -EFAULT : msg_set(id, &ds.msg_perm, ds.msg_qbytes);
}

int64_t sys_msgctl(int id, int cmd, uaddr_t user)
{
    struct msqid64_ds ds;
    if (id < 0 || cmd < 0)
        return -EINVAL;
    switch (COMMAND(cmd)) {
    case IPC_INFO:
    case MSG_INFO:
        return msg_limits(user, COMMAND(cmd) == MSG_INFO);
    case IPC_STAT:
        return stat_out(msg_stat(id, false, false, &ds), user, ds);
    case MSG_STAT:
    case MSG_STAT_ANY:
        return stat_out(msg_stat(id, true, COMMAND(cmd) == MSG_STAT_ANY, &ds), user, ds);
    case IPC_SET:
        return msg_set_user(id, user);
    case IPC_RMID:
        return msg_remove(id);
    default:
        return -EINVAL;
    }
}
