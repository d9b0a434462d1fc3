# SPDX-License-Identifier: Apache-2.0
check-cli: all
	@failed=0; for test in run images tokens debug completion; do tests/cli/$$test || failed=1; done; timeout 1200 tests/cli/terminal || failed=1; exit $$failed
