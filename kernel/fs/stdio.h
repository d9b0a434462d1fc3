/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of the host process as files: what the first program finds as 0, 1 and 2 if they are no terminal. */
#pragma once
#include "vfs/file.h"

/* A file on host descriptor fd; flags: O_RDONLY, O_WRONLY or O_RDWR. */
nodiscard int host_file_open(int fd, unsigned flags, struct file **f);
