/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image folder made from what others built: a directory, an OCI layout (directory or tar), or a docker-archive, as `docker save`,
 * `skopeo copy` and `buildah push` write them. Layers are unpacked by tar(1) into folders of their own, and merged with their
 * whiteouts. Nothing of an archive is followed out of its folder; digests of an OCI layout are checked.
 */
#pragma once
#include "app.h"

/* What the image's own configuration says. */
struct import {
    struct strings entrypoint, command, env; /* env: NAME=value */
    char *workdir, *user;                    /* NULL: nothing */
    size_t layer_count;
};

/* Unpacks `source` into `to`, which must not exist. `scratch`: a folder that does not exist, for the time it takes. */
int import_unpack(const char *source, const char *to, const char *scratch, struct import *import, struct error *err);
/* DIR/naos.json takes over what the image says: entry point, command, environment, working directory and user. `image`: the folder. */
int import_configure(const char *dir, const char *image, const struct import *import, struct error *err);
