/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs/callsites.h"
#include "base/log.h"
#include "base/string.h"
#include "heap/heap.h"
#include "naos/callsite.h"

static bool is_site_sound(const struct callsite *s)
{
    bool is_inside = s->window_size >= 5 && s->window_size <= CALLSITE_WINDOW_MAX && s->insn_off <= s->window_size - 2;
    bool is_disp_apart = s->disp_off + 4 <= s->insn_off || (s->disp_off >= s->insn_off + 2 && s->disp_off + 4 <= s->window_size);
    return is_inside && s->kind < CALLSITE_KINDS && (s->disp_off == 0 || is_disp_apart);
}

/* By address, and no byte in two windows: who looks for one, and who patches, relies on it. */
static bool is_table_sound(const struct callsite_table *t)
{
    uint64_t end = 0;
    for (uint32_t k = 0; k < t->count; k++) {
        const struct callsite *s = &t->sites[k];
        if (!is_site_sound(s) || s->window_off < end)
            return false;
        end = (uint64_t)s->window_off + s->window_size;
    }
    return true;
}

/* Measured content, but checked: an offset outside would make us read anything. */
static bool is_sound(const struct callsite_file *f, uint64_t size)
{
    if (size < sizeof(*f) || f->magic != CALLSITE_MAGIC || f->version != CALLSITE_VERSION || f->size != size ||
        f->count > (size - sizeof(*f)) / sizeof(f->entries[0]) || ((const char *)f)[size - 1] != 0)
        return false;
    for (uint32_t i = 0; i < f->count; i++) {
        uint64_t off = f->entries[i].table_off;
        const struct callsite_table *t = (const struct callsite_table *)((const char *)f + off);
        if (f->entries[i].path_off >= size || off % 8 || off > size - sizeof(*t) ||
            t->count > (size - off - sizeof(*t)) / sizeof(t->sites[0]) || !is_table_sound(t))
            return false;
    }
    return true;
}

const struct callsite_file *callsites_load(struct superblock *image)
{
    struct inode *dir, *file;
    if (image->root->ops->lookup(image->root, ".naos", 5, &dir))
        return NULL;
    int err = dir->ops->lookup(dir, "callsites", 9, &file);
    inode_put(dir);
    if (err)
        return NULL;
    struct callsite_file *f = heap_alloc(file->size);
    if (!f || pagecache_read(file->pages, 0, f, file->size) != (int64_t)file->size || !is_sound(f, file->size)) {
        log_warn("the image's table of system-call sites cannot be used: system calls will be slow");
        heap_free(f);
        f = NULL;
    }
    inode_put(file);
    return f;
}

const struct callsite_table *callsites_find(const struct callsite_file *f, uint64_t nid)
{
    uint32_t low = 0, high = f ? f->count : 0;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (f->entries[mid].nid == nid)
            return (const struct callsite_table *)((const char *)f + f->entries[mid].table_off);
        if (f->entries[mid].nid < nid)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}
