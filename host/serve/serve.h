/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The untrusted half of a running enclave: one thread per vCPU that enters it and serves its host calls, a ticker
 * that interrupts vCPUs whose tasks wait, and the events (descriptors, signals, kicks) that `wait` brings.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "naos/boot.h"
#include "naos/hostcall.h"
#include "naos/request.h"
#include "platform/sgx/host/loader.h"

#define SERVE_VCPU_MAX 64
#define SERVE_FD_MAX   65536 /* as hostcall.tab has it: sockets are many */

struct serve;

struct serve_vcpu {
    struct serve *serve;
    unsigned id;
    struct hostcall_frame *frame;
    uint8_t *buffer;
    _Atomic bool is_waiting;     /* in the wait call */
    _Atomic bool is_gone;        /* its thread ends */
    _Atomic uint32_t is_kicked;  /* another vCPU, or the ticker, wants this one; a futex */
    int64_t polled_at;           /* when it last brought events in; its own */
    unsigned queued_ticks;   /* the ticker's: for how many ticks tasks have waited on it */
    uint64_t exits, interrupts, exceptions;
};

struct serve_options {
    unsigned vcpu_count;
    bool print_stats;
    const char *core_dir;     /* where core files go; NULL: nowhere */
    const char *store_dir;    /* where files of stores are */
    const uint8_t *store_key; /* 32 bytes for those that are opened with a key file; NULL */
    /* What the enclave answers to requests: naos/request.h. From a vCPU's thread: must not block. */
    void (*reply)(void *context, uint32_t id, uint32_t kind, int64_t value, const void *text, size_t size);
    void *reply_context;
};

/* Requests that the enclave has not fetched yet. */
struct serve_requests {
    pthread_mutex_t lock; /* guards the list */
    struct serve_request *first, **last;
    int fd;               /* eventfd: there are some */
};

struct serve {
    struct sgx_enclave *enclave;
    struct boot_block *boot;
    struct serve_options options;
    struct serve_vcpu vcpus[SERVE_VCPU_MAX];
    int events_fd; /* epoll: watched descriptors, signal_fd and kick_fd */
    int kick_fd;   /* eventfd: wakes the poller */
    _Atomic int poller; /* the vCPU that sleeps in events_fd; -1: none */
    int signal_fd;
    struct serve_requests requests;
    int fds[SERVE_FD_MAX];         /* the enclave's descriptor numbers -> ours; -1: none */
    bool fd_may_block[SERVE_FD_MAX];
    _Atomic bool is_done;
    _Atomic bool is_stopping; /* in stop_self */
    _Atomic int status;  /* what the enclave's exit call said */
};

#define SERVE_STATUS_FAILED 125

/* Makes the event queues, so that requests may be posted. -1 with errno. */
int serve_init(struct serve *serve);
/* How often the enclave was left, by reason, a line each, numbers at least `width` wide. The length of the text. */
int serve_counters(const struct serve *serve, int width, char *text, size_t size);
/* Runs the enclave until it exits: its exit status; SERVE_STATUS_FAILED, and why on stderr, if it could not be run. */
int serve_run(struct serve *serve);

/* Passes a request on; r->size bytes follow it. Any thread. -1: no memory. */
int serve_request_post(struct serve *serve, const struct request *r, const void *more);
/* A descriptor becomes the enclave's: the number it knows it by, or -1: there are too many. */
int serve_stream_give(struct serve *serve, int fd);
