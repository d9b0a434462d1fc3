/* SPDX-License-Identifier: Apache-2.0 */
/* Occlum's bill of materials: which files go where. The part of YAML that these files are written in: a list or a word on each line. */
#pragma once
#include "base/error.h"

/* Copies what the file names into image. told: what was left out, a line each. */
int bom_take(const char *path, const char *image, void (*told)(const char *line), struct error *err);
