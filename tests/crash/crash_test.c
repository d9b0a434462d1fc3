/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RELIABILITY S3, S5, S7, S11: a workload is run and each write recorded. Then the power fails at each write: of what was
 * written since the last barrier, all subsets (or a sample of them) are kept, the others dropped, one torn at 512 bytes. The
 * store that is found is opened: it must be exactly what the last finished sync saw, or
 * what was logged since without waiting for the medium, or what was under way.
 * usage: crash_test [STATES [SEED]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "workload.h"

#define BLOCKS 900
#define SYNC_MAX 4096

struct sync_point {
    size_t start, end; /* writes before it, and before its return */
    bool is_durable;   /* it waited for the medium: not just an entry in the log */
    uint64_t digest;
};

static struct medium recorded;
static struct sync_point points[SYNC_MAX];
static size_t point_count, point_good; /* point_good: the last that returned 0 */
static unsigned random_state;
static unsigned long states, torn, violations;

/* ---- recording ---------------------------------------------------------------------------------------------------------- */

static void before_sync(struct workload *w)
{
    int err;
    points[point_count] = (struct sync_point){.start = recorded.write_count, .digest = workload_digest(w->st, &err)};
    if (err)
        w->err = err;
}

static void after_sync(struct workload *w, int err)
{
    if (err == 0)
        point_good = point_count;
    struct sync_point *p = &points[point_count++];
    p->end = recorded.write_count;
    p->is_durable = err == 0 && p->end > p->start && recorded.writes[p->end - 1].block == MEDIUM_BARRIER;
    if (point_count == SYNC_MAX)
        w->err = -ENOSPC;
}

static int record(enum workload_kind kind, unsigned seed, unsigned steps, uint8_t **first)
{
    struct workload w = {.seed = seed, .before_sync = before_sync, .after_sync = after_sync};
    workload_format(&recorded, BLOCKS, 16);
    int err = store_open(&recorded.dev, workload_key, 0, &w.st);
    if (err)
        return err;
    store_expect_sync(w.st, seed % 2); /* half of them as under a database */
    point_count = 0;
    *first = malloc(BLOCKS * STORE_BLOCK);
    memcpy(*first, recorded.bytes, BLOCKS * STORE_BLOCK);
    before_sync(&w); /* what is there before anything: acceptable until the first sync returns */
    after_sync(&w, 0);
    medium_record(&recorded, true);
    workload_run(&w, kind, steps);
    medium_record(&recorded, false);
    store_close(w.st);
    return w.err;
}

/* ---- one state ------------------------------------------------------------------------------------------------------------ */

struct undo {
    uint64_t block;
    uint8_t data[STORE_BLOCK];
};

/* The medium that a crash leaves, and how to get back from it. */
static struct medium work;
static struct undo *undos;
static size_t undo_count, undo_room;

static void work_put(uint64_t block, const uint8_t *data, size_t from, size_t size)
{
    if (undo_count == undo_room) {
        undo_room = undo_room * 2 + 64;
        undos = realloc(undos, undo_room * sizeof(*undos));
    }
    undos[undo_count].block = block;
    memcpy(undos[undo_count++].data, work.bytes + block * STORE_BLOCK, STORE_BLOCK);
    memcpy(work.bytes + block * STORE_BLOCK + from, data + from, size);
}

static void work_restore(void)
{
    while (undo_count > 0) {
        undo_count--;
        memcpy(work.bytes + undos[undo_count].block * STORE_BLOCK, undos[undo_count].data, STORE_BLOCK);
    }
}

static void ignore_damage(struct store_report *report, uint64_t ino, uint64_t block)
{
    (void)report, (void)ino, (void)block;
}

/* Opens, compares, checks. The writes of opening are recorded, to be undone. */
static const char *state_open(uint64_t *digest)
{
    struct store_report report = {.damaged = ignore_damage};
    struct store *st;
    int err = store_open(&work.dev, workload_key, 0, &st);
    if (err)
        return "it does not open";
    *digest = workload_digest(st, &err);
    const char *wrong = err ? "something in it cannot be read" : NULL;
    if (!wrong && (store_check(st, &report) || report.bad_nodes + report.bad_blocks + report.bad_items + report.doubly_used))
        wrong = "fsck finds damage";
    store_close(st);
    return wrong;
}

static bool is_acceptable(size_t crash, uint64_t digest)
{
    size_t last = 0;
    for (size_t i = 1; i < point_count && points[i].end <= crash; i++)
        last = points[i].is_durable ? i : last;
    for (; last < point_count && points[last].start <= crash; last++) {
        if (digest == points[last].digest)
            return true;
    }
    return false;
}

static void state_check(size_t crash, const char *kind, unsigned seed)
{
    uint64_t digest = 0, again = 0;
    size_t before = recorded.dev.blocks;
    work.dev.blocks = before;
    medium_record(&work, true);
    uint8_t *keep = malloc(BLOCKS * STORE_BLOCK);
    memcpy(keep, work.bytes, BLOCKS * STORE_BLOCK);
    const char *wrong = state_open(&digest);
    if (!wrong && !is_acceptable(crash, digest))
        wrong = "it is not what a sync saw";
    if (!wrong && states % 16 == 0 && ((wrong = state_open(&again)) || again != digest))
        wrong = wrong ? wrong : "a second opening finds something else";
    memcpy(work.bytes, keep, BLOCKS * STORE_BLOCK);
    free(keep);
    medium_forget(&work);
    states++;
    if (!wrong)
        return;
    violations++;
    if (violations < 10)
        printf("FAIL store/crash-%s: seed %u, crash after write %zu: %s\n", kind, seed, crash, wrong);
}

/* ---- all states of one crash -------------------------------------------------------------------------------------------------- */

static unsigned next_random(void)
{
    return workload_random(&random_state);
}

/* mask: which of the writes [first, crash) are kept; the torn one, if any, is kept in part. */
static void subset_apply(size_t first, size_t crash, uint64_t mask, size_t torn_at)
{
    for (size_t i = first; i < crash; i++) {
        const struct medium_write *w = &recorded.writes[i];
        size_t sectors = i == torn_at ? next_random() % 7 + 1 : 8;
        bool from_end = next_random() % 2;
        if (mask >> (i - first) % 64 & 1 || i == torn_at)
            work_put(w->block, w->data, from_end ? (8 - sectors) * 512 : 0, sectors * 512);
    }
}

static void crash_at(size_t first, size_t crash, unsigned long share, const char *kind, unsigned seed)
{
    size_t count = crash - first;
    uint64_t all = count >= 64 ? ~0ULL : (1ULL << count) - 1;
    unsigned long subsets = count < 6 ? 1UL << count : share;
    for (unsigned long i = 0; i < subsets; i++) {
        uint64_t mask = count < 6 ? i : i == 0 ? 0 : i == 1 ? all : (uint64_t)next_random() << 45 ^ (uint64_t)next_random() << 30 ^ next_random();
        for (int tear = 0; tear < (count > 0 ? 2 : 1); tear++) {
            subset_apply(first, crash, mask, tear ? first + next_random() % count : SIZE_MAX);
            torn += (unsigned long)tear;
            state_check(crash, kind, seed);
            work_restore();
        }
    }
}

static void crash_everywhere(const uint8_t *initial, unsigned long share, const char *kind, unsigned seed)
{
    size_t first = 0;
    medium_init(&work, BLOCKS);
    memcpy(work.bytes, initial, BLOCKS * STORE_BLOCK);
    for (size_t crash = 0; crash <= recorded.write_count; crash++) {
        crash_at(first, crash, share, kind, seed);
        if (crash == recorded.write_count || recorded.writes[crash].block != MEDIUM_BARRIER)
            continue;
        for (size_t i = first; i < crash; i++) /* durable from here on */
            memcpy(work.bytes + recorded.writes[i].block * STORE_BLOCK, recorded.writes[i].data, STORE_BLOCK);
        first = crash + 1;
    }
    medium_fini(&work);
}

/* ---- S7: each nonce once; S11: the n-th write fails -------------------------------------------------------------------------- */

static uint64_t *nonces;
static size_t nonce_count;
static unsigned long nonce_twice;
#define NONCE_SLOTS (1u << 23)

void __real_aead_seal(const void *key, const uint8_t *nonce, const void *aad, size_t aad_size, const void *in, void *out,
                      size_t size, uint8_t *tag);
void __wrap_aead_seal(const void *key, const uint8_t *nonce, const void *aad, size_t aad_size, const void *in, void *out,
                      size_t size, uint8_t *tag);
void __wrap_aead_seal(const void *key, const uint8_t *nonce, const void *aad, size_t aad_size, const void *in, void *out,
                      size_t size, uint8_t *tag)
{
    uint64_t low, high = 0, hash;
    memcpy(&low, nonce, 8);
    memcpy(&high, nonce + 8, 4);
    hash = low ^ high * 0x9e3779b97f4a7c15;
    for (size_t at = hash % NONCE_SLOTS; nonce_count < NONCE_SLOTS / 2; at = (at + 1) % NONCE_SLOTS) {
        nonce_twice += nonces[at] == (hash | 1);
        if (nonces[at] == 0 || nonces[at] == (hash | 1)) {
            nonces[at] = hash | 1;
            nonce_count++;
            break;
        }
    }
    __real_aead_seal(key, nonce, aad, aad_size, in, out, size, tag);
}

/* The n-th write fails and all after it: the workload gets errors; what is found afterwards is a state that a sync saw. */
static void errors_everywhere(enum workload_kind kind, unsigned seed)
{
    for (long n = 1; n < 400; n++) {
        struct workload w = {.seed = seed, .before_sync = before_sync, .after_sync = after_sync};
        struct store *st;
        workload_format(&recorded, BLOCKS, 16);
        if (store_open(&recorded.dev, workload_key, 0, &w.st))
            abort();
        point_count = 0;
        before_sync(&w);
        after_sync(&w, 0);
        recorded.fail_at = n;
        workload_run(&w, kind, 25);
        bool has_failed = recorded.fail_at == 0;
        recorded.fail_at = -1;
        store_close(w.st);
        uint64_t digest = 0;
        int err = store_open(&recorded.dev, workload_key, 0, &st);
        bool is_good = err == 0;
        if (is_good) {
            digest = workload_digest(st, &err);
            is_good = err == 0 && (digest == points[point_good].digest ||
                                   (point_good + 1 < point_count && digest == points[point_good + 1].digest));
            store_close(st);
        }
        medium_fini(&recorded);
        states++;
        if (!is_good) {
            violations++;
            printf("FAIL store/errors-%s: seed %u, write %ld fails: error %d\n", workload_names[kind], seed, n, err);
        }
        if (!has_failed)
            return;
    }
}

int main(int argc, char **argv)
{
    unsigned long goal = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    unsigned seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
    static const unsigned steps[WORKLOAD_COUNT] = {60, 12, 24, 14};
    nonces = calloc(NONCE_SLOTS, sizeof(*nonces));
    for (unsigned first = seed; states < goal && violations == 0; seed++) {
        for (int kind = 0; kind < WORKLOAD_COUNT; kind++) {
            uint8_t *initial = NULL;
            unsigned long violations_before = violations, states_before = states;
            int err = record((enum workload_kind)kind, seed, steps[kind], &initial);
            if (err)
                printf("FAIL store/crash-%s: seed %u: error %d\n", workload_names[kind], seed, err), violations++;
            else
                crash_everywhere(initial, 8, workload_names[kind], seed);
            free(initial);
            medium_fini(&recorded);
            if (seed == first)
                errors_everywhere((enum workload_kind)kind, seed);
            if (violations == violations_before && seed == first)
                printf("ok store/crash-%s: %lu states of seed %u\n", workload_names[kind], states - states_before, seed);
            fflush(stdout);
        }
    }
    printf("%s store/crash: %lu states, %lu with a torn write, %lu violations; up to seed %u\n", violations ? "FAIL" : "ok", states,
           torn, violations, seed);
    printf("%s store/nonce: %zu nonces, %lu used twice\n", nonce_twice ? "FAIL" : "ok", nonce_count, nonce_twice);
    free(nonces);
    free(undos);
    return violations > 0 || nonce_twice > 0;
}
