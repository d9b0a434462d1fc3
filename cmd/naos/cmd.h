/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of naos. Each takes its own argv (argv[0] is its name) and returns the exit status. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define NAOS_VERSION "0.1.0"

enum { STATUS_OK = 0, STATUS_USER_ERROR = 1, STATUS_NAOS_FAILED = 125 };

int cmd_new(int argc, char **argv);
int cmd_add(int argc, char **argv);
int cmd_build(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_start(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_kill(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_rm(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_sign(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_image_build(const char *dir, const char *to, const char *key_file); /* NULL: plain */
int cmd_gdb(int argc, char **argv);
int cmd_core(int argc, char **argv);
int cmd_perf_map(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_store(int argc, char **argv);
int cmd_version(int argc, char **argv);

/* "naos NAME: text" on stderr; returns STATUS_USER_ERROR. */
int cmd_fail(const char *name, const char *text);
void hex_print(const uint8_t *bytes, size_t size, char *text); /* 2 * size + 1 characters */
