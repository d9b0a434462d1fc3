/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc is tables of struct proc_entry: folders list their entries, files say how their text is made. node.c turns them
 * into inodes; entries that come and go (pids, descriptors) are found by a folder's `dynamic` functions.
 */
#pragma once
#include <linux/stat.h>
#include "base/string.h"
#include "proc/internal.h"
#include "procfs/procfs.h"

/* Text that grows as it is written. */
struct text {
    char *buf;
    size_t size, capacity;
    bool is_failed; /* no memory: what follows is dropped, the read fails */
};
void text_add(struct text *t, const char *fmt, ...) printf_like(2, 3);
void text_add_bytes(struct text *t, const void *bytes, size_t size);
/* Room for at least size bytes behind the text; NULL: no memory. */
char *text_reserve(struct text *t, size_t size);
void text_free(struct text *t);

struct proc_entry;

/* What an inode stands for. A node in an inode holds references; one in a lookup's result hands them over. */
struct proc_node {
    const struct proc_entry *entry;
    struct process *process; /* NULL: of the system */
    struct thread *thread;   /* of task/<tid>; NULL: the process's first */
    int fd;                  /* of fd/ and fdinfo/ */
};

#define PROC_NAME_SIZE 24
struct proc_dynamic {
    int (*lookup)(const struct proc_node *dir, const char *name, size_t len, struct proc_node *child); /* -ENOENT */
    /* The first entry whose key is >= *key: sets key and name, and the type (S_IF*). False: there is none. */
    bool (*next)(const struct proc_node *dir, uint64_t *key, char name[PROC_NAME_SIZE], unsigned *type);
};

struct proc_entry {
    const char *name;
    uint32_t mode;
    bool is_private;  /* only for those who may inspect the process */
    const char *text; /* of a file that never changes */
    int (*show)(const struct proc_node *n, struct text *t);
    int (*write)(const struct proc_node *n, char *text, size_t len); /* zero ended, without the last newline */
    int64_t (*readlink)(const struct proc_node *n, char *buf, size_t size);
    int (*follow)(const struct proc_node *n, struct path *result); /* of a magic link */
    const struct proc_entry *children;
    size_t child_count;
    const struct proc_dynamic *dynamic;
    const struct file_ops *file_ops; /* instead of text */
};

#define PROC_TEXT(entry_name, content)  {.name = (entry_name), .mode = S_IFREG | 0444, .text = (content)}
#define PROC_FILE(entry_name, function) {.name = (entry_name), .mode = S_IFREG | 0444, .show = (function)}
#define PROC_FOLDER(entry_name, list) \
    {.name = (entry_name), .mode = S_IFDIR | 0555, .children = (list), .child_count = ARRAY_COUNT(list)}

/* ---- node.c ------------------------------------------------------------------------------------------------------ */

const struct proc_node *proc_node_of(const struct inode *inode);
/* Decimal without leading zeros, up to 2^30. */
bool proc_number_parse(const char *name, size_t len, int *value);
int proc_target_check(const struct proc_node *n); /* 0; -ESRCH: the process is gone; -EACCES: not to be inspected */
/* The thread that n is about, or the process's first; referenced; NULL: a zombie. */
struct thread *proc_thread(const struct proc_node *n);

/* ---- tables --------------------------------------------------------------------------------------------------------- */

extern const struct proc_entry proc_root_entry; /* root.c */
extern const struct proc_entry proc_pid_entry;  /* pid.c */
extern const struct proc_entry proc_tid_entry;
#define PROC_SYS_ENTRY_COUNT 4
extern const struct proc_entry proc_sys_entries[PROC_SYS_ENTRY_COUNT]; /* sys.c */
#define PROC_NET_ENTRY_COUNT 11
extern const struct proc_entry proc_net_entries[PROC_NET_ENTRY_COUNT]; /* net.c */
#define PROC_SYSVIPC_ENTRY_COUNT 3
extern const struct proc_entry proc_sysvipc_entries[PROC_SYSVIPC_ENTRY_COUNT]; /* sysvipc.c */
extern const struct proc_dynamic proc_fd_dynamic, proc_fdinfo_dynamic; /* fd.c */

/* ---- what the tables of pid.c show, by file ---------------------------------------------------------------------------- */

int proc_show_stat(const struct proc_node *n, struct text *t); /* status.c */
int proc_show_status(const struct proc_node *n, struct text *t);
int proc_show_statm(const struct proc_node *n, struct text *t);
int proc_show_limits(const struct proc_node *n, struct text *t);
int proc_show_maps(const struct proc_node *n, struct text *t); /* maps.c */
int proc_show_smaps(const struct proc_node *n, struct text *t);
int proc_show_smaps_rollup(const struct proc_node *n, struct text *t);
int proc_show_cmdline(const struct proc_node *n, struct text *t); /* memory.c */
int proc_show_environ(const struct proc_node *n, struct text *t);
int proc_show_auxv(const struct proc_node *n, struct text *t);
extern const struct file_ops proc_mem_file_ops;

/* ---- opened.c -------------------------------------------------------------------------------------------------------------- */

/* A path to an open file that has none: to be stat'ed, and opened again. Referenced. */
nodiscard int opened_path(struct file *f, struct path *result);
/* What /proc/<pid>/fd shows for it: "pipe:[7]", a path; its length. */
nodiscard int64_t opened_describe(struct file *f, char *buf, size_t size);
nodiscard int opened_init(void);
