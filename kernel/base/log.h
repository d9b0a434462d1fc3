/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for the host's log. They leave the enclave: never a secret, never a byte of user data. */
#pragma once
#include "base/base.h"

enum log_level { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
extern enum log_level log_level;

/* Where lines go; set once by kernel/hostcall. Until then they are dropped. May leave the enclave. */
extern void (*log_sink)(enum log_level level, const char *line, size_t size);

void log_write(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_at(level, ...) \
    do { \
        if ((level) <= log_level) \
            log_write(level, __VA_ARGS__); \
    } while (0)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
