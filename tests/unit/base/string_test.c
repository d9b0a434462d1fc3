/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own string functions (built under other names here) against those of libc. */
#define memcmp  kernel_memcmp
#define memchr  kernel_memchr
#define strlen  kernel_strlen
#define strnlen kernel_strnlen
#define strcmp  kernel_strcmp
#define strncmp kernel_strncmp
#define strchr  kernel_strchr
#define strrchr kernel_strrchr
#include "base/string.h"
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#include "unit.h"

int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *s, int c, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

/* Few letters, so that prefixes agree. */
static void text_fill(char *s, size_t max)
{
    size_t len = fake_random() % max;
    for (size_t i = 0; i < len; i++)
        s[i] = (char)("ab\xff"[fake_random() % 3]);
    s[len] = 0;
}

static void agrees_with_libc(void)
{
    char a[40], b[40];
    for (int round = 0; round < 2000; round++) {
        memset(a, 0, sizeof(a));
        memset(b, 0, sizeof(b));
        text_fill(a, sizeof(a));
        text_fill(b, fake_random() % 2 ? sizeof(b) : 4);
        size_t n = fake_random() % sizeof(a);
        EXPECT_EQ(sign(kernel_strcmp(a, b)), sign(strcmp(a, b)));
        EXPECT_EQ(sign(kernel_strncmp(a, b, n)), sign(strncmp(a, b, n)));
        EXPECT_EQ(sign(kernel_memcmp(a, b, n)), sign(memcmp(a, b, n)));
        EXPECT_EQ(kernel_strlen(a), strlen(a));
        EXPECT_EQ(kernel_strnlen(a, n), strnlen(a, n));
        EXPECT(kernel_strchr(a, 'b') == strchr(a, 'b'));
        EXPECT(kernel_strchr(a, 0) == strchr(a, 0));
        EXPECT(kernel_strrchr(a, 'a') == strrchr(a, 'a'));
        EXPECT(kernel_memchr(a, 0xff, n) == memchr(a, 0xff, n));
    }
}

static void copies_and_cuts(void)
{
    char buf[4] = "xyz";
    EXPECT_EQ(str_copy(buf, "abcdef", sizeof(buf)), 6);
    EXPECT(strcmp(buf, "abc") == 0);
    EXPECT_EQ(str_copy(buf, "", sizeof(buf)), 0);
    EXPECT_EQ(buf[0], 0);
    EXPECT_EQ(str_copy(buf, "q", 0), 1);
    EXPECT_EQ(buf[0], 0);
    EXPECT(str_has_prefix("/proc/self", "/proc") && !str_has_prefix("/pro", "/proc"));
}

static void secrets(void)
{
    char a[16] = "secret", b[16] = "secret";
    EXPECT(mem_equal_ct(a, b, sizeof(a)));
    b[15] = 1;
    EXPECT(!mem_equal_ct(a, b, sizeof(a)));
    mem_wipe(a, sizeof(a));
    for (size_t i = 0; i < sizeof(a); i++)
        EXPECT_EQ(a[i], 0);
}

static const struct unit_test tests[] = {
    {"agrees_with_libc", agrees_with_libc, .seeds = 5},
    {"copies_and_cuts", copies_and_cuts},
    {"secrets", secrets},
};
UNIT_MAIN(tests)
