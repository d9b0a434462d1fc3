/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A named enclave is one process: the enclave's, with the control thread beside its vCPUs. With a restart policy a supervisor
 * stands before it, which holds the lock and the name while one enclave after the other runs.
 */
#include "start.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "control.h"
#include "exec.h"
#include "health.h"
#include "log.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   60000
#define KILL_PATIENCE_MS 3000 /* pid 1 has this long to take all others with it */

struct service {
    struct instance_service *what;
    struct rundir rundir;
    int lock_fd;
    int ready_fd; /* who started it waits here for a byte; -1: nobody */
    int input_fd; /* the far end of pid 1's input; -1: none */
    int log_fd;   /* detached with a terminal: where its output goes */
};

/* ---- telling the outside ------------------------------------------------------------------------------------------- */

/* sd_notify(3) */
static void notify(const char *text)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof(addr.sun_path) || (*path != '/' && *path != '@'))
        return;
    memcpy(addr.sun_path, path, len);
    if (*path == '@')
        addr.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&addr, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) <
        0)
        error_report("NOTIFY_SOCKET: %s", strerror(errno));
    close(fd);
}

static void started(void *context, int err)
{
    struct service *s = context;
    const char *program = s->what->run.argv[0];
    if (err) {
        error_report("%s: %s", program ? program : "init", instance_why(err));
        return;
    }
    notify("READY=1\nSTATUS=the program runs in the enclave");
    if (s->ready_fd >= 0 && write(s->ready_fd, "R", 1) < 0)
        error_report("nobody waits for the start any more");
    if (s->what->health_program)
        health_start(&s->rundir, s->what->health_program, s->what->health_interval_s, s->what->health_retries);
}

/* ---- the enclave's process ------------------------------------------------------------------------------------------- */

static void *pump_main(void *arg)
{
    struct service *s = arg;
    char buf[8192];
    for (;;) {
        ssize_t n = read(s->input_fd, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || write(s->log_fd, buf, (size_t)n) < 0)
            return NULL;
    }
}

/* A terminal whose far side is the log and whoever attaches. */
static int input_tty(struct service *s, struct error *err)
{
    pthread_t thread;
    sigset_t all, old;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return error_errno(err, "a terminal for it");
    int slave = open(ptsname(master), O_RDWR); /* the session's first: its controlling one */
    s->log_fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
    if (slave < 0 || s->log_fd < 0)
        return error_errno(err, "a terminal for it");
    for (int fd = 0; fd < 3; fd++)
        dup2(slave, fd);
    close(slave);
    s->input_fd = master;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&thread, NULL, pump_main, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed ? error_set(err, "no thread for its terminal") : 0;
}

static int input_pipe(struct service *s, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[0], 0) < 0)
        return error_errno(err, "a pipe for its input");
    close(ends[0]);
    s->input_fd = ends[1];
    return 0;
}

static int prepare(void *context, struct serve *serve, struct error *err)
{
    struct service *s = context;
    const struct control_options options = {&s->rundir, s->input_fd, started, s};
    return control_start(serve, &options, err);
}

static int enclave_run(struct service *s, struct error *err)
{
    struct instance_service *what = s->what;
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (rundir_set(&s->rundir, "enclave", pid, err) < 0)
        return -1;
    if (what->is_detached && what->is_tty && input_tty(s, err) < 0)
        return -1;
    if (what->is_detached && !what->is_tty && what->is_interactive && input_pipe(s, err) < 0)
        return -1;
    what->run.prepare = prepare;
    what->run.context = s;
    return instance_run(&what->run, err);
}

/* Its status, with what went wrong on stderr. */
static int enclave_run_reported(struct service *s)
{
    struct error err;
    int status = enclave_run(s, &err);
    if (status < 0)
        error_report("%s", err.text);
    return status < 0 ? 125 : status;
}

/* ---- the supervisor ---------------------------------------------------------------------------------------------------- */

static int supervised_signals(sigset_t *set)
{
    static const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(set, signals[i]);
    return sigprocmask(SIG_BLOCK, set, NULL);
}

/* Waits for the child, passing signals on. *is_asked: one of them asked for the end. */
static int child_wait(pid_t child, const sigset_t *set, bool *is_asked)
{
    int status;
    for (;;) {
        int signo = sigwaitinfo(set, NULL);
        if (signo == SIGCHLD && waitpid(child, &status, WNOHANG) == child)
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (signo == SIGTERM || signo == SIGINT)
            *is_asked = true;
        if (signo > 0 && signo != SIGCHLD)
            kill(child, signo);
    }
}

static int once(struct service *s, const sigset_t *set, bool *is_asked)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        sigprocmask(SIG_UNBLOCK, set, NULL);
        exit(enclave_run_reported(s));
    }
    return child < 0 ? 125 : child_wait(child, set, is_asked);
}

static void pause_ms(unsigned ms)
{
    const struct timespec pause = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&pause, NULL);
}

/* As Docker: the pause doubles each time. */
static int supervise(struct service *s)
{
    sigset_t set;
    bool is_asked = false;
    unsigned backoff = BACKOFF_FIRST_MS;
    supervised_signals(&set);
    for (int again = 0;; again++) {
        int status = once(s, &set, &is_asked);
        bool is_wanted = s->what->restart_max == RESTART_ALWAYS_AGAIN || again < s->what->restart_max;
        if (status == 0 || is_asked || !is_wanted || rundir_has(&s->rundir, "stopping"))
            return status;
        error_report("it ended with status %d; started again in %u ms (%d)", status, backoff, again + 1);
        pause_ms(backoff);
        backoff = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
    }
}

/* ---- the life of a name -------------------------------------------------------------------------------------------------- */

static int pid_write(struct service *s, struct error *err)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", (int)getpid());
    if (rundir_set(&s->rundir, "pid", text, err) < 0)
        return -1;
    const char *path = s->what->pid_file;
    FILE *f = path ? fopen(path, "we") : NULL;
    if (!path)
        return 0;
    if (!f || fprintf(f, "%s\n", text) < 0 || fclose(f) != 0)
        return error_errno(err, "%s", path);
    return 0;
}

static int live(struct service *s, struct error *err)
{
    char path[PATH_MAX], text[16];
    if (pid_write(s, err) < 0)
        return -1;
    int status = s->what->restart_max ? supervise(s) : enclave_run(s, err);
    if (status < 0)
        error_report("%s", err->text);
    notify("STOPPING=1");
    snprintf(text, sizeof(text), "%d", status < 0 ? 125 : status);
    struct error ignored;
    rundir_set(&s->rundir, "status", text, &ignored);
    unlink(rundir_file(&s->rundir, "control", path));
    if (s->what->pid_file)
        unlink(s->what->pid_file);
    return status < 0 ? 125 : status;
}

static void program_write(struct service *s)
{
    char line[512];
    struct error ignored;
    size_t used = 0;
    for (char *const *arg = s->what->run.argv; *arg && used < sizeof(line) - 1; arg++)
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s", used ? " " : "", *arg);
    rundir_set(&s->rundir, "program", used ? line : "-", &ignored);
}

/* In the process that the enclave is in. */
static int background_live(struct service *s, const int out[2], const int errors[2])
{
    struct error err;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out[1], 1) < 0 || dup2(errors[1], 2) < 0)
        return 125;
    for (int i = 0; i < 2; i++) {
        close(out[i]);
        close(errors[i]);
    }
    close(null);
    return live(s, &err);
}

/* What a process that was killed could not say itself. */
static void status_complete(const struct rundir *r, int wait_status)
{
    char text[16];
    struct error ignored;
    snprintf(text, sizeof(text), "%d", WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
    if (rundir_status(r) < 0)
        rundir_set(r, "status", text, &ignored);
}

/*
 * Two processes: the one that the enclave is in, and this one, which writes the log: it also gets what the other said in its last moment. Both
 * hold the lock, so the enclave counts as live until its log is whole.
 */
static int background(struct service *s)
{
    int out[2], errors[2], wait_status = 0;
    setsid();
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
        return 125;
    pid_t child = fork();
    if (child == 0)
        exit(background_live(s, out, errors));
    close(s->ready_fd);
    close(out[1]);
    close(errors[1]);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC); /* who waits for the end of our caller's output waits for us otherwise */
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    log_keep(&s->rundir, (const int[2]){out[0], errors[0]}, s->what->log_limit);
    while (waitpid(child, &wait_status, 0) < 0 && errno == EINTR)
        continue;
    status_complete(&s->rundir, wait_status);
    return 0;
}

/* Its last words, for who waited in vain. */
static int start_failed(const struct rundir *r, struct error *err)
{
    static struct log_reader l;
    char text[400] = "";
    size_t used = 0;
    struct error ignored;
    rundir_wait(r, KILL_PATIENCE_MS);
    if (log_open(&l, r, &ignored) < 0)
        return error_set(err, "it ended at once, with status %d", rundir_status(r));
    while (log_next(&l)) {
        for (uint32_t i = 0; i < l.record.size; i++) {
            if (used == sizeof(text) - 1)
                memmove(text, text + 1, --used);
            text[used++] = l.text[i];
        }
    }
    log_close(&l);
    while (used > 0 && text[used - 1] == '\n')
        used--;
    text[used] = 0;
    return error_set(err, "it ended at once, with status %d: %s", rundir_status(r), *text ? text : "(it said nothing)");
}

static int detach(struct service *s, struct error *err)
{
    int ready[2];
    char byte;
    if (pipe2(ready, O_CLOEXEC) < 0)
        return error_errno(err, "pipe");
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return error_errno(err, "fork");
    if (child == 0) {
        close(ready[0]);
        s->ready_fd = ready[1];
        exit(background(s));
    }
    close(ready[1]);
    close(s->lock_fd);
    ssize_t n = read(ready[0], &byte, 1);
    close(ready[0]);
    return n == 1 ? 0 : start_failed(&s->rundir, err);
}

int instance_service(struct instance_service *what, char *name, struct error *err)
{
    struct service s = {.what = what, .ready_fd = -1, .input_fd = -1, .log_fd = -1};
    struct bytes config;
    if (instance_config(what->run.dir, &config, err) < 0) /* before anything is left behind */
        return -1;
    free(config.data);
    if (rundir_create(&s.rundir, what->name, what->run.dir, &s.lock_fd, err) < 0)
        return -1;
    program_write(&s);
    strcpy(name, s.rundir.name);
    return what->is_detached ? detach(&s, err) : live(&s, err);
}

/* ---- ending it ------------------------------------------------------------------------------------------------------------ */

static pid_t pid_of(const struct rundir *r)
{
    char text[16];
    rundir_get(r, "pid", text, sizeof(text));
    return (pid_t)strtol(text, NULL, 10);
}

static int mark_stopping(const struct rundir *r, struct error *err)
{
    if (!rundir_is_live(r))
        return error_set(err, "the enclave '%s' is not running", r->name);
    return rundir_set(r, "stopping", "", err);
}

/* Pid 1 first, so that the end is an orderly one; then the process itself. */
static int kill_hard(const struct rundir *r, struct error *err)
{
    struct error ignored;
    if (instance_signal(r, SIGKILL, &ignored) == 0 && rundir_wait(r, KILL_PATIENCE_MS))
        return 0;
    pid_t pid = pid_of(r);
    if (pid > 1 && rundir_is_live(r))
        kill(pid, SIGKILL);
    return rundir_wait(r, KILL_PATIENCE_MS) ? 0 : error_set(err, "'%s' (process %d) does not end", r->name, (int)pid);
}

int instance_kill(const struct rundir *r, struct error *err)
{
    return mark_stopping(r, err) < 0 ? -1 : kill_hard(r, err);
}

int instance_stop(const struct rundir *r, unsigned timeout_s, struct error *err)
{
    struct error ignored;
    if (mark_stopping(r, err) < 0)
        return -1;
    bool is_told = instance_signal(r, SIGTERM, &ignored) == 0;
    if (is_told && rundir_wait(r, (int)timeout_s * 1000))
        return 0;
    return kill_hard(r, err);
}
