/* SPDX-License-Identifier: Apache-2.0 */
/* One function per row of hostcall.tab. Each answers at once, but wait. Results are >= 0 or -errno. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "serve_internal.h"

/* ---- running ----------------------------------------------------------------------------------------------- */

int64_t serve_yield(struct serve_vcpu *vcpu)
{
    (void)vcpu;
    sched_yield();
    return 0;
}

int64_t serve_exit(struct serve_vcpu *vcpu, int32_t status)
{
    atomic_store(&vcpu->serve->status, status);
    atomic_store(&vcpu->serve->is_done, true);
    for (unsigned i = 0; i < vcpu->serve->options.vcpu_count; i++) {
        if (i != vcpu->id)
            vcpu_kick(&vcpu->serve->vcpus[i]);
    }
    return 0;
}

/* ---- text ------------------------------------------------------------------------------------------------ */

int64_t serve_log(struct serve_vcpu *vcpu, uint32_t level, const void *line, size_t line_size)
{
    static const char *const names[] = {"panic", "error", "warning", "info", "debug"};
    (void)vcpu;
    fprintf(stderr, "naos: %s: %.*s\n", level < 5 ? names[level] : "?", (int)line_size, (const char *)line);
    return 0;
}

int64_t serve_stats(struct serve_vcpu *vcpu, const void *text, size_t text_size)
{
    (void)vcpu;
    fwrite(text, 1, text_size, stderr);
    return 0;
}

/* ---- memory ---------------------------------------------------------------------------------------------- */

int64_t serve_mem_map(struct serve_vcpu *vcpu, uint32_t action, const void *ranges, size_t ranges_size)
{
    return serve_enclave_mem_map(vcpu->serve->enclave, action, ranges, ranges_size);
}

/* ---- descriptors ------------------------------------------------------------------------------------------ */

static bool is_ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, 0) > 0;
}

int64_t serve_read(struct serve_vcpu *vcpu, int fd, void *buf, size_t buf_size)
{
    int host = fd_of(vcpu, fd);
    if (host >= 0 && !is_ready(host, POLLIN))
        return -EAGAIN;
    return result_of(read(host, buf, buf_size));
}

int64_t serve_write(struct serve_vcpu *vcpu, int fd, const void *buf, size_t buf_size)
{
    int host = fd_of(vcpu, fd);
    if (host >= 0 && !is_ready(host, POLLOUT))
        return -EAGAIN;
    if (host >= 0 && vcpu->serve->fd_may_block[fd] && buf_size > PIPE_BUF)
        buf_size = PIPE_BUF; /* what POLLOUT promises to take at once */
    return result_of(write(host, buf, buf_size));
}

int64_t serve_watch(struct serve_vcpu *vcpu, int fd, uint32_t events)
{
    int host = fd_of(vcpu, fd);
    struct epoll_event ev = {.events = (events & (EPOLLIN | EPOLLOUT | EPOLLRDHUP)) | EPOLLET, .data.u64 = (uint32_t)fd};
    if (events == 0)
        return result_of(epoll_ctl(vcpu->serve->events_fd, EPOLL_CTL_DEL, host, NULL));
    if (epoll_ctl(vcpu->serve->events_fd, EPOLL_CTL_ADD, host, &ev) == 0)
        return 0;
    if (errno == EEXIST)
        return result_of(epoll_ctl(vcpu->serve->events_fd, EPOLL_CTL_MOD, host, &ev));
    return -errno;
}

int64_t serve_poll(struct serve_vcpu *vcpu, int fd, uint32_t events)
{
    struct pollfd p = {.fd = fd_of(vcpu, fd), .events = (short)events};
    if (p.fd < 0)
        return -EBADF;
    return poll(&p, 1, 0) > 0 ? (uint16_t)p.revents : 0;
}

int64_t serve_close(struct serve_vcpu *vcpu, int fd)
{
    int host = fd_of(vcpu, fd);
    if (host < 0)
        return -EBADF;
    vcpu->serve->fds[fd] = -1;
    return result_of(close(host));
}

/* ---- the terminal ------------------------------------------------------------------------------------------ */

/* The kernel's struct termios: what TCGETS itself fills. */
struct tty_state {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line, cc[19];
    struct winsize window;
};

int64_t serve_tty_get(struct serve_vcpu *vcpu, int fd, void *state, size_t state_size)
{
    int host = fd_of(vcpu, fd);
    struct tty_state s = {0};
    if (ioctl(host, TCGETS, &s) < 0 || ioctl(host, TIOCGWINSZ, &s.window) < 0)
        return -errno;
    size_t size = state_size < sizeof(s) ? state_size : sizeof(s);
    memcpy(state, &s, size);
    return (int64_t)size;
}

int64_t serve_tty_set(struct serve_vcpu *vcpu, int fd, uint32_t is_raw)
{
    if (fd > 2) /* another's: `naos exec` there sets it raw, and puts it back */
        return isatty(fd_of(vcpu, fd)) == 1 ? 0 : -ENOTTY;
    return terminal_set_raw(fd_of(vcpu, fd), is_raw != 0);
}

int64_t serve_stop_self(struct serve_vcpu *vcpu, uint32_t signo)
{
    if (signo != SIGTSTP && signo != SIGSTOP && signo != SIGTTIN && signo != SIGTTOU)
        return -EINVAL;
    bool was_raw = terminal_suspend();
    atomic_store(&vcpu->serve->is_stopping, true);
    if (was_raw && signo == SIGTSTP)
        kill(0, SIGTSTP); /* ^Z was only a byte to the host: who shares our group must stop too, or their shell waits on */
    kill(getpid(), SIGSTOP);
    terminal_resume();
    atomic_store(&vcpu->serve->is_stopping, false);
    return 0;
}

int64_t serve_clock(struct serve_vcpu *vcpu)
{
    struct timespec ts;
    (void)vcpu;
    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}
