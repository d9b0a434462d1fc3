/* SPDX-License-Identifier: Apache-2.0 */
#include "syscall/flag_names.h"
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/wait.h>
#include <asm/signal.h>
#include "abi/linux/socket.h"

#define FLAG(name)   {#name, name, name}
#define NUMBER(name) {#name, name, ~0ULL}
#define SET(set) const struct flag_set flag_set_##set = {set##_names, ARRAY_COUNT(set##_names)}

static const struct flag_name access_names[] = {{"F_OK", 0, ~0ULL}, {"R_OK", 4, 4}, {"W_OK", 2, 2}, {"X_OK", 1, 1}};
SET(access);

static const struct flag_name at_names[] = {
    FLAG(AT_SYMLINK_NOFOLLOW), FLAG(AT_REMOVEDIR), FLAG(AT_SYMLINK_FOLLOW), FLAG(AT_NO_AUTOMOUNT), FLAG(AT_EMPTY_PATH),
};
SET(at);

static const struct flag_name clock_names[] = {
    NUMBER(CLOCK_REALTIME), NUMBER(CLOCK_MONOTONIC), NUMBER(CLOCK_PROCESS_CPUTIME_ID), NUMBER(CLOCK_THREAD_CPUTIME_ID),
    NUMBER(CLOCK_MONOTONIC_RAW), NUMBER(CLOCK_REALTIME_COARSE), NUMBER(CLOCK_MONOTONIC_COARSE), NUMBER(CLOCK_BOOTTIME),
};
SET(clock);

static const struct flag_name clone_names[] = {
    FLAG(CLONE_VM), FLAG(CLONE_FS), FLAG(CLONE_FILES), FLAG(CLONE_SIGHAND), FLAG(CLONE_PIDFD), FLAG(CLONE_VFORK), FLAG(CLONE_PARENT),
    FLAG(CLONE_THREAD), FLAG(CLONE_SYSVSEM), FLAG(CLONE_SETTLS), FLAG(CLONE_PARENT_SETTID), FLAG(CLONE_CHILD_CLEARTID),
    FLAG(CLONE_CHILD_SETTID), {"SIGCHLD", SIGCHLD, 0xff},
};
SET(clone);

static const struct flag_name epoll_op_names[] = {NUMBER(EPOLL_CTL_ADD), NUMBER(EPOLL_CTL_DEL), NUMBER(EPOLL_CTL_MOD)};
SET(epoll_op);

static const struct flag_name family_names[] = {
    NUMBER(AF_UNSPEC), NUMBER(AF_UNIX), NUMBER(AF_INET), NUMBER(AF_INET6), NUMBER(AF_NETLINK),
};
SET(family);

static const struct flag_name fcntl_names[] = {
    NUMBER(F_DUPFD), NUMBER(F_GETFD), NUMBER(F_SETFD), NUMBER(F_GETFL), NUMBER(F_SETFL), NUMBER(F_GETLK), NUMBER(F_SETLK),
    NUMBER(F_SETLKW), NUMBER(F_SETOWN), NUMBER(F_GETOWN), NUMBER(F_DUPFD_CLOEXEC), NUMBER(F_SETPIPE_SZ), NUMBER(F_GETPIPE_SZ),
    NUMBER(F_ADD_SEALS), NUMBER(F_GET_SEALS), NUMBER(F_OFD_GETLK), NUMBER(F_OFD_SETLK), NUMBER(F_OFD_SETLKW),
};
SET(fcntl);

static const struct flag_name flock_names[] = {FLAG(LOCK_SH), FLAG(LOCK_EX), FLAG(LOCK_UN), FLAG(LOCK_NB)};
SET(flock);

static const struct flag_name futex_names[] = {
    {"FUTEX_WAIT", FUTEX_WAIT, 0x7f}, {"FUTEX_WAKE", FUTEX_WAKE, 0x7f}, {"FUTEX_REQUEUE", FUTEX_REQUEUE, 0x7f},
    {"FUTEX_CMP_REQUEUE", FUTEX_CMP_REQUEUE, 0x7f}, {"FUTEX_WAKE_OP", FUTEX_WAKE_OP, 0x7f},
    {"FUTEX_WAIT_BITSET", FUTEX_WAIT_BITSET, 0x7f}, {"FUTEX_WAKE_BITSET", FUTEX_WAKE_BITSET, 0x7f},
    FLAG(FUTEX_PRIVATE_FLAG), FLAG(FUTEX_CLOCK_REALTIME),
};
SET(futex);

static const struct flag_name madvise_names[] = {
    NUMBER(MADV_NORMAL), NUMBER(MADV_RANDOM), NUMBER(MADV_SEQUENTIAL), NUMBER(MADV_WILLNEED), NUMBER(MADV_DONTNEED), NUMBER(MADV_FREE),
    NUMBER(MADV_DONTFORK), NUMBER(MADV_DOFORK), NUMBER(MADV_HUGEPAGE), NUMBER(MADV_NOHUGEPAGE), NUMBER(MADV_DONTDUMP),
    NUMBER(MADV_DODUMP), NUMBER(MADV_WIPEONFORK), NUMBER(MADV_KEEPONFORK),
};
SET(madvise);

static const struct flag_name mmap_names[] = {
    {"MAP_SHARED", MAP_SHARED, MAP_TYPE}, {"MAP_PRIVATE", MAP_PRIVATE, MAP_TYPE}, {"MAP_SHARED_VALIDATE", MAP_SHARED_VALIDATE, MAP_TYPE},
    FLAG(MAP_FIXED), FLAG(MAP_ANONYMOUS), FLAG(MAP_GROWSDOWN), FLAG(MAP_DENYWRITE), FLAG(MAP_LOCKED), FLAG(MAP_NORESERVE), FLAG(MAP_POPULATE),
    FLAG(MAP_STACK), FLAG(MAP_HUGETLB), FLAG(MAP_FIXED_NOREPLACE),
};
SET(mmap);

static const struct flag_name mremap_names[] = {FLAG(MREMAP_MAYMOVE), FLAG(MREMAP_FIXED), FLAG(MREMAP_DONTUNMAP)};
SET(mremap);

static const struct flag_name msg_names[] = {
    FLAG(MSG_OOB), FLAG(MSG_PEEK), FLAG(MSG_DONTROUTE), FLAG(MSG_CTRUNC), FLAG(MSG_TRUNC), FLAG(MSG_DONTWAIT), FLAG(MSG_EOR), FLAG(MSG_WAITALL),
    FLAG(MSG_ERRQUEUE), FLAG(MSG_NOSIGNAL), FLAG(MSG_MORE), FLAG(MSG_CMSG_CLOEXEC),
};
SET(msg);

static const struct flag_name open_names[] = {
    {"O_RDONLY", O_RDONLY, O_ACCMODE}, {"O_WRONLY", O_WRONLY, O_ACCMODE}, {"O_RDWR", O_RDWR, O_ACCMODE},
    FLAG(O_CREAT), FLAG(O_EXCL), FLAG(O_NOCTTY), FLAG(O_TRUNC), FLAG(O_APPEND), FLAG(O_NONBLOCK), {"O_SYNC", O_SYNC, O_SYNC}, FLAG(O_DSYNC),
    {"O_TMPFILE", O_TMPFILE, O_TMPFILE}, FLAG(O_DIRECTORY), FLAG(O_DIRECT), FLAG(O_LARGEFILE), FLAG(O_NOFOLLOW), FLAG(O_NOATIME),
    FLAG(O_CLOEXEC), FLAG(O_PATH),
};
SET(open);

static const struct flag_name prot_names[] = {
    {"PROT_NONE", PROT_NONE, ~0ULL}, FLAG(PROT_READ), FLAG(PROT_WRITE), FLAG(PROT_EXEC), FLAG(PROT_GROWSDOWN),
};
SET(prot);

static const struct flag_name sigmask_names[] = {NUMBER(SIG_BLOCK), NUMBER(SIG_UNBLOCK), NUMBER(SIG_SETMASK)};
SET(sigmask);

static const struct flag_name socket_names[] = {
    {"SOCK_STREAM", SOCK_STREAM, 0xf}, {"SOCK_DGRAM", SOCK_DGRAM, 0xf}, {"SOCK_RAW", SOCK_RAW, 0xf}, {"SOCK_SEQPACKET", SOCK_SEQPACKET, 0xf},
    FLAG(SOCK_CLOEXEC), FLAG(SOCK_NONBLOCK),
};
SET(socket);

static const struct flag_name wait_names[] = {
    {"0", 0, ~0ULL}, FLAG(WNOHANG), FLAG(WUNTRACED), FLAG(WEXITED), FLAG(WCONTINUED), FLAG(WNOWAIT), FLAG(__WNOTHREAD), FLAG(__WALL), FLAG(__WCLONE),
};
SET(wait);

static const struct flag_name whence_names[] = {
    NUMBER(SEEK_SET), NUMBER(SEEK_CUR), NUMBER(SEEK_END), NUMBER(SEEK_DATA), NUMBER(SEEK_HOLE),
};
SET(whence);
