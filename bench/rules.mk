# SPDX-License-Identifier: Apache-2.0
# make bench: each bench/NAME.c is a program that prints lines `name value unit`; bench/run runs all natively and in an
# enclave, in turn. make bench BENCH="process files" for some of them, BENCH_ARGS="--rounds 5" for options of bench/run.
# Static, the same bytes on both sides. `true` is at a fixed address, as most static programs are.
BENCH_BIN := $(B)/bench/bin
BENCH_PROGRAMS := $(patsubst %.c,$(BENCH_BIN)/%,$(notdir $(wildcard bench/*.c bench/programs/*.c)))

$(BENCH_BIN)/true: BENCH_LINK = -static -no-pie
$(BENCH_BIN)/sqlite: BENCH_LIBS = -lsqlite3 -lm
$(BENCH_BIN)/%: BENCH_LINK = -static-pie
$(BENCH_BIN)/%: bench/%.c bench/bench.h
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(STD) -O2 -Wall -Wextra -pthread $(BENCH_LINK) $< $(BENCH_LIBS) -o $@
# small programs that others start
$(BENCH_BIN)/%: bench/programs/%.c
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(STD) -O2 -Wall -Wextra $(BENCH_LINK) $< -o $@

.PHONY: bench bench-programs
bench-programs: $(BENCH_PROGRAMS)
bench:
	tools/install-deps build demo bench
	$(MAKE) --no-print-directory -j2 all bench-programs
	bench/run $(BENCH_ARGS) $(BENCH)
