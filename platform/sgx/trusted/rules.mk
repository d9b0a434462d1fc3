# SPDX-License-Identifier: Apache-2.0
# The kernel for SGX on x86-64: one static PIE.
KERNEL_SGX := $(B)/sgx/kernel.elf
SGX_C := $(KERNEL_C) $(wildcard arch/x86_64/*.c platform/sgx/trusted/*.c)
SGX_S := $(wildcard arch/x86_64/*.S platform/sgx/trusted/*.S)
SGX_OBJ := $(SGX_C:%.c=$(B)/sgx/%.o) $(SGX_S:%.S=$(B)/sgx/%.o) $(B)/sgx/gen/hostcall_gen.o $(B)/sgx/gen/syscall_table.o
SGX_INC := -Iarch/x86_64/include -Iplatform/sgx/include -Iplatform/sgx/trusted
SGX_CFLAGS := $(KERNEL_CFLAGS) $(SGX_INC) -mgeneral-regs-only -mno-red-zone -fPIE -fcf-protection=none -fstack-protector-strong \
	-mstack-protector-guard=tls -mstack-protector-guard-reg=gs -mstack-protector-guard-offset=80\
	-mmemset-strategy=unrolled_loop:256:noalign,libcall:-1:noalign -mmemcpy-strategy=unrolled_loop:256:noalign,libcall:-1:noalign
SGX_LDFLAGS := -static-pie -nostdlib -nostartfiles -Wl,--no-dynamic-linker -Wl,-z,text -Wl,-z,noexecstack -Wl,-z,norelro \
	-Wl,--gc-sections -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--fatal-warnings

$(B)/sgx/%.o: %.c | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(SGX_CFLAGS) -MMD -MP -c $< -o $@
$(B)/sgx/%.o: %.S
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(SGX_CFLAGS) -MMD -MP -c $< -o $@
$(B)/sgx/gen/%.o: $(GEN)/%.c | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(SGX_CFLAGS) -MMD -MP -c $< -o $@

$(KERNEL_SGX): $(SGX_OBJ) platform/sgx/trusted/kernel.lds
	$(SAY) LD $@
	$(Q)$(CC) $(SGX_LDFLAGS) -Wl,-T,platform/sgx/trusted/kernel.lds $(SGX_OBJ) -l:libIPSec_MB.a -o $@.tmp
	$(Q)cp $@.tmp $(@:.elf=.debug) # with its code, which gdb reads there
	$(Q)objcopy --strip-debug --add-gnu-debuglink=$(@:.elf=.debug) $@.tmp && mv $@.tmp $@ # a quarter of the size to load

-include $(SGX_OBJ:.o=.d)
