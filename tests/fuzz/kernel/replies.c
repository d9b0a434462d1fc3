/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host answers. An input is what comes back from each host call that a workload makes, in order: honest where the input
 * says so or is used up, else a result and data of the input's. The workload uses sockets, a directory of the host's, streams, and
 * requests to the enclave.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include "hostcall/hostcall.h"
#include "mm/usercopy.h"
#include "naos/config.h"
#include "naos/request.h"
#include "platform/plat.h"
#include "target.h"
#include "tests/hostile/mutate.h"

#define MOUNT_OFF   3072
#define STRINGS_OFF 3200

static struct fuzz_bytes replies;
static uaddr_t memory;
static uint64_t calls_left; /* then the host is honest again, so that loops end */

/* ---- the host -------------------------------------------------------------------------------------------------------- */

static int64_t file_get(const struct hostcall_frame *frame)
{
    struct hostcall_file_stat st = {.mode = S_IFDIR | 0755, .nlink = 2, .ino = frame->args[0], .dev = 1};
    if (frame->args[1] != HOSTCALL_FILE_STAT || frame->out_size < sizeof(st))
        return 0;
    if (frame->args[0] % 2)
        st.mode = S_IFREG | 0644, st.size = 5000;
    memcpy((void *)(uintptr_t)plat_host_buffer(), &st, sizeof(st));
    return sizeof(st);
}

static int64_t honest(struct hostcall_frame *frame)
{
    static int64_t next_fd = 100;
    switch (frame->nr) {
    case HOSTCALL_FILE_OPEN: return frame->in_size ? 100 + next_fd++ % 50 : (int64_t)frame->args[0];
    case HOSTCALL_FILE_GET: return file_get(frame);
    case HOSTCALL_FILE_SET: return (int64_t)frame->in_size;
    case HOSTCALL_SOCK_OPEN: return 200 + next_fd++ % 50;
    case HOSTCALL_SOCK_SEND: return (int64_t)frame->in_size;
    case HOSTCALL_SOCK_ACCEPT:
    case HOSTCALL_SOCK_RECV:
    case HOSTCALL_REQUEST_TAKE: return -EAGAIN;
    case HOSTCALL_WAIT: return 0;
    default: fake_host_honest(frame); return frame->result;
    }
}

static int64_t result_draw(const struct hostile_call *call, uint64_t size)
{
    switch (fuzz_take(&replies, 1) % 6) {
    case 0: return (int64_t)size;
    case 1: return call->ret_max > 0 ? (int64_t)(fuzz_take(&replies, 2) % ((uint64_t)call->ret_max + 1)) : (int64_t)(fuzz_take(&replies, 2) % (size + 1));
    case 2: return -(int64_t)fuzz_take(&replies, 1);
    case 3: return call->errs[0] ? -call->errs[fuzz_take(&replies, 1) % 2 && call->errs[1] ? 1 : 0] : 0;
    case 4: return size ? (int64_t)(fuzz_take(&replies, 1) % size) : 0;
    default: return (int64_t)fuzz_take(&replies, 8);
    }
}

/* The host may end the enclave, or stop it, but then the input says no more: other signals instead. */
static void kindly(uint32_t nr, uint8_t *buffer, size_t size)
{
    struct request *r = (struct request *)buffer;
    struct hostcall_event *events = (struct hostcall_event *)buffer;
    if (nr == HOSTCALL_REQUEST_TAKE && size >= sizeof(*r) && r->kind == REQUEST_SIGNAL && (r->value == 9 || r->value == 19))
        r->value = 15;
    for (size_t i = 0; nr == HOSTCALL_WAIT && i < size / sizeof(*events); i++) {
        if (events[i].kind == HOSTCALL_EVENT_SIGNAL && (events[i].id == 9 || events[i].id == 19))
            events[i].id = 28;
    }
}

static void reply(struct hostcall_frame *frame)
{
    uint8_t *buffer = (uint8_t *)(uintptr_t)plat_host_buffer();
    const struct hostile_call *call = &hostile_calls[frame->nr];
    uint64_t size = MIN(frame->out_size, (uint64_t)call->out_max);
    frame->result = honest(frame);
    if (frame->nr == HOSTCALL_LOG || replies.left == 0 || calls_left == 0 || fuzz_take(&replies, 1) % 4 == 0)
        return;
    calls_left--;
    frame->result = result_draw(call, size);
    if (frame->result > 0 && (uint64_t)frame->result <= size)
        fuzz_take_bytes(&replies, buffer, MIN((size_t)frame->result, (size_t)512));
    kindly(frame->nr, buffer, frame->result > 0 ? MIN((size_t)frame->result, (size_t)size) : 0);
}

/* ---- the work ---------------------------------------------------------------------------------------------------------- */

static void config(struct fake_params *params)
{
    static char block[4096];
    memcpy(block, params->config, sizeof(block));
    struct config *c = (struct config *)block;
    c->mounts_off = MOUNT_OFF;
    c->mount_count = 1;
    c->publish_off = STRINGS_OFF + 64;
    c->publish_count = 1;
    const struct config_mount m = {.kind = CONFIG_MOUNT_HOST, .target_off = STRINGS_OFF, .source_off = STRINGS_OFF + 8};
    const struct config_publish p = {.port = 80, .host_port = 80, .protocol = 6};
    memcpy(block + MOUNT_OFF, &m, sizeof(m));
    memcpy(block + STRINGS_OFF, "/host\0\0\0/srv", 13);
    memcpy(block + c->publish_off, &p, sizeof(p));
    params->config = block;
    fake_host = reply;
}

static void ready(struct arch_regs *regs)
{
    memory = user_map(regs, 65536);
    SYS(regs, fcntl, 0, F_SETFL, O_NONBLOCK); /* nothing may come, for ever */
}

static int64_t path_open(struct arch_regs *regs, const char *path, uint64_t flags)
{
    user_put(memory, path, strlen(path) + 1);
    return SYS(regs, openat, (uint64_t)AT_FDCWD, memory, flags | O_NONBLOCK, 0600);
}

static void files_use(struct arch_regs *regs)
{
    uint64_t fd = (uint64_t)path_open(regs, "/host/a/b", O_CREAT | O_RDWR);
    SYS(regs, pread64, fd, memory + 4096, 9000, 10);
    SYS(regs, pwrite64, fd, memory + 4096, 9000, 10);
    SYS(regs, fstat, fd, memory + 4096);
    SYS(regs, ftruncate, fd, 100);
    SYS(regs, fsync, fd);
    int64_t at = SYS(regs, mmap, 0, 8192, 1, 2, fd, 0);
    char byte;
    if (at > 0 && copy_from_user(&byte, (uaddr_t)at, 1) == 0)
        SYS(regs, munmap, (uint64_t)at, 8192);
    SYS(regs, close, fd);
    fd = (uint64_t)path_open(regs, "/host", O_RDONLY);
    for (int i = 0; i < 3; i++)
        SYS(regs, getdents64, fd, memory + 4096, 4096);
    SYS(regs, close, fd);
    user_put(memory, "/host/x\0/host/y", 16);
    SYS(regs, mkdirat, (uint64_t)AT_FDCWD, memory, 0700);
    SYS(regs, renameat2, (uint64_t)AT_FDCWD, memory, (uint64_t)AT_FDCWD, memory + 8, 0);
    SYS(regs, symlinkat, memory, (uint64_t)AT_FDCWD, memory + 8);
    SYS(regs, readlinkat, (uint64_t)AT_FDCWD, memory + 8, memory + 4096, 4000);
    SYS(regs, unlinkat, (uint64_t)AT_FDCWD, memory, 0);
}

static void socket_use(struct arch_regs *regs, uint64_t type)
{
    const uint8_t addr[16] = {2, 0, 0, 80, 10, 0, 0, 1};
    const uint32_t length = 16, one = 1;
    uint64_t fd = (uint64_t)SYS(regs, socket, 2, type | O_NONBLOCK, 0);
    user_put(memory, addr, sizeof(addr));
    user_put(memory + 64, &length, sizeof(length));
    user_put(memory + 128, &one, sizeof(one));
    SYS(regs, setsockopt, fd, 1, 9, memory + 128, 4);
    SYS(regs, connect, fd, memory, 16);
    SYS(regs, getsockname, fd, memory + 256, memory + 64);
    SYS(regs, getpeername, fd, memory + 256, memory + 64);
    SYS(regs, getsockopt, fd, 1, 4, memory + 128, memory + 64);
    SYS(regs, sendto, fd, memory, 5000, 0x4000);
    SYS(regs, recvfrom, fd, memory + 4096, 40000, 0, memory + 256, memory + 64);
    SYS(regs, recvfrom, fd, memory + 4096, 100, 0, memory + 256, memory + 64);
    SYS(regs, shutdown, fd, 2);
    SYS(regs, close, fd);
}

static void server_use(struct arch_regs *regs)
{
    const uint8_t addr[16] = {2, 0, 0, 80};
    const uint32_t length = 16;
    uint64_t fd = (uint64_t)SYS(regs, socket, 2, 1 | O_NONBLOCK, 0);
    user_put(memory, addr, sizeof(addr));
    user_put(memory + 64, &length, sizeof(length));
    SYS(regs, bind, fd, memory, 16);
    SYS(regs, listen, fd, 5);
    SYS(regs, close, (uint64_t)SYS(regs, accept4, fd, memory + 256, memory + 64, O_NONBLOCK));
    SYS(regs, close, fd);
}

/* Lets the kernel ask for events, and for requests. */
static void events_wait(struct arch_regs *regs)
{
    const uint64_t time[2] = {0, 1000};
    user_put(memory, time, sizeof(time));
    for (int i = 0; i < 3; i++)
        SYS(regs, nanosleep, memory);
}

static void one(struct arch_regs *regs, const uint8_t *data, size_t size)
{
    replies = (struct fuzz_bytes){data, size};
    calls_left = 300;
    for (int signo = 1; signo <= 64; signo++) { /* the host may send any */
        const uint64_t ignore[4] = {1};
        user_put(memory, ignore, sizeof(ignore));
        SYS(regs, rt_sigaction, (uint64_t)signo, memory, 0, 8);
    }
    events_wait(regs);
    files_use(regs);
    socket_use(regs, 1);
    socket_use(regs, 2);
    server_use(regs);
    SYS(regs, ioctl, 0, 0x5401, memory);
    SYS(regs, ioctl, 0, 0x5413, memory);
    SYS(regs, read, 0, memory + 4096, 3000);
    events_wait(regs);
    calls_left = 0;
    SYS(regs, kill, (uint64_t)-1, 9); /* programs that requests started */
    events_wait(regs);
}

const struct fuzz_target fuzz_target = {.user = one, .ready = ready, .config = config};
