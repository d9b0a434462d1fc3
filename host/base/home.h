/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of the user's own. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/*
 * "$XDG/REST", or "HOME/BELOW/REST" where that variable is not set; HOME is the variable, or what /etc/passwd says (services have none). The
 * folder is made, for its owner only. False: there is no home.
 */
bool home_folder(const char *xdg, const char *below, const char *rest, char *buf, size_t size);
