/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a process: areas of the user range and what backs them. One interface; flat.c implements it
 * where there are no page tables (DESIGN D4), paged.c where there are.
 *
 * Flat: all processes live in one address space. New areas go where no process has one, so processes do not
 * overlap until one forks or demands an address (MAP_FIXED, non-PIE). Overlapping spaces form a conflict
 * set, and one of a set is resident at a time; sched_memory_ops.enter swaps.
 * A shared object (shared memory, a file under MAP_SHARED) has one home address, the same in all processes.
 * Pages are committed on first touch, in clusters; what was never touched costs nothing, neither to fork.
 */
#pragma once
#include "arch/arch.h"
#include "base/refcount.h"
#include "mm/pagecache.h"

struct vmspace;

enum vm_prot { VM_READ = 1, VM_WRITE = 2, VM_EXEC = 4 }; /* = PROT_* */

nodiscard int vmspace_create(struct vmspace **vm);
/* The same for a program that will be mapped: what its last run left may make that faster. */
nodiscard int vmspace_create_for(struct pagecache *program, struct vmspace **vm);
void vmspace_get(struct vmspace *vm);
void vmspace_put(struct vmspace *vm); /* the last one unmaps all */
/*
 * A copy for fork: private areas copied, shared ones shared, both with the same addresses. The child is
 * resident first. All other tasks of the parent are off their vCPUs until it is done. May sleep.
 */
nodiscard int vmspace_fork(struct vmspace *parent, struct vmspace **child);

struct vm_map_request {
    uaddr_t addr;   /* a hint, or the place if is_fixed */
    uint64_t size;  /* bytes > 0; rounded up to pages */
    unsigned prot;  /* enum vm_prot */
    bool is_shared;
    bool no_write;   /* shared, and its file is not open for writing: mprotect(2) cannot make it writable */
    bool is_fixed;   /* replaces what is there */
    bool no_replace; /* MAP_FIXED_NOREPLACE: -EEXIST instead */
    bool is_stack;   /* grows down: faults below it extend it, up to RLIMIT_STACK as grow_limit says */
    bool no_fork;    /* MADV_DONTFORK */
    bool populate;   /* MAP_POPULATE */
    bool locked;     /* MAP_LOCKED */
    bool has_lock_limit; /* if the new area will be locked: */
    uint64_t lock_limit; /* bytes that may be locked together: -EAGAIN beyond */
    bool is_low;     /* MAP_32BIT */
    bool is_span;    /* other areas are mapped over all that programs will touch of it, before they run */
    uint64_t grow_limit;
    struct pagecache *pages; /* the file or shared object; NULL: anonymous. vm_map takes its own reference */
    uint64_t offset;         /* into pages, page aligned */
    struct vm_owner *owner;  /* what /proc/self/maps and the call sites come from; may be NULL */
    const char *name;        /* a label as "[stack]", static; may be NULL */
};

/* What a mapping keeps of the file it maps: filled by vfs, opaque here. */
struct vm_owner_ops {
    void (*get)(struct vm_owner *owner);
    void (*put)(struct vm_owner *owner);
    /* Path, device and inode for /proc/<pid>/maps. */
    void (*describe)(struct vm_owner *owner, char *path, size_t size, uint64_t *dev, uint64_t *ino);
    /* The file's system-call sites in the order of their offset, valid while owner is held; NULL: none known. */
    const struct callsite_table *(*callsites)(struct vm_owner *owner);
};
struct vm_owner {
    const struct vm_owner_ops *ops;
};

/*
 * All take the space's own lock and may sleep. Errors are those of the man pages: mmap(2), munmap(2),
 * mprotect(2), mremap(2), madvise(2), msync(2), brk(2), mincore(2).
 */
nodiscard int vm_map(struct vmspace *vm, const struct vm_map_request *req, uaddr_t *at);
nodiscard int vm_unmap(struct vmspace *vm, uaddr_t addr, uint64_t size);
nodiscard int vm_protect(struct vmspace *vm, uaddr_t addr, uint64_t size, unsigned prot);
/* PROT_GROWSDOWN: from where the stack begins that holds addr. No area grows up: -EINVAL, as for one that does not grow. */
nodiscard int vm_protect_growing(struct vmspace *vm, uaddr_t addr, uint64_t size, unsigned prot, bool up);
nodiscard int vm_remap(struct vmspace *vm, uaddr_t old, uint64_t old_size, uint64_t new_size,
                       unsigned flags, uaddr_t new_addr, uaddr_t *at);
nodiscard int vm_advise(struct vmspace *vm, uaddr_t addr, uint64_t size, int advice);
nodiscard int vm_sync(struct vmspace *vm, uaddr_t addr, uint64_t size, int flags);
/*
 * mlock(2): pages come and are counted as locked; they stay in any case. -ENOMEM: a hole in the range. all: the whole
 * space, and what is mapped later if `future` says so.
 */
nodiscard int vm_lock(struct vmspace *vm, uaddr_t addr, uint64_t size, bool is_locked);
void vm_lock_all(struct vmspace *vm, bool is_locked, bool future);
nodiscard int vm_mincore(struct vmspace *vm, uaddr_t addr, uint64_t size, uint8_t *vec);
void vm_set_brk(struct vmspace *vm, uaddr_t start);  /* exec: an empty heap here */
uaddr_t vm_brk(struct vmspace *vm, uaddr_t new_brk); /* the break after the try */

/* A free place for size bytes that nobody has, as exec wants one for a PIE; randomised. */
nodiscard int vm_find_free(struct vmspace *vm, uint64_t size, uint64_t align, uaddr_t *at);

/*
 * 0: the page is there now, try the access again. -EFAULT: no such area (SEGV_MAPERR); -EACCES: not allowed
 * (SEGV_ACCERR); -EIO: the file could not be read, or ends before the page (SIGBUS); -ENOMEM.
 */
nodiscard int vm_fault(struct vmspace *vm, const struct arch_fault *fault);

/*
 * Patched system calls run in trampolines (docs/design.md 6.4). What a program sees of a program counter is the address in
 * its own text that stands for it; what it gives back is led to the trampoline again. Others come back unchanged.
 */
uaddr_t vm_pc_to_text(struct vmspace *vm, uaddr_t pc);
uaddr_t vm_pc_from_text(struct vmspace *vm, uaddr_t pc);

/* /proc/<pid>/maps, in address order; stops when visit returns false. Under the space's lock: visit does not sleep. */
struct vm_area_info {
    uaddr_t start, end;
    unsigned prot;
    bool is_shared;
    uint64_t offset, dev, ino, committed; /* committed: bytes present */
    char path[256];
};
void vm_for_each(struct vmspace *vm, bool (*visit)(const struct vm_area_info *info, void *arg), void *arg);

struct vm_usage {
    uint64_t size, resident, peak, data, stack, text, locked; /* bytes */
};
/* How much of a range is locked already. */
uint64_t vm_locked(struct vmspace *vm, uaddr_t addr, uint64_t size);
bool vm_is_shared_at(struct vmspace *vm, uaddr_t addr); /* what lies there is one for all processes. May sleep */
void vm_usage(struct vmspace *vm, struct vm_usage *usage);

/*
 * When memory runs out while forked processes take turns, one of them loses its content. vm_is_lost: the process must end without
 * touching user memory again (the kernel's accesses fail). vm_has_lost: true once after that happened, for who tells the process.
 */
bool vm_is_lost(const struct vmspace *vm);
bool vm_has_lost(void);

/* Where the program's parts lie, for /proc and prctl; set by exec. */
struct vm_layout {
    uaddr_t code_start, code_end, data_start, data_end, brk_start, stack_start;
    uaddr_t args_start, args_end, env_start, env_end;
    uaddr_t vdso;
    uint64_t limit_as, limit_data; /* RLIMIT_AS, RLIMIT_DATA; UINT64_MAX for none */
};
struct vm_layout *vm_layout(struct vmspace *vm);

/* Reads or writes another process's memory, resident or not (/proc/pid/mem, process_vm_readv, cmdline). */
nodiscard int vm_access(struct vmspace *vm, uaddr_t addr, void *buf, size_t size, bool is_write);

/* The kernel faulted at addr: true if the host had said that a page is there that can be written, so that only the host can be why. */
bool vm_is_given(uaddr_t addr);

void vm_init(void); /* at boot, after the heap */
