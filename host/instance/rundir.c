/* SPDX-License-Identifier: Apache-2.0 */
#include "rundir.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"

#define POLL_MS 5 /* waiting for a lock with a timeout: there is no other way than to look */

static const char *const file_names[] = {"lock", "instance", "pid", "control", "program", "log", "log.1", "status", "stopping", "health", "enclave", "gdb"};

/* ---- where ------------------------------------------------------------------------------------------------------- */

static void base_path(char *buf, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime)
        snprintf(buf, size, "%s/naos", runtime);
    else if (geteuid() == 0)
        snprintf(buf, size, "/run/naos");
    else
        snprintf(buf, size, "/tmp/naos-%u", (unsigned)geteuid());
}

static int base_make(char *buf, size_t size, struct error *err)
{
    struct stat st;
    base_path(buf, size);
    if (mkdir(buf, 0700) < 0 && errno != EEXIST)
        return error_errno(err, "%s (set XDG_RUNTIME_DIR to a folder of your own)", buf);
    if (lstat(buf, &st) < 0)
        return error_errno(err, "%s", buf);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
        return error_set(err, "%s is not a folder that only you can write to; set XDG_RUNTIME_DIR to one", buf);
    return 0;
}

static int name_check(const char *name, struct error *err)
{
    size_t len = strlen(name);
    bool is_good = len > 0 && len < RUNDIR_NAME_MAX && isalnum((unsigned char)name[0]);
    for (size_t i = 0; i < len && is_good; i++)
        is_good = isalnum((unsigned char)name[i]) || strchr("_.-", name[i]);
    return is_good
               ? 0
               : error_set(err, "'%s' is no name for an enclave: letters, digits, '_', '.' and '-', at most %d", name, RUNDIR_NAME_MAX - 1);
}

static void path_set(struct rundir *r, const char *base, const char *name)
{
    snprintf(r->name, sizeof(r->name), "%s", name);
    snprintf(r->path, sizeof(r->path), "%s/%s", base, name);
}

const char *rundir_file(const struct rundir *r, const char *name, char *buf)
{
    snprintf(buf, PATH_MAX, "%s/%s", r->path, name);
    return buf;
}

/* ---- what is in it ------------------------------------------------------------------------------------------------- */

void rundir_get(const struct rundir *r, const char *name, char *buf, size_t size)
{
    char path[PATH_MAX];
    ssize_t n = readlink(rundir_file(r, name, path), buf, size - 1);
    if (n < 0) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? 0 : read(fd, buf, size - 1);
        if (fd >= 0)
            close(fd);
    }
    buf[n < 0 ? 0 : n] = 0;
    buf[strcspn(buf, "\n")] = 0;
}

int rundir_set(const struct rundir *r, const char *name, const char *text, struct error *err)
{
    char path[PATH_MAX], temp[PATH_MAX + 8];
    snprintf(temp, sizeof(temp), "%s.new", rundir_file(r, name, path));
    FILE *f = fopen(temp, "we");
    if (!f)
        return error_errno(err, "%s", temp);
    fprintf(f, "%s\n", text);
    if (fclose(f) != 0 || rename(temp, path) < 0)
        return error_errno(err, "%s", path);
    return 0;
}

bool rundir_has(const struct rundir *r, const char *name)
{
    char path[PATH_MAX];
    return access(rundir_file(r, name, path), F_OK) == 0;
}

int rundir_status(const struct rundir *r)
{
    char text[16];
    rundir_get(r, "status", text, sizeof(text));
    return *text ? atoi(text) : -1;
}

/* ---- alive? -------------------------------------------------------------------------------------------------------- */

static int lock_try(const struct rundir *r, int how)
{
    char path[PATH_MAX];
    int fd = open(rundir_file(r, "lock", path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0; /* nothing there to be alive */
    int result = flock(fd, how);
    close(fd);
    return result;
}

bool rundir_is_live(const struct rundir *r)
{
    return lock_try(r, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

bool rundir_wait(const struct rundir *r, int timeout_ms)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    struct timespec begin, now;
    if (timeout_ms < 0) {
        while (lock_try(r, LOCK_SH) < 0 && errno == EINTR)
            continue;
        return true;
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (rundir_is_live(r)) {
        nanosleep(&pause, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 >= timeout_ms)
            return !rundir_is_live(r);
    }
    return true;
}

/* ---- making and finding ---------------------------------------------------------------------------------------------- */

static int lock_take(const struct rundir *r, int *lock_fd, struct error *err)
{
    char path[PATH_MAX], pid[16];
    *lock_fd = open(rundir_file(r, "lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock_fd < 0)
        return error_errno(err, "%s", path);
    if (flock(*lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    close(*lock_fd);
    rundir_get(r, "pid", pid, sizeof(pid));
    return error_set(err, "an enclave named '%s' is running (process %s); stop it with `naos stop %s`, or choose another --name", r->name,
                     *pid ? pid : "?", r->name);
}

static void leftovers_remove(const struct rundir *r)
{
    char path[PATH_MAX];
    for (size_t i = 1; i < sizeof(file_names) / sizeof(file_names[0]); i++) /* all but the lock */
        unlink(rundir_file(r, file_names[i], path));
}

int rundir_create(struct rundir *r, const char *name, const char *dir, int *lock_fd, struct error *err)
{
    char base[PATH_MAX / 2], real[PATH_MAX], path[PATH_MAX];
    if (!realpath(dir, real))
        return error_errno(err, "%s", dir);
    if (!name)
        name = strrchr(real, '/') + 1;
    if (base_make(base, sizeof(base), err) < 0 || name_check(name, err) < 0)
        return -1;
    path_set(r, base, name);
    if (mkdir(r->path, 0700) < 0 && errno != EEXIST)
        return error_errno(err, "%s", r->path);
    if (lock_take(r, lock_fd, err) < 0)
        return -1;
    leftovers_remove(r);
    if (symlink(real, rundir_file(r, "instance", path)) == 0)
        return 0;
    error_errno(err, "%s", path);
    close(*lock_fd);
    return -1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct rundir *)a)->name, ((const struct rundir *)b)->name);
}

int rundir_list(struct rundir **list, size_t *count, struct error *err)
{
    char base[PATH_MAX / 2];
    base_path(base, sizeof(base));
    *list = NULL;
    *count = 0;
    DIR *d = opendir(base);
    if (!d)
        return errno == ENOENT ? 0 : error_errno(err, "%s", base);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.' || strlen(e->d_name) >= RUNDIR_NAME_MAX)
            continue;
        struct rundir *more = realloc(*list, (*count + 1) * sizeof(**list));
        if (!more)
            break;
        *list = more;
        path_set(&more[(*count)++], base, e->d_name);
    }
    closedir(d);
    if (*count > 1)
        qsort(*list, *count, sizeof(**list), by_name);
    return 0;
}

static int find_by_name(struct rundir *r, const char *name, struct error *err)
{
    char base[PATH_MAX / 2];
    if (name_check(name, err) < 0)
        return -1;
    base_path(base, sizeof(base));
    path_set(r, base, name);
    if (access(r->path, F_OK) < 0)
        return error_set(err, "there is no enclave named '%s'; `naos ps -a` lists all of yours", name);
    return 0;
}

int rundir_find(struct rundir *r, const char *name, const char *dir, struct error *err)
{
    char real[PATH_MAX], of[PATH_MAX];
    struct rundir *list;
    size_t count;
    int found = 0;
    if (name)
        return find_by_name(r, name, err);
    if (!realpath(dir, real))
        return error_errno(err, "%s", dir);
    if (rundir_list(&list, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && found < 2; i++) {
        rundir_get(&list[i], "instance", of, sizeof(of));
        if (strcmp(of, real) != 0)
            continue;
        bool is_live = rundir_is_live(&list[i]);
        if (found == 0 || is_live)
            *r = list[i];
        found = is_live ? 2 : 1;
    }
    free(list);
    return found ? 0 : error_set(err, "no enclave was started from %s; start one with `naos start`, or name one (`naos ps`)", real);
}

int rundir_remove(const struct rundir *r, struct error *err)
{
    char path[PATH_MAX];
    leftovers_remove(r);
    unlink(rundir_file(r, "lock", path));
    return rmdir(r->path) < 0 ? error_errno(err, "%s", r->path) : 0;
}
