/* SPDX-License-Identifier: Apache-2.0 */
/* Files and credentials that travel over Unix sockets: SCM_RIGHTS, SCM_CREDENTIALS, and struct msghdr itself. */
#include "net.h"

#define ROOM(n) CMSG_SPACE((n) * sizeof(int))

union control {
    struct cmsghdr head;
    char bytes[2048];
};

static ssize_t fds_send(int fd, const int *fds, unsigned count, const char *text)
{
    union control c = {0};
    struct iovec iov = {(void *)text, strlen(text)};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = ROOM(count)};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    *h = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(h), fds, count * sizeof(int));
    return sendmsg(fd, &m, 0);
}

/* How many came; their numbers in fds. */
static int fds_receive(int fd, int *fds, size_t room, int flags, int *out_flags, size_t size)
{
    char buf[64];
    union control c;
    struct iovec iov = {buf, size};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = room};
    CHECK(recvmsg(fd, &m, flags) >= 0);
    *out_flags = m.msg_flags;
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (!h)
        return 0;
    CHECK(h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS);
    memcpy(fds, CMSG_DATA(h), h->cmsg_len - CMSG_LEN(0));
    return (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

static void rights(int type)
{
    int s[2], p[2], got[8], flags;
    char c;
    CHECK(socketpair(AF_UNIX, type, 0, s) == 0 && pipe(p) == 0);
    CHECK(fds_send(s[0], p, 2, "two") == 3);
    close(p[1]); /* the one in flight keeps it open */
    CHECK(fds_receive(s[1], got, sizeof(union control), MSG_CMSG_CLOEXEC, &flags, 64) == 2);
    CHECK(got[0] != p[0] && fcntl(got[0], F_GETFD) == FD_CLOEXEC);
    CHECK(write(got[1], "x", 1) == 1 && read(p[0], &c, 1) == 1 && c == 'x');
    close(got[1]);
    CHECK(read(p[0], &c, 1) == 0);
    close(got[0]);
    /* peeking gives them as well, and they stay */
    CHECK(fds_send(s[0], p, 1, "p") == 1);
    CHECK(fds_receive(s[1], got, sizeof(union control), MSG_PEEK, &flags, 64) == 1 && fcntl(got[0], F_GETFD) == 0);
    CHECK(fds_receive(s[1], got + 1, sizeof(union control), 0, &flags, 64) == 1 && got[1] != got[0]);
    close(got[0]);
    close(got[1]);
    /* no room: cut, and closed */
    int three[3] = {p[0], s[0], s[1]};
    CHECK(fds_send(s[0], three, 3, "3") == 1);
    CHECK(fds_receive(s[1], got, CMSG_LEN(2 * sizeof(int)), 0, &flags, 64) == 2 && (flags & MSG_CTRUNC));
    close(got[0]);
    close(got[1]);
    CHECK(fds_send(s[0], p, 1, "none") == 4);
    CHECK(fds_receive(s[1], got, 0, 0, &flags, 64) == 0 && (flags & MSG_CTRUNC));
    int bad = 999;
    CHECK_ERRNO(fds_send(s[0], &bad, 1, "x"), EBADF);
    close(s[0]);
    close(s[1]);
    close(p[0]);
}

/* Two headers in one message: what they carry arrives in one. */
static void two_headers(void)
{
    int s[2], got[8], flags, file = open("/dev/null", O_RDONLY);
    union control c = {0};
    struct iovec iov = {"x", 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = 2 * ROOM(1)};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
        *h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(h), &file, sizeof(file));
    }
    CHECK(sendmsg(s[0], &m, 0) == 1);
    CHECK(fds_receive(s[1], got, sizeof(union control), 0, &flags, 64) == 2 && got[0] != got[1]);
    close(got[0]);
    close(got[1]);
    close(s[0]);
    close(s[1]);
    close(file);
}

/* A read of a stream stops where other files begin. */
static void stream_borders(void)
{
    int s[2], got[8], flags, file = open("/dev/null", O_RDONLY);
    char buf[16];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(write(s[0], "plain", 5) == 5 && fds_send(s[0], &file, 1, "first") == 5 && fds_send(s[0], &file, 1, "second") == 6);
    CHECK(write(s[0], "more", 4) == 4);
    CHECK(read(s[1], buf, 3) == 3);
    CHECK(fds_receive(s[1], got, sizeof(union control), 0, &flags, 64) <= 1);
    ssize_t n = recv(s[1], buf, sizeof(buf), MSG_DONTWAIT);
    CHECK(n > 0 && n <= 10);
    close(s[0]);
    close(s[1]);
    close(file);
}

static void too_many(void)
{
    int s[2], fds[254], got[256], flags;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    for (int i = 0; i < 254; i++)
        fds[i] = s[0];
    CHECK_ERRNO(fds_send(s[0], fds, 254, "x"), EINVAL);
    CHECK(fds_send(s[0], fds, 253, "x") == 1);
    CHECK(fds_receive(s[1], got, sizeof(union control), 0, &flags, 64) == 253);
    for (int i = 0; i < 253; i++)
        close(got[i]);
    close(s[0]);
    close(s[1]);
}

/* Sockets in flight inside each other, then all closed: nothing may crash or go deep. */
static void nested(void)
{
    int outer[2], s[2];
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, outer) == 0);
    for (int i = 0; i < 500; i++) {
        CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
        CHECK(fds_send(s[0], outer, 2, "x") == 1);
        close(outer[0]);
        close(outer[1]);
        memcpy(outer, s, sizeof(s));
    }
    close(outer[0]);
    close(outer[1]);
}

static ssize_t cred_send(int fd, struct ucred cred)
{
    union control c = {0};
    struct iovec iov = {"x", 1};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = CMSG_SPACE(sizeof(cred))};
    c.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(cred)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    memcpy(CMSG_DATA(&c.head), &cred, sizeof(cred));
    return sendmsg(fd, &m, 0);
}

static struct ucred cred_receive(int fd)
{
    union control c;
    struct ucred cred;
    char buf[8];
    struct iovec iov = {buf, 8};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
    CHECK(recvmsg(fd, &m, 0) == 1);
    CHECK(m.msg_controllen >= CMSG_LEN(sizeof(cred)) && c.head.cmsg_type == SCM_CREDENTIALS && c.head.cmsg_len == CMSG_LEN(sizeof(cred)));
    memcpy(&cred, CMSG_DATA(&c.head), sizeof(cred));
    return cred;
}

static void credentials(int type)
{
    int s[2], status;
    CHECK(socketpair(AF_UNIX, type, 0, s) == 0);
    set_int_option(s[1], SOL_SOCKET, SO_PASSCRED, 1);
    CHECK(int_option(s[1], SOL_SOCKET, SO_PASSCRED) == 1);
    CHECK(send(s[0], "x", 1, 0) == 1);
    struct ucred cred = cred_receive(s[1]);
    CHECK(cred.pid == getpid() && cred.uid == geteuid() && cred.gid == getegid());
    pid_t child = fork();
    if (child == 0)
        _exit(send(s[0], "x", 1, 0) == 1 ? 0 : 1);
    CHECK(cred_receive(s[1]).pid == child && wait(&status) == child && status == 0);
    CHECK(cred_send(s[0], (struct ucred){getpid(), getuid(), getgid()}) == 1 && cred_receive(s[1]).pid == getpid());
    if (getuid() == 0) {
        CHECK(cred_send(s[0], (struct ucred){1, 77, 88}) == 1);
        cred = cred_receive(s[1]);
        CHECK(cred.pid == 1 && cred.uid == 77 && cred.gid == 88);
        if (fork() == 0) {
            CHECK(setgid(1000) == 0 && setuid(1000) == 0);
            CHECK_ERRNO(cred_send(s[0], (struct ucred){getpid(), 0, 1000}), EPERM);
            CHECK_ERRNO(cred_send(s[0], (struct ucred){1, 1000, 1000}), EPERM);
            _exit(0);
        }
        CHECK(wait(&status) > 0 && status == 0);
    }
    close(s[0]);
    close(s[1]);
}

static void headers(void)
{
    int s[2];
    char a[4] = "ab", b[4] = "cde", big[2000];
    struct iovec iov[2] = {{a, 2}, {b, 3}}, *many = calloc(1025, sizeof(*many));
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    CHECK(sendmsg(s[0], &m, 0) == 5);
    iov[0].iov_len = 1;
    CHECK(recvmsg(s[1], &m, 0) == 4 && (m.msg_flags & MSG_TRUNC) && a[0] == 'a' && memcmp(b, "bcd", 3) == 0);
    m.msg_iov = many;
    m.msg_iovlen = 1025;
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EMSGSIZE);
    m.msg_iovlen = 1024;
    CHECK(sendmsg(s[0], &m, 0) == 0);
    m = (struct msghdr){.msg_iov = iov, .msg_iovlen = 2};
    iov[1].iov_len = (size_t)-1;
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EINVAL);
    iov[1] = (struct iovec){(void *)8, 4};
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EFAULT);
    CHECK_ERRNO(sendmsg(s[0], (void *)8, 0), EFAULT);
    CHECK_ERRNO(recvmsg(s[0], (void *)8, 0), EFAULT);
    memset(big, 0, sizeof(big)); /* a control header that is shorter than itself */
    iov[1] = (struct iovec){b, 1};
    m.msg_control = big;
    m.msg_controllen = sizeof(struct cmsghdr);
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EINVAL);
    ((struct cmsghdr *)big)->cmsg_len = 4000;
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EINVAL);
    close(s[0]);
    close(s[1]);
    free(many);
}

int main(void)
{
    rights(SOCK_STREAM);
    rights(SOCK_DGRAM);
    rights(SOCK_SEQPACKET);
    two_headers();
    stream_borders();
    too_many();
    nested();
    credentials(SOCK_STREAM);
    credentials(SOCK_DGRAM);
    headers();
    return 0;
}
