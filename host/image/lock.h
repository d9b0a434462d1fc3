/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process at a time changes an instance: its image folder, naos.json, or what is built. Runs need no lock: they take what is whole.
 */
#pragma once
#include "base/error.h"

/*
 * A descriptor that holds the lock until it is closed, by the end of the process at the latest. -1: somebody else has it (err names the
 * process), or this is no instance.
 */
int instance_lock(const char *dir, struct error *err);
