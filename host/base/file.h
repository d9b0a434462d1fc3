/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read, and written so that nobody ever sees half of one. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "error.h"

struct bytes {
    uint8_t *data;
    size_t size;
};

/* For reading, with its size in bytes; -1 with an error. */
int file_open(const char *path, uint64_t *size, struct error *err);
/* The caller frees data. */
int file_read(const char *path, struct bytes *b, struct error *err);
/* Temporary name, fsync, rename. */
int file_write(const char *path, const void *data, size_t size, unsigned mode, struct error *err);
int dir_make(const char *path, struct error *err);
/* The directory that this program lies in, without the last slash. */
void exe_dir(char *buf, size_t size);
/* The kernel: NAOS_KERNEL; or where it lies for a program in build/ or bin/, or in libexec/naos/ there. */
int kernel_find(char *buf, size_t size, struct error *err);
