# SPDX-License-Identifier: Apache-2.0
# Parsers of outside bytes under libFuzzer (clang): kernel/ on the fake platform, host/ as it is. Included by tests/unit/rules.mk, whose rules
# build the kernel.
FUZZ := $(B)/tests/fuzz
FUZZ_CC := clang
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_KERNEL := $(patsubst tests/fuzz/kernel/%.c,%,$(filter-out %/target.c,$(wildcard tests/fuzz/kernel/*.c)))
FUZZ_HOST := $(patsubst tests/fuzz/host/%.c,%,$(filter-out %/target.c,$(wildcard tests/fuzz/host/*.c)))
FUZZ_TARGETS := $(FUZZ_KERNEL:%=kernel-%) $(FUZZ_HOST:%=host-%) kernel-store
FUZZ_STORE_C := $(STORE_CORE) host/store/env.c $(addprefix tests/crash/,aead_none.c medium.c workload.c store_fuzz.c)
FUZZ_WARN := -Wno-unknown-warning-option -Wno-gnu-variable-sized-type-not-at-end -Wno-unused-but-set-variable -Wno-unused-command-line-argument
FUZZ_KERNEL_CFLAGS := $(UNIT_FLAGS) $(FUZZ_WARN) -fPIE
FUZZ_HOST_C := $(wildcard host/image/*.c host/base/*.c host/instance/*.c host/serve/*.c host/store/*.c) $(STORE_CORE) platform/sgx/host/layout.c

# $(call fuzz_build,DIR,FLAGS): all targets, instrumented by FLAGS.
define fuzz_build
$(FUZZ_KERNEL:%=$(1)/kernel-%): $(1)/kernel-%: $(1)/kernel/tests/fuzz/kernel/%.o $(1)/kernel/tests/fuzz/kernel/target.o $(1)/kernel/kernel.a
	$$(SAY) LD $$@
	$$(Q)$(FUZZ_CC) $(2) -fsanitize=fuzzer $(FUZZ_SAN) $$^ -o $$@
$(1)/host/%.o: %.c | $(GENERATED)
	@mkdir -p $$(@D)
	$$(SAY) CC "$$< (fuzz)"
	$$(Q)$(FUZZ_CC) $(HOST_CFLAGS) -Ikernel -fno-strict-aliasing -O1 $(FUZZ_WARN) $(2) -fsanitize=fuzzer-no-link $(FUZZ_SAN) -MMD -MP -c $$< -o $$@
$(1)/host.a: $(FUZZ_HOST_C:%.c=$(1)/host/%.o) $(1)/host/tests/fuzz/host/target.o
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
$(FUZZ_HOST:%=$(1)/host-%): $(1)/host-%: $(1)/host/tests/fuzz/host/%.o $(1)/host.a
	$$(SAY) LD $$@
	$$(Q)$(FUZZ_CC) $(2) -fsanitize=fuzzer $(FUZZ_SAN) $$^ $(HOST_LIBS) -o $$@
$(1)/kernel-store: $(FUZZ_STORE_C) $(wildcard kernel/fs/store/*.h)
	@mkdir -p $$(@D)
	$$(SAY) CC $$@
	$$(Q)$(FUZZ_CC) $(STD) -O1 -g -D_GNU_SOURCE -Ikernel -Iinclude -Itests/crash -fno-strict-aliasing $(2) -fsanitize=fuzzer $(FUZZ_SAN) $(FUZZ_STORE_C) -o $$@
.SECONDARY: $(FUZZ_KERNEL:%=$(1)/kernel/tests/fuzz/kernel/%.o) $(FUZZ_HOST:%=$(1)/host/tests/fuzz/host/%.o)
-include $(patsubst %.c,$(1)/host/%.d,$(FUZZ_HOST_C) $(wildcard tests/fuzz/host/*.c)) $(patsubst %.c,$(1)/kernel/%.d,$(wildcard tests/fuzz/kernel/*.c))
endef

FUZZ_COVERAGE := -fprofile-instr-generate -fcoverage-mapping
$(eval $(call unit_build,$(FUZZ)/san/kernel,$(FUZZ_CC),$(FUZZ_KERNEL_CFLAGS) -fsanitize=fuzzer-no-link $(FUZZ_SAN),))
$(eval $(call fuzz_build,$(FUZZ)/san,))
$(eval $(call unit_build,$(FUZZ)/cov/kernel,$(FUZZ_CC),$(FUZZ_KERNEL_CFLAGS) $(FUZZ_COVERAGE) -fsanitize=fuzzer-no-link $(FUZZ_SAN),))
$(eval $(call fuzz_build,$(FUZZ)/cov,$(FUZZ_COVERAGE)))

# 60 seconds in all, split among them; `make fuzz FUZZ_SECONDS=3600` gives each its own.
FUZZ_SECONDS ?= 60
FUZZ_CHECK_SECONDS ?= 60
CHECKS += check-fuzz-parsers
.PHONY: fuzz-targets check-fuzz-parsers fuzz fuzz-coverage
.SECONDARY:
fuzz-targets: $(FUZZ_TARGETS:%=$(FUZZ)/san/%)
check-fuzz-parsers: fuzz-targets kernel
	tests/fuzz/parsers $(FUZZ)/san each=$$(($(FUZZ_CHECK_SECONDS) / $(words $(FUZZ_TARGETS)))) $(FUZZ_TARGETS)
fuzz: fuzz-targets kernel
	tests/fuzz/parsers $(FUZZ)/san each=$(FUZZ_SECONDS) $(FUZZ_TARGETS)
# What lines of the parsers the corpora reach.
fuzz-coverage: $(FUZZ_TARGETS:%=$(FUZZ)/cov/%) kernel
	tests/fuzz/coverage $(FUZZ)/cov
