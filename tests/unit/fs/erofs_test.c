/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS without the hash tree in front of it: this file has a block device of its own in its place. Reads the whole image, then
 * images with random damage: errors, never a fault.
 */
#include <stdio.h>
#include <string.h>
#include "erofs_reader.h"
#include "image.h"
#include "unit.h"

static void device_load(void)
{
    FILE *f = fopen(UNIT_IMAGE_PATH, "rb");
    device.size = UNIT_IMAGE_DATA_SIZE;
    device.bytes = malloc(device.size);
    EXPECT(f && device.bytes && fread(device.bytes, 1, device.size, f) == device.size);
    fclose(f);
}

static void reads_all(void)
{
    device_load();
    EXPECT_EQ(image_read(), 0);
    EXPECT_EQ(files, 404);
    EXPECT(bytes > 1600000);
}

/* Names that no directory can have: the directory is damaged, and nobody above is shown them. */
static void bad_names(void)
{
    device_load();
    uint8_t *name = device.bytes + 1;
    while ((memcmp(name, "motd", 4) != 0 || name[-1] == '/') && /* not the target of a link */
           name < device.bytes + device.size - 4)
        name++;
    name[0] = 0;
    EXPECT_EQ(image_read(), 0); /* emit checks them */
    EXPECT(files < 404);
    memcpy(name, "mo/d", 4);
    EXPECT_EQ(image_read(), 0);
    EXPECT(files < 404);
}

/* What a failed mount took is given back, and what a mount took when it goes. */
static void gives_back(void)
{
    device_load();
    EXPECT_EQ(image_read(), 0);
    size_t before = fake_heap_count;
    EXPECT_EQ(image_read(), 0);
    EXPECT_EQ(fake_heap_count, before);
    device.bytes[1024] ^= 1;
    EXPECT_EQ(image_read(), -EINVAL);
    EXPECT_EQ(fake_heap_count, before);
}

/* Damage lies where metadata are: in the first blocks, and behind them with less weight. */
static void damage(uint8_t *pristine)
{
    static const uint8_t values[] = {0, 1, 2, 4, 0x7f, 0x80, 0xff, 0xfe};
    memcpy(device.bytes, pristine, device.size);
    for (unsigned i = 1 + fake_random() % 12; i > 0; i--) {
        size_t range = fake_random() % 3 ? 64 << 10 : device.size;
        size_t at = fake_random() % 4 ? fake_random() % range : 1024 + fake_random() % 128;
        device.bytes[at] = fake_random() % 2 ? values[fake_random() % sizeof(values)] : (uint8_t)fake_random();
    }
}

static void survives_damage(void)
{
    unsigned mounted = 0;
    device_load();
    uint8_t *pristine = malloc(device.size);
    memcpy(pristine, device.bytes, device.size);
    for (int i = 0; i < 150; i++) {
        damage(pristine);
        mounted += image_read() == 0;
    }
    printf("# %u of 150 damaged images could be mounted\n", mounted);
}

static const struct unit_test tests[] = {
    {"reads_all", reads_all},
    {"bad_names", bad_names},
    {"gives_back", gives_back},
    {"survives_damage", survives_damage, .seeds = 8},
};
UNIT_MAIN(tests)
