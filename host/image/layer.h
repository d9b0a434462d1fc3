/* SPDX-License-Identifier: Apache-2.0 */
/* One layer of an image: unpacked by tar(1), then merged into the tree below it. */
#pragma once
#include "base/error.h"

/* Unpacks a tar file, compressed or not, into dir, which must not exist. Owners and devices are not kept. */
int layer_unpack(const char *archive, const char *dir, struct error *err);
/* Moves what is in dir into `to`: .wh.NAME takes NAME away, .wh..wh..opq all that lay in its folder before. */
int layer_merge(const char *dir, const char *to, struct error *err);
/* A copy of a whole tree, times and modes kept; `to` must not exist. */
int tree_copy(const char *from, const char *to, struct error *err);
