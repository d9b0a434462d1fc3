/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations on names, compared with a model: making, linking, renaming (with its flags) and removing files and
 * directories in a small tree. fsstress [SEED [COUNT]].
 */
#include "fs.h"

#define DIRS  6  /* slots of directories; 0 is the root */
#define NAMES 5  /* in each */
#define FILES 64

enum kind { NONE, FILE_, DIR_ };
static struct slot {
    enum kind kind;
    int id; /* of the file, or the directory */
} tree[DIRS][NAMES];
static int links[FILES], dir_up[DIRS]; /* of a directory: parent slot, -1: not there */
static uint64_t seed = 1, state;
static unsigned count = 4000, step;

static uint32_t any(uint32_t below)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((state >> 33) % below);
}

static void fail(const char *what, const char *path, int result, int wanted)
{
    fprintf(stderr, "fsstress: step %u: %s %s: got %d, wanted %d; seed %llu\n", step, what, path, result, wanted,
            (unsigned long long)seed);
    _exit(1);
}

static void expect(const char *what, const char *path, int result, int wanted)
{
    int got = result < 0 ? errno : 0;
    if (got != wanted)
        fail(what, path, got, wanted);
}

/* Lengths differ, so that renames meet dentries of other sizes. */
static const char *name_of(int n)
{
    static const char *const names[NAMES] = {"a", "bb", "a name that is much longer than the others, for a change", "d", "e-e-e"};
    return names[n];
}

static void dir_path(int dir, char *path, size_t size)
{
    char up[1024];
    if (dir == 0) {
        snprintf(path, size, ".");
        return;
    }
    dir_path(dir_up[dir], up, sizeof(up));
    for (int n = 0; n < NAMES; n++) {
        if (tree[dir_up[dir]][n].kind == DIR_ && tree[dir_up[dir]][n].id == dir)
            snprintf(path, size, "%.900s/%s", up, name_of(n));
    }
}

struct at {
    int dir, name;
    struct slot *slot;
    char path[1024];
};

static struct at somewhere(void)
{
    struct at a;
    char dir[900];
    do
        a.dir = (int)any(DIRS);
    while (a.dir != 0 && dir_up[a.dir] < 0);
    a.name = (int)any(NAMES);
    a.slot = &tree[a.dir][a.name];
    dir_path(a.dir, dir, sizeof(dir));
    snprintf(a.path, sizeof(a.path), "%s/%s", dir, name_of(a.name));
    return a;
}

static bool is_empty(int dir)
{
    for (int n = 0; n < NAMES; n++) {
        if (tree[dir][n].kind != NONE)
            return false;
    }
    return true;
}

static bool is_below(int dir, int ancestor)
{
    for (; dir > 0; dir = dir_up[dir]) {
        if (dir == ancestor)
            return true;
    }
    return dir == ancestor;
}

static void forget(struct slot s)
{
    if (s.kind == FILE_)
        links[s.id]--;
    else if (s.kind == DIR_)
        dir_up[s.id] = -1;
}

static void op_create(void)
{
    struct at a = somewhere();
    int id = 0;
    while (id < FILES && links[id])
        id++;
    if (id == FILES)
        return;
    int fd = open(a.path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    expect("create", a.path, fd, a.slot->kind == NONE ? 0 : EEXIST);
    if (fd < 0)
        return;
    expect("write", a.path, write(fd, &id, sizeof(id)) == sizeof(id) ? 0 : -1, 0);
    close(fd);
    *a.slot = (struct slot){FILE_, id};
    links[id] = 1;
}

static void op_mkdir(void)
{
    struct at a = somewhere();
    int id = 1;
    while (id < DIRS && dir_up[id] >= 0)
        id++;
    if (id == DIRS)
        return;
    int err = mkdir(a.path, 0755);
    expect("mkdir", a.path, err, a.slot->kind == NONE ? 0 : EEXIST);
    if (err < 0)
        return;
    *a.slot = (struct slot){DIR_, id};
    dir_up[id] = a.dir;
}

static void op_remove(void)
{
    struct at a = somewhere();
    bool as_dir = any(2);
    int wanted = 0, err = as_dir ? rmdir(a.path) : unlink(a.path);
    if (a.slot->kind == NONE)
        wanted = ENOENT;
    else if (as_dir)
        wanted = a.slot->kind != DIR_ ? ENOTDIR : is_empty(a.slot->id) ? 0 : ENOTEMPTY;
    else
        wanted = a.slot->kind == DIR_ ? EISDIR : 0;
    expect(as_dir ? "rmdir" : "unlink", a.path, err, wanted);
    if (err < 0)
        return;
    forget(*a.slot);
    a.slot->kind = NONE;
}

static void op_link(void)
{
    struct at from = somewhere(), to = somewhere();
    int wanted = 0;
    if (from.slot->kind == NONE)
        wanted = ENOENT;
    else if (to.slot->kind != NONE)
        wanted = EEXIST;
    else if (from.slot->kind == DIR_)
        wanted = EPERM;
    int err = link(from.path, to.path);
    expect("link", to.path, err, wanted);
    if (err < 0)
        return;
    *to.slot = *from.slot;
    links[to.slot->id]++;
}

static int rename_wanted(const struct at *from, const struct at *to, unsigned flags)
{
    if (from->slot->kind == NONE)
        return ENOENT;
    if (to->slot->kind != NONE && flags == RENAME_NOREPLACE)
        return EEXIST;
    if (to->slot->kind == NONE && flags == RENAME_EXCHANGE)
        return ENOENT;
    if (from->slot->kind == DIR_ && is_below(to->dir, from->slot->id))
        return EINVAL;
    if (to->slot->kind == DIR_ && is_below(from->dir, to->slot->id))
        return flags == RENAME_EXCHANGE ? EINVAL : ENOTEMPTY;
    bool is_same = from->slot == to->slot || (from->slot->kind == FILE_ && to->slot->kind == FILE_ && from->slot->id == to->slot->id);
    if (is_same || to->slot->kind == NONE || flags == RENAME_EXCHANGE)
        return 0;
    if (from->slot->kind == DIR_ && to->slot->kind == FILE_)
        return ENOTDIR;
    if (from->slot->kind == FILE_ && to->slot->kind == DIR_)
        return EISDIR;
    return to->slot->kind == DIR_ && !is_empty(to->slot->id) ? ENOTEMPTY : 0;
}

static void op_rename(void)
{
    static const unsigned kinds[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
    struct at from = somewhere(), to = somewhere();
    unsigned flags = kinds[any(4)];
    int wanted = rename_wanted(&from, &to, flags), err = renameat2(AT_FDCWD, from.path, AT_FDCWD, to.path, flags);
    expect("rename", from.path, err, wanted);
    bool is_same = from.slot->kind == FILE_ && to.slot->kind == FILE_ && from.slot->id == to.slot->id;
    if (err < 0 || from.slot == to.slot || is_same)
        return;
    struct slot old = *to.slot;
    *to.slot = *from.slot;
    if (to.slot->kind == DIR_)
        dir_up[to.slot->id] = to.dir;
    if (flags == RENAME_EXCHANGE) {
        *from.slot = old;
        if (old.kind == DIR_)
            dir_up[old.id] = from.dir;
    } else {
        forget(old);
        from.slot->kind = NONE;
    }
}

static void file_check(const char *path, int id)
{
    int found = -1, fd = open(path, O_RDONLY);
    struct stat st;
    if (fd < 0 || read(fd, &found, sizeof(found)) != sizeof(found) || found != id)
        fail("content", path, found, id);
    if (fstat(fd, &st) < 0 || (int)st.st_nlink != links[id])
        fail("links", path, (int)st.st_nlink, links[id]);
    close(fd);
}

static void dir_check(int dir)
{
    char path[900], name[1024];
    int wanted = 0, found = 0;
    dir_path(dir, path, sizeof(path));
    for (int n = 0; n < NAMES; n++) {
        snprintf(name, sizeof(name), "%s/%s", path, name_of(n));
        wanted += tree[dir][n].kind != NONE;
        if (tree[dir][n].kind == FILE_)
            file_check(name, tree[dir][n].id);
        else if (is_there(name) != (tree[dir][n].kind == DIR_))
            fail("there", name, is_there(name), tree[dir][n].kind == DIR_);
    }
    DIR *d = opendir(path);
    struct dirent *e;
    while (d && (e = readdir(d)))
        found += e->d_name[0] != '.';
    closedir(d);
    if (found != wanted)
        fail("entries", path, found, wanted);
}

static void run(void)
{
    static void (*const ops[])(void) = {op_create, op_create, op_mkdir, op_remove, op_link, op_rename, op_rename, op_rename};
    state = seed;
    for (int d = 1; d < DIRS; d++)
        dir_up[d] = -1;
    for (step = 0; step < count; step++) {
        ops[any(sizeof(ops) / sizeof(ops[0]))]();
        for (int d = 0; d < DIRS && step % 16 == 0; d++) {
            if (d == 0 || dir_up[d] >= 0)
                dir_check(d);
        }
    }
}

int main(int argc, char **argv)
{
    const char *base = getenv("FS_BASE");
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        count = (unsigned)strtoul(argv[2], NULL, 0);
    fs_case(base ? base : ".", run);
    if (!base)
        fs_case("/tmp", run);
    return 0;
}
