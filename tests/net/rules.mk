# SPDX-License-Identifier: Apache-2.0
# Sockets through the host.
$(B)/tests/net/peer: tests/net/peer.c
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(STD) -O1 -Wall -Wextra -pthread -static $< -o $@

CHECKS += check-net

check-net: all $(B)/tests/net/peer
	@status=0; tests/net/run || status=1; tests/net/names || status=1; tests/net/postgresql || status=1; exit $$status
