/* SPDX-License-Identifier: Apache-2.0 */
/* EROFS as if nothing had verified it: an input is the image. */
#include "target.h"
#include "tests/unit/fs/erofs_reader.h"

#define SIZE_MAX_IMAGE (64u << 10)

static void one(const uint8_t *data, size_t size)
{
    device.size = align_up(MIN(size, SIZE_MAX_IMAGE), VERITY_BLOCK);
    device.bytes = calloc(1, device.size + 1);
    memcpy(device.bytes, data, MIN(size, SIZE_MAX_IMAGE));
    int err = image_read();
    CHECK(err <= 0);
    free(device.bytes);
}

const struct fuzz_target fuzz_target = {.one = one};
