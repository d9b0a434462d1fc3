/* SPDX-License-Identifier: Apache-2.0 */
/* All contexts are in one list, under aio_lock; a context's events under its own. */
#include "ipc/aio.h"
#include "heap/heap.h"
#include "mm/vmspace.h"

struct aio_context {
    struct refcount ref; /* the list's and the callers' */
    struct list node;
    const struct process *owner;
    const struct vmspace *vm; /* a program that was replaced by exec takes its contexts along */
    uint64_t id;
    unsigned charged;
    struct spinlock lock; /* guards the rest */
    struct waitq waitq;
    bool is_dead;
    unsigned capacity, first, count;
    struct io_event events[];
};

static struct spinlock aio_lock;
static struct list contexts = LIST_INIT(contexts);
static unsigned charged;

void aio_put(struct aio_context *ctx)
{
    if (ref_put(&ctx->ref))
        heap_free(ctx);
}

static bool is_mine(const struct aio_context *ctx)
{
    return ctx->owner == process_current() && ctx->vm == process_current()->vm;
}

/* Off the list: who waits goes. */
static void drop(struct aio_context *ctx)
{
    spin_lock(&ctx->lock);
    ctx->is_dead = true;
    waitq_wake_all(&ctx->waitq, 0);
    spin_unlock(&ctx->lock);
    aio_put(ctx);
}

/* Those of p, all or but what its memory of now belongs to: the next one, off the list. */
static struct aio_context *take_next(const struct process *p, const struct vmspace *but)
{
    struct aio_context *ctx, *found = NULL;
    spin_lock(&aio_lock);
    list_for_each (ctx, &contexts, node) {
        if (ctx->owner == p && ctx->vm != but) {
            found = ctx;
            break;
        }
    }
    if (found) {
        list_remove(&found->node);
        charged -= found->charged;
    }
    spin_unlock(&aio_lock);
    return found;
}

static void drop_all(const struct process *p, const struct vmspace *but)
{
    struct aio_context *ctx;
    while ((ctx = take_next(p, but)))
        drop(ctx);
}

void aio_process_exited(struct process *p)
{
    drop_all(p, NULL);
}

unsigned aio_count(void)
{
    return __atomic_load_n(&charged, __ATOMIC_RELAXED);
}

/* A page of zeros: libaio finds no ring there that it knows, and makes system calls. */
static int page_map(uint64_t *at)
{
    const struct vm_map_request req = {.size = PAGE_SIZE, .prot = VM_READ, .name = "[aio]"};
    return vm_map(process_current()->vm, &req, at);
}

static struct aio_context *context_make(unsigned count)
{
    unsigned capacity = MAX(count, 8U) * 2; /* more than is asked for, as Linux */
    struct aio_context *ctx = heap_zalloc(sizeof(*ctx) + capacity * sizeof(ctx->events[0]));
    if (!ctx)
        return NULL;
    ref_init(&ctx->ref, 1);
    waitq_init(&ctx->waitq);
    ctx->owner = process_current();
    ctx->vm = process_current()->vm;
    ctx->capacity = capacity;
    ctx->charged = count;
    return ctx;
}

int aio_create(unsigned count, uint64_t *id)
{
    drop_all(process_current(), process_current()->vm);
    if (count > AIO_MAX)
        return -EAGAIN;
    struct aio_context *ctx = context_make(count);
    if (!ctx)
        return -ENOMEM;
    int err = page_map(&ctx->id);
    *id = ctx->id;
    bool is_mapped = err == 0;
    spin_lock(&aio_lock);
    if (err == 0 && charged + count > AIO_MAX)
        err = -EAGAIN;
    if (err == 0) {
        charged += count;
        list_push_back(&contexts, &ctx->node);
    }
    spin_unlock(&aio_lock);
    if (err == 0)
        return 0;
    int unmapped = is_mapped ? vm_unmap(process_current()->vm, ctx->id, PAGE_SIZE) : 0;
    heap_free(ctx);
    return unmapped ? unmapped : err;
}

/* Under aio_lock. */
static struct aio_context *find(uint64_t id)
{
    struct aio_context *ctx;
    list_for_each (ctx, &contexts, node) {
        if (ctx->id == id && is_mine(ctx))
            return ctx;
    }
    return NULL;
}

int aio_get(uint64_t id, struct aio_context **result)
{
    spin_lock(&aio_lock);
    struct aio_context *ctx = find(id);
    if (ctx)
        ref_get(&ctx->ref);
    spin_unlock(&aio_lock);
    *result = ctx;
    return ctx ? 0 : -EINVAL;
}

int aio_destroy(uint64_t id)
{
    spin_lock(&aio_lock);
    struct aio_context *ctx = find(id);
    if (ctx) {
        list_remove(&ctx->node);
        charged -= ctx->charged;
    }
    spin_unlock(&aio_lock);
    if (!ctx)
        return -EINVAL;
    drop(ctx);
    return vm_unmap(process_current()->vm, id, PAGE_SIZE);
}

/* ---- events ------------------------------------------------------------------------------------------------------------ */

bool aio_has_room(struct aio_context *ctx)
{
    spin_lock(&ctx->lock);
    bool has = ctx->count < ctx->capacity;
    spin_unlock(&ctx->lock);
    return has;
}

int aio_complete(struct aio_context *ctx, const struct io_event *event)
{
    int err = 0;
    spin_lock(&ctx->lock);
    if (ctx->count == ctx->capacity) {
        err = -EAGAIN;
    } else {
        ctx->events[(ctx->first + ctx->count++) % ctx->capacity] = *event;
        waitq_wake_all(&ctx->waitq, 0);
    }
    spin_unlock(&ctx->lock);
    return err;
}

int aio_take(struct aio_context *ctx, unsigned least, unsigned most, ns_t deadline, struct io_event *events)
{
    unsigned n = 0;
    int err = 0;
    spin_lock(&ctx->lock);
    for (;;) {
        for (; n < most && ctx->count > 0; n++, ctx->count--) {
            events[n] = ctx->events[ctx->first];
            ctx->first = (ctx->first + 1) % ctx->capacity;
        }
        if (n >= least || err || ctx->is_dead)
            break;
        err = waitq_sleep(&ctx->waitq, &ctx->lock, deadline);
    }
    bool is_dead = ctx->is_dead;
    spin_unlock(&ctx->lock);
    if (n == 0 && err == -EINTR)
        return -EINTR;
    return n == 0 && least > 0 && is_dead ? -EINVAL : (int)n;
}
