/* SPDX-License-Identifier: Apache-2.0 */
/* format() against snprintf for what it promises. */
#include <stdio.h>
#include "base/string.h"
#include "unit.h"

#define SAME(...) \
    do { \
        char mine[64], theirs[64]; \
        EXPECT_EQ(format(mine, sizeof(mine), __VA_ARGS__), snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
        EXPECT(strcmp(mine, theirs) == 0); \
    } while (0)

static void numbers(void)
{
    static const long long values[] = {0, 1, -1, 9, 10, 255, -128, 65535, 2147483647, -2147483648LL, 9223372036854775807LL,
                                       -9223372036854775807LL - 1};
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        SAME("%lld", values[i]);
        SAME("%d %u", (int)values[i], (unsigned)values[i]);
        SAME("%llx %llX %llo", values[i], values[i], values[i]);
        SAME("%#llx %#llo", values[i], values[i]);
        SAME("%5d|%-5d|%05d|%+d", (int)values[i], (int)values[i], (int)values[i], (int)values[i]);
        SAME("%*d|%.*d", 7, (int)values[i], 5, (int)values[i]);
        SAME("%8.3d|%-8.3d|", (int)values[i], (int)values[i]);
        SAME("%hd %hhu %zu", (short)values[i], (unsigned char)values[i], (size_t)values[i]);
    }
}

static void strings(void)
{
    SAME("%s|%10s|%-10s|%.2s|%c%%", "abc", "abc", "abc", "abc", 'x');
    SAME("%.*s|%*s|", 2, "abc", 6, "abc");
    SAME("%s", "a text that is longer than the buffer, which is cut but whose whole length is told");
}

static void small_buffers(void)
{
    char buf[4] = "zzz";
    EXPECT_EQ(format(buf, 0, "%d", 12345), 5);
    EXPECT_EQ(buf[0], 'z');
    EXPECT_EQ(format(buf, 1, "%d", 12345), 5);
    EXPECT_EQ(buf[0], 0);
    EXPECT_EQ(format(buf, sizeof(buf), "%d", 12345), 5);
    EXPECT(strcmp(buf, "123") == 0);
}

static const struct unit_test tests[] = {{"numbers", numbers}, {"strings", strings}, {"small_buffers", small_buffers}};
UNIT_MAIN(tests)
