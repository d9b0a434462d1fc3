# SPDX-License-Identifier: Apache-2.0
CHECKS += check-deb
.PHONY: check-deb
check-deb: deb
	@tests/deb/run
