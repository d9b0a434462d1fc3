/* SPDX-License-Identifier: Apache-2.0 */
/* Files of images: what they say of themselves (naos/image.h), their names in a build folder, and those that a configuration names. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/file.h"
#include "naos/boot.h"
#include "naos/image.h"

/* Behind the tree, at the end of the file in fd. */
int image_trailer_write(int fd, const struct config_image *image, struct error *err);
/* Checks sizes, not content: verity_check does that. */
int image_trailer_read(const char *path, struct config_image *image, struct error *err);
/* Under another name: the same file if the file system can, else a copy. */
int image_link(const char *from, const char *to, struct error *err);

#define IMAGE_NAME_MAX 32
/* In the build folder: 0 is the root's, then those of mounts in their order. */
const char *image_file_name(unsigned idx, char buf[IMAGE_NAME_MAX]);

/* An image of a compiled configuration. */
struct image_ref {
    const char *target;
    const struct config_image *image;
};
/* The root's and those of mounts, as the host has to map them: how many. -1: the configuration is damaged. */
int config_images(const struct bytes *config, struct image_ref list[BOOT_IMAGE_MAX]);
