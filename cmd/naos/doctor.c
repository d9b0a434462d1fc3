/* SPDX-License-Identifier: Apache-2.0 */
/* naos doctor: what this machine offers, and what naos makes of it. */
#include <cpuid.h>
#include <getopt.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/file.h"
#include "cmd.h"
#include "instance/rundir.h"
#include "options.h"
#include "style.h"

static const char usage[] = "Usage: naos doctor [--json]\n"
                            "Show what this machine offers for enclaves, what naos will use, and what is missing.\n\n"
                            "      --json   as JSON\n"
                            "  -h, --help   this text\n\n"
                            "The exit status is 1 if something is missing without which nothing runs.\n";

enum verdict { FINE, NOTE, MISSING };

struct finding {
    enum verdict verdict;
    const char *name;
    char value[160], advice[256];
};

struct report {
    struct finding findings[40];
    size_t count;
};

static struct finding *add(struct report *r, const char *name, enum verdict verdict, const char *advice)
{
    struct finding *f = &r->findings[r->count++];
    f->name = name;
    f->verdict = verdict;
    snprintf(f->value, sizeof(f->value), "%s", verdict == FINE ? "yes" : "no");
    snprintf(f->advice, sizeof(f->advice), "%s", verdict == FINE ? "" : advice);
    return f;
}

/* ---- the processor ---------------------------------------------------------------------------------------------------------- */

static bool cpuid_bit(unsigned leaf, unsigned sub, unsigned reg, unsigned bit)
{
    unsigned r[4];
    return __get_cpuid_count(leaf, sub, &r[0], &r[1], &r[2], &r[3]) && (r[reg] >> bit & 1);
}

enum { EAX, EBX, ECX, EDX };

static unsigned long long epc_size(void)
{
    unsigned long long total = 0;
    unsigned a, b, c, d;
    for (unsigned sub = 2; sub < 16 && __get_cpuid_count(0x12, sub, &a, &b, &c, &d) && (a & 15) == 1; sub++)
        total += ((unsigned long long)(d & 0xfffff) << 32) + (c & 0xfffff000);
    return total;
}

static void processor_name(char *buf, size_t size)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "re");
    snprintf(buf, size, "unknown");
    while (f && fgets(line, sizeof(line), f)) {
        char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (!colon)
            continue;
        snprintf(buf, size, "%s", colon + 2);
        buf[strcspn(buf, "\n")] = 0;
        break;
    }
    if (f)
        fclose(f);
}

static bool processor_check(struct report *r)
{
    bool has_sgx = cpuid_bit(7, 0, EBX, 2), has_sgx1 = has_sgx && cpuid_bit(0x12, 0, EAX, 0);
    struct finding *f = add(r, "processor", FINE, "");
    processor_name(f->value, sizeof(f->value));
    add(r, "SGX1", has_sgx1 ? FINE : NOTE,
        has_sgx ? "the firmware has it switched off" : "enclaves run in the software model, which keeps nothing secret");
    add(r, "SGX2 (EDMM)", has_sgx1 && cpuid_bit(0x12, 0, EAX, 1) ? FINE : NOTE,
        "naos takes its memory by EDMM; processors without it cannot run it");
    add(r, "flexible launch control", cpuid_bit(7, 0, ECX, 30) ? FINE : NOTE, "Linux' SGX driver needs it");
    f = add(r, "EPC", has_sgx1 && epc_size() ? FINE : NOTE, "memory that the firmware sets aside for enclaves");
    if (has_sgx1 && epc_size())
        snprintf(f->value, sizeof(f->value), "%llu MiB", epc_size() >> 20);
    bool has_aes = cpuid_bit(1, 0, ECX, 25), has_avx2 = cpuid_bit(7, 0, EBX, 5);
    add(r, "AES, AVX2", has_aes && has_avx2 ? FINE : MISSING, "the enclave's cryptography needs both");
    add(r, "SHA extensions", cpuid_bit(7, 0, EBX, 29) ? FINE : NOTE, "the image is verified at a fraction of the speed");
    return has_sgx1;
}

/* ---- devices and services ------------------------------------------------------------------------------------------------------ */

static void device_check(struct report *r, const char *path, const char *advice)
{
    struct finding *f = add(r, path, access(path, R_OK | W_OK) == 0 ? FINE : NOTE, advice);
    if (f->verdict != FINE && access(path, F_OK) == 0) {
        snprintf(f->value, sizeof(f->value), "there, but you may not open it");
        snprintf(f->advice, sizeof(f->advice), "become a member of its group: see ls -l %s", path);
    }
}

/* ---- the kernel and its limits --------------------------------------------------------------------------------------------------- */

static long number_in(const char *path)
{
    char text[32] = "";
    FILE *f = fopen(path, "re");
    if (f && !fgets(text, sizeof(text), f))
        text[0] = 0;
    if (f)
        fclose(f);
    return *text ? strtol(text, NULL, 10) : -1;
}

static void kernel_check(struct report *r)
{
    struct utsname u;
    int major = 0, minor = 0;
    uname(&u);
    sscanf(u.release, "%d.%d", &major, &minor);
    bool is_new = major > 5 || (major == 5 && minor >= 11);
    struct finding *f = add(r, "Linux", is_new ? FINE : MISSING, "5.11 or newer: Syscall User Dispatch, epoll_pwait2, the SGX driver");
    snprintf(f->value, sizeof(f->value), "%s", u.release);
    long min_addr = number_in("/proc/sys/vm/mmap_min_addr");
    f = add(r, "vm.mmap_min_addr", min_addr <= 65536 ? FINE : MISSING,
            "an enclave's addresses begin at 64 KiB: sysctl vm.mmap_min_addr=65536");
    snprintf(f->value, sizeof(f->value), "%ld", min_addr);
    long maps = number_in("/proc/sys/vm/max_map_count");
    f = add(r, "vm.max_map_count", maps >= 65530 ? FINE : NOTE, "large enclaves need many mappings: sysctl vm.max_map_count=262144");
    snprintf(f->value, sizeof(f->value), "%ld", maps);
}

static void limits_check(struct report *r)
{
    struct rlimit files, space;
    struct sysinfo memory;
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_AS, &space);
    sysinfo(&memory);
    struct finding *f = add(r, "open files", files.rlim_max >= 1024 ? FINE : NOTE, "servers need more: ulimit -n");
    snprintf(f->value, sizeof(f->value), "at most %llu", (unsigned long long)files.rlim_max);
    f = add(r, "address space", space.rlim_cur == RLIM_INFINITY ? FINE : MISSING,
            "an enclave reserves 64 GiB of addresses: ulimit -v unlimited");
    snprintf(f->value, sizeof(f->value), "%s", space.rlim_cur == RLIM_INFINITY ? "unlimited" : "limited");
    f = add(r, "memory", FINE, "");
    snprintf(f->value, sizeof(f->value), "%lu MiB, %lu free", (unsigned long)(memory.totalram * memory.mem_unit >> 20),
             (unsigned long)(memory.freeram * memory.mem_unit >> 20));
    f = add(r, "processors", FINE, "");
    snprintf(f->value, sizeof(f->value), "%d", get_nprocs());
}

/* ---- naos itself --------------------------------------------------------------------------------------------------------------------- */

static void naos_check(struct report *r)
{
    char path[PATH_MAX];
    struct error err;
    struct finding *f = add(r, "kernel.elf", kernel_find(path, sizeof(path), &err) == 0 ? FINE : MISSING,
                            "the enclave's kernel: install naos whole, or set NAOS_KERNEL");
    if (f->verdict == FINE)
        snprintf(f->value, sizeof(f->value), "%.150s", path);
    struct rundir *list;
    size_t count;
    f = add(r, "enclaves of yours", rundir_list(&list, &count, &err) == 0 ? FINE : NOTE, "set XDG_RUNTIME_DIR to a folder of your own");
    snprintf(f->value, sizeof(f->value), "%zu", count);
    free(list);
}

/* ---- showing ------------------------------------------------------------------------------------------------ */

static void text_print(const struct report *r, const char *backend)
{
    static const struct {
        enum style style;
        const char *word;
    } verdicts[] = {{STYLE_GOOD, "ok     "}, {STYLE_WARN, "note   "}, {STYLE_BAD, "MISSING"}};
    for (size_t i = 0; i < r->count; i++) {
        const struct finding *f = &r->findings[i];
        style_print(verdicts[f->verdict].style, verdicts[f->verdict].word);
        printf("  %-24s %s%s%s%s\n", f->name, f->value, *f->advice ? " (" : "", f->advice, *f->advice ? ")" : "");
    }
    printf("\nenclaves run on: %s\n", backend);
}

static void json_print(const struct report *r, const char *backend)
{
    static const char *const verdicts[] = {"ok", "note", "missing"};
    json_object *o = json_object_new_object(), *list = json_object_new_array();
    for (size_t i = 0; i < r->count; i++) {
        const struct finding *f = &r->findings[i];
        json_object *one = json_object_new_object();
        json_object_object_add(one, "name", json_object_new_string(f->name));
        json_object_object_add(one, "verdict", json_object_new_string(verdicts[f->verdict]));
        json_object_object_add(one, "value", json_object_new_string(f->value));
        json_object_object_add(one, "advice", *f->advice ? json_object_new_string(f->advice) : NULL);
        json_object_array_add(list, one);
    }
    json_object_object_add(o, "enclaves_run_on", json_object_new_string(backend));
    json_object_object_add(o, "findings", list);
    puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(o);
}

int cmd_doctor(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    static struct report r;
    bool is_json = false, is_broken = false;
    int c;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'j': is_json = true; break;
        case 'h': fputs(usage, stdout); return STATUS_OK;
        default: try_help("doctor"); return STATUS_USER_ERROR;
        }
    }
    bool has_sgx = processor_check(&r);
    device_check(&r, "/dev/sgx_enclave", "Linux' SGX driver: the kernel's CONFIG_X86_SGX, and SGX in the firmware");
    device_check(&r, "/dev/sgx_provision", "only needed for attestation");
    device_check(&r, "/dev/kvm", "not needed by naos");
    add(&r, "AESM", access("/var/run/aesmd/aesm.socket", F_OK) == 0 ? FINE : NOTE,
        "only needed for attestation: Intel's package sgx-aesm-service");
    kernel_check(&r);
    limits_check(&r);
    naos_check(&r);
    const char *backend = has_sgx && access("/dev/sgx_enclave", R_OK | W_OK) == 0
                              ? "the software model, which keeps nothing secret (naos does not drive the device yet)"
                              : "the software model, which keeps nothing secret";
    for (size_t i = 0; i < r.count; i++)
        is_broken |= r.findings[i].verdict == MISSING;
    if (is_json)
        json_print(&r, backend);
    else
        text_print(&r, backend);
    return is_broken ? STATUS_USER_ERROR : STATUS_OK;
}
