/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include <stdarg.h>
#include "base/string.h"
#include "platform/plat.h"

enum log_level log_level = LOG_WARN;
void (*log_sink)(enum log_level level, const char *line, size_t size);

void log_write(enum log_level level, const char *fmt, ...)
{
    char line[256];
    va_list args;
    if (!log_sink)
        return;
    va_start(args, fmt);
    int n = format_v(line, sizeof(line), fmt, args);
    va_end(args);
    log_sink(level, line, MIN((size_t)n, sizeof(line) - 1));
}

void check_failed(const char *cond, const char *file, int line)
{
    char text[192];
    format(text, sizeof(text), "check failed: %s at %s:%d", cond, file, line);
    plat_panic(text);
}
