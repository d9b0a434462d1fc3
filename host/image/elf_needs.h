/* SPDX-License-Identifier: Apache-2.0 */
/* What a program needs to start: its interpreter and libraries, read from the file itself. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEEDED_MAX 256

struct elf_needs {
    const char *interpreter;        /* of an ELF file, or of a #! script; NULL: none */
    const char *needed[NEEDED_MAX]; /* names of libraries */
    size_t needed_count;
    const char *run_path; /* DT_RUNPATH, else DT_RPATH; NULL: none */
    bool is_elf, is_script;
    char script_interpreter[256];
};

/* The strings point into `file`, which is any bytes. */
void elf_needs_read(const uint8_t *file, size_t size, struct elf_needs *needs);
