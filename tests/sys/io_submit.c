/* SPDX-License-Identifier: Apache-2.0 */
/* io_setup(2), io_submit(2), io_getevents(2): what is written and read so, errors of the call and of the event. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static aio_context_t ctx;
static int fd;

static struct iocb request(int op, void *buf, size_t size, long at)
{
    return (struct iocb){.aio_lio_opcode = (uint16_t)op, .aio_fildes = (uint32_t)fd, .aio_buf = (uintptr_t)buf,
                         .aio_nbytes = size, .aio_offset = at, .aio_data = 4711};
}

static long submit(struct iocb *cb)
{
    return syscall(SYS_io_submit, ctx, 1L, &cb);
}

static long take(long least, long most, struct io_event *events, struct timespec *timeout)
{
    return syscall(SYS_io_getevents, ctx, least, most, events, timeout);
}

static int64_t result_of(struct iocb cb)
{
    struct io_event event;
    CHECK(submit(&cb) == 1 && take(1, 1, &event, NULL) == 1);
    CHECK(event.data == 4711 && event.obj == (uintptr_t)&cb);
    return event.res;
}

static void contexts(void)
{
    aio_context_t other = 0, used = 1;
    CHECK_ERRNO(syscall(SYS_io_setup, 0, &other), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_setup, -1, &other), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_setup, 1, &used), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_setup, 1, NULL), EFAULT);
    CHECK(syscall(SYS_io_setup, 10, &ctx) == 0 && syscall(SYS_io_setup, 1, &other) == 0 && other != ctx);
    CHECK(syscall(SYS_io_destroy, other) == 0);
    CHECK_ERRNO(syscall(SYS_io_destroy, other), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_getevents, other, 0L, 1L, NULL, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_submit, other, 0L, NULL), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_cancel, ctx, NULL, NULL), EFAULT);
}

static void reads_and_writes(void)
{
    char buf[8] = {0};
    struct iovec parts[2] = {{buf, 2}, {buf + 4, 2}};
    CHECK(result_of(request(IOCB_CMD_PWRITE, "hello", 5, 3)) == 5);
    CHECK(result_of(request(IOCB_CMD_FSYNC, NULL, 0, 0)) == 0 && result_of(request(IOCB_CMD_FDSYNC, NULL, 0, 0)) == 0);
    CHECK(result_of(request(IOCB_CMD_PREAD, buf, 8, 4)) == 4 && memcmp(buf, "ello", 5) == 0);
    CHECK(result_of(request(IOCB_CMD_PREADV, parts, 2, 3)) == 4 && memcmp(buf, "heloll", 6) == 0);
    CHECK(result_of(request(IOCB_CMD_PREAD, buf, 8, 100)) == 0);
    CHECK(result_of(request(IOCB_CMD_PREAD, nowhere, 8, 3)) == -EFAULT);
    CHECK(lseek(fd, 0, SEEK_CUR) == 0);
}

static void refusals(void)
{
    char c;
    struct iocb cb = request(IOCB_CMD_PREAD, &c, 1, 0), *list[2] = {&cb, NULL};
    CHECK_ERRNO(syscall(SYS_io_submit, ctx, -1L, list), EINVAL);
    CHECK_ERRNO(syscall(SYS_io_submit, ctx, 1L, list + 1), EFAULT);
    CHECK_ERRNO(syscall(SYS_io_submit, ctx, 1L, nowhere), EFAULT);
    CHECK(syscall(SYS_io_submit, ctx, 0L, list) == 0);
    cb.aio_fildes = (uint32_t)-1;
    CHECK_ERRNO(submit(&cb), EBADF);
    cb.aio_fildes = (uint32_t)open("/dev/null", O_WRONLY);
    CHECK_ERRNO(submit(&cb), EBADF);
    cb = request(99, &c, 1, 0);
    CHECK_ERRNO(submit(&cb), EINVAL);
    cb = request(IOCB_CMD_PREAD, &c, 1, 0);
    CHECK(syscall(SYS_io_submit, ctx, 2L, list) == 1); /* the first one went */
    struct io_event event;
    CHECK(take(1, 1, &event, NULL) == 1);
    CHECK_ERRNO(take(2, 1, &event, NULL), EINVAL);
    CHECK_ERRNO(take(-1, 1, &event, NULL), EINVAL);
}

static void *late(void *arg)
{
    static char c;
    static struct iocb cb;
    cb = request(IOCB_CMD_PREAD, &c, 1, 3);
    CHECK(submit(&cb) == 1);
    return arg;
}

static void waits(void)
{
    struct io_event event;
    struct timespec soon = {0, 1000000};
    pthread_t thread;
    CHECK(take(1, 1, &event, &soon) == 0 && take(0, 1, &event, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, late, NULL) == 0);
    CHECK(take(1, 1, &event, NULL) == 1 && event.res == 1);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void tells_a_counter(void)
{
    uint64_t count;
    char c;
    struct io_event event;
    struct iocb cb = request(IOCB_CMD_PREAD, &c, 1, 3);
    cb.aio_flags = IOCB_FLAG_RESFD;
    cb.aio_resfd = (uint32_t)fd;
    CHECK_ERRNO(submit(&cb), EINVAL);
    cb.aio_resfd = (uint32_t)eventfd(0, 0);
    CHECK(submit(&cb) == 1 && read((int)cb.aio_resfd, &count, 8) == 8 && count == 1 && take(1, 1, &event, NULL) == 1);
}

static void is_not_inherited(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_ERRNO(take(0, 0, NULL, NULL), EINVAL);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
    char name[] = "/tmp/aio-XXXXXX";
    fd = mkstemp(name);
    CHECK(fd >= 0 && unlink(name) == 0);
    contexts();
    reads_and_writes();
    refusals();
    waits();
    tells_a_counter();
    is_not_inherited();
    return 0;
}
