# SPDX-License-Identifier: Apache-2.0
# The enclave's AES-GCM as an ordinary program: vectors, and what it reads of the host's memory.
CHECKS += check-crypto
CRYPTO_TEST := $(B)/tests/crypto/aead_test
$(CRYPTO_TEST): tests/crypto/aead_test.c kernel/crypto/aead_ipsecmb.c kernel/crypto/aead.h
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(STD) -O2 -g -D_GNU_SOURCE $(WARN) $(KERNEL_INC) -Iarch/x86_64/include -fno-strict-aliasing -Dmemcpy=plain_memcpy $(filter %.c,$^) \
	    -l:libIPSec_MB.a -lcrypto -lZydis -o $@
.PHONY: check-crypto
check-crypto: $(CRYPTO_TEST)
	@$(CRYPTO_TEST)
