/* SPDX-License-Identifier: Apache-2.0 */
/* Our hash trees, as veritysetup sees them: of one to three levels, and with a changed byte. */
#include "host_test.h"
#include "image/image.h"

static void data_fill(uint64_t blocks)
{
    int fd = open(test_path("data"), O_RDWR | O_CREAT | O_TRUNC, 0644);
    uint64_t block[512], x = 88172645463325252ULL;
    for (uint64_t i = 0; i < blocks; i++) {
        for (unsigned k = 0; k < 512; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            block[k] = x;
        }
        if (write(fd, block, sizeof(block)) != sizeof(block))
            exit(1);
    }
    close(fd);
}

static int verify(uint64_t blocks, const uint8_t root[32])
{
    char hex[65], path[PATH_MAX];
    for (int i = 0; i < 32; i++)
        sprintf(hex + 2 * i, "%02x", root[i]);
    snprintf(path, sizeof(path), "%s", test_path("data"));
    return test_command("veritysetup verify --no-superblock --format=1 --hash=sha256 "
                        "--data-block-size=4096 --hash-block-size=4096"
                        " --salt=- --data-blocks=%llu --hash-offset=%llu %s %s %s >/dev/null 2>&1",
                        (unsigned long long)blocks, (unsigned long long)blocks * 4096, path, path,
                        hex);
}

static void flip(uint64_t at)
{
    uint8_t byte = 0;
    int fd = open(test_path("data"), O_RDWR);
    if (pread(fd, &byte, 1, (off_t)at) != 1)
        exit(1);
    byte ^= 0x10;
    if (pwrite(fd, &byte, 1, (off_t)at) != 1)
        exit(1);
    close(fd);
}

static void size_run(uint64_t blocks)
{
    char name[64];
    struct config_image facts = {0};
    struct error err;
    data_fill(blocks);
    int fd = open(test_path("data"), O_RDWR);
    int result = verity_append(fd, blocks * 4096, &facts, &err);
    close(fd);
    snprintf(name, sizeof(name), "verity-%llu", (unsigned long long)blocks);
    test_result(result == 0 && verify(blocks, facts.root_hash) == 0, name,
                "veritysetup does not accept it");
    flip((blocks - 1) * 4096 + 17);
    snprintf(name, sizeof(name), "verity-%llu-changed", (unsigned long long)blocks);
    test_result(verify(blocks, facts.root_hash) != 0, name, "veritysetup accepts a changed block");
    unlink(test_path("data"));
}

int main(void)
{
    static const uint64_t sizes[] = {2, 127, 128, 129, 16384, 16385};
    test_begin();
    if (!test_result(test_command("veritysetup --version >/dev/null 2>&1") == 0, "verity-tool",
                     "veritysetup is missing (package cryptsetup-bin)"))
        return 1;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        size_run(sizes[i]);
    return test_failures > 0;
}
