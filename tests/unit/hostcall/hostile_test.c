/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole kernel boots and works under a host that lies (tests/hostile/mutate.h). It may fail, it may stop with a reason, it may
 * be left hanging; it may not read or write what it must not (sanitizers), panic, or show a program wrong data.
 * A failure prints its seed: `hostile_test NAME SEED` does the same again.
 */
#include <stdio.h>
#include <string.h>
#include "mm/usercopy.h"
#include "platform/plat.h"
#include "tests/hostile/mutate.h"
#include "unit.h"

#define ROUNDS              8
#define HOSTILE_SEEDS       24
#define HOSTILE_SWEEP_CASES 120
#define HOSTILE_STRIDE      37 /* of the sweep's cases; prime, so that in the end all calls and fields are met */

static struct hostile hostile;

static void lie(struct hostcall_frame *frame)
{
    uint8_t *buffer = (uint8_t *)(uintptr_t)plat_host_buffer();
    fake_host_honest(frame);
    hostile_reply(&hostile, frame, buffer, frame->result);
}

/* ---- the work -------------------------------------------------------------------------------------------------------- */

static uaddr_t memory;

static int64_t path_call(struct arch_regs *regs, const char *path, uint64_t flags)
{
    if (copy_to_user(memory, path, strlen(path) + 1))
        return -EFAULT;
    return SYS(regs, openat, (uint64_t)-100, memory, flags, 0600);
}

/* What is read without an error is what is in the image. */
static void image_read(struct arch_regs *regs)
{
    uint64_t words[64];
    int64_t fd = path_call(regs, "/etc/long", 0);
    for (uint64_t at = 0; fd >= 0 && at < 200000; at += 17 * 64) {
        int64_t n = SYS(regs, pread64, (uint64_t)fd, memory, sizeof(words), at * 8);
        if (n != sizeof(words))
            continue;
        user_get(words, memory, sizeof(words));
        for (unsigned i = 0; i < 64; i++)
            EXPECT_EQ(words[i], at + i);
    }
    SYS(regs, close, (uint64_t)fd);
}

static void file_write(struct arch_regs *regs)
{
    uint64_t words[64], seen[64];
    int64_t fd = path_call(regs, "/tmp/file", 0102);
    for (unsigned i = 0; i < 64; i++)
        words[i] = i * 77;
    for (unsigned k = 0; fd >= 0 && k < 20; k++) {
        user_put(memory, words, sizeof(words));
        if (SYS(regs, pwrite64, (uint64_t)fd, memory, sizeof(words), k * 5000) != sizeof(words))
            continue;
        if (SYS(regs, pread64, (uint64_t)fd, memory + 8192, sizeof(words), k * 5000) != sizeof(words))
            continue;
        user_get(seen, memory + 8192, sizeof(seen));
        EXPECT(memcmp(words, seen, sizeof(words)) == 0);
    }
    SYS(regs, close, (uint64_t)fd);
}

/* Descriptors of the host: streams, polling, the terminal. */
static void streams_use(struct arch_regs *regs)
{
    const struct {
        int32_t fd;
        int16_t events, revents;
    } fds[3] = {{0, 1, 0}, {1, 4, 0}, {2, 4, 0}};
    uint64_t time[2] = {0, 1000000};
    for (int i = 0; i < 6; i++) {
        user_put(memory, fds, sizeof(fds));
        user_put(memory + 512, time, sizeof(time));
        SYS(regs, ppoll, memory, 3, memory + 512, 0, 8);
        SYS(regs, fcntl, 0, 4, 04000);
        SYS(regs, read, 0, memory + 4096, 30000);
        SYS(regs, write, 1, memory, 20000);
        SYS(regs, write, 2, memory, 100);
        SYS(regs, ioctl, 0, 0x5401, memory);
        SYS(regs, ioctl, 0, 0x5413, memory);
        SYS(regs, fstat, 1, memory);
    }
}

/* Sockets of the host: the peer is 10.0.0.1:80. */
static void sockets_use(struct arch_regs *regs)
{
    const uint8_t addr[16] = {2, 0, 0, 80, 10, 0, 0, 1};
    uint32_t length = 16, one = 1;
    for (uint64_t type = 1; type <= 2; type++) {
        uint64_t fd = (uint64_t)SYS(regs, socket, 2, type | 04000, 0);
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
        SYS(regs, shutdown, fd, 2);
        SYS(regs, close, fd);
    }
    uint64_t fd = (uint64_t)SYS(regs, socket, 2, 1 | 04000, 0);
    SYS(regs, bind, fd, memory, 16);
    SYS(regs, listen, fd, 5);
    SYS(regs, accept4, fd, memory + 256, memory + 64, 0);
    SYS(regs, close, fd);
}

static void clock_use(struct arch_regs *regs)
{
    uint64_t last[2] = {0, 0}, now[2], time[2] = {0, 500000};
    for (int i = 0; i < 20; i++) {
        SYS(regs, clock_gettime, 1, memory);
        user_get(now, memory, sizeof(now));
        EXPECT(now[0] > last[0] || (now[0] == last[0] && now[1] >= last[1]));
        last[0] = now[0], last[1] = now[1];
        user_put(memory, time, sizeof(time));
        SYS(regs, nanosleep, memory);
        SYS(regs, clock_gettime, 1, memory + 64);
        user_get(now, memory + 64, sizeof(now));
        EXPECT((now[0] - last[0]) * 1000000000 + now[1] - last[1] >= 500000); /* never early */
    }
}

static void work(struct arch_regs *regs)
{
    for (int round = 0; round < ROUNDS; round++) {
        image_read(regs);
        file_write(regs);
        streams_use(regs);
        sockets_use(regs);
        clock_use(regs);
    }
}

static void child(struct arch_regs *regs)
{
    work(regs);
    user_exit(regs, 0);
}

static void workload(struct arch_regs *regs)
{
    int64_t at = SYS(regs, mmap, 0, 65536, 3, 0x22, ~0ULL, 0);
    if (at < 0)
        user_exit(regs, 1);
    memory = (uaddr_t)at;
    int64_t pid = user_fork(regs, child);
    work(regs);
    SYS(regs, wait4, (uint64_t)pid);
    printf("# %llu replies, %llu lies\n", (unsigned long long)hostile.step, (unsigned long long)hostile.lies);
    user_exit(regs, 0);
}

/* ---- modes ---------------------------------------------------------------------------------------------------------------- */

static void setup(enum hostile_mode mode, uint64_t seed)
{
    hostile = (struct hostile){.mode = mode, .seed = seed};
    fake_host = lie;
}

static void setup_sweep(uint64_t seed)
{
    char text[100];
    setup(HOSTILE_SWEEP, seed * HOSTILE_STRIDE);
    hostile_sweep_describe(hostile.seed, text, sizeof(text));
    fprintf(stderr, "sweep: %s\n", text);
}

static void setup_random(uint64_t seed)
{
    setup(HOSTILE_RANDOM, seed);
}

static void setup_replay(uint64_t seed)
{
    setup(HOSTILE_REPLAY, seed);
}

static void setup_flood(uint64_t seed)
{
    setup(HOSTILE_FLOOD, seed);
}

static void setup_clock(uint64_t seed)
{
    setup(HOSTILE_CLOCK, seed);
}

static const struct unit_test tests[] = {
    {"honest", .user = workload},
    {"sweep", .user = workload, .setup = setup_sweep, .may_hang = true, .vcpus = 2, .seeds = HOSTILE_SWEEP_CASES},
    {"random", .user = workload, .setup = setup_random, .may_hang = true, .vcpus = 2, .seeds = HOSTILE_SEEDS},
    {"replay", .user = workload, .setup = setup_replay, .may_hang = true, .vcpus = 2, .seeds = HOSTILE_SEEDS / 4},
    {"flood", .user = workload, .setup = setup_flood, .may_hang = true, .vcpus = 2, .seeds = HOSTILE_SEEDS / 8},
    {"clock", .user = workload, .setup = setup_clock, .may_hang = true, .vcpus = 2, .seeds = HOSTILE_SEEDS / 4},
};
UNIT_MAIN(tests)
