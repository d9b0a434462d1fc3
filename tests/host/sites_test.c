/* SPDX-License-Identifier: Apache-2.0 */
/* Call sites: small pieces of code with one right answer, real libraries, and damaged files. */
#include <elf.h>
#include "host_test.h"
#include "image/callsites.h"

#define CODE_OFF 4096u
#define FILE_MAX (256u << 10)

/* An ELF file of one executable segment at `addr`, without sections. */
static size_t elf_make(uint8_t *file, const uint8_t *code, size_t size, size_t at, uint16_t type)
{
    Elf64_Ehdr eh = {.e_type = type,
                     .e_machine = EM_X86_64,
                     .e_phoff = sizeof(eh),
                     .e_phentsize = sizeof(Elf64_Phdr),
                     .e_phnum = 1};
    Elf64_Phdr ph = {.p_type = PT_LOAD,
                     .p_flags = PF_R | PF_X,
                     .p_offset = CODE_OFF,
                     .p_vaddr = 0x400000,
                     .p_filesz = at + size};
    memset(file, 0, FILE_MAX);
    memcpy(eh.e_ident, ELFMAG "\x02\x01\x01", 7);
    memcpy(file, &eh, sizeof(eh));
    memcpy(file + sizeof(eh), &ph, sizeof(ph));
    memset(file + CODE_OFF, 0x90, at); /* nop */
    memcpy(file + CODE_OFF + at, code, size);
    return CODE_OFF + at + size;
}

#define CODE(...)   (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define MOV_EAX(n)  0xb8, n, 0, 0, 0
#define SYSCALL     0x0f, 0x05
#define CPUID       0x0f, 0xa2
#define RET         0xc3
#define DISP(insn, disp) ((insn) | (unsigned)(disp) << 8) /* where the instruction is, and an x of [rip + x] */
#define MOV_RBX_RAX 0x48, 0x89, 0xc3

static const struct {
    const char *name;
    const uint8_t *code;
    size_t size;
    size_t at;                                 /* of the code in the segment */
    unsigned sites, left;                      /* expected: patched, left to traps */
    unsigned window, window_size, insn_off; /* of the first site; window counts from the code */
} cases[] = {
    {"before", CODE(RET, MOV_EAX(39), SYSCALL, RET), 0, 1, 0, 1, 7, 5},
    {"sigreturn", CODE(RET, MOV_EAX(15), SYSCALL, RET), 0, 0, 1, 0, 0, 0},
    {"sigreturn-64", CODE(RET, 0x48, 0xc7, 0xc0, 15, 0, 0, 0, SYSCALL, RET), 0, 0, 1, 0, 0, 0},
    {"alone", CODE(RET, SYSCALL, RET), 0, 0, 1, 0, 0, 0},
    {"after", CODE(RET, SYSCALL, MOV_RBX_RAX, RET), 0, 1, 0, 1, 5, 0},
    {"both", CODE(RET, 0x89, 0xd8, SYSCALL, 0x89, 0xc3, RET), 0, 1, 0, 1, 6, 2},
    /* jmp to the syscall: what comes before cannot move */
    {"target", CODE(0xeb, 5, MOV_EAX(39), SYSCALL, MOV_RBX_RAX, RET), 0, 1, 0, 7, 5, 0},
    {"target-alone", CODE(0xeb, 5, MOV_EAX(39), SYSCALL, RET), 0, 0, 1, 0, 0, 0},
    /* je behind the syscall: what comes after cannot move */
    {"target-after", CODE(0x74, 3, 0x90, SYSCALL, MOV_RBX_RAX, RET), 0, 0, 1, 0, 0, 0},
    /* lea rdi, [rip + 0x100] means another thing elsewhere: one of them is mended */
    {"rip-relative", CODE(RET, 0x48, 0x8d, 0x3d, 0, 1, 0, 0, SYSCALL, MOV_RBX_RAX, RET), 0, 1, 0, 1,
     9, DISP(7, 3)},
    {"rip-relative-after", CODE(RET, SYSCALL, 0x48, 0x89, 0x05, 0, 1, 0, 0, RET), 0, 1, 0, 1, 9, DISP(0, 5)},
    {"rip-relative-immediate", CODE(RET, CPUID, 0xc7, 0x05, 0, 1, 0, 0, 7, 0, 0, 0, RET), 0, 1, 0, 1, 12, DISP(0, 4)},
    /* an address before that, which can be reached only over a second one */
    {"rip-relative-jump", CODE(RET, 0xff, 0x25, 0, 1, 0, 0, SYSCALL, RET), 0, 0, 1, 0, 0, 0},
    {"call", CODE(0xe8, 0, 1, 0, 0, SYSCALL, RET), 0, 0, 1, 0, 0, 0},
    {"endbr", CODE(RET, 0xf3, 0x0f, 0x1e, 0xfa, SYSCALL, RET), 0, 0, 1, 0, 0, 0},
    /* two calls that share what is between them: the first takes it */
    {"two", CODE(RET, MOV_EAX(1), SYSCALL, MOV_EAX(2), SYSCALL, RET), 0, 2, 0, 1, 7, 5},
    /* lea rax, [rip - 5 + ...]: the address of the syscall is taken */
    {"address-taken", CODE(0x48, 0x8d, 0x05, 5, 0, 0, 0, MOV_EAX(39), SYSCALL, RET), 0, 0, 1, 0, 0,
     0},
    /* the bytes 0f 05 inside another instruction are no call */
    {"immediate", CODE(RET, 0xb8, 0x0f, 0x05, 0, 0, RET), 0, 0, 0, 0, 0, 0},
    /* mov eax, 39 begins 3 bytes before 64 KiB of the file: only the syscall and what follows it
       are in one cluster */
    {"cluster", CODE(MOV_EAX(39), SYSCALL, MOV_RBX_RAX, RET), 0x10000 - CODE_OFF - 3, 1, 0, 5, 5,
     0},
    {"cluster-alone", CODE(MOV_EAX(39), SYSCALL, RET), 0x10000 - CODE_OFF - 3, 0, 1, 0, 0, 0},
    /* at a page's border, which is no cluster's, it may lie across if it must */
    {"page", CODE(MOV_EAX(39), SYSCALL, RET), 0x2000 - 3, 1, 0, 0, 7, 5},
    /* a switch: lea rdx, [table]; ...; the table's one entry leads to the syscall */
    {"cpuid", CODE(RET, MOV_EAX(7), CPUID, 0x89, 0xc6, RET), 0, 1, 0, 1, 7, 5},
    /* as in mov $15, %eax; syscall, but no return from a signal */
    {"cpuid-15", CODE(RET, MOV_EAX(15), CPUID, RET), 0, 1, 0, 1, 7, 5},
    {"cpuid-after", CODE(RET, CPUID, 0x89, 0xc6, 0x89, 0xd7, RET), 0, 1, 0, 1, 6, 0},
    {"cpuid-alone", CODE(RET, CPUID, RET), 0, 0, 1, 0, 0, 0},
    /* neither moves into the other's trampoline */
    {"cpuid-two", CODE(RET, 0x31, 0xc9, CPUID, CPUID, 0x89, 0xc6, 0x89, 0xd7, RET), 0, 1, 1, 5, 6, 0},
    {"cpuid-immediate", CODE(RET, 0xb8, 0x0f, 0xa2, 0, 0, RET), 0, 0, 0, 0, 0, 0},
    {"switch",
     CODE(0x48, 0x8d, 0x15, 10, 0, 0, 0, MOV_EAX(39), SYSCALL, RET, 0x90, 0x90, 0xfb, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0x7f),
     0, 0, 1, 0, 0, 0},
};

static void case_run(size_t i, uint8_t *file)
{
    char name[64];
    struct site_list list;
    size_t size = elf_make(file, cases[i].code, cases[i].size, cases[i].at, ET_DYN);
    int result = elf_sites_find(file, size, &list);
    const struct callsite *s = list.sites;
    bool is_ok = result == 0 && list.count == cases[i].sites && list.unpatchable == cases[i].left;
    snprintf(name, sizeof(name), "sites-%s", cases[i].name);
    if (is_ok && list.count > 0)
        is_ok = s->window_off == CODE_OFF + cases[i].at + cases[i].window &&
                s->window_size == cases[i].window_size && DISP(s->insn_off, s->disp_off) == cases[i].insn_off;
    test_result(is_ok, name, "%u sites, %u left; the first at %d, %u bytes, call at %u", list.count,
                list.unpatchable, list.count ? (int)(s->window_off - CODE_OFF - cases[i].at) : -1,
                list.count ? s->window_size : 0, list.count ? s->insn_off : 0);
    free(list.sites);
}

static bool list_is_sound(const struct site_list *list, const struct bytes *file)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct callsite *s = &list->sites[i];
        if (s->window_off < end || s->window_size < 5 || s->window_size > CALLSITE_WINDOW_MAX ||
            s->insn_off > s->window_size - 2 ||
            (uint64_t)s->window_off + s->window_size > file->size ||
            s->kind >= CALLSITE_KINDS || (s->disp_off && s->disp_off + 4 > s->window_size) ||
            memcmp(file->data + s->window_off + s->insn_off, s->kind == CALLSITE_CPUID ? "\x0f\xa2" : "\x0f\x05", 2) != 0 ||
            s->window_off >> 16 != (s->window_off + s->window_size - 1u) >> 16)
            return false;
        end = (uint64_t)s->window_off + s->window_size;
    }
    return true;
}

/* Programs of this machine: all but a few of their calls must be patched. */
static void library_run(const char *path, const char *name, uint32_t least, uint32_t least_cpuid, uint32_t left_most)
{
    uint32_t cpuid = 0;
    struct bytes file;
    struct error err;
    struct site_list list;
    if (access(path, R_OK) < 0 || file_read(path, &file, &err) < 0)
        return; /* another distribution */
    int result = elf_sites_find(file.data, file.size, &list);
    for (uint32_t i = 0; i < list.count; i++)
        cpuid += list.sites[i].kind == CALLSITE_CPUID;
    test_result(result == 0 && list.count >= least && cpuid >= least_cpuid && list.unpatchable <= left_most &&
                    list_is_sound(&list, &file),
                name, "%u sites, of them %u cpuid, %u left", list.count, cpuid, list.unpatchable);
    free(list.sites);
    free(file.data);
}

/* Headers with random bytes: no crash, no endless work, and what comes out is sound. */
static void damage_run(const char *path)
{
    struct bytes file;
    struct error err;
    unsigned seed = 1, bad = 0;
    if (file_read(path, &file, &err) < 0)
        return;
    Elf64_Ehdr eh;
    memcpy(&eh, file.data, sizeof(eh));
    uint8_t *copy = malloc(file.size);
    for (unsigned round = 0; round < 200; round++) {
        struct site_list list;
        memcpy(copy, file.data, file.size);
        for (unsigned k = 0; k < 8; k++) {
            size_t headers = sizeof(eh) + eh.e_phnum * sizeof(Elf64_Phdr),
                   sections = eh.e_shnum * sizeof(Elf64_Shdr);
            size_t at = rand_r(&seed) % (headers + sections);
            at = at < headers ? at : eh.e_shoff + (at - headers);
            if (at >= 16)
                copy[at] = (uint8_t)rand_r(&seed);
        }
        struct bytes changed = {copy, round % 4 ? file.size : rand_r(&seed) % file.size};
        uint8_t *exact = malloc(changed.size + 1); /* so that a byte too far is seen */
        memcpy(exact, copy, changed.size);
        if (elf_sites_find(exact, changed.size, &list) < 0 || !list_is_sound(&list, &changed))
            bad++;
        free(list.sites);
        free(exact);
    }
    free(copy);
    free(file.data);
    test_result(bad == 0, "sites-damaged-files", "%u of 200 files gave a wrong table", bad);
}

int main(int argc, char **argv)
{
    uint8_t *file = malloc(FILE_MAX);
    test_begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        case_run(i, file);
    free(file);
    library_run("/lib/x86_64-linux-gnu/libc.so.6", "sites-libc", 500, 0, 3);
    library_run("/lib64/ld-linux-x86-64.so.2", "sites-ld.so", 40, 20, 4);
    library_run("/bin/busybox", "sites-busybox", 250, 20, 4);
    library_run("/lib/ld-musl-x86_64.so.1", "sites-musl", 480, 0, 3);
    library_run("/usr/lib/x86_64-linux-gnu/libcrypto.so.3", "sites-libcrypto", 3, 3, 3);
    library_run("/usr/lib/x86_64-linux-gnu/libgcrypt.so.20", "sites-libgcrypt", 3, 3, 3);
    library_run("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "sites-libstdc++", 1, 1, 3);
    damage_run(argc > 1 ? argv[1] : "/lib64/ld-linux-x86-64.so.2");
    return test_failures > 0;
}
