/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages of one file or shared object, by index. All file systems keep their data in it, and all mappings
 * take theirs from it. Without page tables a page has one address: when an object is mapped shared, its
 * pages move to a home in the user range, and read(2) and write(2) use them there.
 */
#pragma once
#include "base/base.h"
#include "base/list.h"
#include "base/refcount.h"
#include "base/spinlock.h"
#include "sync/waitq.h"

struct pagecache;
struct iov_iter;

struct pagecache_ops {
    /*
     * Fills `count` pages, that lie at pages[i] and follow each other in the file from page `idx`. Beyond the
     * end of the file: zeros. -EIO: not readable, or does not verify; then no page is used. NULL: all zero.
     */
    int (*fill)(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count);
    /* Writes pages that follow each other to where they come from. NULL: memory is all there is. */
    int (*write)(struct pagecache *pc, uint64_t idx, void *const *pages, size_t count);
    /* With write: a clean page is about to become dirty. -ENOSPC and its like: it must not. May sleep. */
    int (*reserve)(struct pagecache *pc, uint64_t idx);
    int (*sync)(struct pagecache *pc); /* with write: what msync(2) does, until it is durable */
    bool wants_read_ahead;             /* else aligned clusters are filled */
    bool can_refill;                   /* a clean page may be dropped: fill brings the same again. Not if pages are changed without write */
};

/* Pages that the files of one file system may have in memory together. */
struct page_quota {
    uint64_t limit; /* 0: as many as there are */
    uint64_t used;  /* atomic */
};

struct pagecache {
    const struct pagecache_ops *ops;
    void *owner;             /* the inode; opaque here */
    struct page_quota *quota; /* NULL: none. -ENOSPC where it ends */
    struct refcount ref;
    struct spinlock lock;    /* guards all below, for a few instructions; no fill happens under it */
    uint64_t size;           /* bytes of the file; pages beyond it do not exist */
    void ***leaves;          /* leaf i holds the pages i * 512 ..; NULL where there are none */
    size_t leaf_count;
    uint64_t present;        /* pages in memory */
    uint32_t filling;        /* pages whose content is on the way */
    uint32_t fills_done;     /* changes when some arrived, or will not; atomic */
    struct waitq filled;     /* for that */
    uint32_t pins;           /* page addresses in use outside the lock: pages taken out are freed when it is 0 */
    uaddr_t home;            /* 0: not mapped shared */
    uint64_t home_pages;
    uint32_t shared_areas;   /* shared mappings; atomic */
    struct list areas;       /* these, as struct area; shared.c */
    uint32_t limited;        /* of them, those that may do less or more than read and write; atomic */
    uaddr_t open_from, open_to; /* pages at home that the kernel opened for itself; 0: none */
    uint64_t *home_sums;     /* of pages at home, as they were last on the medium: a mapping says nothing when it writes */
    uint64_t dirty;          /* pages that have to be written, those at home apart */
    uint64_t ahead_end;      /* read-ahead: where the last fill ended, and how long it was */
    uint32_t ahead;
    uint64_t window, window_end; /* what readahead.c brings next, and how far; under its lock, with the next */
    struct list window_node;     /* while there is something to bring */
    uint64_t window_mark;        /* who reads this page moves the window on; 0: none. A hint */
    uint32_t helpers;            /* who brings pages of it; atomic */
    struct list evictable;   /* all that can be filled again, under a lock of its own */
    uint64_t clock_hand;     /* where the last search for idle pages ended */
    bool is_sealed;          /* the kernel's own, for programs: their code pages are never writable */
    uint64_t write_hand;     /* where pagecache_write_some ended */
};

nodiscard int pagecache_create(const struct pagecache_ops *ops, void *owner, uint64_t size,
                               struct pagecache **pc);
void pagecache_get(struct pagecache *pc);
/* Bytes of files in memory that could be read again, of all files together. */
uint64_t pagecache_size(void);
void pagecache_put(struct pagecache *pc);

/* After it nobody uses `owner` but for a caller's own call. */
void pagecache_quiesce(struct pagecache *pc);
void readahead_init(void); /* once, when vCPUs can be waited for */

/*
 * The page with this index, filled; its address stays valid until pagecache_unpin. The caller may fault on user
 * memory meanwhile. Beyond the end of the file the page is made only for_write. Errors: -EIO, -ENOMEM: nothing is pinned.
 * A missing page of an object without fill is zero: *page is then a shared zero page unless for_write.
 */
nodiscard int pagecache_pin(struct pagecache *pc, uint64_t idx, bool for_write, void **page);
bool pagecache_has(struct pagecache *pc, uint64_t idx); /* is it there now? */
void pagecache_unpin(struct pagecache *pc);
/* The first `pages` pages lie at one address from now on, in the user range, as if it were mapped shared. */
nodiscard int pagecache_make_home(struct pagecache *pc, uint64_t pages);

/* read(2), write(2) of user or kernel memory. Short only at the end of the file, or at a fault. */
nodiscard int64_t pagecache_read_iter(struct pagecache *pc, uint64_t off, struct iov_iter *to);
nodiscard int64_t pagecache_write_iter(struct pagecache *pc, uint64_t off, struct iov_iter *from);
/* read(2), write(2) of kernel buffers; short only at the end of the file. Write grows size. */
nodiscard int64_t pagecache_read(struct pagecache *pc, uint64_t off, void *buf, size_t size);
nodiscard int64_t pagecache_write(struct pagecache *pc, uint64_t off, const void *buf, size_t size);
/* Drops pages beyond a new end (and zeroes the tail of the last), or grows. */
nodiscard int pagecache_truncate(struct pagecache *pc, uint64_t size);
void pagecache_punch(struct pagecache *pc, uint64_t off, uint64_t size); /* a hole */
/* SEEK_DATA, SEEK_HOLE for objects without ops->fill: -ENXIO beyond the end. */
nodiscard int pagecache_seek(struct pagecache *pc, uint64_t off, bool for_data, uint64_t *at);
nodiscard int pagecache_sync(struct pagecache *pc); /* durable; nothing to do for what is memory only */
/* Writes what is dirty by ops->write. The caller keeps write(2) and truncate(2) away meanwhile. */
nodiscard int pagecache_write_back(struct pagecache *pc);
/* The same for about `max` pages, going on where the last call ended; mappings are not looked at. */
nodiscard int pagecache_write_some(struct pagecache *pc, size_t max);
/* Gives back clean pages that can be filled again, least recently used first as far as is known: bytes freed. */
uint64_t pagecache_shrink(uint64_t bytes);
/* Gives back what is clean and can be filled again of [off, off + size): posix_fadvise(2) says that it is not needed. */
void pagecache_forget(struct pagecache *pc, uint64_t off, uint64_t size);
/* All pages that can be filled again stay below this; the default is a quarter of the memory. */
void pagecache_set_limit(uint64_t bytes);
