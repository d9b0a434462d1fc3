# SPDX-License-Identifier: Apache-2.0
# The commands that the documents show.
CHECKS += check-docs
.PHONY: check-docs
check-docs: all
	tests/docs/run $$(grep -l '^```sh$$' docs/*.md docs/guides/*.md)
