# SPDX-License-Identifier: Apache-2.0
# System-call tests: the same static programs on plain Linux and in an enclave.
SYS_TESTS := $(patsubst tests/sys/%.c,%,$(wildcard tests/sys/*.c))
SYS_BIN := $(B)/tests/sys

# These start themselves: at fixed addresses the starter would keep what a run left from the next one.
$(SYS_BIN)/exec_again $(SYS_BIN)/exec_residue: SYS_LINK := -static-pie
$(SYS_BIN)/%: SYS_LINK := -static
$(SYS_BIN)/%: tests/sys/%.c $(wildcard tests/sys/*.h)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(STD) -O1 -Wall -Wextra -pthread $(SYS_LINK) $< -o $@ -lrt

.PHONY: sys-tests
sys-tests: $(SYS_TESTS:%=$(SYS_BIN)/%)

check-sys: sys-tests
	tests/sys/run linux $(SYS_TESTS)
check-sys-enclave: all sys-tests
	tests/sys/run enclave $(SYS_TESTS)
