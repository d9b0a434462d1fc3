# SPDX-License-Identifier: Apache-2.0
# Tests of the untrusted half. Those that read files of strangers run under sanitizers, with all that they test; sgx_test cannot: the
# enclave's range begins at address 0, where theirs would be.
HOST_TEST_BIN := $(B)/tests/host
HOST_TESTS := config_test verity_test sites_test image_test foreign_test sgx_test
HOST_TEST_LIB := $(filter-out $(B)/host/cmd/%,$(HOST_OBJ))
HOST_SAN_C := $(wildcard host/image/*.c host/base/*.c platform/sgx/host/layout.c) \
	$(addprefix host/store/,env.c aead_openssl.c image_crypt.c image_keys.c keyfile.c)
HOST_SAN_OBJ := $(HOST_SAN_C:%.c=$(HOST_TEST_BIN)/san/%.o)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all

$(HOST_TEST_BIN)/san/host/store/%.o: HOST_CFLAGS += -Ikernel -fno-strict-aliasing
$(HOST_TEST_BIN)/san/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) CC "$< (sanitized)"
	$(Q)$(CC) $(HOST_CFLAGS) -O1 $(SANITIZE) -MMD -MP -c $< -o $@
$(HOST_TEST_BIN)/sgx_test: tests/host/sgx_test.c tests/host/host_test.h $(HOST_TEST_LIB)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(HOST_CFLAGS) -pie $< $(HOST_TEST_LIB) $(HOST_LIBS) -o $@
$(HOST_TEST_BIN)/%_test: tests/host/%_test.c tests/host/host_test.h $(HOST_SAN_OBJ)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(HOST_CFLAGS) -O1 $(SANITIZE) $< $(HOST_SAN_OBJ) $(HOST_LIBS) -o $@

.SECONDARY: $(HOST_SAN_OBJ)
.PHONY: host-tests check-host
host-tests: $(HOST_TESTS:%=$(HOST_TEST_BIN)/%)
# Memory that lives as long as the command is not freed: no leak detection.
check-host: kernel host-tests
	@status=0; for t in $(HOST_TESTS); do \
	    ASAN_OPTIONS=detect_leaks=0 $(HOST_TEST_BIN)/$$t $$([ $$t = sgx_test ] && echo $(KERNEL_SGX)) || status=1; \
	done; exit $$status

-include $(HOST_SAN_OBJ:.o=.d)
