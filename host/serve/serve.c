/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs an enclave: a thread for each vCPU goes in, serves the call it comes out with, and goes in again. What comes
 * out by an exception or an interrupt is shown to the enclave (EENTER, the exception entry) and resumed.
 */

#include "serve.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/error.h"
#include "serve_internal.h"

/* ---- one vCPU -------------------------------------------------------------------------------------------- */

/* The enclave looks at what interrupted it, and goes on. False: it cannot. */
static bool exception_serve(struct serve_vcpu *vcpu, struct sgx_run *run)
{
    struct sgx_enclave *enclave = vcpu->serve->enclave;
    if (run->reason == SGX_RUN_EXCEPTION)
        vcpu->exceptions++;
    else
        vcpu->interrupts++;
    sgx_enter(enclave, vcpu->id, SGX_EENTER, 0, 0, 0, run);
    while (run->reason == SGX_RUN_INTERRUPTED) /* in the exception entry itself */
        sgx_enter(enclave, vcpu->id, SGX_ERESUME, 0, 0, 0, run);
    if (run->reason != SGX_RUN_EXIT)
        return false;
    sgx_enter(enclave, vcpu->id, SGX_ERESUME, 0, 0, 0, run);
    return true;
}

static void vcpu_fail(struct serve_vcpu *vcpu, const struct sgx_run *run)
{
    if (run->reason == SGX_RUN_FAILED)
        error_report("vCPU %u cannot enter the enclave (exception %llu)", vcpu->id, (unsigned long long)run->error);
    else
        error_report("the enclave's exception entry died on vCPU %u: vector %u at page %#llx", vcpu->id, run->vector,
                     (unsigned long long)run->addr);
    serve_exit(vcpu, SERVE_STATUS_FAILED);
}

static bool is_any_inside(const struct serve *serve)
{
    for (unsigned i = 0; i < serve->options.vcpu_count; i++) {
        if (!atomic_load(&serve->vcpus[i].is_gone))
            return true;
    }
    return false;
}

/* A kick that meets a vCPU on its way in is lost: those that are still there are kicked until they have gone. */
static void others_end(struct serve_vcpu *vcpu)
{
    struct serve *serve = vcpu->serve;
    atomic_store(&vcpu->is_gone, true);
    for (unsigned pause = 50; is_any_inside(serve); pause = pause < 5000 ? pause * 2 : pause) {
        usleep(pause);
        for (unsigned i = 0; i < serve->options.vcpu_count; i++) {
            if (!atomic_load(&serve->vcpus[i].is_gone))
                vcpu_kick(&serve->vcpus[i]);
        }
    }
}

static void *vcpu_main(void *arg)
{
    struct serve_vcpu *vcpu = arg;
    struct serve *serve = vcpu->serve;
    struct sgx_run run;
    char name[16];
    snprintf(name, sizeof(name), "vCPU %u", vcpu->id);
    pthread_setname_np(pthread_self(), name); /* for debuggers, and top -H */
    if (sgx_thread_init(serve->enclave, vcpu->id) < 0) {
        error_report("vCPU %u: %s", vcpu->id, strerror(errno));
        serve_exit(vcpu, SERVE_STATUS_FAILED);
        atomic_store(&vcpu->is_gone, true);
        return NULL;
    }
    sgx_enter(serve->enclave, vcpu->id, SGX_EENTER, (uint64_t)vcpu->frame, (uint64_t)serve->boot, 0, &run);
    while (!atomic_load_explicit(&serve->is_done, memory_order_relaxed)) {
        if (run.reason == SGX_RUN_EXIT) {
            call_serve(vcpu);
            if (atomic_load_explicit(&serve->is_done, memory_order_relaxed))
                break;
            sgx_enter(serve->enclave, vcpu->id, SGX_EENTER, 0, 0, 0, &run);
        } else if (run.reason == SGX_RUN_FAILED || !exception_serve(vcpu, &run)) {
            vcpu_fail(vcpu, &run);
        }
    }
    sgx_thread_fini(serve->enclave, vcpu->id);
    others_end(vcpu);
    return NULL;
}

int64_t serve_enclave_mem_map(struct sgx_enclave *enclave, uint32_t action, const void *ranges, size_t size)
{
    return sgx_mem_map(enclave, action, ranges, size / sizeof(struct sgx_mem_range));
}

/* ---- descriptors and events ------------------------------------------------------------------------------------------- */

/*
 * A description of our own with O_NONBLOCK, so that whoever shares the original sees no change. Files keep the
 * original (they share its offset, and never block); so does what cannot be opened again.
 */
static int stream_open(int fd, bool *may_block)
{
    struct stat st;
    char path[32];
    int flags = fcntl(fd, F_GETFL);
    *may_block = false;
    if (flags < 0 || fstat(fd, &st) < 0)
        return -1; /* closed: the program finds it closed too */
    if (!S_ISFIFO(st.st_mode) && !isatty(fd)) {
        *may_block = S_ISSOCK(st.st_mode) && !(flags & O_NONBLOCK);
        return fd;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int own = open(path, (flags & (O_ACCMODE | O_APPEND)) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    *may_block = own < 0 && !(flags & O_NONBLOCK);
    return own < 0 ? fd : own;
}

int serve_stream_give(struct serve *serve, int fd)
{
    bool may_block;
    int own = stream_open(fd, &may_block);
    if (own != fd)
        close(fd);
    if (own >= SERVE_FD_MAX) {
        close(own);
        return -1;
    }
    if (own >= 0) {
        serve->fd_may_block[own] = may_block;
        serve->fds[own] = own;
    }
    return own;
}

int serve_init(struct serve *serve)
{
    sigset_t signals;
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT, SIGUSR1, SIGUSR2};
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&signals, taken[i]);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    serve->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (serve->signal_fd < 0 || wait_init(serve) < 0)
        return -1;
    for (int i = 0; i < SERVE_FD_MAX; i++)
        serve->fds[i] = i < 3 ? stream_open(i, &serve->fd_may_block[i]) : -1;
    return requests_init(serve);
}

static int vcpu_init(struct serve *serve, unsigned id)
{
    struct serve_vcpu *vcpu = &serve->vcpus[id];
    size_t frame_size = (sizeof(struct hostcall_frame) + 4095) & ~(size_t)4095;
    uint8_t *memory = mmap(NULL, frame_size + HOSTCALL_BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -1;
    vcpu->serve = serve;
    vcpu->id = id;
    vcpu->frame = (struct hostcall_frame *)memory;
    vcpu->buffer = memory + frame_size;
    vcpu->frame->buffer = (uint64_t)vcpu->buffer;
    return 0;
}

int serve_counters(const struct serve *serve, int width, char *text, size_t size)
{
    unsigned long long exits = 0, interrupts = 0, exceptions = 0;
    for (unsigned i = 0; i < serve->options.vcpu_count; i++) {
        exits += serve->vcpus[i].exits;
        interrupts += serve->vcpus[i].interrupts;
        exceptions += serve->vcpus[i].exceptions;
    }
    return snprintf(text, size, "%*llu exits by host calls\n%*llu exits by interrupts\n%*llu exits by exceptions\n%*u vCPUs\n", width, exits,
                    width, interrupts, width, exceptions, width, serve->options.vcpu_count);
}

/* ---- all of it ----------------------------------------------------------------------------------------------- */

int serve_run(struct serve *serve)
{
    pthread_t threads[SERVE_VCPU_MAX];
    unsigned count = serve->options.vcpu_count;
    atomic_store(&serve->status, SERVE_STATUS_FAILED);
    for (unsigned i = 0; i < count; i++) {
        if (vcpu_init(serve, i) < 0) {
            error_report("vCPU %u: %s", i, strerror(errno));
            return SERVE_STATUS_FAILED;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        int err = pthread_create(&threads[i], NULL, vcpu_main, &serve->vcpus[i]);
        if (err) {
            error_report("thread of vCPU %u: %s", i, strerror(err));
            return SERVE_STATUS_FAILED;
        }
    }
    if (ticker_start(serve) < 0)
        error_report("no thread for the ticker: programs that compute will not be preempted");
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    ticker_stop(serve);
    terminal_restore();
    return atomic_load(&serve->status);
}
