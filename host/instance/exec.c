/* SPDX-License-Identifier: Apache-2.0 */
#include "exec.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "control.h"

const char *instance_why(int err)
{
    switch (err) {
    case ENOENT: return "there is no such program in the image, or its interpreter is missing; `naos add` it and build again";
    case EACCES: return "it is not executable, or the working directory is not there";
    case ENOEXEC: return "it is neither an ELF program for this processor nor a script";
    case ENOMEM: return "not enough memory; raise memory.size in naos.json and build again";
    case E2BIG: return "its arguments and environment are too long";
    default: return strerror(err);
    }
}

/* ---- the terminal --------------------------------------------------------------------------------------------------- */

static struct termios saved;
static bool is_raw;

static void terminal_restore(void)
{
    if (is_raw)
        tcsetattr(0, TCSADRAIN, &saved);
    is_raw = false;
}

/* The line discipline is the enclave's: bytes only, from here on. */
static int terminal_raw(struct error *err)
{
    struct termios raw;
    if (tcgetattr(0, &saved) < 0)
        return error_set(err, "-t: standard input is no terminal; leave -t away");
    raw = saved;
    cfmakeraw(&raw);
    if (tcsetattr(0, TCSADRAIN, &raw) < 0)
        return error_errno(err, "the terminal");
    is_raw = true;
    atexit(terminal_restore);
    return 0;
}

/* ---- asking ---------------------------------------------------------------------------------------------------------- */

static int ask(int fd, const struct rundir *r, const struct instance_exec *exec, struct error *err)
{
    char dir[PATH_MAX];
    struct bytes config, block;
    const struct control_run run = {exec->is_tty, exec->is_detached, exec->uid, exec->gid};
    rundir_get(r, "instance", dir, sizeof(dir));
    if (instance_config(dir, &config, err) < 0)
        return -1;
    int result = instance_start_block(&exec->start, (const struct config *)config.data, &block, err);
    free(config.data);
    if (result < 0)
        return -1;
    int null = exec->is_tty ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);
    bool is_mute = exec->is_detached || exec->is_quiet;
    const int fds[3] = {exec->is_interactive || exec->is_tty ? 0 : null, is_mute ? null : 1, is_mute ? null : 2};
    const struct control_part parts[2] = {{&run, sizeof(run)}, {block.data, block.size}};
    result = control_send(fd, CONTROL_RUN, 0, parts, fds, exec->is_tty ? 1 : 3);
    free(block.data);
    if (null >= 0)
        close(null);
    return result < 0 ? error_errno(err, "the enclave's control socket") : 0;
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

struct conversation {
    const char *program;
    bool is_detached, is_quiet;
    int status; /* once it is known */
};

static int status_of(int64_t wait_status)
{
    int status = (int)wait_status;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void say(const char *what, const char *why)
{
    fprintf(stderr, "naos exec: %s%s%s%s\n", what, *why ? ": " : "", why, is_raw ? "\r" : "");
}

/* True: that was the last. */
static bool message_handle(struct conversation *c, const struct control_message *m)
{
    switch (m->header.kind) {
    case REPLY_NOTE: say(m->text, ""); return false;
    case REPLY_FAILED: say(c->program, instance_why((int)m->header.value)); return false;
    case REPLY_REFUSED:
        say(m->text, "");
        c->status = 125;
        return true;
    case REPLY_EXITED: c->status = status_of(m->header.value); return true;
    case REPLY_STARTED: c->status = 0; return c->is_detached;
    default: return false;
    }
}

static void signals_pass(int fd, int signal_fd)
{
    struct signalfd_siginfo info;
    const struct control_part none[2] = {{NULL, 0}, {NULL, 0}};
    while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
        bool is_window = info.ssi_signo == SIGWINCH;
        if (control_send(fd, is_window ? CONTROL_WINDOW : CONTROL_SIGNAL, info.ssi_signo, none, NULL, 0) < 0)
            return;
    }
}

static int signals_open(void)
{
    static const int passed[] = {SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        sigaddset(&set, passed[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int converse(int fd, struct conversation *c, struct error *err)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = c->is_quiet ? -1 : signals_open(), .events = POLLIN}};
    for (;;) {
        struct control_message m;
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            return error_errno(err, "poll");
        if (p[1].revents & POLLIN)
            signals_pass(fd, p[1].fd);
        if (!p[0].revents)
            continue;
        if (control_receive(fd, &m) <= 0)
            return error_set(err, "the enclave has ended");
        bool is_last = message_handle(c, &m);
        free(m.text);
        if (is_last)
            return c->status;
    }
}

int instance_exec(const struct rundir *r, const struct instance_exec *exec, struct error *err)
{
    struct conversation c = {.program = exec->start.argv[0], .is_detached = exec->is_detached, .is_quiet = exec->is_quiet};
    if (exec->is_tty && !isatty(0))
        return error_set(err, "-t: standard input is no terminal; leave -t away");
    int fd = control_connect(r, err);
    if (fd < 0)
        return -1;
    if (exec->is_tty && terminal_raw(err) < 0)
        return -1;
    int result = ask(fd, r, exec, err);
    if (result == 0)
        result = converse(fd, &c, err);
    close(fd);
    terminal_restore();
    return result;
}

/* ---- other questions ----------------------------------------------------------------------------------------------------- */

int instance_signal(const struct rundir *r, int signo, struct error *err)
{
    const struct control_part none[2] = {{NULL, 0}, {NULL, 0}};
    int fd = control_connect(r, err);
    if (fd < 0)
        return -1;
    int result = control_send(fd, CONTROL_SIGNAL, signo, none, NULL, 0);
    if (result < 0)
        error_errno(err, "the enclave's control socket");
    close(fd);
    return result;
}

static int table_read(int fd, char **text, struct error *err)
{
    struct control_message m;
    size_t used = 0;
    *text = calloc(1, 1);
    while (*text && control_receive(fd, &m) > 0) {
        size_t size = strlen(m.text);
        char *more = size ? realloc(*text, used + size + 1) : *text;
        if (m.header.kind != REPLY_DATA || !more) {
            error_set(err, "%s", more ? m.text : "no memory");
            free(m.text);
            return -1;
        }
        memcpy(more + used, m.text, size + 1);
        *text = more;
        used += size;
        free(m.text);
        if (size == 0)
            return 0;
    }
    return error_set(err, "the enclave has ended");
}

int instance_table(const struct rundir *r, int kind, char **text, struct error *err)
{
    const struct control_part none[2] = {{NULL, 0}, {NULL, 0}};
    int fd = control_connect(r, err);
    if (fd < 0)
        return -1;
    int result = control_send(fd, (enum control_kind)kind, 0, none, NULL, 0) < 0 ? error_errno(err, "the enclave's control socket")
                                                                                 : table_read(fd, text, err);
    close(fd);
    return result;
}
