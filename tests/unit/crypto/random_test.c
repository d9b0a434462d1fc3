/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"
#include "base/string.h"
#include "unit.h"

/* RFC 8439, 2.3.2. */
static void chacha20_vector(void)
{
    static const uint8_t expected[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4,
        0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e,
        0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
        0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
    };
    uint8_t key[32], out[64];
    uint32_t words[8], nonce[3] = {0x09000000, 0x4a000000, 0};
    for (int i = 0; i < 32; i++)
        key[i] = (uint8_t)i;
    memcpy(words, key, sizeof(words));
    chacha20_block(words, 1, nonce, out);
    EXPECT(memcmp(out, expected, sizeof(out)) == 0);
}

/* Every size, across refills and reseeds; no 16 bytes come twice. */
static void never_repeats(void)
{
    static uint8_t a[3 << 20];
    size_t off = 0;
    while (off < sizeof(a)) {
        size_t n = MIN(sizeof(a) - off, 1 + fake_random() % 2000);
        random_bytes(a + off, n);
        off += n;
    }
    uint64_t ones = 0;
    for (size_t i = 0; i < sizeof(a); i++)
        ones += (uint64_t)__builtin_popcount(a[i]);
    EXPECT(ones > sizeof(a) * 4 - 20000 && ones < sizeof(a) * 4 + 20000);
    for (size_t i = 16; i < sizeof(a); i += 16)
        EXPECT(memcmp(a, a + i, 16) != 0);
    EXPECT(random_u64() != random_u64());
}

static const struct unit_test tests[] = {{"chacha20_vector", chacha20_vector}, {"never_repeats", never_repeats}};
UNIT_MAIN(tests)
