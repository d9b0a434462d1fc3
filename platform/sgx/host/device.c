/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real SGX2 hardware, through the Linux driver (5.11 and later; 6.0 for the dynamic memory that naos needs). Pages that the
 * enclave asks for are only mapped here: the driver adds them (EAUG) when the enclave's EACCEPT touches them.
 * No machine of ours has run this file: CAVEATS.md.
 */
#include <asm/sgx.h>
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include "backend.h"
#include "naos/hostcall.h"

#define DEVICE_PATH   "/dev/sgx_enclave"
#define DEVICE_SIGNAL (SIGRTMIN + 3)
#define VCPU_MAX      64

struct device_thread {
    uint64_t tcs;
    pthread_t pthread;
    _Atomic bool is_initialised;
};

struct sgx_enclave {
    struct sgx_enclave_base base;
    int fd;
    vdso_sgx_enter_enclave_t enter;
    struct device_thread threads[VCPU_MAX];
};

static _Thread_local struct sgx_enclave *self_enclave;
static _Thread_local uint64_t self_tcs;

/* device_enter.S: keeps what the enclave's EEXIT does not. */
int sgx_device_enter(uint64_t rdi, uint64_t rsi, uint64_t rdx, unsigned leaf, vdso_sgx_enter_enclave_t enter,
                     struct sgx_enclave_run *run);

static bool device_is_there(void)
{
    return access(DEVICE_PATH, F_OK) == 0;
}

/* CPUID leaf 12H, sub-leaf 1: the bits that SECS.ATTRIBUTES may have; XFRM is ECX and EDX. */
static uint64_t device_xfrm(void)
{
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid_count(0x12, 1, &a, &b, &c, &d))
        return SGX_XFRM_LEGACY;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)d << 32 | c) & ((uint64_t)high << 32 | low);
}

/*
 * A function of the vDSO (vdso(7)), by its dynamic symbols: dlopen(3) would do, but not in a static program. The kernel's own
 * image is well formed. NULL: it is not there.
 */
static void *vdso_symbol(const char *name)
{
    const uint8_t *base = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)base;
    const Elf64_Shdr *sh = base && eh->e_shoff ? (const Elf64_Shdr *)(base + eh->e_shoff) : NULL;
    for (unsigned i = 0; sh && i < eh->e_shnum; i++) {
        const Elf64_Sym *sym = (const Elf64_Sym *)(base + sh[i].sh_offset);
        const char *names = (const char *)base + sh[sh[i].sh_link].sh_offset;
        for (size_t k = 0; sh[i].sh_type == SHT_DYNSYM && k < sh[i].sh_size / sizeof(*sym); k++) {
            if (strcmp(names + sym[k].st_name, name) == 0)
                return (void *)(base + sym[k].st_value);
        }
    }
    return NULL;
}

static int device_open(struct sgx_enclave **enclave, char *why, size_t why_size)
{
    struct sgx_enclave *e = calloc(1, sizeof(*e));
    if (!e)
        return sgx_fail(why, why_size, "out of memory");
    e->fd = open(DEVICE_PATH, O_RDWR | O_CLOEXEC);
    e->enter = (vdso_sgx_enter_enclave_t)vdso_symbol("__vdso_sgx_enter_enclave");
    if (e->fd < 0)
        snprintf(why, why_size, "%s: %s; is this user in the group of the device (sgx)?", DEVICE_PATH, strerror(errno));
    else if (!e->enter)
        snprintf(why, why_size, "the kernel's vDSO has no __vdso_sgx_enter_enclave; Linux 5.11 or newer is needed");
    if (e->fd >= 0 && e->enter) {
        *enclave = e;
        return 0;
    }
    if (e->fd >= 0)
        close(e->fd);
    free(e);
    return -1;
}

/* What EINIT says, as the driver gives it back (SDM, EINIT). */
static const char *einit_text(int code)
{
    switch (code) {
    case 1: return "SGX_INVALID_SIG_STRUCT: the SIGSTRUCT is not legal; run naos build again";
    case 2: return "SGX_INVALID_ATTRIBUTE: this machine does not allow the enclave's attributes";
    case 4: return "SGX_INVALID_MEASUREMENT: kernel or configuration has changed since it was signed; run naos build";
    case 8: return "SGX_INVALID_SIGNATURE: the SIGSTRUCT is not signed by the key in it";
    case 16: return "SGX_INVALID_EINITTOKEN: the machine runs only enclaves of signers that its firmware lists (no launch control)";
    default: return strerror(code < 0 ? -code : EPERM);
    }
}

static int device_request(struct sgx_enclave *e, unsigned long request, void *arg, char *why, size_t why_size)
{
    int result;
    do {
        result = ioctl(e->fd, request, arg);
    } while (result < 0 && errno == EINTR);
    if (result == 0)
        return 0;
    if (request == SGX_IOC_ENCLAVE_INIT)
        snprintf(why, why_size, "EINIT: %s", einit_text(result > 0 ? result : -errno));
    else
        snprintf(why, why_size, "%s: %s: %s", DEVICE_PATH, request == SGX_IOC_ENCLAVE_CREATE ? "ECREATE" : "EADD",
                 strerror(result > 0 ? EIO : errno));
    return -1;
}

/* The whole of ELRANGE is the device's; what is not in use is there without access. */
static int device_map(struct sgx_enclave *e, const struct sgx_layout *l, char *why, size_t why_size)
{
    unsigned vcpu = 0;
    void *start = (void *)SGX_USER_START;
    if (mmap(start, l->elrange_size - SGX_USER_START, PROT_NONE, MAP_SHARED | MAP_FIXED_NOREPLACE, e->fd, 0) != start) {
        snprintf(why, why_size, "the enclave's addresses are not free: %s", strerror(errno));
        return -1;
    }
    for (size_t i = 0, n; i < l->count; i += n) {
        const struct sgx_page *p = &l->pages[i];
        int prot = p->secinfo == SGX_SECINFO_TCS ? PROT_READ | PROT_WRITE : sgx_page_prot(p->secinfo);
        n = sgx_run_length(l, i);
        if (p->secinfo == SGX_SECINFO_TCS)
            e->threads[vcpu++].tcs = p->addr;
        if (mprotect((void *)p->addr, n * SGX_PAGE_SIZE, prot) < 0)
            return sgx_fail(why, why_size, strerror(errno));
    }
    return 0;
}

static void device_close(struct sgx_enclave *e)
{
    munmap((void *)SGX_USER_START, e->base.size - SGX_USER_START);
    close(e->fd);
    free(e);
}

/* ---- threads --------------------------------------------------------------------------------------------------- */

/*
 * The timer's interrupt. If it hit the enclave, the thread stands at the AEP, about to ERESUME (RAX is its number, RBX the TCS):
 * the enclave is entered once on the next SSA frame, so that it can look for other work, and then resumed as if nothing was.
 */
static void interrupt_handle(int signo, siginfo_t *info, void *context)
{
    const greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct sgx_enclave_run run = {.tcs = self_tcs};
    int saved = errno;
    (void)signo, (void)info;
    if (self_enclave && r[REG_RAX] == SGX_ERESUME && (uint64_t)r[REG_RBX] == self_tcs)
        sgx_device_enter(0, 0, 0, SGX_EENTER, self_enclave->enter, &run);
    errno = saved;
}

static int device_thread_init(struct sgx_enclave *e, unsigned vcpu)
{
    struct sigaction sa = {.sa_sigaction = interrupt_handle, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigset_t all;
    sigfillset(&sa.sa_mask);
    sigfillset(&all);
    sigdelset(&all, DEVICE_SIGNAL);
    if (sigaction(DEVICE_SIGNAL, &sa, NULL) < 0 || pthread_sigmask(SIG_SETMASK, &all, NULL) != 0)
        return -1;
    self_enclave = e;
    self_tcs = e->threads[vcpu].tcs;
    e->threads[vcpu].pthread = pthread_self();
    atomic_store(&e->threads[vcpu].is_initialised, true);
    return 0;
}

static void device_thread_fini(struct sgx_enclave *e, unsigned vcpu)
{
    atomic_store(&e->threads[vcpu].is_initialised, false);
    self_enclave = NULL;
}

static void device_enter(struct sgx_enclave *e, unsigned vcpu, enum sgx_enclu leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx,
                         struct sgx_run *result)
{
    struct sgx_enclave_run run = {.tcs = e->threads[vcpu].tcs};
    int err = sgx_device_enter(rdi, rsi, rdx, leaf, e->enter, &run);
    *result = (struct sgx_run){.vector = run.exception_vector, .error_code = run.exception_error_code, .addr = run.exception_addr};
    if (err == 0 && run.function == SGX_EEXIT)
        result->reason = SGX_RUN_EXIT;
    else if (err == 0 && run.function == SGX_ERESUME)
        result->reason = SGX_RUN_EXCEPTION;
    else
        *result = (struct sgx_run){.reason = SGX_RUN_FAILED, .error = run.exception_vector};
}

static void device_interrupt(struct sgx_enclave *e, unsigned vcpu)
{
    if (atomic_load(&e->threads[vcpu].is_initialised))
        pthread_kill(e->threads[vcpu].pthread, DEVICE_SIGNAL);
}

/* ---- dynamic memory ---------------------------------------------------------------------------------------------- */

static int pages_trim(struct sgx_enclave *e, const struct sgx_mem_range *r)
{
    struct sgx_enclave_modify_types arg = {.offset = r->addr, .length = r->size, .page_type = SGX_PT_TRIM};
    while (arg.length > 0) {
        arg.count = 0;
        if (ioctl(e->fd, SGX_IOC_ENCLAVE_MODIFY_TYPES, &arg) < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        arg.offset += arg.count, arg.length -= arg.count;
    }
    return 0;
}

/* What was trimmed, and accepted by the enclave as such, is removed before it comes anew. -ENOENT: it was never there. */
static int pages_remove(struct sgx_enclave *e, const struct sgx_mem_range *r)
{
    struct sgx_enclave_remove_pages arg = {.offset = r->addr, .length = r->size};
    while (arg.length > 0) {
        uint64_t done;
        arg.count = 0;
        if (ioctl(e->fd, SGX_IOC_ENCLAVE_REMOVE_PAGES, &arg) < 0 && errno == EPERM)
            return -EBUSY; /* not yet accepted */
        done = arg.count ? arg.count : SGX_PAGE_SIZE; /* a page that is not there stops the driver */
        arg.offset += done, arg.length -= done;
    }
    return 0;
}

/* EMODPR and what belongs to it (ETRACK, and all processors out of the enclave once); the enclave's EACCEPT sees whether it was done. */
static int pages_restrict(struct sgx_enclave *e, const struct sgx_mem_range *r)
{
    struct sgx_enclave_restrict_permissions arg = {.offset = r->addr, .length = r->size, .permissions = r->prot & SGX_PROT_MASK};
    while (arg.length > 0) {
        arg.count = 0;
        if (ioctl(e->fd, SGX_IOC_ENCLAVE_RESTRICT_PERMISSIONS, &arg) < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        arg.offset += arg.count, arg.length -= arg.count;
    }
    return 0;
}

static int device_mem_map(struct sgx_enclave *e, unsigned action, const struct sgx_mem_range *r)
{
    int prot = (int)(r->prot & SGX_PROT_MASK);
    if (action == HOSTCALL_MEM_RELEASE)
        return pages_trim(e, r); /* stays mapped: the enclave's EACCEPT has to reach it */
    if (action == HOSTCALL_MEM_COMMIT) {
        int err = pages_remove(e, r);
        if (err)
            return err;
        prot |= PROT_READ | PROT_WRITE; /* as EAUG makes them */
    }
    if (action == HOSTCALL_MEM_PROTECT && (r->prot & SGX_PROT_SEALED)) {
        int err = pages_restrict(e, r);
        if (err)
            return err;
    }
    return mprotect((void *)r->addr, r->size, prot) < 0 ? -errno : 0;
}

const struct sgx_backend sgx_device = {
    .name = DEVICE_PATH, .is_there = device_is_there, .xfrm = device_xfrm, .open = device_open, .request = device_request,
    .map = device_map, .close = device_close, .thread_init = device_thread_init, .thread_fini = device_thread_fini,
    .enter = device_enter, .interrupt = device_interrupt, .mem_map = device_mem_map,
};
