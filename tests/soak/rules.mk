# SPDX-License-Identifier: Apache-2.0
# An hour of mixed work in one enclave: `make soak`, or SOAK_SECONDS=300. Not part of make check.
SOAK_SECONDS ?= 3600
.PHONY: soak
soak: all
	tests/soak/run $(SOAK_SECONDS)
