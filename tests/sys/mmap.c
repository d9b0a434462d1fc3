/* SPDX-License-Identifier: Apache-2.0 */
/* mmap(2), munmap(2), mprotect(2): what is there, what is not, and what an access to it gives. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define PAGE 4096UL
#define RW   (PROT_READ | PROT_WRITE)

static sigjmp_buf back;
static volatile int fault_signo, fault_code;
static void *volatile fault_addr;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)context;
    fault_signo = signo;
    fault_code = info->si_code;
    fault_addr = info->si_addr;
    siglongjmp(back, 1);
}

static int read_faults(const volatile char *p)
{
    fault_signo = 0;
    if (sigsetjmp(back, 1) == 0)
        (void)*p;
    return fault_signo;
}

static int write_faults(volatile char *p)
{
    fault_signo = 0;
    if (sigsetjmp(back, 1) == 0)
        *p = 1;
    return fault_signo;
}

static char *map(size_t pages, int prot, int flags)
{
    char *p = mmap(NULL, pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

static int file_make(size_t size)
{
    char name[] = "/tmp/mmap-XXXXXX";
    int fd = mkstemp(name);
    CHECK(fd >= 0 && unlink(name) == 0);
    for (size_t i = 0; i < size; i++)
        CHECK(write(fd, &"0123456789"[i % 10], 1) == 1);
    return fd;
}

static void anonymous(void)
{
    char *p = map(8, RW, MAP_PRIVATE);
    for (size_t i = 0; i < 8 * PAGE; i++)
        CHECK(p[i] == 0);
    memset(p, 'x', 8 * PAGE);
    CHECK(munmap(p + 2 * PAGE, 2 * PAGE) == 0);
    CHECK(read_faults(p + 2 * PAGE) == SIGSEGV && fault_code == SEGV_MAPERR && fault_addr == p + 2 * PAGE);
    CHECK(p[PAGE] == 'x' && p[4 * PAGE] == 'x');
    CHECK(mmap(p + 2 * PAGE, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 2 * PAGE);
    CHECK(p[2 * PAGE] == 0 && p[4 * PAGE - 1] == 0);
    CHECK(munmap(p, 8 * PAGE) == 0);
    CHECK(munmap(p, 8 * PAGE) == 0); /* nothing there: no error */
    CHECK(write_faults(p) == SIGSEGV && fault_code == SEGV_MAPERR);
}

/* Again and again at the same place: never somebody's old content. */
static void reuse_is_clean(void)
{
    for (int i = 0; i < 50; i++) {
        size_t pages = 1 + (size_t)i % 7 * 16;
        char *p = map(pages, RW, MAP_PRIVATE);
        for (size_t k = 0; k < pages * PAGE; k += 512)
            CHECK(p[k] == 0);
        memset(p, 'y', pages * PAGE);
        CHECK(munmap(p, pages * PAGE) == 0);
        CHECK(read_faults(p) == SIGSEGV);
    }
}

static void errors(void)
{
    char *p = map(4, RW, MAP_PRIVATE);
    int fd = file_make(10), ro = open("/proc/self/exe", O_RDONLY);
    CHECK(mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EBADF);
    CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 1) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(p + 1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
    CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0) == MAP_FAILED && errno == EACCES);
    CHECK(mmap(NULL, (size_t)1 << 60, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED && errno == ENOMEM);
    CHECK_ERRNO(munmap(p + 1, PAGE), EINVAL);
    CHECK_ERRNO(munmap(p, 0), EINVAL);
    CHECK_ERRNO(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
    CHECK_ERRNO(mprotect(p, PAGE, 0x1000), EINVAL);
    CHECK(munmap(p + PAGE, PAGE) == 0);
    CHECK_ERRNO(mprotect(p, 4 * PAGE, PROT_READ), ENOMEM);
    munmap(p, 4 * PAGE);
    close(fd);
    close(ro);
}

static void protection(void)
{
    char *p = map(4, RW, MAP_PRIVATE);
    memset(p, 'a', 4 * PAGE);
    CHECK(mprotect(p + PAGE, PAGE, PROT_READ) == 0);
    CHECK(p[PAGE] == 'a' && write_faults(p + PAGE) == SIGSEGV && fault_code == SEGV_ACCERR && fault_addr == p + PAGE);
    CHECK(mprotect(p + 2 * PAGE, PAGE, PROT_NONE) == 0);
    CHECK(read_faults(p + 2 * PAGE) == SIGSEGV && fault_code == SEGV_ACCERR);
    CHECK(p[3 * PAGE] == 'a' && p[0] == 'a');
    CHECK(mprotect(p, 4 * PAGE, RW) == 0);
    CHECK(p[2 * PAGE] == 'a' && write_faults(p + 2 * PAGE) == 0);
    int fds[2];
    CHECK(pipe(fds) == 0);
    CHECK(mprotect(p, PAGE, PROT_NONE) == 0);
    CHECK_ERRNO(write(fds[1], p, 1), EFAULT);
    CHECK(write(fds[1], p + PAGE, 1) == 1);
    CHECK(mprotect(p, PAGE, PROT_READ) == 0);
    CHECK_ERRNO(read(fds[0], p, 1), EFAULT);
    close(fds[0]);
    close(fds[1]);
    munmap(p, 4 * PAGE);
}

/* Many GB that are never touched cost nothing; a part of them is used. */
static void reservations(void)
{
    size_t size = (size_t)16 << 30;
    char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    CHECK(read_faults(p + size / 2) == SIGSEGV && fault_code == SEGV_ACCERR);
    CHECK(mprotect(p + size / 2, 16 * PAGE, RW) == 0);
    memset(p + size / 2, 1, 16 * PAGE);
    CHECK(mmap(p + PAGE * 100, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + PAGE * 100);
    p[PAGE * 100] = 1;
    CHECK(munmap(p, size) == 0);
    CHECK(read_faults(p + size / 2) == SIGSEGV && fault_code == SEGV_MAPERR);
}

static void private_file(void)
{
    char c;
    int fd = file_make(PAGE + 100);
    char *p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED && p[0] == '0' && p[PAGE + 99] == '5' && p[PAGE + 100] == 0);
    p[1] = 'X';
    CHECK(pread(fd, &c, 1, 1) == 1 && c == '1');
    CHECK(read_faults(p + 2 * PAGE) == SIGBUS && fault_code == BUS_ADRERR && fault_addr == p + 2 * PAGE);
    close(fd);
    CHECK(p[1] == 'X' && p[2] == '2');
    munmap(p, 3 * PAGE);
}

static void shared_file(void)
{
    char c;
    int fd = file_make(2 * PAGE);
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0), *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    CHECK(p != MAP_FAILED && q != MAP_FAILED);
    p[3] = 'S';
    p[PAGE] = 'T';
    CHECK(pread(fd, &c, 1, 3) == 1 && c == 'S' && q[0] == 'T');
    CHECK(pwrite(fd, "W", 1, 4) == 1 && p[4] == 'W');
    pid_t pid = fork();
    if (pid == 0) {
        p[5] = 'C';
        _exit(q[0] == 'T' ? 0 : 1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0 && p[5] == 'C');
    CHECK(msync(p, 2 * PAGE, MS_SYNC) == 0);
    CHECK_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    close(fd);
    CHECK(p[5] == 'C');
    munmap(p, 2 * PAGE);
    munmap(q, PAGE);
}

static void executable(void)
{
    static const unsigned char code[] = {0xb8, 0x2a, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
    char *p = map(1, RW, MAP_PRIVATE);
    memcpy(p, code, sizeof(code));
    CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
    CHECK(((int (*)(void))(uintptr_t)p)() == 42);
    CHECK(write_faults(p) == SIGSEGV && fault_code == SEGV_ACCERR);
    munmap(p, PAGE);
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGSEGV, &sa, NULL) == 0 && sigaction(SIGBUS, &sa, NULL) == 0);
    anonymous();
    reuse_is_clean();
    errors();
    protection();
    reservations();
    private_file();
    shared_file();
    executable();
    return 0;
}
