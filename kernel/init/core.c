/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core files, if the host asked for them: what a program that crashes leaves to gdb, told to the host piece by piece (naos/core.h). Only pages that
 * are there are told, and of the code of files only where it lies: gdb takes it from the image. Other threads are shown where they last came into
 * the kernel.
 */
#include "naos/core.h"
#include <linux/elf.h>
#include "base/log.h"
#include "base/string.h"
#include "crypto/aead.h"
#include "crypto/rsa3.h"
#include "heap/heap.h"
#include "hostcall/hostcall.h"
#include "init/init.h"
#include "init/request.h"
#include "procfs/procfs.h"
#include "sync/mutex.h"

#define AREA_MAX   16384
#define NOTES_MAX  (1UL << 20)
#define AUXV_WORDS 64

struct area_seen {
    uaddr_t start, end;
    uint64_t file_off, offset; /* in the core, of the file */
    unsigned prot;
    bool is_told; /* its bytes are in the core */
    char path[100];
};

struct core {
    struct thread *thread;
    struct process *process;
    struct vmspace *vm;
    int signo;
    struct area_seen *areas;
    unsigned area_count, area_room;
    uint8_t *head; /* ELF header, program headers, notes */
    size_t head_size, head_room;
    uint64_t size; /* of the ELF file */
    struct aead_key *key; /* NULL: it goes out as it is */
    uint64_t piece_count, out_off;
    bool has_failed;
    uint8_t page_is_there[CORE_PIECE_MAX / PAGE_SIZE];
    uint8_t piece[sizeof(struct core_piece) + CORE_PIECE_MAX + CORE_TAG_SIZE];
};

static struct mutex one_at_a_time;

/* ---- to the host ------------------------------------------------------------------------------------------------------- */

static void out_put(struct core *c, uint64_t off, const void *bytes, size_t size)
{
    if (hostcall_request_reply(0, REPLY_CORE_PART, (int64_t)off, bytes, size))
        c->has_failed = true;
}

static void piece_seal(struct core *c, uint64_t off, const uint8_t *bytes, size_t size)
{
    const struct core_piece head = {.off = off, .size = (uint32_t)size};
    uint8_t nonce[AEAD_NONCE] = {0};
    memcpy(nonce, &c->piece_count, sizeof(c->piece_count));
    c->piece_count++;
    memcpy(c->piece, &head, sizeof(head));
    uint8_t *sealed = c->piece + sizeof(head);
    aead_seal(c->key, nonce, &head, sizeof(head), bytes, sealed, size, sealed + size);
    size_t all = sizeof(head) + size + CORE_TAG_SIZE;
    out_put(c, c->out_off, c->piece, all);
    c->out_off += all;
}

/* Bytes of the ELF file. */
static void core_put(struct core *c, uint64_t off, const uint8_t *bytes, size_t size)
{
    for (size_t part; size > 0; off += part, bytes += part, size -= part) {
        part = MIN(size, (size_t)CORE_PIECE_MAX);
        if (c->key)
            piece_seal(c, off, bytes, part);
        else
            out_put(c, off, bytes, part);
    }
}

/* False: this enclave gives none. */
static bool key_make(struct core *c)
{
    struct core_head head = {.magic = {'N', 'A', 'O', 'S', 'C', 'O', 'R', 'E'}, .version = 1};
    uint8_t key[32];
    const uint8_t *modulus = config_core_key();
    if (config_get()->flags & CONFIG_DEBUG)
        return true;
    if (!modulus)
        return false;
    rsa3_wrap(modulus, head.wrapped, key);
    int err = aead_create(key, &c->key);
    memset(key, 0, sizeof(key));
    if (err)
        return false;
    out_put(c, 0, &head, sizeof(head));
    c->out_off = sizeof(head);
    return true;
}

/* ---- areas -------------------------------------------------------------------------------------------------------------- */

static bool area_count_one(const struct vm_area_info *info, void *arg)
{
    (void)info;
    unsigned *count = arg;
    return ++*count < AREA_MAX;
}

static bool area_note(const struct vm_area_info *info, void *arg)
{
    struct core *c = arg;
    struct area_seen *a = &c->areas[c->area_count];
    bool is_code = (info->prot & VM_EXEC) && info->path[0] == '/';
    *a = (struct area_seen){.start = info->start, .end = info->end, .offset = info->offset, .prot = info->prot};
    a->is_told = info->prot != 0 && info->committed > 0 && !is_code;
    str_copy(a->path, info->path[0] == '/' ? info->path : "", sizeof(a->path));
    c->area_count++;
    return c->area_count < c->area_room;
}

static bool areas_read(struct core *c)
{
    unsigned count = 0;
    vm_for_each(c->vm, area_count_one, &count);
    c->areas = count ? heap_zalloc(count * sizeof(*c->areas)) : NULL;
    if (!c->areas)
        return false;
    c->area_room = count; /* other threads may map more meanwhile */
    vm_for_each(c->vm, area_note, c);
    return true;
}

/* ---- the head: notes ------------------------------------------------------------------------------------------------------ */

static void *head_add(struct core *c, const void *bytes, size_t size)
{
    if (c->head_size + size > c->head_room) {
        c->has_failed = true;
        return NULL;
    }
    uint8_t *at = c->head + c->head_size;
    if (bytes)
        memcpy(at, bytes, size);
    else
        memset(at, 0, size);
    c->head_size += size;
    return at;
}

static void note_begin(struct core *c, uint32_t type, size_t size)
{
    const Elf64_Nhdr note = {.n_namesz = 5, .n_descsz = (uint32_t)size, .n_type = type};
    head_add(c, &note, sizeof(note));
    head_add(c, "CORE\0\0\0", 8);
}

static void note_pad(struct core *c)
{
    head_add(c, NULL, -c->head_size & 3);
}

/* struct elf_prstatus, whose shape depends on the registers only. */
static void status_note(struct core *c, struct thread *t)
{
    struct {
        int32_t signo, code, err;
        int16_t current_signal, pad;
        uint64_t pending, held;
        int32_t pid, ppid, pgrp, sid;
        uint64_t times[8];
    } status = {.signo = t == c->thread ? c->signo : 0, .current_signal = t == c->thread ? (int16_t)c->signo : 0, .pid = t->tid};
    uint64_t regs[ARCH_CORE_REGS];
    struct process_ids ids;
    const struct arch_regs *now = task_regs(&t->task);
    size_t count = arch_regs_core(now, vm_pc_to_text(c->vm, arch_regs_pc(now)), regs);
    process_ids(c->process, &ids);
    status.ppid = ids.ppid;
    status.pgrp = ids.pgid;
    status.sid = ids.sid;
    note_begin(c, NT_PRSTATUS, sizeof(status) + count * sizeof(*regs) + 8);
    head_add(c, &status, sizeof(status));
    head_add(c, regs, count * sizeof(*regs));
    head_add(c, NULL, 8); /* no floating-point registers */
}

/* struct elf_prpsinfo */
static void program_note(struct core *c)
{
    struct {
        char state, state_name, is_zombie, nice;
        uint64_t flags;
        uint32_t uid, gid;
        int32_t pid, ppid, pgrp, sid;
        char name[16], arguments[80];
    } info = {.state_name = 'R', .uid = process_uid(c->process), .pid = c->process->pid};
    str_copy(info.name, c->thread->name, sizeof(info.name));
    str_copy(info.arguments, c->thread->name, sizeof(info.arguments));
    note_begin(c, NT_PRPSINFO, sizeof(info));
    head_add(c, &info, sizeof(info));
}

static void threads_note(struct core *c)
{
    struct thread *t;
    status_note(c, c->thread); /* gdb selects the first */
    program_note(c);
    for (int32_t tid = 0; (t = process_next_thread(c->process, tid)) != NULL; thread_put(t)) {
        tid = t->tid;
        if (t != c->thread)
            status_note(c, t);
    }
}

static void auxv_note(struct core *c)
{
    uint64_t words[AUXV_WORDS];
    size_t count = proc_auxv(c->vm, words, AUXV_WORDS);
    note_begin(c, NT_AUXV, count * sizeof(*words));
    head_add(c, words, count * sizeof(*words));
}

/* Which files lie where: count, page size, (start, end, page of the file) each, then their names. */
static void files_note(struct core *c)
{
    uint64_t count = 0;
    size_t names = 0;
    for (unsigned i = 0; i < c->area_count; i++) {
        count += c->areas[i].path[0] != 0;
        names += c->areas[i].path[0] ? strlen(c->areas[i].path) + 1 : 0;
    }
    const uint64_t begin[2] = {count, PAGE_SIZE};
    note_begin(c, NT_FILE, sizeof(begin) + count * 24 + names);
    head_add(c, begin, sizeof(begin));
    for (unsigned i = 0; i < c->area_count; i++) {
        const struct area_seen *a = &c->areas[i];
        const uint64_t place[3] = {a->start, a->end, a->offset / PAGE_SIZE};
        if (a->path[0])
            head_add(c, place, sizeof(place));
    }
    for (unsigned i = 0; i < c->area_count; i++) {
        if (c->areas[i].path[0])
            head_add(c, c->areas[i].path, strlen(c->areas[i].path) + 1);
    }
    note_pad(c);
}

/* ---- the head: ELF -------------------------------------------------------------------------------------------------------- */

static void elf_header(struct core *c)
{
    const Elf64_Ehdr e = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = ARCH_ELF_MACHINE,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(e),
        .e_ehsize = sizeof(e),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (uint16_t)(c->area_count + 1),
    };
    head_add(c, &e, sizeof(e));
}

static Elf64_Phdr area_header(struct area_seen *a, uint64_t file_off)
{
    a->file_off = file_off;
    return (Elf64_Phdr){
        .p_type = PT_LOAD,
        .p_flags = ((a->prot & VM_READ) ? PF_R : 0u) | ((a->prot & VM_WRITE) ? PF_W : 0u) | ((a->prot & VM_EXEC) ? PF_X : 0u),
        .p_offset = file_off,
        .p_vaddr = a->start,
        .p_filesz = a->is_told ? a->end - a->start : 0,
        .p_memsz = a->end - a->start,
        .p_align = PAGE_SIZE,
    };
}

static void head_make(struct core *c)
{
    Elf64_Phdr note = {.p_type = PT_NOTE, .p_align = 4};
    elf_header(c);
    Elf64_Phdr *headers = head_add(c, NULL, (c->area_count + 1UL) * sizeof(*headers));
    note.p_offset = c->head_size;
    threads_note(c);
    auxv_note(c);
    files_note(c);
    note.p_filesz = c->head_size - note.p_offset;
    c->size = (c->head_size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    for (unsigned i = 0; i < c->area_count && headers; i++) {
        headers[i + 1] = area_header(&c->areas[i], c->size);
        c->size += headers[i + 1].p_filesz;
    }
    if (headers)
        headers[0] = note;
}

/* ---- memory --------------------------------------------------------------------------------------------------------------- */

static void run_put(struct core *c, const struct area_seen *a, uaddr_t at, size_t size, uint8_t *buf)
{
    if (vm_access(c->vm, at, buf, size, false) == 0)
        core_put(c, a->file_off + (at - a->start), buf, size);
}

static void area_put(struct core *c, const struct area_seen *a, uint8_t *buf)
{
    for (uaddr_t at = a->start; at < a->end && !c->has_failed; at += CORE_PIECE_MAX) {
        size_t size = MIN(a->end - at, (uint64_t)CORE_PIECE_MAX), pages = size / PAGE_SIZE, from = 0;
        if (vm_mincore(c->vm, at, size, c->page_is_there))
            continue; /* unmapped meanwhile */
        for (size_t i = 0; i <= pages; i++) {
            if (i < pages && c->page_is_there[i])
                continue;
            if (i > from)
                run_put(c, a, at + from * PAGE_SIZE, (i - from) * PAGE_SIZE, buf);
            from = i + 1;
        }
    }
}

static void all_put(struct core *c)
{
    uint8_t *buf = heap_alloc(CORE_PIECE_MAX);
    if (!buf) {
        c->has_failed = true;
        return;
    }
    core_put(c, 0, c->head, c->head_size);
    for (unsigned i = 0; i < c->area_count && !c->has_failed; i++) {
        if (c->areas[i].is_told)
            area_put(c, &c->areas[i], buf);
    }
    if (c->key)
        piece_seal(c, c->size, NULL, 0);
    heap_free(buf);
}

/* ---- all ------------------------------------------------------------------------------------------------------------------- */

/* NULL, or why there is none. */
static const char *core_make(struct core *c)
{
    if (!areas_read(c))
        return "not enough memory for a core file";
    c->head_room = NOTES_MAX + c->area_count * (sizeof(Elf64_Phdr) + sizeof(struct area_seen));
    c->head = heap_alloc(c->head_room);
    if (!c->head)
        return "not enough memory for a core file";
    if (!key_make(c))
        return "this enclave gives no core files: it is not a debug enclave, and enclave.core_key is not set in naos.json";
    head_make(c);
    if (!c->has_failed)
        all_put(c);
    return c->has_failed ? "the core file could not be made whole" : NULL;
}

static void core_free(struct core *c)
{
    aead_destroy(c->key);
    heap_free(c->head);
    heap_free(c->areas);
    vmspace_put(c->vm);
    heap_free(c);
}

void core_dump(struct thread *t, int signo)
{
    bool is_debug = config_get()->flags & CONFIG_DEBUG;
    struct core *c = heap_zalloc(sizeof(*c));
    struct vmspace *vm = c ? process_vm(t->process) : NULL;
    if (!vm) {
        heap_free(c);
        return;
    }
    c->thread = t;
    c->process = t->process;
    c->vm = vm;
    c->signo = signo;
    mutex_lock(&one_at_a_time);
    request_reply(0, REPLY_CORE_BEGIN, t->process->pid, is_debug ? t->name : "program");
    const char *why = core_make(c);
    request_reply(0, REPLY_CORE_END, why ? 0 : (int64_t)(c->key ? c->out_off : c->size), why);
    mutex_unlock(&one_at_a_time);
    core_free(c);
}
