/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs as fibers of one thread. Which goes on is drawn from the seed: at every so many meeting points, and whenever one
 * waits. Virtual time leaps to the next deadline when all wait; with no deadline either, nothing can ever happen again:
 * that is a hang, and a bug.
 */
#include "arch/fake/fiber.h"
#include "base/log.h"
#include "crypto/random.h"
#include "setup.h"
#include "heap/heap.h"
#include "hostcall/hostcall.h"
#include "mm/vmspace.h"
#include "platform/plat.h"
#include "sched/sched.h"
#include "time/clock.h"

struct vcpu *fake_vcpu;
void (*fake_host)(struct hostcall_frame *frame);
bool fake_may_hang;

static struct machine {
    struct fake_vcpu_state {
        struct vcpu vcpu;
        struct fiber *fiber; /* where it goes on */
        struct hostcall_frame *frame;
        uint64_t buffer;
        bool is_waiting, is_kicked;
        uint64_t wake_at;
        uint64_t fpu; /* its vector registers, while another goes on */
    } vcpus[VCPU_MAX];
    unsigned count, switch_every;
    uint64_t now;
    struct fiber *outside; /* fake_run's caller */
    bool is_running;
    struct task task;
    void (*body)(void *arg);
    void *arg;
} machine;

static struct fake_vcpu_state *mine(void)
{
    return container_of(fake_vcpu, struct fake_vcpu_state, vcpu);
}

/* ---- time ---------------------------------------------------------------------------------------------------------- */

uint64_t arch_counter(void)
{
    return machine.now += 50;
}

/* ---- going from one to another -------------------------------------------------------------------------------------- */

static void go_on(struct fake_vcpu_state *next)
{
    struct fake_vcpu_state *state = mine();
    if (next == state)
        return;
    state->fiber = fiber_current();
    state->fpu = fake_fpu;
    fake_fpu = next->fpu;
    fake_vcpu = &next->vcpu;
    fiber_switch(next->fiber);
}

static bool may_run(const struct fake_vcpu_state *v)
{
    return !v->is_waiting || v->is_kicked || v->wake_at <= machine.now;
}

static struct fake_vcpu_state *draw(void)
{
    unsigned start = (unsigned)(fake_random() % machine.count);
    for (unsigned i = 0; i < machine.count; i++) {
        struct fake_vcpu_state *v = &machine.vcpus[(start + i) % machine.count];
        if (may_run(v))
            return v;
    }
    return NULL;
}

void fake_vcpu_point(void)
{
    if (machine.is_running && machine.switch_every && fake_random() % machine.switch_every == 0)
        go_on(draw());
}

void arch_relax(void)
{
    machine.now += 1000;
    if (machine.is_running)
        go_on(draw());
}

static void time_leap(void)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < machine.count; i++)
        next = MIN(next, machine.vcpus[i].wake_at);
    if (next == UINT64_MAX && fake_may_hang)
        fake_vcpu_stop();
    if (next == UINT64_MAX)
        fake_die("hang: every vCPU waits and nothing will wake one");
    machine.now = MAX(machine.now, next);
}

/* The `wait` host call: until a kick or the time. timeout_ns < 0: no time. */
static void wait(int64_t timeout_ns)
{
    struct fake_vcpu_state *state = mine();
    state->wake_at = timeout_ns < 0 ? UINT64_MAX : machine.now + (uint64_t)timeout_ns;
    state->is_waiting = true;
    while (!may_run(state)) {
        struct fake_vcpu_state *next = draw();
        if (next)
            go_on(next);
        else
            time_leap();
    }
    state->is_waiting = state->is_kicked = false;
}

/* ---- the host's side of a host call ------------------------------------------------------------------------------------ */

struct hostcall_frame *plat_host_frame(void)
{
    return mine()->frame;
}

struct hostcall_frame *plat_host_frame_of(const struct vcpu *vcpu)
{
    return container_of(vcpu, struct fake_vcpu_state, vcpu)->frame;
}

uint64_t plat_host_buffer(void)
{
    return mine()->buffer;
}

void plat_host_exit(void)
{
    struct hostcall_frame *frame = mine()->frame;
    if (fake_fault_due(FAKE_FAULT_HOST)) {
        frame->result = -EIO;
        return;
    }
    if (frame->nr == HOSTCALL_WAIT)
        wait((int64_t)frame->args[0]);
    else
        fake_vcpu_point();
    (fake_host ? fake_host : fake_host_honest)(frame);
}

void plat_vcpu_kick(unsigned vcpu)
{
    CHECK(vcpu < machine.count);
    machine.vcpus[vcpu].is_kicked = true;
}

/* ---- a booted kernel ------------------------------------------------------------------------------------------------------ */

void fake_vcpu_stop(void)
{
    machine.is_running = false;
    fiber_switch(machine.outside);
}

static void body_run(void *arg)
{
    (void)arg;
    machine.body(machine.arg);
    fake_vcpu_stop();
}

_Noreturn void kernel_main(struct vcpu *vcpu);
_Noreturn void kernel_main_secondary(struct vcpu *vcpu, unsigned id);

static void secondary_main(void *arg)
{
    struct fake_vcpu_state *state = arg;
    if (!machine.body)
        kernel_main_secondary(&state->vcpu, (unsigned)(state - machine.vcpus));
    sched_init_vcpu(&state->vcpu, (unsigned)(state - machine.vcpus));
    sched_idle_loop();
}

static void primary_main(void *arg)
{
    (void)arg;
    if (!machine.body)
        kernel_main(fake_vcpu);
    heap_init();
    clock_init();
    random_init();
    vm_init();
    if (task_init(&machine.task, NULL, body_run, NULL))
        fake_die("no memory for the first task");
    task_start(&machine.task);
    sched_idle_loop();
}

static void vcpu_make(unsigned id)
{
    struct fake_vcpu_state *state = &machine.vcpus[id];
    state->frame = fake_host_alloc(sizeof(*state->frame));
    state->buffer = (uintptr_t)fake_host_alloc(HOSTCALL_BUFFER_SIZE);
    state->fiber = fiber_create(id ? secondary_main : primary_main, state);
    state->wake_at = UINT64_MAX;
    state->vcpu.id = id;
}

void fake_vcpu_setup(const struct fake_params *params)
{
    fiber_init();
    machine.count = MAX(params->vcpu_count, 1u);
    machine.switch_every = params->switch_every;
    machine.now = 1000;
    for (unsigned i = 0; i < machine.count; i++)
        vcpu_make(i);
    vcpu_count = machine.count;
    fake_vcpu = &machine.vcpus[0].vcpu;
    sched_init_vcpu(fake_vcpu, 0); /* so that there is a current task, also for tests that need no scheduler */
}

void fake_run(void (*body)(void *arg), void *arg)
{
    machine.body = body;
    machine.arg = arg;
    machine.outside = fiber_current();
    machine.is_running = true;
    fiber_switch(machine.vcpus[0].fiber);
}
