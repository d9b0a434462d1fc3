/* SPDX-License-Identifier: Apache-2.0 */
/*
 * naos add: files and folders of this machine, at the same places in the image, with the
 * interpreters and libraries that they need. Links on the way are made in the image as they are
 * here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmd.h"
#include "image/app.h"
#include "image/closure.h"
#include "image/ld_cache.h"
#include "image/lock.h"
#include "image/package.h"
#include "base/remove.h"

static const char usage[] = "Usage: naos add [OPTION]... [FILE|FOLDER]...\n"
                            "Copy programs, files and folders of this machine into image/, at the "
                            "same paths. Programs bring their\n"
                            "interpreter and libraries along; links stay links.\n\n"
                            "      --package NAME   add a Debian package and all that it depends on, from apt; may be given again\n"
    "  -C, --instance DIR   the instance is in DIR (default: here)\n"
                            "  -h, --help           this text\n";

#define LINKS_MAX 40

struct add {
    const char *image; /* DIR/image */
    struct root host;
    char **queue; /* paths still to be copied */
    size_t queued, done, room;
    void *seen; /* tree of all that were ever queued */
    size_t file_count;
    uint64_t byte_count;
    struct error *err;
};

static int compare_paths(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int enqueue(struct add *a, const char *path)
{
    if (tfind(path, &a->seen, compare_paths))
        return 0;
    if (a->queued == a->room) {
        size_t room = a->room ? 2 * a->room : 64;
        char **grown = realloc(a->queue, room * sizeof(*grown));
        if (!grown)
            return error_set(a->err, "out of memory");
        a->queue = grown;
        a->room = room;
    }
    char *copy = strdup(path);
    if (!copy || !tsearch(copy, &a->seen, compare_paths))
        return error_set(a->err, "out of memory");
    a->queue[a->queued++] = copy;
    return 0;
}

/* ---- one path -------------------------------------------------------------------------------- */

static int bytes_copy(struct add *a, int from, const char *to, const struct stat *st)
{
    char temp[PATH_MAX];
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    snprintf(temp, sizeof(temp), "%s.naos-add", to);
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(a->err, "%s", temp);
    off_t left = st->st_size;
    ssize_t n = 1;
    while (left > 0 && (n = sendfile(fd, from, NULL, (size_t)left)) > 0)
        left -= n;
    bool is_ok = n >= 0 && fchmod(fd, st->st_mode & 07777) == 0 && futimens(fd, times) == 0;
    if (close(fd) == 0 && is_ok && rename(temp, to) == 0) {
        a->file_count++;
        a->byte_count += (uint64_t)st->st_size;
        return 0;
    }
    error_errno(a->err, "%s", to);
    unlink(temp);
    return -1;
}

/* With the linker's own list, if the library lies where only that list leads. */
static int library_enqueue(struct add *a, const char *path)
{
    static const char *const lists[] = {"/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.cache"};
    int result = enqueue(a, path);
    for (size_t i = 0; library_is_configured(&a->host, path) && i < 3 && result == 0; i++)
        result = access(lists[i], F_OK) == 0 ? enqueue(a, lists[i]) : 0;
    return result;
}

/* Interpreter and libraries of a program, as the dynamic linker of this machine would find them. */
static int needs_enqueue(struct add *a, const char *path)
{
    struct bytes file;
    struct elf_needs needs;
    char found[PATH_MAX];
    if (!root_map(&a->host, path, &file))
        return 0;
    elf_needs_read(file.data, file.size, &needs);
    bool is_absent = needs.is_script && access(needs.interpreter, F_OK) <
                                            0; /* a script that nobody here can run either */
    int result = needs.interpreter && !is_absent ? enqueue(a, needs.interpreter) : 0;
    for (size_t i = 0; i < needs.needed_count && result == 0; i++) {
        if (library_find(&a->host, path, &needs, needs.needed[i], found, sizeof(found)))
            result = library_enqueue(a, found);
        else if (needs.interpreter)
            result = error_set(
                a->err,
                "%s needs the library %s, which is not on this machine; install its package", path,
                needs.needed[i]);
        /* glibc loads it by itself when a thread is cancelled */
        if (result == 0 && strcmp(needs.needed[i], "libc.so.6") == 0 &&
            library_find(&a->host, path, &needs, "libgcc_s.so.1", found, sizeof(found)))
            result = enqueue(a, found);
    }
    file_unmap(&file);
    return result;
}

static int file_copy(struct add *a, const char *path, const char *to, const struct stat *st)
{
    struct stat there;
    if (stat(to, &there) == 0 && there.st_size == st->st_size &&
        there.st_mtim.tv_sec == st->st_mtim.tv_sec && there.st_mtim.tv_nsec == st->st_mtim.tv_nsec)
        return needs_enqueue(a, path); /* copied before */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(a->err, "%s", path);
    int result = bytes_copy(a, fd, to, st);
    close(fd);
    return result < 0 ? -1 : needs_enqueue(a, path);
}

static int dir_copy(struct add *a, const char *path, const char *to, const struct stat *st,
                    bool is_last)
{
    struct dirent *e;
    int result = 0;
    char below[PATH_MAX];
    if (mkdir(to, 0755) == 0)
        chmod(to, st->st_mode & 07777);
    else if (errno != EEXIST)
        return error_errno(a->err, "%s", to);
    if (!is_last)
        return 0;
    DIR *d = opendir(path);
    if (!d)
        return error_errno(a->err, "%s", path);
    while (result == 0 && (e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
        result = enqueue(a, below);
    }
    closedir(d);
    return result;
}

/* Makes the link, and goes on at what it points to. */
static int link_copy(struct add *a, const char *path, const char *to, const char *rest)
{
    char target[PATH_MAX], next[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    if (n < 0)
        return error_errno(a->err, "%s", path);
    target[n] = 0;
    if (symlink(target, to) < 0 && errno != EEXIST)
        return error_errno(a->err, "%s", to);
    int dir_len = (int)(strrchr(path, '/') - path);
    int size = target[0] == '/'
                   ? snprintf(next, sizeof(next), "%s%s", target, rest)
                   : snprintf(next, sizeof(next), "%.*s/%s%s", dir_len, path, target, rest);
    char *slash = strrchr(next, '/');
    if (size >= (int)sizeof(next) || !slash)
        return error_set(a->err, "%s: the path is too long", path);
    return access(next, F_OK) == 0 ? enqueue(a, next) : 0; /* one that leads nowhere stays so */
}

/* "a/./b/../c" without the dots, which links cannot upset: each component before was copied as what it is. */
static void dots_remove(char *path)
{
    char *out = path, *in = path;
    while (*in) {
        size_t len = strcspn(in + 1, "/") + 1; /* a slash and a name */
        if (len == 1 || (len == 2 && in[1] == '.')) {
            /* nothing */
        } else if (len == 3 && in[1] == '.' && in[2] == '.') {
            while (out > path && *--out != '/')
                ;
        } else {
            memmove(out, in, len);
            out += len;
        }
        in += len;
    }
    *out = 0;
}

static int path_copy(struct add *a, const char *given)
{
    char path[PATH_MAX], to[2 * PATH_MAX];
    snprintf(path, sizeof(path), "%s", given);
    dots_remove(path);
    for (char *end = path; *end;) {
        struct stat st;
        end = strchrnul(end + 1, '/');
        char rest[PATH_MAX];
        snprintf(rest, sizeof(rest), "%s", end);
        *end = 0;
        snprintf(to, sizeof(to), "%s%s", a->image, path);
        if (lstat(path, &st) < 0)
            return error_errno(a->err, "%s", path);
        bool is_last = rest[0] == 0;
        int result = 0;
        if (S_ISLNK(st.st_mode))
            return link_copy(a, path, to, rest);
        if (S_ISDIR(st.st_mode))
            result = dir_copy(a, path, to, &st, is_last);
        else if (S_ISREG(st.st_mode))
            result = file_copy(a, path, to, &st);
        if (result < 0 || is_last)
            return result;
        memcpy(end, rest, strlen(rest) + 1);
    }
    return 0;
}

/* ---- all ------------------------------------------------------------------------------------- */

static int argument_add(struct add *a, const char *arg)
{
    char *full = arg[0] == '/' ? strdup(arg) : realpath(arg, NULL);
    if (!full || access(full, F_OK) < 0) {
        free(full);
        return error_errno(a->err, "%s", arg);
    }
    int result = enqueue(a, full);
    free(full);
    return result;
}

static int add_run(struct add *a, int count, char **args)
{
    int result = root_open("/", &a->host, a->err);
    for (int i = 0; i < count && result == 0; i++)
        result = argument_add(a, args[i]);
    while (result == 0 && a->done < a->queued) {
        char *path = a->queue[a->done++];
        result = path_copy(a, path);
        if (isatty(2) && a->done % 64 == 0)
            fprintf(stderr, "\rnaos add: %zu files ...", a->file_count);
    }
    if (isatty(2))
        fputs("\r\033[K", stderr);
    return result;
}

static int packages_take(char *const *names, const char *image, struct error *err)
{
    char scratch[PATH_MAX + 16];
    size_t count;
    snprintf(scratch, sizeof(scratch), "%s.packages", image);
    tree_remove(scratch);
    if (packages_add(names, image, scratch, &count, err) < 0)
        return -1;
    printf("added %zu packages; their scripts were not run\n", count);
    return 0;
}

int cmd_add(int argc, char **argv)
{
    static const struct option options[] = {
        {"instance", required_argument, NULL, 'C'}, {"package", required_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {0}};
    char **packages = calloc((size_t)argc + 1, sizeof(*packages)); /* lives as long as the command */
    size_t package_count = 0;
    const char *dir = ".";
    char image[PATH_MAX];
    struct error err;
    struct app app;
    int c;
    while ((c = getopt_long(argc, argv, "C:h", options, NULL)) != -1) {
        switch (c) {
        case 'C':
            dir = optarg;
            break;
        case 'p':
            packages[package_count++] = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return STATUS_OK;
        default:
            fputs("Try 'naos add --help'.\n", stderr);
            return STATUS_USER_ERROR;
        }
    }
    if (optind >= argc && package_count == 0)
        return cmd_fail("add", "name a program, file or folder to add; see 'naos add --help'");
    if (instance_lock(dir, &err) < 0 || app_read(dir, &app, &err) < 0)
        return cmd_fail("add", err.text);
    snprintf(image, sizeof(image), "%s%s%s", app.image_dir[0] == '/' ? "" : dir,
             app.image_dir[0] == '/' ? "" : "/", app.image_dir);
    if (package_count > 0 && packages_take(packages, image, &err) < 0)
        return cmd_fail("add", err.text);
    struct add a = {.image = image, .err = &err};
    if (optind < argc && add_run(&a, argc - optind, argv + optind) < 0)
        return cmd_fail("add", err.text);
    ld_cache_make(image);
    if (optind < argc)
        printf("added %zu files, %.1f MiB\n", a.file_count, (double)a.byte_count / 1048576);
    return STATUS_OK;
}
