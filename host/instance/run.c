/* SPDX-License-Identifier: Apache-2.0 */
/* From the files of an instance to a running enclave. */

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>
#include "exec.h"
#include "image/image_file.h"
#include "instance.h"
#include "naos/boot.h"
#include "cpuid.h"
#include "naos/config.h"
#include "serve/serve.h"

/* What `naos build` left, all of one build. */
struct parts {
    struct bytes kernel, config, sig;
    struct bytes images[BOOT_IMAGE_MAX]; /* mapped */
    struct image_ref refs[BOOT_IMAGE_MAX];
    int image_count;
};

/* ---- reading them ------------------------------------------------------------------------------------------- */

/* The large files are mapped: what is not looked at costs nothing. */
static int part_map(const char *dir, const char *name, struct bytes *part, struct error *err)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, "%s is missing; run `naos build` first", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, "%s", path);
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return error_errno(err, "%s", path);
    *part = (struct bytes){at, (size_t)st.st_size};
    return 0;
}

static void part_unmap(struct bytes *part)
{
    if (part->data)
        munmap(part->data, part->size);
}

static void parts_free(struct parts *p)
{
    part_unmap(&p->kernel);
    free(p->config.data);
    free(p->sig.data);
    for (int i = 0; i < p->image_count; i++)
        part_unmap(&p->images[i]);
    *p = (struct parts){0};
}

static int images_map(const char *dir, struct parts *p, struct error *err)
{
    char path[64], name[IMAGE_NAME_MAX];
    int count = config_images(&p->config, p->refs);
    if (count < 0)
        return error_set(err, "%s/%s is damaged; run `naos build` again", dir, INSTANCE_CONFIG);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), INSTANCE_BUILD "/%s", image_file_name((unsigned)i, name));
        if (part_map(dir, path, &p->images[i], err) < 0)
            return -1;
        p->image_count = i + 1;
    }
    return 0;
}

static int parts_read_once(const char *dir, struct parts *p, struct error *err)
{
    *p = (struct parts){0};
    if (instance_config(dir, &p->config, err) < 0 || part_map(dir, INSTANCE_KERNEL, &p->kernel, err) < 0 ||
        instance_file(dir, INSTANCE_SIGSTRUCT, &p->sig, err) < 0 || images_map(dir, p, err) < 0)
        return -1;
    if (p->sig.size == sizeof(struct sgx_sigstruct))
        return 0;
    return error_set(err, "%s/%s: %zu bytes, a SIGSTRUCT has %zu; run `naos build` again", dir, INSTANCE_SIGSTRUCT, p->sig.size,
                     sizeof(struct sgx_sigstruct));
}

static ino_t build_number(const char *dir)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof(path), "%s/" INSTANCE_BUILD, dir);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* A build that ends meanwhile puts another folder in the place of this one: then what was read may be of both, and is read again. */
static int parts_read(const char *dir, struct parts *p, struct error *err)
{
    int result = -1;
    bool is_one = false;
    for (int tries = 0; tries < 5 && !is_one; tries++) {
        ino_t before = build_number(dir);
        result = parts_read_once(dir, p, err);
        is_one = build_number(dir) == before;
        if (!is_one || result < 0)
            parts_free(p);
    }
    return is_one ? result : error_set(err, "%s: naos build replaces the enclave again and again; run it when that is done", dir);
}

static int enclave_load(const struct parts *p, struct sgx_enclave **enclave, struct error *err)
{
    struct sgx_layout layout;
    if (sgx_layout_build(&layout, p->kernel.data, p->kernel.size, p->config.data, p->config.size, err->text, sizeof(err->text)) < 0)
        return -1;
    const struct sgx_load load = {SGX_BACKEND_AUTO, &layout, (const struct sgx_sigstruct *)p->sig.data};
    int result = sgx_enclave_create(&load, enclave, err->text, sizeof(err->text));
    sgx_layout_free(&layout);
    return result;
}

/* ---- what it is told --------------------------------------------------------------------------------------- */

#define TSC_SAMPLE_NS 1000000LL /* the least; pairs that belong together to 5 ns make 10 ppm of it */
#define TSC_TRIES     5

/* The counter held against the host's clock (the pair that took the least to read), from when the program starts to load: most often that is long enough. */
static struct tsc_sample {
    struct timespec ts;
    uint64_t tsc;
} tsc_begin;

static struct tsc_sample tsc_sample(void)
{
    struct tsc_sample best = {0}, s;
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < TSC_TRIES; i++) {
        uint64_t before = __rdtsc();
        clock_gettime(CLOCK_MONOTONIC_RAW, &s.ts);
        uint64_t took = __rdtsc() - before;
        s.tsc = before + took / 2;
        if (took < least) {
            least = took;
            best = s;
        }
    }
    return best;
}

static int64_t ns_between(const struct tsc_sample *a, const struct tsc_sample *b)
{
    return (b->ts.tv_sec - a->ts.tv_sec) * 1000000000LL + (b->ts.tv_nsec - a->ts.tv_nsec);
}

static uint64_t tsc_hz(void)
{
    struct tsc_sample end = tsc_sample();
    int64_t missing = TSC_SAMPLE_NS - ns_between(&tsc_begin, &end);
    if (missing > 0) {
        const struct timespec pause = {0, missing};
        nanosleep(&pause, NULL);
        end = tsc_sample();
    }
    return (uint64_t)((unsigned __int128)(end.tsc - tsc_begin.tsc) * 1000000000u / (uint64_t)ns_between(&tsc_begin, &end));
}

static void clock_fill(struct boot_block *boot)
{
    struct timespec ts;
    boot->tsc_hz = tsc_hz();
    clock_gettime(CLOCK_REALTIME, &ts);
    boot->tsc = __rdtsc();
    boot->realtime_ns = ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static unsigned vcpu_count(const struct instance_run *run, const struct config *config)
{
    cpu_set_t set;
    unsigned count = run->vcpus;
    if (count == 0)
        count = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    return count < config->vcpu_max ? count : config->vcpu_max;
}

static void boot_fill(const struct instance_run *run, const struct config *config, struct boot_block *boot)
{
    boot->vcpu_count = vcpu_count(run, config);
    boot->log_level = run->log_level;
    boot->trace_syscalls = run->trace_syscalls;
    boot->print_stats = run->print_stats;
    boot->dump_core = run->core_dir != NULL;
    boot->cpuid_count = instance_cpuid(boot->cpuid);
    for (int fd = 0; fd < 3; fd++)
        boot->is_tty[fd] = isatty(fd) == 1;
    clock_fill(boot);
}

static int start_make(const struct instance_run *run, const struct config *config, struct boot_block *boot, struct error *err)
{
    const struct instance_start what = {run->argv, run->env, run->env_count, run->workdir};
    struct bytes block;
    if (instance_start_block(&what, config, &block, err) < 0)
        return -1;
    boot->start_addr = (uint64_t)block.data;
    boot->start_size = block.size;
    return 0;
}

static int images_tell(const struct instance_run *run, const struct parts *parts, struct boot_block *boot, struct error *err)
{
    boot->image_count = (uint32_t)parts->image_count;
    for (int i = 0; i < parts->image_count; i++) {
        struct boot_image *to = &boot->images[i];
        const uint8_t *key = image_keys_find(&run->image_keys, parts->refs[i].target);
        *to = (struct boot_image){.addr = (uint64_t)parts->images[i].data, .size = parts->images[i].size, .has_key = key != NULL};
        if (!key && parts->refs[i].image->flags & CONFIG_IMAGE_ENCRYPTED)
            return error_set(err, "the image of %s is encrypted: give its key with --image-key", parts->refs[i].target);
        if (key)
            memcpy(to->key, key, sizeof(to->key));
    }
    return 0;
}

/* For who has no control socket: why the program could not be run. */
static void first_reply(void *context, uint32_t id, uint32_t kind, int64_t value, const void *text, size_t size)
{
    const struct instance_run *run = context;
    (void)text;
    (void)size;
    if (id == 0 && kind == REPLY_FAILED)
        error_report("%s: %s", run->argv[0], instance_why((int)value));
}

int instance_run(const struct instance_run *run, struct error *err)
{
    static struct boot_block boot = {.magic = BOOT_MAGIC};
    static struct serve serve = {.boot = &boot};
    static char stores[4096];
    char counters[256];
    struct parts parts;
    tsc_begin = tsc_sample();
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL); /* openssl.cnf has nothing for us, and takes half a millisecond */
    if (parts_read(run->dir, &parts, err) < 0)
        return -1;
    const struct config *c = (const struct config *)parts.config.data;
    if (images_tell(run, &parts, &boot, err) < 0)
        return -1;
    if (start_make(run, c, &boot, err) < 0 || enclave_load(&parts, &serve.enclave, err) < 0)
        return -1;
    if (strcmp(sgx_enclave_backend(serve.enclave), "emulator") == 0)
        error_report("this machine has no SGX: the enclave runs in the software model, which keeps nothing secret");
    boot_fill(run, c, &boot);
    serve.options.vcpu_count = boot.vcpu_count;
    serve.options.print_stats = run->print_stats;
    serve.options.core_dir = run->core_dir;
    snprintf(stores, sizeof(stores), "%s/%s", run->dir, INSTANCE_STORES);
    serve.options.store_dir = stores;
    serve.options.store_key = run->store_key;
    serve.options.reply = first_reply;
    serve.options.reply_context = (void *)run;
    if (serve_init(&serve) < 0)
        return error_errno(err, "event queues");
    if (run->prepare && run->prepare(run->context, &serve, err) < 0)
        return -1;
    int status = serve_run(&serve);
    if (run->print_stats && serve_counters(&serve, 10, counters, sizeof(counters)) > 0)
        fputs(counters, stderr);
    return status;
}
