/* SPDX-License-Identifier: Apache-2.0 */
#include "sysgen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

uint64_t gen_random(struct gen *g)
{
    uint64_t z = g->state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static uint64_t below(struct gen *g, uint64_t n)
{
    return gen_random(g) % n;
}

static const char *const paths[] = {
    "/etc/motd", "/etc", "/", "", ".", "..", "/tmp", "/tmp/a", "/tmp/b", "/tmp/d", "/tmp/d/e", "/tmp/d/../a", "/tmp/link", "/tmp/sock",
    "/tmp/fifo", "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/ptmx", "/dev/pts/0", "/dev/tty", "/proc/self/maps",
    "/proc/self/fd/3", "/proc/self/mem", "/proc/self/stat", "/proc/1/status", "/proc/meminfo", "/sys", "/deep/link", "/deep/loop", "/etc/long",
    "/many", "/bin", "user.a", "user.b", "relative", "/tmp/d/", "//etc//motd", "\x01\xff", "/nowhere/x",
};

/* Where a call may write or read: good places, and each kind of bad one. */
static uint64_t address(struct gen *g)
{
    switch (below(g, 16)) {
    case 0: return 0;
    case 1: return g->scratch + GEN_SCRATCH - below(g, 64);  /* straddles the end */
    case 2: return g->scratch + GEN_SCRATCH + below(g, GEN_HOLE); /* nothing there */
    case 3: return g->kernel + below(g, 4096);
    case 4: return (uint64_t)-1 - below(g, 4096);
    case 5: return 1ULL << below(g, 64);
    case 6: return below(g, 65536);
    default: return g->scratch + (below(g, GEN_SCRATCH / 2) & ~7ULL);
    }
}

static uint64_t number(struct gen *g)
{
    static const uint64_t edges[] = {
        0, 1, 2, 3, 8, 16, 64, 100, 255, 256, 511, 1024, 4095, 4096, 4097, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
        0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, (uint64_t)-2, (uint64_t)-100,
    };
    switch (below(g, 6)) {
    case 0: return edges[below(g, COUNT(edges))];
    case 1: return 1ULL << below(g, 32);
    case 2: return 1ULL << below(g, 20) | 1ULL << below(g, 20);
    case 3: return gen_random(g) & 0xffff;
    default: return below(g, 12);
    }
}

static uint64_t size(struct gen *g)
{
    return below(g, 4) ? below(g, 5000) : number(g);
}

static uint64_t descriptor(struct gen *g)
{
    static const int64_t edges[] = {-1, -100, 0x7fffffff, 1023, 1024, 65536};
    return below(g, 12) ? below(g, 14) : (uint64_t)edges[below(g, COUNT(edges))];
}

static uint64_t string(struct gen *g)
{
    static char text[5000];
    uint64_t at = g->scratch + below(g, GEN_SCRATCH - sizeof(text));
    unsigned len = 0;
    if (below(g, 12) == 0)
        return address(g);
    const char *path = paths[below(g, COUNT(paths))];
    while (path[len])
        text[len] = path[len], len++;
    if (below(g, 20) == 0) {
        for (unsigned more = (unsigned)below(g, sizeof(text) - 64); more-- > 0; len++)
            text[len] = (char)(more % 200 ? 'a' : '/');
    }
    text[len] = 0;
    g->put(at, text, len + 1);
    return at;
}

/* Words that look like what structs are made of: small numbers, sizes, addresses. */
static uint64_t structure(struct gen *g)
{
    uint64_t words[32], at = address(g);
    for (unsigned i = 0; i < COUNT(words); i++) {
        switch (below(g, 4)) {
        case 0: words[i] = address(g); break;
        case 1: words[i] = number(g); break;
        case 2: words[i] = below(g, 16) << 32 | below(g, 16); break;
        default: words[i] = 0;
        }
    }
    if (at >= g->scratch && at < g->scratch + GEN_SCRATCH - sizeof(words))
        g->put(at, words, sizeof(words));
    return at;
}

/* Not 1: that one looks after the test. */
static uint64_t pid(struct gen *g)
{
    uint64_t value = below(g, 3) ? below(g, 6) : number(g);
    return value == 1 || value == (uint64_t)-1 || (uint32_t)value == 1 ? 0 : value;
}

static uint64_t argument(struct gen *g, int kind)
{
    switch (kind) {
    case GEN_FD: return descriptor(g);
    case GEN_PID: return pid(g);
    case GEN_SIG: return below(g, 8) ? below(g, 66) : number(g);
    case GEN_MODE: return below(g, 4) ? gen_random(g) & 0777 : number(g);
    case GEN_SIZE: return size(g);
    case GEN_PTR:
    case GEN_BUF: return structure(g);
    case GEN_ADDR: return address(g) & (below(g, 4) ? ~0xfffULL : ~0ULL);
    case GEN_STR: return string(g);
    default: return number(g);
    }
}

void gen_args(struct gen *g, const int *kinds, unsigned count, uint64_t args[6])
{
    for (unsigned i = 0; i < 6; i++)
        args[i] = i < count ? argument(g, kinds[i]) : 0;
    if (below(g, 50) == 0 && count > 0)
        args[below(g, count)] = gen_random(g);
}
