# SPDX-License-Identifier: Apache-2.0
# The vDSO: a shared object that the kernel holds as data.
VDSO_X86_64 := $(GEN)/vdso_x86_64.so
$(VDSO_X86_64): arch/x86_64/vdso/vdso.c arch/x86_64/vdso/vdso.lds kernel/time/clock.h
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) $(STD) -O2 -ffreestanding -fPIC -fno-stack-protector -fcf-protection=none -mgeneral-regs-only $(WARN) $(KERNEL_INC) \
	    -Iarch/x86_64/include -shared -nostdlib -Wl,-T,arch/x86_64/vdso/vdso.lds -Wl,-soname=linux-vdso.so.1 -Wl,--hash-style=both \
	    -Wl,--build-id=none -Wl,-Bsymbolic -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--eh-frame-hdr $< -o $@.tmp
	$(Q)objcopy -S $@.tmp $@ && rm $@.tmp
$(B)/sgx/arch/x86_64/vdso.o: $(VDSO_X86_64)
