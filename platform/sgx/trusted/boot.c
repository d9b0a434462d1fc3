/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's first entry. Measured values come from the boot params page; the host's boot block is copied once and each
 * field checked: what is out of range stops the enclave, for nothing has run yet that could be told of it.
 */
#include "arch_cpu.h"
#include "base/string.h"
#include "naos/boot.h"
#include "naos/config.h"
#include "naos/start.h"
#include "offsets.h"
#include "trusted.h"

#define SCRATCH_OFF offsetof(struct vcpu, scratch)
_Static_assert(offsetof(struct vcpu, self) == VCPU_SELF && offsetof(struct vcpu, current) == VCPU_CURRENT &&
               offsetof(struct vcpu, user_sp) == VCPU_USER_SP && SCRATCH_OFF == VCPU_SYSCALL_ENTRY, "entry.S");
_Static_assert(SCRATCH_OFF + 13 * 8 > VCPU_CPUID_ENTRY, "entry.S");
_Static_assert(offsetof(struct task, kstack_top) == 0, "entry.S");
_Static_assert(offsetof(struct vcpu, id) == 128, "vdso.c");
_Static_assert(sizeof(struct arch_regs) == REGS_SIZE && offsetof(struct arch_regs, rip) == REGS_RIP &&
               offsetof(struct arch_regs, kind) == REGS_KIND && offsetof(struct arch_regs, rflags) == REGS_RFLAGS && offsetof(struct arch_regs, fs_base) == 152, "entry.S");
_Static_assert((SGX_AREA_DATA - SGX_AREA_EXC_STACK - SGX_AREA_EXC_STACK_PAGES) * 4096 == EXC_STACK_TOP, "entry.S");
_Static_assert((SGX_AREA_SSA + 1 - SGX_AREA_DATA) * 4096 == SSA_FRAME_END(0) && offsetof(struct sgx_gprs, ursp) == sizeof(struct sgx_gprs) - 40 &&
               offsetof(struct sgx_gprs, urbp) == sizeof(struct sgx_gprs) - 32, "entry.S");
_Static_assert(sizeof(struct vcpu) <= 2 * 4096, "entry.S's note: vcpu_pages");

struct plat_info plat_info;
struct plat_host_info plat_host_info;
void sgx_boot(uint64_t frame, uint64_t block);
_Noreturn void __stack_chk_fail(void);

bool plat_is_host_range(uint64_t addr, uint64_t size)
{
    uint64_t end;
    return addr != 0 && size_add(addr, size, &end) && addr >= sgx_boot_params_addr->elrange_size && end <= 1ULL << 47;
}

struct hostcall_frame *plat_host_frame(void)
{
    return (struct hostcall_frame *)*sgx_vcpu_word(sgx_vcpu(), VCPU_FRAME);
}

struct hostcall_frame *plat_host_frame_of(const struct vcpu *vcpu)
{
    return *(struct hostcall_frame *const *)((const char *)vcpu + VCPU_FRAME);
}

uint64_t plat_host_buffer(void)
{
    return *sgx_vcpu_word(sgx_vcpu(), VCPU_BUFFER);
}

static void frame_take(struct vcpu *vcpu, uint64_t frame)
{
    if (!plat_is_host_range(frame, sizeof(struct hostcall_frame)) || frame % 8)
        plat_panic("boot: the host call frame is not host memory");
    uint64_t buffer = ((volatile struct hostcall_frame *)frame)->buffer;
    if (!plat_is_host_range(buffer, HOSTCALL_BUFFER_SIZE) || buffer % 8)
        plat_panic("boot: the bounce buffer is not host memory");
    *sgx_vcpu_word(vcpu, VCPU_FRAME) = frame;
    *sgx_vcpu_word(vcpu, VCPU_BUFFER) = buffer;
}

static void plat_info_set(void)
{
    const struct sgx_boot_params *p = sgx_boot_params_addr;
    plat_info = (struct plat_info){
        .user_start = p->user_start,
        .user_end = p->user_end,
        .kernel_start = p->kernel_start,
        .kernel_end = p->kernel_end,
        .memory_size = p->memory_size,
        .vcpu_max = p->vcpu_max,
        .is_paged = false,
        .config = (const void *)p->config_addr,
        .config_size = p->config_size,
    };
}

static _Noreturn void cpu_refuse(const char *missing)
{
    char text[128];
    format(text, sizeof(text), "boot: by what the host says the processor lacks %s, which the enclave needs", missing);
    plat_panic(text);
}

static void host_info_take(uint64_t addr)
{
    struct boot_block b;
    if (!plat_is_host_range(addr, sizeof(b)))
        plat_panic("boot: the boot block is not host memory");
    memcpy(&b, (const void *)addr, sizeof(b));
    if (b.magic != BOOT_MAGIC || b.vcpu_count < 1 || b.vcpu_count > plat_info.vcpu_max)
        plat_panic("boot: the boot block is not one of this version, or asks for more vCPUs than the enclave has");
    if (b.tsc_hz < 1000000 || b.tsc_hz > 100000000000ULL || b.realtime_ns < 0)
        plat_panic("boot: the host's clock is out of range");
    if (b.image_count < 1 || b.image_count > BOOT_IMAGE_MAX)
        plat_panic("boot: no image, or too many");
    for (uint32_t i = 0; i < b.image_count; i++) {
        if (!plat_is_host_range(b.images[i].addr, b.images[i].size) || b.images[i].addr % 8)
            plat_panic("boot: an image is not host memory");
    }
    if (!plat_is_host_range(b.start_addr, b.start_size) || b.start_size > START_SIZE_MAX)
        plat_panic("boot: the start block is not host memory, or too large");
    const char *missing = b.cpuid_count <= CPUID_CLAIM_MAX ? arch_cpuid_init(b.cpuid, b.cpuid_count, b.vcpu_count, b.tsc_hz) : "CPUID";
    if (missing)
        cpu_refuse(missing);
    plat_host_info = (struct plat_host_info){
        .image_count = b.image_count, .tsc_hz = b.tsc_hz,
        .realtime_ns = b.realtime_ns, .tsc_at_boot = (int64_t)b.tsc, .vcpu_count = b.vcpu_count,
        .is_tty = {b.is_tty[0] != 0, b.is_tty[1] != 0, b.is_tty[2] != 0},
        .trace_syscalls = b.trace_syscalls != 0, .print_stats = b.print_stats != 0, .dump_core = b.dump_core != 0,
        .log_level = MIN(b.log_level, 4u), .start_addr = b.start_addr, .start_size = b.start_size,
    };
    memcpy(plat_host_info.images, b.images, sizeof(b.images));
    memset(b.images, 0, sizeof(b.images)); /* keys */
}

/* What a function with arrays leaves beside its return address, another one in each boot. A stack is the same on all vCPUs: so is this. */
static void stack_guard_set(struct vcpu *vcpu, uint64_t *guard)
{
    if (*guard == 0 && plat_entropy(guard, sizeof(*guard)))
        plat_panic("boot: the processor gives no random numbers");
    *guard &= ~0xffULL; /* a string ends before it */
    *sgx_vcpu_word(vcpu, VCPU_STACK_GUARD) = *guard;
}

void __stack_chk_fail(void)
{
    plat_panic("a function of the kernel wrote beyond its own on the stack");
}

/* The guard changes while it runs. */
__attribute__((no_stack_protector)) void sgx_boot(uint64_t frame, uint64_t block)
{
    static uint32_t is_ready __attribute__((section(".data"))); /* measured, unlike bss */
    static uint64_t guard __attribute__((section(".data")));
    struct vcpu *vcpu = sgx_vcpu();
    uint64_t id = ((uint64_t)vcpu - sgx_boot_params_addr->vcpu_start) / sgx_boot_params_addr->vcpu_stride;
    *sgx_vcpu_word(vcpu, VCPU_SYSCALL_ENTRY) = (uint64_t)arch_syscall_entry;
    *sgx_vcpu_word(vcpu, VCPU_CPUID_ENTRY) = (uint64_t)arch_cpuid_entry;
    if (id == 0) {
        /* bss pages are zero, but not measured to be */
        memset(__bss_start, 0, (size_t)(__bss_end - __bss_start));
        stack_guard_set(vcpu, &guard);
        plat_info_set();
        frame_take(vcpu, frame);
        host_info_take(block);
        __atomic_store_n(&is_ready, 1, __ATOMIC_RELEASE);
        kernel_main(vcpu);
    }
    while (!__atomic_load_n(&is_ready, __ATOMIC_ACQUIRE))
        arch_relax();
    stack_guard_set(vcpu, &guard);
    frame_take(vcpu, frame);
    kernel_main_secondary(vcpu, (unsigned)id);
}
