/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"
#include <asm/unistd.h>

#define NOWHERE 0x500000000ULL /* where neither Linux nor an enclave puts anything */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- sets of values ----------------------------------------------------------------------------------------------------- */

#define SETS(S) \
    S(open, 0, 1, 2, 0100, 0200, 01000, 02000, 04000, 0200000, 0400000, 010000000, 020200000) \
    S(whence, 0, 1, 2, 3, 4, 5) \
    S(dupflag, 0, 02000000, 1) \
    S(fcntl, 0, 1, 2, 3, 4, 5, 6, 36, 37, 1030, 1031, 1032, 1033, 1034, 1024, 1025, 99) \
    S(fcntlarg, 0, 1, 2, 04000, 02000, 4096, 65536, 1 << 20, 0xf, 1000) \
    S(lock, 5, 6, 8 | 4, 1 | 2 | 4, 3) \
    S(at, 0, 0x100, 0x200, 0x400, 0x1000, 0x800) \
    S(access, 0, 1, 2, 4, 7, 8) \
    S(rename, 0, 1, 2, 4, 8) \
    S(falloc, 0, 1, 2, 3) \
    S(xattr, 0, 1, 2, 3) \
    S(prot, 0, 1, 2, 3, 5, 7) \
    S(mmap, 0x22, 0x21, 0x2, 0x1, 0x4022, 0x8022, 0x20, 0x23) \
    S(mremap, 0, 1, 3, 2, 8) \
    S(madvise, 0, 1, 2, 3, 4, 8, 10, 11, 14, 99) \
    S(msync, 1, 2, 4, 5, 0) \
    S(family, 1, 2, 10, 16, 17, 99) \
    S(type, 1, 2, 5, 3) \
    S(typeflag, 04000, 02000000) \
    S(msgflag, 0x40, 0x2, 0x20, 0x4000, 0x8000, 1, 0x100) \
    S(level, 1, 6, 0, 41, 17, 99) \
    S(optname, 1, 2, 3, 4, 6, 7, 8, 9, 13, 15, 16, 17, 20, 21, 26, 38, 39) \
    S(how, 0, 1, 2, 3) \
    S(epollop, 1, 2, 3, 4) \
    S(events, 1, 4, 8, 0x10, 0x2000, 1u << 31, 1u << 30, 1u << 28) \
    S(eventfd, 04000, 02000000, 1) \
    S(clock, 0, 1, 4, 5, 6, 7, 2, 3, 99) \
    S(timerflag, 0, 1, 3) \
    S(futexop, 0, 1, 3, 4, 5, 9, 10, 128, 129, 131, 133) \
    S(signo, 0, 1, 10, 12, 17, 18, 23, 28, 34, 64, 65) \
    S(sighow, 0, 1, 2, 3) \
    S(sigaction, 0, 4, 0x10000000, 0x40000000, 0x80000000, 0x08000000, 2) \
    S(wait, 1, 1 | 2, 1 | 8, 1 | 4) \
    S(idtype, 0, 1, 2, 3) \
    S(clone, 0x11, 0x100 | 0x11, 0x4000 | 0x100 | 0x11, 0x10f00, 0x50f00, 0x200011) \
    S(resource, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16) \
    S(prctl, 1, 2, 3, 4, 15, 16, 21, 23, 28, 29, 30, 36, 37, 38, 39, 40) \
    S(ipc, 0, 01000, 02000, 03000) \
    S(ipccmd, 0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 17) \
    S(key, 0, 1, 2, 77) \
    S(inotify, 2, 4, 8, 0x40, 0x80, 0x100, 0x200, 0x400, 0x01000000, 0x20000000) \
    S(splice, 0, 2, 1, 3, 8) \
    S(memfd, 0, 1, 2, 3, 4) \
    S(ioctl, 0x5401, 0x5402, 0x541b, 0x5421, 0x5413, 0x5414, 0x540f, 0x5410, 0x5451, 0x5450, 0x80045430, 0x40045431, 0x5411, 0x540b, 0x8912, 0x8927) \
    S(umount, 0, 1, 2, 4, 8) \
    S(mount, 0, 1, 32, 4096, 1 << 18, 16384) \
    S(rand, 0, 1, 2, 3) \
    S(sched, 0, 1, 2, 3, 5, 6) \
    S(membarrier, 0, 1, 2, 8, 16) \
    S(closerange, 0, 2, 4) \
    S(pidfd, 0, 04000, 1) \
    S(mlock, 0, 1, 2) \
    S(fadvise, 0, 1, 2, 3, 4, 5, 6) \
    S(seek, 0, 1, 100, 4096, 5000, 65536, 1 << 20)

enum set {
#define SET_NAME(name, ...) SET_##name,
    SETS(SET_NAME)
};
#define SET_VALUES(name, ...) static const uint64_t set_##name[] = {__VA_ARGS__};
SETS(SET_VALUES)
static const struct {
    const uint64_t *values;
    unsigned count;
} sets[] = {
#define SET_ENTRY(name, ...) {set_##name, COUNT(set_##name)},
    SETS(SET_ENTRY)
};

/* ---- calls: an argument is a kind and its parameter ----------------------------------------------------------------------- */

enum fd_kind { FD_ANY, FD_FILE, FD_DIR, FD_PIPE, FD_SOCK, FD_EPOLL, FD_EVENT, FD_TIMER, FD_SIGNAL, FD_INOTIFY, FD_PIDFD, FD_MQ, FD_TTY };
enum arg_kind {
    K_ZERO, K_FD, K_AT, K_ID, K_ONE, K_FLAGS, K_BELOW, K_PATH, K_NEW, K_NAME, K_IN, K_OUT, K_SIZE, K_OFF, K_LEN, K_MAPSIZE, K_BIG, K_STRUCT,
    K_TTYPATH, K_NEGATIVE,
};
enum struct_kind { S_IOV, S_MSGHDR, S_ADDR, S_TIME, S_ITIMER, S_SIGSET, S_SIGACTION, S_POLL, S_EPOLL, S_HOW, S_SIGEVENT, S_RLIMIT, S_FLOCK, S_STACK, S_SEMOP,
                   S_MSGBUF, S_CLONE, S_ARGV, S_MQATTR, S_WINSIZE };
#define A(kind, param) ((uint16_t)((kind) << 8 | (param)))
#define FD(k)      A(K_FD, FD_##k)
#define ID(k)      A(K_ID, ID_##k)
#define ONE(s)     A(K_ONE, SET_##s)
#define FLAGS(s)   A(K_FLAGS, SET_##s)
#define BELOW(n)   A(K_BELOW, n)
#define ST(k)      A(K_STRUCT, S_##k)
#define AT         A(K_AT, 0)
#define PATH       A(K_PATH, 0)
#define NEW        A(K_NEW, 0)
#define NAME       A(K_NAME, 0)
#define IN         A(K_IN, 0)
#define OUT        A(K_OUT, 0)
#define SIZE       A(K_SIZE, 0)
#define OFF        A(K_OFF, 0)
#define LEN        A(K_LEN, 0)
#define MAPSIZE    A(K_MAPSIZE, 0)
#define TTYPATH    A(K_TTYPATH, 0)
#define MODE       A(K_BIG, 0)
#define NEGATIVE   A(K_NEGATIVE, 0)

enum result { R_NONE, R_FD, R_ID, R_PAIR, R_VALUE };
#define GIVES_FD(k)   R_FD, FD_##k
#define GIVES_ID(k)   R_ID, ID_##k
#define GIVES_PAIR(k) R_PAIR, FD_##k
#define NOTHING       R_NONE, 0
#define VALUE         R_VALUE, 0

static const struct description {
    const char *name;
    long nr;
    uint8_t result, gives, is_alike;
    uint16_t args[6];
} descriptions[] = {
#define D(name, result, alike, ...) {#name, __NR_##name, result, alike, {__VA_ARGS__}},
    /* files */
    D(openat, GIVES_FD(FILE), 1, AT, PATH, FLAGS(open), MODE)
    D(openat, GIVES_FD(FILE), 1, AT, NEW, FLAGS(open), MODE)
    D(openat, GIVES_FD(DIR), 1, AT, PATH, ONE(open), MODE)
    D(openat, GIVES_FD(TTY), 0, NEGATIVE, TTYPATH, FLAGS(open), MODE)
    D(openat2, GIVES_FD(FILE), 0, AT, PATH, ST(HOW), A(K_BELOW, 25))
    D(close, NOTHING, 1, FD(ANY))
    D(close_range, NOTHING, 0, FD(ANY), FD(ANY), ONE(closerange))
    D(read, NOTHING, 1, FD(ANY), OUT, SIZE)
    D(read, NOTHING, 1, FD(FILE), OUT, SIZE)
    D(write, NOTHING, 1, FD(FILE), IN, SIZE)
    D(write, NOTHING, 1, FD(PIPE), IN, SIZE)
    D(write, NOTHING, 1, FD(ANY), IN, SIZE)
    D(pread64, NOTHING, 1, FD(FILE), OUT, SIZE, OFF)
    D(pwrite64, NOTHING, 1, FD(FILE), IN, SIZE, OFF)
    D(readv, NOTHING, 1, FD(FILE), ST(IOV), BELOW(5))
    D(writev, NOTHING, 1, FD(FILE), ST(IOV), BELOW(5))
    D(preadv2, NOTHING, 0, FD(FILE), ST(IOV), BELOW(5), OFF, A(K_ZERO, 0), ONE(how))
    D(pwritev2, NOTHING, 0, FD(FILE), ST(IOV), BELOW(5), OFF, A(K_ZERO, 0), ONE(how))
    D(lseek, NOTHING, 1, FD(FILE), OFF, ONE(how))
    D(lseek, NOTHING, 0, FD(FILE), OFF, ONE(whence))
    D(dup, GIVES_FD(ANY), 1, FD(ANY))
    D(dup3, GIVES_FD(ANY), 1, FD(ANY), BELOW(24), ONE(dupflag))
    D(fcntl, NOTHING, 0, FD(ANY), ONE(fcntl), ONE(fcntlarg))
    D(fcntl, NOTHING, 1, FD(FILE), ONE(lock), ST(FLOCK))
    D(flock, NOTHING, 0, FD(FILE), ONE(lock))
    D(ftruncate, NOTHING, 1, FD(FILE), OFF)
    D(truncate, NOTHING, 1, PATH, OFF)
    D(fallocate, NOTHING, 1, FD(FILE), ONE(falloc), OFF, OFF)
    D(fadvise64, NOTHING, 1, FD(FILE), OFF, OFF, ONE(fadvise))
    D(fsync, NOTHING, 1, FD(FILE))
    D(fdatasync, NOTHING, 0, FD(ANY))
    D(sync_file_range, NOTHING, 0, FD(FILE), OFF, OFF, BELOW(8))
    D(fstat, NOTHING, 1, FD(ANY), OUT)
    D(newfstatat, NOTHING, 1, AT, PATH, OUT, ONE(at))
    D(statx, NOTHING, 1, AT, PATH, FLAGS(at), A(K_ZERO, 0), OUT)
    D(statfs, NOTHING, 1, PATH, OUT)
    D(getdents64, NOTHING, 0, FD(DIR), OUT, SIZE)
    D(fchmod, NOTHING, 1, FD(FILE), MODE)
    D(fchmodat, NOTHING, 1, AT, PATH, MODE)
    D(fchownat, NOTHING, 1, AT, PATH, BELOW(3), BELOW(3), ONE(at))
    D(utimensat, NOTHING, 1, AT, PATH, ST(ITIMER), ONE(at))
    D(faccessat, NOTHING, 1, AT, PATH, ONE(access))
    D(faccessat2, NOTHING, 0, AT, PATH, ONE(access), ONE(at))
    D(mkdirat, NOTHING, 1, AT, NEW, MODE)
    D(mknodat, NOTHING, 1, AT, NEW, A(K_BIG, 1), A(K_ZERO, 0))
    D(unlinkat, NOTHING, 1, AT, PATH, ONE(at))
    D(linkat, NOTHING, 1, AT, PATH, AT, NEW, ONE(at))
    D(symlinkat, NOTHING, 1, PATH, AT, NEW)
    D(readlinkat, NOTHING, 1, AT, PATH, OUT, SIZE)
    D(renameat2, NOTHING, 1, AT, PATH, AT, NEW, ONE(rename))
    D(renameat2, NOTHING, 1, AT, PATH, AT, PATH, ONE(rename))
    D(setxattr, NOTHING, 1, PATH, NAME, IN, A(K_BELOW, 60), ONE(xattr))
    D(getxattr, NOTHING, 1, PATH, NAME, OUT, A(K_BELOW, 60))
    D(listxattr, NOTHING, 0, PATH, OUT, A(K_BELOW, 200))
    D(removexattr, NOTHING, 1, PATH, NAME)
    D(fsetxattr, NOTHING, 1, FD(FILE), NAME, IN, A(K_BELOW, 60), ONE(xattr))
    D(copy_file_range, NOTHING, 0, FD(FILE), A(K_ZERO, 0), FD(FILE), A(K_ZERO, 0), SIZE, A(K_ZERO, 0))
    D(sendfile, NOTHING, 0, FD(ANY), FD(FILE), A(K_ZERO, 0), SIZE)
    D(splice, NOTHING, 0, FD(ANY), A(K_ZERO, 0), FD(ANY), A(K_ZERO, 0), SIZE, FLAGS(splice))
    D(tee, NOTHING, 0, FD(PIPE), FD(PIPE), SIZE, FLAGS(splice))
    D(vmsplice, NOTHING, 0, FD(PIPE), ST(IOV), BELOW(4), FLAGS(splice))
    D(memfd_create, GIVES_FD(FILE), 1, NAME, ONE(memfd))
    D(umask, NOTHING, 1, MODE)
    D(getcwd, NOTHING, 0, OUT, SIZE)
    D(fchdir, NOTHING, 0, FD(DIR))
    D(chroot, NOTHING, 0, PATH)
    D(mount, NOTHING, 0, PATH, PATH, NAME, FLAGS(mount), A(K_ZERO, 0))
    D(umount2, NOTHING, 0, PATH, ONE(umount))
    D(ioctl, NOTHING, 0, FD(ANY), ONE(ioctl), OUT)
    D(ioctl, NOTHING, 0, FD(TTY), ONE(ioctl), ST(WINSIZE))
    D(inotify_init1, GIVES_FD(INOTIFY), 0, ONE(eventfd))
    D(inotify_add_watch, GIVES_ID(WATCH), 0, FD(INOTIFY), PATH, FLAGS(inotify))
    D(inotify_rm_watch, NOTHING, 0, FD(INOTIFY), ID(WATCH))
    /* pipes, events */
    D(pipe2, GIVES_PAIR(PIPE), 1, OUT, FLAGS(typeflag))
    D(eventfd2, GIVES_FD(EVENT), 1, BELOW(5), FLAGS(eventfd))
    D(epoll_create1, GIVES_FD(EPOLL), 1, ONE(dupflag))
    D(epoll_ctl, NOTHING, 1, FD(EPOLL), ONE(epollop), FD(ANY), ST(EPOLL))
    D(epoll_pwait, NOTHING, 1, FD(EPOLL), OUT, BELOW(8), A(K_ZERO, 0), A(K_ZERO, 0), A(K_BELOW, 9))
    D(poll, NOTHING, 0, ST(POLL), BELOW(5), A(K_ZERO, 0))
    D(timerfd_create, GIVES_FD(TIMER), 0, ONE(clock), FLAGS(eventfd))
    D(timerfd_settime, NOTHING, 0, FD(TIMER), ONE(timerflag), ST(ITIMER), OUT)
    D(timerfd_gettime, NOTHING, 0, FD(TIMER), OUT)
    D(signalfd4, GIVES_FD(SIGNAL), 1, A(K_NEGATIVE, 1), ST(SIGSET), A(K_BELOW, 9), FLAGS(eventfd))
    /* memory */
    D(mmap, GIVES_ID(MAP), 1, A(K_ZERO, 0), A(K_MAPSIZE, 1), ONE(prot), ONE(mmap), FD(FILE), A(K_ZERO, 0))
    D(mmap, GIVES_ID(MAP), 1, A(K_ZERO, 0), A(K_MAPSIZE, 1), ONE(prot), A(K_BIG, 2), NEGATIVE, A(K_ZERO, 0))
    D(munmap, NOTHING, 1, ID(MAP), MAPSIZE)
    D(mprotect, NOTHING, 1, ID(MAP), MAPSIZE, ONE(prot))
    D(mremap, GIVES_ID(MAP), 0, ID(MAP), MAPSIZE, MAPSIZE, ONE(mremap), ID(MAP))
    D(madvise, NOTHING, 0, ID(MAP), MAPSIZE, ONE(madvise))
    D(msync, NOTHING, 0, ID(MAP), MAPSIZE, ONE(msync))
    D(mincore, NOTHING, 0, ID(MAP), MAPSIZE, OUT)
    D(mlock2, NOTHING, 0, ID(MAP), MAPSIZE, ONE(mlock))
    D(brk, VALUE, 0, ID(MAP))
    D(write, NOTHING, 1, FD(FILE), ID(MAP), SIZE)
    D(read, NOTHING, 1, FD(FILE), ID(MAP), SIZE)
    /* sockets */
    D(socket, GIVES_FD(SOCK), 1, ONE(family), A(K_BIG, 3), A(K_ZERO, 0))
    D(socketpair, GIVES_PAIR(SOCK), 1, ONE(family), A(K_BIG, 3), A(K_ZERO, 0), OUT)
    D(bind, NOTHING, 0, FD(SOCK), ST(ADDR), A(K_BELOW, 30))
    D(connect, NOTHING, 0, FD(SOCK), ST(ADDR), A(K_BELOW, 30))
    D(listen, NOTHING, 1, FD(SOCK), BELOW(5))
    D(accept4, GIVES_FD(SOCK), 0, FD(SOCK), OUT, LEN, FLAGS(typeflag))
    D(sendto, NOTHING, 0, FD(SOCK), IN, SIZE, FLAGS(msgflag), ST(ADDR), A(K_BELOW, 30))
    D(sendto, NOTHING, 1, FD(SOCK), IN, A(K_BELOW, 200), A(K_BIG, 4), A(K_ZERO, 0), A(K_ZERO, 0))
    D(recvfrom, NOTHING, 1, FD(SOCK), OUT, SIZE, A(K_BIG, 4), A(K_ZERO, 0), A(K_ZERO, 0))
    D(recvfrom, NOTHING, 0, FD(SOCK), OUT, SIZE, FLAGS(msgflag), OUT, LEN)
    D(sendmsg, NOTHING, 0, FD(SOCK), ST(MSGHDR), FLAGS(msgflag))
    D(recvmsg, NOTHING, 0, FD(SOCK), ST(MSGHDR), FLAGS(msgflag))
    D(getsockname, NOTHING, 1, FD(SOCK), OUT, LEN)
    D(getpeername, NOTHING, 1, FD(SOCK), OUT, LEN)
    D(setsockopt, NOTHING, 0, FD(SOCK), ONE(level), ONE(optname), IN, A(K_BELOW, 30))
    D(getsockopt, NOTHING, 0, FD(SOCK), ONE(level), ONE(optname), OUT, LEN)
    D(shutdown, NOTHING, 1, FD(SOCK), ONE(how))
    /* System V and POSIX IPC */
    D(msgget, GIVES_ID(MSG), 0, ONE(key), FLAGS(ipc))
    D(msgsnd, NOTHING, 0, ID(MSG), ST(MSGBUF), A(K_BELOW, 100), A(K_BIG, 5))
    D(msgrcv, NOTHING, 0, ID(MSG), OUT, A(K_BELOW, 100), BELOW(3), A(K_BIG, 5))
    D(msgctl, NOTHING, 0, ID(MSG), ONE(ipccmd), OUT)
    D(semget, GIVES_ID(SEM), 0, ONE(key), BELOW(5), FLAGS(ipc))
    D(semop, NOTHING, 0, ID(SEM), ST(SEMOP), BELOW(4))
    D(semctl, NOTHING, 0, ID(SEM), BELOW(4), ONE(ipccmd), OUT)
    D(shmget, GIVES_ID(SHM), 0, ONE(key), MAPSIZE, FLAGS(ipc))
    D(shmat, GIVES_ID(MAP), 0, ID(SHM), A(K_ZERO, 0), A(K_ZERO, 0))
    D(shmdt, NOTHING, 0, ID(MAP))
    D(shmctl, NOTHING, 0, ID(SHM), ONE(ipccmd), OUT)
    D(mq_open, GIVES_FD(MQ), 0, NAME, A(K_BIG, 6), MODE, ST(MQATTR))
    D(mq_timedsend, NOTHING, 0, FD(MQ), IN, A(K_BELOW, 100), BELOW(5), ST(TIME))
    D(mq_timedreceive, NOTHING, 0, FD(MQ), OUT, SIZE, A(K_ZERO, 0), ST(TIME))
    D(mq_notify, NOTHING, 0, FD(MQ), ST(SIGEVENT))
    D(mq_unlink, NOTHING, 0, NAME)
    /* processes, signals, time */
    D(clone, GIVES_ID(PID), 0, ONE(clone), A(K_ZERO, 0), A(K_ZERO, 0), A(K_ZERO, 0), A(K_ZERO, 0))
    D(wait4, NOTHING, 0, ID(PID), OUT, ONE(wait), OUT)
    D(waitid, NOTHING, 0, ONE(idtype), ID(PID), OUT, A(K_BIG, 7))
    D(kill, NOTHING, 0, ID(PID), ONE(signo))
    D(tgkill, NOTHING, 0, ID(PID), ID(PID), ONE(signo))
    D(rt_sigqueueinfo, NOTHING, 0, ID(PID), ONE(signo), IN)
    D(pidfd_open, GIVES_FD(PIDFD), 0, ID(PID), ONE(pidfd))
    D(pidfd_send_signal, NOTHING, 0, FD(PIDFD), ONE(signo), A(K_ZERO, 0), A(K_ZERO, 0))
    D(rt_sigaction, NOTHING, 0, ONE(signo), ST(SIGACTION), OUT, A(K_BELOW, 9))
    D(rt_sigprocmask, NOTHING, 1, ONE(sighow), ST(SIGSET), OUT, A(K_BELOW, 9))
    D(rt_sigpending, NOTHING, 1, OUT, A(K_BELOW, 9))
    D(rt_sigtimedwait, NOTHING, 0, ST(SIGSET), OUT, ST(TIME), A(K_BELOW, 9))
    D(sigaltstack, NOTHING, 0, ST(STACK), OUT)
    D(setpgid, NOTHING, 0, ID(PID), ID(PID))
    D(getpgid, VALUE, 0, ID(PID))
    D(setsid, VALUE, 0)
    D(getrlimit, NOTHING, 1, ONE(resource), OUT)
    D(prlimit64, NOTHING, 0, ID(PID), ONE(resource), ST(RLIMIT), OUT)
    D(prctl, NOTHING, 0, ONE(prctl), OUT, A(K_ZERO, 0), A(K_ZERO, 0), A(K_ZERO, 0))
    D(sched_setscheduler, NOTHING, 0, ID(PID), ONE(sched), IN)
    D(sched_getaffinity, NOTHING, 0, ID(PID), SIZE, OUT)
    D(sched_setaffinity, NOTHING, 0, ID(PID), A(K_BELOW, 20), IN)
    D(setpriority, NOTHING, 0, BELOW(4), ID(PID), BELOW(20))
    D(execve, NOTHING, 0, PATH, ST(ARGV), A(K_ZERO, 0))
    D(futex, NOTHING, 0, OUT, ONE(futexop), BELOW(3), ST(TIME), OUT, BELOW(3))
    D(nanosleep, NOTHING, 0, ST(TIME), OUT)
    D(clock_gettime, NOTHING, 1, ONE(clock), OUT)
    D(clock_getres, NOTHING, 1, ONE(clock), OUT)
    D(clock_nanosleep, NOTHING, 0, ONE(clock), ONE(timerflag), ST(TIME), OUT)
    D(timer_create, NOTHING, 0, ONE(clock), ST(SIGEVENT), OUT)
    D(timer_settime, NOTHING, 0, BELOW(4), ONE(timerflag), ST(ITIMER), OUT)
    D(timer_delete, NOTHING, 0, BELOW(4))
    D(getitimer, NOTHING, 0, BELOW(4), OUT)
    D(getrandom, NOTHING, 1, OUT, A(K_BELOW, 100), ONE(rand))
    D(getgroups, NOTHING, 0, BELOW(4), OUT)
    D(setgroups, NOTHING, 0, BELOW(4), IN)
    D(setresuid, NOTHING, 0, BELOW(3), BELOW(3), BELOW(3))
    D(capget, NOTHING, 0, IN, OUT)
    D(sysinfo, NOTHING, 1, OUT)
    D(uname, NOTHING, 1, OUT)
    D(times, VALUE, 0, OUT)
    D(getrusage, NOTHING, 1, A(K_ZERO, 0), OUT)
    D(membarrier, NOTHING, 0, ONE(membarrier), A(K_ZERO, 0), A(K_ZERO, 0))
    D(process_vm_readv, NOTHING, 0, ID(PID), ST(IOV), BELOW(3), ST(IOV), BELOW(3), A(K_ZERO, 0))
};

/* ---- drawing -------------------------------------------------------------------------------------------------------------- */

static uint64_t below(struct calls *c, uint64_t n)
{
    return n ? gen_random(&c->gen) % n : 0;
}

/* Each argument has a place of its own in scratch, so that none overwrites another's. */
static uint64_t place(struct calls *c, unsigned arg)
{
    return c->gen.scratch + arg * 8192 + (below(c, 8) ? 0 : 1 + below(c, 15));
}

/* Now and then a pointer that leads nowhere; the alike ones only where Linux has nothing either. */
static uint64_t pointer(struct calls *c, unsigned arg)
{
    if (below(c, 24))
        return place(c, arg);
    switch (below(c, c->is_alike ? 4 : 6)) {
    case 0: return 0;
    case 1: return c->gen.scratch + GEN_SCRATCH + 8192;
    case 2: return (uint64_t)-1 - below(c, 64);
    case 3: return c->is_alike ? c->gen.scratch + GEN_SCRATCH : c->gen.scratch + GEN_SCRATCH - 1 - below(c, 64);
    case 4: return c->gen.kernel + below(c, 4096);
    default: return 1ULL << below(c, 64);
    }
}

static uint64_t fd_draw(struct calls *c, unsigned kind)
{
    unsigned start = (unsigned)below(c, c->fd_count ? c->fd_count : 1);
    bool is_any = kind == FD_ANY || below(c, 10) == 0;
    if (below(c, 40) == 0)
        return c->is_alike || below(c, 2) ? (uint64_t)-1 : below(c, 100000);
    for (unsigned i = 0; i < c->fd_count; i++) {
        unsigned at = (start + i) % c->fd_count;
        if (is_any || c->fds[at].kind == kind)
            return c->fds[at].fd;
    }
    return c->is_alike ? 999 : below(c, 8);
}

static void fd_add(struct calls *c, uint64_t fd, unsigned kind)
{
    unsigned at = c->fd_count < CALLS_FDS ? c->fd_count++ : (unsigned)below(c, CALLS_FDS);
    c->fds[at].fd = fd;
    c->fds[at].kind = kind;
}

static uint64_t id_draw(struct calls *c, unsigned kind)
{
    if (c->id_count[kind] == 0 || below(c, 20) == 0)
        return kind == ID_MAP ? (c->is_alike ? NOWHERE : c->gen.scratch + GEN_SCRATCH - 8192) : kind == ID_PID ? 0 : below(c, 4);
    return c->ids[kind][below(c, c->id_count[kind])] + (kind == ID_MAP ? below(c, 3) * 4096 : 0);
}

static void id_add(struct calls *c, uint64_t id, unsigned kind)
{
    unsigned at = c->id_count[kind] < CALLS_IDS ? c->id_count[kind]++ : (unsigned)below(c, CALLS_IDS);
    c->ids[kind][at] = id;
}

static uint64_t flags_draw(struct calls *c, unsigned set)
{
    uint64_t value = 0;
    for (uint64_t n = below(c, 4); n > 0; n--)
        value |= sets[set].values[below(c, sets[set].count)];
    if (!c->is_alike && below(c, 30) == 0)
        value |= 1ULL << below(c, 32);
    if (c->is_alike && (set == SET_typeflag || set == SET_eventfd))
        value |= 04000; /* nothing may wait */
    return value;
}

static uint64_t string_put(struct calls *c, unsigned arg, const char *text)
{
    uint64_t at = pointer(c, arg);
    unsigned len = 0;
    while (text[len])
        len++;
    if (at >= c->gen.scratch && at < c->gen.scratch + GEN_SCRATCH - 256)
        c->gen.put(at, text, len + 1);
    return at;
}

/* Few names, so that calls meet. The first are made early. */
static const char *name_draw(struct calls *c)
{
    static const char *const names[] = {"a", "b", "d", "d/a", "d/e", "l", "d/l", "f", "d/e/x", "a/b", "d/", "", "nn", ".", "d/.", "a/"};
    static const char *const more[] = {"/proc/self/fd/3", "/proc/self/maps", "/dev/null", "/dev/zero", "/etc/motd", "..", "/tmp", "/proc/self/status",
                                       "/proc/self/mem", "/etc", "/dev/shm/x", "/proc/self/fd", "/sys", "/", "/deep/link", "/dev/full"};
    return c->is_alike || below(c, 4) ? names[below(c, COUNT(names))] : more[below(c, COUNT(more))];
}

static uint64_t special(struct calls *c, unsigned which)
{
    static const uint64_t maps[] = {0x22, 0x21, 0x4022}, waits[] = {1 | 4, 1 | 2 | 4, 1 | 8, 5 | 0x1000000}, opens[] = {0102, 0302, 0, 1, 2, 04102};
    static const uint64_t types[] = {0010644, 0100644, 0140644, 0600, 0030644};
    switch (which) {
    case 0: return below(c, 2) ? 0600 | below(c, 0200) : below(c, 010000);
    case 1: return types[below(c, c->is_alike ? 4 : 5)];
    case 2: return maps[below(c, COUNT(maps))];
    case 3: return sets[SET_type].values[below(c, 4)] | (c->is_alike || below(c, 4) ? 04000 : 0);
    case 4: return 0x40 | 0x4000; /* does not wait, no signal */
    case 5: return below(c, 8) ? 04000 : 0;
    case 6: return opens[below(c, COUNT(opens))] | (below(c, 8) ? 04000 : 0);
    default: return waits[below(c, COUNT(waits))];
    }
}

/* ---- structs: words into scratch ---------------------------------------------------------------------------------------- */

static unsigned struct_words(struct calls *c, unsigned kind, unsigned arg, uint64_t w[16])
{
    uint64_t far = c->gen.scratch + arg * 8192 + 2048;
    for (unsigned i = 0; i < 16; i++)
        w[i] = 0;
    switch (kind) {
    case S_IOV:
        for (unsigned i = 0; i < 4; i++)
            w[2 * i] = below(c, 12) ? far + i * 512 : pointer(c, arg), w[2 * i + 1] = below(c, 600);
        return 8;
    case S_MSGHDR:
        w[0] = below(c, 3) ? 0 : far, w[1] = below(c, 30), w[2] = far + 128, w[3] = below(c, 4), w[4] = below(c, 2) ? far + 512 : 0, w[5] = below(c, 2) ? 24 : below(c, 100);
        for (unsigned i = 0; i < 3; i++) {
            uint64_t iov[2] = {far + 1024, below(c, 300)}, cmsg[3] = {20, 1 | (1 + below(c, 2)) << 32, fd_draw(c, FD_ANY) & 0xffffffff};
            c->gen.put(far + 128 + i * 16, iov, sizeof(iov));
            c->gen.put(far + 512, cmsg, sizeof(cmsg));
        }
        return 7;
    case S_ADDR:
        w[0] = below(c, 3) == 0 ? 1 | (uint64_t)('s' + below(c, 3)) << 16 : below(c, 2) ? 2 | below(c, 4) << 24 | 0x0100007f00000000ULL : below(c, 20) | below(c, 65536) << 16;
        return 4;
    case S_TIME: w[1] = below(c, 3) ? below(c, 3000000) : (uint64_t)-1; return 2;
    case S_ITIMER: w[1] = below(c, 2) * 1000000, w[3] = below(c, 3) ? below(c, 4000000) : 0x3fffffff - (uint64_t)c->is_alike; return 4;
    case S_SIGSET: w[0] = below(c, 2) ? 1ULL << below(c, 64) : gen_random(&c->gen); return 1;
    case S_SIGACTION: w[0] = below(c, 3), w[1] = flags_draw(c, SET_sigaction), w[3] = gen_random(&c->gen) & 0xffff; return 4;
    case S_POLL:
        for (unsigned i = 0; i < 4; i++)
            w[i] = (fd_draw(c, FD_ANY) & 0xffffffff) | below(c, 64) << 32;
        return 4;
    case S_EPOLL: w[0] = (flags_draw(c, SET_events) & 0xffffffff) | below(c, 9) << 32; return 2;
    case S_HOW: w[0] = flags_draw(c, SET_open), w[1] = w[0] & 0100 ? 0600 : 0, w[2] = below(c, 64); return 3;
    case S_SIGEVENT: w[1] = sets[SET_signo].values[below(c, 9)] | below(c, 3) << 32; return 8;
    case S_RLIMIT: w[0] = below(c, 4) ? below(c, 1 << 20) + 4096 : ~0ULL, w[1] = below(c, 2) ? ~0ULL : w[0]; return 2;
    case S_FLOCK: w[0] = below(c, 4) | below(c, 3) << 16, w[1] = below(c, 10000), w[2] = below(c, 3) * 100; return 4;
    case S_STACK: w[0] = far, w[1] = below(c, 4) ? 0 : 2, w[2] = below(c, 6000); return 3;
    case S_SEMOP: w[0] = below(c, 4) | (below(c, 5) - 2) << 16 | 04000ULL << 32; w[1] = w[0]; return 3;
    case S_MSGBUF: w[0] = below(c, 4); return 8;
    case S_ARGV: w[0] = far, w[1] = below(c, 4) ? 0 : far; return 3;
    case S_MQATTR: w[1] = below(c, 12), w[2] = below(c, 200); return 4;
    case S_WINSIZE: w[0] = gen_random(&c->gen); return 8;
    default: return 16;
    }
}

static uint64_t struct_put(struct calls *c, unsigned kind, unsigned arg)
{
    uint64_t words[16], at = pointer(c, arg);
    unsigned count = struct_words(c, kind, arg, words);
    if (at >= c->gen.scratch && at < c->gen.scratch + GEN_SCRATCH - 256)
        c->gen.put(at, words, count * 8);
    return at;
}

static uint64_t argument(struct calls *c, uint16_t what, unsigned arg)
{
    static const char *const attributes[] = {"user.a", "user.b", "user.", "trusted.x", "x", "security.y"}, *const ttys[] = {"/dev/ptmx", "/dev/tty", "/dev/pts/0"};
    const uint32_t len = below(c, 2) ? 16 : 128;
    unsigned kind = what >> 8, param = what & 0xff;
    uint64_t at;
    switch (kind) {
    case K_FD: return fd_draw(c, param);
    case K_AT: return below(c, 4) ? (uint64_t)-100 : fd_draw(c, FD_DIR);
    case K_ID: return id_draw(c, param);
    case K_ONE: return sets[param].values[below(c, sets[param].count)];
    case K_FLAGS: return flags_draw(c, param);
    case K_BELOW: return below(c, 3) ? param - 1 : below(c, param);
    case K_PATH:
    case K_NEW: return string_put(c, arg, name_draw(c));
    case K_NAME: return string_put(c, arg, attributes[below(c, c->is_alike ? 3 : COUNT(attributes))]);
    case K_TTYPATH: return string_put(c, arg, ttys[below(c, COUNT(ttys))]);
    case K_IN:
    case K_OUT: return pointer(c, arg);
    case K_SIZE: return below(c, 6) ? below(c, 5000) : c->is_alike ? 0 : 1ULL << below(c, 32);
    case K_OFF: return below(c, 12) ? sets[SET_seek].values[below(c, 7)] : (uint64_t)-1;
    case K_LEN:
        at = pointer(c, arg);
        if (at >= c->gen.scratch && at < c->gen.scratch + GEN_SCRATCH - 256)
            c->gen.put(at, &len, sizeof(len));
        return at;
    case K_MAPSIZE:
        if (c->is_alike && param) /* what is later cut from it is never more, for what lies beside it is Linux's affair */
            return 10 * 4096;
        return below(c, 12) ? (1 + below(c, 8)) * 4096 : below(c, 2) * 100;
    case K_BIG: return special(c, param);
    case K_STRUCT: return struct_put(c, param, arg);
    case K_NEGATIVE: return (uint64_t)(int64_t)(param ? -1 : -100);
    default: return 0;
    }
}

void calls_draw(struct calls *c, struct calls_one *one)
{
    const struct description *d;
    do {
        one->idx = (unsigned)below(c, COUNT(descriptions));
        d = &descriptions[one->idx];
    } while ((c->is_alike && !d->is_alike) || (d->nr == __NR_clone && below(c, 4)));
    one->name = d->name;
    one->nr = d->nr;
    for (unsigned i = 0; i < 6; i++)
        one->args[i] = argument(c, d->args[i], i);
    if (!c->is_alike && below(c, 100) == 0)
        one->args[below(c, 6)] = gen_random(&c->gen);
}

void calls_result(struct calls *c, const struct calls_one *one, int64_t result)
{
    const struct description *d = &descriptions[one->idx];
    int32_t pair[2] = {-1, -1};
    if (result < 0)
        return;
    switch (d->result) {
    case R_FD: fd_add(c, (uint64_t)result, d->gives); break;
    case R_ID: id_add(c, (uint64_t)result, d->gives); break;
    case R_PAIR:
        c->get(one->args[d->nr == __NR_socketpair ? 3 : 0], pair, sizeof(pair));
        fd_add(c, (uint64_t)pair[0], d->gives);
        fd_add(c, (uint64_t)pair[1], d->gives);
        break;
    default: break;
    }
}

bool calls_is_value(const struct calls_one *one)
{
    const struct description *d = &descriptions[one->idx];
    return d->result == R_VALUE || (d->result == R_ID && (d->gives == ID_MAP || d->gives == ID_PID));
}
