/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control protocol. Server: an input is what one client sends, in pieces, with descriptors, and what the enclave answers
 * meanwhile. Client: an input is what a server sends. The first byte says which.
 */
#include "host/instance/control.c"
#include "target.h"

/* ---- in the place of host/serve --------------------------------------------------------------------------------------- */

static size_t posted;

int serve_request_post(struct serve *serve, const struct request *r, const void *more)
{
    volatile uint8_t sum = 0;
    (void)serve;
    for (uint32_t i = 0; i < r->size; i++)
        sum ^= ((const uint8_t *)more)[i];
    if (r->kind == REQUEST_RUN && r->id == 0)
        fuzz_wrong("a program without a number");
    posted++;
    return 0;
}

int serve_stream_give(struct serve *serve, int fd)
{
    (void)serve;
    close(fd);
    return 7;
}

int serve_counters(const struct serve *serve, int width, char *text, size_t size)
{
    (void)serve, (void)width;
    return snprintf(text, size, "counters");
}

/* ---- both ends ---------------------------------------------------------------------------------------------------------- */

static void send_piece(int fd, const uint8_t *data, size_t size, unsigned fd_count)
{
    struct iovec iov = {(void *)data, size};
    char space[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd_count > 0) {
        msg.msg_control = space;
        msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        *c = (struct cmsghdr){CMSG_LEN(fd_count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        for (unsigned i = 0; i < fd_count; i++)
            memcpy(CMSG_DATA(c) + i * sizeof(int), &null, sizeof(int));
    }
    ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n; /* the other end may have had enough */
    close(null);
}

static void drain(int fd)
{
    char buf[4096];
    while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
        ;
}

static void server(const uint8_t *data, size_t size)
{
    int fds[2];
    struct serve *none = NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        fuzz_wrong("no sockets");
    control.serve = none;
    control.options.input_fd = -1;
    control.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bool is_alive = true;
    client_add(fds[0]);
    struct client *c = control.clients;
    if (!c) /* the machine is out of something */
        goto out;
    while (size >= 3 && is_alive) {
        size_t piece = data[1] + data[2] % 8u * 256u;
        unsigned what = data[0];
        data += 3;
        size -= 3;
        piece = piece < size ? piece : size;
        if (what >= 0xf0) /* an answer of the enclave's to what was asked last */
            reply(&control, what & 1 ? control.last_id : 0, what >> 1 & 7, 5, data, piece);
        else if (piece > 0)
            send_piece(fds[1], data, piece, what % 6);
        data += piece;
        size -= piece;
        for (int i = 0; i < 4 && is_alive; i++)
            is_alive = client_read(c);
        drain(fds[1]);
    }
    client_remove(c);
out:
    close(fds[1]);
    close(control.epoll_fd);
}

static void client(const uint8_t *data, size_t size)
{
    int fds[2];
    struct control_message m;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        fuzz_wrong("no sockets");
    if (size > 1)
        send_piece(fds[1], data + 1, size - 1, data[0] % 5);
    close(fds[1]);
    while (control_receive(fds[0], &m) == 1) {
        if (!m.text || m.text[m.header.size - sizeof(m.header)] != 0)
            fuzz_wrong("a message without an end");
        if (m.fd >= 0)
            close(m.fd);
        free(m.text);
    }
    if (m.text)
        fuzz_wrong("a text without a message");
    close(fds[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    int open_before = fuzz_open_fds();
    (data[0] & 1 ? client : server)(data + 1, size - 1);
    if (fuzz_open_fds() != open_before)
        fuzz_wrong("a descriptor was lost");
    return 0;
}
