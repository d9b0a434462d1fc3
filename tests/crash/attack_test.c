/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RELIABILITY S1, S4, S6, S8: what a host can do to the bytes that it keeps. Every block of a store is flipped, swapped with
 * others and replaced by its own past, while the store is closed and while it is open; whole old stores are put in place of the
 * new one. What is read must be right, or an error; never anything else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "workload.h"

#define BLOCKS 900

static struct medium medium;
static uint8_t *pristine;
static uint64_t truth; /* the digest */
static unsigned long tried, detected, harmless, wrong;

static void nothing(struct workload *w)
{
    (void)w;
}

static void nothing_after(struct workload *w, int err)
{
    (void)w, (void)err;
}

static void populate(void)
{
    struct workload w = {.seed = 5, .before_sync = nothing, .after_sync = nothing_after};
    workload_format(&medium, BLOCKS, 16);
    if (store_open(&medium.dev, workload_key, 0, &w.st))
        abort();
    medium_record(&medium, true); /* the past of each block */
    workload_run(&w, WORKLOAD_MIXED, 300);
    workload_run(&w, WORKLOAD_WAL, 20);
    int err = store_sync(w.st);
    truth = workload_digest(w.st, &err);
    store_close(w.st);
    medium_record(&medium, false);
    pristine = malloc(BLOCKS * STORE_BLOCK);
    memcpy(pristine, medium.bytes, BLOCKS * STORE_BLOCK);
}

static void restore(void)
{
    memcpy(medium.bytes, pristine, BLOCKS * STORE_BLOCK);
}

/* How an attack ended. allowed: a digest that is right too (an older commit, where nothing counts). */
static void judge(int err, uint64_t digest, const char *what, uint64_t block)
{
    tried++;
    detected += err != 0;
    harmless += err == 0 && digest == truth;
    if (err == 0 && digest != truth) {
        wrong++;
        if (wrong < 10)
            printf("wrong data: %s, block %llu\n", what, (unsigned long long)block);
    }
}

static void open_and_judge(const char *what, uint64_t block)
{
    struct store *st;
    uint64_t digest = 0;
    int err = store_open(&medium.dev, workload_key, STORE_READ_ONLY, &st);
    if (err == 0) {
        digest = workload_digest(st, &err);
        store_close(st);
    }
    judge(err, digest, what, block);
    restore();
}

/* True if block number `block` belongs to the log: its newest entries can be cut off, as by a crash, where nothing counts. */
static uint64_t epoch_now(void)
{
    struct store *st;
    struct store_info info;
    if (store_open(&medium.dev, workload_key, STORE_READ_ONLY, &st))
        abort();
    store_info(st, &info);
    store_close(st);
    return info.epoch;
}

static uint8_t *at(uint64_t block)
{
    return medium.bytes + block * STORE_BLOCK;
}

/* ---- the attacks on a closed store, with a counter ------------------------------------------------------------------------ */

static void flips(void)
{
    static const size_t places[] = {0, 13, 40, 2048, 4095};
    for (uint64_t b = 0; b < medium.dev.blocks; b++) {
        for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
            at(b)[places[i]] ^= (uint8_t)(1u << (b + i) % 8);
            open_and_judge("flip", b);
        }
    }
}

static void swaps(void)
{
    for (uint64_t a = 1; a < medium.dev.blocks; a++) {
        for (uint64_t step = 1; step < 200 && a + step < medium.dev.blocks; step = step * 3 + 1) {
            memcpy(at(a), pristine + (a + step) * STORE_BLOCK, STORE_BLOCK);
            memcpy(at(a + step), pristine + a * STORE_BLOCK, STORE_BLOCK);
            open_and_judge("swap", a);
        }
    }
}

static void replays(void)
{
    for (size_t i = 0; i < medium.write_count; i++) {
        const struct medium_write *w = &medium.writes[i];
        if (w->block == MEDIUM_BARRIER || memcmp(w->data, pristine + w->block * STORE_BLOCK, STORE_BLOCK) == 0)
            continue;
        memcpy(at(w->block), w->data, STORE_BLOCK);
        open_and_judge("replay", w->block);
    }
}

/* The whole store as it was at each barrier. */
static void rollbacks(void)
{
    uint8_t *past = calloc(BLOCKS, STORE_BLOCK);
    for (size_t i = 0; i < medium.write_count; i++) {
        const struct medium_write *w = &medium.writes[i];
        if (w->block != MEDIUM_BARRIER) {
            memcpy(past + w->block * STORE_BLOCK, w->data, STORE_BLOCK);
            continue;
        }
        for (uint64_t b = 1; b < BLOCKS; b++) {
            static const uint8_t zero[STORE_BLOCK];
            if (memcmp(past + b * STORE_BLOCK, zero, STORE_BLOCK))
                memcpy(at(b), past + b * STORE_BLOCK, STORE_BLOCK);
        }
        open_and_judge("rollback", i);
    }
    free(past);
}

/* ---- the attacks on an open store ------------------------------------------------------------------------------------------ */

/* Each block is changed under a store that is open: by a flip, by its past, by another block. */
static void under_way(void)
{
    for (uint64_t b = 0; b < medium.dev.blocks; b++) {
        for (int kind = 0; kind < 2; kind++) {
            struct store *st;
            int err = store_open(&medium.dev, workload_key, STORE_READ_ONLY, &st);
            if (err)
                abort();
            if (kind == 0)
                at(b)[100] ^= 1;
            else
                memcpy(at(b), pristine + (b + 7) % medium.dev.blocks * STORE_BLOCK, STORE_BLOCK);
            uint64_t digest = workload_digest(st, &err);
            judge(err, digest, "under way", b);
            store_close(st);
            restore();
        }
    }
}

/* S6: two instances on copies of one store with one counter: only the first that counts may go on. */
static uint64_t shared_counter;

static int count_shared(struct store_dev *dev, uint64_t epoch)
{
    int err = epoch <= shared_counter ? -ESTALE : 0;
    (void)dev;
    shared_counter = err ? shared_counter : epoch;
    return err;
}

static void forks(void)
{
    struct store_dev_ops counting = *medium.dev.ops;
    struct medium other = medium;
    struct store *a, *b;
    counting.count = count_shared;
    other.bytes = malloc(BLOCKS * STORE_BLOCK);
    memcpy(other.bytes, pristine, BLOCKS * STORE_BLOCK);
    medium.dev.ops = other.dev.ops = &counting;
    shared_counter = medium.dev.counter;
    int first = store_open(&medium.dev, workload_key, 0, &a), second = store_open(&other.dev, workload_key, 0, &b);
    printf("%s store/fork: of two instances on one store, %d and %d\n", first == 0 && second ? "ok" : "FAIL", first, second);
    wrong += !(first == 0 && second);
    if (first == 0)
        store_close(a);
    if (second == 0)
        store_close(b);
    free(other.bytes);
    restore();
}

static void attack(const char *name, void (*run)(void))
{
    tried = detected = harmless = 0;
    unsigned long before = wrong;
    run();
    printf("%s store/%s: %lu tried, %lu detected, %lu without effect, %lu wrong\n", wrong == before ? "ok" : "FAIL", name, tried, detected,
           harmless, wrong - before);
    fflush(stdout);
}

int main(void)
{
    log_level = 0;
    populate();
    medium.dev.counter = epoch_now();
    attack("flip", flips);
    attack("splice", swaps);
    attack("replay", replays);
    attack("rollback", rollbacks);
    attack("under-way", under_way);
    forks();
    medium_fini(&medium);
    free(pristine);
    return wrong > 0;
}
