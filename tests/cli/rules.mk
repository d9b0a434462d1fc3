# SPDX-License-Identifier: Apache-2.0
check-cli: all
	@tests/cli/run; status=$$?; timeout 600 tests/cli/terminal && exit $$status
