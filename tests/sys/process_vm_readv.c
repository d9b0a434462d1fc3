/* SPDX-License-Identifier: Apache-2.0 */
/* process_vm_readv(2), process_vm_writev(2): another process's memory, whether it runs or waits; mlock(2) counts. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define PAGE 4096UL

static char *shared_name; /* at the same address in both */
static char secret[3 * PAGE] = "parent";

static void child_of(int go, int done)
{
    char c;
    strcpy(secret, "child");
    strcpy(secret + 2 * PAGE, "far");
    CHECK(write(done, "r", 1) == 1);
    CHECK(read(go, &c, 1) == 1);
    CHECK(strcmp(secret, "wrote") == 0 && strcmp(shared_name, "parent's") == 0);
    _exit(0);
}

static void transfers(pid_t pid)
{
    char a[8] = "", b[8] = "";
    struct iovec local[2] = {{a, 6}, {b, 4}}, remote[2] = {{secret, 6}, {secret + 2 * PAGE, 4}};
    CHECK(process_vm_readv(pid, local, 2, remote, 2, 0) == 10);
    CHECK(strcmp(a, "child") == 0 && strcmp(b, "far") == 0 && strcmp(secret, "parent") == 0);
    struct iovec text = {"wrote", 6}, to = {secret, 6};
    CHECK(process_vm_writev(pid, &text, 1, &to, 1, 0) == 6);
    CHECK(process_vm_readv(pid, local, 1, &to, 1, 0) == 6 && strcmp(a, "wrote") == 0);
    /* What the child never touched, and what neither has. */
    struct iovec untouched = {shared_name, 6}, nowhere = {(void *)16, 4};
    CHECK(process_vm_readv(pid, local, 1, &untouched, 1, 0) == 6 && memcmp(a, "parent", 6) == 0);
    CHECK_ERRNO(process_vm_readv(pid, local, 1, &nowhere, 1, 0), EFAULT);
    struct iovec partly[2] = {{secret, 2}, {(void *)16, 4}};
    CHECK(process_vm_readv(pid, local, 1, partly, 2, 0) == 2);
    CHECK_ERRNO(process_vm_readv(pid, local, 1, &to, 1, 1), EINVAL);
    CHECK_ERRNO(process_vm_readv(pid, local, 1, &to, 2000, 0), EINVAL);
}

static void between_processes(void)
{
    int go[2], done[2], status;
    char c;
    shared_name = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(shared_name, "parent's");
    CHECK(pipe(go) == 0 && pipe(done) == 0);
    pid_t pid = fork();
    if (pid == 0)
        child_of(go[0], done[1]);
    CHECK(read(done[0], &c, 1) == 1);
    transfers(pid);
    CHECK(write(go[1], "g", 1) == 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    struct iovec one = {&c, 1};
    CHECK_ERRNO(process_vm_readv(pid, &one, 1, &one, 1, 0), ESRCH);
}

static long locked_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    CHECK(f);
    while (fgets(line, sizeof(line), f))
        sscanf(line, "VmLck: %ld", &kb);
    fclose(f);
    return kb;
}

static void locking(void)
{
    unsigned char vec[8];
    char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long before = locked_kb();
    CHECK(mlock(p, 8 * PAGE) == 0);
    CHECK(locked_kb() == before + 32);
    CHECK(mincore(p, 8 * PAGE, vec) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(vec[i] & 1);
    CHECK(munlock(p + PAGE, 2 * PAGE) == 0 && locked_kb() == before + 24);
    CHECK(munmap(p, 8 * PAGE) == 0 && locked_kb() == before);
    CHECK_ERRNO(mlock(p, PAGE), ENOMEM);
    CHECK_ERRNO(mlockall(0), EINVAL);
    CHECK(mlockall(MCL_CURRENT) == 0 && locked_kb() > before);
    CHECK(munlockall() == 0 && locked_kb() == 0);
}

int main(void)
{
    between_processes();
    locking();
    return 0;
}
