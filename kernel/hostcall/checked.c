/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way that a request leaves and a reply comes in. The reply is read word by word, each word once, into
 * trusted memory, and only then looked at. A reply outside its row of hostcall.tab becomes -EIO: nothing in the
 * kernel sees a value that the table does not allow.
 */
#include "hostcall/checked.h"
#include "base/string.h"
#include "platform/plat.h"

uint64_t hostcall_counts[HOSTCALL_COUNT], hostcall_bytes[HOSTCALL_COUNT];

void host_copy_in(void *dst, uint64_t src, size_t size)
{
    CHECK(plat_is_host_range(src, size));
    memcpy(dst, (const void *)(uintptr_t)src, size);
}

void host_copy_out(uint64_t dst, const void *src, size_t size)
{
    CHECK(plat_is_host_range(dst, size));
    memcpy((void *)(uintptr_t)dst, src, size);
}

static void request_write(const struct checked_call *call, size_t out_size)
{
    volatile struct hostcall_frame *frame = plat_host_frame();
    for (unsigned i = 0; i < HOSTCALL_ARGS; i++)
        frame->args[i] = call->args[i];
    frame->in_size = call->in_size;
    frame->out_size = out_size;
    frame->result = -EIO; /* for a host that does not answer at all */
    frame->nr = call->nr;
    if (call->in_size > 0)
        host_copy_out(plat_host_buffer(), call->in, call->in_size);
}

static bool is_errno_allowed(const struct checked_call *call, int64_t result)
{
    for (const int *err = call->errs; *err; err++) {
        if (result == -*err)
            return true;
    }
    return false;
}

static int64_t reply_check(const struct checked_call *call, int64_t result, size_t out_size)
{
    if (result < 0)
        return is_errno_allowed(call, result) ? result : -EIO;
    if (result < call->ret_min || result > call->ret_max)
        return -EIO;
    if (call->out && (uint64_t)result > out_size)
        return -EIO;
    return result;
}

int64_t checked_call(const struct checked_call *call)
{
    size_t out_size = MIN(call->out_size, call->out_max);
    if (call->in_size > call->in_max)
        return -EINVAL;
    hostcall_counts[call->nr]++;
    request_write(call, out_size);
    plat_host_exit();
    int64_t result = ((volatile struct hostcall_frame *)plat_host_frame())->result;
    result = reply_check(call, result, out_size);
    hostcall_bytes[call->nr] += call->in_size + (call->out && result > 0 ? (uint64_t)result : 0);
    if (call->out && result > 0)
        host_copy_in(call->out, plat_host_buffer(), (size_t)result);
    return result;
}
