# SPDX-License-Identifier: Apache-2.0
# The AArch64 architecture: the whole kernel compiles for it, and its own parts run under qemu-user, against libc and Linux' frames.
AARCH64 := $(B)/aarch64
AARCH64_INC := $(KERNEL_INC) -Iarch/aarch64/include
AARCH64_FLAGS := $(filter-out -I%,$(KERNEL_CFLAGS)) $(AARCH64_INC) -mgeneral-regs-only -mno-outline-atomics -ffixed-x18 -fno-pie
AARCH64_ARCH := $(wildcard arch/aarch64/*.[cS])
AARCH64_OBJ := $(patsubst %,$(AARCH64)/%.o,$(basename $(filter-out kernel/crypto/%_ipsecmb.c,$(KERNEL_C)))) \
	$(AARCH64)/gen/hostcall_gen.o $(AARCH64)/gen/syscall_table.o
AARCH64_ARCH_OBJ := $(AARCH64_ARCH:%=$(AARCH64)/%.o)

$(AARCH64)/arch/aarch64/%.o: arch/aarch64/% | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) CC "$< (aarch64)"
	$(Q)$(CROSS_CC) $(AARCH64_FLAGS) -MMD -MP -c $< -o $@
$(AARCH64)/kernel/%.o: kernel/%.c | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) CC "$< (aarch64)"
	$(Q)$(CROSS_CC) $(AARCH64_FLAGS) -MMD -MP -c $< -o $@
$(AARCH64)/gen/%.o: $(GEN)/%.c | $(GENERATED)
	@mkdir -p $(@D)
	$(Q)$(CROSS_CC) $(AARCH64_FLAGS) -MMD -MP -c $< -o $@
-include $(AARCH64_OBJ:.o=.d) $(AARCH64_ARCH_OBJ:.o=.d)

# One object; what is left undefined must be the platform's (plat.h, and arch_user_enter, its entry code's).
$(AARCH64)/kernel.o: $(AARCH64_OBJ) $(AARCH64_ARCH_OBJ)
	$(SAY) LD $@
	$(Q)aarch64-linux-gnu-ld -r $^ -o $@

# libc has functions of the same names as memory.S
$(AARCH64)/arch_test: tests/arch/aarch64_test.c $(AARCH64_ARCH_OBJ) $(AARCH64)/kernel/base/format.o tests/arch/ex_table.lds
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)aarch64-linux-gnu-ld -r $(filter %.o,$^) -o $@.parts.o
	$(Q)aarch64-linux-gnu-objcopy $(foreach n,memcpy memmove memset,--redefine-sym $(n)=kernel_$(n)) $@.parts.o
	$(Q)$(CROSS_CC) $(STD) -O1 -g -D_GNU_SOURCE $(WARN) $(AARCH64_INC) -ffixed-x18 -static -no-pie $< $@.parts.o -Wl,-T,tests/arch/ex_table.lds -o $@

CHECKS += check-aarch64
.PHONY: check-aarch64
check-aarch64: $(AARCH64)/kernel.o $(AARCH64)/arch_test
	@others=$$(aarch64-linux-gnu-nm -u $(AARCH64)/kernel.o | awk '$$2 !~ /^(plat_|arch_user_enter$$|aead_|sha256_|key_derive$$)/ {print $$2}'); \
	if [ -z "$$others" ]; then echo "ok aarch64/kernel"; else echo "FAIL aarch64/kernel: undefined:" $$others; fi
	@qemu-aarch64 $(AARCH64)/arch_test
