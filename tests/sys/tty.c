/* SPDX-License-Identifier: Apache-2.0 */
/* Controlling terminals and job control. Each case runs in a session of its own, whose leader opens a pty. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "check.h"

static int master, slave;
static char slave_name[32];
static volatile sig_atomic_t last_signal;

static void on_signal(int signo)
{
    last_signal = signo;
}

static void catch_signal(int signo)
{
    struct sigaction sa = {.sa_handler = on_signal};
    CHECK(sigaction(signo, &sa, NULL) == 0);
}

static void wait_for_signal(int signo)
{
    for (int i = 0; i < 200 && last_signal != signo; i++)
        usleep(10000);
    CHECK(last_signal == signo);
}

static void master_open(void)
{
    int number, no = 0;
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    CHECK(master >= 0 && ioctl(master, TIOCGPTN, &number) == 0 && ioctl(master, TIOCSPTLCK, &no) == 0);
    snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", number);
}

/* Runs the case in a child that leads a session with the slave as its terminal. */
static void in_session(void (*test)(void))
{
    int status;
    master_open();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(setsid() == getpid());
        slave = open(slave_name, O_RDWR);
        CHECK(slave >= 0);
        test();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    close(master);
}

/* A child in a background group that does this; how it ended or stopped. */
static int in_background(int (*fn)(void), pid_t *child)
{
    int status;
    *child = fork();
    CHECK(*child >= 0);
    if (*child == 0) {
        CHECK(setpgid(0, 0) == 0);
        _exit(fn());
    }
    setpgid(*child, *child);
    CHECK(waitpid(*child, &status, WUNTRACED) == *child);
    return status;
}

static void reap(pid_t child)
{
    int status;
    kill(child, SIGKILL);
    CHECK(waitpid(child, &status, 0) == child);
}

/* ---- having a terminal --------------------------------------------------------------------------------------------------- */

static void test_opening_takes(void)
{
    CHECK(tcgetpgrp(slave) == getpgrp() && tcgetsid(slave) == getsid(0));
    int tty = open("/dev/tty", O_RDWR);
    CHECK(tty >= 0 && isatty(tty) && tcgetpgrp(tty) == getpgrp());
    CHECK(write(tty, "via /dev/tty", 12) == 12);
    char buf[32];
    CHECK(read(master, buf, sizeof(buf)) == 12);
    CHECK(tcgetpgrp(master) == getpgrp());
    CHECK_ERRNO(setsid(), EPERM);
}

static void test_not_taken(void)
{
    int status;
    master_open();
    pid_t child = fork();
    if (child == 0) {
        CHECK(setsid() > 0);
        int fd = open(slave_name, O_RDWR | O_NOCTTY);
        CHECK(fd >= 0);
        CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
        CHECK_ERRNO(tcgetpgrp(fd), ENOTTY);
        CHECK(ioctl(fd, TIOCSCTTY, 0) == 0);
        CHECK(ioctl(fd, TIOCSCTTY, 0) == 0); /* it is so already */
        CHECK(tcgetpgrp(fd) == getpgrp());
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(master);
}

static void test_only_one(void)
{
    int other = open("/dev/ptmx", O_RDWR | O_NOCTTY), number, no = 0;
    char name[32];
    CHECK(ioctl(other, TIOCGPTN, &number) == 0 && ioctl(other, TIOCSPTLCK, &no) == 0);
    snprintf(name, sizeof(name), "/dev/pts/%d", number);
    int fd = open(name, O_RDWR);
    CHECK(fd >= 0);
    CHECK_ERRNO(ioctl(fd, TIOCSCTTY, 0), EPERM);
    CHECK_ERRNO(tcgetpgrp(fd), ENOTTY);
    CHECK_ERRNO(tcsetpgrp(fd, getpgrp()), ENOTTY);
    pid_t child = fork();
    int status;
    if (child == 0) {
        CHECK(setsid() > 0);
        CHECK_ERRNO(ioctl(slave, TIOCSCTTY, 0), EPERM); /* another session has it */
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void test_giving_up(void)
{
    signal(SIGHUP, SIG_IGN);
    CHECK(ioctl(slave, TIOCNOTTY) == 0);
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    CHECK_ERRNO(ioctl(slave, TIOCNOTTY), ENOTTY);
}

/* ---- signals from the terminal ------------------------------------------------------------------------------------------------- */

static void test_keys(void)
{
    static const struct {
        char key;
        int signo;
    } keys[] = {{'\003', SIGINT}, {'\034', SIGQUIT}, {'\032', SIGTSTP}};
    for (int i = 0; i < 3; i++) {
        catch_signal(keys[i].signo);
        last_signal = 0;
        CHECK(write(master, &keys[i].key, 1) == 1);
        wait_for_signal(keys[i].signo);
    }
}

static void test_key_ends_read(void)
{
    char c;
    catch_signal(SIGINT);
    pid_t typist = fork();
    if (typist == 0) {
        usleep(50000);
        _exit(write(master, "lost\003", 5) == 5 ? 0 : 1);
    }
    CHECK_ERRNO(read(slave, &c, 1), EINTR);
    CHECK(last_signal == SIGINT);
    int status;
    CHECK(waitpid(typist, &status, 0) == typist && status == 0);
    int n = -1;
    CHECK(ioctl(slave, FIONREAD, &n) == 0 && n == 0); /* flushed */
}

static void test_winch(void)
{
    struct winsize w = {.ws_row = 50, .ws_col = 132};
    catch_signal(SIGWINCH);
    CHECK(ioctl(master, TIOCSWINSZ, &w) == 0);
    wait_for_signal(SIGWINCH);
    last_signal = 0;
    CHECK(ioctl(master, TIOCSWINSZ, &w) == 0); /* nothing changed */
    usleep(50000);
    CHECK(last_signal == 0);
}

static void test_hangup(void)
{
    catch_signal(SIGHUP);
    close(master); /* the parent holds it still */
    char c;
    ssize_t n = read(slave, &c, 1);
    CHECK(n == 0 || errno == EIO); /* EIO if it waited when that happened */
    wait_for_signal(SIGHUP);
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
}

static void hangup_session(void)
{
    int status;
    master_open();
    pid_t child = fork();
    if (child == 0) {
        CHECK(setsid() > 0);
        slave = open(slave_name, O_RDWR);
        CHECK(slave >= 0);
        test_hangup();
        _exit(0);
    }
    usleep(100000);
    close(master);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

/* ---- the background ------------------------------------------------------------------------------------------------------------ */

static int read_one(void)
{
    char c;
    return read(slave, &c, 1) == 1 ? 0 : errno;
}

static int read_ignoring(void)
{
    signal(SIGTTIN, SIG_IGN);
    return read_one();
}

static int write_one(void)
{
    return write(slave, "x", 1) == 1 ? 0 : errno;
}

static int write_ignoring(void)
{
    signal(SIGTTOU, SIG_IGN);
    return write_one();
}

static int settings_set(void)
{
    struct termios t;
    return tcgetattr(slave, &t) == 0 && tcsetattr(slave, TCSANOW, &t) == 0 ? 0 : 1;
}

static int foreground_take(void)
{
    return tcsetpgrp(slave, getpgrp()) == 0 ? 0 : 1;
}

static int foreground_take_ignoring(void)
{
    signal(SIGTTOU, SIG_IGN);
    return foreground_take();
}

static void tostop_set(void)
{
    struct termios t;
    CHECK(tcgetattr(slave, &t) == 0);
    t.c_lflag |= TOSTOP;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
}

static void test_background_read(void)
{
    pid_t child;
    int status = in_background(read_one, &child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
    /* In the foreground it may go on. */
    CHECK(tcsetpgrp(slave, child) == 0);
    CHECK(kill(child, SIGCONT) == 0);
    CHECK(write(master, "k\n", 2) == 2);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    signal(SIGTTOU, SIG_IGN);
    CHECK(tcsetpgrp(slave, getpgrp()) == 0);
    status = in_background(read_ignoring, &child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EIO);
}

static void test_background_write(void)
{
    pid_t child;
    int status = in_background(write_one, &child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0); /* without TOSTOP */
    tostop_set();
    status = in_background(write_one, &child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
    reap(child);
    status = in_background(write_ignoring, &child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_background_settings(void)
{
    pid_t child;
    int status = in_background(settings_set, &child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
    reap(child);
    status = in_background(foreground_take, &child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
    reap(child);
    status = in_background(foreground_take_ignoring, &child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_foreground_set(void)
{
    CHECK_ERRNO(tcsetpgrp(slave, -1), EINVAL);
    CHECK_ERRNO(tcsetpgrp(slave, 32767), ESRCH);
    CHECK_ERRNO(tcsetpgrp(slave, getppid()), EPERM);
}

/* Nobody of its session could continue it: reading is an error, not a stop. */
static void test_orphaned(void)
{
    int result[2], status;
    char c = 0;
    (void)result;
    pid_t child = fork();
    if (child == 0) {
        pid_t orphan = fork();
        if (orphan == 0) {
            setpgid(0, 0);
            while (getppid() != 1 && getppid() == getsid(0))
                usleep(1000);
            usleep(50000);
            c = (char)read_one();
            char text[4] = {'0' + (c == EIO), '\n', 0};
            _exit(write(slave, text, 2) == 2 ? 0 : 1);
        }
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(read(master, &c, 1) == 1 && c == '1');
}

int main(void)
{
    in_session(test_opening_takes);
    test_not_taken();
    in_session(test_only_one);
    in_session(test_giving_up);
    in_session(test_keys);
    in_session(test_key_ends_read);
    in_session(test_winch);
    hangup_session();
    in_session(test_background_read);
    in_session(test_background_write);
    in_session(test_background_settings);
    in_session(test_foreground_set);
    in_session(test_orphaned);
    return 0;
}
