/* SPDX-License-Identifier: Apache-2.0 */
#include "syscall/paths.h"

char *user_path(uaddr_t name)
{
    char *s = heap_alloc(PATH_MAX);
    if (!s)
        return err_ptr(-ENOMEM);
    int64_t len = copy_string_from_user(s, name, PATH_MAX);
    if (len >= 0)
        return s;
    heap_free(s);
    return err_ptr((int)len);
}

int at_start(int dir, const char *name, struct path *start)
{
    struct file *f;
    *start = (struct path){0};
    if (dir == AT_FDCWD || name[0] == '/')
        return 0;
    int err = fd_get(thread_current()->files, dir, &f);
    if (err)
        return err;
    if (f->path.dentry) {
        *start = f->path;
        path_get(start);
    } else {
        err = -ENOTDIR;
    }
    file_put(f);
    return err;
}

int at_walk(int dir, uaddr_t name, unsigned walk_flags, struct path *result)
{
    struct path start;
    char *s = user_path(name);
    if (is_err(s))
        return ptr_err(s);
    int err = at_start(dir, s, &start);
    if (err == 0) {
        err = path_walk(start_of(&start), s, walk_flags, result);
        path_put(&start);
    }
    heap_free(s);
    return err;
}
