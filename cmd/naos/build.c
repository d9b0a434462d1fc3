/* SPDX-License-Identifier: Apache-2.0 */
/* naos build. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "options.h"
#include "image/build.h"
#include "image/lock.h"
#include "base/remove.h"

static const char usage[] =
    "Usage: naos build [OPTION]...\n"
    "Make the trusted image and the measured, signed enclave from naos.json and image/; they go to "
    "build/.\n\n"
    "  -C, --instance DIR   the instance is in DIR (default: here)\n"
    "      --from SOURCE    first fill image/ from a directory, an OCI layout or a docker-archive (docker save, skopeo copy,\n"
    "                       buildah push), and naos.json from its entry point, environment, working directory and user\n"
    "      --image-key [TARGET=]FILE  encrypt the images that have \"key\": \"file\", or the one of TARGET, under this key (32 bytes, or\n"
    "                       64 hexadecimal digits); `naos run` needs it too\n"
    "      --sign-key FILE  sign with this RSA-3072 key (PEM, exponent 3) instead of your own\n"
    "      --reproduce      build twice, in different folders, and compare\n"
    "  -h, --help           this text\n";

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void progress(const char *step)
{
    if (isatty(2))
        fprintf(stderr, "\r\033[Knaos build: %s ...", step);
}

static void progress_bytes(uint64_t done, uint64_t total)
{
    char bar[31];
    unsigned part = total ? (unsigned)(done * 30 / total) : 0;
    for (unsigned i = 0; i < 30; i++)
        bar[i] = i < part ? '#' : '.';
    bar[30] = 0;
    if (isatty(2))
        fprintf(stderr, "\r\033[Knaos build: writing the image [%s] %llu of %llu MiB", bar, (unsigned long long)(done >> 20),
                (unsigned long long)(total >> 20));
}

static void progress_end(void)
{
    if (isatty(2))
        fputs("\r\033[K", stderr);
}

static void result_print(const struct build_result *r, double seconds)
{
    char mrenclave[65], mrsigner[65], root[65];
    hex_print(r->mrenclave, 32, mrenclave);
    hex_print(r->mrsigner, 32, mrsigner);
    hex_print(r->image.root_hash, 32, root);
    printf("image      %.1f MiB, %zu programs, %zu of %zu system-call sites patched\n",
           (double)r->image_bytes / 1048576, r->sites.files, r->sites.sites,
           r->sites.sites + r->sites.unpatchable);
    printf("root hash  %s\nMRENCLAVE  %s\nMRSIGNER   %s\n", root, mrenclave, mrsigner);
    if (r->app.is_debug)
        puts("warning    a debug enclave: its owner's machine can read it; set enclave.debug to "
             "false in naos.json for production");
    printf("built in %.1f s; next: naos run PROGRAM\n", seconds);
}

/* A second build elsewhere must give the same measurement and the same image. */
static int reproduce(const struct build_options *options, const struct build_result *first,
                     struct error *err)
{
    char dir[] = "/tmp/naos-reproduce.XXXXXX", out[64];
    struct build_options again = *options;
    struct build_result second;
    if (!mkdtemp(dir))
        return error_errno(err, "%s", dir);
    snprintf(out, sizeof(out), "%s/build", dir);
    again.out = out;
    again.is_fresh = true;
    int result = build_run(&again, &second, err);
    if (result == 0 && (memcmp(first->mrenclave, second.mrenclave, 32) ||
                        memcmp(first->image.root_hash, second.image.root_hash, 32)))
        result = error_set(err,
                           "the second build differs from the first: did image/ change meanwhile? "
                           "Its files are in %s",
                           out);
    if (result == 0) {
        tree_remove(dir);
        puts("reproduced: a second build gave the same MRENCLAVE and the same image");
    }
    return result;
}

static int source_take(const char *dir, const char *source, struct error *err)
{
    size_t layers;
    progress("unpacking");
    int result = build_from(dir, source, &layers, err);
    progress_end();
    if (result == 0 && layers > 0)
        printf("unpacked %zu layers of %s\n", layers, source);
    return result;
}

int cmd_build(int argc, char **argv)
{
    static const struct option options[] = {{"instance", required_argument, NULL, 'C'},
                                            {"image-key", required_argument, NULL, 'i'},
                                            {"sign-key", required_argument, NULL, 'k'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"reproduce", no_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    static struct image_keys image_keys;
    struct build_options build = {.dir = ".", .image_keys = &image_keys, .progress = progress, .progress_bytes = progress_bytes};
    struct build_result result;
    struct error err;
    const char *from = NULL;
    bool is_twice = false;
    int c;
    while ((c = getopt_long(argc, argv, "C:h", options, NULL)) != -1) {
        switch (c) {
        case 'C':
            build.dir = optarg;
            break;
        case 'k':
            build.key_path = optarg;
            break;
        case 'f':
            from = optarg;
            break;
        case 'i':
            if (image_key_option("build", &image_keys) < 0)
                return STATUS_USER_ERROR;
            break;
        case 'r':
            is_twice = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return STATUS_OK;
        default:
            fputs("Try 'naos build --help'.\n", stderr);
            return STATUS_USER_ERROR;
        }
    }
    if (optind < argc)
        return cmd_fail("build", "takes no arguments; see 'naos build --help'");
    double began = now();
    int status = instance_lock(build.dir, &err) < 0 ? -1 : 0;
    if (status == 0 && from)
        status = source_take(build.dir, from, &err);
    if (status == 0)
        status = build_run(&build, &result, &err);
    progress_end();
    if (status == 0)
        result_print(&result, now() - began);
    if (status == 0 && is_twice)
        status = reproduce(&build, &result, &err);
    progress_end();
    return status < 0 ? cmd_fail("build", err.text) : STATUS_OK;
}
