/* SPDX-License-Identifier: Apache-2.0 */
/* Unix sockets of type SOCK_STREAM and SOCK_SEQPACKET: names, connections, data, ends. */
#include "net.h"

static char dir[] = "/tmp/unix-test-XXXXXX";

static int listener_at(const char *name, int type, struct sockaddr_un *a, socklen_t *size)
{
    int fd = socket(AF_UNIX, type, 0);
    *size = un_addr_of(a, name);
    CHECK(fd >= 0 && bind(fd, ADDR(a), *size) == 0 && listen(fd, 4) == 0);
    return fd;
}

static void names(void)
{
    struct sockaddr_un a, b;
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t size = un_addr_of(&a, "path"), got = sizeof(b);
    CHECK(bind(fd, ADDR(&a), size) == 0);
    CHECK(stat("path", &st) == 0 && S_ISSOCK(st.st_mode));
    CHECK_ERRNO(open("path", O_RDWR), ENXIO);
    CHECK_ERRNO(bind(other, ADDR(&a), size), EADDRINUSE);
    un_addr_of(&b, "path2");
    CHECK_ERRNO(bind(fd, ADDR(&b), sizeof(b)), EINVAL);
    CHECK_ERRNO(connect(other, ADDR(&a), size), ECONNREFUSED); /* nobody listens */
    CHECK(getsockname(fd, ADDR(&b), &got) == 0);
    CHECK(got == offsetof(struct sockaddr_un, sun_path) + 5 && strcmp(b.sun_path, "path") == 0);
    close(fd);
    CHECK_ERRNO(connect(other, ADDR(&a), size), ECONNREFUSED); /* the file stays */
    CHECK(unlink("path") == 0);
    CHECK_ERRNO(connect(other, ADDR(&a), size), ENOENT);
    un_addr_of(&a, "missing/path");
    CHECK_ERRNO(bind(other, ADDR(&a), sizeof(a)), ENOENT);
    un_addr_of(&a, "");
    CHECK_ERRNO(connect(other, ADDR(&a), sizeof(a.sun_family)), EINVAL);
    CHECK_ERRNO(connect(other, ADDR(&a), 200), EINVAL);
    CHECK(mknod("plain", S_IFREG | 0600, 0) == 0);
    size = un_addr_of(&a, "plain");
    CHECK_ERRNO(connect(other, ADDR(&a), size), ECONNREFUSED);
    CHECK_ERRNO(bind(other, ADDR(&a), size), EADDRINUSE);
    a.sun_family = AF_INET;
    CHECK_ERRNO(bind(other, ADDR(&a), size), EINVAL);
    CHECK_ERRNO(connect(other, ADDR(&a), size), EINVAL);
    CHECK_ERRNO(listen(other, 1), EINVAL);
    close(other);
}

/* 108 bytes without a zero are a path too. */
static void longest_path(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char name[128] = {0};
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memset(a.sun_path, 'x', sizeof(a.sun_path));
    memcpy(name, a.sun_path, sizeof(a.sun_path));
    CHECK(bind(fd, ADDR(&a), sizeof(a)) == 0 && stat(name, &st) == 0);
    close(fd);
    CHECK(unlink(name) == 0);
}

static void abstract_names(void)
{
    struct sockaddr_un a, b;
    socklen_t size, got = sizeof(b);
    int fd = listener_at("@naos-test", SOCK_STREAM, &a, &size), other = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(bind(other, ADDR(&a), size), EADDRINUSE);
    CHECK_ERRNO(connect(other, ADDR(&a), size + 1), ECONNREFUSED); /* each byte counts */
    CHECK(getsockname(fd, ADDR(&b), &got) == 0 && got == size && memcmp(&a, &b, size) == 0);
    CHECK(connect(other, ADDR(&a), size) == 0);
    got = sizeof(b);
    CHECK(getpeername(other, ADDR(&b), &got) == 0 && got == size && memcmp(&a, &b, size) == 0);
    got = sizeof(b);
    CHECK(getsockname(other, ADDR(&b), &got) == 0 && got == sizeof(sa_family_t) && b.sun_family == AF_UNIX);
    close(other);
    close(fd);
    fd = listener_at("@naos-test", SOCK_STREAM, &a, &size); /* free again at once */
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(fd, ADDR(&a), sizeof(sa_family_t)) == 0); /* autobind: five hexadecimal digits */
    got = sizeof(b);
    CHECK(getsockname(fd, ADDR(&b), &got) == 0 && got == sizeof(sa_family_t) + 6 && b.sun_path[0] == 0);
    CHECK(strspn(b.sun_path + 1, "0123456789abcdef") >= 5);
    close(fd);
}

static void connections(int type)
{
    struct sockaddr_un a;
    socklen_t size;
    struct ucred cred;
    int listener = listener_at("listener", type, &a, &size), fd = socket(AF_UNIX, type, 0);
    int wrong = socket(AF_UNIX, type == SOCK_STREAM ? SOCK_SEQPACKET : SOCK_STREAM, 0);
    char buf[16];
    CHECK_ERRNO(connect(wrong, ADDR(&a), size), EPROTOTYPE);
    CHECK(connect(fd, ADDR(&a), size) == 0);
    CHECK_ERRNO(connect(fd, ADDR(&a), size), EISCONN);
    CHECK(send(fd, "early", 5, 0) == 5); /* before it is accepted */
    socklen_t got = sizeof(a);
    int end = accept4(listener, ADDR(&a), &got, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK(end >= 0 && got == sizeof(sa_family_t));
    CHECK(fcntl(end, F_GETFD) == FD_CLOEXEC && (fcntl(end, F_GETFL) & O_NONBLOCK));
    CHECK(recv(end, buf, sizeof(buf), 0) == 5 && memcmp(buf, "early", 5) == 0);
    CHECK_ERRNO(recv(end, buf, sizeof(buf), 0), EAGAIN);
    got = sizeof(cred);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &got) == 0 && cred.pid == getpid() && cred.uid == getuid());
    CHECK(getsockopt(end, SOL_SOCKET, SO_PEERCRED, &cred, &got) == 0 && cred.pid == getpid());
    CHECK_ERRNO(accept(end, NULL, NULL), EINVAL);
    CHECK_ERRNO(listen(end, 1), EINVAL);
    CHECK(send(end, "back", 4, 0) == 4 && read(fd, buf, sizeof(buf)) == 4);
    close(end);
    CHECK(read(fd, buf, sizeof(buf)) == 0);
    CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
    close(fd);
    close(wrong);
    nonblock(listener);
    CHECK_ERRNO(accept(listener, NULL, NULL), EAGAIN);
    CHECK(int_option(listener, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    close(listener);
    CHECK(unlink("listener") == 0);
}

/* listen(fd, n) lets n + 1 wait. */
static void backlog(void)
{
    struct sockaddr_un a;
    socklen_t size = un_addr_of(&a, "@naos-backlog");
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd[3];
    CHECK(bind(listener, ADDR(&a), size) == 0 && listen(listener, 1) == 0);
    for (int i = 0; i < 3; i++) {
        fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (i < 2)
            CHECK(connect(fd[i], ADDR(&a), size) == 0);
        else
            CHECK_ERRNO(connect(fd[i], ADDR(&a), size), EAGAIN);
    }
    close(listener); /* those that wait learn of it */
    char c;
    CHECK_ERRNO(recv(fd[0], &c, 1, 0), ECONNRESET);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
}

static void ends(void)
{
    int fd[2];
    char buf[16];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    CHECK(write(fd[0], "abc", 3) == 3);
    CHECK(shutdown(fd[0], SHUT_WR) == 0);
    CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK(read(fd[1], buf, sizeof(buf)) == 3 && read(fd[1], buf, sizeof(buf)) == 0);
    CHECK(write(fd[1], "back", 4) == 4 && read(fd[0], buf, sizeof(buf)) == 4); /* the other half still works */
    CHECK(shutdown(fd[1], SHUT_RDWR) == 0 && read(fd[0], buf, sizeof(buf)) == 0);
    close(fd[0]);
    close(fd[1]);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    CHECK(write(fd[0], "unread", 6) == 6);
    close(fd[1]); /* with data that nobody read */
    CHECK_ERRNO(recv(fd[0], buf, sizeof(buf), 0), ECONNRESET);
    CHECK(recv(fd[0], buf, sizeof(buf), 0) == 0);
    close(fd[0]);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    CHECK(write(fd[1], "kept", 4) == 4);
    close(fd[1]);
    CHECK(recv(fd[0], buf, sizeof(buf), 0) == 4 && recv(fd[0], buf, sizeof(buf), 0) == 0);
    close(fd[0]);
}

static volatile sig_atomic_t pipes;

static void on_pipe(int signo)
{
    (void)signo;
    pipes++;
}

static void sigpipe(void)
{
    int fd[2];
    signal(SIGPIPE, on_pipe);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    close(fd[1]);
    CHECK_ERRNO(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK(pipes == 0);
    CHECK_ERRNO(send(fd[0], "x", 1, 0), EPIPE);
    CHECK_ERRNO(write(fd[0], "x", 1), EPIPE);
    CHECK(pipes == 2);
    close(fd[0]);
    signal(SIGPIPE, SIG_IGN);
}

static void flags(void)
{
    int fd[2], n;
    char buf[16] = {0};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    CHECK_ERRNO(recv(fd[0], buf, 1, MSG_DONTWAIT), EAGAIN);
    CHECK(send(fd[1], "hello", 5, 0) == 5);
    CHECK(recv(fd[0], buf, 3, MSG_PEEK) == 3 && memcmp(buf, "hel", 3) == 0);
    CHECK(ioctl(fd[0], FIONREAD, &n) == 0 && n == 5);
    CHECK(recv(fd[0], buf, 16, MSG_PEEK) == 5);
    CHECK(recv(fd[0], buf, 2, 0) == 2 && recv(fd[0], buf, 16, 0) == 3 && memcmp(buf, "llo", 3) == 0);
    CHECK(read(fd[0], buf, 0) == 0);
    CHECK_ERRNO(send(fd[1], (void *)8, 4, 0), EFAULT);
    CHECK_ERRNO(recv(fd[0], buf, 1, MSG_OOB | MSG_DONTWAIT), EINVAL);
    if (fork() == 0) {
        pause_ms(20);
        _exit(send(fd[1], "12345", 5, 0) == 5 && (pause_ms(20), send(fd[1], "678", 3, 0) == 3) ? 0 : 1);
    }
    CHECK(recv(fd[0], buf, 8, MSG_WAITALL) == 8 && memcmp(buf, "12345678", 8) == 0);
    CHECK(wait(&n) > 0 && n == 0);
    close(fd[0]);
    close(fd[1]);
}

/* A message is one message, and a short read loses the rest of it. */
static void seqpacket(void)
{
    int fd[2];
    char buf[16];
    struct iovec iov = {buf, 2};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == 0);
    CHECK(send(fd[0], "one", 3, 0) == 3 && send(fd[0], "two", 3, 0) == 3 && send(fd[0], "four", 4, 0) == 4);
    CHECK(recv(fd[1], buf, sizeof(buf), 0) == 3 && memcmp(buf, "one", 3) == 0);
    CHECK(recvmsg(fd[1], &m, 0) == 2 && (m.msg_flags & MSG_TRUNC));
    CHECK(recv(fd[1], buf, 1, MSG_TRUNC) == 4);
    CHECK(send(fd[0], "", 0, 0) == 0 && recv(fd[1], buf, sizeof(buf), 0) == 0); /* empty is a message */
    close(fd[0]);
    CHECK(recv(fd[1], buf, sizeof(buf), 0) == 0);
    close(fd[1]);
}

static void timeouts(void)
{
    int fd[2];
    char buf[4096] = {0};
    struct timeval tv = {0, 30000};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    CHECK(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) == 0);
    CHECK(setsockopt(fd[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
    CHECK_ERRNO(recv(fd[0], buf, 1, 0), EAGAIN);
    ssize_t n, sent = 0;
    while ((n = write(fd[0], buf, sizeof(buf))) > 0)
        sent += n;
    CHECK(n == -1 && errno == EAGAIN && sent >= 65536);
    while (sent > 0) {
        n = read(fd[1], buf, sizeof(buf));
        CHECK(n > 0);
        sent -= n;
    }
    CHECK(write(fd[0], buf, 1) == 1);
    close(fd[0]);
    close(fd[1]);
}

#define BULK (8 << 20)

static void *bulk_writer(void *arg)
{
    static unsigned char buf[70001];
    unsigned at = 0;
    while (at < BULK) {
        size_t want = at + sizeof(buf) < BULK ? sizeof(buf) : BULK - at;
        for (size_t i = 0; i < want; i++)
            buf[i] = (unsigned char)((at + i) * 7 + ((at + i) >> 11));
        ssize_t n = write(*(int *)arg, buf, want);
        CHECK(n > 0);
        at += (unsigned)n;
    }
    close(*(int *)arg);
    return NULL;
}

static void bulk(void)
{
    static unsigned char buf[33333];
    int fd[2];
    unsigned at = 0;
    pthread_t thread;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    CHECK(pthread_create(&thread, NULL, bulk_writer, &fd[1]) == 0);
    for (ssize_t n; (n = read(fd[0], buf, sizeof(buf))) != 0; at += (unsigned)n) {
        CHECK(n > 0);
        for (unsigned i = 0; i < (unsigned)n; i++)
            CHECK(buf[i] == (unsigned char)((at + i) * 7 + ((at + i) >> 11)));
    }
    CHECK(at == BULK);
    pthread_join(thread, NULL);
    close(fd[0]);
}

static void *late_connector(void *arg)
{
    struct sockaddr_un a;
    socklen_t size = un_addr_of(&a, "@naos-late");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)arg;
    pause_ms(20);
    CHECK(connect(fd, ADDR(&a), size) == 0 && write(fd, "x", 1) == 1);
    close(fd);
    return NULL;
}

static void accept_waits(void)
{
    struct sockaddr_un a;
    socklen_t size;
    pthread_t thread;
    char c;
    int listener = listener_at("@naos-late", SOCK_STREAM, &a, &size);
    CHECK(pthread_create(&thread, NULL, late_connector, NULL) == 0);
    int fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0 && read(fd, &c, 1) == 1 && c == 'x' && read(fd, &c, 1) == 0);
    pthread_join(thread, NULL);
    close(fd);
    close(listener);
}

static void permissions(void)
{
    struct sockaddr_un a;
    socklen_t size;
    int listener = listener_at("private", SOCK_STREAM, &a, &size), status;
    CHECK(chmod("private", 0600) == 0 && chmod(".", 0755) == 0);
    if (getuid() == 0 && fork() == 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK(setgid(1000) == 0 && setuid(1000) == 0);
        CHECK_ERRNO(connect(fd, ADDR(&a), size), EACCES);
        _exit(0);
    }
    CHECK(getuid() != 0 || (wait(&status) > 0 && status == 0));
    close(listener);
    unlink("private");
}

int main(void)
{
    CHECK(mkdtemp(dir) && chdir(dir) == 0);
    signal(SIGPIPE, SIG_IGN);
    names();
    longest_path();
    abstract_names();
    connections(SOCK_STREAM);
    connections(SOCK_SEQPACKET);
    backlog();
    ends();
    sigpipe();
    flags();
    seqpacket();
    timeouts();
    bulk();
    accept_waits();
    permissions();
    return 0;
}
