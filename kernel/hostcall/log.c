/* SPDX-License-Identifier: Apache-2.0 */
/* The log's way out. */
#include "base/log.h"
#include "hostcall/hostcall.h"
#include "platform/plat.h"

static void sink(enum log_level level, const char *line, size_t size)
{
    int64_t err = hostcall_log(level, line, size);
    (void)err; /* there is nowhere to complain to */
}

void hostcall_log_init(void)
{
    log_level = (enum log_level)plat_host_info.log_level;
    log_sink = sink;
}
