/* SPDX-License-Identifier: Apache-2.0 */
#include "mutate.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *const hostile_mode_names[HOSTILE_MODE_COUNT] = {"none", "sweep", "random", "flip", "replay", "flood", "memory", "unsealed", "clock"};

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* The k-th random number of this step. */
static uint64_t draw(const struct hostile *h, unsigned k)
{
    return mix(mix(h->seed * 0x9e3779b97f4a7c15ULL + h->step) + k * 0xd1342543de82ef95ULL + 1);
}

/* ---- values ---------------------------------------------------------------------------------------------------------- */

enum { RESULT_VALUES = 26 };

/* The border values of a result; size: bytes that were asked for. */
static int64_t result_value(const struct hostile_call *call, uint64_t size, unsigned idx)
{
    const int64_t values[RESULT_VALUES] = {
        0, 1, -1, (int64_t)size, (int64_t)size - 1, (int64_t)size + 1, (int64_t)size + 4096, call->ret_max, call->ret_max + 1,
        call->ret_min - 1, call->out_max, (int64_t)call->out_max + 1, INT32_MAX, INT32_MIN, 1LL << 31, 1LL << 32, (1LL << 32) + 16, INT64_MAX,
        INT64_MIN, -4095, -4096, -133, -ENOSYS, EIO, -EAGAIN, -(int64_t)size,
    };
    return values[idx % RESULT_VALUES];
}

enum { WORD_VALUES = 12 };

static uint64_t word_value(unsigned idx)
{
    static const uint64_t values[WORD_VALUES] = {
        0, 1, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32, INT64_MAX, 1ULL << 63, UINT64_MAX,
    };
    return values[idx % WORD_VALUES];
}

static uint64_t data_size(const struct hostile_call *call, const struct hostcall_frame *frame)
{
    return frame->out_size < call->out_max ? frame->out_size : call->out_max;
}

/* ---- sweep: for each call its results, then each of the first words of its data ------------------------------------------- */

enum { SWEEP_WORDS = 8, SWEEP_SKIPS = 2 };

static unsigned sweep_cases(const struct hostile_call *call)
{
    return (RESULT_VALUES + (call->out_max ? SWEEP_WORDS * WORD_VALUES : 0)) * SWEEP_SKIPS;
}

uint64_t hostile_sweep_count(void)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < hostile_call_count; i++)
        count += sweep_cases(&hostile_calls[i]);
    return count;
}

struct sweep {
    unsigned nr, field, value, skip;
};

static struct sweep sweep_of(uint64_t seed)
{
    struct sweep s = {0};
    seed %= hostile_sweep_count();
    while (seed >= sweep_cases(&hostile_calls[s.nr]))
        seed -= sweep_cases(&hostile_calls[s.nr++]);
    s.skip = (unsigned)(seed % SWEEP_SKIPS) * 3;
    seed /= SWEEP_SKIPS;
    if (seed < RESULT_VALUES) {
        s.value = (unsigned)seed;
    } else {
        s.field = 1 + (unsigned)((seed - RESULT_VALUES) / WORD_VALUES);
        s.value = (unsigned)((seed - RESULT_VALUES) % WORD_VALUES);
    }
    return s;
}

void hostile_sweep_describe(uint64_t seed, char *text, unsigned size)
{
    struct sweep s = sweep_of(seed);
    snprintf(text, size, "%s field %u value %u from call %u on", hostile_calls[s.nr].name, s.field, s.value, s.skip);
}

static void sweep(struct hostile *h, struct hostcall_frame *frame, uint8_t *buffer, unsigned nr)
{
    struct sweep s = sweep_of(h->seed);
    if (s.nr != nr || (uint64_t)h->last_results[0]++ < s.skip)
        return;
    uint64_t size = data_size(&hostile_calls[nr], frame), word = word_value(s.value);
    h->lies++;
    if (s.field == 0)
        frame->result = result_value(&hostile_calls[nr], size, s.value);
    else if (size >= s.field * 8)
        memcpy(buffer + (s.field - 1) * 8, &word, 8);
}

/* ---- the other modes ---------------------------------------------------------------------------------------------------------- */

static void buffer_damage(struct hostile *h, const struct hostcall_frame *frame, uint8_t *buffer, const struct hostile_call *call)
{
    uint64_t size = data_size(call, frame);
    for (unsigned i = 0; i < 4 && size >= 8; i++) {
        uint64_t word = draw(h, 20 + i) % 2 ? word_value((unsigned)draw(h, 30 + i)) : draw(h, 40 + i) % 256;
        uint64_t at = draw(h, 50 + i) % 2 ? draw(h, 60 + i) % (size / 8 < 8 ? size / 8 : 8) : draw(h, 60 + i) % (size / 8);
        memcpy(buffer + at * 8, &word, draw(h, 70 + i) % 2 ? 8 : 4);
    }
}

static unsigned errno_count(const struct hostile_call *call)
{
    unsigned count = 0;
    while (call->errs[count])
        count++;
    return count;
}

static void random_lie(struct hostile *h, struct hostcall_frame *frame, uint8_t *buffer, const struct hostile_call *call)
{
    uint64_t size = data_size(call, frame);
    h->lies++;
    if (draw(h, 1) % 3 == 0 && size)
        buffer_damage(h, frame, buffer, call);
    else if (draw(h, 2) % 4 == 0)
        frame->result = (int64_t)draw(h, 3);
    else if (draw(h, 4) % 3 == 0 && call->errs[0])
        frame->result = -call->errs[draw(h, 5) % errno_count(call)]; /* one that is believed */
    else
        frame->result = result_value(call, size, (unsigned)draw(h, 6));
}

static bool is_memory(const struct hostcall_frame *frame)
{
    return strcmp(hostile_calls[frame->nr].name, "mem_map") == 0;
}

static void memory_lie(struct hostile *h, struct hostcall_frame *frame)
{
    if (!is_memory(frame) || draw(h, 1) % (3u << h->seed / 2 % 6)) /* seldom, too: a program lives longer */
        return;
    h->lies++;
    frame->result = draw(h, 2) % 2 ? -ENOMEM : -EINVAL;
}

static void replay(struct hostile *h, struct hostcall_frame *frame)
{
    if (draw(h, 1) % 3 || is_memory(frame))
        return;
    h->lies++;
    frame->result = h->last_results[draw(h, 2) % COUNT(h->last_results)];
}

/* As many events as the buffer takes: each kind, each descriptor, signals that must not reach a program. */
static void flood(struct hostile *h, struct hostcall_frame *frame, uint8_t *buffer)
{
    struct hostcall_event *events = (struct hostcall_event *)buffer;
    uint64_t count = data_size(&hostile_calls[0], frame) / sizeof(*events);
    if (strcmp(hostile_calls[frame->nr].name, "wait") != 0)
        return;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t kind = draw(h, (unsigned)i) % 3 ? HOSTCALL_EVENT_READY : draw(h, (unsigned)i) % 5 ? HOSTCALL_EVENT_SIGNAL : (uint32_t)(draw(h, (unsigned)i) >> 32);
        events[i] = (struct hostcall_event){kind, (uint32_t)(draw(h, 1000 + (unsigned)i) % 70), draw(h, 2000 + (unsigned)i)};
        if (kind == HOSTCALL_EVENT_SIGNAL)
            events[i].id = (const uint32_t[]){28, 11, 8, 7, 5, 4, 31, 16}[draw(h, 3000 + (unsigned)i) % 8]; /* SIGWINCH, and forged faults */
    }
    h->lies++;
    frame->result = (int64_t)(count * sizeof(*events));
}

static void clock_lie(struct hostile *h, struct hostcall_frame *frame)
{
    if (strcmp(hostile_calls[frame->nr].name, "clock") == 0)
        frame->result = (int64_t)(draw(h, 1) % 3 == 0 ? 0 : draw(h, 1) % 3 == 1 ? draw(h, 2) >> 1 : 1700000000000000000ULL);
    else if (strcmp(hostile_calls[frame->nr].name, "wait") == 0 && draw(h, 3) % 2)
        frame->result = draw(h, 4) % 2 ? 0 : -EINTR;
    else
        return;
    h->lies++;
}

/* Every other seed lets the enclave come into its work before it lies: most lies at boot are the end of it. */
static uint64_t honest_first(const struct hostile *h)
{
    bool is_late = h->seed % 2 && h->mode != HOSTILE_SWEEP && h->mode != HOSTILE_NONE;
    return is_late ? mix(h->seed) % 400 : 0;
}

void hostile_reply(struct hostile *h, struct hostcall_frame *frame, uint8_t *buffer, int64_t honest)
{
    unsigned nr = frame->nr < hostile_call_count ? frame->nr : 0;
    const struct hostile_call *call = &hostile_calls[nr];
    h->step++;
    frame->result = honest;
    if (h->step <= honest_first(h))
        return;
    switch (h->mode) {
    case HOSTILE_SWEEP: sweep(h, frame, buffer, nr); break;
    case HOSTILE_RANDOM:
        if (draw(h, 0) % 8 == 0)
            random_lie(h, frame, buffer, call);
        break;
    case HOSTILE_REPLAY: replay(h, frame); break;
    case HOSTILE_MEMORY: memory_lie(h, frame); break;
    case HOSTILE_FLOOD: flood(h, frame, buffer); break;
    case HOSTILE_CLOCK: clock_lie(h, frame); break;
    default: break;
    }
    if (h->mode == HOSTILE_REPLAY)
        h->last_results[h->step % COUNT(h->last_results)] = honest;
    if (h->mode == HOSTILE_NONE)
        return;
    frame->nr = (uint32_t)draw(h, 90);
    frame->buffer = draw(h, 91);
    frame->in_size = frame->out_size = draw(h, 92);
    for (unsigned i = 0; i < HOSTCALL_ARGS; i++)
        frame->args[i] = draw(h, 93 + i);
}

bool hostile_parse(const char *text, struct hostile *h)
{
    *h = (struct hostile){0};
    for (unsigned i = 0; i < HOSTILE_MODE_COUNT; i++) {
        size_t len = strlen(hostile_mode_names[i]);
        if (strncmp(text, hostile_mode_names[i], len) == 0 && text[len] == ':') {
            h->mode = (enum hostile_mode)i;
            h->seed = strtoull(text + len + 1, NULL, 0);
            return true;
        }
    }
    return false;
}
