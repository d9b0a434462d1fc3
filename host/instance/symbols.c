/* SPDX-License-Identifier: Apache-2.0 */
#include "symbols.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "control.h"
#include "exec.h"
#include "image/elf_symbols.h"
#include "instance.h"
#include "platform/sgx/host/layout.h"

/* The debug information lies beside the kernel that was installed, if that is the one. */
static void debug_find(const struct bytes *kernel, struct symbol_file *f)
{
    char path[PATH_MAX], debug[PATH_MAX];
    struct bytes installed;
    struct error ignored;
    if (kernel_find(path, sizeof(path), &ignored) < 0 || file_read(path, &installed, &ignored) < 0)
        return;
    snprintf(debug, sizeof(debug), "%.*s.debug", (int)(strlen(path) - strlen(".elf")), path);
    if (installed.size == kernel->size && memcmp(installed.data, kernel->data, kernel->size) == 0 && access(debug, R_OK) == 0)
        snprintf(f->path, sizeof(f->path), "%s", debug);
    free(installed.data);
}

int symbol_kernel(const char *dir, struct symbol_file *f, struct error *err)
{
    struct bytes kernel, config;
    struct sgx_layout layout;
    snprintf(f->path, sizeof(f->path), "%s/" INSTANCE_KERNEL, dir);
    if (instance_file(dir, INSTANCE_KERNEL, &kernel, err) < 0 || instance_config(dir, &config, err) < 0)
        return -1;
    debug_find(&kernel, f);
    int result = sgx_layout_build(&layout, kernel.data, kernel.size, config.data, config.size, err->text, sizeof(err->text));
    if (result == 0) {
        f->bias = layout.image_start;
        sgx_layout_free(&layout);
    }
    free(kernel.data);
    free(config.data);
    return result;
}

/* "pid start end offset path" */
static bool line_take(const char *line, const char *dir, struct symbol_file *f)
{
    char path[256];
    unsigned long long start, end, offset;
    struct bytes elf;
    struct error ignored;
    if (sscanf(line, "%*d %llx %llx %llx %255s", &start, &end, &offset, path) != 4 || strstr(path, "/../"))
        return false;
    snprintf(f->path, sizeof(f->path), "%.3000s/image%s", dir, path);
    if (file_read(f->path, &elf, &ignored) < 0)
        return false;
    bool is_known = elf_bias(elf.data, elf.size, start, offset, &f->bias);
    free(elf.data);
    return is_known;
}

static bool is_new(const struct symbol_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (files[i].bias == files[count].bias && strcmp(files[i].path, files[count].path) == 0)
            return false;
    }
    return true;
}

int symbol_files(const struct rundir *r, struct symbol_file **files, size_t *count, struct error *err)
{
    char dir[PATH_MAX], *text;
    rundir_get(r, "instance", dir, sizeof(dir));
    if (instance_table(r, CONTROL_MAPS, &text, err) < 0)
        return -1;
    size_t room = 2;
    for (const char *p = text; *p; p++)
        room += *p == '\n';
    *files = calloc(room, sizeof(**files));
    if (!*files || symbol_kernel(dir, *files, err) < 0)
        return -1;
    *count = 1;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (line_take(line, dir, &(*files)[*count]) && is_new(*files, *count))
            ++*count;
    }
    free(text);
    return 0;
}

pid_t rundir_enclave_pid(const struct rundir *r)
{
    char text[16];
    rundir_get(r, "enclave", text, sizeof(text));
    return (pid_t)strtol(text, NULL, 10);
}
