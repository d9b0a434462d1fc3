# SPDX-License-Identifier: Apache-2.0
# Programs that take all there is of something, in an enclave.
$(B)/tests/exhaust/exhaust: tests/exhaust/exhaust.c tests/sys/check.h
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(STD) -O1 -Wall -Wextra -I. -pthread -static $< -o $@

CHECKS += check-exhaust
.PHONY: check-exhaust
check-exhaust: all $(B)/tests/exhaust/exhaust
	tests/exhaust/run
