/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of host/serve/call.c: looks at all that the enclave lets out for bytes that nobody has put there (tests/hostile/canary.c).
 * At each host call: the request's data, and its frame. Now and then, and at the end: all memory of this process outside the enclave.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "emulator/emulator.h"
#include "serve/serve_internal.h"

#define STACK_CANARY 0xfe
#define HEAP_CANARY  0xc7
#define SHORT_RUN    3  /* in data that the enclave makes; two occur by chance in times of day */
#define LONG_RUN     12 /* in ciphertext, and in memory at large */
#define FULL_EVERY   2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t calls, bytes, full_bytes, full_scans, found;

static void report(const char *what, const uint8_t *at, size_t run, uint64_t nr)
{
    found++;
    if (found < 20)
        fprintf(stderr, "LEAK: %s, call %llu: %zu bytes of %#x\n", what, (unsigned long long)nr, run, *at);
}

static void scan(const char *what, uint64_t nr, const uint8_t *data, size_t size, size_t run_min)
{
    size_t run = 0;
    for (size_t i = 0; i < size; i++) {
        bool is_canary = data[i] == STACK_CANARY || data[i] == HEAP_CANARY;
        run = is_canary ? (run && data[i] == data[i - 1] ? run + 1 : 1) : 0;
        if (run == run_min)
            report(what, &data[i], run, nr);
    }
}

/* ---- all memory of the host process ------------------------------------------------------------------------------------- */

/* The model keeps there what a processor keeps to itself: registers of the enclave in signal frames. */
static bool is_models_own(uint64_t at)
{
    for (unsigned i = 0; emu_enclave && i < emu_enclave->vcpu_count; i++) {
        uint64_t t = (uint64_t)emu_enclave->threads[i];
        if (at >= t - EMU_STACK_SIZE && at < t + EMU_STACK_SIZE)
            return true;
    }
    return false;
}

static void page_scan(uint64_t at)
{
    static uint8_t copy[4096]; /* others may write to it meanwhile */
    if (is_models_own(at))
        return;
    memcpy(copy, (const void *)at, sizeof(copy));
    full_bytes += sizeof(copy);
    scan("host memory", at, copy, sizeof(copy), LONG_RUN);
}

/* Only pages that are there: /proc/self/pagemap, bits 63 and 62. */
static void memory_scan(void)
{
    FILE *maps = fopen("/proc/self/maps", "r"), *pagemap = fopen("/proc/self/pagemap", "r");
    char line[512], perm[8];
    unsigned long start, end;
    while (maps && pagemap && fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%lx-%lx %7s", &start, &end, perm) != 3 || perm[0] != 'r' || start < emu_enclave->secs.size || strstr(line, "[v"))
            continue;
        for (uint64_t at = start, entry; at < end; at += 4096) {
            bool is_file = strchr(line, '/') != NULL;
            fseeko(pagemap, (off_t)(at / 4096 * 8), SEEK_SET);
            if (fread(&entry, 8, 1, pagemap) == 1 && (entry >> 62) && !(is_file && perm[1] != 'w'))
                page_scan(at);
        }
    }
    if (maps)
        fclose(maps);
    if (pagemap)
        fclose(pagemap);
    full_scans++;
}

static void summary(void)
{
    fprintf(stderr, "leak: %llu calls, %llu bytes of requests, %llu scans of %llu bytes of memory, %llu found\n", (unsigned long long)calls,
            (unsigned long long)bytes, (unsigned long long)full_scans, (unsigned long long)full_bytes, (unsigned long long)found);
}

static void request_scan(const struct serve_vcpu *vcpu)
{
    static const char *const names[] = {HOSTCALL_NAMES};
    const struct hostcall_frame *frame = vcpu->frame;
    size_t size = frame->in_size < HOSTCALL_BUFFER_SIZE ? frame->in_size : 0;
    scan("frame", frame->nr, (const uint8_t *)frame, sizeof(*frame), SHORT_RUN);
    scan(frame->nr < sizeof(names) / sizeof(names[0]) ? names[frame->nr] : "?", frame->nr, vcpu->buffer, size,
         frame->nr == HOSTCALL_STORE_WRITE ? LONG_RUN : SHORT_RUN);
    calls++;
    bytes += size + sizeof(*frame);
}

static int64_t call_dispatch(struct serve_vcpu *vcpu)
{
    struct hostcall_frame *frame = vcpu->frame;
    SERVE_DISPATCH(vcpu, frame, vcpu->buffer)
    return -ENOSYS;
}

void call_serve(struct serve_vcpu *vcpu)
{
    vcpu->exits++;
    pthread_mutex_lock(&lock);
    request_scan(vcpu);
    if (calls % FULL_EVERY == 0 || vcpu->frame->nr == HOSTCALL_EXIT)
        memory_scan();
    if (vcpu->frame->nr == HOSTCALL_EXIT)
        summary();
    pthread_mutex_unlock(&lock);
    vcpu->frame->result = call_dispatch(vcpu);
}
