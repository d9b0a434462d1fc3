/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7): inotify_init1(2), inotify_add_watch(2), inotify_rm_watch(2), and every event. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static char root[] = "/tmp/inotify.XXXXXX";
static int in;
static char buf[65536] __attribute__((aligned(8)));
static size_t have, used;
static uint32_t cookie;

static int watch(const char *name, uint32_t mask)
{
    int wd = inotify_add_watch(in, name, mask);
    CHECK(wd > 0);
    return wd;
}

/* The next event is this one. */
static void expect(int wd, uint32_t mask, const char *name)
{
    if (used == have) {
        ssize_t n = read(in, buf, sizeof(buf));
        CHECK(n > 0);
        have = (size_t)n;
        used = 0;
    }
    const struct inotify_event *e = (const struct inotify_event *)(buf + used);
    used += sizeof(*e) + e->len;
    if (e->wd != wd || e->mask != mask || strcmp(e->len ? e->name : "", name) != 0)
        fprintf(stderr, "event wd %d mask %x name '%s', expected wd %d mask %x name '%s'\n", e->wd, e->mask, e->len ? e->name : "", wd,
                mask, name);
    CHECK(e->wd == wd && e->mask == mask && strcmp(e->len ? e->name : "", name) == 0 && e->len % sizeof(*e) == 0);
    cookie = e->cookie;
}

static void expect_none(void)
{
    CHECK(used == have);
    CHECK_ERRNO(read(in, buf, sizeof(buf)), EAGAIN);
}

static void make(const char *name)
{
    int fd = open(name, O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
}

static void refuses(void)
{
    int p[2], fd = inotify_init1(IN_CLOEXEC);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && close(fd) == 0);
    CHECK_ERRNO(inotify_init1(1), EINVAL);
    CHECK(pipe(p) == 0);
    CHECK_ERRNO(inotify_add_watch(in, ".", 0), EINVAL);
    CHECK_ERRNO(inotify_add_watch(in, "absent", IN_OPEN), ENOENT);
    CHECK_ERRNO(inotify_add_watch(in, nowhere, IN_OPEN), EFAULT);
    CHECK_ERRNO(inotify_add_watch(999, ".", IN_OPEN), EBADF);
    CHECK_ERRNO(inotify_add_watch(p[0], ".", IN_OPEN), EINVAL);
    CHECK_ERRNO(inotify_add_watch(in, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
    make("plain");
    CHECK_ERRNO(inotify_add_watch(in, "plain", IN_OPEN | IN_ONLYDIR), ENOTDIR);
    CHECK_ERRNO(inotify_rm_watch(in, 77), EINVAL);
    CHECK_ERRNO(inotify_rm_watch(p[0], 1), EINVAL);
    CHECK_ERRNO(inotify_rm_watch(999, 1), EBADF);
    CHECK_ERRNO(write(in, "x", 1), EBADF);
    close(p[0]), close(p[1]), unlink("plain");
    expect_none();
}

static void watches_a_directory(void)
{
    CHECK(mkdir("d", 0700) == 0);
    int wd = watch("d", IN_ALL_EVENTS);
    make("d/f");
    expect(wd, IN_CREATE, "f");
    expect(wd, IN_OPEN, "f");
    expect(wd, IN_CLOSE_WRITE, "f");
    int fd = open("d/f", O_RDWR);
    char c = 'x';
    CHECK(write(fd, &c, 1) == 1 && pread(fd, &c, 1, 0) == 1 && read(fd, &c, 1) == 0 && close(fd) == 0);
    expect(wd, IN_OPEN, "f");
    expect(wd, IN_MODIFY, "f");
    expect(wd, IN_ACCESS, "f");
    expect(wd, IN_CLOSE_WRITE, "f");
    CHECK(chmod("d/f", 0640) == 0 && truncate("d/f", 0) == 0);
    expect(wd, IN_ATTRIB, "f");
    expect(wd, IN_MODIFY, "f");
    CHECK(mkdir("d/sub", 0700) == 0 && symlink("f", "d/link") == 0 && mkfifo("d/fifo", 0600) == 0 && link("d/f", "d/again") == 0);
    expect(wd, IN_CREATE | IN_ISDIR, "sub");
    expect(wd, IN_CREATE, "link");
    expect(wd, IN_CREATE, "fifo");
    expect(wd, IN_CREATE, "again");
    CHECK(rmdir("d/sub") == 0 && unlink("d/link") == 0 && unlink("d/fifo") == 0 && unlink("d/again") == 0);
    expect(wd, IN_DELETE | IN_ISDIR, "sub");
    expect(wd, IN_DELETE, "link");
    expect(wd, IN_DELETE, "fifo");
    expect(wd, IN_DELETE, "again");
    fd = open("d/f", O_RDONLY);
    close(fd);
    expect(wd, IN_OPEN, "f");
    expect(wd, IN_CLOSE_NOWRITE, "f");
    close(open("d", O_RDONLY | O_DIRECTORY));
    expect(wd, IN_OPEN | IN_ISDIR, "");
    expect(wd, IN_CLOSE_NOWRITE | IN_ISDIR, "");
    fd = open("d/f", O_PATH);
    close(fd);
    CHECK(unlink("d/f") == 0);
    expect(wd, IN_DELETE, "f");
    CHECK(rmdir("d") == 0);
    expect(wd, IN_DELETE_SELF, "");
    expect(wd, IN_IGNORED, "");
    CHECK_ERRNO(inotify_rm_watch(in, wd), EINVAL);
    expect_none();
}

static void watches_a_file(void)
{
    make("f");
    int wd = watch("f", IN_ALL_EVENTS), fd = open("f", O_WRONLY);
    CHECK(write(fd, "abc", 3) == 3 && fchmod(fd, 0600) == 0 && ftruncate(fd, 1) == 0);
    expect(wd, IN_OPEN, "");
    expect(wd, IN_MODIFY, "");
    expect(wd, IN_ATTRIB, "");
    expect(wd, IN_MODIFY, "");
    CHECK(rename("f", "g") == 0 && link("g", "h") == 0 && unlink("h") == 0);
    expect(wd, IN_MOVE_SELF, "");
    expect(wd, IN_ATTRIB, "");
    expect_none(); /* the second change of the link count is the same event again */
    CHECK(unlink("g") == 0);
    expect(wd, IN_ATTRIB, "");
    expect_none();
    close(fd); /* only now it is gone */
    expect(wd, IN_CLOSE_WRITE, "");
    expect(wd, IN_DELETE_SELF, "");
    expect(wd, IN_IGNORED, "");
    expect_none();
}

static void follows_renames(void)
{
    CHECK(mkdir("a", 0700) == 0 && mkdir("b", 0700) == 0);
    make("a/f");
    int a = watch("a", IN_MOVE), b = watch("b", IN_MOVE | IN_DELETE);
    CHECK(rename("a/f", "b/g") == 0);
    expect(a, IN_MOVED_FROM, "f");
    uint32_t first = cookie;
    expect(b, IN_MOVED_TO, "g");
    CHECK(first != 0 && cookie == first);
    CHECK(rename("b/g", "b/h") == 0);
    expect(b, IN_MOVED_FROM, "g");
    CHECK(cookie != first);
    expect(b, IN_MOVED_TO, "h");
    CHECK(mkdir("b/dir", 0700) == 0 && rename("b/dir", "a/dir") == 0);
    expect(b, IN_MOVED_FROM | IN_ISDIR, "dir");
    expect(a, IN_MOVED_TO | IN_ISDIR, "dir");
    make("a/over");
    int over = watch("a/over", IN_ALL_EVENTS);
    CHECK(rename("b/h", "a/over") == 0);
    expect(b, IN_MOVED_FROM, "h");
    expect(a, IN_MOVED_TO, "over");
    expect(over, IN_ATTRIB, "");
    expect(over, IN_DELETE_SELF, "");
    expect(over, IN_IGNORED, "");
    CHECK(inotify_rm_watch(in, a) == 0 && inotify_rm_watch(in, b) == 0);
    expect(a, IN_IGNORED, "");
    expect(b, IN_IGNORED, "");
    CHECK(unlink("a/over") == 0 && rmdir("a/dir") == 0 && rmdir("a") == 0 && rmdir("b") == 0);
    expect_none();
}

static void changes_masks(void)
{
    make("f");
    int wd = watch("f", IN_OPEN);
    CHECK(watch("f", IN_CLOSE_NOWRITE) == wd);
    close(open("f", O_RDONLY));
    expect(wd, IN_CLOSE_NOWRITE, "");
    CHECK(watch("f", IN_OPEN | IN_MASK_ADD) == wd);
    close(open("f", O_RDONLY));
    expect(wd, IN_OPEN, "");
    expect(wd, IN_CLOSE_NOWRITE, "");
    CHECK_ERRNO(inotify_add_watch(in, "f", IN_OPEN | IN_MASK_CREATE), EEXIST);
    CHECK(inotify_rm_watch(in, wd) == 0);
    expect(wd, IN_IGNORED, "");
    int once = watch("f", IN_OPEN | IN_ONESHOT);
    CHECK(once > wd);
    close(open("f", O_RDONLY));
    close(open("f", O_RDONLY));
    expect(once, IN_OPEN, "");
    expect(once, IN_IGNORED, "");
    CHECK(symlink("f", "l") == 0);
    wd = watch("l", IN_ATTRIB | IN_DONT_FOLLOW);
    CHECK(chmod("f", 0600) == 0 && unlink("l") == 0);
    expect(wd, IN_ATTRIB, "");
    expect(wd, IN_IGNORED, "");
    unlink("f");
    expect_none();
}

static void reads_whole_events(void)
{
    int n = 0;
    int wd = watch(".", IN_CREATE | IN_DELETE);
    CHECK(ioctl(in, FIONREAD, &n) == 0 && n == 0);
    make("a-name-of-more-than-sixteen-bytes");
    CHECK(ioctl(in, FIONREAD, &n) == 0 && n == 16 + 48);
    CHECK_ERRNO(read(in, buf, 63), EINVAL);
    CHECK(unlink("a-name-of-more-than-sixteen-bytes") == 0);
    CHECK(read(in, buf, 100) == 64); /* only those that fit */
    expect(wd, IN_DELETE, "a-name-of-more-than-sixteen-bytes");
    CHECK(inotify_rm_watch(in, wd) == 0);
    expect(wd, IN_IGNORED, "");
}

static void overflows(void)
{
    int wd = watch(".", IN_CREATE | IN_DELETE), events = 0;
    for (int i = 0; i < 10000; i++) {
        make("f");
        CHECK(unlink("f") == 0);
    }
    const struct inotify_event *e = NULL;
    ssize_t n;
    while ((n = read(in, buf, sizeof(buf))) > 0) {
        for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
            e = (const struct inotify_event *)(buf + at);
            events++;
        }
    }
    CHECK(events > 10000 && events < 20001 && e->mask == IN_Q_OVERFLOW && e->wd == -1);
    CHECK(inotify_rm_watch(in, wd) == 0);
    expect(wd, IN_IGNORED, "");
}

static void *creator(void *arg)
{
    (void)arg;
    usleep(20000);
    make("late");
    return NULL;
}

static void waits(void)
{
    pthread_t t;
    struct pollfd p = {in, POLLIN, 0};
    int wd = watch(".", IN_CREATE);
    CHECK(poll(&p, 1, 0) == 0);
    CHECK(pthread_create(&t, NULL, creator, NULL) == 0 && poll(&p, 1, 10000) == 1 && p.revents == POLLIN);
    pthread_join(t, NULL);
    expect(wd, IN_CREATE, "late");
    unlink("late");
    CHECK(fcntl(in, F_SETFL, 0) == 0 && pthread_create(&t, NULL, creator, NULL) == 0);
    expect(wd, IN_CREATE, "late");
    pthread_join(t, NULL);
    CHECK(fcntl(in, F_SETFL, O_NONBLOCK) == 0);
    unlink("late");
    expect_none();
}

int main(void)
{
    CHECK(mkdtemp(root) && chdir(root) == 0);
    CHECK((in = inotify_init1(IN_NONBLOCK)) >= 0);
    refuses();
    watches_a_directory();
    watches_a_file();
    follows_renames();
    changes_masks();
    reads_whole_events();
    overflows();
    waits();
    CHECK(close(in) == 0 && rmdir(root) == 0);
    return 0;
}
