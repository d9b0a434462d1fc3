/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for one of several files: what poll(2) and select(2) share. */
#pragma once
#include "vfs/file.h"

struct poll_wait;

struct poll_item {
    struct waiter waiter;
    struct poll_wait *wait;
    struct file *f;   /* referenced by the caller; NULL: nothing to ask, ready stays as the caller set it */
    uint32_t want;    /* EPOLL* bits */
    uint32_t ready;   /* those of them that were true */
    bool is_watching;
};

/*
 * Until one of the items is ready, or the deadline. How many are; 0: the deadline; -EINTR. A deadline that is over asks
 * each once and does not wait.
 */
nodiscard int64_t poll_items(struct poll_item *items, size_t count, ns_t deadline);
