/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings as a program asks for them. */
#include "unit.h"
#include "mm/usercopy.h"
#include "platform/plat.h"

enum { READ_WRITE = 3, PRIVATE_ANON = 0x22, FIXED = 0x10, MAYMOVE = 1, REMAP_FIXED = 2 };
#define NO_FD (~0ULL)

/* Ranges that wrap, or reach beyond what programs may have. */
static void absurd_ranges(struct arch_regs *regs)
{
    const uint64_t at[] = {0xfffffffffffff000, plat_info.user_end, plat_info.user_end - 4096, 1ULL << 63, 0};
    const uint64_t sizes[] = {4096, 8192, UINT64_MAX, 1ULL << 63, UINT64_MAX - 4095};
    uaddr_t old = user_map(regs, 4096);
    for (unsigned i = 0; i < ARRAY_COUNT(at); i++) {
        for (unsigned k = 0; k < ARRAY_COUNT(sizes); k++) {
            if (at[i] == plat_info.user_end - 4096 && sizes[k] == 4096)
                continue;
            EXPECT(SYS(regs, mmap, at[i], sizes[k], READ_WRITE, PRIVATE_ANON | FIXED, NO_FD, 0) < 0);
            EXPECT(SYS(regs, mremap, old, 4096, sizes[k], MAYMOVE | REMAP_FIXED, at[i]) < 0);
            EXPECT(SYS(regs, munmap, at[i], sizes[k]) <= 0);
            EXPECT(SYS(regs, mprotect, at[i], sizes[k], READ_WRITE) < 0);
            EXPECT(SYS(regs, madvise, at[i], sizes[k], 4) < 0);
            EXPECT(SYS(regs, msync, at[i], sizes[k], 4) < 0);
            EXPECT(SYS(regs, mincore, at[i], sizes[k], old) < 0);
        }
    }
    user_exit(regs, 0);
}

/* ---- random mappings against a model: a byte a page says what must be there ------------------------------------------------ */

#define PAGES 64
static struct {
    bool is_mapped, is_writable;
    uint8_t mark;
} model[PAGES];

static void model_check(uaddr_t base)
{
    for (unsigned i = 0; i < PAGES; i++) {
        uint8_t byte = 0xee;
        int err = copy_from_user(&byte, base + i * 4096, 1);
        EXPECT_EQ(err, model[i].is_mapped ? 0 : -EFAULT);
        EXPECT(!model[i].is_mapped || byte == model[i].mark);
    }
}

static void model_set(unsigned first, unsigned count, bool is_mapped, bool is_writable)
{
    for (unsigned i = first; i < first + count; i++) {
        model[i].is_mapped = is_mapped;
        model[i].is_writable = is_writable;
        model[i].mark = 0;
    }
}

static void step(struct arch_regs *regs, uaddr_t base)
{
    unsigned first = (unsigned)(fake_random() % PAGES), count = 1 + (unsigned)(fake_random() % (PAGES - first));
    uaddr_t at = base + first * 4096ULL;
    uint8_t mark = (uint8_t)(1 + fake_random() % 255);
    bool is_all = true;
    for (unsigned i = first; i < first + count; i++)
        is_all &= model[i].is_mapped;
    switch (fake_random() % 5) {
    case 0:
        EXPECT_EQ(SYS(regs, mmap, at, count * 4096ULL, READ_WRITE, PRIVATE_ANON | FIXED, NO_FD, 0), (int64_t)at);
        model_set(first, count, true, true);
        break;
    case 1:
        EXPECT_EQ(SYS(regs, munmap, at, count * 4096ULL), 0);
        model_set(first, count, false, false);
        break;
    case 2: {
        bool is_writable = fake_random() % 2;
        EXPECT_EQ(SYS(regs, mprotect, at, count * 4096ULL, is_writable ? 3 : 1), is_all ? 0 : -ENOMEM);
        for (unsigned i = first; i < first + count && model[i].is_mapped; i++) /* up to a hole */
            model[i].is_writable = is_writable;
        break;
    }
    case 3: /* what is mapped is dropped, also around holes */
        EXPECT_EQ(SYS(regs, madvise, at, count * 4096ULL, 4), is_all ? 0 : -ENOMEM);
        for (unsigned i = first; i < first + count; i++)
            model[i].mark = 0;
        break;
    default:
        EXPECT_EQ(copy_to_user(at + 17, &mark, 1), model[first].is_mapped && model[first].is_writable ? 0 : -EFAULT);
        EXPECT_EQ(copy_to_user(at, &mark, 1), model[first].is_mapped && model[first].is_writable ? 0 : -EFAULT);
        if (model[first].is_mapped && model[first].is_writable)
            model[first].mark = mark;
    }
}

static void random_mappings(struct arch_regs *regs)
{
    uaddr_t base = user_map(regs, PAGES * 4096);
    model_set(0, PAGES, true, true);
    for (int i = 0; i < 400; i++) {
        step(regs, base);
        if (i % 8 == 0)
            model_check(base);
    }
    user_exit(regs, 0);
}

/* ---- fork: each has its own content, whoever runs ------------------------------------------------------------------------------ */

static uaddr_t shared_at, private_at;

static void child(struct arch_regs *regs)
{
    uint64_t mine = (uint64_t)SYS(regs, getpid), seen, shared, time[2] = {0, 1000};
    uaddr_t at = user_map(regs, 4096);
    user_put(private_at, &mine, sizeof(mine));
    for (int i = 0; i < 10; i++) {
        user_put(at, time, sizeof(time));
        SYS(regs, nanosleep, at);
        user_get(&seen, private_at, sizeof(seen));
        EXPECT_EQ(seen, mine);
    }
    user_get(&shared, shared_at, sizeof(shared));
    EXPECT_EQ(shared, 4711);
    user_exit(regs, 0);
}

static void forked_content(struct arch_regs *regs)
{
    private_at = user_map(regs, 65536);
    shared_at = (uaddr_t)SYS(regs, mmap, 0, 4096, READ_WRITE, 0x21, NO_FD, 0);
    EXPECT(shared_at > 0);
    int64_t kids[4];
    uint64_t mine = 1, seen, shared = 4711;
    user_put(private_at, &mine, sizeof(mine));
    user_put(shared_at, &shared, sizeof(shared));
    for (int i = 0; i < 4; i++)
        kids[i] = user_fork(regs, child);
    for (int i = 0; i < 4; i++)
        EXPECT_EQ(user_wait(regs, kids[i]), 0);
    user_get(&seen, private_at, sizeof(seen));
    EXPECT_EQ(seen, mine);
    user_exit(regs, 0);
}

/* ---- memory runs out while a file is read ahead: what was asked for is there, or is not; nothing is filled twice ------------------ */

#define MIB (1UL << 20)

static void touch(uaddr_t at, uint64_t step, unsigned count)
{
    uint8_t byte;
    for (unsigned i = 0; i < count; i++)
        EXPECT_EQ(copy_from_user(&byte, at + i * step, 1), 0);
}

/* Enough faults that the next one brings in a whole MiB that is cached, in two chunks; then the n-th change of memory fails. */
static void fill_with_failure(struct arch_regs *regs, int64_t fd, uint64_t n)
{
    uint8_t byte;
    uaddr_t at = (uaddr_t)SYS(regs, mmap, 0, 64 * MIB, PLAT_PROT_READ, 2, fd, 0);
    EXPECT((int64_t)at > 0);
    touch(at, MIB, 48);
    fake_fail(FAKE_FAULT_COMMIT, n, false);
    int err = copy_from_user(&byte, at + 50 * MIB, 1);
    EXPECT(err == 0 || err == -EFAULT);
    fake_fail(FAKE_FAULT_COMMIT, 0, false);
    EXPECT_EQ(copy_from_user(&byte, at + 50 * MIB, 1), 0);
    EXPECT_EQ(SYS(regs, munmap, at, 64 * MIB), 0);
}

static void fill_failures(struct arch_regs *regs)
{
    uaddr_t name = user_map(regs, 4096);
    int64_t fd = SYS(regs, memfd_create, name, 0);
    EXPECT(fd >= 0);
    EXPECT_EQ(SYS(regs, ftruncate, fd, 64 * MIB), 0);
    uaddr_t data = user_map(regs, MIB);
    EXPECT_EQ(SYS(regs, pwrite64, fd, data, MIB, 50 * MIB), MIB);
    for (uint64_t n = 1; n <= 8; n++)
        fill_with_failure(regs, fd, n);
    user_exit(regs, 0);
}

static const struct unit_test tests[] = {
    {"fill_failures", .user = fill_failures},
    {"absurd_ranges", .user = absurd_ranges},
    {"random_mappings", .user = random_mappings, .seeds = 10},
    {"forked_content", .user = forked_content, .vcpus = 3, .seeds = 8},
};
UNIT_MAIN(tests)
