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
#include <time.h>
#include <unistd.h>
#include "control.h"
#include "exec.h"
#include "log.h"

#define LOOK_MS    20
#define KEY_CTRL_P 0x10
#define KEY_CTRL_Q 0x11

/* ---- showing ----------------------------------------------------------------------------------------------------------- */

struct shower {
    const struct log_show *show;
    uint64_t skip;        /* lines that are not shown */
    bool is_inside[3];    /* of a line, by stream */
    bool is_shown[3];     /* that line */
};

static int put(int fd, const char *text, size_t size, struct error *err)
{
    for (ssize_t n; size > 0; text += n, size -= (size_t)n) {
        n = write(fd, text, size);
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n < 0)
            return error_errno(err, "standard output");
    }
    return 0;
}

/* As Docker writes them: 2026-11-30T22:00:00.123456789Z */
static int time_put(int fd, int64_t time_ns, struct error *err)
{
    char text[64];
    struct tm tm;
    time_t s = (time_t)(time_ns / 1000000000);
    gmtime_r(&s, &tm);
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    len += (size_t)snprintf(text + len, sizeof(text) - len, ".%09dZ ", (int)(time_ns % 1000000000));
    return put(fd, text, len, err);
}

/* A line begins: is it to be shown? */
static int line_begin(struct shower *s, const struct log_record *r, struct error *err)
{
    s->is_inside[r->stream] = true;
    s->is_shown[r->stream] = r->time_ns >= s->show->since_ns && s->skip == 0;
    if (s->skip > 0 && r->time_ns >= s->show->since_ns)
        s->skip--;
    return s->is_shown[r->stream] && s->show->with_times ? time_put((int)r->stream, r->time_ns, err) : 0;
}

static int record_show(struct shower *s, const struct log_record *r, const char *text, struct error *err)
{
    size_t size = r->size;
    int result = 0;
    if (r->stream != 1 && r->stream != 2)
        return error_set(err, "the log is damaged");
    while (size > 0 && result == 0) {
        const char *end = memchr(text, '\n', size);
        size_t len = end ? (size_t)(end - text) + 1 : size;
        if (!s->is_inside[r->stream])
            result = line_begin(s, r, err);
        if (result == 0 && s->is_shown[r->stream])
            result = put((int)r->stream, text, len, err);
        s->is_inside[r->stream] = !end;
        text += len;
        size -= len;
    }
    return result;
}

/* How many lines there are that begin at `since` or later. */
static uint64_t lines_count(struct log_reader *l, int64_t since_ns)
{
    bool is_inside[3] = {false};
    uint64_t count = 0;
    while (log_next(l)) {
        uint32_t stream = l->record.stream <= 2 ? l->record.stream : 0;
        for (uint32_t i = 0; i < l->record.size; i++) {
            count += !is_inside[stream] && l->record.time_ns >= since_ns;
            is_inside[stream] = l->text[i] != '\n';
        }
    }
    return count;
}

static int all_show(struct log_reader *l, struct shower *s, struct error *err)
{
    int result = 0;
    while (result == 0 && log_next(l))
        result = record_show(s, &l->record, l->text, err);
    return result;
}

static int lines_skip(const struct rundir *r, const struct log_show *show, uint64_t *skip, struct error *err)
{
    static struct log_reader l;
    if (show->lines < 0)
        return 0;
    if (log_open(&l, r, err) < 0)
        return -1;
    uint64_t count = lines_count(&l, show->since_ns);
    *skip = count > (uint64_t)show->lines ? count - (uint64_t)show->lines : 0;
    log_close(&l);
    return 0;
}

int instance_logs(const struct rundir *r, const struct log_show *show, struct error *err)
{
    static struct log_reader l;
    struct shower s = {.show = show};
    if (lines_skip(r, show, &s.skip, err) < 0 || log_open(&l, r, err) < 0)
        return -1;
    int result = all_show(&l, &s, err);
    bool is_over = !show->is_following;
    while (result == 0 && !is_over) {
        is_over = rundir_wait(r, LOOK_MS); /* before the copy: what was said last is there */
        result = all_show(&l, &s, err);
    }
    log_close(&l);
    return result;
}

/* ---- attach ---------------------------------------------------------------------------------------------------------- */

struct attachment {
    const struct rundir *rundir;
    int control_fd, input_fd, signal_fd;
    struct log_reader log;
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
        while (log_next(&a->log)) {
            if (put((int)a->log.record.stream == 2 && !a->is_tty ? 2 : 1, a->log.text, a->log.record.size, err) < 0)
                return -1;
        }
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
    static struct attachment a;
    a = (struct attachment){.rundir = r, .input_fd = -1};
    a.control_fd = log_open(&a.log, r, err) < 0 ? -1 : control_connect(r, err);
    if (a.control_fd < 0)
        return -1;
    while (log_next(&a.log)) /* what was said before is for `naos logs` */
        continue;
    if ((with_input && input_get(&a, err) < 0))
        return -1;
    a.signal_fd = signals_open();
    terminal_raw(&a);
    int status = attach_loop(&a, err);
    if (a.is_tty)
        tcsetattr(0, TCSADRAIN, &a.saved);
    return status;
}
