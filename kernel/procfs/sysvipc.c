/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/sysvipc: what ipcs(1) reads. */
#include <linux/stat.h>
#include "ipc/sysv/msg.h"
#include "ipc/sysv/sem.h"
#include "ipc/sysv/shm.h"
#include "procfs/internal.h"

static int show_shm(const struct proc_node *n, struct text *t)
{
    struct shmid64_ds s;
    int id;
    (void)n;
    text_add(t, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      "
                "ctime                   rss                  swap\n");
    for (int i = 0; shm_next(&i, &s, &id); i++)
        text_add(t, "%10d %10d  %4o %21lu %5d %5d  %5lu %5u %5u %5u %5u %10ld %10ld %10ld %21lu %21lu\n", s.shm_perm.key, id,
                 s.shm_perm.mode, s.shm_segsz, s.shm_cpid, s.shm_lpid, s.shm_nattch, s.shm_perm.uid, s.shm_perm.gid, s.shm_perm.cuid,
                 s.shm_perm.cgid, s.shm_atime, s.shm_dtime, s.shm_ctime, s.shm_segsz, 0UL);
    return 0;
}

static int show_sem(const struct proc_node *n, struct text *t)
{
    struct semid64_ds s;
    int id;
    (void)n;
    text_add(t, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
    for (int i = 0; sem_next(&i, &s, &id); i++)
        text_add(t, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10lu %10lu\n", s.sem_perm.key, id, s.sem_perm.mode, s.sem_nsems, s.sem_perm.uid,
                 s.sem_perm.gid, s.sem_perm.cuid, s.sem_perm.cgid, (unsigned long)s.sem_otime, (unsigned long)s.sem_ctime);
    return 0;
}

static int show_msg(const struct proc_node *n, struct text *t)
{
    struct msqid64_ds q;
    int id;
    (void)n;
    text_add(t, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n");
    for (int i = 0; msg_next(&i, &q, &id); i++)
        text_add(t, "%10d %10d  %4o  %10lu %10lu %5d %5d %5u %5u %5u %5u %10ld %10ld %10ld\n", q.msg_perm.key, id, q.msg_perm.mode,
                 q.msg_cbytes, q.msg_qnum, q.msg_lspid, q.msg_lrpid, q.msg_perm.uid, q.msg_perm.gid, q.msg_perm.cuid, q.msg_perm.cgid,
                 q.msg_stime, q.msg_rtime, q.msg_ctime);
    return 0;
}

const struct proc_entry proc_sysvipc_entries[PROC_SYSVIPC_ENTRY_COUNT] = {
    PROC_FILE("msg", show_msg),
    PROC_FILE("sem", show_sem),
    PROC_FILE("shm", show_shm),
};
