/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of init share. */
#pragma once
#include "naos/config.h"
#include "naos/start.h"
#include "proc/process.h"

const struct config *config_get(void);
const char *config_string(uint32_t off); /* NULL for offset 0 */
/* The modulus of the key that core files are for, CORE_KEY_SIZE bytes, big-endian; NULL: there is none. */
const uint8_t *config_core_key(void);
/* The idx-th string of a list. */
const char *config_list(const struct config_strings *list, uint32_t idx);

/* The root file system and all that is mounted in it. Stops the enclave with a reason if it cannot. */
void root_mount(void);

/*
 * What the host asks to be run, if the configuration allows it. start_read: as pid 1; else the enclave ends with 125.
 * start_create takes b, a copy on the heap of `size` bytes; NULL: it was refused, and who asked was told.
 */
struct process_start *start_read(void);
struct process_start *start_create(struct start_block *b, uint64_t size, uint32_t id);

/* Host descriptors as descriptors 0, 1 and 2; those with is_tty set are one terminal: *console, referenced, or NULL. */
void stdio_open(struct process_start *start, const int fds[3], const bool is_tty[3], struct tty **console);
/* Where the code of files lies in a space. */
#define CODE_MAX 48
struct code_map {
    unsigned count;
    struct code {
        uaddr_t start, end;
        uint64_t offset;
        char path[100];
    } code[CODE_MAX];
};
void code_map_read(struct vmspace *vm, struct code_map *map);
/* Of proc_ops.crashed: what the log says, and the core file. */
void crash_report(struct thread *t, int signo);
void core_dump(struct thread *t, int signo);
/* The tables of --stats. */
void stats_print(void);
typedef void stats_sink(void *to, const char *name, uint64_t value);
void stats_each(stats_sink *sink, void *to);
/* Answers request `id` with the process table, with the counters. */
void report_processes(uint32_t id);
void report_stats(uint32_t id);
void report_maps(uint32_t id);
/* The root that programs are started in; a reference for the caller. */
void root_get(struct path *root);
