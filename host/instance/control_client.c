/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of the control socket. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "control.h"

int control_connect(const struct rundir *r, struct error *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int dir = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* by the folder's descriptor: its path may be longer than an address can be */
    snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/control", dir);
    int result = dir < 0 || fd < 0 ? -1 : connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    int saved = errno;
    if (dir >= 0)
        close(dir);
    if (result == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    errno = saved;
    if (errno == ENOENT || errno == ECONNREFUSED)
        return error_set(err, "the enclave '%s' is not running; start it with `naos start`", r->name);
    return error_errno(err, "%s/control", r->path);
}

static int send_all(int fd, const uint8_t *at, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

int control_send(int fd, enum control_kind kind, int64_t value, const struct control_part parts[2], const int *fds, size_t fd_count)
{
    size_t size = sizeof(struct control_header) + parts[0].size + parts[1].size;
    struct control_header header = {(uint32_t)size, kind, value};
    struct iovec iov[3] = {{&header, sizeof(header)}, {(void *)parts[0].data, parts[0].size}, {(void *)parts[1].data, parts[1].size}};
    char space[CMSG_SPACE(3 * sizeof(int))] = {0};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 3};
    if (fd_count > 0) {
        msg.msg_control = space;
        msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        *c = (struct cmsghdr){CMSG_LEN(fd_count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
    }
    ssize_t n;
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    for (int i = 0; i < 3 && n >= 0; i++) { /* what did not go with the first call */
        size_t gone = (size_t)n < iov[i].iov_len ? (size_t)n : iov[i].iov_len;
        n -= (ssize_t)gone;
        if (gone < iov[i].iov_len && send_all(fd, (uint8_t *)iov[i].iov_base + gone, iov[i].iov_len - gone) < 0)
            return -1;
    }
    return n < 0 ? -1 : 0;
}

/* The first descriptor that came is the message's; there should be no others. */
static void fds_take(struct control_message *m, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t count = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
            if (m->fd < 0)
                m->fd = fd;
            else
                close(fd);
        }
    }
}

/* The first bytes of a message, and a descriptor that comes with them. */
static ssize_t first_receive(int fd, struct control_message *m)
{
    char space[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {&m->header, sizeof(m->header)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    ssize_t n;
    do
        n = recvmsg(fd, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        fds_take(m, &msg);
    return n;
}

static int message_receive(int fd, struct control_message *m)
{
    ssize_t n = first_receive(fd, m);
    if (n <= 0)
        return (int)n;
    size_t size = m->header.size - sizeof(m->header);
    if (n != sizeof(m->header) || m->header.size < sizeof(m->header) || size > REPLY_TEXT_MAX || !(m->text = malloc(size + 1))) {
        errno = EPROTO;
        return -1;
    }
    m->text[size] = 0;
    n = size ? recv(fd, m->text, size, MSG_WAITALL) : 0;
    if (n == (ssize_t)size)
        return 1;
    free(m->text);
    m->text = NULL;
    return n < 0 ? -1 : 0;
}

int control_receive(int fd, struct control_message *m)
{
    *m = (struct control_message){.fd = -1};
    int result = message_receive(fd, m);
    if (result <= 0 && m->fd >= 0) {
        close(m->fd);
        m->fd = -1;
    }
    return result;
}
