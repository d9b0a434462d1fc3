/* SPDX-License-Identifier: Apache-2.0 */
/* socket(2), and what goes wrong alike for all families: descriptors, addresses, lengths. */
#include "net.h"

static void creation(void)
{
    CHECK_ERRNO(socket(0, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(AF_INET, 75, 0), EINVAL);
    CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
    CHECK_ERRNO(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 17), EPROTONOSUPPORT);
    CHECK_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    CHECK(fd >= 0);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK));
    close(fd);
    fd = socket(AF_INET6, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == 0 && fcntl(fd, F_GETFL) == O_RDWR);
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0777 && st.st_size == 0);
    CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
    char c;
    CHECK_ERRNO(pread(fd, &c, 1, 0), ESPIPE);
    CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
    char link[64], path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, link, sizeof(link));
    CHECK(n > 8 && memcmp(link, "socket:[", 8) == 0);
    close(fd);
}

static void not_sockets(void)
{
    struct sockaddr_in a = in_addr_of("127.0.0.1", 1);
    socklen_t size = sizeof(a);
    int file = open("/dev/null", O_RDWR), one = 1;
    CHECK_ERRNO(bind(file, ADDR(&a), size), ENOTSOCK);
    CHECK_ERRNO(connect(file, ADDR(&a), size), ENOTSOCK);
    CHECK_ERRNO(listen(file, 1), ENOTSOCK);
    CHECK_ERRNO(accept(file, NULL, NULL), ENOTSOCK);
    CHECK_ERRNO(send(file, "x", 1, 0), ENOTSOCK);
    CHECK_ERRNO(recv(file, &one, 1, 0), ENOTSOCK);
    CHECK_ERRNO(getsockname(file, ADDR(&a), &size), ENOTSOCK);
    CHECK_ERRNO(setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), ENOTSOCK);
    CHECK_ERRNO(shutdown(file, SHUT_RD), ENOTSOCK);
    CHECK_ERRNO(bind(-1, ADDR(&a), size), EBADF);
    CHECK_ERRNO(send(1000, "x", 1, 0), EBADF);
    CHECK_ERRNO(accept(1000, NULL, NULL), EBADF);
    close(file);
    int path_only = open("/dev/null", O_PATH);
    CHECK_ERRNO(listen(path_only, 1), EBADF);
    close(path_only);
}

static void addresses(void)
{
    struct sockaddr_in a = in_addr_of("127.0.0.1", 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(bind(fd, ADDR(&a), 3), EINVAL);
    CHECK_ERRNO(bind(fd, ADDR(&a), 4096), EINVAL);
    CHECK_ERRNO(bind(fd, (void *)-1, sizeof(a)), EFAULT);
    CHECK_ERRNO(connect(fd, ADDR(&a), 3), EINVAL);
    CHECK_ERRNO(connect(fd, (void *)-1, sizeof(a)), EFAULT);
    a.sin_family = AF_UNIX;
    CHECK_ERRNO(bind(fd, ADDR(&a), sizeof(a)), EAFNOSUPPORT);
    CHECK_ERRNO(connect(fd, ADDR(&a), sizeof(a)), EAFNOSUPPORT);
    a = in_addr_of("203.0.113.9", 0);
    CHECK_ERRNO(bind(fd, ADDR(&a), sizeof(a)), EADDRNOTAVAIL);
    a = in_addr_of("127.0.0.1", 0);
    CHECK(bind(fd, ADDR(&a), sizeof(a)) == 0);
    CHECK_ERRNO(bind(fd, ADDR(&a), sizeof(a)), EINVAL);
    close(fd);
}

static void names(void)
{
    struct sockaddr_in a = in_addr_of("127.0.0.1", 0), b;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof(b);
    CHECK_ERRNO(getpeername(fd, ADDR(&b), &size), ENOTCONN);
    CHECK(getsockname(fd, ADDR(&b), &size) == 0 && size == sizeof(b) && b.sin_port == 0 && b.sin_addr.s_addr == 0);
    CHECK(bind(fd, ADDR(&a), sizeof(a)) == 0);
    size = 4; /* cut, but the true size comes back */
    memset(&b, 0x55, sizeof(b));
    CHECK(getsockname(fd, ADDR(&b), &size) == 0 && size == sizeof(b) && b.sin_addr.s_addr == 0x55555555);
    size = (socklen_t)-1;
    CHECK_ERRNO(getsockname(fd, ADDR(&b), &size), EINVAL);
    CHECK_ERRNO(getsockname(fd, ADDR(&b), (void *)8), EFAULT);
    close(fd);
}

static void wrong_kinds(void)
{
    int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0), pair[2];
    char c;
    CHECK_ERRNO(listen(udp, 1), EOPNOTSUPP);
    CHECK_ERRNO(accept(udp, NULL, NULL), EOPNOTSUPP);
    CHECK_ERRNO(accept(tcp, NULL, NULL), EINVAL);
    CHECK_ERRNO(accept4(tcp, NULL, NULL, 1), EINVAL);
    CHECK_ERRNO(shutdown(tcp, SHUT_RD), ENOTCONN);
    CHECK_ERRNO(shutdown(tcp, 3), EINVAL);
    close(tcp);
    tcp = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(recv(tcp, &c, 1, 0), ENOTCONN);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(send(tcp, "x", 1, 0), EPIPE);
    CHECK_ERRNO(socketpair(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP);
    CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8), EFAULT);
    CHECK_ERRNO(ioctl(tcp, TIOCGWINSZ, &pair), ENOTTY);
    close(udp);
    close(tcp);
}

static void descriptors_run_out(void)
{
    const struct rlimit few = {16, 16};
    int fds[16], count = 0, pair[2];
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    while (count < 16 && (fds[count] = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0)
        count++;
    CHECK(errno == EMFILE && count < 16);
    close(fds[--count]);
    CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), EMFILE);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0); /* the pair gave its first one back */
    CHECK(fd == fds[count]);
    while (count-- > 0)
        close(fds[count]);
    close(fd);
}

int main(void)
{
    creation();
    not_sockets();
    addresses();
    names();
    wrong_kinds();
    descriptors_run_out();
    return 0;
}
