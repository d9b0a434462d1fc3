/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of files: each case runs in a process and a directory of its own, on the root file system and on /tmp, or in
 * the directory $FS_BASE. */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define USER  65534
#define OTHER 65533

static inline int fs_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

/* The test as a child; it has failed unless that exits with 0. */
static inline void in_child(void (*test)(void))
{
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        test();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (status)
        _Exit(1);
}

static inline void become(uid_t uid, gid_t gid)
{
    CHECK(setgroups(0, NULL) == 0);
    CHECK(setresgid(gid, gid, gid) == 0);
    CHECK(setresuid(uid, uid, uid) == 0);
}

/* As a user without capabilities. */
static inline void as_user(uid_t uid, void (*test)(void))
{
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        become(uid, uid);
        test();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (status)
        _Exit(1);
}

static inline void fs_case(const char *base, void (*test)(void))
{
    char dir[64];
    snprintf(dir, sizeof(dir), "%s/naos-fs-XXXXXX", base);
    CHECK(mkdtemp(dir));
    CHECK(chmod(dir, 0777) == 0);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    CHECK(here >= 0 && chdir(dir) == 0);
    umask(0);
    in_child(test);
    CHECK(fchdir(here) == 0);
    CHECK(nftw(dir, fs_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0);
    close(here);
}

#define FS_MAIN(...) \
    int main(void) \
    { \
        static void (*const cases[])(void) = {__VA_ARGS__}; \
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) { \
            fs_case(getenv("FS_BASE") ? getenv("FS_BASE") : ".", cases[i]); \
            if (!getenv("FS_BASE")) \
                fs_case("/tmp", cases[i]); \
        } \
        return 0; \
    }

static inline void put_file(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(close(fd) == 0);
}

static inline void check_content(const char *name, const char *text)
{
    char buf[4096];
    int fd = open(name, O_RDONLY);
    CHECK(fd >= 0);
    ssize_t n = read(fd, buf, sizeof(buf));
    CHECK(n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0);
    close(fd);
}

static inline struct stat stat_of(const char *name)
{
    struct stat st;
    CHECK(lstat(name, &st) == 0);
    return st;
}

static inline mode_t mode_of(const char *name)
{
    return stat_of(name).st_mode & 07777;
}

static inline bool is_there(const char *name)
{
    struct stat st;
    return lstat(name, &st) == 0;
}

/* -1, 0 or 1: a before, at or after b. */
static inline int time_compare(struct timespec a, struct timespec b)
{
    if (a.tv_sec != b.tv_sec)
        return a.tv_sec < b.tv_sec ? -1 : 1;
    return (a.tv_nsec > b.tv_nsec) - (a.tv_nsec < b.tv_nsec);
}

/* Long enough for the next time stamp to differ. */
static inline void tick(void)
{
    usleep(20000);
}
