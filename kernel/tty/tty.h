/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: the line discipline, job control, pseudoterminals (/dev/ptmx, devpts) and the console, which is a terminal
 * whose far side is the host's. Lock order: process_tree_lock, then a terminal's lock, then the table of ptys.
 */
#pragma once
#include "vfs/inode.h"

struct process;
struct session;
struct tty;

/* At boot: registers the devices (majors 5 and 136). */
void tty_init(void);

/* proc_ops.session_ended. */
void tty_session_ended(struct session *session, struct tty *tty);

/* Device number of a process's controlling terminal; 0: none. */
uint64_t tty_process_rdev(struct process *p);

/* The file system at /dev/pts. One tree for all its mounts. */
nodiscard int devpts_mount(struct superblock **sb);

/*
 * A console: puts the host's terminal behind descriptor host_fd in raw mode; -ENOTTY: it is none. *t is the caller's
 * reference. The first one is /dev/console and /dev/pts/0 inside, and stays.
 */
nodiscard int console_open(int host_fd, struct tty **t);
/* Lets output leave, hangs up, and gives the host's descriptor back, and the caller's reference of t. May sleep. */
void console_close(struct tty *t);
/* An open file of it, the caller's reference; its path is there if devpts is mounted. */
nodiscard int console_file(struct tty *t, unsigned flags, struct file **f);
/* Whom /dev/pts/N belongs to: the program's user. */
void console_set_owner(struct tty *t, uint32_t uid, uint32_t gid);
/* The host's terminal has another size. From any context, does not sleep. */
void console_winch(struct tty *t);
/* Waits a short time for output to leave. */
void console_flush(struct tty *t);
/* The far side went: end of file, errors, SIGHUP to who has it as controlling terminal. */
void tty_hangup(struct tty *t);
void tty_hangup_caller(void); /* the terminal that the caller's session has, if it has one */
struct tty *console_tty(void); /* the first console, referenced; NULL: there is none */
void tty_get(struct tty *t);
void tty_put(struct tty *t); /* does not sleep */
