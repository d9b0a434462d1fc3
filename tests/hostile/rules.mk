# SPDX-License-Identifier: Apache-2.0
# The enclave under a host that lies: naos, linked with tests/hostile/host.c in the place of host/serve/call.c.
HOSTILE := $(B)/tests/hostile
HOSTILE_SECONDS ?= 45
HOSTILE_OBJ := $(filter-out $(B)/host/host/serve/call.o,$(HOST_OBJ)) $(HOSTILE)/host.o $(HOSTILE)/mutate.o $(HOSTILE)/hostile_gen.o

$(HOSTILE)/%.o: tests/hostile/%.c | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@
$(HOSTILE)/%.o: $(GEN)/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -c $< -o $@
$(HOSTILE)/naos: $(HOSTILE_OBJ)
	$(SAY) LD $@
	$(Q)$(CC) -pie $^ $(HOST_LIBS) -o $@
$(HOSTILE)/program: tests/hostile/program.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) -O1 -Wall -Wextra -Wno-unused-result -pthread -static $< -o $@

CHECKS += check-hostile
.PHONY: check-hostile hostile
check-hostile: all $(HOSTILE)/naos $(HOSTILE)/program
	tests/hostile/run $(HOSTILE_SECONDS)
# The same for ten minutes; SEED=n begins elsewhere.
hostile: all $(HOSTILE)/naos $(HOSTILE)/program
	tests/hostile/run 600 sweep random flip replay flood clock memory
	$(MAKE) --no-print-directory check-unit entry

-include $(HOSTILE)/host.d $(HOSTILE)/mutate.d

# Ways in and out of the enclave: the same naos with entry.c around the emulator.
ENTRY_WRAP := emu_signal_entry emu_signal_handle emu_eenter emu_eresume emu_enclu sgx_enter sgx_enclave_create
ENTRY_OBJ := $(filter-out $(B)/host/host/serve/call.o,$(HOST_OBJ)) $(HOSTILE)/entry.o $(HOSTILE)/entry_wrap.o
$(HOSTILE)/entry_wrap.o: tests/hostile/entry_wrap.S
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(HOST_CFLAGS) -c $< -o $@
$(HOSTILE)/naos-entry: $(ENTRY_OBJ)
	$(SAY) LD $@
	$(Q)$(CC) -pie $(ENTRY_WRAP:%=-Wl,--wrap=%) $^ $(HOST_LIBS) -o $@
$(HOSTILE)/entry_program: tests/hostile/entry_program.c
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(STD) -D_GNU_SOURCE -O1 -Wall -Wextra -Wno-stringop-overread -Wno-stringop-overflow -static $< -o $@
$(HOSTILE)/entry.points: $(KERNEL_SGX) tests/hostile/entry-points
	@mkdir -p $(@D)
	$(Q)tests/hostile/entry-points $< > $@.tmp && mv $@.tmp $@

ENTRY_PARTS := $(HOSTILE)/naos-entry $(HOSTILE)/entry_program $(HOSTILE)/entry.points
CHECKS += check-entry
.PHONY: check-entry entry
check-entry: all $(ENTRY_PARTS)
	tests/hostile/run-entry depth1 fault:1 depth2 state:1 guard
# All points for `fault` and the way of the first entry for depth 2: minutes.
entry: all $(ENTRY_PARTS)
	tests/hostile/run-entry depth1 fault:0 depth2 boot state:0 guard

# What leaves the enclave: a kernel whose memory is full of canaries, and a host that looks for them.
CANARY := $(B)/canary
CANARY_WRAP := heap_alloc page_alloc checked_call copy_from_user copy_to_user
CANARY_OBJ := $(SGX_C:%.c=$(CANARY)/%.o) $(SGX_S:%.S=$(B)/sgx/%.o) $(CANARY)/gen/hostcall_gen.o $(CANARY)/gen/syscall_table.o $(CANARY)/tests/hostile/canary.o
CANARY_CFLAGS := $(SGX_CFLAGS) -g0
$(CANARY)/%.o: %.c | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) CC "$< (canary)"
	$(Q)$(CC) $(CANARY_CFLAGS) -MMD -MP -c $< -o $@
$(CANARY)/gen/%.o: $(GEN)/%.c | $(GENERATED)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CANARY_CFLAGS) -MMD -MP -c $< -o $@
$(CANARY)/kernel.elf: $(CANARY_OBJ) platform/sgx/trusted/kernel.lds
	$(SAY) LD $@
	$(Q)$(CC) $(SGX_LDFLAGS) $(CANARY_WRAP:%=-Wl,--wrap=%) -Wl,-T,platform/sgx/trusted/kernel.lds $(CANARY_OBJ) -l:libIPSec_MB.a -o $@
LEAK_OBJ := $(filter-out $(B)/host/host/serve/call.o,$(HOST_OBJ)) $(HOSTILE)/leak.o
$(HOSTILE)/naos-leak: $(LEAK_OBJ)
	$(SAY) LD $@
	$(Q)$(CC) -pie $^ $(HOST_LIBS) -o $@
CHECKS += check-leak
.PHONY: check-leak
check-leak: all $(CANARY)/kernel.elf $(HOSTILE)/naos-leak $(HOSTILE)/program
	tests/hostile/run-leak

-include $(HOSTILE)/entry.d $(HOSTILE)/leak.d $(CANARY_OBJ:.o=.d)
