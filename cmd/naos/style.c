/* SPDX-License-Identifier: Apache-2.0 */
#include "style.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool style_is_on(FILE *to)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(to)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void style_print(enum style style, const char *text)
{
    static const char *const codes[] = {"0", "32", "33", "31;1"};
    if (style != STYLE_NONE && style_is_on(stdout))
        printf("\033[%sm%s\033[0m", codes[style], text);
    else
        fputs(text, stdout);
}

void warn_loud(const char *text)
{
    bool is_on = style_is_on(stderr);
    fflush(stdout);
    fprintf(stderr, "%sWARNING: %s%s\n", is_on ? "\033[33;1m" : "", text, is_on ? "\033[0m" : "");
}
