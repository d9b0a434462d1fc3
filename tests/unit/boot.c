/* SPDX-License-Identifier: Apache-2.0 */
#include "boot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "image.h"
#include "mm/usercopy.h"
#include "naos/config.h"
#include "naos/start.h"
#include "platform/plat.h"
#include "unit.h"

#define STRINGS_OFF sizeof(struct config)
#define OUTBOUND_OFF 2048
#define PROGRAM     "/bin/init." ARCH_MACHINE

static union {
    struct config config;
    char bytes[4096];
} block;

void unit_boot_config(struct fake_params *params)
{
    static const uint8_t root[32] = UNIT_IMAGE_ROOT;
    const char strings[] = "/bin/\0/\0PATH=/bin";
    memcpy(block.bytes + STRINGS_OFF, strings, sizeof(strings));
    block.config = (struct config){
        .magic = CONFIG_MAGIC, .version = CONFIG_VERSION, .size = sizeof(block), .vcpu_max = 4, .memory_size = params->memory_size,
        .stack_size = 1 << 20, .image = {.size = UNIT_IMAGE_DATA_SIZE, .data_size = UNIT_IMAGE_DATA_SIZE, .hash_off = UNIT_IMAGE_DATA_SIZE},
        .workdir_off = STRINGS_OFF + 6, .entry_points = {STRINGS_OFF, 1}, .env = {STRINGS_OFF + 8, 1},
    };
    *(struct config_outbound *)(block.bytes + OUTBOUND_OFF) = (struct config_outbound){.port_last = 65535}; /* anywhere */
    block.config.outbound_off = OUTBOUND_OFF;
    block.config.outbound_count = 1;
    memcpy(block.config.image.root_hash, root, sizeof(root));
    params->config = &block;
    params->config_size = sizeof(block);
}

static void image_load(void)
{
    FILE *f = fopen(UNIT_IMAGE_PATH, "rb");
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    rewind(f);
    plat_host_info.images[0] = (struct boot_image){.addr = (uintptr_t)fake_host_alloc(size), .size = size};
    plat_host_info.image_count = 1;
    EXPECT(fread((void *)(uintptr_t)plat_host_info.images[0].addr, 1, size, f) == size);
    fclose(f);
}

void unit_boot_host(void)
{
    static const char strings[] = PROGRAM "\0"; /* argv[0], then the default directory */
    size_t size = sizeof(struct start_block) + sizeof(strings);
    struct start_block *start = fake_host_alloc(size);
    *start = (struct start_block){.magic = START_MAGIC, .size = (uint32_t)size, .argc = 1};
    memcpy(start->strings, strings, sizeof(strings));
    plat_host_info.start_addr = (uintptr_t)start;
    plat_host_info.start_size = size;
    image_load();
}

uaddr_t user_map(struct arch_regs *regs, uint64_t size)
{
    int64_t at = SYS(regs, mmap, 0, size, 3, 0x22, ~0ULL, 0);
    EXPECT(at > 0);
    return (uaddr_t)at;
}

void user_put(uaddr_t at, const void *data, size_t size)
{
    EXPECT_EQ(copy_to_user(at, data, size), 0);
}

void user_get(void *data, uaddr_t at, size_t size)
{
    EXPECT_EQ(copy_from_user(data, at, size), 0);
}

uaddr_t user_string(struct arch_regs *regs, const char *s)
{
    uaddr_t at = user_map(regs, 4096);
    user_put(at, s, strlen(s) + 1);
    return at;
}

_Noreturn void user_exit(struct arch_regs *regs, int code)
{
    SYS(regs, exit_group, (uint64_t)code);
    abort();
}

int64_t user_fork(struct arch_regs *regs, void (*child)(struct arch_regs *regs))
{
    uint64_t pc = regs->pc;
    regs->pc = (uintptr_t)child;
    int64_t pid = SYS(regs, clone, 17 /* SIGCHLD */);
    regs->pc = pc;
    return pid;
}

int user_wait(struct arch_regs *regs, int64_t pid)
{
    int status;
    uaddr_t at = user_map(regs, 4096);
    EXPECT_EQ(SYS(regs, wait4, (uint64_t)pid, at), pid);
    user_get(&status, at, sizeof(status));
    EXPECT_EQ(SYS(regs, munmap, at, 4096), 0);
    return status;
}
