/* SPDX-License-Identifier: Apache-2.0 */
/* eventfd(2). */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "check.h"

static uint64_t take(int fd)
{
    uint64_t value;
    CHECK(read(fd, &value, sizeof(value)) == sizeof(value));
    return value;
}

static int give(int fd, uint64_t value)
{
    return (int)write(fd, &value, sizeof(value));
}

static void counts(void)
{
    uint64_t value;
    char buf[20];
    int fd = eventfd(5, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_RDWR | O_NONBLOCK));
    CHECK(take(fd) == 5);
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
    CHECK(give(fd, 3) == 8 && give(fd, 4) == 8 && give(fd, 0) == 8 && take(fd) == 7);
    CHECK_ERRNO(read(fd, buf, 7), EINVAL);
    CHECK_ERRNO(write(fd, buf, 7), EINVAL);
    CHECK_ERRNO(give(fd, UINT64_MAX), EINVAL);
    CHECK(give(fd, UINT64_MAX - 1) == 8);
    CHECK_ERRNO(give(fd, 1), EAGAIN);
    CHECK(read(fd, buf, 20) == 8);
    CHECK(give(fd, 1) == 8);
    CHECK_ERRNO(write(fd, nowhere, 8), EFAULT);
    close(fd);
    CHECK_ERRNO(syscall(SYS_eventfd2, 0, 0x10), EINVAL);
    fd = (int)syscall(SYS_eventfd, 9);
    CHECK(fd >= 0 && take(fd) == 9);
    close(fd);
}

static void is_a_semaphore(void)
{
    uint64_t value;
    int fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    CHECK(take(fd) == 1 && take(fd) == 1);
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
    close(fd);
}

static void tells_poll(void)
{
    int fd = eventfd(0, 0);
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
    CHECK(give(fd, 1) == 8 && poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT));
    CHECK(give(fd, UINT64_MAX - 2) == 8 && poll(&p, 1, 0) == 1 && p.revents == POLLIN);
    close(fd);
}

static void *adder(void *arg)
{
    for (int i = 0; i < 1000; i++)
        CHECK(give((int)(long)arg, 1) == 8);
    return NULL;
}

static void *poster(void *arg)
{
    usleep(10000);
    CHECK(give((int)(long)arg, UINT64_MAX - 1) == 8);
    return NULL;
}

static void waits(void)
{
    pthread_t t[3];
    uint64_t sum = 0;
    int fd = eventfd(0, 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&t[i], NULL, adder, (void *)(long)fd) == 0);
    while (sum < 3000)
        sum += take(fd);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    CHECK(sum == 3000);
    CHECK(pthread_create(&t[0], NULL, poster, (void *)(long)fd) == 0);
    CHECK(take(fd) == UINT64_MAX - 1);
    pthread_join(t[0], NULL);
    CHECK(give(fd, 5) == 8);
    CHECK(pthread_create(&t[0], NULL, poster, (void *)(long)fd) == 0); /* waits for room */
    usleep(30000);
    CHECK(take(fd) == 5 && take(fd) == UINT64_MAX - 1);
    pthread_join(t[0], NULL);
    close(fd);
}

int main(void)
{
    counts();
    is_a_semaphore();
    tells_poll();
    waits();
    return 0;
}
