/* SPDX-License-Identifier: Apache-2.0 */
/* FIPS 180-4's examples, and that a salt is the text before the data, one message or many at a time. */
#include "crypto/sha256.h"
#include "base/string.h"
#include "unit.h"

static void hex_is(const uint8_t hash[32], const char *hex)
{
    char text[65];
    for (int i = 0; i < 32; i++)
        format(text + 2 * i, 3, "%02x", hash[i]);
    EXPECT(strcmp(text, hex) == 0);
}

static void vectors(void)
{
    static char million[1000000];
    uint8_t h[32];
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sha256_salted(NULL, 0, "abc", 3, h);
    hex_is(h, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_salted(NULL, 0, "", 0, h);
    hex_is(h, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_salted(NULL, 0, two_blocks, 56, h);
    hex_is(h, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    sha256_salted("ab", 2, "c", 1, h);
    hex_is(h, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(million, 'a', sizeof(million));
    sha256_salted(NULL, 0, million, sizeof(million), h);
    hex_is(h, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void many_as_one(void)
{
    static uint8_t data[40][4096], many[40][32];
    const void *list[40];
    uint8_t salt[32], one[32];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i / 4096][i % 4096] = (uint8_t)fake_random();
    for (int i = 0; i < 32; i++)
        salt[i] = (uint8_t)i;
    for (size_t count = 1; count <= 40; count += 3) {
        size_t salt_size = fake_random() % 33;
        for (size_t i = 0; i < count; i++)
            list[i] = data[i];
        sha256_salted_many(salt, salt_size, list, 4096, count, many);
        for (size_t i = 0; i < count; i++) {
            sha256_salted(salt, salt_size, data[i], 4096, one);
            EXPECT(memcmp(one, many[i], 32) == 0);
        }
    }
}

static const struct unit_test tests[] = {{"vectors", vectors}, {"many_as_one", many_as_one}};
UNIT_MAIN(tests)
