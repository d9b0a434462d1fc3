/* SPDX-License-Identifier: Apache-2.0 */
/* setfsuid(2) takes root's rights on files along; securebits(7) can keep them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static char name[] = "/tmp/setfsuid-XXXXXX";

static void files_of_root(void)
{
    CHECK(setfsuid(65534) == 0);
    CHECK_ERRNO(open(name, O_RDONLY), EACCES);
    CHECK(setfsuid(0) == 65534);
    int fd = open(name, O_RDONLY);
    CHECK(fd >= 0 && close(fd) == 0);
}

static void kept(void)
{
    CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED) == 0);
    CHECK(prctl(PR_GET_SECUREBITS) == (SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED));
    CHECK_ERRNO(prctl(PR_SET_SECUREBITS, 0), EPERM);
    CHECK(setuid(65534) == 0);
    int fd = open(name, O_RDONLY); /* nobody, with all capabilities */
    CHECK(fd >= 0 && close(fd) == 0);
}

int main(void)
{
    int status, fd = mkstemp(name);
    CHECK(fd >= 0);
    CHECK_ERRNO(prctl(PR_SET_SECUREBITS, 1 << 15), EPERM);
    if (geteuid() == 0)
        files_of_root();
    pid_t pid = geteuid() == 0 ? fork() : -1;
    if (pid == 0) {
        kept();
        _exit(0);
    }
    CHECK(pid == -1 || (waitpid(pid, &status, 0) == pid && status == 0));
    CHECK(unlink(name) == 0);
    return 0;
}
