/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in a process's memory: cmdline, environ, auxv, mem. */
#include "heap/heap.h"
#include "procfs/internal.h"
#include "procfs/procfs.h"

#define CHUNK_SIZE   4096
#define STRINGS_MAX  (4UL << 20) /* exec takes no more */
#define AUXV_WORDS   64          /* more than there are */
#define STACK_WORDS  512         /* read at a time */

/* Appends [start, end) of the process's memory; stops quietly where nothing is. */
static void memory_show(struct text *t, struct vmspace *vm, uaddr_t start, uaddr_t end)
{
    end = MIN(end, start + STRINGS_MAX);
    while (start < end) {
        size_t n = MIN(end - start, (size_t)CHUNK_SIZE);
        char *at = text_reserve(t, n);
        if (!at || vm_access(vm, start, at, n, false))
            return;
        t->size += n;
        start += n;
    }
}

/* Programs that set their title write over the last zero and into the environment: it ends with the first zero then. */
static void cmdline_show(struct text *t, struct vmspace *vm)
{
    const struct vm_layout *l = vm_layout(vm);
    memory_show(t, vm, l->args_start, l->args_end);
    if (t->size == 0 || t->buf[t->size - 1] == 0)
        return;
    size_t args_size = t->size;
    memory_show(t, vm, l->env_start, l->env_end);
    const char *end = memchr(t->buf, 0, t->size);
    if (end && (size_t)(end - t->buf) >= args_size)
        t->size = (size_t)(end - t->buf);
    else
        t->size = end ? (size_t)(end - t->buf) + 1 : t->size;
}

int proc_show_cmdline(const struct proc_node *n, struct text *t)
{
    struct vmspace *vm = process_vm(n->process);
    if (!vm)
        return 0; /* a zombie's is empty */
    cmdline_show(t, vm);
    vmspace_put(vm);
    return 0;
}

int proc_show_environ(const struct proc_node *n, struct text *t)
{
    struct vmspace *vm = process_vm(n->process);
    if (!vm)
        return 0;
    const struct vm_layout *l = vm_layout(vm);
    memory_show(t, vm, l->env_start, l->env_end);
    vmspace_put(vm);
    return 0;
}

/* The address behind the next zero word at or after `at`; 0: there is none before `end`. */
static uaddr_t after_zero_word(struct vmspace *vm, uint64_t *words, uaddr_t at, uaddr_t end)
{
    while (at < end) {
        size_t count = MIN((end - at) / 8, (uint64_t)STACK_WORDS);
        if (count == 0 || vm_access(vm, at, words, count * 8, false))
            return 0;
        for (size_t i = 0; i < count; i++) {
            if (words[i] == 0)
                return at + (i + 1) * 8;
        }
        at += count * 8;
    }
    return 0;
}

/* Behind argc, argv and envp on the first stack; scratch: STACK_WORDS. */
static size_t auxv_read(struct vmspace *vm, uint64_t *scratch, uint64_t *words, size_t max)
{
    const struct vm_layout *l = vm_layout(vm);
    uaddr_t end = l->args_start, at = after_zero_word(vm, scratch, l->stack_start + 8, end);
    size_t count = 0;
    if (at)
        at = after_zero_word(vm, scratch, at, end);
    while (at && at + 16 <= end && count + 2 <= max && vm_access(vm, at, words + count, 16, false) == 0) {
        at = words[count] ? at + 16 : 0; /* AT_NULL */
        count += 2;
    }
    return count;
}

size_t proc_auxv(struct vmspace *vm, uint64_t *words, size_t max)
{
    uint64_t *scratch = heap_alloc(STACK_WORDS * 8);
    size_t count = scratch ? auxv_read(vm, scratch, words, max) : 0;
    heap_free(scratch);
    return count;
}

int proc_show_auxv(const struct proc_node *n, struct text *t)
{
    struct vmspace *vm = process_vm(n->process);
    uint64_t words[AUXV_WORDS];
    if (!vm)
        return 0;
    text_add_bytes(t, words, proc_auxv(vm, words, AUXV_WORDS) * sizeof(*words));
    vmspace_put(vm);
    return 0;
}

/* ---- mem ---------------------------------------------------------------------------------------------------------------- */

static int64_t mem_chunk(struct vmspace *vm, struct iov_iter *it, uint64_t at, char *buf, bool is_write)
{
    size_t size = MIN(it->left, (uint64_t)CHUNK_SIZE - (at & (CHUNK_SIZE - 1)));
    if (is_write && iov_copy_from(it, buf, size) != (int64_t)size)
        return -EFAULT;
    if (vm_access(vm, at, buf, size, is_write))
        return -EIO;
    return is_write ? (int64_t)size : iov_copy_to(it, buf, size);
}

static int64_t mem_transfer(struct file *f, struct iov_iter *it, uint64_t off, bool is_write)
{
    struct process *p = proc_node_of(f->inode)->process;
    struct vmspace *vm = process_may_inspect(p) ? process_vm(p) : NULL;
    char *buf = heap_alloc(CHUNK_SIZE);
    int64_t done = 0, n = buf ? 0 : -ENOMEM;
    while (vm && buf && it->left > 0) {
        n = mem_chunk(vm, it, off + (uint64_t)done, buf, is_write);
        if (n <= 0)
            break;
        done += n;
    }
    heap_free(buf);
    if (vm)
        vmspace_put(vm);
    return done ? done : n;
}

static int64_t mem_read(struct file *f, struct iov_iter *to, uint64_t off, bool nonblock)
{
    (void)nonblock;
    return mem_transfer(f, to, off, false);
}

static int64_t mem_write(struct file *f, struct iov_iter *from, uint64_t off, bool nonblock)
{
    (void)nonblock;
    return mem_transfer(f, from, off, true);
}

const struct file_ops proc_mem_file_ops = {.read = mem_read, .write = mem_write};
