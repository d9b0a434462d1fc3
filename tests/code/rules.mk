# SPDX-License-Identifier: Apache-2.0
# Checks of the code itself: layers, and what is in the kernel's binary. `make lint` runs what is slower and less sure.
CHECKS += check-code
.PHONY: check-code lint
check-code: kernel
	@status=0; tools/check-includes || status=1; tools/check-binary $(KERNEL_SGX) || status=1; exit $$status

LINT_C := $(filter-out kernel/crypto/%_ipsecmb.c,$(KERNEL_C))
LINT_INC := $(KERNEL_INC) -Iarch/fake/include
lint: $(GENERATED)
	cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --suppress=missingIncludeSystem \
	    --suppress=preprocessorErrorDirective --suppress=unknownMacro -j2 --error-exitcode=1 $(LINT_INC) kernel
	@for f in $(LINT_C); do $(CC) $(KERNEL_CFLAGS) -Iarch/fake/include -fanalyzer -Wno-error -c $$f -o /dev/null || exit 1; done
