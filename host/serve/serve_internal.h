/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of host/serve share. */
#pragma once
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include "serve.h"
#include "serve_gen.h"

/* What epoll reports beside descriptors, which are below 65536. */
#define SERVE_SIGNAL_TAG  (1ULL << 32)
#define SERVE_KICK_TAG    (2ULL << 32)
#define SERVE_REQUEST_TAG (3ULL << 32)

/* Serves the request in a vCPU's frame (call.c). */
void call_serve(struct serve_vcpu *vcpu);
/* Brings a vCPU out: of wait, or of user code. */
void vcpu_kick(struct serve_vcpu *vcpu);
int wait_init(struct serve *serve); /* -1 with errno */
/* A vCPU came back from wait: the ticker may have to tick again. */
void ticker_wake(struct serve *serve);
/* Something happened that a vCPU should not learn at the next tick only. */
void ticker_event(struct serve *serve);
int ticker_start(struct serve *serve);
void ticker_stop(struct serve *serve);

int requests_init(struct serve *serve); /* -1 with errno */

/* 0, or -errno. */
int64_t terminal_set_raw(int fd, bool is_raw);
void terminal_restore(void);
bool terminal_suspend(void); /* was it raw? */
void terminal_resume(void);

int64_t serve_enclave_mem_map(struct sgx_enclave *enclave, uint32_t action, const void *ranges, size_t size);

/* What a system call of the host's returned, as the reply: -errno if it failed. */
static inline int64_t result_of(int64_t n)
{
    return n >= 0 ? n : -errno;
}

/* Ours for the enclave's descriptor; -1: it has none of this number. */
int fd_of(const struct serve_vcpu *vcpu, int fd);
/* A fresh descriptor, or -1 with errno, becomes the enclave's; never one that may block. Its number, or -errno. */
int64_t fd_give(struct serve_vcpu *vcpu, int fd);
void fd_limit_raise(void);

/* A size that the frame claims, cut to the row's maximum. */
static inline size_t serve_bound(uint64_t size, size_t max)
{
    return size < max ? (size_t)size : max;
}

/* A core file in dir: begins, has a part, ends. By one thread at a time: the enclave makes one after the other. */
void core_take(const char *dir, uint32_t kind, int64_t value, const void *bytes, size_t size);
