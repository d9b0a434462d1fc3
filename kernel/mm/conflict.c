/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spaces that hold the same units (DESIGN D4) form a set. Each has its private pages as frames (shadow.c); `place` says
 * which frame lies in place at a page. A space is resident if all its frames do. Making it resident exchanges only the
 * pages in which it differs from what lies there: after fork, what one of the two has written since. For that, frames that
 * several spaces share are write-protected, and a write makes the writer one of its own (content_unshare).
 *
 * set_lock guards membership, frames, tables and residency. A space becomes resident only on a vCPU whose task is of that
 * space, while no other vCPU runs another of the set: vcpu_spaces says who runs where.
 */
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "mm/conflict.h"
#include "sched/sched.h"
#include "sync/mutex.h"
#include "time/clock.h"

#define CLAIM_AFTER (20 * NS_PER_MS)

struct spinlock set_lock = SPINLOCK(LOCK_CONFLICT);
static struct vmspace *vcpu_spaces[VCPU_MAX];
static const struct conflict_set *vcpu_sets[VCPU_MAX]; /* of those spaces, when they came; only ever compared */

/* All spaces, to find who holds the units that one demands (MAP_FIXED, non-PIE): rare. Under set_lock. */
static struct list all_spaces = LIST_INIT(all_spaces);
static struct rwlock join_lock; /* written by who demands addresses that others hold, read by who goes */

void space_register(struct vmspace *vm)
{
    spin_lock(&set_lock);
    list_push_back(&all_spaces, &vm->all_node);
    spin_unlock(&set_lock);
}

void space_unregister(struct vmspace *vm)
{
    spin_lock(&set_lock);
    list_remove(&vm->all_node);
    spin_unlock(&set_lock);
}

/* ---- sets, under set_lock ------------------------------------------------------------------------------------------- */

static void set_free(struct conflict_set *set)
{
    for (unsigned i = 0; i < set->place.count; i++) {
        for (unsigned k = 0; k < SHADOW_PAGES; k++) {
            struct frame *f = set->place.leaves[i].frames[k];
            if (f && f->refs == 0)
                heap_free(f);
        }
    }
    shadow_fini(&set->place);
    heap_free(set->changes);
    heap_free(set);
}

void frames_free(struct vmspace *vm)
{
    for (unsigned i = 0; i < vm->frames.count; i++) {
        for (unsigned k = 0; k < SHADOW_PAGES; k++) {
            if (vm->frames.leaves[i].frames[k])
                (void)frame_put(vm->frames.leaves[i].frames[k]);
        }
    }
    shadow_fini(&vm->frames);
}

/* vm, which has all of its content in place, needs its set no more. */
static void set_end(struct vmspace *vm)
{
    struct conflict_set *set = vm->set;
    list_remove(&vm->set_node);
    vm->set = NULL;
    set_free(set);
    frames_free(vm);
}

/* vm, which is not running or the caller's, gets a set of its own, with frames for what it has in place. */
int set_create(struct vmspace *vm)
{
    struct conflict_set *set = heap_zalloc(sizeof(*set));
    int err = 0;
    if (!set)
        return -ENOMEM;
    list_init(&set->members);
    list_push_back(&set->members, &vm->set_node);
    set->resident = vm;
    set->count = 1;
    set->is_barred = vm->is_barred;
    set->hot = vm->hot;
    vm->set = set;
    set->changes = heap_alloc(SHADOW_PAGES * sizeof(*set->changes)); /* at least a leaf: leaving cannot fail */
    set->change_room = SHADOW_PAGES;
    if (!set->changes)
        err = -ENOMEM;
    for (struct area *a = area_at_or_after(vm, 0); a && err == 0; a = area_next(a))
        err = a->is_shared ? 0 : frames_add(vm, a->start, a->end);
    if (err)
        set_end(vm); /* a page without a frame would be anybody's */
    return err;
}

/*
 * The only member, resident: nothing has to be kept apart any more. What may not be written stays so until somebody wants
 * to: who forks in a loop writes the same few pages, which are apart already, and the host is not asked at all.
 */
static void set_dissolve(struct vmspace *vm)
{
    struct conflict_set *set = vm->set;
    if (!cold_bring(vm))
        return;
    vm->hot = set->hot;
    vm->widen_size = PAGE_SIZE;
    set_end(vm);
}

/* Their places have no page in common. */
static void set_merge(struct conflict_set *set, struct conflict_set *other, int *err)
{
    struct vmspace *vm, *after;
    list_for_each_safe (vm, after, &other->members, set_node) {
        list_remove(&vm->set_node);
        list_push_back(&set->members, &vm->set_node);
        vm->set = set;
        set->count++;
    }
    set->epoch++;
    set->has_cold |= other->has_cold;
    *err = shadow_merge(&set->place, &other->place);
    shadow_fini(&other->place);
    set_free(other);
}

/* ---- who runs where ------------------------------------------------------------------------------------------------ */

/* The other vCPU that runs another space of vm's set; -1: none. Under set_lock. */
static int set_runner(const struct vmspace *vm)
{
    unsigned me = arch_vcpu()->id;
    for (unsigned i = 0; i < vcpu_count && vm->set; i++) {
        struct vmspace *other = __atomic_load_n(&vcpu_spaces[i], __ATOMIC_SEQ_CST);
        if (i != me && other && other != vm && other->set == vm->set)
            return (int)i;
    }
    return -1;
}

static bool is_barred(const struct vmspace *vm)
{
    return vm->is_barred || (vm->set && vm->set->is_barred);
}

static bool is_claim_due(const struct conflict_set *set)
{
    return set->claimant && clock_monotonic() - set->claimed_at > CLAIM_AFTER;
}

/*
 * Tasks of a set that may run on different vCPUs only never meet in a queue. Who waited long has a claim: the others are
 * refused, and the one that runs is asked to leave. Under set_lock. False: vm is refused.
 */
static bool claim_check(struct vmspace *vm, int runner)
{
    struct conflict_set *set = vm->set;
    bool is_due = is_claim_due(set);
    if (runner < 0 && (!is_due || set->claimant == vm)) {
        set->claimant = set->claimant == vm ? NULL : set->claimant;
        return true;
    }
    if (!set->claimant) {
        set->claimant = vm;
        set->claimed_at = clock_monotonic();
    } else if (is_due && set->claimant == vm && runner >= 0) {
        set->claimed_at += CLAIM_AFTER / 4; /* not at each try */
        __atomic_store_n(&vcpus[runner]->current->needs_resched, true, __ATOMIC_SEQ_CST);
        plat_vcpu_kick((unsigned)runner);
    }
    return false;
}

/* sched: this vCPU goes from `from` to `to`. False: `to` cannot be resident now. */
static bool space_change(struct vmspace *from, struct vmspace *to)
{
    unsigned me = arch_vcpu()->id;
    __atomic_store_n(&vcpu_spaces[me], to, __ATOMIC_SEQ_CST);
    __atomic_store_n(&vcpu_sets[me], to ? to->set : NULL, __ATOMIC_RELAXED);
    if (!to || (!__atomic_load_n(&to->set, __ATOMIC_SEQ_CST) && !__atomic_load_n(&to->is_barred, __ATOMIC_SEQ_CST)))
        return true;
    spin_lock(&set_lock);
    bool may = !is_barred(to) && (!to->set || claim_check(to, set_runner(to)));
    spin_unlock(&set_lock);
    if (!may)
        __atomic_store_n(&vcpu_spaces[me], from, __ATOMIC_SEQ_CST);
    return may;
}

static bool space_is_bound(const struct vmspace *vm, unsigned vcpu)
{
    const struct conflict_set *set = vm ? __atomic_load_n(&vm->set, __ATOMIC_RELAXED) : NULL;
    return set && __atomic_load_n(&vcpu_sets[vcpu], __ATOMIC_RELAXED) == set;
}

static bool space_runs(const struct vmspace *vm, unsigned vcpu)
{
    const struct vmspace *runs = __atomic_load_n(&vcpu_spaces[vcpu], __ATOMIC_SEQ_CST);
    return runs && (!vm || runs == vm);
}

/* sched: who keeps vm from being resident. */
static int space_blocker(struct vmspace *vm)
{
    spin_lock(&set_lock);
    int vcpu = set_runner(vm);
    spin_unlock(&set_lock);
    return vcpu;
}

bool vm_is_resident(struct vmspace *vm)
{
    const struct conflict_set *set = __atomic_load_n(&vm->set, __ATOMIC_ACQUIRE);
    return !set || set->resident == vm;
}

static bool has_heir(const struct vmspace *vm, uint64_t page)
{
    const struct vmspace *other;
    list_for_each (other, &vm->set->members, set_node) {
        if (other != vm && shadow_get(&other->frames, page))
            return true;
    }
    return false;
}

/*
 * Content of vm's alone goes. Its page stays, with a frame that nobody has, where others have content for it: they come
 * in without a host call.
 */
static void frame_leave(struct vmspace *vm, uint64_t page, struct frame *f)
{
    struct conflict_set *set = vm->set;
    bool is_wanted = has_heir(vm, page);
    shadow_clear(&vm->frames, page);
    if (f->refs == 1 && in_place(vm, page) == f && is_wanted) {
        f->refs = 0;
        return;
    }
    bool was_here = in_place(vm, page) == f;
    if (frame_put(f) && was_here)
        shadow_clear(&set->place, page);
    if (is_wanted || (in_place(vm, page) && in_place(vm, page)->refs > 0))
        return;
    if (in_place(vm, page)) {
        int err = frame_evict(set, page, in_place(vm, page));
        CHECK(err == 0); /* what nobody has is not copied */
    }
    set->changes[set->change_count++] = page;
}

/* Runs of unwanted pages go at once. */
static void unwanted_retire(struct conflict_set *set)
{
    for (size_t i = 0, n; i < set->change_count; i += n) {
        n = 1;
        while (i + n < set->change_count && set->changes[i + n] == set->changes[i] + n)
            n++;
        retire_range(set->changes[i] << PAGE_SHIFT, (set->changes[i] + n) << PAGE_SHIFT);
    }
    set->change_count = 0;
}

static void frames_leave(struct vmspace *vm)
{
    vm->set->change_count = 0;
    vm->set->epoch++;
    for (unsigned i = 0; i < vm->frames.count; i++) {
        const struct shadow_leaf *leaf = &vm->frames.leaves[i];
        for (unsigned k = 0; k < SHADOW_PAGES; k++) {
            if (leaf->frames[k])
                frame_leave(vm, leaf->no * SHADOW_PAGES + k, leaf->frames[k]);
        }
        unwanted_retire(vm->set);
    }
    shadow_fini(&vm->frames);
}

/* ---- when there is no memory to come in ----------------------------------------------------------------------------- */

static bool has_lost;

bool vm_is_lost(const struct vmspace *vm)
{
    return __atomic_load_n(&vm->is_lost, __ATOMIC_RELAXED);
}

bool vm_has_lost(void)
{
    return __atomic_load_n(&has_lost, __ATOMIC_RELAXED) && __atomic_exchange_n(&has_lost, false, __ATOMIC_ACQ_REL);
}

/* Its content goes now, its process will: proc sees to it when the current task returns to the user. */
static void space_lose(struct vmspace *vm)
{
    log_error("out of memory: a process that was forked is killed; raise memory.size in naos.json");
    frames_leave(vm);
    if (vm->set->resident == vm)
        vm->set->resident = NULL;
    __atomic_store_n(&vm->is_lost, true, __ATOMIC_RELAXED);
    __atomic_store_n(&has_lost, true, __ATOMIC_RELEASE);
}

static size_t frames_count(const struct vmspace *vm)
{
    size_t count = 0;
    for (unsigned i = 0; i < vm->frames.count; i++) {
        for (unsigned k = 0; k < SHADOW_PAGES; k++) {
            const struct frame *f = vm->frames.leaves[i].frames[k];
            count += f && f->refs == 1;
        }
    }
    return count;
}

/* Whose end gives most back. */
static struct vmspace *victim_choose(struct conflict_set *set)
{
    struct vmspace *vm, *best = NULL;
    size_t most = 0;
    list_for_each (vm, &set->members, set_node) {
        size_t count = frames_count(vm);
        if (count >= most && !vm->is_lost) {
            most = count;
            best = vm;
        }
    }
    return best;
}

bool cold_bring(struct vmspace *vm)
{
    if (!vm->set->has_cold || vm->set->resident != vm || swap_in(vm, true) == 0)
        return true;
    space_lose(vm);
    __atomic_store_n(&task_current()->is_interrupted, true, __ATOMIC_RELAXED);
    return false;
}

static bool is_cold(const struct vmspace *vm, uint64_t page)
{
    const struct frame *f = vm->set && vm->set->has_cold && vm->set->resident == vm ? in_place(vm, page) : NULL;
    return f && f->is_cold;
}

void content_thaw(struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    int err = 0;
    if (likely(!__atomic_load_n(&vm->set, __ATOMIC_ACQUIRE)))
        return;
    spin_lock(&set_lock);
    for (uint64_t page = start >> PAGE_SHIFT; page < end >> PAGE_SHIFT && err == 0; page++) {
        if (is_cold(vm, page))
            err = swap_thaw(vm, page, in_place(vm, page));
    }
    if (err)
        space_lose(vm);
    spin_unlock(&set_lock);
}

/* Under set_lock, which no other of the set runs without. Others are lost until vm can come in, or it is itself. */
static void space_come_in(struct vmspace *vm)
{
    struct conflict_set *set = vm->set;
    while (!vm->is_lost && set->resident != vm && swap_in(vm, mutex_is_locked(&vm->lock))) {
        struct vmspace *victim = victim_choose(set);
        space_lose(victim ? victim : vm);
    }
}

bool vm_make_resident(struct vmspace *vm)
{
    if (likely(vm_is_resident(vm)))
        return false;
    spin_lock(&set_lock);
    if (vm->set)
        space_come_in(vm);
    spin_unlock(&set_lock);
    if (vm->is_lost || __atomic_load_n(&has_lost, __ATOMIC_RELAXED))
        __atomic_store_n(&task_current()->is_interrupted, true, __ATOMIC_RELAXED);
    return true;
}

static bool is_last(const struct vmspace *vm)
{
    return vm->set && vm->set->count == 1 && vm->set->resident == vm;
}

/* The last of a set stays in it until it faults or changes: who forks in a loop makes the frames of all pages once. */
void conflict_end(struct vmspace *vm)
{
    if (likely(!__atomic_load_n(&vm->set, __ATOMIC_ACQUIRE)))
        return;
    spin_lock(&set_lock);
    if (is_last(vm))
        set_dissolve(vm);
    spin_unlock(&set_lock);
}

void conflict_settle(struct vmspace *vm)
{
    conflict_end(vm);
    if (likely(!__atomic_load_n(&vm->set, __ATOMIC_ACQUIRE)))
        return;
    spin_lock(&set_lock);
    if (vm->set)
        cold_bring(vm);
    spin_unlock(&set_lock);
}

const struct sched_memory_ops sched_memory_ops = {
    .change = space_change,
    .blocker = space_blocker,
    .is_bound = space_is_bound,
    .runs = space_runs,
    .arrive = vm_make_resident,
};

/* Does a vCPU run vm, or one of its set? vm and its set stay as they are: the caller has the join lock. */
static bool runs_any_of(const struct vmspace *vm, unsigned vcpu)
{
    spin_lock(&set_lock);
    const struct vmspace *runs = __atomic_load_n(&vcpu_spaces[vcpu], __ATOMIC_SEQ_CST);
    bool is_one = runs && (runs == vm || (vm->set && runs->set == vm->set));
    spin_unlock(&set_lock);
    return is_one;
}

/* They are asked to leave, and find that they may not come back while they are barred. */
static void others_leave(struct vmspace *vm)
{
    unsigned me = arch_vcpu()->id;
    for (unsigned i = 0; i < vcpu_count; i++) {
        if (i == me || !runs_any_of(vm, i))
            continue;
        __atomic_store_n(&vcpus[i]->current->needs_resched, true, __ATOMIC_SEQ_CST);
        plat_vcpu_kick(i);
        while (runs_any_of(vm, i))
            arch_relax();
    }
}

/* ---- becoming members ------------------------------------------------------------------------------------------------ */

/* A space that holds a unit of vm's and is not in its set: it and its set are barred. It does not go: the join lock is held. */
static struct vmspace *stranger_find(struct vmspace *vm)
{
    struct vmspace *other, *found = NULL;
    spin_lock(&set_lock);
    list_for_each (other, &all_spaces, all_node) {
        if (other == vm || (vm->set && other->set == vm->set) || !unit_is_shared_by(vm, other))
            continue;
        found = other;
        __atomic_store_n(&other->is_barred, true, __ATOMIC_SEQ_CST);
        if (other->set)
            other->set->is_barred = true;
        break;
    }
    spin_unlock(&set_lock);
    return found;
}

static int stranger_join(struct vmspace *vm, struct vmspace *other)
{
    int err = 0;
    spin_lock(&set_lock);
    if (!vm->set)
        err = set_create(vm);
    if (err == 0 && !other->set)
        err = set_create(other);
    __atomic_store_n(&other->is_barred, false, __ATOMIC_SEQ_CST);
    if (other->set)
        other->set->is_barred = false;
    if (err == 0 && other->set != vm->set)
        set_merge(vm->set, other->set, &err);
    spin_unlock(&set_lock);
    return err;
}

int space_conflicts_join(struct vmspace *vm)
{
    int err = 0;
    struct vmspace *other;
    rwlock_lock_write(&join_lock);
    while (err == 0 && (other = stranger_find(vm))) {
        others_leave(other);
        err = stranger_join(vm, other);
    }
    rwlock_unlock_write(&join_lock);
    return err;
}

void conflict_leave_begin(void)
{
    rwlock_lock_read(&join_lock);
}

void conflict_leave_end(void)
{
    rwlock_unlock_read(&join_lock);
}

bool conflict_leave(struct vmspace *vm)
{
    spin_lock(&set_lock);
    if (is_last(vm))
        set_dissolve(vm);
    struct conflict_set *set = vm->set;
    if (set) {
        frames_leave(vm);
        list_remove(&vm->set_node);
        if (set->resident == vm)
            set->resident = NULL;
        if (set->claimant == vm)
            set->claimant = NULL;
        vm->set = NULL;
        if (--set->count == 0)
            set_free(set);
    }
    spin_unlock(&set_lock);
    return set != NULL;
}
