/* SPDX-License-Identifier: Apache-2.0 */
/* A host that does what it is asked, as far as there is something: log and output go to stderr if FAKE_LOG is set. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fake.h"
#include "hostcall/hostcall.h"
#include "platform/plat.h"

static void print(const struct hostcall_frame *frame)
{
    if (getenv("FAKE_LOG"))
        fprintf(stderr, "%.*s\n", (int)frame->in_size, (const char *)(uintptr_t)frame->buffer);
}

static int64_t serve(struct hostcall_frame *frame)
{
    switch (frame->nr) {
    case HOSTCALL_LOG:
    case HOSTCALL_STATS:
        print(frame);
        return 0;
    case HOSTCALL_WRITE:
        return (int64_t)frame->in_size;
    case HOSTCALL_KICK:
        plat_vcpu_kick((unsigned)frame->args[0]);
        return 0;
    case HOSTCALL_CLOCK:
        return 1700000000LL * 1000000000;
    case HOSTCALL_POLL:
        return (int64_t)(frame->args[1] & 0x5);
    case HOSTCALL_TTY_GET:
    case HOSTCALL_TTY_SET:
        return -ENOTTY;
    default:
        return 0; /* yield, wait with no events, the end of a file */
    }
}

void fake_host_honest(struct hostcall_frame *frame)
{
    frame->result = serve(frame);
}
