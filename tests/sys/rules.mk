# SPDX-License-Identifier: Apache-2.0
# System-call tests: the same static programs on plain Linux and in an enclave.
SYS_TESTS := $(patsubst tests/sys/%.c,%,$(wildcard tests/sys/*.c))
SYS_BIN := $(B)/tests/sys

$(SYS_BIN)/%: tests/sys/%.c $(wildcard tests/sys/*.h)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(STD) -O1 -Wall -Wextra -pthread -static $< -o $@ -lrt

.PHONY: sys-tests
sys-tests: $(SYS_TESTS:%=$(SYS_BIN)/%)

check-sys: sys-tests
	tests/sys/run linux $(SYS_TESTS)
check-sys-enclave: all sys-tests
	tests/sys/run enclave $(SYS_TESTS)
