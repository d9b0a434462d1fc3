/* SPDX-License-Identifier: Apache-2.0 */
/* What a detached enclave says (its log), and speaking to it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>
#include "control.h"
#include "exec.h"

#define LOOK_MS    20
#define KEY_CTRL_P 0x10
#define KEY_CTRL_Q 0x11

static int log_open(const struct rundir *r, struct error *err)
{
    char path[PATH_MAX];
    int fd = open(rundir_file(r, "log", path), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, "'%s' was not started with -d: what it says is where it was started", r->name);
    return fd < 0 ? error_errno(err, "%s", path) : fd;
}

/* All that is there now. */
static int log_copy(int fd, struct error *err)
{
    char buf[65536];
    ssize_t n;
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        for (ssize_t done = 0, w; done < n; done += w) {
            w = write(1, buf + done, (size_t)(n - done));
            if (w < 0)
                return error_errno(err, "standard output");
        }
    }
    return n < 0 ? error_errno(err, "log") : 0;
}

/* To where the last `lines` lines begin. */
static void log_seek(int fd, long lines)
{
    char buf[4096];
    off_t at = lseek(fd, 0, SEEK_END);
    bool is_first = true;
    while (at > 0) {
        size_t size = at < (off_t)sizeof(buf) ? (size_t)at : sizeof(buf);
        at -= (off_t)size;
        if (pread(fd, buf, size, at) != (ssize_t)size)
            break;
        for (size_t i = size; i-- > 0; is_first = false) {
            if (buf[i] == '\n' && !is_first && lines-- <= 1) {
                lseek(fd, at + (off_t)i + 1, SEEK_SET);
                return;
            }
        }
    }
    lseek(fd, 0, SEEK_SET);
}

int instance_logs(const struct rundir *r, long lines, bool is_following, struct error *err)
{
    int fd = log_open(r, err);
    if (fd < 0)
        return -1;
    if (lines == 0)
        lseek(fd, 0, SEEK_END);
    else if (lines > 0)
        log_seek(fd, lines);
    int result = log_copy(fd, err);
    bool is_over = !is_following;
    while (result == 0 && !is_over) {
        is_over = rundir_wait(r, LOOK_MS); /* before the copy: what was said last is there */
        result = log_copy(fd, err);
    }
    close(fd);
    return result;
}

/* ---- attach ---------------------------------------------------------------------------------------------------------- */

struct attachment {
    const struct rundir *rundir;
    int control_fd, input_fd, signal_fd, log_fd;
    bool is_tty, saw_ctrl_p;
    struct termios saved;
};

static int input_get(struct attachment *a, struct error *err)
{
    const struct control_part none[2] = {{NULL, 0}, {NULL, 0}};
    struct control_message m;
    if (control_send(a->control_fd, CONTROL_ATTACH, 0, none, NULL, 0) < 0 || control_receive(a->control_fd, &m) <= 0)
        return error_errno(err, "the enclave's control socket");
    a->input_fd = m.fd;
    if (m.fd < 0)
        error_report("%s", m.text);
    free(m.text);
    a->is_tty = m.fd >= 0 && isatty(m.fd) && isatty(0);
    return 0;
}

static void window_pass(const struct attachment *a)
{
    struct winsize size;
    if (a->is_tty && ioctl(0, TIOCGWINSZ, &size) == 0)
        ioctl(a->input_fd, TIOCSWINSZ, &size);
}

static void terminal_raw(struct attachment *a)
{
    struct termios raw;
    if (!a->is_tty || tcgetattr(0, &a->saved) < 0)
        return;
    raw = a->saved;
    cfmakeraw(&raw);
    tcsetattr(0, TCSADRAIN, &raw);
    window_pass(a);
}

static void signals_pass(struct attachment *a)
{
    const struct control_part none[2] = {{NULL, 0}, {NULL, 0}};
    struct signalfd_siginfo info;
    while (read(a->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGWINCH)
            window_pass(a);
        else if (control_send(a->control_fd, CONTROL_SIGNAL, info.ssi_signo, none, NULL, 0) < 0)
            return;
    }
}

/* False: ^P ^Q, or the end of input where that is no concern of the program's. */
static bool input_pass(struct attachment *a)
{
    const struct control_part none[2] = {{NULL, 0}, {NULL, 0}};
    char buf[4096];
    ssize_t n = read(0, buf, sizeof(buf));
    if (n <= 0) {
        if (!isatty(a->input_fd) && control_send(a->control_fd, CONTROL_CLOSE_INPUT, 0, none, NULL, 0) == 0)
            close(a->input_fd);
        a->input_fd = -1;
        return true;
    }
    for (ssize_t i = 0; i < n && a->is_tty; i++) {
        if (a->saw_ctrl_p && buf[i] == KEY_CTRL_Q)
            return false;
        a->saw_ctrl_p = buf[i] == KEY_CTRL_P;
    }
    return write(a->input_fd, buf, (size_t)n) == n;
}

static int attach_loop(struct attachment *a, struct error *err)
{
    for (;;) {
        struct pollfd p[2] = {{.fd = a->signal_fd, .events = POLLIN}, {.fd = a->input_fd >= 0 ? 0 : -1, .events = POLLIN}};
        poll(p, 2, LOOK_MS);
        if (p[0].revents & POLLIN)
            signals_pass(a);
        if (p[1].revents && !input_pass(a))
            return 0;
        bool is_over = !rundir_is_live(a->rundir);
        if (log_copy(a->log_fd, err) < 0)
            return -1;
        if (is_over)
            return rundir_status(a->rundir);
    }
}

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int instance_attach(const struct rundir *r, bool with_input, struct error *err)
{
    struct attachment a = {.rundir = r, .input_fd = -1};
    a.log_fd = log_open(r, err);
    a.control_fd = a.log_fd < 0 ? -1 : control_connect(r, err);
    if (a.control_fd < 0 || (with_input && input_get(&a, err) < 0))
        return -1;
    lseek(a.log_fd, 0, SEEK_END);
    a.signal_fd = signals_open();
    terminal_raw(&a);
    int status = attach_loop(&a, err);
    if (a.is_tty)
        tcsetattr(0, TCSADRAIN, &a.saved);
    return status;
}
