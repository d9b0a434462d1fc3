/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small objects: classes of one size each, cut from blocks of pages that are never given back. Each vCPU keeps a
 * magazine of free objects a class and trades half of it with the shared list when it runs empty or over.
 */
#include "base/spinlock.h"
#include "base/string.h"
#include "heap/heap.h"
#include "heap/page_internal.h"
#include "sched/sched.h"

#define MAGAZINE_SIZE 64
#define SLAB_ORDER    3 /* 32 KiB at a time */

struct free_object {
    struct free_object *next;
};

struct slab_class {
    size_t size;
    struct spinlock lock; /* guards shared */
    struct free_object *shared;
};

struct magazine {
    unsigned count;
    void *objects[MAGAZINE_SIZE];
};

#define CLASS(bytes) {.size = (bytes), .lock = SPINLOCK(LOCK_SLAB)}
static struct slab_class classes[] = {
    CLASS(16), CLASS(32), CLASS(48), CLASS(64), CLASS(96), CLASS(128), CLASS(192), CLASS(256),
    CLASS(384), CLASS(512), CLASS(768), CLASS(1024), CLASS(1536), CLASS(2048),
};

/* Apart from the classes, so that the kernel's measured data do not hold them. */
static struct magazine magazines[VCPU_MAX][ARRAY_COUNT(classes)];

static struct slab_class *class_of(size_t size)
{
    for (size_t i = 0; i < ARRAY_COUNT(classes); i++) {
        if (size <= classes[i].size)
            return &classes[i];
    }
    return NULL;
}

static struct magazine *magazine_mine(struct slab_class *c)
{
    struct vcpu *vcpu = arch_vcpu();
    return &magazines[vcpu ? vcpu->id : 0][c - classes];
}

static void slab_cut(struct slab_class *c)
{
    char *block = page_alloc(SLAB_ORDER);
    if (!block)
        return;
    for (size_t i = 0; i < 1U << SLAB_ORDER; i++)
        page_owners[page_index(block + i * PAGE_SIZE)].slab = c;
    for (size_t off = 0; off + c->size <= PAGE_SIZE << SLAB_ORDER; off += c->size) {
        struct free_object *object = (struct free_object *)(block + off);
        object->next = c->shared;
        c->shared = object;
    }
}

static void magazine_fill(struct slab_class *c, struct magazine *m)
{
    spin_lock(&c->lock);
    if (!c->shared)
        slab_cut(c);
    while (c->shared && m->count < MAGAZINE_SIZE / 2) {
        m->objects[m->count++] = c->shared;
        c->shared = c->shared->next;
    }
    spin_unlock(&c->lock);
}

static void magazine_drain(struct slab_class *c, struct magazine *m)
{
    spin_lock(&c->lock);
    while (m->count > MAGAZINE_SIZE / 2) {
        struct free_object *object = m->objects[--m->count];
        object->next = c->shared;
        c->shared = object;
    }
    spin_unlock(&c->lock);
}

/* PAGE_ORDER_MAX + 1 for a size that no block has. */
static unsigned order_of(size_t size)
{
    unsigned order = 0;
    while (order <= PAGE_ORDER_MAX && PAGE_SIZE << order < size)
        order++;
    return order;
}

static void *pages_alloc(size_t size)
{
    unsigned order = order_of(size);
    void *block = order <= PAGE_ORDER_MAX ? page_alloc(order) : NULL;
    if (block)
        page_owners[page_index(block)] = (struct page_owner){.order = order};
    return block;
}

void *heap_alloc(size_t size)
{
    struct slab_class *c = class_of(size);
    if (!c)
        return pages_alloc(size);
    struct magazine *m = magazine_mine(c);
    if (unlikely(m->count == 0))
        magazine_fill(c, m);
    return likely(m->count > 0) ? m->objects[--m->count] : NULL;
}

void *heap_zalloc(size_t size)
{
    void *ptr = heap_alloc(size);
    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

void *heap_realloc(void *ptr, size_t old_size, size_t new_size)
{
    void *moved = heap_alloc(new_size);
    if (moved && ptr) {
        memcpy(moved, ptr, MIN(old_size, new_size));
        heap_free(ptr);
    }
    return moved;
}

void heap_free(void *ptr)
{
    if (!ptr)
        return;
    struct page_owner *owner = &page_owners[page_index((void *)align_down((uintptr_t)ptr, PAGE_SIZE))];
    struct slab_class *c = owner->slab;
    if (!c) {
        page_free(ptr, owner->order);
        return;
    }
    struct magazine *m = magazine_mine(c);
    if (unlikely(m->count == MAGAZINE_SIZE))
        magazine_drain(c, m);
    m->objects[m->count++] = ptr;
}
