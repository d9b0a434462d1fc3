/* SPDX-License-Identifier: Apache-2.0 */
/* What tcsetattr(3) and its like ask for: ioctl_tty(2). */
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/eventpoll.h>
#include "base/string.h"
#include "proc/process.h"
#include "tty/internal.h"

/* ---- struct termios ------------------------------------------------------------------------------------------------------ */

void tty_termios_init(struct ktermios *k)
{
    *k = (struct ktermios){
        .c_iflag = ICRNL | IXON,
        .c_oflag = OPOST | ONLCR,
        .c_cflag = B38400 | CS8 | CREAD,
        .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        .c_cc = {[VINTR] = 003, [VQUIT] = 034, [VERASE] = 0177, [VKILL] = 025, [VEOF] = 004, [VMIN] = 1, [VSTART] = 021,
                 [VSTOP] = 023, [VSUSP] = 032, [VREPRINT] = 022, [VDISCARD] = 017, [VWERASE] = 027, [VLNEXT] = 026},
        .c_ispeed = 38400,
        .c_ospeed = 38400,
    };
}

/* By the code in c_cflag; those from B57600 on have CBAUDEX set. */
static unsigned speed_of(unsigned cflag, unsigned other)
{
    static const unsigned low[] = {0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
    static const unsigned high[] = {0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000,
                                    2000000, 2500000, 3000000, 3500000, 4000000};
    unsigned code = cflag & CBAUD;
    if (code == BOTHER)
        return other;
    return code & CBAUDEX ? high[code & 15] : low[code & 15];
}

/* There is no line to configure: eight bits, no parity, always on. */
static void termios_apply(struct tty *t, const struct ktermios *wanted)
{
    struct ktermios old = t->termios;
    t->termios = *wanted;
    t->termios.c_line = 0;
    t->termios.c_cflag = (wanted->c_cflag & ~(unsigned)(CSIZE | PARENB)) | CS8 | CREAD;
    t->termios.c_ospeed = speed_of(wanted->c_cflag, wanted->c_ospeed);
    t->termios.c_ispeed = speed_of(wanted->c_cflag, wanted->c_ispeed);
    if ((old.c_lflag ^ wanted->c_lflag) & (ICANON | EXTPROC))
        tty_line_mode_changed(t);
    if (!(wanted->c_iflag & IXON) && (old.c_iflag & IXON))
        tty_output_stop(t, false);
    waitq_wake_all(&t->near_waitq, EPOLLIN | EPOLLOUT);
    waitq_wake_all(&t->far_waitq, EPOLLOUT);
}

static struct ktermios termios_now(struct tty *t)
{
    spin_lock(&t->lock);
    struct ktermios k = t->termios;
    spin_unlock(&t->lock);
    return k;
}

/* size: of struct termios, or of struct termios2, which begins in the same way. */
static int64_t termios_get(struct tty *t, uaddr_t arg, size_t size)
{
    const struct ktermios k = termios_now(t);
    return copy_to_user(arg, &k, size);
}

static int64_t termios_change(struct tty *t, const struct ktermios *k, bool drain, bool flush)
{
    int err = drain ? tty_drain(t) : 0;
    if (err)
        return err;
    spin_lock(&t->lock);
    if (flush)
        tty_input_flush(t);
    termios_apply(t, k);
    spin_unlock(&t->lock);
    return 0;
}

static int64_t termios_set(struct tty *t, uaddr_t arg, size_t size, bool drain, bool flush)
{
    int err = tty_job_check(t, SIGTTOU);
    struct ktermios k = termios_now(t);
    if (err == 0)
        err = copy_from_user(&k, arg, size);
    return err ? err : termios_change(t, &k, drain, flush);
}

/* System V's, with the lower halves of the flags and fewer characters. */
static int64_t termio_get(struct tty *t, uaddr_t arg)
{
    const struct ktermios k = termios_now(t);
    struct termio old = {.c_iflag = (uint16_t)k.c_iflag, .c_oflag = (uint16_t)k.c_oflag, .c_cflag = (uint16_t)k.c_cflag,
                         .c_lflag = (uint16_t)k.c_lflag, .c_line = k.c_line};
    memcpy(old.c_cc, k.c_cc, sizeof(old.c_cc));
    return copy_to_user(arg, &old, sizeof(old));
}

static unsigned low_half(unsigned flags, uint16_t low)
{
    return (flags & 0xffff0000) | low;
}

static int64_t termio_set(struct tty *t, uaddr_t arg, bool drain, bool flush)
{
    struct termio old;
    int err = tty_job_check(t, SIGTTOU);
    if (err == 0)
        err = copy_from_user(&old, arg, sizeof(old));
    if (err)
        return err;
    struct ktermios k = termios_now(t);
    k.c_iflag = low_half(k.c_iflag, old.c_iflag);
    k.c_oflag = low_half(k.c_oflag, old.c_oflag);
    k.c_cflag = low_half(k.c_cflag, old.c_cflag);
    k.c_lflag = low_half(k.c_lflag, old.c_lflag);
    memcpy(k.c_cc, old.c_cc, sizeof(old.c_cc));
    return termios_change(t, &k, drain, flush);
}

/* "Ignore the modem's lines": one flag of termios by itself. */
static int64_t soft_carrier_set(struct tty *t, uaddr_t arg)
{
    int is_on;
    if (copy_from_user(&is_on, arg, sizeof(is_on)))
        return -EFAULT;
    struct ktermios k = termios_now(t);
    k.c_cflag = (k.c_cflag & ~(unsigned)CLOCAL) | (is_on ? CLOCAL : 0);
    return termios_change(t, &k, false, false);
}

static int64_t termios_ioctl(struct tty *t, unsigned cmd, uaddr_t arg)
{
    const size_t size = sizeof(struct termios), size2 = sizeof(struct termios2);
    switch (cmd) {
    case TCGETS:
        return termios_get(t, arg, size);
    case TCSETS:
        return termios_set(t, arg, size, false, false);
    case TCSETSW:
        return termios_set(t, arg, size, true, false);
    case TCSETSF:
        return termios_set(t, arg, size, true, true);
    case TCGETS2:
        return termios_get(t, arg, size2);
    case TCSETS2:
        return termios_set(t, arg, size2, false, false);
    case TCSETSW2:
        return termios_set(t, arg, size2, true, false);
    case TCSETSF2:
        return termios_set(t, arg, size2, true, true);
    case TCGETA:
        return termio_get(t, arg);
    case TCSETA:
        return termio_set(t, arg, false, false);
    case TCSETAW:
        return termio_set(t, arg, true, false);
    case TCSETAF:
        return termio_set(t, arg, true, true);
    case TIOCGSOFTCAR:
        return put_user(arg, (int)(termios_now(t).c_cflag & CLOCAL ? 1 : 0));
    case TIOCSSOFTCAR:
        return soft_carrier_set(t, arg);
    default:
        return -ENOTTY;
    }
}

/* ---- window size ------------------------------------------------------------------------------------------------------------ */

void tty_set_winsize(struct tty *t, const struct winsize *size)
{
    spin_lock(&t->lock);
    bool is_new = memcmp(&t->winsize, size, sizeof(*size)) != 0;
    t->winsize = *size;
    spin_unlock(&t->lock);
    if (is_new)
        tty_signal_foreground(t, SIGWINCH);
}

static int64_t winsize_ioctl(struct tty *t, unsigned cmd, uaddr_t arg)
{
    struct winsize size;
    if (cmd == TIOCSWINSZ) {
        if (copy_from_user(&size, arg, sizeof(size)))
            return -EFAULT;
        tty_set_winsize(t, &size);
        return 0;
    }
    spin_lock(&t->lock);
    size = t->winsize;
    spin_unlock(&t->lock);
    return put_user(arg, size);
}

/* ---- queues and flow ---------------------------------------------------------------------------------------------------------- */

static int64_t flow(struct tty *t, uint64_t arg)
{
    if (arg > TCION)
        return -EINVAL;
    spin_lock(&t->lock);
    if (arg == TCOOFF || arg == TCOON) {
        tty_output_stop(t, arg == TCOOFF);
    } else {
        uint8_t c = t->termios.c_cc[arg == TCIOFF ? VSTOP : VSTART];
        if (c != TTY_DISABLED)
            tty_echo_char(t, c); /* goes to the far side */
        waitq_wake_all(&t->far_waitq, EPOLLIN);
    }
    spin_unlock(&t->lock);
    if (t->ops->output)
        t->ops->output(t);
    return 0;
}

/* Seen from the master, input is what the near side wrote. */
static int64_t flush(struct tty *t, bool is_far, uint64_t arg)
{
    if (arg > TCIOFLUSH)
        return -EINVAL;
    bool does_input = arg != TCOFLUSH, does_output = arg != TCIFLUSH;
    spin_lock(&t->lock);
    if (is_far ? does_output : does_input)
        tty_input_flush(t);
    if (is_far ? does_input : does_output)
        tty_output_flush(t, is_far);
    spin_unlock(&t->lock);
    if (t->ops->has_room)
        t->ops->has_room(t);
    return 0;
}

static int64_t queue_size(struct tty *t, bool is_far, unsigned cmd, uaddr_t arg)
{
    spin_lock(&t->lock);
    size_t in = tty_readable_size(t), out = tty_ring_used(&t->out);
    spin_unlock(&t->lock);
    bool is_output = cmd == TIOCOUTQ;
    if (is_far)
        return put_user(arg, (int)(is_output ? 0 : out));
    return put_user(arg, (int)(!is_output ? in : t->ops->output ? out : 0));
}

static int64_t job_checked(struct tty *t, bool is_far, unsigned cmd, uint64_t arg)
{
    int err = tty_job_check(t, SIGTTOU);
    if (err)
        return err;
    switch (cmd) {
    case TCXONC:
        return flow(t, arg);
    case TCFLSH:
        return flush(t, is_far, arg);
    default: /* TCSBRK, TCSBRKP: there is no line to break; waiting for the output is what tcdrain(3) wants */
        return tty_drain(t);
    }
}

static int64_t exclusive_set(struct tty *t, bool is_exclusive)
{
    spin_lock(&t->lock);
    t->is_exclusive = is_exclusive;
    spin_unlock(&t->lock);
    return 0;
}

static int64_t discipline_set(uaddr_t arg)
{
    int discipline;
    if (copy_from_user(&discipline, arg, sizeof(discipline)))
        return -EFAULT;
    return discipline == 0 ? 0 : -EINVAL; /* N_TTY is the only one */
}

static int64_t hangup_by_call(struct tty *t)
{
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    tty_hangup(t);
    return 0;
}

int64_t tty_ioctl(struct tty *t, struct file *f, bool is_far, unsigned cmd, uint64_t arg)
{
    switch (cmd) {
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCGSID:
        return tty_job_ioctl(t, f, is_far, cmd, arg);
    case TIOCGWINSZ:
    case TIOCSWINSZ:
        return winsize_ioctl(t, cmd, arg);
    case FIONREAD:
    case TIOCOUTQ:
        return queue_size(t, is_far, cmd, arg);
    case TCXONC:
    case TCFLSH:
    case TCSBRK:
    case TCSBRKP:
        return job_checked(t, is_far, cmd, arg);
    case TIOCEXCL:
    case TIOCNXCL:
        return exclusive_set(t, cmd == TIOCEXCL);
    case TIOCGEXCL:
        return put_user(arg, (int)t->is_exclusive);
    case TIOCGETD:
        return put_user(arg, (int)0);
    case TIOCSETD:
        return discipline_set(arg);
    case TIOCGDEV:
        return put_user(arg, (unsigned)t->rdev);
    case TIOCSTI:
        return -EIO; /* as Linux with dev.tty.legacy_tiocsti = 0 */
    case TIOCSBRK:
    case TIOCCBRK:
        return 0; /* no line to break: Linux says the same of pseudoterminals */
    case TIOCVHANGUP:
        return hangup_by_call(t);
    default:
        return termios_ioctl(t, cmd, arg);
    }
}
