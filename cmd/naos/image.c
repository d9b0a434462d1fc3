/* SPDX-License-Identifier: Apache-2.0 */
/* naos image: what is in the trusted image, how the folder differs from it, and the files back out of it. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "image/app.h"
#include "image/erofs_read.h"
#include "image/etc_files.h"
#include "image/tree.h"
#include "options.h"
#include "store/keyfile.h"
#include "table.h"

static const char usage[] =
    "Usage: naos image ls [--json] [PATH]\n"
    "       naos image diff [--json]\n"
    "       naos image export FOLDER\n"
    "       naos image build FOLDER FILE\n"
    "ls lists the trusted image that was built; diff compares the image folder with it; export copies it into a new FOLDER;\n"
    "build makes of FOLDER the FILE of an image that mounts of naos.json can name, and prints its root hash.\n\n"
    "      --json           ls, diff: as JSON\n"
    "  -f, --file FILE      ls, export: this image's file, not the root's of the instance\n"
    "  -k, --key FILE       the key (32 bytes, or 64 hexadecimal digits) of an encrypted image; build: encrypt it\n"
    "  -C, --instance DIR   the instance is in DIR (default: here)\n"
    "  -h, --help           this text\n\n"
    "diff prints A (added), C (changed) or D (deleted) and a path, and returns 1 if there is a difference.\n";

#define OWN_FOLDER "/.naos" /* what naos itself puts into the image */

static bool is_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return len == 0 || (strncmp(path, top, len) == 0 && (path[len] == 0 || path[len] == '/'));
}

static void content_copy(const struct erofs_file *f, char *to, size_t size)
{
    size_t whole = f->whole_size < size ? f->whole_size : size;
    if (whole)
        memcpy(to, f->whole, whole);
    if (f->size > f->whole_size && whole < size)
        memcpy(to + whole, f->tail, f->size - whole < size - whole ? f->size - whole : size - whole);
}

static void target_of(const struct erofs_file *f, char target[PATH_MAX])
{
    size_t size = f->size < PATH_MAX - 1 ? f->size : PATH_MAX - 1;
    content_copy(f, target, size);
    target[size] = 0;
}

/* ---- ls ---------------------------------------------------------------------------------------------------------------------- */

struct listing {
    const char *top;
    json_object *json; /* NULL: text */
    size_t count;
};

static void mode_text(mode_t mode, char text[11])
{
    static const char letters[] = "rwxrwxrwx";
    text[0] = S_ISDIR(mode)    ? 'd'
              : S_ISLNK(mode)  ? 'l'
              : S_ISCHR(mode)  ? 'c'
              : S_ISBLK(mode)  ? 'b'
              : S_ISFIFO(mode) ? 'p'
              : S_ISSOCK(mode) ? 's'
                               : '-';
    for (int i = 0; i < 9; i++)
        text[i + 1] = mode >> (8 - i) & 1 ? letters[i] : '-';
    if (mode & S_ISUID)
        text[3] = mode & 0100 ? 's' : 'S';
    if (mode & S_ISGID)
        text[6] = mode & 0010 ? 's' : 'S';
    if (mode & S_ISVTX)
        text[9] = mode & 0001 ? 't' : 'T';
    text[10] = 0;
}

static int ls_one(void *context, const struct erofs_file *f, struct error *err)
{
    struct listing *l = context;
    char mode[11], date[32], target[PATH_MAX] = "";
    struct tm tm;
    time_t t = f->mtime;
    (void)err;
    if (!is_below(f->path, l->top))
        return 0;
    l->count++;
    mode_text(f->mode, mode);
    if (S_ISLNK(f->mode))
        target_of(f, target);
    if (l->json) {
        json_object *o = json_object_new_object();
        json_object_object_add(o, "path", json_object_new_string(*f->path ? f->path : "/"));
        json_object_object_add(o, "mode", json_object_new_string(mode));
        json_object_object_add(o, "size", json_object_new_int64((int64_t)f->size));
        json_object_object_add(o, "mtime", json_object_new_int64(f->mtime));
        if (*target)
            json_object_object_add(o, "target", json_object_new_string(target));
        json_object_array_add(l->json, o);
        return 0;
    }
    gmtime_r(&t, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
    printf("%s %12llu %s %s%s%s\n", mode, (unsigned long long)f->size, date, *f->path ? f->path : "/", *target ? " -> " : "", target);
    return 0;
}

static int ls(const struct erofs_image *image, const char *top, bool is_json, struct error *err)
{
    struct listing l = {.top = top && strcmp(top, "/") != 0 ? top : "", .json = is_json ? json_object_new_array() : NULL};
    if (erofs_walk(image, ls_one, &l, err) < 0)
        return -1;
    if (l.json)
        puts(json_object_to_json_string_ext(l.json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    return l.count > 0 ? STATUS_OK : error_set(err, "%s is not in the image", top);
}

/* ---- diff --------------------------------------------------------------------------------------------------------------------- */

struct comparison {
    const char *dir;
    struct tree_node *root;
    size_t differences;
    json_object *json; /* they go there; NULL: to stdout */
};

static void difference_show(struct comparison *c, char kind, const char *path)
{
    const char text[2] = {kind, 0};
    c->differences++;
    if (!c->json) {
        printf("%c %s\n", kind, path);
        return;
    }
    json_object *o = json_object_new_object();
    json_object_object_add(o, "change", json_object_new_string(text));
    json_object_object_add(o, "path", json_object_new_string(path));
    json_object_array_add(c->json, o);
}

static bool is_same_file(const struct comparison *c, const struct erofs_file *f)
{
    char path[2 * PATH_MAX], buf[65536];
    snprintf(path, sizeof(path), "%s%s", c->dir, f->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t at = 0;
    bool is_same = fd >= 0;
    while (is_same && at < f->size) {
        const uint8_t *from = at < f->whole_size ? f->whole + at : f->tail + (at - f->whole_size);
        uint64_t left = (at < f->whole_size ? f->whole_size : f->size) - at;
        ssize_t n = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf));
        is_same = n > 0 && memcmp(buf, from, (size_t)n) == 0;
        at += n > 0 ? (uint64_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    return is_same;
}

static bool is_same(const struct comparison *c, const struct tree_node *n, const struct erofs_file *f)
{
    char target[PATH_MAX];
    const struct tree_node *same = n->same ? n->same : n;
    if (n->mode != f->mode)
        return false;
    if (S_ISDIR(f->mode))
        return true;
    if (same->size != f->size)
        return false;
    if (S_ISLNK(f->mode)) {
        target_of(f, target);
        return memcmp(n->data, target, f->size) == 0;
    }
    if (!S_ISREG(f->mode))
        return true;
    return same->mtime == f->mtime && same->mtime_ns == f->mtime_ns ? true : is_same_file(c, f);
}

static int diff_one(void *context, const struct erofs_file *f, struct error *err)
{
    struct comparison *c = context;
    (void)err;
    if (is_below(f->path, OWN_FOLDER))
        return 0;
    struct tree_node *n = tree_find(c->root, f->path);
    if (n)
        n->ino = 1; /* met */
    if (etc_file_is_ours(c->root, f->path))
        return 0;
    if (n && is_same(c, n, f))
        return 0;
    difference_show(c, n ? 'C' : 'D', *f->path ? f->path : "/");
    return 0;
}

static void added_print(struct comparison *c, const struct tree_node *n)
{
    char path[PATH_MAX];
    if (!n->ino) {
        difference_show(c, 'A', tree_path(n, path));
    }
    for (size_t i = 0; i < n->child_count; i++)
        added_print(c, n->children[i]);
}

static int diff(const struct erofs_image *image, const char *dir, bool is_json, struct error *err)
{
    struct app app;
    char folder[PATH_MAX];
    if (app_read(dir, &app, err) < 0)
        return -1;
    snprintf(folder, sizeof(folder), "%s%s%s", app.image_dir[0] == '/' ? "" : dir, app.image_dir[0] == '/' ? "" : "/", app.image_dir);
    struct comparison c = {.dir = folder, .root = tree_read(folder, err), .json = is_json ? json_object_new_array() : NULL};
    if (!c.root || erofs_walk(image, diff_one, &c, err) < 0)
        return -1;
    added_print(&c, c.root);
    if (c.json)
        json_show(c.json);
    tree_free(c.root);
    return c.differences ? STATUS_USER_ERROR : STATUS_OK;
}

/* ---- export --------------------------------------------------------------------------------------------------------------------- */

struct exporting {
    const char *to;
    size_t files;
};

static int file_export(const struct erofs_file *f, const char *path)
{
    const struct timespec times[2] = {{f->mtime, f->mtime_ns}, {f->mtime, f->mtime_ns}};
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool is_ok = fd >= 0 && (f->whole_size == 0 || write(fd, f->whole, f->whole_size) == (ssize_t)f->whole_size) &&
                 (f->size == f->whole_size || write(fd, f->tail, f->size - f->whole_size) == (ssize_t)(f->size - f->whole_size)) &&
                 fchmod(fd, f->mode & 07777) == 0 && futimens(fd, times) == 0;
    if (fd >= 0)
        close(fd);
    return is_ok ? 0 : -1;
}

static int export_one(void *context, const struct erofs_file *f, struct error *err)
{
    struct exporting *x = context;
    char path[2 * PATH_MAX], target[PATH_MAX];
    int result = 0;
    if (is_below(f->path, OWN_FOLDER))
        return 0;
    snprintf(path, sizeof(path), "%s%s", x->to, f->path);
    if (S_ISDIR(f->mode)) {
        result = mkdir(path, 0700) < 0 ? -1 : chmod(path, (f->mode & 07777) | 0700);
    } else if (S_ISLNK(f->mode)) {
        target_of(f, target);
        result = symlink(target, path);
    } else if (S_ISREG(f->mode)) {
        result = file_export(f, path);
    } else {
        result = S_ISFIFO(f->mode) ? mkfifo(path, f->mode & 07777) : 0; /* devices are the kernel's own inside */
    }
    x->files++;
    return result < 0 ? error_errno(err, "%s", path) : 0;
}

/* ---- all -------------------------------------------------------------------------------------------------------------------------- */

struct image_request {
    const char *dir, *file, *key_file;
    bool is_json;
};

static int open_image(const struct image_request *r, struct erofs_image *image, struct error *err)
{
    char path[PATH_MAX];
    uint8_t key[32];
    snprintf(path, sizeof(path), "%s/" INSTANCE_IMAGE, r->dir);
    if (!r->file && access(path, F_OK) < 0)
        return error_set(err, "%s is missing; run `naos build` first", path);
    if (r->key_file && store_key_read(r->key_file, key, err) < 0)
        return -1;
    return erofs_open(r->file ? r->file : path, r->key_file ? key : NULL, image, err);
}

static int image_command(const struct image_request *r, char **argv, int argc, struct error *err)
{
    struct erofs_image image;
    int result = -1;
    if (open_image(r, &image, err) < 0)
        return -1;
    if (strcmp(argv[0], "ls") == 0 && argc <= 2) {
        result = ls(&image, argv[1], r->is_json, err);
    } else if (strcmp(argv[0], "diff") == 0 && argc == 1 && !r->file) {
        result = diff(&image, r->dir, r->is_json, err);
    } else if (strcmp(argv[0], "export") == 0 && argc == 2) {
        struct exporting x = {argv[1], 0};
        result = erofs_walk(&image, export_one, &x, err);
        if (result == 0)
            printf("exported %zu files and folders to %s\n", x.files, x.to);
    } else {
        error_set(err, "'%s' is not ls, diff, export or build, or has other arguments; see 'naos image --help'", argv[0]);
    }
    erofs_close(&image);
    return result;
}

int cmd_image(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"file", required_argument, NULL, 'f'}, {"key", required_argument, NULL, 'k'},
        {"instance", required_argument, NULL, 'C'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    struct image_request r = {.dir = "."};
    struct error err;
    int c;
    while ((c = getopt_long(argc, argv, "C:f:k:h", options, NULL)) != -1) {
        switch (c) {
        case 'j': r.is_json = true; break;
        case 'f': r.file = optarg; break;
        case 'k': r.key_file = optarg; break;
        case 'C': r.dir = optarg; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: try_help("image"); return STATUS_USER_ERROR;
        }
    }
    if (optind >= argc)
        return cmd_fail("image", "say ls, diff, export or build; see 'naos image --help'");
    if (strcmp(argv[optind], "build") == 0 && argc - optind == 3)
        return cmd_image_build(argv[optind + 1], argv[optind + 2], r.key_file);
    int status = image_command(&r, argv + optind, argc - optind, &err);
    return status < 0 ? cmd_fail("image", err.text) : status;
}
