/* SPDX-License-Identifier: Apache-2.0 */
/* From an Occlum instance to one of naos: Occlum.json, its image folder, and bom files. */
#pragma once
#include "base/error.h"

/*
 * dir is a fresh instance; its naos.json and image folder take over what they can of Occlum's instance or project in `from`. told: called
 * with a line for each thing that could not be carried over.
 */
int occlum_take(const char *from, const char *dir, void (*told)(const char *line), struct error *err);
