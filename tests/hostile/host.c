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

static void flip_one(volatile uint8_t *at)
{
    uint8_t old = *at;
    *at = (uint8_t)(old ^ 1u << flip_random() % 8);
    for (unsigned i = 0; i < 20; i++)
        __builtin_ia32_pause();
    *at = old;
}

static void *flip_main(void *arg)
{
    struct serve *serve = arg;
    flip_state = hostile.seed * 2 + 1;
    for (;;) {
        struct serve_vcpu *vcpu = &serve->vcpus[flip_random() % serve->options.vcpu_count];
        if (vcpu->frame) {
            vcpu->frame->result = (int64_t)flip_random() >> flip_random() % 64;
            vcpu->frame->out_size = flip_random();
            flip_one(vcpu->buffer + flip_random() % 256);
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

void call_serve(struct serve_vcpu *vcpu)
{
    pthread_once(&once, begin);
    vcpu->exits++;
    if (hostile.mode == HOSTILE_UNSEALED && vcpu->frame->nr == HOSTCALL_MEM_MAP)
        unseal((struct sgx_mem_range *)vcpu->buffer, vcpu->frame->in_size / sizeof(struct sgx_mem_range));
    int64_t honest = call_dispatch(vcpu);
    pthread_mutex_lock(&lock);
    if (hostile.mode == HOSTILE_FLIP && !flipped)
        flip_start(vcpu->serve);
    hostile_reply(&hostile, vcpu->frame, vcpu->buffer, honest);
    pthread_mutex_unlock(&lock);
}
