/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where files have `syscall` and `cpuid` instructions that can be patched (DESIGN D3). `naos build` finds them and puts the tables of
 * all files into one file of the trusted image, CALLSITE_FILE: struct callsite_file, its entries sorted by inode number, then
 * strings and tables that the entries point to (tables 8-byte aligned). Little-endian. By number, since a file's path is whatever
 * mounts and renames make of it.
 *
 * A window is a run of whole instructions around that one, at least 5 bytes, that no branch of the program
 * enters but at its start, and whose other instructions mean the same at any address, but for one that may have an operand [rip + x]. The kernel puts a jump over its
 * start, and its instructions into a trampoline.
 */
#pragma once
#include <stdint.h>

#define CALLSITE_FILE    "/.naos/callsites"
#define CALLSITE_MAGIC   0x53434e31u /* "1NCS" */
#define CALLSITE_VERSION 4
#define CALLSITE_WINDOW_MAX 24

enum callsite_kind { CALLSITE_SYSCALL, CALLSITE_CPUID, CALLSITE_KINDS };

struct callsite {
    uint32_t window_off;   /* file offset of the window */
    uint8_t window_size;   /* 5..CALLSITE_WINDOW_MAX */
    uint8_t insn_off;      /* of the 2-byte instruction, from the window's start */
    uint8_t kind;          /* enum callsite_kind */
    uint8_t disp_off;      /* where in the window the 4-byte x of one [rip + x] is, in another instruction; 0: there is none */
};

struct callsite_table {
    uint32_t count;        /* of sites */
    uint32_t unpatchable;  /* sites left to the trap */
    struct callsite sites[];
};

struct callsite_entry {
    uint64_t nid;       /* of EROFS */
    uint32_t path_off;  /* a zero-ended absolute path in the image, for tools */
    uint32_t table_off; /* struct callsite_table */
};

struct callsite_file {
    uint32_t magic, version;
    uint32_t count, size; /* of entries; bytes of all */
    struct callsite_entry entries[];
};
