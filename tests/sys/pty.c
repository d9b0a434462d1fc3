/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudoterminals and the line discipline of termios(3), seen through a pair. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

static int master, slave;
static char slave_name[32];

static void pair_open(void)
{
    int number, no = 0;
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    CHECK(master >= 0);
    CHECK(ioctl(master, TIOCGPTN, &number) == 0);
    snprintf(slave_name, sizeof(slave_name), "/dev/pts/%d", number);
    CHECK(ioctl(master, TIOCSPTLCK, &no) == 0);
    slave = open(slave_name, O_RDWR | O_NOCTTY);
    CHECK(slave >= 0);
}

static void pair_close(void)
{
    close(slave);
    close(master);
}

static void type(const char *s)
{
    CHECK(write(master, s, strlen(s)) == (ssize_t)strlen(s));
}

/* Linux does the line discipline's work in the background. */
static void settle(void)
{
    usleep(20000);
}

/* What the terminal shows now is exactly this. It may come in pieces: Linux hands it over in the background. */
static void expect_shown(const char *s)
{
    char buf[256];
    size_t n = 0;
    while (n < strlen(s)) {
        ssize_t more = read(master, buf + n, sizeof(buf) - 1 - n);
        CHECK(more > 0);
        n += (size_t)more;
    }
    buf[n] = 0;
    if (strcmp(buf, s) != 0)
        fprintf(stderr, "shown: \"%s\", not \"%s\"\n", buf, s);
    CHECK(strcmp(buf, s) == 0);
}

static void expect_read(const char *s)
{
    char buf[256];
    ssize_t n = read(slave, buf, sizeof(buf) - 1);
    CHECK(n >= 0);
    buf[n] = 0;
    if (strcmp(buf, s) != 0)
        fprintf(stderr, "read: \"%s\", not \"%s\"\n", buf, s);
    CHECK(strcmp(buf, s) == 0);
}

static void mode_set(tcflag_t lflag_off, tcflag_t lflag_on)
{
    struct termios t;
    CHECK(tcgetattr(slave, &t) == 0);
    t.c_lflag = (t.c_lflag & ~lflag_off) | lflag_on;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
}

static void raw_set(int min, int time)
{
    struct termios t;
    CHECK(tcgetattr(slave, &t) == 0);
    cfmakeraw(&t);
    t.c_cc[VMIN] = (cc_t)min;
    t.c_cc[VTIME] = (cc_t)time;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
}

static void nonblock_set(int fd, int on)
{
    CHECK(fcntl(fd, F_SETFL, on ? O_RDWR | O_NONBLOCK : O_RDWR) == 0);
}

/* Do so many bytes wait, at once or soon? */
static int waiting(int fd, int count)
{
    int n = -1;
    for (int i = 0; i < 100 && n != count; i++) {
        if (i > 0)
            usleep(2000);
        CHECK(ioctl(fd, FIONREAD, &n) == 0);
    }
    return n == count;
}

static long ms_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the pair ---------------------------------------------------------------------------------------------------------- */

static void test_names(void)
{
    struct stat st;
    int number;
    pair_open();
    CHECK(isatty(master) && isatty(slave));
    CHECK(ioctl(master, TIOCGPTN, &number) == 0);
    CHECK(stat(slave_name, &st) == 0 && S_ISCHR(st.st_mode));
    CHECK(major(st.st_rdev) == 136 && (int)minor(st.st_rdev) == number);
    CHECK(st.st_uid == geteuid());
    CHECK(strcmp(ttyname(slave), slave_name) == 0);
    CHECK_ERRNO(ioctl(slave, TIOCGPTN, &number), ENOTTY);
    pair_close();
    CHECK_ERRNO(stat(slave_name, &st), ENOENT);
}

static void test_lock(void)
{
    int yes = 1, got = 0;
    pair_open();
    CHECK(ioctl(master, TIOCSPTLCK, &yes) == 0);
    CHECK(ioctl(master, TIOCGPTLCK, &got) == 0 && got == 1);
    CHECK_ERRNO(open(slave_name, O_RDWR | O_NOCTTY), EIO);
    pair_close();
}

static void test_listing(void)
{
    struct dirent *e;
    int seen = 0;
    pair_open();
    DIR *d = opendir("/dev/pts");
    CHECK(d);
    while ((e = readdir(d)))
        seen += strcmp(e->d_name, slave_name + strlen("/dev/pts/")) == 0;
    closedir(d);
    CHECK(seen == 1);
    pair_close();
}

static void test_peer(void)
{
    pair_open();
    int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    CHECK(peer >= 0);
    CHECK(strcmp(ttyname(peer), slave_name) == 0);
    CHECK(write(peer, "x", 1) == 1);
    expect_shown("x");
    close(peer);
    pair_close();
}

static void test_near_closed(void)
{
    char c;
    pair_open();
    CHECK(write(slave, "bye", 3) == 3);
    close(slave);
    expect_shown("bye");
    CHECK_ERRNO(read(master, &c, 1), EIO);
    slave = open(slave_name, O_RDWR | O_NOCTTY);
    CHECK(slave >= 0 && write(slave, "again", 5) == 5);
    expect_shown("again");
    pair_close();
}

static void test_master_closed(void)
{
    char c;
    struct termios t;
    pair_open();
    close(master);
    CHECK(read(slave, &c, 1) == 0);
    CHECK_ERRNO(write(slave, "a", 1), EIO);
    CHECK_ERRNO(tcgetattr(slave, &t), EIO);
    CHECK_ERRNO(open(slave_name, O_RDWR | O_NOCTTY), ENOENT);
    close(slave);
}

static void test_window(void)
{
    struct winsize w = {24, 80, 1, 2}, got;
    pair_open();
    CHECK(ioctl(master, TIOCGWINSZ, &got) == 0 && got.ws_row == 0 && got.ws_col == 0);
    CHECK(ioctl(master, TIOCSWINSZ, &w) == 0);
    CHECK(ioctl(slave, TIOCGWINSZ, &got) == 0);
    CHECK(memcmp(&w, &got, sizeof(w)) == 0);
    pair_close();
}

struct old_termio { /* of TCGETA */
    unsigned short iflag, oflag, cflag, lflag;
    unsigned char line, cc[8];
};

static void test_termio(void)
{
    struct old_termio old;
    struct termios t;
    int on = 1;
    pair_open();
    CHECK(ioctl(slave, TCGETA, &old) == 0 && tcgetattr(slave, &t) == 0);
    CHECK(old.lflag == (t.c_lflag & 0xffff) && old.cc[VINTR] == t.c_cc[VINTR]);
    old.lflag &= ~ECHO;
    CHECK(ioctl(slave, TCSETA, &old) == 0 && tcgetattr(slave, &t) == 0 && !(t.c_lflag & ECHO));
    CHECK(ioctl(slave, TCSETAF, &old) == 0);
    CHECK(ioctl(slave, TIOCSSOFTCAR, &on) == 0 && (on = 0, ioctl(slave, TIOCGSOFTCAR, &on)) == 0 && on == 1);
    CHECK(tcgetattr(slave, &t) == 0 && (t.c_cflag & CLOCAL));
    CHECK(ioctl(slave, TIOCSBRK) == 0 && ioctl(slave, TIOCCBRK) == 0);
    pair_close();
}

static void test_packet(void)
{
    int yes = 1;
    char buf[16];
    pair_open();
    CHECK(ioctl(master, TIOCPKT, &yes) == 0);
    CHECK(write(slave, "ab", 2) == 2);
    CHECK(read(master, buf, sizeof(buf)) == 3 && buf[0] == TIOCPKT_DATA && buf[1] == 'a');
    CHECK(tcflush(slave, TCIFLUSH) == 0);
    CHECK(read(master, buf, sizeof(buf)) == 1 && (buf[0] & TIOCPKT_FLUSHREAD));
    pair_close();
}

/* ---- lines ------------------------------------------------------------------------------------------------------------------ */

static void test_line(void)
{
    pair_open();
    type("ab");
    expect_shown("ab");
    CHECK(waiting(slave, 0));
    type("c\r");
    expect_shown("c\r\n");
    CHECK(waiting(slave, 4));
    expect_read("abc\n");
    type("one\ntwo\n");
    expect_read("one\n");
    expect_read("two\n");
    pair_close();
}

static void test_line_in_parts(void)
{
    char buf[8];
    pair_open();
    type("abcdef\n");
    CHECK(read(slave, buf, 4) == 4 && memcmp(buf, "abcd", 4) == 0);
    CHECK(read(slave, buf, 8) == 3 && memcmp(buf, "ef\n", 3) == 0);
    pair_close();
}

static void test_eof(void)
{
    char buf[8];
    pair_open();
    type("ab\004");
    expect_read("ab");
    type("\004");
    expect_read("");
    type("abcd\004");
    CHECK(read(slave, buf, 4) == 4);
    nonblock_set(slave, 1);
    CHECK_ERRNO(read(slave, buf, 4), EAGAIN); /* the end of file went with the last byte */
    pair_close();
}

static void test_erase(void)
{
    pair_open();
    type("abc\177");
    expect_shown("abc\b \b");
    type("d\n");
    expect_shown("d\r\n");
    expect_read("abd\n");
    type("one two  \027x\n");
    expect_read("one x\n");
    type("gone\025kept\n");
    expect_read("kept\n");
    type("\177\n");
    expect_read("\n");
    pair_close();
}

static void test_erase_shown(void)
{
    pair_open();
    type("a\tb\177\177");
    expect_shown("a\tb\b \b\b\b\b\b\b\b\b");
    type("\025");
    expect_shown("\b \b");
    type("\001\177"); /* shown as two characters */
    expect_shown("^A\b \b\b \b");
    pair_close();
}

static void test_erase_utf8(void)
{
    struct termios t;
    pair_open();
    CHECK(tcgetattr(slave, &t) == 0);
    t.c_iflag |= IUTF8;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
    type("x\303\244\177y\n");
    expect_shown("x\303\244\b \by\r\n");
    expect_read("xy\n");
    pair_close();
}

static void test_literal_and_reprint(void)
{
    pair_open();
    type("\026\003a\n");
    expect_shown("^\b^Ca\r\n");
    expect_read("\003a\n");
    type("ab\022");
    expect_shown("ab^R\r\nab");
    pair_close();
}

static void test_echo_modes(void)
{
    pair_open();
    mode_set(ECHO, 0);
    type("secret\n");
    expect_read("secret\n");
    mode_set(0, ECHONL);
    type("x\n");
    expect_shown("\r\n");
    expect_read("x\n");
    mode_set(ECHOCTL, ECHO);
    type("\002\n");
    expect_shown("\002\r\n");
    pair_close();
}

static void test_input_modes(void)
{
    struct termios t;
    pair_open();
    CHECK(tcgetattr(slave, &t) == 0);
    t.c_iflag = IGNCR;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
    type("a\rb\n");
    expect_read("ab\n");
    t.c_iflag = INLCR | ISTRIP;
    t.c_cc[VEOL] = '.';
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
    type("a\n\341.");
    expect_read("a\ra.");
    pair_close();
}

static void test_output_modes(void)
{
    struct termios t;
    pair_open();
    CHECK(write(slave, "a\nb\tc", 5) == 5);
    expect_shown("a\r\nb\tc");
    CHECK(tcgetattr(slave, &t) == 0);
    t.c_oflag = OPOST | TAB3;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
    CHECK(write(slave, "\r12\tx\n", 6) == 6);
    expect_shown("\r12      x\n");
    t.c_oflag = 0;
    CHECK(tcsetattr(slave, TCSANOW, &t) == 0);
    CHECK(write(slave, "a\nb\t", 4) == 4);
    expect_shown("a\nb\t");
    pair_close();
}

static void test_line_too_long(void)
{
    static char line[5000], got[5000];
    pair_open();
    mode_set(ECHO, 0);
    memset(line, 'x', sizeof(line));
    for (size_t done = 0; done < sizeof(line); done += 500)
        CHECK(write(master, line + done, 500) == 500);
    type("\n");
    CHECK(read(slave, got, sizeof(got)) == 4096); /* 4095 and the end */
    CHECK(got[4095] == '\n' && got[4094] == 'x');
    pair_close();
}

/* ---- raw -------------------------------------------------------------------------------------------------------------------- */

static void test_raw(void)
{
    char buf[8];
    pair_open();
    raw_set(1, 0);
    type("a\r\003\004");
    CHECK(read(slave, buf, 8) == 4 && memcmp(buf, "a\r\003\004", 4) == 0);
    nonblock_set(slave, 1);
    CHECK_ERRNO(read(slave, buf, 8), EAGAIN);
    nonblock_set(master, 1);
    CHECK_ERRNO(read(master, buf, 8), EAGAIN); /* no echo */
    pair_close();
}

static void test_raw_times(void)
{
    char buf[8];
    pair_open();
    raw_set(0, 0);
    CHECK(read(slave, buf, 8) == 0);
    raw_set(0, 1);
    long begin = ms_now();
    CHECK(read(slave, buf, 8) == 0);
    CHECK(ms_now() - begin >= 90);
    type("x");
    CHECK(read(slave, buf, 8) == 1);
    raw_set(4, 1); /* the clock runs from the first byte */
    type("ab");
    begin = ms_now();
    CHECK(read(slave, buf, 8) == 2);
    CHECK(ms_now() - begin >= 90);
    pair_close();
}

static void test_raw_least(void)
{
    char buf[8];
    int status;
    pair_open();
    raw_set(3, 0);
    type("a");
    pid_t child = fork();
    if (child == 0) {
        usleep(50000);
        type("bc");
        _exit(0);
    }
    CHECK(read(slave, buf, 8) == 3 && memcmp(buf, "abc", 3) == 0);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    pair_close();
}

static void test_mode_changes(void)
{
    char buf[16];
    pair_open();
    type("half");
    settle();
    mode_set(ICANON, 0);
    CHECK(read(slave, buf, 16) == 4); /* what was typed is there at once */
    type("more");
    settle();
    mode_set(0, ICANON);
    CHECK(read(slave, buf, 16) == 4); /* and becomes a line */
    pair_close();
}

static void test_flush(void)
{
    char buf[16];
    pair_open();
    raw_set(1, 0);
    type("lost");
    CHECK(waiting(slave, 4));
    CHECK(tcflush(slave, TCIFLUSH) == 0);
    CHECK(waiting(slave, 0));
    CHECK(write(slave, "x", 1) == 1);
    CHECK(waiting(master, 1));
    type("lost");
    settle();
    struct termios t;
    CHECK(tcgetattr(slave, &t) == 0);
    CHECK(tcsetattr(slave, TCSAFLUSH, &t) == 0);
    nonblock_set(slave, 1);
    CHECK_ERRNO(read(slave, buf, 16), EAGAIN);
    CHECK_ERRNO(tcflush(slave, 77), EINVAL);
    pair_close();
}

static void test_stop_and_start(void)
{
    char buf[8];
    pair_open();
    type("\023"); /* ^S */
    settle();
    nonblock_set(slave, 1);
    CHECK_ERRNO(write(slave, "x", 1), EAGAIN);
    type("\021");
    settle();
    CHECK(write(slave, "y", 1) == 1);
    CHECK(read(master, buf, 8) == 1 && buf[0] == 'y');
    CHECK(tcflow(slave, TCOOFF) == 0);
    CHECK_ERRNO(write(slave, "x", 1), EAGAIN);
    CHECK(tcflow(slave, TCOON) == 0);
    CHECK(write(slave, "z", 1) == 1);
    pair_close();
}

static void test_writer_waits(void)
{
    static char block[65536], got[4096];
    int status;
    size_t seen = 0;
    pair_open();
    raw_set(1, 0);
    pid_t child = fork();
    if (child == 0) {
        memset(block, 'b', sizeof(block));
        _exit(write(slave, block, sizeof(block)) == sizeof(block) ? 0 : 1);
    }
    while (seen < sizeof(block)) {
        ssize_t n = read(master, got, sizeof(got));
        CHECK(n > 0);
        seen += (size_t)n;
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    pair_close();
}

static void test_settings(void)
{
    struct termios t, got;
    pair_open();
    CHECK(tcgetattr(slave, &t) == 0);
    CHECK((t.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
    CHECK(t.c_iflag == (ICRNL | IXON) && (t.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR));
    CHECK(t.c_cc[VINTR] == 3 && t.c_cc[VERASE] == 127 && t.c_cc[VMIN] == 1);
    cfsetspeed(&t, B115200);
    t.c_cc[VINTR] = 1;
    CHECK(tcsetattr(slave, TCSADRAIN, &t) == 0);
    CHECK(tcgetattr(master, &got) == 0);
    CHECK(cfgetospeed(&got) == B115200 && got.c_cc[VINTR] == 1);
    CHECK_ERRNO(ioctl(slave, 0x54ff, 0), ENOTTY);
    CHECK_ERRNO(ioctl(slave, TCGETS, 1), EFAULT);
    pair_close();
}

/* Are these events ready, at once or soon? */
static int ready(int fd, short events)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI, 0};
    for (int i = 0; i < 2000; i++) {
        CHECK(poll(&p, 1, 0) >= 0);
        if (p.revents == events)
            return 1;
        usleep(2000);
    }
    return 0;
}

static void test_poll(void)
{
    pair_open();
    CHECK(ready(slave, POLLOUT) && ready(master, POLLOUT));
    type("a");
    CHECK(ready(slave, POLLOUT) && ready(master, POLLIN | POLLOUT));
    type("\n");
    CHECK(ready(slave, POLLIN | POLLOUT));
    raw_set(3, 0);
    CHECK(tcflush(slave, TCIOFLUSH) == 0);
    type("ab");
    CHECK(ready(slave, POLLOUT));
    type("c");
    CHECK(ready(slave, POLLIN | POLLOUT));
    close(slave);
    CHECK(ready(master, POLLIN | POLLOUT | POLLHUP));
    close(master);
}

int main(void)
{
    signal(SIGHUP, SIG_IGN);
    test_names();
    test_lock();
    test_listing();
    test_peer();
    test_near_closed();
    test_master_closed();
    test_window();
    test_termio();
    test_packet();
    test_line();
    test_line_in_parts();
    test_eof();
    test_erase();
    test_erase_shown();
    test_erase_utf8();
    test_literal_and_reprint();
    test_echo_modes();
    test_input_modes();
    test_output_modes();
    test_line_too_long();
    test_raw();
    test_raw_times();
    test_raw_least();
    test_mode_changes();
    test_flush();
    test_stop_and_start();
    test_writer_waits();
    test_settings();
    test_poll();
    return 0;
}
