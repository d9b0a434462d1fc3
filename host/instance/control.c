/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's end of the control socket: one thread that takes messages, checks their shape and passes them on as requests;
 * whether the enclave does what they ask is the enclave's to say. Its answers come from vCPU threads, which must not wait: a
 * client that does not read them is let go.
 *
 * Lock: control.lock guards the list of clients and each client's id and is_running. Only the thread adds and removes.
 */
#include "control.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "serve/serve.h"

#define CLIENT_MAX 256
#define FIRST_ROOM 4096
#define FDS_MAX    3

struct client {
    struct client *next;
    int fd;
    uint32_t id;     /* of its request; 0: none yet */
    bool is_running; /* id is a program that has not ended */
    bool is_detached;
    bool had_program; /* what it says is for that one only, also when it has ended */
    int fds[FDS_MAX]; /* that came and were not used yet */
    size_t fd_count;
    uint8_t *buf;
    size_t used, room;
};

static struct control {
    struct serve *serve;
    struct control_options options;
    int listen_fd, epoll_fd;
    pthread_mutex_t lock;
    struct client *clients;
    size_t client_count;
    uint32_t last_id;
} control = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- answers ------------------------------------------------------------------------------------------------ */

/* Under the lock. A client that cannot take it now is cut off: the thread sees its end. */
static void answer(struct client *c, uint32_t kind, int64_t value, const void *text, size_t size, int fd)
{
    struct control_header header = {(uint32_t)(sizeof(header) + size), kind, value};
    struct iovec iov[2] = {{&header, sizeof(header)}, {(void *)text, size}};
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    if (fd >= 0) {
        msg.msg_control = space;
        msg.msg_controllen = sizeof(space);
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        *cmsg = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
    }
    if (sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)header.size)
        shutdown(c->fd, SHUT_RDWR);
}

static void refuse(struct client *c, const char *why)
{
    pthread_mutex_lock(&control.lock);
    answer(c, REPLY_REFUSED, 0, why, strlen(why), -1);
    pthread_mutex_unlock(&control.lock);
}

static bool is_last(uint32_t kind, size_t size)
{
    return kind == REPLY_EXITED || kind == REPLY_REFUSED || (kind == REPLY_DATA && size == 0);
}

static void reply(void *context, uint32_t id, uint32_t kind, int64_t value, const void *text, size_t size)
{
    struct control *k = context;
    if (id == 0 && (kind == REPLY_STARTED || kind == REPLY_FAILED) && k->options.started)
        k->options.started(k->options.context, kind == REPLY_STARTED ? 0 : (int)value);
    pthread_mutex_lock(&k->lock);
    for (struct client *c = id ? k->clients : NULL; c; c = c->next) {
        if (c->id != id)
            continue;
        answer(c, kind, value, text, size, -1);
        if (is_last(kind, size)) {
            c->id = 0;
            c->is_running = false;
        }
        break;
    }
    pthread_mutex_unlock(&k->lock);
}

/* ---- what clients ask ------------------------------------------------------------------------------------------ */

static void post(struct client *c, const struct request *r, const void *more)
{
    if (serve_request_post(control.serve, r, more) < 0)
        refuse(c, "no memory for the request");
}

static uint32_t id_take(struct client *c, bool is_program)
{
    pthread_mutex_lock(&control.lock);
    if (++control.last_id == 0)
        control.last_id = 1;
    c->id = control.last_id;
    c->is_running = is_program;
    pthread_mutex_unlock(&control.lock);
    return c->id;
}

static void fds_drop(struct client *c)
{
    while (c->fd_count > 0)
        close(c->fds[--c->fd_count]);
}

static void on_run(struct client *c, const uint8_t *data, size_t size)
{
    struct control_run run;
    if (size < sizeof(run) || c->id != 0 || c->had_program) {
        refuse(c, "a connection runs one program");
        return;
    }
    memcpy(&run, data, sizeof(run));
    if (c->fd_count != (run.is_tty ? 1 : 3)) {
        refuse(c, "the program's descriptors did not come along");
        return;
    }
    struct request r = {.kind = REQUEST_RUN,
                        .is_tty = run.is_tty != 0,
                        .fds = {-1, -1, -1},
                        .uid = run.uid,
                        .gid = run.gid,
                        .size = (uint32_t)(size - sizeof(run))};
    for (size_t i = 0; i < c->fd_count; i++)
        r.fds[i] = serve_stream_give(control.serve, c->fds[i]);
    c->fd_count = 0;
    c->is_detached = run.is_detached != 0;
    c->had_program = true;
    r.id = id_take(c, true);
    post(c, &r, data + sizeof(run));
}

/* To the connection's program while it runs, or to pid 1 if it never had one. */
static void on_event(struct client *c, enum request_kind kind, int64_t value)
{
    const struct request r = {.kind = kind, .id = c->id, .value = value > 0 && value <= 64 ? (int32_t)value : 0};
    if (!c->had_program || c->is_running)
        post(c, &r, NULL);
}

static void host_counters(struct client *c)
{
    char text[256];
    int len = serve_counters(control.serve, 0, text, sizeof(text));
    pthread_mutex_lock(&control.lock);
    answer(c, REPLY_DATA, 0, text, (size_t)len, -1);
    pthread_mutex_unlock(&control.lock);
}

static void on_table(struct client *c, enum request_kind kind)
{
    if (c->id != 0) {
        refuse(c, "one thing at a time: the last request is not answered yet");
        return;
    }
    if (kind == REQUEST_STATS)
        host_counters(c);
    const struct request r = {.kind = kind, .id = id_take(c, false)};
    post(c, &r, NULL);
}

static void on_attach(struct client *c)
{
    if (control.options.input_fd < 0) {
        refuse(c, "it was started without -i: its input is closed");
        return;
    }
    pthread_mutex_lock(&control.lock);
    answer(c, REPLY_DATA, 0, NULL, 0, control.options.input_fd);
    pthread_mutex_unlock(&control.lock);
}

static void input_close(void)
{
    if (control.options.input_fd >= 0)
        close(control.options.input_fd);
    control.options.input_fd = -1;
}

static void message_handle(struct client *c, const struct control_header *h, const uint8_t *data)
{
    switch (h->kind) {
    case CONTROL_RUN: on_run(c, data, h->size - sizeof(*h)); break;
    case CONTROL_SIGNAL: on_event(c, REQUEST_SIGNAL, h->value); break;
    case CONTROL_WINDOW: on_event(c, REQUEST_WINDOW, 0); break;
    case CONTROL_PROCESSES: on_table(c, REQUEST_PROCESSES); break;
    case CONTROL_STATS: on_table(c, REQUEST_STATS); break;
    case CONTROL_MAPS: on_table(c, REQUEST_MAPS); break;
    case CONTROL_ATTACH: on_attach(c); break;
    case CONTROL_CLOSE_INPUT: input_close(); break;
    default: refuse(c, "this version of naos does not know such a request"); break;
    }
    fds_drop(c);
}

/* ---- clients ----------------------------------------------------------------------------------------------------- */

static void client_remove(struct client *c)
{
    pthread_mutex_lock(&control.lock);
    struct client **at = &control.clients;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    const struct request hangup = {.kind = REQUEST_HANGUP, .id = c->id};
    bool is_left_behind = c->is_running && !c->is_detached;
    control.client_count--;
    pthread_mutex_unlock(&control.lock);
    if (is_left_behind)
        serve_request_post(control.serve, &hangup, NULL);
    close(c->fd);
    fds_drop(c);
    free(c->buf);
    free(c);
}

static bool is_owner(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static void client_add(int fd)
{
    struct client *c = calloc(1, sizeof(*c));
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (!c || !is_owner(fd) || control.client_count >= CLIENT_MAX || epoll_ctl(control.epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        close(fd);
        free(c);
        return;
    }
    c->fd = fd;
    pthread_mutex_lock(&control.lock);
    c->next = control.clients;
    control.clients = c;
    control.client_count++;
    pthread_mutex_unlock(&control.lock);
}

static void fds_collect(struct client *c, struct msghdr *msg)
{
    for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m; m = CMSG_NXTHDR(msg, m)) {
        if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(int));
            if (c->fd_count < FDS_MAX)
                c->fds[c->fd_count++] = fd;
            else
                close(fd);
        }
    }
}

static bool room_make(struct client *c, size_t size)
{
    if (size <= c->room)
        return true;
    uint8_t *buf = realloc(c->buf, size);
    if (!buf)
        return false;
    c->buf = buf;
    c->room = size;
    return true;
}

/* Handles whole messages at the front of the buffer. False: this is not our protocol. */
static bool messages_handle(struct client *c)
{
    struct control_header h;
    while (c->used >= sizeof(h)) {
        memcpy(&h, c->buf, sizeof(h));
        if (h.size < sizeof(h) || h.size > CONTROL_SIZE_MAX - sizeof(struct request) || !room_make(c, h.size))
            return false;
        if (c->used < h.size)
            break;
        message_handle(c, &h, c->buf + sizeof(h));
        c->used -= h.size;
        memmove(c->buf, c->buf + h.size, c->used);
    }
    return true;
}

static bool client_read(struct client *c)
{
    char space[CMSG_SPACE(8 * sizeof(int))];
    if (!room_make(c, c->room ? c->room : FIRST_ROOM))
        return false;
    struct iovec iov = {c->buf + c->used, c->room - c->used};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
    ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    fds_collect(c, &msg);
    c->used += (size_t)n;
    return n > 0 && messages_handle(c);
}

static void *control_main(void *arg)
{
    (void)arg;
    for (;;) {
        struct epoll_event ev[16];
        int n = epoll_wait(control.epoll_fd, ev, 16, -1);
        for (int i = 0; i < n; i++) {
            struct client *c = ev[i].data.ptr;
            if (c && !client_read(c))
                client_remove(c);
            else if (!c)
                client_add(accept4(control.listen_fd, NULL, NULL, SOCK_CLOEXEC));
        }
    }
    return NULL;
}

/* ---- listening ---------------------------------------------------------------------------------------------------- */

static int listen_at(const struct rundir *r)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int dir = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (dir < 0 || fd < 0)
        return -1;
    snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/control", dir);
    unlink(addr.sun_path);
    int result = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
    if (result == 0)
        result = listen(fd, 128);
    close(dir);
    return result < 0 ? -1 : fd;
}

static int thread_begin(void)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&thread, NULL, control_main, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err == 0)
        pthread_detach(thread);
    errno = err;
    return err ? -1 : 0;
}

int control_start(struct serve *serve, const struct control_options *options, struct error *err)
{
    struct epoll_event ev = {.events = EPOLLIN};
    control.serve = serve;
    control.options = *options;
    serve->options.reply = reply;
    serve->options.reply_context = &control;
    control.listen_fd = listen_at(options->rundir);
    control.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (control.listen_fd < 0 || control.epoll_fd < 0 || epoll_ctl(control.epoll_fd, EPOLL_CTL_ADD, control.listen_fd, &ev) < 0 ||
        thread_begin() < 0)
        return error_errno(err, "%s/control", options->rundir->path);
    return 0;
}
