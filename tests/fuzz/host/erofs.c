/* SPDX-License-Identifier: Apache-2.0 */
/* The host's reader of images: an input is one. */
#include "target.h"
#include <sys/stat.h>
#include "image/erofs_read.h"

static unsigned budget;

static int visit(void *context, const struct erofs_file *f, struct error *err)
{
    volatile uint64_t sum = 0;
    (void)context, (void)err;
    for (uint64_t i = 0; i < f->whole_size; i += 512) /* all that is promised can be read */
        sum += f->whole[i];
    for (uint64_t i = 0; i < f->size - f->whole_size && (S_ISREG(f->mode) || S_ISLNK(f->mode)); i++)
        sum += f->tail[i];
    return budget-- > 0 ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct erofs_image image;
    struct error err;
    budget = 500;
    fuzz_file("image", data, size);
    if (erofs_open(fuzz_path("image"), NULL, &image, &err) < 0)
        return 0;
    int result = erofs_walk(&image, visit, NULL, &err);
    erofs_close(&image);
    return result * 0;
}
