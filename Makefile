# SPDX-License-Identifier: Apache-2.0
#
# make            everything            make demo    install, build, run a program in an enclave
# make check      all tests             make bench   side by side with native Linux
# make deps       what is missing       make help
#
# Each folder's sources are found by wildcard; a folder that needs more has a rules.mk, included below.

MAKEFLAGS += --no-builtin-rules
B := build
CC := gcc
CROSS_CC := aarch64-linux-gnu-gcc
WARN := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wundef -Wstrict-prototypes -Werror
STD := -std=gnu17

# `make V=1` shows whole command lines
Q := $(if $(V),,@)
SAY := @$(if $(V),:,printf '  %-3s %s\n')

.PHONY: all
all: naos kernel

# ---- generated -----------------------------------------------------------------------------------
GEN := $(B)/gen
HOSTCALL_TAB := kernel/hostcall/hostcall.tab
SYSCALL_TABS := $(wildcard kernel/syscall/*.tab)
GENERATED := $(GEN)/hostcall_gen.h $(GEN)/hostcall_gen.c $(GEN)/serve_gen.h $(GEN)/syscall_gen.h $(GEN)/syscall_table.c

$(GEN)/hostcall_gen.h: $(HOSTCALL_TAB) tools/gen-hostcall
	@mkdir -p $(@D)
	tools/gen-hostcall $< kernel-header > $@.tmp && mv $@.tmp $@
$(GEN)/hostcall_gen.c: $(HOSTCALL_TAB) tools/gen-hostcall
	@mkdir -p $(@D)
	tools/gen-hostcall $< kernel-source > $@.tmp && mv $@.tmp $@
$(GEN)/serve_gen.h: $(HOSTCALL_TAB) tools/gen-hostcall
	@mkdir -p $(@D)
	tools/gen-hostcall $< server > $@.tmp && mv $@.tmp $@
# which tables there are: a removed one must be noticed too
$(GEN)/syscall_tabs: FORCE
	@mkdir -p $(@D)
	@echo '$(SYSCALL_TABS)' | cmp -s - $@ || echo '$(SYSCALL_TABS)' > $@
$(GEN)/hostile_gen.c: $(HOSTCALL_TAB) tools/gen-hostcall
	@mkdir -p $(@D)
	tools/gen-hostcall $< hostile > $@.tmp && mv $@.tmp $@
$(GEN)/syscall_gen.h: $(SYSCALL_TABS) $(GEN)/syscall_tabs tools/gen-syscall
	@mkdir -p $(@D)
	tools/gen-syscall header $(SYSCALL_TABS) > $@.tmp && mv $@.tmp $@
$(GEN)/syscall_table.c: $(SYSCALL_TABS) $(GEN)/syscall_tabs tools/gen-syscall
	@mkdir -p $(@D)
	tools/gen-syscall table $(SYSCALL_TABS) > $@.tmp && mv $@.tmp $@

# ---- the kernel: one source tree, built for (arch, platform) ---------------------------------------
KERNEL_C := $(sort $(shell find kernel -name '*.c'))
KERNEL_INC := -Ikernel -I. -Iinclude -I$(GEN)
KERNEL_CFLAGS := $(STD) -O2 -g -ffreestanding -fno-strict-aliasing -fvisibility=hidden -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections -fno-omit-frame-pointer $(WARN) $(KERNEL_INC)

include $(wildcard arch/*/rules.mk) $(wildcard platform/*/rules.mk) $(wildcard platform/*/*/rules.mk)
include $(wildcard host/*/rules.mk) $(wildcard cmd/*/rules.mk) $(wildcard tests/*/rules.mk) $(wildcard bench/rules.mk)
include $(wildcard docs/rules.mk)

.PHONY: kernel naos clean help deps FORCE
kernel: $(KERNEL_SGX)
naos: $(NAOS)

clean:
	rm -rf $(B)

help:
	@sed -n '3,7s/^# \{0,1\}//p' Makefile

# ---- packages ----------------------------------------------------------------------------------------
deps:
	tools/install-deps build

# ---- tests: each target prints `ok NAME` or `FAIL NAME`; tools/check counts them ---------------------------
# A folder's rules.mk adds its own.
CHECKS += check-store check-store-enclave check-host check-sys check-sys-enclave check-cli

.PHONY: check $(CHECKS)
check:
	tools/install-deps build demo check lint apps
	$(MAKE) --no-print-directory -j2 all
	tools/check $(CHECKS)


# ---- the two commands of the README ---------------------------------------------------------------------------
.PHONY: demo
demo:
	tools/install-deps build demo
	$(MAKE) --no-print-directory -j2 all
	tools/demo
