/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: an input is a list of what is typed, printed and set at both ends of a pty. The line discipline reads bytes of any
 * kind under termios of any kind.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include "target.h"

#define HANDLER 0x77000000u /* where a caught signal would go; nothing is there */

static uaddr_t ptmx, buf;

/* A system call that a timer may interrupt, and back from the handler, which does nothing. */
static int64_t call(struct arch_regs *regs, uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
    int64_t result = fake_syscall(regs, nr, (const uint64_t[6]){a, b, c});
    for (int depth = 0; regs->pc == HANDLER && depth < 64; depth++)
        SYS(regs, rt_sigreturn);
    return result;
}
#define CALL(name, ...) call(regs, __NR_##name, __VA_ARGS__)

static void ready(struct arch_regs *regs)
{
    ptmx = user_string(regs, "/dev/ptmx");
    buf = user_map(regs, 65536);
    for (uint64_t signo = 1; signo < 32; signo++) { /* a terminal sends some */
        const uint64_t ignore[4] = {1};
        user_put(buf, ignore, sizeof(ignore));
        SYS(regs, rt_sigaction, signo, buf, 0, 8);
    }
    const uint64_t action[4] = {HANDLER, 0x04000000, HANDLER, 0}, interval[4] = {0, 1000, 0, 1000};
    user_put(buf, action, sizeof(action));
    SYS(regs, rt_sigaction, 14, buf, 0, 8);
    user_put(buf, interval, sizeof(interval));
    SYS(regs, setitimer, 0, buf);
    regs->sp = user_map(regs, 65536) + 65536;
    SYS(regs, setsid);
}

static void bytes_write(struct arch_regs *regs, struct fuzz_bytes *b, int64_t fd)
{
    char text[256];
    size_t n = fuzz_take_bytes(b, text, fuzz_take(b, 1));
    user_put(buf, text, n);
    CALL(write, (uint64_t)fd, buf, n);
}

static void termios_change(struct arch_regs *regs, struct fuzz_bytes *b, int64_t fd)
{
    static const uint64_t sets[] = {TCSETS, TCSETSW, TCSETSF};
    struct termios t;
    CALL(ioctl, (uint64_t)fd, TCGETS, buf);
    user_get(&t, buf, sizeof(t));
    t.c_iflag ^= 1u << fuzz_take(b, 1) % 16;
    t.c_oflag ^= 1u << fuzz_take(b, 1) % 16;
    t.c_lflag ^= 1u << fuzz_take(b, 1) % 17;
    t.c_lflag &= ~(unsigned)TOSTOP;
    t.c_cc[fuzz_take(b, 1) % NCCS] = (cc_t)fuzz_take(b, 1);
    user_put(buf, &t, sizeof(t));
    CALL(ioctl, (uint64_t)fd, sets[fuzz_take(b, 1) % ARRAY_COUNT(sets)], buf);
}

static void other_ioctl(struct arch_regs *regs, struct fuzz_bytes *b, int64_t fd)
{
    static const uint64_t calls[] = {
        TIOCINQ, TIOCOUTQ, TCFLSH, TCXONC, TIOCSTI, TIOCPKT, TIOCSWINSZ, TIOCGWINSZ, TIOCGPGRP, TIOCGSID, TIOCSPTLCK, TIOCGPTN,
        TIOCEXCL, TIOCNXCL, TCSBRK, TIOCSCTTY, TIOCNOTTY, FIONBIO, TIOCGPTLCK, TIOCGPKT, TIOCGEXCL, TCSBRKP, TIOCVHANGUP, TIOCSETD,
    };
    uint64_t what = calls[fuzz_take(b, 1) % ARRAY_COUNT(calls)], value = fuzz_take(b, 1);
    bool is_small = what == TCFLSH || what == TCXONC || what == TCSBRK || what == TCSBRKP;
    if (what == TIOCSPTLCK || what == TIOCVHANGUP || what == TIOCEXCL)
        value = 0; /* these would only end the input early */
    user_put(buf, &value, sizeof(value));
    CALL(ioctl, (uint64_t)fd, what == TIOCVHANGUP ? TIOCINQ : what, is_small ? value % 4 : buf);
}

static void some_read(struct arch_regs *regs, struct fuzz_bytes *b, int64_t fd)
{
    CALL(read, (uint64_t)fd, buf, fuzz_take(b, 1) * 20);
}

static void act(struct arch_regs *regs, struct fuzz_bytes *b, int64_t far, int64_t near)
{
    uint64_t what = fuzz_take(b, 1);
    int64_t fd = what & 1 ? far : near;
    switch (what / 2 % 6) {
    case 0:
    case 1: bytes_write(regs, b, fd); break;
    case 2: some_read(regs, b, fd); break;
    case 3: termios_change(regs, b, fd); break;
    case 4: other_ioctl(regs, b, fd); break;
    default: CALL(ioctl, (uint64_t)far, TCXONC, 1); break; /* go on after a ^S */
    }
}

static void one(struct arch_regs *regs, const uint8_t *data, size_t size)
{
    struct fuzz_bytes b = {data, size};
    const uint32_t zero = 0;
    int64_t far = CALL(openat, (uint64_t)AT_FDCWD, ptmx, O_RDWR | O_NOCTTY | O_NONBLOCK);
    user_put(buf, &zero, sizeof(zero));
    CALL(ioctl, (uint64_t)far, TIOCSPTLCK, buf);
    int64_t near = CALL(ioctl, (uint64_t)far, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK);
    for (int i = 0; i < 400 && b.left > 0; i++)
        act(regs, &b, far, near);
    CALL(close, (uint64_t)near, 0, 0);
    CALL(close, (uint64_t)far, 0, 0);
}

const struct fuzz_target fuzz_target = {.user = one, .ready = ready};
