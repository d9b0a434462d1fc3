/* SPDX-License-Identifier: Apache-2.0 */
/* A store's file, for the tools: locked against a running instance. */
#pragma once
#include "base/error.h"
#include "fs/store/store.h"

struct filedev {
    struct store_dev dev;
    int fd;
};

/* size: what it may grow to; 0: by 4 GiB. is_new: it must not be there. */
int filedev_open(struct filedev *f, const char *path, uint64_t size, bool is_new, bool is_read_only, struct error *err);
void filedev_close(struct filedev *f);
