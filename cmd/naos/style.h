/* SPDX-License-Identifier: Apache-2.0 */
/* Colours: only on a terminal, and not if NO_COLOR is set (no-color.org). */
#pragma once
#include <stdbool.h>
#include <stdio.h>

enum style { STYLE_NONE, STYLE_GOOD, STYLE_WARN, STYLE_BAD };
bool style_is_on(FILE *to);
/* text, coloured if that is on, to stdout. */
void style_print(enum style style, const char *text);
/* "WARNING: text" on stderr, not to be overlooked. */
void warn_loud(const char *text);
