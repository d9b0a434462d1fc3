/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites that were found before, by the SHA-256 of the file: $XDG_CACHE_HOME/naos/callsites. It is a folder of the user who
 * builds, never part of an instance: who could write to it could put jumps into programs.
 */
#pragma once
#include "callsites.h"

/* True: list holds what was found in these very bytes. digest: 32 bytes, for sites_cache_put. */
bool sites_cache_get(const uint8_t *elf, size_t size, uint8_t *digest, struct site_list *list);
/* Failing is no error: it is found again next time. */
void sites_cache_put(const uint8_t *digest, const struct site_list *list);
