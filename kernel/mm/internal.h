/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of mm share. flat.c, fault.c and look.c are the interface of vmspace.h, area.c keeps the areas of a space, unit.c hands out
 * address space, commit.c knows what the host has mapped, fill.c brings content in, text.c patches it; content.c, swap.c, fork.c and conflict.c
 * keep apart what processes have at the same addresses.
 *
 * Locks, in this order: vmspace.lock (a mutex) before pagecache.lock, before the spinlocks of unit.c and commit.c.
 */
#pragma once
#include "base/tree.h"
#include "mm/vmspace.h"
#include "sync/mutex.h"
#include "naos/callsite.h"
#include "platform/plat.h"

/* Address space is handed to vmspaces in units; two spaces that hold the same unit are in conflict. */
#define UNIT_SHIFT 24
#define UNIT_SIZE  (1UL << UNIT_SHIFT)
#define UNIT_PAGES (UNIT_SIZE / PAGE_SIZE)
#define CLUSTER    (64UL << 10)

struct area {
    struct tree_node node;
    uaddr_t start, end;
    unsigned prot;
    bool is_shared, no_write, is_stack, no_fork, wipe_on_fork, is_locked;
    bool was_writable;       /* its pages may differ from the file's */
    uint64_t grow_limit;
    struct pagecache *pages;
    uint64_t offset;         /* of start, in pages */
    struct list shared_node; /* in pages->areas if it is shared */
    struct vm_owner *owner;
    const char *name;
    uaddr_t trampolines;     /* of the owner's call sites; 0: none */
    unsigned faults;         /* that brought parts of the file in */
    unsigned again;          /* shared: how many more times it was mapped, to the same addresses */
};

/* ---- shadow.c: the pages of a space that is in a conflict set, as frames ------------------------------------- */
#define SHADOW_PAGES (PAGE_SIZE / sizeof(void *))
struct frame {
    void *copy;    /* the content; NULL: it lies in place */
    uint32_t refs; /* spaces that have it */
    uint8_t heat;  /* of the page where it lies: how often a trial to do without the page failed */
    bool is_cold;  /* no content, and nobody's: marks a page that stays away until it is touched */
};
struct shadow_leaf {
    uint64_t no; /* of SHADOW_PAGES pages */
    struct frame **frames;
};
struct shadow {
    struct shadow_leaf *leaves; /* sorted */
    unsigned count, room;
};
struct frame *shadow_get(const struct shadow *s, uint64_t page);
nodiscard int shadow_set(struct shadow *s, uint64_t page, struct frame *f); /* -ENOMEM; not for f NULL or a leaf that is there */
void shadow_clear(struct shadow *s, uint64_t page);
struct frame **shadow_leaf(const struct shadow *s, uint64_t no);            /* NULL: none */
uint64_t shadow_next_leaf(const struct shadow *s, uint64_t no);             /* the first that is not below no; UINT64_MAX: none */
nodiscard int shadow_copy(struct shadow *to, const struct shadow *from);    /* on failure `to` has a part */
nodiscard int shadow_merge(struct shadow *to, const struct shadow *from);
void shadow_fini(struct shadow *s);
struct frame *frame_create(void);
bool frame_put(struct frame *f);

/* Pages that were written in a space between two forks, or by its children: the next fork takes them apart at once (fork.c). */
#define HOT_MAX 32u
struct hot_pages {
    uint64_t pages[HOT_MAX];
    unsigned count, next; /* a ring */
    unsigned forks;       /* since all were forgotten */
};

struct vmspace {
    struct refcount ref;
    struct mutex lock;       /* guards all below but set */
    struct tree areas;       /* by start; they do not overlap */
    struct unit_range *units; /* held, sorted by start */
    unsigned unit_count, unit_room;
    uint64_t size;           /* bytes in areas */
    uaddr_t brk_start, brk;
    uint64_t fault_next;     /* where a sequential fault would come next, and how much it would get */
    uint64_t fault_size;
    struct vm_layout layout;

    struct list all_node;    /* in conflict.c's list of all */
    struct conflict_set *set; /* NULL: alone in its units. Under conflict.c's lock */
    struct list set_node;
    struct shadow frames;     /* its private pages, while it is in a set */
    bool locks_new;           /* mlockall(MCL_FUTURE) */
    bool is_barred;           /* must not run: it is made a member just now */
    bool is_lost;             /* there was no memory to keep it: its content is gone, its process has to end */
    struct pagecache *program; /* that it was made for; NULL: by fork */
    struct ghost *ghosts;     /* of the last run of the program, park.c */
    unsigned ghost_count;
    uaddr_t unshare_next;     /* where the next write to a shared page would follow the last one */
    uint64_t unshare_size;
    uint64_t widen_size;      /* as unshare_size, where no page is shared any more; 0: it never was, all of an area */
    struct hot_pages hot;     /* while it is in no set */
};

struct unit_range {
    uint32_t start, count; /* in units */
};

/* ---- unit.c: who holds which units ------------------------------------------------------------------------ */
void unit_init(void);
/* A run of units that nobody holds, for vm: *at its first address. near: within 1 GiB of it; 0: anywhere. */
nodiscard int unit_alloc(struct vmspace *vm, uint64_t size, uaddr_t near, uaddr_t *at);
/* Holds the units under a range that somebody demands; conflicts follow. */
nodiscard int unit_hold(struct vmspace *vm, uaddr_t addr, uint64_t size);
nodiscard int unit_copy(struct vmspace *from, struct vmspace *to);
void unit_release_all(struct vmspace *vm);
bool unit_is_held_by_others(uint32_t unit);
bool unit_is_mine_or_free(struct vmspace *vm, uint32_t unit); /* may vm map there without a new conflict? */
bool unit_is_held_by(const struct vmspace *vm, uint32_t unit);
bool unit_are_mine_alone(const struct vmspace *vm); /* nobody else holds any of its units */
bool unit_is_shared_by(const struct vmspace *a, const struct vmspace *b);

/* ---- fault.c --------------------------------------------------------------------------------------------- */
/* With the space locked and its content in place: the access can be tried again. -EFAULT, -EACCES, -ENOMEM, or what the file says. */
nodiscard int fault_serve(struct vmspace *vm, const struct arch_fault *f);
bool area_allows(const struct area *a, const struct arch_fault *f);

/* ---- flat.c ---------------------------------------------------------------------------------------------- */
void space_begin(struct vmspace *vm); /* the rest is zero, or kept */

/* ---- area.c ---------------------------------------------------------------------------------------------- */
struct area *area_find(struct vmspace *vm, uaddr_t addr);        /* that holds addr */
struct area *area_at_or_after(struct vmspace *vm, uaddr_t addr); /* the first that ends after addr */
struct area *area_next(struct area *a);
struct area *area_prev(struct area *a);
nodiscard int area_insert(struct vmspace *vm, const struct area *shape, struct area **result);
nodiscard int area_split(struct vmspace *vm, struct area *a, uaddr_t at); /* a ends at `at`, another begins */
void area_remove(struct vmspace *vm, struct area *a);
/* Splits at both ends, so that whole areas cover the range. */
nodiscard int area_isolate(struct vmspace *vm, uaddr_t start, uaddr_t end);
nodiscard int area_find_gap(struct vmspace *vm, uint64_t size, uint64_t align, uaddr_t near, uaddr_t *at);

/* ---- commit.c: what the host has mapped, page by page ------------------------------------------------------ */
void commit_init(void);
bool page_is_committed(uint64_t page);
unsigned page_prot(uint64_t page); /* what the host has set */
uint64_t committed_bytes(uaddr_t start, uaddr_t end);
uaddr_t committed_next(uaddr_t at, uaddr_t end); /* the next page in [at, end) that is there, or end */
/* All pages of the range that are not there come, zero, with prot; those that are stay as they are. */
nodiscard int commit_range(uaddr_t start, uaddr_t end, unsigned prot);
nodiscard int commit_range_dirty(uaddr_t start, uaddr_t end); /* read-write, with any content: the caller fills them */
nodiscard int commit_range_stale(uaddr_t start, uaddr_t end, unsigned prot); /* only those that cost no more than clearing */
nodiscard int protect_range(uaddr_t start, uaddr_t end, unsigned prot); /* those that are there */
void retire_range(uaddr_t start, uaddr_t end);  /* content is gone, access too; the pages are kept for reuse if there is room */
void retire_range_kept(uaddr_t start, uaddr_t end);
bool stale_has_room(uint64_t bytes);
/* Pages become stale, with the access that they have; is_kept: their content may be wanted again by revive_range. */
void stale_mark(uaddr_t start, uaddr_t end, bool is_kept);
/* Stale pages that were kept, and not used since, are there again. wants_all: all of the range, or none: false. */
nodiscard bool revive_range(uaddr_t start, uaddr_t end, unsigned prot, bool wants_all);
/* Stale pages that can be touched, as a program left them: where the next run of them in [*at, end) begins, and ends. */
uaddr_t stale_open_run(uaddr_t *at, uaddr_t end);
nodiscard int stale_forbid(uaddr_t start, uaddr_t end); /* they cannot any more */
void release_range(uaddr_t start, uaddr_t end); /* back to the host */
void release_stale(uaddr_t start, uaddr_t end); /* those that were retired */

/* Ranges on their way to one host call: protections of many ranges change at once. */
struct page_batch {
    int (*apply)(const struct plat_range *ranges, size_t count);
    struct plat_range ranges[PLAT_RANGE_MAX];
    size_t count;
    uint64_t bytes;
};
void protect_begin(struct page_batch *b);
nodiscard int protect_add(struct page_batch *b, uaddr_t start, uaddr_t end, unsigned prot);
nodiscard int batch_flush(struct page_batch *b);

/* ---- fill.c ------------------------------------------------------------------------------------------------- */
/* Brings in what [start, end) of the area, not yet committed, should hold. need: the page that must come. */
nodiscard int area_fill(struct vmspace *vm, struct area *a, uaddr_t start, uaddr_t end, uaddr_t need);

/* ---- text.c --------------------------------------------------------------------------------------------------- */
/* Code of a file lies at `start` now. */
void text_mapped(struct vm_owner *owner, uaddr_t start, uint64_t offset);
nodiscard int area_trampolines_insert(struct vmspace *vm, uaddr_t start, uaddr_t end);
nodiscard int area_trampolines(struct vmspace *vm, struct area *a);
nodiscard int area_patch_sites(struct vmspace *vm, const struct area *a, uaddr_t start, uaddr_t end);

/* ---- pagecache.c: home pages of a shared object ------------------------------------------------------------------ */
nodiscard int pagecache_home_page(struct pagecache *pc, uint64_t idx);

/* ---- shared.c: shared areas, and the protection of the pages that they show ------------------------------------------- */
void shared_enter(struct area *a);
void shared_leave(struct area *a);
void shared_protect(struct area *a, unsigned prot);
nodiscard int shared_widen(struct area *a, uaddr_t page); /* it is there, and a may more than it lets */
nodiscard int shared_settle(struct pagecache *pc, uaddr_t start, uaddr_t end);

/* ---- conflict.c ------------------------------------------------------------------------------------------------ */
/* Joins vm with every space that holds a unit of its. vm is the caller's. May sleep. */
nodiscard int space_conflicts_join(struct vmspace *vm);
void space_register(struct vmspace *vm);
void space_unregister(struct vmspace *vm);
bool vm_is_resident(struct vmspace *vm);
bool vm_make_resident(struct vmspace *vm); /* of the current task: swaps if another is, and says so */
nodiscard int conflict_fork(struct vmspace *parent, struct vmspace *child);
/* Of the current task. end: the last of a set is in none. settle: that, and all pages are there; before areas are changed. */
void conflict_end(struct vmspace *vm);
void conflict_settle(struct vmspace *vm);
/* Between begin and end nobody makes vm a member of a set: it goes. leave: drops its content if it is in one. */
void conflict_leave_begin(void);
bool conflict_leave(struct vmspace *vm); /* true: it was in one, and its content is dropped */
void conflict_leave_end(void);

/* Content of vm's private areas. vm is resident. */
nodiscard int content_commit(struct vmspace *vm, uaddr_t start, uaddr_t end, unsigned prot); /* as commit_range */
nodiscard int content_commit_stale(struct vmspace *vm, uaddr_t start, uaddr_t end, unsigned prot); /* as commit_range_stale */
nodiscard int content_commit_dirty(struct vmspace *vm, uaddr_t start, uaddr_t end);
nodiscard int content_discard(struct vmspace *vm, uaddr_t start, uaddr_t end); /* -ENOMEM: others share it, and it must be kept */
nodiscard int content_claim(struct vmspace *vm, uaddr_t start, uaddr_t end); /* what others of its set have there makes room */
nodiscard int content_unshare(struct vmspace *vm, uaddr_t start, uaddr_t end); /* before it is written to */
void content_written(struct vmspace *vm, uint64_t page); /* by a program, which had to be let */
/* Of a page that does not lie in place: reads or writes a part of it. -EAGAIN: it lies in place, or nowhere. */
nodiscard int content_access(struct vmspace *vm, uaddr_t addr, char *buf, size_t n, bool is_write);
void content_thaw(struct vmspace *vm, uaddr_t start, uaddr_t end); /* what stays away until it is touched comes */
bool content_is_mine(struct vmspace *vm, uint64_t page); /* does what lies there belong to vm? */

/* ---- park.c: what the next run of a program finds ready --------------------------------------------------------- */
#define GHOSTS_MAX 128
struct ghost {
    uaddr_t start, end;
    unsigned prot;
    struct pagecache *pages;
    uint64_t offset;
    uaddr_t trampolines;
    uint64_t trampolines_size;
};
bool space_park(struct vmspace *vm); /* instead of being destroyed; false: it was not */
void space_ghosts_drop(struct vmspace *vm);
void ghost_revive(struct vmspace *vm, struct area *a);           /* a new area of a file: its pages may be there */
bool ghost_keeps(struct vmspace *vm, const struct area *a);      /* what a holds may be wanted again: ld.so maps twice */

/* ---- home.c: addresses for shared objects, that belong to no process ------------------------------------------ */
nodiscard int home_alloc(uint64_t pages, uaddr_t *home);
void home_release(uaddr_t home, uint64_t pages);
