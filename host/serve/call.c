/* SPDX-License-Identifier: Apache-2.0 */
/* From a frame to the function of its row and back. The hostile host of the tests has another file in this one's place. */
#include <errno.h>
#include "serve_internal.h"

static int64_t call_dispatch(struct serve_vcpu *vcpu)
{
    struct hostcall_frame *frame = vcpu->frame;
    SERVE_DISPATCH(vcpu, frame, vcpu->buffer)
    return -ENOSYS;
}

void call_serve(struct serve_vcpu *vcpu)
{
    vcpu->exits++;
    vcpu->frame->result = call_dispatch(vcpu);
}
