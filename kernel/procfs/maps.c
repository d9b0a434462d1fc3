/* SPDX-License-Identifier: Apache-2.0 */
/* maps and smaps. The text is made under the space's lock: nothing here sleeps. */
#include "procfs/internal.h"
#include "vfs/device.h"

#define PATH_COLUMN 73
#define KIB(bytes)  ((unsigned long long)(bytes) >> 10)

struct maps_visit {
    struct text *t;
    bool is_detailed;
    struct vm_area_info sum; /* of smaps_rollup */
    uint64_t shared, total;
};

static void line_show(struct text *t, const struct vm_area_info *a)
{
    size_t begin = t->size;
    text_add(t, "%llx-%llx %c%c%c%c %08llx %02x:%02x %llu ", (unsigned long long)a->start, (unsigned long long)a->end,
             a->prot & VM_READ ? 'r' : '-', a->prot & VM_WRITE ? 'w' : '-', a->prot & VM_EXEC ? 'x' : '-',
             a->is_shared ? 's' : 'p', (unsigned long long)a->offset, MAJOR(a->dev), MINOR(a->dev),
             (unsigned long long)a->ino);
    int padding = PATH_COLUMN - (int)(t->size - begin);
    if (a->path[0])
        text_add(t, "%*s%s", MAX(padding, 0), "", a->path);
    text_add(t, "\n");
}

/* No page tables, so no dirty bits: what is there counts as written, unless it cannot be. */
static void details_show(struct text *t, uint64_t size, uint64_t resident, uint64_t shared, bool is_writable, bool is_file)
{
    uint64_t own = resident - shared;
    text_add(t, "Size:           %8llu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n", KIB(size));
    text_add(t, "Rss:            %8llu kB\nPss:            %8llu kB\n", KIB(resident), KIB(resident));
    text_add(t, "Shared_Clean:   %8llu kB\nShared_Dirty:          0 kB\n", KIB(shared));
    text_add(t, "Private_Clean:  %8llu kB\nPrivate_Dirty:  %8llu kB\n", KIB(is_writable ? 0 : own), KIB(is_writable ? own : 0));
    text_add(t, "Referenced:     %8llu kB\nAnonymous:      %8llu kB\n", KIB(resident), KIB(is_file ? 0 : own));
    text_add(t, "LazyFree:              0 kB\nAnonHugePages:         0 kB\nSwap:                  0 kB\n");
    text_add(t, "SwapPss:               0 kB\nLocked:                0 kB\n");
}

static bool visit(const struct vm_area_info *a, void *arg)
{
    struct maps_visit *v = arg;
    line_show(v->t, a);
    if (v->is_detailed) {
        details_show(v->t, a->end - a->start, a->committed, a->is_shared ? a->committed : 0, a->prot & VM_WRITE, a->ino != 0);
        text_add(v->t, "THPeligible:    0\nVmFlags:%s%s%s%s \n", a->prot & VM_READ ? " rd" : "", a->prot & VM_WRITE ? " wr" : "",
                 a->prot & VM_EXEC ? " ex" : "", a->is_shared ? " sh" : "");
    }
    return !v->t->is_failed;
}

static bool visit_sum(const struct vm_area_info *a, void *arg)
{
    struct maps_visit *v = arg;
    if (v->sum.end == 0)
        v->sum.start = a->start;
    v->sum.end = a->end;
    v->sum.committed += a->committed;
    v->shared += a->is_shared ? a->committed : 0;
    v->total += a->end - a->start;
    return true;
}

static void areas_visit(const struct proc_node *n, bool (*fn)(const struct vm_area_info *, void *), struct maps_visit *v)
{
    struct vmspace *vm = process_vm(n->process);
    if (!vm)
        return;
    vm_for_each(vm, fn, v);
    vmspace_put(vm);
}

int proc_show_maps(const struct proc_node *n, struct text *t)
{
    struct maps_visit v = {.t = t};
    areas_visit(n, visit, &v);
    return 0;
}

int proc_show_smaps(const struct proc_node *n, struct text *t)
{
    struct maps_visit v = {.t = t, .is_detailed = true};
    areas_visit(n, visit, &v);
    return 0;
}

int proc_show_smaps_rollup(const struct proc_node *n, struct text *t)
{
    struct maps_visit v = {.t = t};
    areas_visit(n, visit_sum, &v);
    v.sum.is_shared = false;
    str_copy(v.sum.path, "[rollup]", sizeof(v.sum.path));
    line_show(t, &v.sum);
    details_show(t, v.total, v.sum.committed, v.shared, true, false);
    return 0;
}
