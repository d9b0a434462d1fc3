# SPDX-License-Identifier: Apache-2.0
# Random system calls in the enclave; the same generator on the fake platform is tests/unit/syscall/fuzz_test.c. Parsers: parsers.mk.
FUZZ := $(B)/tests/fuzz
FUZZ_ENCLAVE_SECONDS ?= 30

$(GEN)/fuzz_calls.h: $(SYSCALL_TABS) tools/gen-syscall
	@mkdir -p $(@D)
	tools/gen-syscall fuzz $(SYSCALL_TABS) > $@.tmp && mv $@.tmp $@
$(FUZZ)/syscalls: tests/fuzz/syscalls.c tests/fuzz/sysgen.c tests/fuzz/calls.c tests/fuzz/sysgen.h tests/fuzz/calls.h $(GEN)/fuzz_calls.h
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(STD) -O1 -Wall -Wextra -I. -I$(GEN) -Itests/fuzz -static tests/fuzz/syscalls.c tests/fuzz/sysgen.c tests/fuzz/calls.c -o $@

CHECKS += check-fuzz
.PHONY: check-fuzz
check-fuzz: all $(FUZZ)/syscalls
	tests/fuzz/run $(FUZZ_ENCLAVE_SECONDS)
