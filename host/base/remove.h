/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Removes a tree, whatever its modes; it need not exist. */
void tree_remove(const char *path);
