/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Makes /etc/ld.so.cache of an image folder, so that its programs find their libraries at once. An image without the dynamic
 * linker, or a machine without ldconfig, goes without: programs then search the folders.
 */
void ld_cache_make(const char *image);
