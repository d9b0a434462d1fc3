/* SPDX-License-Identifier: Apache-2.0 */
/* naos store: looks at, checks, copies and changes the files of stores, with their key. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cmd.h"
#include "crypto/random.h"
#include "store/filedev.h"
#include "store/files.h"
#include "store/keyfile.h"
#include "store/rekey.h"
#include "table.h"

static const char usage[] =
    "Usage: naos store COMMAND [OPTION]... FILE [ARGUMENT]...\n"
    "Work on a store that no instance has open. FILE is stores/NAME.store of the instance.\n\n"
    "  info FILE                        what it is; with the key, also what is in it\n"
    "  new FILE                         make an empty one\n"
    "  fsck FILE                        verify every block; the paths of what is damaged\n"
    "  ls FILE [PATH]                   list all from PATH on\n"
    "  cp FILE :PATH HOSTFILE           copy a file out; or in: cp FILE HOSTFILE :PATH\n"
    "  rekey FILE                       encrypt all of it anew under another key\n"
    "  snapshot FILE                    list the snapshots\n"
    "  snapshot FILE create|delete|rollback NAME\n\n"
    "  -k, --key FILE         the key: 32 bytes, or 64 hexadecimal digits\n"
    "      --new-key FILE     rekey: the other key\n"
    "      --size SIZE        new: what it may grow to, as 256M or 4G (default 1G)\n"
    "  -s, --snapshot NAME    ls, cp: as it was then\n"
    "      --json             info, ls, snapshot: as JSON\n"
    "  -h, --help             this text\n\n"
    "Stores with \"key\": \"enclave\" or \"signer\" open in their enclave only: of them, info tells the little that is not secret.\n";

struct request {
    const char *path, *key_file, *new_key_file, *snapshot;
    char **args; /* behind FILE */
    int count;
    uint64_t size;
    bool is_json;
    json_object *json; /* what the command fills with --json; NULL: it prints */
    struct error err;
};

static int fail_errno(struct request *r, const char *what, int err)
{
    const char *why = err == -EACCES ? "the key does not fit, or it was tampered with" : strerror(-err);
    return error_set(&r->err, "%s: %s", what, why);
}

static int key_take(struct request *r, uint8_t key[32])
{
    if (!r->key_file)
        return error_set(&r->err, "this needs the key: --key FILE");
    return store_key_read(r->key_file, key, &r->err);
}

/* The store, open. The caller closes both. */
static int open_store(struct request *r, unsigned flags, struct filedev *f, struct store **st)
{
    uint8_t key[32];
    if (key_take(r, key) < 0 || filedev_open(f, r->path, r->size, false, flags & STORE_READ_ONLY, &r->err) < 0)
        return -1;
    int err = r->snapshot ? store_open_snapshot(&f->dev, key, r->snapshot, st) : store_open(&f->dev, key, flags, st);
    if (err == 0)
        return 0;
    filedev_close(f);
    return r->snapshot && err == -ENOENT ? error_set(&r->err, "%s: there is no snapshot %s", r->path, r->snapshot)
                                         : fail_errno(r, r->path, err);
}

static int close_store(struct filedev *f, struct store *st, int result)
{
    store_close(st);
    filedev_close(f);
    return result;
}

/* ---- info, new ------------------------------------------------------------------------------------------------------- */

/* What it is, as lines of "name value" or as one object. */
static void fact_text(struct request *r, const char *name, const char *value)
{
    if (r->json)
        json_object_object_add(r->json, name, json_object_new_string(value));
    else
        printf("%s %s\n", name, value);
}

static void fact_number(struct request *r, const char *name, uint64_t value)
{
    if (r->json)
        json_object_object_add(r->json, name, json_object_new_uint64(value));
    else
        printf("%s %llu\n", name, (unsigned long long)value);
}

static int cmd_info(struct request *r)
{
    static const char *const kinds[] = {"?", "file", "enclave", "signer"};
    struct store_superblock super;
    struct store_info info;
    struct filedev f;
    struct store *st;
    char uuid[33];
    if (filedev_open(&f, r->path, 0, false, true, &r->err) < 0)
        return -1;
    int err = store_probe(&f.dev, &super);
    filedev_close(&f);
    if (err)
        return error_set(&r->err, "%s: not a store of this version", r->path);
    hex_print(super.uuid, sizeof(super.uuid), uuid);
    fact_number(r, "version", super.version);
    fact_text(r, "uuid", uuid);
    fact_text(r, "key", kinds[super.key_kind < 4 ? super.key_kind : 0]);
    fact_number(r, "log_blocks", super.log_blocks);
    fact_number(r, "file_blocks", f.dev.blocks);
    if (!r->key_file)
        return 0;
    if (open_store(r, STORE_READ_ONLY, &f, &st) < 0)
        return -1;
    store_info(st, &info);
    fact_number(r, "generation", info.generation);
    fact_number(r, "epoch", info.epoch);
    fact_number(r, "inodes", info.inodes);
    return close_store(&f, st, 0);
}

static int cmd_new_store(struct request *r)
{
    struct store_superblock super = {.magic = STORE_MAGIC, .version = STORE_VERSION, .key_kind = STORE_KEY_FILE};
    struct filedev f;
    uint8_t key[32];
    uint64_t size = r->size ? r->size : 1ULL << 30, log_blocks = size / STORE_BLOCK / 64;
    super.log_blocks = (uint32_t)(log_blocks < 16 ? 16 : log_blocks > 2048 ? 2048 : log_blocks);
    if (key_take(r, key) < 0 || filedev_open(&f, r->path, size, true, false, &r->err) < 0)
        return -1;
    random_bytes(super.uuid, sizeof(super.uuid));
    int err = store_format(&f.dev, key, &super, time(NULL) * 1000000000LL);
    filedev_close(&f);
    return err ? fail_errno(r, r->path, err) : 0;
}

/* ---- fsck ------------------------------------------------------------------------------------------------------------ */

struct fsck {
    struct store_report report;
    struct store_visit visit;
    uint64_t damaged[1024]; /* inodes */
    size_t count;
};

static void note_damage(struct store_report *report, uint64_t ino, uint64_t block)
{
    struct fsck *f = container_of(report, struct fsck, report);
    (void)block;
    if (f->count < ARRAY_COUNT(f->damaged) && (f->count == 0 || f->damaged[f->count - 1] != ino))
        f->damaged[f->count++] = ino;
}

static int tell_damaged(struct store_visit *v, const char *path, uint64_t ino, const struct store_inode *inode)
{
    struct fsck *f = container_of(v, struct fsck, visit);
    (void)inode;
    for (size_t i = 0; i < f->count; i++) {
        if (f->damaged[i] == ino) {
            printf("damaged: %s\n", path);
            break;
        }
    }
    return 0;
}

static int cmd_fsck(struct request *r)
{
    struct fsck *c = calloc(1, sizeof(*c));
    struct filedev f;
    struct store *st;
    if (!c || open_store(r, STORE_READ_ONLY, &f, &st) < 0)
        return -1;
    c->report.damaged = note_damage;
    c->visit.each = tell_damaged;
    int err = store_check(st, &c->report), visited = store_visit(st, STORE_ROOT_INO, "/", &c->visit);
    const struct store_report *p = &c->report;
    printf("%llu nodes, %llu extents, %llu blocks of data; %llu nodes, %llu blocks, %llu items damaged, %llu blocks used twice\n",
           (unsigned long long)p->nodes, (unsigned long long)p->extents, (unsigned long long)p->blocks, (unsigned long long)p->bad_nodes,
           (unsigned long long)p->bad_blocks, (unsigned long long)p->bad_items, (unsigned long long)p->doubly_used);
    bool is_bad = err || visited || p->bad_nodes + p->bad_blocks + p->bad_items + p->doubly_used > 0;
    free(c);
    return close_store(&f, st, is_bad ? error_set(&r->err, "%s is damaged; what is not named above can be read", r->path) : 0);
}

/* ---- ls, cp ------------------------------------------------------------------------------------------------------------ */

struct listing {
    struct store_visit visit; /* first */
    struct request *request;
};

static void file_json(json_object *list, const char *path, const struct store_inode *inode)
{
    char mode[16];
    json_object *o = json_object_new_object();
    snprintf(mode, sizeof(mode), "%06o", inode->mode);
    json_object_object_add(o, "path", json_object_new_string(path));
    json_object_object_add(o, "mode", json_object_new_string(mode));
    json_object_object_add(o, "links", json_object_new_int64(inode->nlink));
    json_object_object_add(o, "uid", json_object_new_int64(inode->uid));
    json_object_object_add(o, "gid", json_object_new_int64(inode->gid));
    json_object_object_add(o, "size", json_object_new_uint64(inode->size));
    json_object_array_add(list, o);
}

static int list_one(struct store_visit *v, const char *path, uint64_t ino, const struct store_inode *inode)
{
    const struct listing *l = (const struct listing *)v;
    (void)ino;
    if (l->request->json)
        file_json(l->request->json, path, inode);
    else
        printf("%06o %3u %5u %5u %12llu %s\n", inode->mode, inode->nlink, inode->uid, inode->gid, (unsigned long long)inode->size, path);
    return 0;
}

static int cmd_ls(struct request *r)
{
    struct listing listing = {{list_one}, r};
    const char *path = r->count > 0 ? r->args[0] : "/";
    struct filedev f;
    struct store *st;
    uint64_t ino;
    if (open_store(r, STORE_READ_ONLY, &f, &st) < 0)
        return -1;
    int err = store_path_find(st, path, &ino);
    if (err == 0)
        err = store_visit(st, ino, path, &listing.visit);
    return close_store(&f, st, err ? fail_errno(r, path, err) : 0);
}

static int copy_out(struct request *r, struct store *st, const char *from, const char *to)
{
    uint64_t ino;
    int err = store_path_find(st, from, &ino);
    if (err)
        return fail_errno(r, from, err);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(&r->err, "%s", to);
    err = store_file_out(st, ino, fd);
    close(fd);
    return err ? fail_errno(r, from, err) : 0;
}

static int copy_in(struct request *r, struct store *st, const char *from, const char *to)
{
    int64_t now = time(NULL) * 1000000000LL;
    const struct store_inode init = {.mode = S_IFREG | 0644, .nlink = 1, .atime = now, .mtime = now, .ctime = now, .btime = now};
    const char *name;
    uint64_t dir, ino;
    unsigned type;
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(&r->err, "%s", from);
    int err = store_path_parent(st, to, &dir, &name);
    if (err == 0)
        err = store_lookup(st, dir, name, strlen(name), &ino, &type);
    if (err == -ENOENT)
        err = store_create(st, dir, name, strlen(name), &init, &ino);
    else if (err == 0)
        err = type == S_IFREG >> 12 ? store_truncate(st, ino, 0, now) : -EISDIR;
    if (err == 0)
        err = store_file_in(st, ino, fd);
    if (err == 0)
        err = store_commit(st);
    close(fd);
    return err ? fail_errno(r, to, err) : 0;
}

static int cmd_cp(struct request *r)
{
    struct filedev f;
    struct store *st;
    bool is_out = r->count == 2 && r->args[0][0] == ':', is_in = r->count == 2 && r->args[1][0] == ':';
    if (is_out == is_in)
        return error_set(&r->err, "cp takes two names, one of them :PATH inside the store");
    if (open_store(r, is_out ? STORE_READ_ONLY : 0, &f, &st) < 0)
        return -1;
    int result = is_out ? copy_out(r, st, r->args[0] + 1, r->args[1]) : copy_in(r, st, r->args[0], r->args[1] + 1);
    return close_store(&f, st, result);
}

/* ---- rekey, snapshot ------------------------------------------------------------------------------------------------------ */

/* Into a new file beside the old one, which it replaces when it is complete. */
static int cmd_rekey(struct request *r)
{
    char temporary[PATH_MAX];
    struct filedev from, to;
    struct store *st;
    uint8_t key[32];
    if (!r->new_key_file)
        return error_set(&r->err, "rekey needs the other key: --new-key FILE");
    snprintf(temporary, sizeof(temporary), "%s.new", r->path);
    if (store_key_read(r->new_key_file, key, &r->err) < 0 || open_store(r, STORE_READ_ONLY, &from, &st) < 0)
        return -1;
    int result = filedev_open(&to, temporary, from.dev.blocks * STORE_BLOCK * 2, true, false, &r->err);
    if (result == 0) {
        int err = store_rekey(st, &to.dev, key);
        filedev_close(&to);
        result = err ? fail_errno(r, temporary, err) : rename(temporary, r->path) < 0 ? error_errno(&r->err, "%s", r->path) : 0;
        if (result < 0)
            unlink(temporary);
    }
    return close_store(&from, st, result);
}

static void snapshot_show(struct request *r, const struct store_snapshot *s, const char *when)
{
    if (!r->json) {
        printf("%s  generation %llu  %.55s\n", when, (unsigned long long)s->generation, s->name);
        return;
    }
    json_object *o = json_object_new_object();
    json_object_object_add(o, "name", json_object_new_string_len(s->name, (int)strnlen(s->name, 55)));
    json_object_object_add(o, "created", json_object_new_string(when));
    json_object_object_add(o, "generation", json_object_new_uint64(s->generation));
    json_object_array_add(r->json, o);
}

static int snapshots_list(struct request *r)
{
    struct store_snapshot s;
    struct filedev f;
    struct store *st;
    char when[64];
    if (open_store(r, STORE_READ_ONLY, &f, &st) < 0)
        return -1;
    for (size_t i = 0; store_snapshot_at(st, i, &s); i++) {
        time_t created = (time_t)(s.created / 1000000000);
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", gmtime(&created));
        snapshot_show(r, &s, when);
    }
    return close_store(&f, st, 0);
}

static int cmd_snapshot(struct request *r)
{
    struct filedev f;
    struct store *st;
    if (r->count == 0)
        return snapshots_list(r);
    if (r->count != 2)
        return error_set(&r->err, "snapshot takes create, delete or rollback, and a name");
    const char *verb = r->args[0], *name = r->args[1];
    if (open_store(r, 0, &f, &st) < 0)
        return -1;
    int err = strcmp(verb, "create") == 0     ? store_snapshot_create(st, name, time(NULL) * 1000000000LL)
              : strcmp(verb, "delete") == 0   ? store_snapshot_delete(st, name)
              : strcmp(verb, "rollback") == 0 ? store_snapshot_rollback(st, name)
                                              : -EINVAL;
    return close_store(&f, st, err ? fail_errno(r, name, err) : 0);
}

/* ---- which ------------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    int (*run)(struct request *r);
    json_object *(*json)(void); /* what it fills; NULL: it prints no table */
} verbs[] = {
    {"info", cmd_info, json_object_new_object}, {"new", cmd_new_store, NULL}, {"fsck", cmd_fsck, NULL},
    {"ls", cmd_ls, json_object_new_array},      {"cp", cmd_cp, NULL},         {"rekey", cmd_rekey, NULL},
    {"snapshot", cmd_snapshot, json_object_new_array},
};

static uint64_t size_parse(const char *text)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : *end == 'T' ? 40 : 0;
    return n << shift;
}

static int verb_run(const char *name, struct request *r)
{
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, name) != 0)
            continue;
        r->json = r->is_json && verbs[i].json ? verbs[i].json() : NULL;
        if (verbs[i].run(r) < 0)
            return cmd_fail("store", r->err.text);
        if (r->json)
            json_show(r->json);
        return STATUS_OK;
    }
    fprintf(stderr, "naos store: '%s' is not one of its commands; 'naos store --help' lists them\n", name);
    return STATUS_USER_ERROR;
}

int cmd_store(int argc, char **argv)
{
    static const struct option options[] = {{"key", required_argument, NULL, 'k'},      {"new-key", required_argument, NULL, 'n'},
                                            {"size", required_argument, NULL, 'z'},     {"snapshot", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},           {0}};
    struct request r = {0};
    int c;
    while ((c = getopt_long(argc, argv, "k:s:h", options, NULL)) != -1) {
        switch (c) {
        case 'k': r.key_file = optarg; break;
        case 'n': r.new_key_file = optarg; break;
        case 'z': r.size = size_parse(optarg); break;
        case 's': r.snapshot = optarg; break;
        case 'j': r.is_json = true; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: fputs("Try 'naos store --help'.\n", stderr); return STATUS_USER_ERROR;
        }
    }
    if (argc - optind < 2)
        return cmd_fail("store", "which command, and which file? Try 'naos store --help'.");
    r.path = argv[optind + 1];
    r.args = argv + optind + 2;
    r.count = argc - optind - 2;
    return verb_run(argv[optind], &r);
}
