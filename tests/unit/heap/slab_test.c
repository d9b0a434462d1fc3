/* SPDX-License-Identifier: Apache-2.0 */
#include "base/string.h"
#include "heap/heap.h"
#include "platform/plat.h"
#include "unit.h"

#define OBJECTS 500

static struct object {
    unsigned char *at, mark;
    size_t size;
} objects[OBJECTS];

static size_t size_draw(void)
{
    static const size_t edges[] = {1, 15, 16, 17, 2047, 2048, 2049, 4095, 4096, 4097, 12288};
    return fake_random() % 4 ? 1 + fake_random() % 3000 : edges[fake_random() % ARRAY_COUNT(edges)];
}

static void toggle(struct object *o)
{
    if (o->at) {
        for (size_t i = 0; i < o->size; i++)
            EXPECT_EQ(o->at[i], o->mark);
        heap_free(o->at);
        o->at = NULL;
        return;
    }
    o->size = size_draw();
    o->at = heap_alloc(o->size);
    o->mark = (unsigned char)fake_random();
    EXPECT(o->at && is_aligned((uintptr_t)o->at, o->size >= PAGE_SIZE ? PAGE_SIZE : 16));
    memset(o->at, o->mark, o->size);
}

static void random_use(void)
{
    for (int round = 0; round < 20000; round++)
        toggle(&objects[fake_random() % OBJECTS]);
}

static void grows_and_keeps(void)
{
    char *p = NULL;
    size_t size = 0;
    while (size < 100000) {
        size_t larger = size * 2 + 7;
        p = heap_realloc(p, size, larger);
        EXPECT(p);
        for (size_t i = 0; i < size; i++)
            EXPECT_EQ(p[i], (char)i);
        for (size_t i = size; i < larger; i++)
            p[i] = (char)i;
        size = larger;
    }
    heap_free(p);
    heap_free(NULL);
    EXPECT(heap_alloc(SIZE_MAX) == NULL && heap_alloc((PAGE_SIZE << PAGE_ORDER_MAX) + 1) == NULL);
}

static void zeroed(void)
{
    unsigned char *p = heap_alloc(100);
    EXPECT(p);
    memset(p, 0xff, 100);
    heap_free(p);
    p = heap_zalloc(100);
    EXPECT(p);
    for (int i = 0; i < 100; i++)
        EXPECT_EQ(p[i], 0);
}

static void spin(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++) {
        void *p = heap_alloc(64), *q = page_alloc(0);
        EXPECT(p && q);
        memset(p, i, 64);
        page_free(q, 0);
        heap_free(p);
    }
}

static void many_vcpus(void)
{
    struct unit_task *tasks[6];
    for (int i = 0; i < 6; i++)
        tasks[i] = unit_spawn(spin, NULL);
    for (int i = 0; i < 6; i++)
        unit_join(tasks[i]);
}

static const struct unit_test tests[] = {
    {"random_use", random_use, .seeds = 5},
    {"grows_and_keeps", grows_and_keeps},
    {"zeroed", zeroed},
    {"many_vcpus", many_vcpus, .vcpus = 4, .seeds = 8},
};
UNIT_MAIN(tests)
