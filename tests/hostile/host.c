/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of host/serve/call.c: serves as it does, then lies. HOSTILE=mode:seed says how (mutate.h). In mode flip a thread
 * changes the frames, the buffers and the image all the time, so that what is read twice is read differently.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "serve/serve_internal.h"
#include "tests/hostile/mutate.h"

static struct hostile hostile;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* one lie at a time, so that steps are numbered */
static struct serve *flipped;
static uint64_t flip_state;
static bool is_traced;
/*
 * Flips belong to a reply: what the enclave asks for must stay what it asked for, or mem_map takes pages from anywhere. A host can do that
 * at any time, and the enclave can only stop. So a vCPU's buffer is flipped just after a reply, and not while mem_map is served.
 */
static atomic_bool flips_due[SERVE_VCPU_MAX];
static pthread_mutex_t flip_lock = PTHREAD_MUTEX_INITIALIZER;

static void summary(void)
{
    fprintf(stderr, "hostile: %s:%llu, %llu replies, %llu lies\n", hostile_mode_names[hostile.mode], (unsigned long long)hostile.seed,
            (unsigned long long)hostile.step, (unsigned long long)hostile.lies);
}

static void begin(void)
{
    const char *how = getenv("HOSTILE");
    if (!how || !hostile_parse(how, &hostile)) {
        fprintf(stderr, "hostile: HOSTILE=mode:seed is not set\n");
        _exit(2);
    }
    is_traced = getenv("HOSTILE_TRACE") != NULL;
    atexit(summary);
}

static uint64_t flip_random(void)
{
    flip_state ^= flip_state << 13, flip_state ^= flip_state >> 7, flip_state ^= flip_state << 17;
    return flip_state;
}

/* A copy of an image in its own place, that can be written. */
static void image_own(const struct boot_image *image)
{
    void *copy = malloc(image->size);
    memcpy(copy, (void *)image->addr, image->size);
    if (mmap((void *)image->addr, image->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        _exit(2);
    memcpy((void *)image->addr, copy, image->size);
    free(copy);
}

/* For a moment, and only if nobody else writes there meanwhile. */
static void flip_one(uint8_t *at)
{
    uint8_t old = __atomic_load_n(at, __ATOMIC_RELAXED), other = (uint8_t)(old ^ 1u << flip_random() % 8);
    if (!__atomic_compare_exchange_n(at, &old, other, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    for (unsigned i = 0; i < 20; i++)
        __builtin_ia32_pause();
    __atomic_compare_exchange_n(at, &other, old, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void flip_reply(struct serve_vcpu *vcpu)
{
    pthread_mutex_lock(&flip_lock);
    for (unsigned i = 0; i < 4 && atomic_load(&flips_due[vcpu->id]); i++) {
        vcpu->frame->result = (int64_t)flip_random() >> flip_random() % 64;
        vcpu->frame->out_size = flip_random();
        flip_one(vcpu->buffer + flip_random() % 256);
    }
    atomic_store(&flips_due[vcpu->id], false);
    pthread_mutex_unlock(&flip_lock);
}

static void *flip_main(void *arg)
{
    struct serve *serve = arg;
    flip_state = hostile.seed * 2 + 1;
    for (;;) {
        for (unsigned i = 0; i < serve->options.vcpu_count; i++) {
            if (atomic_load(&flips_due[i]))
                flip_reply(&serve->vcpus[i]);
        }
        const struct boot_image *image = &serve->boot->images[flip_random() % serve->boot->image_count];
        flip_one((uint8_t *)image->addr + flip_random() % image->size);
    }
    return NULL;
}

static void flip_start(struct serve *serve)
{
    pthread_t thread;
    flipped = serve;
    for (uint32_t i = 0; i < serve->boot->image_count; i++)
        image_own(&serve->boot->images[i]);
    if (pthread_create(&thread, NULL, flip_main, serve))
        _exit(2);
}

static int64_t call_dispatch(struct serve_vcpu *vcpu)
{
    struct hostcall_frame *frame = vcpu->frame;
    SERVE_DISPATCH(vcpu, frame, vcpu->buffer)
    return -ENOSYS;
}

static void unseal(struct sgx_mem_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].prot & SGX_PROT_SEALED) {
            ranges[i].prot = PROT_READ | PROT_WRITE;
            hostile.lies++;
        }
    }
}

/* What mem_map was asked to do; the reply may overwrite all of it. */
struct mem_request {
    uint64_t action;
    size_t count;
    struct sgx_mem_range ranges[64]; /* PLAT_RANGE_MAX */
};

static int64_t mem_map_serve(struct serve_vcpu *vcpu, struct mem_request *request)
{
    size_t size = serve_bound(vcpu->frame->in_size, sizeof(request->ranges));
    pthread_mutex_lock(&flip_lock);
    request->action = vcpu->frame->args[0];
    request->count = size / sizeof(request->ranges[0]);
    memcpy(request->ranges, vcpu->buffer, size);
    int64_t result = call_dispatch(vcpu);
    pthread_mutex_unlock(&flip_lock);
    return result;
}

/* HOSTILE_TRACE: each reply that changes memory, and each lie. */
static void trace(const struct serve_vcpu *vcpu, uint32_t nr, const struct mem_request *request, int64_t honest)
{
    int64_t told = vcpu->frame->result;
    if (!is_traced || (nr != HOSTCALL_MEM_MAP && told == honest))
        return;
    fprintf(stderr, "hostile: step %llu vCPU %u %s %lld -> %lld", (unsigned long long)hostile.step, vcpu->id,
            hostile_calls[nr < hostile_call_count ? nr : 0].name, (long long)honest, (long long)told);
    for (size_t i = 0; nr == HOSTCALL_MEM_MAP && i < request->count; i++)
        fprintf(stderr, " %llu:%#llx+%#llx:%x", (unsigned long long)request->action, (unsigned long long)request->ranges[i].addr,
                (unsigned long long)request->ranges[i].size, request->ranges[i].prot);
    fputc('\n', stderr);
}

void call_serve(struct serve_vcpu *vcpu)
{
    pthread_once(&once, begin);
    vcpu->exits++;
    atomic_store(&flips_due[vcpu->id], false);
    const uint32_t nr = vcpu->frame->nr;
    bool is_mem_map = nr == HOSTCALL_MEM_MAP;
    struct mem_request request;
    if (hostile.mode == HOSTILE_UNSEALED && is_mem_map)
        unseal((struct sgx_mem_range *)vcpu->buffer, vcpu->frame->in_size / sizeof(struct sgx_mem_range));
    int64_t honest = is_mem_map ? mem_map_serve(vcpu, &request) : call_dispatch(vcpu);
    pthread_mutex_lock(&lock);
    if (hostile.mode == HOSTILE_FLIP && !flipped)
        flip_start(vcpu->serve);
    hostile_reply(&hostile, vcpu->frame, vcpu->buffer, honest);
    trace(vcpu, nr, &request, honest);
    if (is_mem_map && honest == 0 && vcpu->frame->result != 0 && request.action == HOSTCALL_MEM_COMMIT)
        sgx_mem_hide(vcpu->serve->enclave, request.ranges, request.count);
    pthread_mutex_unlock(&lock);
    atomic_store(&flips_due[vcpu->id], !is_mem_map);
}
