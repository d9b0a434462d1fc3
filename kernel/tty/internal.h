/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal has two sides. Programs open the near one (/dev/pts/N, the console); the far one is a pty's master or the
 * host. Input comes from the far side through the line discipline (input.c) to near readers; near writers' output goes
 * through OPOST (output.c) into a ring that the far side empties. Echo goes into the same ring, where writers leave
 * room for it.
 */
#pragma once
#include <asm/termbits.h>
#include <asm/termios.h>
#include "tty/tty.h"

#define TTY_INPUT_SIZE  4096
#define TTY_OUTPUT_SIZE 16384
#define TTY_ECHO_ROOM   4096 /* at the end of the output ring, for echo alone */
#define PTY_MAJOR       136
#define TTY_AUX_MAJOR   5
#define PTY_MAX         4096
#define TTY_DISABLED    0 /* _POSIX_VDISABLE */

/* What the line discipline holds. Counters run free; a character's place is its counter modulo the size. */
struct tty_line {
    uint8_t buf[TTY_INPUT_SIZE];
    uint64_t ends[TTY_INPUT_SIZE / 64]; /* a line ends here */
    uint32_t head, tail;
    uint32_t line_head;    /* canonical: complete lines end before it */
    unsigned column, line_column; /* of the output now, and where the line being typed began */
    bool is_literal;       /* the next character is taken as it is (VLNEXT) */
    bool is_erasing;       /* ECHOPRT: between '\' and '/' */
};

struct tty_ring {
    uint8_t buf[TTY_OUTPUT_SIZE];
    uint32_t head, tail;
};

struct tty;
/* The far side. All may be NULL; called with no lock held. */
struct tty_ops {
    void (*output)(struct tty *t);   /* bytes wait in t->out */
    void (*has_room)(struct tty *t); /* input was read that the far side may have waited for */
    void (*destroy)(struct tty *t);
};

struct tty {
    struct refcount ref;    /* of near and far files, and of the session */
    const struct tty_ops *ops;
    uint64_t rdev;
    struct inode *inode;    /* in devpts; set once */
    void *far;              /* the far side's own: a struct console */
    struct session *session; /* whose controlling terminal it is, referenced; under process_tree_lock */

    struct spinlock lock;   /* guards the rest */
    struct ktermios termios;
    struct winsize winsize;
    struct tty_line line;
    struct tty_ring out;
    struct waitq near_waitq, far_waitq; /* all who wait for anything on their side */
    unsigned near_count;    /* open files of the near side */
    bool is_hung_up;        /* the far side is gone, for good */
    bool is_stopped;        /* ^S, TCOOFF: no output */
    bool is_exclusive;      /* TIOCEXCL */
    /* Of a pty: */
    bool is_locked;         /* until unlockpt(3) */
    bool near_was_closed;   /* the master reads EIO until somebody opens the near side again */
    bool is_packet;         /* TIOCPKT */
    uint8_t packet_status;  /* TIOCPKT_* to be told to the master */
};

/* ---- tty.c ------------------------------------------------------------------------------------------------------- */

extern const struct file_ops tty_file_ops;
struct tty *tty_create(const struct tty_ops *ops, uint64_t rdev); /* one reference; NULL: no memory */
/* f becomes an open file of the near side. -EIO, -EBUSY. */
nodiscard int tty_open_near(struct tty *t, struct file *f);

/* ---- input.c: all under t->lock ------------------------------------------------------------------------------------ */

/* Takes characters from the far side, all of them. Signals to be sent to the foreground group come in *signals (a set
 * as signal_bit has it): tty_signal_set sends them once the lock is let go. */
void tty_receive(struct tty *t, const uint8_t *buf, size_t size, uint64_t *signals);
void tty_signal_set(struct tty *t, uint64_t signals); /* without the lock */
/* How many characters the far side may give now. */
size_t tty_room(const struct tty *t);
/* Can a near reader have something? for_poll: VMIN of them. */
bool tty_is_readable(const struct tty *t, bool for_poll);
/* Moves up to size bytes out; *is_end: the line ended with them. */
size_t tty_take(struct tty *t, uint8_t *buf, size_t size, bool *is_end);
size_t tty_readable_size(const struct tty *t); /* FIONREAD */
void tty_input_flush(struct tty *t);
/* ICANON changed: what was typed so far becomes readable, or a line. */
void tty_line_mode_changed(struct tty *t);

/* ---- output.c: all under t->lock ----------------------------------------------------------------------------------- */

static inline size_t tty_ring_used(const struct tty_ring *r)
{
    return r->head - r->tail;
}

/* Writes as many as fit, processed by OPOST: how many of buf went. */
size_t tty_write_some(struct tty *t, const uint8_t *buf, size_t size);
void tty_echo_char(struct tty *t, uint8_t c);  /* through OPOST; lost if there is no room at all */
size_t tty_ring_peek(const struct tty_ring *r, uint8_t *buf, size_t size);
void tty_ring_drop(struct tty_ring *r, size_t size);
void tty_output_flush(struct tty *t, bool is_far);
void tty_output_stop(struct tty *t, bool is_stopped);
bool tty_has_write_room(const struct tty *t);

/* ---- read.c, write in output.c ---------------------------------------------------------------------------------------- */

nodiscard int64_t tty_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock);
nodiscard int64_t tty_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock);
/* Sleeps until the far side has taken all output. */
nodiscard int tty_drain(struct tty *t);

/* ---- job.c ---------------------------------------------------------------------------------------------------------- */

/* May the caller read (SIGTTIN) or write and change things (SIGTTOU)? 0, -EIO, -EINTR after a signal to its group. */
nodiscard int tty_job_check(struct tty *t, int signo);
void tty_signal_foreground(struct tty *t, int signo);
/* The calling session leader without a terminal gets this one, if nobody has it. */
void tty_become_controlling(struct tty *t, const struct file *f);
struct tty *tty_of_caller(void); /* its controlling terminal, referenced; NULL: none */
nodiscard int64_t tty_job_ioctl(struct tty *t, struct file *f, bool is_far, unsigned cmd, uint64_t arg);
void tty_signal_session(struct tty *t); /* hangup: SIGHUP to the leader, and it has no terminal any more */

/* ---- ioctl.c -------------------------------------------------------------------------------------------------------- */

/* is_far: through a pty's master. */
nodiscard int64_t tty_ioctl(struct tty *t, struct file *f, bool is_far, unsigned cmd, uint64_t arg);
void tty_termios_init(struct ktermios *k);
void tty_set_winsize(struct tty *t, const struct winsize *size);

/* ---- pty.c, devpts.c --------------------------------------------------------------------------------------------------- */

nodiscard int ptmx_open(struct inode *inode, struct file *f);
/* Terminals by number: takes the lowest free one (-ENOSPC); the entry goes with pty_index_free. */
nodiscard int pty_index_alloc(struct tty *t, unsigned *idx);
void pty_index_free(unsigned idx);
struct tty *pty_find(unsigned idx); /* referenced; NULL */
/* The first number >= idx that is taken, or PTY_MAX. */
unsigned pty_index_next(unsigned idx);
/* The inode of /dev/pts/<idx>, owned by uid and gid. NULL: no memory. */
struct inode *devpts_inode(unsigned idx, uint32_t uid, uint32_t gid);
