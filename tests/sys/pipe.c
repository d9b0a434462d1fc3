/* SPDX-License-Identifier: Apache-2.0 */
/* pipe(2), pipe2(2) and pipe(7). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static int r, w;
static char big[1 << 20];

static void open_pipe(int flags)
{
    int fds[2];
    CHECK(pipe2(fds, flags) == 0);
    r = fds[0];
    w = fds[1];
}

static void close_pipe(void)
{
    if (r >= 0)
        CHECK(close(r) == 0);
    if (w >= 0)
        CHECK(close(w) == 0);
    r = w = -1;
}

static int readable_bytes(void)
{
    int n = -1;
    CHECK(ioctl(r, FIONREAD, &n) == 0);
    return n;
}

static void makes_two_ends(void)
{
    struct stat st, st2;
    char c;
    int fds[2];
    CHECK(pipe(fds) == 0);
    r = fds[0], w = fds[1];
    CHECK((fcntl(r, F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(w, F_GETFL) & O_ACCMODE) == O_WRONLY);
    CHECK(fcntl(r, F_GETFD) == 0 && fcntl(w, F_GETFD) == 0);
    CHECK(fstat(r, &st) == 0 && S_ISFIFO(st.st_mode) && fstat(w, &st2) == 0 && st.st_ino == st2.st_ino);
    CHECK_ERRNO(read(w, &c, 1), EBADF);
    CHECK_ERRNO(write(r, "x", 1), EBADF);
    CHECK_ERRNO(lseek(r, 0, SEEK_CUR), ESPIPE);
    CHECK_ERRNO(pread(r, &c, 1, 0), ESPIPE);
    CHECK_ERRNO(pwrite(w, &c, 1, 0), ESPIPE);
    CHECK_ERRNO(fsync(w), EINVAL);
    CHECK_ERRNO(ftruncate(w, 0), EINVAL);
    CHECK_ERRNO(syscall(22, (void *)-1L), EFAULT);
    close_pipe();
    open_pipe(O_CLOEXEC | O_NONBLOCK);
    CHECK(fcntl(r, F_GETFD) == FD_CLOEXEC && fcntl(w, F_GETFD) == FD_CLOEXEC);
    CHECK((fcntl(r, F_GETFL) & O_NONBLOCK) && (fcntl(w, F_GETFL) & O_NONBLOCK));
    CHECK_ERRNO(read(r, &c, 1), EAGAIN);
    close_pipe();
    CHECK_ERRNO(pipe2(fds, O_CREAT), EINVAL);
    CHECK_ERRNO(pipe2(fds, 0x40000000), EINVAL);
}

static void moves_bytes_in_order(void)
{
    char buf[64];
    struct iovec out[3] = {{"ab", 2}, {"", 0}, {"cdef", 4}}, in[2] = {{buf, 3}, {buf + 10, 10}};
    open_pipe(0);
    CHECK(write(w, "", 0) == 0 && readable_bytes() == 0);
    CHECK(write(w, "hello ", 6) == 6 && write(w, "world", 5) == 5 && readable_bytes() == 11);
    CHECK(read(r, buf, 0) == 0);
    CHECK(read(r, buf, 3) == 3 && memcmp(buf, "hel", 3) == 0);
    CHECK(read(r, buf, sizeof(buf)) == 8 && memcmp(buf, "lo world", 8) == 0);
    CHECK(writev(w, out, 3) == 6 && readv(r, in, 2) == 6);
    CHECK(memcmp(buf, "abc", 3) == 0 && memcmp(buf + 10, "def", 3) == 0);
    CHECK(write(w, "x", 1) == 1);
    CHECK_ERRNO(read(r, nowhere, 1), EFAULT);
    CHECK(readable_bytes() == 1);
    CHECK_ERRNO(write(w, nowhere, 1), EFAULT);
    CHECK(close(w) == 0 && read(r, buf, 10) == 1 && read(r, buf, 10) == 0 && read(r, buf, 10) == 0);
    w = -1;
    close_pipe();
}

static volatile sig_atomic_t sigpipes, alarms;
static void on_signal(int signo)
{
    if (signo == SIGPIPE)
        sigpipes++;
    else
        alarms++;
}

static void breaks(void)
{
    int status;
    signal(SIGPIPE, on_signal);
    open_pipe(0);
    close(r);
    CHECK(write(w, "", 0) == 0);
    CHECK_ERRNO(write(w, "x", 1), EPIPE);
    CHECK(sigpipes == 1);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(w, "x", 1), EPIPE);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGPIPE, SIG_DFL);
        CHECK(write(w, "x", 1) == -1);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    r = -1;
    close_pipe();
}

static void fills(void)
{
    size_t total = 0;
    ssize_t n;
    open_pipe(O_NONBLOCK);
    CHECK(fcntl(r, F_GETPIPE_SZ) == 65536 && fcntl(w, F_GETPIPE_SZ) == 65536);
    while ((n = write(w, big, 1000)) > 0)
        total += (size_t)n;
    CHECK(errno == EAGAIN && total > 65536 - 16 * 1000 && total <= 65536 && readable_bytes() == (int)total);
    CHECK(read(r, big, sizeof(big)) == (ssize_t)total);
    CHECK(write(w, big, sizeof(big)) == 65536);
    CHECK_ERRNO(write(w, big, 1), EAGAIN);
    CHECK(read(r, big, 100) == 100);
    CHECK_ERRNO(write(w, big, 4096), EAGAIN); /* a page is not free yet */
    CHECK(read(r, big, 3996) == 3996);
    CHECK(write(w, big, 4096) == 4096);
    CHECK_ERRNO(write(w, big, 1), EAGAIN);
    close_pipe();
}

static void changes_size(void)
{
    open_pipe(O_NONBLOCK);
    CHECK(fcntl(w, F_SETPIPE_SZ, 1) == 4096 && fcntl(r, F_GETPIPE_SZ) == 4096);
    CHECK(write(w, big, 5000) == 4096);
    CHECK(fcntl(r, F_SETPIPE_SZ, 5000) == 8192);
    CHECK(write(w, big, 5000) == 4096);
    CHECK_ERRNO(fcntl(w, F_SETPIPE_SZ, 4096), EBUSY);
    CHECK(fcntl(w, F_GETPIPE_SZ) == 8192 && readable_bytes() == 8192);
    for (int i = 0; i < 26; i++)
        big[i] = (char)('a' + i);
    CHECK(read(r, big + 100, 8192) == 8192);
    CHECK(write(w, big, 26) == 26 && fcntl(w, F_SETPIPE_SZ, 1 << 20) == 1 << 20);
    CHECK(write(w, big, 26) == 26 && read(r, big + 100, 100) == 52 && memcmp(big, big + 126, 26) == 0);
    CHECK_ERRNO(fcntl(w, F_SETPIPE_SZ, -1), EINVAL);
    CHECK(write(w, big, sizeof(big)) == 1 << 20);
    close_pipe();
    CHECK_ERRNO(fcntl(0, F_SETPIPE_SZ + 1000, 1), EINVAL);
}

static void keeps_packets(void)
{
    static char buf[10000];
    open_pipe(O_DIRECT | O_NONBLOCK);
    CHECK((fcntl(w, F_GETFL) & O_DIRECT) && !(fcntl(r, F_GETFL) & O_DIRECT));
    CHECK(write(w, "one", 3) == 3 && write(w, "three", 5) == 5);
    CHECK(readable_bytes() == 8);
    CHECK(read(r, buf, 100) == 3 && memcmp(buf, "one", 3) == 0);
    CHECK(read(r, buf, 2) == 2 && memcmp(buf, "th", 2) == 0); /* the rest is dropped */
    CHECK_ERRNO(read(r, buf, 2), EAGAIN);
    CHECK(write(w, big, 5000) == 5000);
    CHECK(read(r, buf, 10000) == 4096 && read(r, buf, 10000) == 904);
    CHECK(fcntl(w, F_SETFL, O_NONBLOCK) == 0);
    CHECK(write(w, "a", 1) == 1 && write(w, "b", 1) == 1 && read(r, buf, 100) == 2);
    CHECK(fcntl(w, F_SETFL, O_NONBLOCK | O_DIRECT) == 0);
    CHECK(write(w, "a", 1) == 1 && write(w, "b", 1) == 1 && read(r, buf, 100) == 1);
    close_pipe();
}

static void tells_poll(void)
{
    struct pollfd p[2];
    open_pipe(O_NONBLOCK);
    p[0] = (struct pollfd){r, POLLIN | POLLOUT, 0};
    p[1] = (struct pollfd){w, POLLIN | POLLOUT, 0};
    CHECK(poll(p, 2, 0) == 1 && p[0].revents == 0 && p[1].revents == POLLOUT);
    CHECK(write(w, "x", 1) == 1 && poll(p, 2, 0) == 2 && p[0].revents == POLLIN);
    CHECK(write(w, big, sizeof(big)) > 0 && poll(p, 2, 0) == 1 && p[1].revents == 0);
    close(w);
    w = -1;
    CHECK(poll(p, 1, 0) == 1 && p[0].revents == (POLLIN | POLLHUP));
    while (read(r, big, sizeof(big)) > 0)
        ;
    CHECK(poll(p, 1, 0) == 1 && p[0].revents == POLLHUP);
    close_pipe();
    open_pipe(0);
    close(r);
    r = -1;
    p[1].fd = w;
    CHECK(poll(p + 1, 1, 0) == 1 && p[1].revents == (POLLOUT | POLLERR));
    close_pipe();
}

static void *slow_writer(void *arg)
{
    (void)arg;
    usleep(20000);
    CHECK(write(w, "late", 4) == 4);
    return NULL;
}

static void waits(void)
{
    pthread_t t;
    char buf[10];
    struct sigaction sa = {.sa_handler = on_signal};
    open_pipe(0);
    CHECK(pthread_create(&t, NULL, slow_writer, NULL) == 0);
    CHECK(read(r, buf, 10) == 4 && memcmp(buf, "late", 4) == 0);
    pthread_join(t, NULL);
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    CHECK_ERRNO(read(r, buf, 10), EINTR);
    sa.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &sa, NULL);
    CHECK(pthread_create(&t, NULL, slow_writer, NULL) == 0);
    ualarm(5000, 0);
    CHECK(read(r, buf, 10) == 4 && alarms == 2);
    pthread_join(t, NULL);
    sa.sa_flags = 0;
    sigaction(SIGALRM, &sa, NULL);
    ualarm(20000, 0);
    CHECK(write(w, big, sizeof(big)) == 65536); /* cut short */
    ualarm(20000, 0);
    CHECK_ERRNO(write(w, big, sizeof(big)), EINTR);
    close_pipe();
}

/* Writes of at most PIPE_BUF are never mixed, whoever reads and writes. */
static void *block_writer(void *arg)
{
    char block[4096];
    memset(block, (int)(long)arg, sizeof(block));
    for (int i = 0; i < 300; i++)
        CHECK(write(w, block, sizeof(block)) == sizeof(block));
    return NULL;
}

static void is_atomic(void)
{
    pthread_t t[4];
    static char block[4096];
    int seen[4] = {0};
    open_pipe(0);
    for (long i = 0; i < 4; i++)
        CHECK(pthread_create(&t[i], NULL, block_writer, (void *)i) == 0);
    for (int i = 0; i < 1200; i++) {
        for (size_t n = 0; n < sizeof(block);) {
            ssize_t got = read(r, block + n, sizeof(block) - n);
            CHECK(got > 0);
            n += (size_t)got;
        }
        for (size_t n = 1; n < sizeof(block); n++)
            CHECK(block[n] == block[0]);
        seen[(int)block[0]]++;
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        CHECK(seen[i] == 300);
    }
    close_pipe();
}

static void *many_reader(void *arg)
{
    long n = 0;
    char c;
    (void)arg;
    while (read(r, &c, 1) == 1)
        n++;
    return (void *)n;
}

static void wakes_every_reader(void)
{
    pthread_t t[8];
    long total = 0;
    open_pipe(0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&t[i], NULL, many_reader, NULL) == 0);
    for (int i = 0; i < 2000; i++)
        CHECK(write(w, "abc", 3) == 3);
    close(w);
    for (int i = 0; i < 8; i++) {
        void *n;
        pthread_join(t[i], &n);
        total += (long)n;
    }
    CHECK(total == 6000);
    w = -1;
    close_pipe();
}

static unsigned checksum(const char *p, size_t n, unsigned sum)
{
    for (size_t i = 0; i < n; i++)
        sum = sum * 31 + (unsigned char)p[i];
    return sum;
}

static void crosses_processes(void)
{
    const size_t total = 40 * sizeof(big);
    unsigned sum = 0, seed = 7;
    int status;
    open_pipe(0);
    pid_t pid = fork();
    if (pid == 0) {
        close(w);
        size_t n = 0;
        ssize_t got;
        while ((got = read(r, big, sizeof(big))) > 0) {
            sum = checksum(big, (size_t)got, sum);
            n += (size_t)got;
        }
        CHECK(n == total);
        _exit((int)(sum & 0x7f));
    }
    close(r);
    for (int i = 0; i < 40; i++) {
        for (size_t n = 0; n < sizeof(big); n++)
            big[n] = (char)((seed = seed * 1103515245 + 12345) >> 16);
        sum = checksum(big, sizeof(big), sum);
        CHECK(write(w, big, sizeof(big)) == sizeof(big));
    }
    close(w);
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == (int)(sum & 0x7f));
}

static void opens_again(void)
{
    char path[64], buf[8];
    open_pipe(0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", r);
    int w2 = open(path, O_WRONLY);
    CHECK(w2 >= 0 && write(w2, "x", 1) == 1 && read(r, buf, 8) == 1);
    int r2 = open(path, O_RDONLY | O_NONBLOCK);
    CHECK(r2 >= 0);
    CHECK_ERRNO(read(r2, buf, 8), EAGAIN);
    close(w);
    CHECK_ERRNO(read(r2, buf, 8), EAGAIN); /* w2 is a writer still */
    close(w2);
    CHECK(read(r2, buf, 8) == 0 && read(r, buf, 8) == 0);
    w = open(path, O_WRONLY | O_NONBLOCK);
    CHECK(w >= 0 && write(w, "y", 1) == 1 && read(r2, buf, 8) == 1);
    ssize_t n = readlink(path, big, 100);
    CHECK(n > 6 && memcmp(big, "pipe:[", 6) == 0);
    close(r2);
    close_pipe();
}

int main(void)
{
    makes_two_ends();
    moves_bytes_in_order();
    breaks();
    fills();
    changes_size();
    keeps_packets();
    waits();
    is_atomic();
    wakes_every_reader();
    crosses_processes();
    opens_again();
    tells_poll();
    return 0;
}
