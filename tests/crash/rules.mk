# SPDX-License-Identifier: Apache-2.0
# The store's core, as it is in the kernel, as an ordinary program: unit tests under sanitizers, crashes at every write, attacks.
STORE_TEST_C := $(STORE_CORE) host/store/env.c host/store/aead_openssl.c tests/crash/medium.c tests/crash/workload.c
STORE_BIN := $(B)/tests/crash
STORE_SAN_OBJ := $(STORE_TEST_C:%.c=$(STORE_BIN)/san/%.o)
STORE_FAST_OBJ := $(STORE_TEST_C:%.c=$(STORE_BIN)/fast/%.o)
STORE_TEST_CFLAGS := $(STD) -g -Wno-format-extra-args -D_GNU_SOURCE $(WARN) -Ikernel -Iinclude -Itests/crash -fno-strict-aliasing
STORE_SANITIZE := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all

$(STORE_BIN)/san/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) CC "$< (sanitized)"
	$(Q)$(CC) $(STORE_TEST_CFLAGS) $(STORE_SANITIZE) -MMD -MP -c $< -o $@
$(STORE_BIN)/fast/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) CC "$< (for tests)"
	$(Q)$(CC) $(STORE_TEST_CFLAGS) -O2 -MMD -MP -c $< -o $@
$(STORE_BIN)/store_test $(STORE_BIN)/attack_test: $(STORE_BIN)/%: $(STORE_BIN)/san/tests/crash/%.o $(STORE_SAN_OBJ)
	$(Q)$(CC) $(STORE_SANITIZE) $^ -lcrypto $(STORE_WRAP) -o $@
$(STORE_BIN)/store_test: STORE_WRAP := -Wl,--wrap=random_bytes
$(STORE_BIN)/crash_test: $(STORE_BIN)/fast/tests/crash/crash_test.o $(STORE_FAST_OBJ)
	$(Q)$(CC) $^ -lcrypto -Wl,--wrap=aead_seal -o $@

# crash_test takes a number of states and a seed: 10^4 here, more by hand (make crash STATES=1000000 SEED=7).
STATES ?= 10000
SEED ?= 1
.PHONY: check-store check-store-enclave crash
.SECONDARY: $(STORE_SAN_OBJ) $(STORE_FAST_OBJ)
check-store: naos $(STORE_BIN)/store_test $(STORE_BIN)/attack_test $(STORE_BIN)/crash_test
	@status=0; $(STORE_BIN)/store_test || status=1; $(STORE_BIN)/attack_test || status=1; $(STORE_BIN)/crash_test $(STATES) $(SEED) || status=1; \
	tests/crash/tools || status=1; exit $$status
# Stores in an enclave, and the system-call tests of files on one.
STORE_SYS_TESTS := chmod fallocate fcntl_lock fifo filestress flags fsstress fsx fsx_map getdents inotify mkdir open openat2 overlay pwritev2 rename \
	splice statx unlink utimensat xattr
check-store-enclave: all sys-tests
	tests/crash/enclave $(filter $(STORE_SYS_TESTS),$(SYS_TESTS))
# Servers on a store, killed at random times: a few rounds here, more by hand (make check-kill9 ROUNDS=200 SEED=7).
ROUNDS ?= 5
CHECKS += check-kill9
.PHONY: check-kill9
check-kill9: all
	@status=0; tests/crash/kill9 $(ROUNDS) $(SEED) || status=1; tests/crash/kill9-servers redis $(ROUNDS) $(SEED) || status=1; \
	tests/crash/kill9-servers postgresql $(ROUNDS) $(SEED) || status=1; exit $$status
crash: $(STORE_BIN)/crash_test
	$(STORE_BIN)/crash_test $(STATES) $(SEED)

-include $(STORE_SAN_OBJ:.o=.d) $(STORE_FAST_OBJ:.o=.d) $(wildcard $(STORE_BIN)/*/tests/crash/*_test.d)
