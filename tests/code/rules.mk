# SPDX-License-Identifier: Apache-2.0
# Checks of the code itself: layers, and what is in the kernel's binary. `make lint` runs what is slower and less sure.
CHECKS += check-code check-lint
.PHONY: check-code check-lint lint lint-tidy lint-analyzer
check-code: kernel
	@status=0; tools/check-includes || status=1; tools/check-binary $(KERNEL_SGX) || status=1; exit $$status

# ---- static analysis: check-lint is what is fast; lint is all ---------------------------------------------------------
LINT_KERNEL := $(filter-out kernel/crypto/%_ipsecmb.c,$(KERNEL_C))
LINT_HOST := $(wildcard host/*/*.c cmd/*/*.c platform/sgx/host/*.c platform/sgx/host/emulator/*.c)
LINT_KERNEL_INC := $(KERNEL_INC) -Iarch/fake/include
LINT_HOST_INC := -I. -Iinclude -Ihost -Ikernel -Iplatform/sgx/include -Iplatform/sgx/host -I$(GEN)
LINT_SCRIPTS = $(shell git ls-files | xargs grep -lsE '^\#!.*[/ ](ba)?sh$$')
CPPCHECK := cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --suppressions-list=tests/code/cppcheck.suppress -j2 --error-exitcode=1
# Where bytes from outside come in.
LINT_DOORS := $(wildcard kernel/hostcall/*.c kernel/block/*.c kernel/fs/erofs/*.c kernel/fs/store/*.c kernel/fs/hostfs/*.c kernel/init/*.c) kernel/mm/usercopy.c \
	kernel/proc/elf.c kernel/proc/clone.c kernel/vfs/callsites.c kernel/net/host_socket.c

# $(call lint_each,FILES,COMMAND): for each file; what a command prints is wrong.
lint_each = printf '%s\n' $(1) | xargs -P 2 -I {} sh -c 'out=$$($(2) 2>&1) && [ -z "$$out" ] || { printf "%s\n" "$$out"; exit 1; }'
LINT_ANALYZER = $(CC) $(KERNEL_CFLAGS) -Iarch/fake/include -O1 -fanalyzer -Wno-error -c {} -o /dev/null
LINT_TIDY = clang-tidy --quiet {} -- $(STD) -w

check-lint: $(GENERATED) $(EMBEDDED)
	@$(CPPCHECK) $(LINT_KERNEL_INC) kernel && $(CPPCHECK) $(LINT_HOST_INC) host cmd platform/sgx/host && echo ok lint/cppcheck || echo FAIL lint/cppcheck: see above
	@shellcheck -S warning $(LINT_SCRIPTS) && echo ok lint/shellcheck || echo FAIL lint/shellcheck: see above
	@$(call lint_each,$(LINT_DOORS),$(LINT_ANALYZER)) && echo ok lint/analyzer-doors || echo FAIL lint/analyzer-doors: see above
lint-analyzer: $(GENERATED)
	@$(call lint_each,$(LINT_KERNEL),$(LINT_ANALYZER)) && echo ok lint/analyzer || { echo FAIL lint/analyzer: see above; exit 1; }
lint-tidy: $(GENERATED) $(GEN)/schema_gen.h
	@$(call lint_each,$(LINT_KERNEL),$(LINT_TIDY) -ffreestanding $(LINT_KERNEL_INC) | grep -E "warning:|error:"; true) && echo ok lint/tidy-kernel || { echo FAIL lint/tidy-kernel: see above; exit 1; }
	@$(call lint_each,$(LINT_HOST),$(LINT_TIDY) -D_GNU_SOURCE $(LINT_HOST_INC) | grep -E "warning:|error:"; true) && echo ok lint/tidy-host || { echo FAIL lint/tidy-host: see above; exit 1; }
lint: check-lint lint-tidy lint-analyzer
