# SPDX-License-Identifier: Apache-2.0
# Unit tests of kernel code: the kernel for the fake platform, as an ordinary program under sanitizers.
UNIT := $(B)/unit
UNIT_TESTS := $(sort $(wildcard tests/unit/*/*_test.c))
FAKE_C := $(wildcard arch/fake/*.c platform/fake/*.c) arch/x86_64/cpuid_table.c tests/unit/unit.c tests/unit/boot.c tests/fuzz/sysgen.c tests/fuzz/calls.c tests/hostile/mutate.c
# The heap is malloc's, but for its own tests; string.c's standard functions are libc's, but for theirs.
UNIT_KERNEL_C := $(filter-out kernel/heap/% kernel/crypto/%_ipsecmb.c,$(KERNEL_C))
UNIT_INC := -Iarch/fake/include -Itests/unit -I$(UNIT)
UNIT_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_FLAGS := $(STD) -O1 -g -fno-strict-aliasing -fvisibility=hidden -fno-omit-frame-pointer $(WARN) -Wno-missing-field-initializers $(KERNEL_INC) $(UNIT_INC)
STRING_NAMES := memcmp memchr strlen strnlen strcmp strncmp strchr strrchr
UNIT_RENAME := $(foreach n,$(STRING_NAMES),-D$(n)=kernel_$(n))

$(UNIT)/image.h: tests/unit/make-image
	@mkdir -p $(@D)
	tests/unit/make-image $(UNIT)/image.erofs $@

# The generators of random system calls know those of x86-64 only, and no cross-built test uses them.
unit_fake = $(if $(findstring aarch64,$(1)),$(filter-out tests/fuzz/%,$(FAKE_C)),$(FAKE_C))

# $(call unit_build,DIR,CC,FLAGS): the kernel's and the platform's objects in DIR, and a program for each test.
define unit_build
$(1)/%.o: %.c | $(GENERATED)
	@mkdir -p $$(@D)
	$$(SAY) CC "$$< ($(notdir $(1)))"
	$$(Q)$(2) $(3) -ffreestanding -MMD -MP -c $$< -o $$@
$(1)/gen/%.o: $(GEN)/%.c | $(GENERATED)
	@mkdir -p $$(@D)
	$$(Q)$(2) $(3) -ffreestanding -MMD -MP -c $$< -o $$@
$(1)/kernel/base/string.o: kernel/base/string.c | $(GENERATED)
	@mkdir -p $$(@D)
	$$(Q)$(2) $(3) -ffreestanding $(UNIT_RENAME) -MMD -MP -c $$< -o $$@
# Not freestanding: it is on libc.
$(patsubst %.c,$(1)/%.o,$(call unit_fake,$(1))): $(1)/%.o: %.c | $(GENERATED) $(UNIT)/image.h
	@mkdir -p $$(@D)
	$$(SAY) CC "$$< ($(notdir $(1)))"
	$$(Q)$(2) $(3) -D_GNU_SOURCE -MMD -MP -c $$< -o $$@
$(1)/kernel.a: $(UNIT_KERNEL_C:%.c=$(1)/%.o) $(patsubst %.c,$(1)/%.o,$(call unit_fake,$(1))) $(1)/gen/hostcall_gen.o $(1)/gen/syscall_table.o $(1)/gen/hostile_gen.o
	@rm -f $$@
	$$(Q)ar rcs $$@ $$^
$(UNIT_TESTS:tests/unit/%.c=$(1)/bin/%): $(1)/bin/%: $(1)/tests/unit/%.o $(1)/kernel.a
	@mkdir -p $$(@D)
	$$(Q)$(2) $(3) -pie $$(filter %.o,$$^) $(1)/kernel.a $(4) -o $$@
# The kernel's own heap, not malloc's.
$(1)/bin/heap/page_test $(1)/bin/heap/slab_test: $(1)/kernel/heap/page.o $(1)/kernel/heap/slab.o
-include $(patsubst %.c,$(1)/%.d,$(UNIT_KERNEL_C) $(call unit_fake,$(1)) $(UNIT_TESTS))
.SECONDARY: $(UNIT_TESTS:%.c=$(1)/%.o)
endef

$(eval $(call unit_build,$(UNIT)/san,$(CC),$(UNIT_FLAGS) -fPIE $(UNIT_SANITIZE),))

UNIT_BIN := $(UNIT_TESTS:tests/unit/%.c=$(UNIT)/san/bin/%)
UNIT_LONG := $(filter %/fuzz_test %/hostile_test,$(UNIT_BIN)) # targets of their own
UNIT_RUN := ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 xargs -P 2 -n 1 sh -c '$$0 || exit 1'
CHECKS += check-unit check-syscall-fuzz check-hostile-unit
.PHONY: unit-tests check-unit check-syscall-fuzz check-hostile-unit
unit-tests: $(UNIT_BIN)
check-unit: unit-tests
	@printf '%s\n' $(filter-out $(UNIT_LONG),$(UNIT_BIN)) | $(UNIT_RUN)
# The n-th allocation fails: NOMEM points in each test, spread over it; 0: all of them.
NOMEM ?= 12
CHECKS += check-unit-nomem
.PHONY: check-unit-nomem
check-unit-nomem: unit-tests
	@printf '%s\n' $(filter-out $(UNIT)/san/bin/heap/% $(UNIT_LONG),$(UNIT_BIN)) | ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:exitcode=99 \
	    UBSAN_OPTIONS=exitcode=99:print_stacktrace=1 xargs -P 2 -n 1 sh -c '$$0 --nomem $(NOMEM) || exit 1'
# Part of make hostile: a million programs, from SEED on, and many more failing allocations.
.PHONY: hostile-programs hostile-nomem
hostile: hostile-programs hostile-nomem
hostile-programs: $(filter %/fuzz_test,$(UNIT_LONG))
	@seq $(SEED) 200 $$(($(SEED) + $${PROGRAMS:-1000000} / 100 - 1)) | ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 \
	    xargs -P 2 -I {} $< random_programs {} 200 | awk '/^#/ {p += $$2; c += $$4; g += $$6; next} {print} END {print "#", p, "programs,", c, "calls,", g, "without an error"}'
hostile-nomem: unit-tests
	$(MAKE) --no-print-directory check-unit-nomem NOMEM=500
check-syscall-fuzz: $(filter %/fuzz_test,$(UNIT_LONG))
	@printf '%s\n' $^ | $(UNIT_RUN)
check-hostile-unit: $(filter %/hostile_test,$(UNIT_LONG))
	@printf '%s\n' $^ | $(UNIT_RUN) | awk '/^#/ {r += $$2; l += $$4; next} {print} END {print "#", r, "replies,", l, "lies"; fflush()}'

# The same for AArch64, under qemu-user (packages gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user): without sanitizers.
UNIT_CROSS_TESTS := $(filter-out %/fuzz_test %/hostile_test,$(UNIT_TESTS:tests/unit/%.c=%))
$(eval $(call unit_build,$(UNIT)/aarch64,$(CROSS_CC),$(UNIT_FLAGS) -Wno-maybe-uninitialized -fPIE,-static-pie))
CHECKS += check-unit-aarch64
.PHONY: check-unit-aarch64
check-unit-aarch64: $(UNIT_CROSS_TESTS:%=$(UNIT)/aarch64/bin/%)
	@printf '%s\n' $^ | xargs -P 2 -n 1 sh -c 'qemu-aarch64 $$0 || exit 1' | sed 's#^\(ok\|FAIL\) unit/#\1 unit-aarch64/#'

include tests/fuzz/parsers.mk
