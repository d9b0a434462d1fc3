/* SPDX-License-Identifier: Apache-2.0 */
#include "closure.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <linux/openat2.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- files in a root ------------------------------------------------------------------------- */

static int root_open_file(const struct root *root, const char *path, uint64_t flags)
{
    const struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    return (int)syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
}

int root_lookup(const struct root *root, const char *path)
{
    return root_open_file(root, path, O_PATH);
}

bool root_map(const struct root *root, const char *path, struct bytes *file)
{
    struct stat st;
    int fd = root_open_file(root, path, O_RDONLY | O_NONBLOCK);
    *file = (struct bytes){0};
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (at != MAP_FAILED)
            *file = (struct bytes){at, (size_t)st.st_size};
    }
    if (fd >= 0)
        close(fd);
    return file->data != NULL;
}

void file_unmap(struct bytes *file)
{
    munmap(file->data, file->size);
}

/* ---- directories of libraries ---------------------------------------------------------------- */

/* Where the dynamic linker looks by itself (Debian's, and others' with lib64). */
static const char *const default_dirs[] = {"/lib/x86_64-linux-gnu",
                                           "/usr/lib/x86_64-linux-gnu",
                                           "/lib64",
                                           "/usr/lib64",
                                           "/lib",
                                           "/usr/lib"};
#define DEFAULT_COUNT (sizeof(default_dirs) / sizeof(default_dirs[0]))

bool library_is_configured(const struct root *root, const char *path)
{
    size_t len = (size_t)(strrchr(path, '/') - path), configured = root->dir_count - DEFAULT_COUNT;
    bool is_configured = false;
    for (size_t i = 0; i < root->dir_count; i++) {
        if (strlen(root->dirs[i]) == len && strncmp(root->dirs[i], path, len) == 0)
            is_configured = i < configured;
    }
    return is_configured;
}

static void dir_add(struct root *root, const char *dir)
{
    char **grown = realloc(root->dirs, (root->dir_count + 1) * sizeof(*grown));
    if (!grown)
        return;
    root->dirs = grown;
    root->dirs[root->dir_count++] = strdup(dir);
}

/* A directory a line; "include" and comments: the one level that Debian uses is read by conf_read itself. */
static void conf_file_read(struct root *root, const char *path)
{
    struct bytes file;
    if (!root_map(root, path, &file))
        return;
    char *text = strndup((char *)file.data, file.size), *save;
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        line += strspn(line, " \t");
        line[strcspn(line, " \t#")] = 0;
        if (*line == '/')
            dir_add(root, line);
    }
    free(text);
    file_unmap(&file);
}

static void conf_read(struct root *root, const char *path)
{
    char pattern[PATH_MAX];
    glob_t found;
    conf_file_read(root, "/etc/ld.so.conf");
    snprintf(pattern, sizeof(pattern), "%s/etc/ld.so.conf.d/*.conf", path);
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        conf_file_read(root, found.gl_pathv[i] + strlen(path));
    globfree(&found);
}

int root_open(const char *path, struct root *root, struct error *err)
{
    *root = (struct root){.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (root->fd < 0)
        return error_errno(err, "%s", path);
    conf_read(root, strcmp(path, "/") == 0 ? "" : path);
    for (size_t i = 0; i < DEFAULT_COUNT; i++)
        dir_add(root, default_dirs[i]);
    return 0;
}

void root_close(struct root *root)
{
    for (size_t i = 0; i < root->dir_count; i++)
        free(root->dirs[i]);
    free(root->dirs);
    close(root->fd);
}

/* As the dynamic linker does: a library for another machine is passed over. */
static bool library_try(const struct root *root, const char *dir, const char *name, char *path,
                        size_t size)
{
    Elf64_Ehdr eh;
    if (snprintf(path, size, "%s/%s", dir, name) >= (int)size)
        return false;
    int fd = root_open_file(root, path, O_RDONLY | O_NONBLOCK);
    bool is_one = fd >= 0 && read(fd, &eh, sizeof(eh)) == sizeof(eh) &&
                  memcmp(eh.e_ident, ELFMAG, SELFMAG) == 0 && eh.e_ident[EI_CLASS] == ELFCLASS64 &&
                  eh.e_machine == EM_X86_64;
    if (fd >= 0)
        close(fd);
    return is_one;
}

/* One entry of a run path, with $ORIGIN for the user's own directory. */
static void origin_expand(const char *entry, size_t len, const char *user, char *dir, size_t size)
{
    static const char *const forms[] = {"${ORIGIN}", "$ORIGIN"};
    for (size_t i = 0; i < 2; i++) {
        size_t form = strlen(forms[i]);
        if (len >= form && strncmp(entry, forms[i], form) == 0) {
            int user_dir = (int)(strrchr(user, '/') - user);
            snprintf(dir, size, "%.*s%.*s", user_dir, user, (int)(len - form), entry + form);
            return;
        }
    }
    snprintf(dir, size, "%.*s", (int)len, entry);
}

/* musl's dynamic linker is its C library as well: it takes this name for itself. */
static bool musl_library(const struct root *root, const char *name, char *path, size_t size)
{
    return strcmp(name, "libc.so") == 0 && library_try(root, "/lib", "ld-musl-x86_64.so.1", path, size);
}

bool library_find(const struct root *root, const char *user, const struct elf_needs *needs,
                  const char *name, char *path, size_t size)
{
    char dir[PATH_MAX];
    if (strchr(name, '/'))
        return library_try(root, "", name, path, size);
    for (const char *entry = needs->run_path; entry && *entry;) {
        size_t len = strcspn(entry, ":");
        origin_expand(entry, len, user, dir, sizeof(dir));
        if (len > 0 && library_try(root, dir, name, path, size))
            return true;
        entry += len + (entry[len] == ':');
    }
    for (size_t i = 0; i < root->dir_count; i++) {
        if (library_try(root, root->dirs[i], name, path, size))
            return true;
    }
    if (needs->interpreter && strstr(needs->interpreter, "ld-musl") &&
        library_try(root, "/usr/local/lib", name, path, size))
        return true;
    snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(user, '/') - user),
             user); /* plug-ins beside each other */
    return library_try(root, dir, name, path, size) || musl_library(root, name, path, size);
}

/* ---- the check ------------------------------------------------------------------------------- */

struct check {
    struct root root;
    size_t prefix; /* length of the directory's own path */
    void *seen;    /* tree of the libraries that programs need, directly or not */
    char **queue;  /* the same, as they came */
    size_t queued, room;
    struct error *err;
};
static struct check *checking; /* nftw hands nothing through */

static int compare_paths(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int enqueue(const char *path)
{
    struct check *c = checking;
    if (tfind(path, &c->seen, compare_paths))
        return 0;
    if (c->queued == c->room) {
        size_t room = c->room ? 2 * c->room : 64;
        char **grown = realloc(c->queue, room * sizeof(*grown));
        if (!grown)
            return error_set(c->err, "out of memory");
        c->queue = grown;
        c->room = room;
    }
    char *copy = strdup(path);
    if (!copy || !tsearch(copy, &c->seen, compare_paths))
        return error_set(c->err, "out of memory");
    c->queue[c->queued++] = copy;
    return 0;
}

static int interpreter_check(const char *path, const struct elf_needs *needs)
{
    int fd = needs->interpreter ? root_lookup(&checking->root, needs->interpreter) : 0;
    if (fd > 0)
        close(fd);
    if (fd >= 0)
        return 0;
    return error_set(checking->err,
                     "%s needs the interpreter %s, which the image does not have; run `naos add "
                     "%s`, or remove %s",
                     path, needs->interpreter, needs->interpreter, path);
}

static int libraries_check(const char *path, const struct elf_needs *needs)
{
    char found[PATH_MAX];
    int result = 0;
    for (size_t i = 0; i < needs->needed_count && result == 0; i++) {
        if (!library_find(&checking->root, path, needs, needs->needed[i], found, sizeof(found)))
            return error_set(checking->err,
                             "%s needs the library %s, which the image does not have; run `naos "
                             "add %s`, or copy it to image/usr/lib",
                             path, needs->needed[i], path);
        result = enqueue(found);
    }
    return result;
}

/* Programs only: plug-ins are often built for more than one may want. */
static int file_check(const char *path, const struct stat *st, int type, struct FTW *where)
{
    struct bytes file;
    struct elf_needs needs;
    const char *inside = path + checking->prefix;
    (void)where;
    if (type != FTW_F || !S_ISREG(st->st_mode) || !(st->st_mode & 0111) ||
        !root_map(&checking->root, inside, &file))
        return 0;
    elf_needs_read(file.data, file.size, &needs);
    int result = needs.is_elf && needs.interpreter ? interpreter_check(inside, &needs) : 0;
    if (result == 0 && needs.is_elf && needs.interpreter)
        result = libraries_check(inside, &needs);
    file_unmap(&file);
    return result;
}

/* What the programs' libraries need in turn. */
static int queue_check(struct check *c)
{
    int result = 0;
    for (size_t i = 0; i < c->queued && result == 0; i++) {
        struct bytes file;
        struct elf_needs needs;
        if (!root_map(&c->root, c->queue[i], &file))
            continue;
        elf_needs_read(file.data, file.size, &needs);
        result = libraries_check(c->queue[i], &needs);
        file_unmap(&file);
    }
    return result;
}

int closure_check(const char *dir, struct error *err)
{
    struct check check = {.prefix = strlen(dir), .err = err};
    if (root_open(dir, &check.root, err) < 0)
        return error_set(
            err,
            "%s: there is no such folder; it holds what the enclave's root file system will hold",
            dir);
    checking = &check;
    int result = nftw(dir, file_check, 64, FTW_PHYS);
    if (result == 0)
        result = queue_check(&check);
    tdestroy(check.seen, free);
    free(check.queue);
    root_close(&check.root);
    return result;
}
