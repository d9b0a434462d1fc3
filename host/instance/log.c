/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LOG_NOW    "log"
#define LOG_BEFORE "log.1"

/* ---- writing ----------------------------------------------------------------------------------------------------- */

struct writer {
    const struct rundir *rundir;
    int fd;
    uint64_t size, limit; /* of one file */
    uint64_t lost;        /* bytes that the disk did not take */
};

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void file_begin(struct writer *w)
{
    char path[PATH_MAX];
    w->fd = open(rundir_file(w->rundir, LOG_NOW, path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    w->size = 0;
}

static void rotate(struct writer *w)
{
    char now[PATH_MAX], before[PATH_MAX];
    if (rename(rundir_file(w->rundir, LOG_NOW, now), rundir_file(w->rundir, LOG_BEFORE, before)) < 0)
        return; /* then this file grows on */
    close(w->fd);
    file_begin(w);
}

static bool record_put(struct writer *w, uint32_t stream, const char *text, size_t size)
{
    struct log_record record = {now_ns(), (uint32_t)size, stream};
    const struct iovec iov[2] = {{&record, sizeof(record)}, {(void *)text, size}};
    off_t before = lseek(w->fd, 0, SEEK_END);
    ssize_t want = (ssize_t)(sizeof(record) + size);
    if (writev(w->fd, iov, 2) == want) {
        w->size += (uint64_t)want;
        return true;
    }
    if (before >= 0 && ftruncate(w->fd, before) < 0) /* no half records */
        close(w->fd), w->fd = -1;
    return false;
}

static void piece_put(struct writer *w, uint32_t stream, const char *text, size_t size)
{
    char note[96];
    if (w->size > 0 && w->size + size > w->limit)
        rotate(w);
    int len = snprintf(note, sizeof(note), "naos: %llu bytes could not be logged\n", (unsigned long long)w->lost);
    if (w->lost > 0 && record_put(w, 2, note, (size_t)len))
        w->lost = 0;
    if (!record_put(w, stream, text, size))
        w->lost += size;
}

void log_keep(const struct rundir *r, const int fds[2], uint64_t limit)
{
    struct writer w = {.rundir = r, .limit = limit / 2};
    struct pollfd p[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
    char text[LOG_PIECE_MAX];
    file_begin(&w);
    while (p[0].fd >= 0 || p[1].fd >= 0) {
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < 2; i++) {
            ssize_t n = p[i].fd >= 0 && p[i].revents ? read(p[i].fd, text, sizeof(text)) : -2;
            if (n > 0)
                piece_put(&w, (uint32_t)i + 1, text, (size_t)n);
            else if (n == 0 || (n == -1 && errno != EINTR))
                p[i].fd = -1;
        }
    }
    close(w.fd);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int file_open(const struct rundir *r, const char *name)
{
    char path[PATH_MAX];
    return open(rundir_file(r, name, path), O_RDONLY | O_CLOEXEC);
}

static bool is_file(const struct log_reader *l, const char *name)
{
    char path[PATH_MAX];
    struct stat open, named;
    return fstat(l->fd, &open) == 0 && stat(rundir_file(l->rundir, name, path), &named) == 0 && open.st_ino == named.st_ino;
}

int log_open(struct log_reader *l, const struct rundir *r, struct error *err)
{
    l->rundir = r;
    l->off = 0;
    l->fd = file_open(r, LOG_BEFORE);
    if (l->fd < 0)
        l->fd = file_open(r, LOG_NOW);
    if (l->fd < 0 && errno == ENOENT)
        return error_set(err, "'%s' was not started with -d: what it says is where it was started", r->name);
    return l->fd < 0 ? error_errno(err, "%s: its log", r->name) : 0;
}

static bool record_read(struct log_reader *l)
{
    if (pread(l->fd, &l->record, sizeof(l->record), l->off) != sizeof(l->record) || l->record.size > LOG_PIECE_MAX ||
        pread(l->fd, l->text, l->record.size, l->off + (off_t)sizeof(l->record)) != (ssize_t)l->record.size)
        return false; /* it is being written */
    l->off += (off_t)(sizeof(l->record) + l->record.size);
    return true;
}

/* The file that was begun after this one; false: there is none. */
static bool file_next(struct log_reader *l)
{
    if (is_file(l, LOG_NOW))
        return false;
    int fd = is_file(l, LOG_BEFORE) ? -1 : file_open(l->rundir, LOG_BEFORE); /* it may have moved twice since */
    if (fd < 0)
        fd = file_open(l->rundir, LOG_NOW);
    if (fd < 0)
        return false;
    close(l->fd);
    l->fd = fd;
    l->off = 0;
    return true;
}

bool log_next(struct log_reader *l)
{
    /* Once more after the file is known to be complete: the last record may have come in between. */
    return record_read(l) || (!is_file(l, LOG_NOW) && record_read(l)) || (file_next(l) && record_read(l));
}

void log_close(struct log_reader *l)
{
    close(l->fd);
    l->fd = -1;
}
