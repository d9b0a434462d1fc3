/* SPDX-License-Identifier: Apache-2.0 */
/* System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). */
#define _GNU_SOURCE
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static struct shmid_ds stat_of(int id)
{
    struct shmid_ds ds;
    CHECK(shmctl(id, IPC_STAT, &ds) == 0);
    return ds;
}

static void makes(void)
{
    key_t key = 0x4e414f53;
    int id = shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600);
    CHECK(id >= 0 && shmget(key, 0, 0) == id && shmget(key, 5000, IPC_CREAT | 0600) == id);
    CHECK_ERRNO(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_ERRNO(shmget(key, 5001, 0), EINVAL);
    CHECK_ERRNO(shmget(key + 1, 10, 0), ENOENT);
    CHECK_ERRNO(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600), EINVAL);
    struct shmid_ds ds = stat_of(id);
    CHECK(ds.shm_segsz == 5000 && ds.shm_nattch == 0 && ds.shm_cpid == getpid() && ds.shm_lpid == 0 && ds.shm_atime == 0);
    CHECK((ds.shm_perm.mode & 0777) == 0600 && ds.shm_perm.uid == geteuid() && ds.shm_ctime > 0 && ds.shm_perm.__key == key);
    ds.shm_perm.mode = 0640;
    CHECK(shmctl(id, IPC_SET, &ds) == 0 && (stat_of(id).shm_perm.mode & 0777) == 0640);
    CHECK_ERRNO(shmctl(id, 77, &ds), EINVAL);
    CHECK_ERRNO(shmctl(-1, IPC_STAT, &ds), EINVAL);
    CHECK_ERRNO(shmctl(id + 1, IPC_STAT, &ds), EINVAL);
    CHECK_ERRNO(shmctl(id, IPC_STAT, nowhere), EFAULT);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);
    CHECK_ERRNO(shmctl(id, IPC_RMID, NULL), EINVAL);
    CHECK_ERRNO(shmget(key, 10, 0), ENOENT);
    int again = shmget(key, 10, IPC_CREAT | 0600);
    CHECK(again >= 0 && again != id && shmctl(again, IPC_RMID, NULL) == 0);
}

static void attaches(void)
{
    int id = shmget(IPC_PRIVATE, 3 * 4096, 0600), status;
    char *p = shmat(id, NULL, 0);
    CHECK(p != (void *)-1 && ((unsigned long)p & 4095) == 0);
    for (int i = 0; i < 3 * 4096; i++)
        CHECK(p[i] == 0);
    struct shmid_ds ds = stat_of(id);
    CHECK(ds.shm_nattch == 1 && ds.shm_lpid == getpid() && ds.shm_atime > 0);
    strcpy(p, "parent");
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(strcmp(p, "parent") == 0 && stat_of(id).shm_nattch == 2);
        strcpy(p + 4096, "child");
        CHECK(shmdt(p) == 0 && stat_of(id).shm_nattch == 1);
        char *q = shmat(id, NULL, SHM_RDONLY);
        CHECK(q != (void *)-1 && strcmp(q + 4096, "child") == 0);
        _exit(0); /* detaches */
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(strcmp(p + 4096, "child") == 0 && stat_of(id).shm_nattch == 1);
    CHECK_ERRNO(shmdt(p + 4096), EINVAL);
    CHECK_ERRNO(shmdt(p + 1), EINVAL);
    CHECK_ERRNO(shmdt((void *)0x10000000), EINVAL);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0); /* lives on until it is detached */
    ds = stat_of(id);
    CHECK((ds.shm_perm.mode & 01000) && ds.shm_perm.__key == IPC_PRIVATE && strcmp(p, "parent") == 0);
    CHECK(shmdt(p) == 0);
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);
    CHECK_ERRNO((long)shmat(id, NULL, 0), EINVAL);
}

static void reads_only(void)
{
    int id = shmget(IPC_PRIVATE, 4096, 0600);
    char *p = shmat(id, NULL, SHM_RDONLY);
    CHECK(p != (void *)-1 && p[0] == 0);
    CHECK(shmdt(p) == 0);
    CHECK_ERRNO((long)shmat(id, NULL, SHM_REMAP), EINVAL);
    CHECK_ERRNO((long)shmat(id, (void *)12345, 0), EINVAL);
    static char mine[8192] __attribute__((aligned(4096)));
    CHECK_ERRNO((long)shmat(id, mine, 0), EINVAL); /* something is there */
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

static void attaches_twice(void)
{
    int id = shmget(IPC_PRIVATE, 4096, 0600);
    char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, 0);
    CHECK(p != (void *)-1 && q != (void *)-1);
    p[0] = 'x';
    CHECK(q[0] == 'x' && shmdt(p) == 0);
    CHECK(q[0] == 'x' && shmdt(q) == 0 && stat_of(id).shm_nattch == 0);
    CHECK_ERRNO(shmdt(q), EINVAL);
    p = shmat(id, NULL, 0);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0); /* it stays as long as somebody has it attached */
    q = shmat(id, NULL, 0);
    CHECK(q != (void *)-1 && shmdt(p) == 0 && stat_of(id).shm_segsz == 4096 && shmdt(q) == 0);
    CHECK_ERRNO(shmdt(q), EINVAL);
}

static void is_inspected(void)
{
    struct shm_info info;
    struct shminfo limits;
    struct shmid_ds ds;
    int id = shmget(IPC_PRIVATE, 8192, 0600), found = 0;
    int highest = shmctl(0, SHM_INFO, (struct shmid_ds *)&info);
    CHECK(highest >= 0 && info.used_ids >= 1 && info.shm_tot >= 2);
    CHECK(shmctl(0, IPC_INFO, (struct shmid_ds *)&limits) == highest && limits.shmmin == 1 && limits.shmmax >= 1 << 20);
    for (int i = 0; i <= highest; i++)
        found += shmctl(i, SHM_STAT, &ds) == id && ds.shm_segsz == 8192;
    CHECK(found == 1);
    CHECK(shmctl(id, SHM_LOCK, NULL) == 0 && (stat_of(id).shm_perm.mode & 02000) && shmctl(id, SHM_UNLOCK, NULL) == 0);
    FILE *f = fopen("/proc/sysvipc/shm", "r");
    char line[512], want[32];
    CHECK(f && fgets(line, sizeof(line), f) && strstr(line, "shmid"));
    snprintf(want, sizeof(want), " %10d ", id);
    for (found = 0; fgets(line, sizeof(line), f);)
        found += strstr(line, want) != NULL;
    CHECK(found == 1 && fclose(f) == 0 && shmctl(id, IPC_RMID, NULL) == 0);
}

static void checks_permission(void)
{
    int id = shmget(0x4e414f54, 4096, IPC_CREAT | 0600), status;
    if (geteuid() != 0)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(setgid(1000) == 0 && setuid(1000) == 0);
        CHECK_ERRNO((long)shmat(id, NULL, 0), EACCES);
        CHECK_ERRNO(shmget(0x4e414f54, 4096, 0600), EACCES);
        CHECK_ERRNO(shmctl(id, IPC_RMID, NULL), EPERM);
        struct shmid_ds ds;
        CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EACCES);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0 && shmctl(id, IPC_RMID, NULL) == 0);
}

int main(void)
{
    makes();
    attaches();
    reads_only();
    attaches_twice();
    is_inspected();
    checks_permission();
    return 0;
}
