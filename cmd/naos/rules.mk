# SPDX-License-Identifier: Apache-2.0
# The tool, and all untrusted code that it is made of.
#
# naos is linked statically, so that it starts fast (naos exec, naos run); what cannot be is in libexec/naos/naos-build (cmd/client/handover.c).
NAOS_BUILD := $(B)/libexec/naos/naos-build
NAOS := $(B)/naos $(NAOS_BUILD)
# The store's core is the kernel's: the tools read and write stores with the same source.
STORE_CORE := $(addprefix kernel/fs/store/,node.c btree.c space.c room.c walk.c log.c root.c inode.c dir.c extent.c check.c) kernel/base/bitmap.c
HOST_C := $(wildcard cmd/naos/*.c host/*/*.c platform/sgx/host/*.c platform/sgx/host/emulator/*.c) $(STORE_CORE)
HOST_S := $(wildcard platform/sgx/host/*.S platform/sgx/host/emulator/*.S)
HOST_OBJ := $(HOST_C:%.c=$(B)/host/%.o) $(HOST_S:%.S=$(B)/host/%.o)
HOST_CFLAGS := $(STD) -O2 -g -fPIE -D_GNU_SOURCE $(WARN) -Wno-format-truncation -I. -Iinclude -Ihost -Iplatform/sgx/include \
	-Iplatform/sgx/host -I$(GEN)
HOST_LIBS := -lZydis -ljson-c -lcrypto -lpthread

# Files that naos has in it, as an array each.
EMBEDDED := $(GEN)/schema_gen.h $(GEN)/gdb_gen.h
$(GEN)/schema_gen.h: cmd/naos/naos.schema.json
$(GEN)/gdb_gen.h: cmd/naos/gdb.py
$(EMBEDDED): $(GEN)/%_gen.h:
	@mkdir -p $(@D)
	@{ echo '/* Made from $<. */'; echo 'static const unsigned char $*_text[] = {'; \
	  od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g'; echo '};'; } > $@.tmp && mv $@.tmp $@

$(B)/host/kernel/%.o $(B)/host/host/store/%.o $(B)/host/cmd/naos/store.o: HOST_CFLAGS += -Ikernel -fno-strict-aliasing

# It works while the enclave's vector state is live.
$(B)/host/platform/sgx/host/emulator/leaf.o: HOST_CFLAGS += -mgeneral-regs-only -mxsave

$(B)/host/%.o: %.c | $(GENERATED) $(EMBEDDED)
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@
$(B)/host/%.o: %.S
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(NAOS_BUILD): $(HOST_OBJ)
	@mkdir -p $(@D)
	$(SAY) LD $@
	$(Q)$(CC) -pie $(HOST_OBJ) $(HOST_LIBS) -o $@

# All but these; statically linked programs cannot load modules, which OpenSSL would only need for what is not here.
FULL_ONLY := $(addprefix $(B)/host/, cmd/naos/build.o cmd/naos/sign.o cmd/naos/core.o cmd/naos/image_build.o $(addprefix host/image/, build.o callsites.o elf_code.o elf_sites.o enclave.o \
	from.o image.o sgx_sign.o sgx_measure.o sites_cache.o verity_write.o erofs_write.o))
STATIC_OBJ := $(filter-out $(FULL_ONLY),$(HOST_OBJ)) $(B)/host/cmd/client/handover.o
$(B)/naos: $(STATIC_OBJ)
	$(SAY) LD $@
	$(Q)$(CC) -static-pie $(STATIC_OBJ) -ljson-c -lcrypto -lpthread -Wl,--no-warnings -o $@

-include $(HOST_OBJ:.o=.d) $(B)/host/cmd/client/handover.d

# ---- make install DESTDIR= PREFIX=/usr/local; make deb ------------------------------------------------------
PREFIX ?= /usr/local
SHARE := $(DESTDIR)$(PREFIX)/share
DEB := $(B)/deb
MAN := $(B)/man
.PHONY: install deb man
man: $(MAN)/naos-run.1
$(MAN)/naos-run.1: $(NAOS) tools/gen-man docs/man/naos.1
	tools/gen-man $(B)/naos $(MAN)
install: all man
	install -D -m 755 $(B)/naos $(DESTDIR)$(PREFIX)/bin/naos
	install -D -m 755 $(NAOS_BUILD) $(DESTDIR)$(PREFIX)/libexec/naos/naos-build
	install -D -m 644 $(KERNEL_SGX) $(DESTDIR)$(PREFIX)/lib/naos/kernel.elf
	install -D -m 644 $(KERNEL_SGX:.elf=.debug) $(DESTDIR)$(PREFIX)/lib/naos/kernel.debug
	install -D -m 644 -t $(SHARE)/man/man1 docs/man/*.1 $(MAN)/*.1
	install -D -m 644 -t $(SHARE)/man/man5 docs/man/*.5
	install -D -m 644 docs/completion/naos.bash $(SHARE)/bash-completion/completions/naos
	install -D -m 644 docs/completion/_naos $(SHARE)/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)/_naos
	install -D -m 644 -t $(SHARE)/doc/naos docs/control-protocol.md
	install -D -m 644 -t $(SHARE)/doc/naos/examples docs/systemd/naos@.service

deb: all
	rm -rf $(DEB)/tree
	$(MAKE) --no-print-directory install DESTDIR=$(abspath $(DEB)/tree) PREFIX=/usr >/dev/null
	packaging/make-deb $(abspath $(DEB)/tree) $(DEB)
